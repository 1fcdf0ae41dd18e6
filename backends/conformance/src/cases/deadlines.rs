//! Cases with the backend wrapped in a `CheckedClient`, as programs use it: silence and stalls end at their deadlines,
//! and a source of the wrong length never completes a body.

use std::time::Duration;

use b2kit_core::{Body, Bytes, Deadlines, HttpErrorKind, Phase};
use futures::stream::{self, StreamExt as _};

use crate::case::{Subject, cases};
use crate::client::{chain, get, items, post, start_send};
use crate::server::RawServer;

cases![
    a_server_that_never_responds_is_a_timeout,
    a_server_that_reads_a_body_and_never_responds_is_a_timeout,
    a_stalled_download_is_detected,
    a_stalled_upload_is_detected,
    an_exchange_that_takes_too_long_is_a_timeout,
    a_slow_source_is_not_a_stall,
    a_source_longer_than_declared_never_completes_a_body,
    a_source_shorter_than_declared_never_completes_a_body,
];

const SOON: Duration = Duration::from_millis(300);

fn a_server_that_never_responds_is_a_timeout(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.checked_client(Deadlines::NONE.with_head(SOON));
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Timeout, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::MaybeReceived);
    s.assert_closes(&mut peer);
}

fn a_server_that_reads_a_body_and_never_responds_is_a_timeout(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.checked_client(Deadlines::NONE.with_head(SOON));
    let sending = start_send(&client, post(server.uri("/"), "body"));
    let mut peer = server.accept();
    peer.head();
    peer.body(4);
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Timeout, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::MaybeReceived);
    s.assert_closes(&mut peer);
}

fn a_stalled_download_is_detected(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.checked_client(Deadlines::NONE.with_stall(SOON));
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    let mut items = items(sending.response());
    let error = items.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Stalled, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::ResponseBegun);
    let body: Vec<u8> = items.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(body, b"hello");
    s.assert_closes(&mut peer);
}

fn a_stalled_upload_is_detected(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.checked_client(Deadlines::NONE.with_stall(SOON));
    let chunk = Bytes::from(vec![0; 1 << 16]);
    let source = stream::repeat_with(move || Ok(chunk.clone()));
    let sending = start_send(&client, post(server.uri("/"), Body::once(1 << 40, source)));
    let mut peer = server.accept();
    peer.head();
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Stalled, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::MaybeReceived);
    peer.drain();
}

fn an_exchange_that_takes_too_long_is_a_timeout(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.checked_client(Deadlines::NONE.with_total(SOON));
    let sending = start_send(&client, get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    let error = items(sending.response()).pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Timeout, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::ResponseBegun);
}

fn a_slow_source_is_not_a_stall(s: &Subject<'_>) {
    use b2kit_core::{SystemTimer, Timer as _};
    let server = RawServer::start();
    let client = s.checked_client(Deadlines::NONE.with_head(SOON).with_stall(SOON));
    let source = stream::iter(["slow", "ness"]).then(|chunk| async move {
        SystemTimer.sleep(2 * SOON).await;
        Ok(Bytes::from(chunk))
    });
    let sending = start_send(&client, post(server.uri("/"), Body::once(8, source)));
    let mut peer = server.accept();
    peer.head();
    assert_eq!(peer.body(8), b"slowness");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
}

fn a_source_longer_than_declared_never_completes_a_body(s: &Subject<'_>) {
    never_whole(s, 100_000, vec![vec![1; 100_000], vec![2]]);
    never_whole(s, 100_000, vec![vec![1; 99_999], vec![2; 2]]);
    never_whole(s, 3, vec![vec![1; 4]]);
}

fn a_source_shorter_than_declared_never_completes_a_body(s: &Subject<'_>) {
    never_whole(s, 100_000, vec![vec![1; 99_999]]);
    never_whole(s, 1, vec![]);
}

fn never_whole(s: &Subject<'_>, promised: u64, chunks: Vec<Vec<u8>>) {
    let server = RawServer::start();
    let chunks = stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk))));
    let body = Body::once(promised, chunks);
    let sending = start_send(
        &s.checked_client(Deadlines::NONE),
        post(server.uri("/"), body),
    );
    let peer = sending.peer_or_end(&server);
    let error = sending.error();
    assert_eq!(error.kind(), HttpErrorKind::Source, "{}", chain(&error));
    if let Some(mut peer) = peer
        && peer.next_head().is_some()
    {
        assert!(peer.drain() < promised, "the server has it all");
    }
}
