//! Cases about the kind and phase of each error.

use std::net::TcpListener;

use b2kit_core::{Deadlines, HttpError, HttpErrorKind, Phase};

use crate::case::{Subject, cases};
use crate::client::{chain, get, in_chunks, items, post, read, start_send};
use crate::limit::Limit;
use crate::server::{Peer, RawServer};

cases![
    a_refused_connection_is_a_connect_error,
    an_unknown_host_name_is_a_resolve_error,
    a_request_that_can_not_be_sent_is_invalid,
    a_close_before_the_head_is_closed,
    a_reset_before_the_head_is_a_reset,
    a_reset_on_accept_is_an_error,
    a_reset_in_the_middle_of_a_request_body_is_an_error,
    a_close_in_the_middle_of_a_request_body_is_an_error,
    a_response_that_is_not_http_is_a_protocol_error,
    a_body_with_ambiguous_framing_is_a_protocol_error,
    a_malformed_response_head_is_a_protocol_error,
    lengths_that_contradict_each_other_are_a_protocol_error,
    an_endless_head_is_an_error,
    a_head_of_200_headers_is_read,
    a_body_that_ends_early_ends_in_an_error,
    a_body_that_is_reset_is_an_error,
    an_invalid_chunk_size_is_a_protocol_error,
    a_body_returns_none_after_its_end,
    errors_show_neither_uri_nor_headers_nor_body,
    a_body_read_to_its_end_has_no_error,
];

/// The error of a request whose connection is treated like this once its head has arrived.
fn treated(s: &Subject<'_>, treat: impl FnOnce(Peer)) -> HttpError {
    let server = RawServer::start();
    let sending = start_send(&s.client(), post(server.uri("/"), "body"));
    let mut peer = server.accept();
    peer.head();
    peer.body(4);
    treat(peer);
    let error = sending.error();
    assert_eq!(server.accepted(), 1, "it is not tried again");
    error
}

/// The body and the error of a response of which only these bytes arrive before `end`.
fn broken_off(s: &Subject<'_>, bytes: &str, end: impl FnOnce(Peer)) -> (String, HttpError) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send(bytes);
    let response = sending.response();
    end(peer);
    let mut items = items(response);
    let error = items.pop().unwrap().expect_err("the last item is an error");
    let whole: Vec<u8> = items.into_iter().flat_map(Result::unwrap).collect();
    (String::from_utf8(whole).unwrap(), error)
}

fn assert_is(error: &HttpError, kind: HttpErrorKind, phase: Phase) {
    assert_eq!(
        (error.kind(), error.phase()),
        (kind, phase),
        "{}",
        chain(error)
    );
}

/// A failure of an established connection.
pub(super) fn assert_broke(s: &Subject<'_>, error: &HttpError, kind: HttpErrorKind, phase: Phase) {
    use HttpErrorKind::{Closed, Protocol, Reset};
    let blurred = error.kind() != kind && matches!(error.kind(), Closed | Protocol | Reset);
    if blurred && s.is_limited(Limit::ConflatesErrorKinds) {
        assert_is(error, error.kind(), phase);
    } else {
        assert_is(error, kind, phase);
    }
}

fn a_refused_connection_is_a_connect_error(s: &Subject<'_>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = start_send(&s.client(), get(uri)).error();
    assert_is(&error, HttpErrorKind::Connect, Phase::NotSent);
}

fn an_unknown_host_name_is_a_resolve_error(s: &Subject<'_>) {
    let error = start_send(&s.client(), get("http://does-not-exist.invalid/")).error();
    assert_is(&error, HttpErrorKind::Resolve, Phase::NotSent);
}

fn a_request_that_can_not_be_sent_is_invalid(s: &Subject<'_>) {
    let error = start_send(&s.client(), get("/no/host")).error();
    assert_is(&error, HttpErrorKind::Invalid, Phase::NotSent);
}

fn a_close_before_the_head_is_closed(s: &Subject<'_>) {
    let error = treated(s, drop);
    assert_broke(s, &error, HttpErrorKind::Closed, Phase::MaybeReceived);
    let error = treated(s, |mut peer| peer.send("HTTP/1.1 200 O"));
    assert_broke(s, &error, HttpErrorKind::Closed, Phase::MaybeReceived);
}

