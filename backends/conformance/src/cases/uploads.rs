//! Cases about the bodies of requests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use b2kit_core::{Body, Bytes, HttpErrorKind, Phase, SystemTimer, Timer as _};
use futures::stream::{self, StreamExt};
use http::StatusCode;

use crate::case::{Subject, cases};
use crate::client::{
    DropNotifier, PendingFuture, chain, in_chunks, pattern, post, read, start, start_send,
};
use crate::limit::Limit;
use crate::server::RawServer;

cases![
    a_large_body_arrives_completely_in_chunks_of_any_size,
    the_body_is_opened_once_after_the_connection_is_made,
    an_early_response_is_returned_while_the_body_is_being_sent,
    an_early_response_is_returned_although_the_server_closes_after_it,
    an_early_response_in_the_middle_of_a_body_is_returned,
    interim_responses_do_not_affect_an_upload,
    a_source_that_is_not_ready_is_awaited,
    the_source_is_read_only_as_fast_as_the_server_reads,
    a_source_that_fails_ends_the_request_with_its_error,
    a_source_that_cannot_be_opened_fails_the_request,
    a_source_of_another_length_than_declared_fails_the_request,
    a_source_that_fails_during_the_response_fails_its_body,
];

fn a_large_body_arrives_completely_in_chunks_of_any_size(s: &Subject<'_>) {
    let client = s.client();
    let whole = pattern((8 << 20) + 7);
    for chunk in [1 << 20, 65_537] {
        let server = RawServer::start();
        let sending = start_send(
            &client,
            post(server.uri("/"), in_chunks(whole.clone(), chunk)),
        );
        let mut peer = server.accept();
        peer.head();
        assert!(peer.body(whole.len()) == whole);
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        sending.response();
    }
}

fn the_body_is_opened_once_after_the_connection_is_made(s: &Subject<'_>) {
    let client = s.client();
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let body = Body::replay(2, move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(stream::iter([Ok(Bytes::from_static(b"ab"))]))
    });

    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let error = start_send(&client, post(nobody, body.clone())).error();
    assert_eq!(error.phase(), Phase::NotSent);
    assert_eq!(opened.load(Ordering::SeqCst), 0);

    let server = RawServer::start();
    let sending = start_send(&client, post(server.uri("/"), body));
    let mut peer = server.accept();
    peer.head();
    peer.body(2);
    drop(peer);
    sending.error();
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    assert_eq!(server.accepted(), 1, "and it is not sent again");
}

fn an_early_response_is_returned_while_the_body_is_being_sent(s: &Subject<'_>) {
    let client = s.client();
    // The source never ends, so only an early response can end the exchange.
    let chunk = Bytes::from(vec![7; 1 << 16]);
    let first = stream::iter([Ok(chunk)]);
    let (source, gone) = DropNotifier::new(first.chain(stream::pending()));
    let server = RawServer::start();
    let sending = start_send(&client, post(server.uri("/"), Body::once(1 << 30, source)));
    let mut peer = server.accept();
    peer.head();
    peer.body(1 << 16);
    peer.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\n\r\nexpired");
    let response = sending.response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(read(response).unwrap(), "expired");
    // The response is read and dropped: the rest of the body must not be sent then.
    gone.wait();
    assert_eq!(peer.drain(), 0);
}

fn an_early_response_is_returned_although_the_server_closes_after_it(s: &Subject<'_>) {
    let client = s.client();
    let body = || in_chunks(vec![0; 64 << 20], 1 << 16);
    for reset in [false, true] {
        let server = RawServer::start();
        let sending = start_send(&client, post(server.uri("/"), body()));
        let mut peer = server.accept();
        peer.head();
        peer.send(
            "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 7\r\n\r\nexpired",
        );
        if !reset {
            // A server that waits until the client has reacted.
            peer.finish();
            let response = sending.response();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(read(response).unwrap(), "expired");
            peer.drain();
            continue;
        }
        // A server that doesn't wait, and leaves bytes unread: the reset may overtake the response, but must not change
        // it.
        drop(peer);
        match sending.wait() {
            Ok(response) => assert_eq!(response.status(), StatusCode::UNAUTHORIZED),
            Err(error) => assert_eq!(error.phase(), Phase::MaybeReceived),
        }
    }
}

fn an_early_response_in_the_middle_of_a_body_is_returned(s: &Subject<'_>) {
    let server = RawServer::start();
    let body = in_chunks(vec![0; 64 << 20], 1 << 16);
    let sending = start_send(&s.client(), post(server.uri("/"), body));
    let mut peer = server.accept();
    peer.head();
    peer.body(4 << 20);
    peer.send("HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy");
    let response = sending.response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(read(response).unwrap(), "busy");
    // The server would read all of it, and must not get it.
    assert!(peer.drain() < 60 << 20);
}

