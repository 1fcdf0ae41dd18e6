//! Cases about connections: which are reused, and when they are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use b2kit_core::{Body, Bytes, SystemTimer, Timer as _};
use futures::stream;
use rustls::ServerConfig;

use crate::authority::Authority;
use crate::case::{Client, Subject, cases};
use crate::client::{
    DropNotifier, DropSignal, PendingFuture, get, in_chunks, pattern, post, read, start, start_send,
};
use crate::limit::Limit;
use crate::server::{Peer, RawServer};

cases![
    sequential_requests_use_one_connection,
    a_connection_is_reused_after_a_chunked_response,
    concurrent_requests_open_at_most_one_connection_each,
    a_connection_that_was_idle_for_three_seconds_is_not_reused,
    two_hundred_concurrent_requests_get_their_own_responses,
    dropping_the_future_closes_a_connection_without_a_response_yet,
    dropping_the_future_closes_a_connection_that_is_being_made,
    dropping_the_future_closes_a_connection_whose_server_has_stopped_reading,
    dropping_an_early_response_stops_a_body_that_is_a_single_chunk,
    dropping_an_early_response_closes_a_connection_whose_server_has_stopped_reading,
    dropping_an_unfinished_response_closes_its_connection,
    a_connection_with_connection_close_is_not_reused,
    a_connection_that_the_server_closed_while_idle_is_not_reused,
    bytes_after_a_response_are_not_the_next_response,
];

const CHUNK: usize = 64 << 10;

/// Answers every request on a connection.
fn serve(mut peer: Peer) {
    while let Some(head) = peer.next_head() {
        let lengths = head.values("content-length");
        let len = lengths.first().map_or(0, |len| len.parse().unwrap());
        let body = peer.body(len);
        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n"));
        peer.send(body);
    }
}

/// The number of repetitions of the cases that count connections.
const ROUNDS: usize = 20;

/// On a machine so busy that a round takes this long, a connection may be too old to be reused.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

fn sequential_requests_use_one_connection(s: &Subject<'_>) {
    for round in 0..ROUNDS {
        let began = SystemTimer.now();
        let server = RawServer::scripted(serve);
        let client = s.client();
        for _ in 0..20 {
            let response = start_send(&client, post(server.uri("/"), "hello")).response();
            assert_eq!(read(response).unwrap(), "hello");
        }
        let made = server.accepted();
        // Connections are still reused.
        let max = if s.is_limited(Limit::OpensExtraConnections) {
            19
        } else {
            1
        };
        let took = SystemTimer.now() - began;
        assert!(
            made <= max || took >= IDLE_LIMIT,
            "{made} connections in round {round}"
        );
    }
}

fn a_connection_is_reused_after_a_chunked_response(s: &Subject<'_>) {
    let server = RawServer::scripted(|mut peer| {
        while peer.next_head().is_some() {
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        }
    });
    let client = s.client();
    for _ in 0..10 {
        let response = start_send(&client, get(server.uri("/"))).response();
        assert_eq!(read(response).unwrap(), "ok");
    }
    let made = server.accepted();
    let max = if s.is_limited(Limit::OpensExtraConnections) {
        9
    } else {
        1
    };
    assert!(made <= max, "{made} connections");
}

fn concurrent_requests_open_at_most_one_connection_each(s: &Subject<'_>) {
    const AT_ONCE: usize = 8;
    for round in 0..ROUNDS {
        let began = SystemTimer.now();
        let server = RawServer::scripted(serve);
        let client = s.client();
        for _ in 0..10 {
            let sending: Vec<_> = (0..AT_ONCE)
                .map(|i| start_send(&client, post(server.uri("/"), pattern(1_000 + i))))
                .collect();
            for sending in sending {
                read(sending.response()).unwrap();
            }
        }
        let made = server.accepted();
        let max = if s.is_limited(Limit::OpensExtraConnections) {
            10 * AT_ONCE
        } else {
            AT_ONCE
        };
        let took = SystemTimer.now() - began;
        assert!(
            made <= max || took >= IDLE_LIMIT,
            "{made} connections in round {round}"
        );
    }
}