fn a_reset_before_the_head_is_a_reset(s: &Subject<'_>) {
    let error = treated(s, Peer::reset);
    assert_broke(s, &error, HttpErrorKind::Reset, Phase::MaybeReceived);
}

fn a_reset_on_accept_is_an_error(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), post(server.uri("/"), "body"));
    server.accept().reset();
    let error = sending.error();
    // The reset may arrive before the backend has noticed the connection.
    let never_was = error.kind() == HttpErrorKind::Connect && error.phase() == Phase::NotSent;
    assert!(never_was || is_lost(&error), "{}", chain(&error));
    assert_eq!(server.accepted(), 1, "it is not tried again");
}

fn a_reset_in_the_middle_of_a_request_body_is_an_error(s: &Subject<'_>) {
    let error = half_way(s, Peer::reset);
    assert!(is_lost(&error), "{}", chain(&error));
}

fn a_close_in_the_middle_of_a_request_body_is_an_error(s: &Subject<'_>) {
    // With unread bytes, so some libraries see a reset and others a close.
    let error = half_way(s, drop);
    assert!(is_lost(&error), "{}", chain(&error));
}

fn is_lost(error: &HttpError) -> bool {
    matches!(error.kind(), HttpErrorKind::Reset | HttpErrorKind::Closed)
}

/// The error of an upload whose connection is treated like this in the middle.
fn half_way(s: &Subject<'_>, treat: impl FnOnce(Peer)) -> HttpError {
    let server = RawServer::start();
    let body = in_chunks(vec![0; 32 << 20], 1 << 16);
    let sending = start_send(&s.client(), post(server.uri("/"), body));
    let mut peer = server.accept();
    peer.head();
    peer.body(1 << 20);
    treat(peer);
    let error = sending.error();
    assert_eq!(error.phase(), Phase::MaybeReceived, "{}", chain(&error));
    assert_eq!(server.accepted(), 1, "it is not tried again");
    error
}

fn a_response_that_is_not_http_is_a_protocol_error(s: &Subject<'_>) {
    for head in [
        "220 mail.test ESMTP\r\n\r\n",
        "<html>no</html>\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
    ] {
        assert_garbled(s, head, Limit::AcceptsMalformedHeads);
    }
}

fn a_malformed_response_head_is_a_protocol_error(s: &Subject<'_>) {
    let ok = "HTTP/1.1 200 OK\r\n";
    for head in [
        "HTTP/9.9 200 OK\r\n\r\n".to_owned(),
        "HTTP/2 200\r\n\r\n".to_owned(),
        "HTTP/1.1 000 OK\r\n\r\n".to_owned(),
        format!("{ok}a: b\r\n folded\r\n\r\n"),
        format!("{ok}a: b\0c\r\n\r\n"),
        format!("{ok}content-length: 1x\r\n\r\n"),
    ] {
        assert_garbled(s, &head, Limit::AcceptsMalformedHeads);
    }
}

/// Asserts that a malformed head is an error. If the library's limit is to accept it, the response must be complete.
fn assert_garbled(s: &Subject<'_>, head: &str, limit: Limit) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), post(server.uri("/"), "body"));
    let mut peer = server.accept();
    peer.head();
    peer.body(4);
    let _ = peer.try_send(head);
    let _ = peer.try_finish();
    let result = sending.wait();
    peer.drain();
    assert_eq!(server.accepted(), 1, "it is not tried again");
    match result {
        Err(error) => {
            assert_eq!(error.phase(), Phase::MaybeReceived, "{head:?}");
            assert_broke(s, &error, HttpErrorKind::Protocol, Phase::MaybeReceived);
        }
        Ok(_) => assert!(s.is_limited(limit), "{head:?} is taken"),
    }
}