fn interim_responses_do_not_affect_an_upload(s: &Subject<'_>) {
    let whole = pattern(3 << 20);
    let server = RawServer::start();
    let sending = start_send(
        &s.client(),
        post(server.uri("/"), in_chunks(whole.clone(), 1 << 16)),
    );
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    assert!(peer.body(whole.len()) == whole);
    peer.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let response = sending.response();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().get("link").is_none());
    assert_eq!(read(response).unwrap(), "ok");
}

fn a_source_that_is_not_ready_is_awaited(s: &Subject<'_>) {
    let (send, source) = futures::channel::mpsc::unbounded();
    let body = Body::once(4, source.map(Ok));
    let server = RawServer::start();
    let sending = start_send(&s.client(), post(server.uri("/"), body));
    let mut peer = server.accept();
    peer.head();
    for byte in ["a", "b", "c", "d"] {
        send.unbounded_send(Bytes::from(byte)).unwrap();
        assert_eq!(peer.body(1), byte.as_bytes(), "each leaves as it comes");
    }
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
}

fn the_source_is_read_only_as_fast_as_the_server_reads(s: &Subject<'_>) {
    let pulled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&pulled);
    let chunk = Bytes::from(vec![0; 1 << 16]);
    let source = stream::repeat_with(move || {
        count.fetch_add(chunk.len() as u64, Ordering::SeqCst);
        Ok(chunk.clone())
    });
    let server = RawServer::start();
    let client = s.client();
    let request = post(server.uri("/"), Body::once(1 << 40, source));
    let sending = PendingFuture::send(&client, request);
    let mut peer = server.accept();
    peer.head();
    // Long enough for a backend that buffers to read gigabytes; loopback buffers a few megabytes.
    start(SystemTimer.sleep(Duration::from_secs(1))).wait();
    let so_far = pulled.load(Ordering::SeqCst);
    assert!(so_far < 32 << 20, "{so_far} bytes");
    sending.drop_now();
}

fn a_source_that_fails_ends_the_request_with_its_error(s: &Subject<'_>) {
    let client = s.client();
    let failing = |error: &'static str| {
        stream::iter([
            Ok(Bytes::from_static(b"good")),
            Err(io::Error::new(io::ErrorKind::PermissionDenied, error)),
        ])
    };
    let server = RawServer::start();
    let sending = start_send(
        &client,
        post(server.uri("/"), Body::once(10, failing("the disk is gone"))),
    );
    let mut peer = server.accept();
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Source);
    assert_eq!(error.phase(), Phase::MaybeReceived);
    let source = std::error::Error::source(&error).unwrap();
    let source: &io::Error = source.downcast_ref().expect("the io::Error itself");
    assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
    assert!(chain(&error).contains("the disk is gone"), "{error:?}");
    peer.drain();
}

fn a_source_that_cannot_be_opened_fails_the_request(s: &Subject<'_>) {
    let client = s.client();
    let server = RawServer::start();
    let body = Body::replay(10, || {
        Err::<stream::Empty<_>, _>(io::Error::from(io::ErrorKind::NotFound))
    });
    let sending = start_send(&client, post(server.uri("/"), body));
    let mut peer = server.accept();
    assert_eq!(sending.error().kind(), HttpErrorKind::Source);
    peer.drain();
}

fn a_source_of_another_length_than_declared_fails_the_request(s: &Subject<'_>) {
    let client = s.client();
    for (promised, chunks) in [(3, vec!["a", "", "b"]), (3, vec!["ab", "cd"]), (1, vec![])] {
        let server = RawServer::start();
        let chunks: Vec<_> = chunks.into_iter().map(|c| Ok(Bytes::from(c))).collect();
        let body = Body::once(promised, stream::iter(chunks));
        let sending = start_send(&client, post(server.uri("/"), body));
        let mut peer = server.accept();
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Source, "{error:?}");
        peer.drain();
    }
}

fn a_source_that_fails_during_the_response_fails_its_body(s: &Subject<'_>) {
    let client = s.client();
    let (fail, failing) = futures::channel::oneshot::channel::<()>();
    let source = stream::iter([Ok(Bytes::from_static(b"good"))])
        .chain(stream::once(async move {
            failing.await.unwrap();
            Err(io::Error::other("the disk is gone"))
        }))
        .boxed();
    let server = RawServer::start();
    let sending = start_send(&client, post(server.uri("/"), Body::once(10, source)));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
    if s.is_limited(Limit::DelaysHead) {
        fail.send(()).unwrap();
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Source);
        assert!(error.phase() >= Phase::MaybeReceived);
    } else {
        let response = sending.response();
        fail.send(()).unwrap();
        let error = read(response).unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Source);
        assert_eq!(error.phase(), Phase::ResponseBegun);
    }
    peer.drain();
}
