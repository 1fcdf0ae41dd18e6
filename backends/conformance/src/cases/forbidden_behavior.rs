//! Cases about what a library must not do by itself, such as retry or redirect.

use http::StatusCode;

use crate::case::{Subject, cases};
use crate::client::{get, post, read, start_send};
use crate::limit::Limit;
use crate::server::RawServer;

cases![
    no_redirect_is_followed,
    no_cookie_is_kept,
    no_authentication_challenge_is_answered,
    no_accept_encoding_is_sent,
    a_compressed_body_stays_compressed,
    errors_that_allow_a_retry_are_not_retried,
    an_upload_lost_on_a_reused_connection_is_not_repeated,
    a_request_without_a_body_lost_on_a_reused_connection_is_not_repeated,
    a_get_lost_on_a_reused_connection_is_not_repeated,
    no_upgrade_is_requested,
];

fn no_redirect_is_followed(s: &Subject<'_>) {
    for status in [301, 302, 303, 307, 308] {
        let server = RawServer::start();
        let client = s.client();
        let sending = start_send(&client, get(server.uri("/from")));
        let mut peer = server.accept();
        peer.head();
        let to = server.uri("/to");
        peer.send(format!(
            "HTTP/1.1 {status} Moved\r\nconnection: close\r\nlocation: {to}\r\n\
             content-length: 0\r\n\r\n"
        ));
        let response = sending.response();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["location"], to);
        assert_eq!(server.accepted(), 1);
        // It must not be sent later either: the next bytes are the next request.
        drop(peer);
        let sending = start_send(&client, get(server.uri("/next")));
        let mut peer = server.accept();
        assert_eq!(peer.head().line, "GET /next HTTP/1.1");
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        sending.response();
    }
}

fn no_cookie_is_kept(s: &Subject<'_>) {
    let server = RawServer::start();
    let client = s.client();
    for _ in 0..2 {
        let sending = start_send(&client, get(server.uri("/")));
        let mut peer = server.accept();
        assert!(peer.head().values("cookie").is_empty());
        peer.send(
            "HTTP/1.1 200 OK\r\nconnection: close\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n",
        );
        assert_eq!(sending.response().headers()["set-cookie"], "a=b");
    }
}

fn no_authentication_challenge_is_answered(s: &Subject<'_>) {
    for challenge in [
        "Basic realm=\"b2\"",
        "Digest realm=\"a\", nonce=\"b\"",
        "Negotiate",
    ] {
        let server = RawServer::start();
        let sending = start_send(&s.client(), get(server.uri("/")));
        let mut peer = server.accept();
        peer.head();
        peer.send(format!(
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: {challenge}\r\ncontent-length: 0\r\n\
             \r\n"
        ));
        let response = sending.response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], challenge);
        assert_eq!(read(response).unwrap(), "");
        assert_eq!(server.accepted(), 1);
    }
}

fn no_accept_encoding_is_sent(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    let head = peer.head();
    for name in ["accept-encoding", "te"] {
        assert!(head.values(name).is_empty(), "{head:?}");
    }
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
}

fn a_compressed_body_stays_compressed(s: &Subject<'_>) {
    let gzip =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00";
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send(format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        gzip.len()
    ));
    peer.send(gzip);
    let response = sending.response();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["content-length"], gzip.len().to_string());
    assert_eq!(response.body().len(), Some(gzip.len() as u64));
    assert_eq!(read(response).unwrap(), gzip.as_slice());
}

fn errors_that_allow_a_retry_are_not_retried(s: &Subject<'_>) {
    for status in [408, 425, 429, 500, 503] {
        let server = RawServer::start();
        let sending = start_send(&s.client(), post(server.uri("/"), "body"));
        let mut peer = server.accept();
        peer.head();
        peer.body(4);
        peer.send(format!(
            "HTTP/1.1 {status} Later\r\nconnection: close\r\nretry-after: 0\r\n\
             content-length: 0\r\n\r\n"
        ));
        let response = sending.response();
        assert_eq!(response.status().as_u16(), status);
        read(response).unwrap();
        assert_eq!(peer.drain(), 0);
        assert_eq!(server.accepted(), 1, "{status}");
    }
}

fn an_upload_lost_on_a_reused_connection_is_not_repeated(s: &Subject<'_>) {
    for body in ["x".to_owned(), "x".repeat(100_000)] {
        assert_eq!(
            times_sent_on_a_closing_connection(s, "POST", &body),
            1,
            "{} bytes",
            body.len()
        );
    }
}

fn a_request_without_a_body_lost_on_a_reused_connection_is_not_repeated(s: &Subject<'_>) {
    for method in ["POST", "DELETE"] {
        let times = times_sent_on_a_closing_connection(s, method, "");
        if times == 2 && s.is_limited(Limit::RepeatsBodilessRequests) {
            continue;
        }
        assert_eq!(times, 1, "{method}");
    }
}

fn a_get_lost_on_a_reused_connection_is_not_repeated(s: &Subject<'_>) {
    let times = times_sent_on_a_closing_connection(s, "GET", "");
    if times == 2 && s.is_limited(Limit::RepeatsGet) {
        return;
    }
    assert_eq!(times, 1);
}

/// The number of times that a request arrives if its reused connection is closed as soon as it has arrived.
fn times_sent_on_a_closing_connection(s: &Subject<'_>, method: &str, body: &str) -> usize {
    let server = RawServer::start();
    let client = s.client();
    let sending = start_send(&client, get(server.uri("/first")));
    let mut first = server.accept();
    first.head();
    first.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    read(sending.response()).unwrap();

    let mut request = post(server.uri("/second"), body.to_owned());
    *request.method_mut() = method.parse().unwrap();
    let sending = start_send(&client, request);
    let len = body.len();
    // On the reused connection or a new one; both are watched and closed.
    let (sender, arrivals) = std::sync::mpsc::channel();
    let watching = sender.clone();
    std::thread::spawn(move || {
        if first.next_head().is_some() {
            let _ = watching.send(());
            first.body(len);
        }
    });
    while let Some(mut peer) = sending.peer_or_end(&server) {
        let sender = sender.clone();
        std::thread::spawn(move || {
            if peer.next_head().is_some() {
                let _ = sender.send(());
                peer.body(len);
            }
        });
    }
    drop(sender);
    let error = sending.error();
    assert_eq!(error.phase(), b2kit_core::Phase::MaybeReceived, "{error:?}");
    arrivals.try_iter().count()
}

fn no_upgrade_is_requested(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    let head = peer.head();
    for name in ["upgrade", "http2-settings"] {
        assert!(head.values(name).is_empty(), "{head:?}");
    }
    peer.send(
        "HTTP/1.1 200 OK\r\nalt-svc: h3=\":443\"\r\nstrict-transport-security: max-age=9\r\n\
         content-length: 0\r\n\r\n",
    );
    sending.response();
}