/// With a `CheckedClient`, as programs use a backend.
fn lengths_that_contradict_each_other_are_a_protocol_error(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.checked_client(Deadlines::NONE), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab");
    let error = match sending.wait() {
        Err(error) => error,
        Ok(response) => read(response).expect_err("an error"),
    };
    assert_broke(s, &error, HttpErrorKind::Protocol, error.phase());
    assert!(error.phase() >= Phase::MaybeReceived);
}

fn a_body_with_ambiguous_framing_is_a_protocol_error(s: &Subject<'_>) {
    for framing in [
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: gzip, chunked\r\n",
    ] {
        let error = treated(s, |mut peer| {
            peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n0\r\n\r\n"));
            peer.drain();
        });
        assert!(error.phase() >= Phase::MaybeReceived);
        assert_broke(s, &error, HttpErrorKind::Protocol, error.phase());
    }
}

fn an_endless_head_is_an_error(s: &Subject<'_>) {
    let line = "x".repeat(1 << 20);
    for head in [
        format!("HTTP/1.1 200 OK\r\nx: {line}\r\n\r\n"),
        format!("HTTP/1.1 200 {line}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-y: v\r\n".repeat(100_000)),
    ] {
        let error = treated(s, |mut peer| {
            let _ = peer.try_send(&head);
            peer.drain();
        });
        assert_broke(s, &error, HttpErrorKind::Protocol, Phase::MaybeReceived);
    }
}

fn a_head_of_200_headers_is_read(s: &Subject<'_>) {
    let headers: String = (0..199).map(|i| format!("x-{i}: v\r\n")).collect();
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{headers}\r\n"
    ));
    let response = sending.response();
    let names = response.headers().keys();
    assert_eq!(
        names.filter(|name| name.as_str().starts_with("x-")).count(),
        199
    );
}

fn a_body_that_ends_early_ends_in_an_error(s: &Subject<'_>) {
    let sized = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let in_a_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhello";
    for bytes in [sized, chunked, in_a_chunk] {
        let (body, error) = broken_off(s, bytes, drop);
        assert_eq!(body, "hello", "what came is not kept back");
        assert_broke(s, &error, HttpErrorKind::Closed, Phase::ResponseBegun);
    }
}

fn a_body_that_is_reset_is_an_error(s: &Subject<'_>) {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    let (_, error) = broken_off(s, begun, Peer::reset);
    assert_broke(s, &error, HttpErrorKind::Reset, Phase::ResponseBegun);
}

fn an_invalid_chunk_size_is_a_protocol_error(s: &Subject<'_>) {
    for size in ["xyz", "-1", "", "fffffffffffffffff"] {
        let bytes = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n{size}\r\n"
        );
        let (_, error) = broken_off(s, &bytes, drop);
        assert_broke(s, &error, HttpErrorKind::Protocol, Phase::ResponseBegun);
    }
}

fn a_body_returns_none_after_its_end(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    drop(peer);
    let mut body = sending.response().into_body();
    let after_the_error = crate::client::start(async move {
        while let Some(Ok(_)) = body.next().await {}
        [body.next().await.is_none(), body.next().await.is_none()]
    });
    assert_eq!(after_the_error.wait(), [true, true]);
}

fn errors_show_neither_uri_nor_headers_nor_body(s: &Subject<'_>) {
    let server = RawServer::start();
    for treat in [drop, Peer::reset, |mut peer: Peer| {
        peer.send("canary?\r\n\r\n")
    }] {
        let mut request = post(server.uri("/canary?canary=canary"), "canary");
        let headers = request.headers_mut();
        headers.insert("authorization", "canary".parse().unwrap());
        let sending = start_send(&s.client(), request);
        let mut peer = server.accept();
        peer.head();
        peer.body(6);
        treat(peer);
        let error = sending.error();
        let shown = format!("{} {error:?} {error:#?}", chain(&error));
        assert!(!shown.contains("canary"), "{shown}");
    }
    let error = start_send(&s.client(), get("http://canary.invalid/canary")).error();
    let shown = format!("{} {error:?}", chain(&error));
    assert!(!shown.contains("canary"), "{shown}");
}

fn a_body_read_to_its_end_has_no_error(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    drop(peer);
    assert_eq!(read(sending.response()).unwrap(), "hello");
}