fn a_connection_that_was_idle_for_three_seconds_is_not_reused(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let sending = start_send(&client, get(server.uri("/1")));
    let mut first = server.accept();
    first.head();
    first.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
    start(SystemTimer.sleep(Duration::from_secs(3))).wait();
    let sending = start_send(&client, get(server.uri("/2")));
    let mut second = server.accept();
    assert_eq!(second.head().line, "GET /2 HTTP/1.1");
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
    assert!(first.next_head().is_none(), "the idle one is closed");
}

fn two_hundred_concurrent_requests_get_their_own_responses(s: &Subject<'_>) {
    let server = RawServer::scripted(serve);
    let client = s.client();
    let sending: Vec<_> = (0..200_usize)
        .map(|i| {
            let body = pattern(10_000 + i);
            (
                i,
                start_send(&client, post(server.uri("/"), in_chunks(body, 999))),
            )
        })
        .collect();
    for (i, sending) in sending {
        assert!(read(sending.response()).unwrap() == pattern(10_000 + i));
    }
}

fn dropping_the_future_closes_a_connection_without_a_response_yet(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let request = get(server.uri("/"));
    let sending = PendingFuture::send(&client, request);
    let mut peer = server.accept();
    peer.head();
    sending.drop_now();
    s.assert_closes(&mut peer);
}

fn dropping_the_future_closes_a_connection_that_is_being_made(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let request = get(format!("https://127.0.0.1:{}/", server.port()));
    let sending = PendingFuture::send(&client, request);
    // TCP is connected; the TLS handshake never completes.
    let mut peer = server.accept();
    peer.body(1);
    sending.drop_now();
    s.wake_silent_connection(&mut peer);
    peer.drain();
}

/// An upload to a server that reads only the head, when all buffers are full.
struct BlockedUpload {
    sending: PendingFuture,
    peer: Peer,
    /// The number of bytes that the backend took from the source.
    pulled: u64,
    /// Signals that the source and all buffers from it were dropped.
    gone: DropSignal,
}

impl BlockedUpload {
    fn start(client: &Client, tls: Option<&Arc<ServerConfig>>, len: u64) -> Self {
        let server = RawServer::start();
        let pulls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&pulls);
        let (buffer, gone) = DropNotifier::new(vec![0; CHUNK]);
        let buffer = Bytes::from_owner(buffer);
        let source = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(buffer.clone())
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let uri = format!("{scheme}://localhost:{}/", server.port());
        let sending = PendingFuture::send(client, post(uri, Body::once(len, source)));
        let mut peer = match tls {
            Some(tls) => server.accept_tls(tls),
            None => server.accept(),
        };
        peer.head();
        let mut before = 0;
        loop {
            start(SystemTimer.sleep(Duration::from_millis(200))).wait();
            let now = pulls.load(Ordering::SeqCst);
            if now > 0 && now == before {
                let pulled = now * CHUNK as u64;
                return Self {
                    sending,
                    peer,
                    pulled,
                    gone,
                };
            }
            before = now;
        }
    }

    fn drop_now(mut self, s: &Subject<'_>) {
        self.sending.drop_now();
        if s.is_limited(Limit::LingersWhileServerStopsReading) {
            s.wake_silent_connection(&mut self.peer);
            let left = self.peer.drain();
            assert!(left <= self.pulled, "nothing more of the source leaves");
        } else {
            // Waits before the server reads again, so that no buffered bytes are sent after that.
            self.gone.wait();
            self.peer.drain();
        }
    }
}

fn dropping_the_future_closes_a_connection_whose_server_has_stopped_reading(s: &Subject<'_>) {
    let authority = Authority::new();
    let config = authority.server(&["localhost"]);
    let client = s.trusting(authority.pem());
    for tls in [None, Some(&config)] {
        let stuck = BlockedUpload::start(&client, tls, 1 << 40);
        let pulled = stuck.pulled;
        stuck.drop_now(s);
        // The backend has the whole body, but has not sent it.
        BlockedUpload::start(&client, tls, pulled).drop_now(s);
    }
}

fn dropping_an_early_response_stops_a_body_that_is_a_single_chunk(s: &Subject<'_>) {
    let len = 256 << 20;
    let server = RawServer::start();
    let client = s.client();
    let sending = start_send(&client, post(server.uri("/"), vec![0; len]));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    drop(sending.response());
    // The server would read all of it.
    assert!(peer.drain() < len as u64);
}

fn dropping_an_early_response_closes_a_connection_whose_server_has_stopped_reading(
    s: &Subject<'_>,
) {
    let client = s.client();
    for is_read in [false, true] {
        let chunks = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 16])));
        let (source, gone) = DropNotifier::new(chunks);
        let server = RawServer::start();
        let sending = start_send(&client, post(server.uri("/"), Body::once(1 << 40, source)));
        let mut peer = server.accept();
        peer.head();
        peer.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\n\r\nexpired");
        let response = sending.response();
        if is_read {
            assert_eq!(read(response).unwrap(), "expired");
        } else {
            drop(response);
        }
        if !s.is_limited(Limit::LingersWhileServerStopsReading) {
            gone.wait();
        }
        peer.drain();
    }
}

fn dropping_an_unfinished_response_closes_its_connection(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let sending = start_send(&client, get(server.uri("/1")));
    let mut first = server.accept();
    first.head();
    first.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nHTTP/1.1 200 OK\r\n\r\nforged");
    let mut body = sending.response().into_body();
    let body = start(async move {
        body.next().await.unwrap().unwrap();
        body
    });
    drop(body.wait());
    s.assert_closes(&mut first);

    let sending = start_send(&client, get(server.uri("/2")));
    let mut second = server.accept();
    second.head();
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue");
    assert_eq!(read(sending.response()).unwrap(), "true");
}

fn a_connection_with_connection_close_is_not_reused(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    for _ in 0..3 {
        let sending = start_send(&client, get(server.uri("/")));
        let mut peer = server.accept();
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        read(sending.response()).unwrap();
        assert!(peer.next_head().is_none());
    }
}

/// Waits until the client must have noticed what arrived on an idle connection.
fn wait_until_noticed(s: &Subject<'_>) {
    let pause = if s.is_limited(Limit::NoticesCloseLate) {
        1200
    } else {
        50
    };
    start(SystemTimer.sleep(Duration::from_millis(pause))).wait();
}

fn a_connection_that_the_server_closed_while_idle_is_not_reused(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    let mut before: Option<Peer> = None;
    for _ in 0..3 {
        let sending = start_send(&client, post(server.uri("/"), "hello"));
        let mut peer = server.accept();
        peer.head();
        peer.body(5);
        if let Some(mut before) = before.take() {
            assert_eq!(before.drain(), 0, "nothing else comes on it");
        }
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        read(sending.response()).unwrap();
        peer.finish();
        wait_until_noticed(s);
        before = Some(peer);
    }
}

/// Otherwise the bytes would be taken for the response to another request.
fn bytes_after_a_response_are_not_the_next_response(s: &Subject<'_>) {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let answer = |mut peer: Peer| {
        std::thread::spawn(move || {
            while peer.next_head().is_some() {
                let _ = peer.try_send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext");
            }
        });
    };
    for framed in [
        "content-length: 0\r\n\r\n",
        "content-length: 4\r\n\r\ntrue",
        "transfer-encoding: chunked\r\n\r\n4\r\ntrue\r\n0\r\n\r\n",
    ] {
        for together in [true, false] {
            let server = RawServer::start();
            let client = s.client();
            let sending = start_send(&client, get(server.uri("/1")));
            let mut peer = server.accept();
            peer.head();
            let response = format!("HTTP/1.1 200 OK\r\n{framed}");
            if together {
                peer.send(format!("{response}{forged}"));
                read(sending.response()).unwrap();
            } else {
                peer.send(response);
                read(sending.response()).unwrap();
                peer.send(forged);
            }
            wait_until_noticed(s);
            let sending = start_send(&client, get(server.uri("/2")));
            // On another connection, unless the client has detected and discarded the extra bytes.
            answer(peer);
            while let Some(peer) = sending.peer_or_end(&server) {
                answer(peer);
            }
            let next = read(sending.response()).unwrap();
            assert_eq!(next, "next", "{framed:?}, {together}");
        }
    }
}
