//! Cases about responses and their bodies.

use b2kit_core::{HttpErrorKind, Phase, Response, SystemTimer, Timer as _};
use http::{Method, StatusCode};

use crate::case::{Subject, cases};
use crate::client::{get, items, pattern, read, start, start_send};
use crate::limit::Limit;
use crate::server::RawServer;

cases![
    every_status_is_a_response,
    an_unregistered_status_is_a_response,
    a_204_or_304_has_no_body,
    an_empty_body_ends_at_once,
    response_headers_arrive_unchanged,
    header_values_that_are_not_ascii_arrive_or_are_an_error,
    interim_responses_are_skipped,
    a_chunked_body_is_joined_and_its_trailers_are_ignored,
    a_body_is_complete_if_the_connection_closes_after_its_last_byte,
    bytes_after_a_body_are_not_part_of_it,
    a_response_that_arrives_byte_by_byte_is_complete,
    a_body_without_a_length_ends_with_the_connection,
    a_content_length_in_response_to_head_does_not_announce_a_body,
    a_large_response_body_arrives_completely,
    the_head_arrives_before_the_body_and_each_chunk_before_the_next,
    an_unread_response_is_not_buffered,
];

/// The response to a GET that gets these bytes and a close.
fn answered(s: &Subject<'_>, bytes: impl AsRef<[u8]>) -> Response {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send(bytes);
    drop(peer);
    sending.response()
}

fn every_status_is_a_response(s: &Subject<'_>) {
    for status in [200, 204, 206, 304, 400, 401, 404, 408, 416, 429, 500, 503] {
        let head = format!("HTTP/1.1 {status} Why\r\ncontent-length: 0\r\n\r\n");
        let response = answered(s, head);
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(read(response).unwrap(), "");
    }
}

fn an_unregistered_status_is_a_response(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 599 Why\r\ncontent-length: 0\r\n\r\n");
    if s.is_limited(Limit::RejectsUnknownStatuses) {
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Protocol, "{error:?}");
        assert_eq!(error.phase(), Phase::ResponseBegun);
    } else {
        assert_eq!(sending.response().status().as_u16(), 599);
    }
}

fn a_204_or_304_has_no_body(s: &Subject<'_>) {
    for head in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    ] {
        // The connection stays open, so the body can't end with the connection.
        let server = RawServer::start();
        let sending = start_send(&s.client(), get(server.uri("/")));
        let mut peer = server.accept();
        peer.head();
        peer.send(head);
        let response = sending.response();
        assert_eq!(read(response).unwrap(), "", "{head:?}");
    }
}

fn an_empty_body_ends_at_once(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let response = sending.response();
    assert_eq!(response.body().len(), Some(0));
    assert_eq!(read(response).unwrap(), "");
}

fn response_headers_arrive_unchanged(s: &Subject<'_>) {
    let response = answered(
        s,
        "HTTP/1.1 200 OK\r\nX-Bz-Info-A: 1%202\r\nx-many: first\r\nX-Many: second\r\n\
         x-many:   third  \r\nx-empty:\r\ncontent-length: 2\r\n\r\nok",
    );
    let headers = response.headers();
    assert_eq!(headers["x-bz-info-a"], "1%202");
    assert_eq!(headers["x-empty"], "");
    let many: Vec<_> = headers.get_all("x-many").iter().collect();
    assert_eq!(many, ["first", "second", "third"]);
    assert!(headers.get("date").is_none(), "none is made up");
    let has_type = headers.contains_key("content-type");
    assert!(
        !has_type || s.is_limited(Limit::AddsContentType),
        "none is made up"
    );
    assert_eq!(read(response).unwrap(), "ok");
}

fn header_values_that_are_not_ascii_arrive_or_are_an_error(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send(b"HTTP/1.1 200 OK\r\nx-opaque: caf\xc3\xa9 \xff\r\ncontent-length: 2\r\n\r\nok");
    match sending.wait() {
        Ok(response) => {
            assert_eq!(
                response.headers()["x-opaque"].as_bytes(),
                b"caf\xc3\xa9 \xff"
            );
            assert_eq!(read(response).unwrap(), "ok");
        }
        Err(error) => {
            assert_eq!(error.kind(), HttpErrorKind::Protocol, "{error:?}");
            assert_eq!(error.phase(), Phase::ResponseBegun);
            assert!(s.is_limited(Limit::RefusesHeaders), "{error:?}");
        }
    }
}

fn interim_responses_are_skipped(s: &Subject<'_>) {
    let response = answered(
        s,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
         HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok",
    );
    assert_eq!(response.status(), StatusCode::CREATED);
    assert!(response.headers().get("link").is_none());
    assert_eq!(read(response).unwrap(), "ok");
}

fn a_chunked_body_is_joined_and_its_trailers_are_ignored(s: &Subject<'_>) {
    let response = answered(
        s,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n",
    );
    assert_eq!(response.body().len(), None);
    assert_eq!(read(response).unwrap(), "hello world");
}

fn a_body_is_complete_if_the_connection_closes_after_its_last_byte(s: &Subject<'_>) {
    let sized = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for bytes in [sized, chunked] {
        assert_eq!(read(answered(s, bytes)).unwrap(), "hello");
    }
}

fn bytes_after_a_body_are_not_part_of_it(s: &Subject<'_>) {
    let sized = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello world";
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nworld";
    for bytes in [sized, chunked] {
        // The extra bytes may be an error, but never part of the body.
        let body = read(answered(s, bytes));
        assert!(
            body.as_ref().is_ok_and(|body| body == "hello") || body.is_err(),
            "{body:?}"
        );
    }
}

fn a_response_that_arrives_byte_by_byte_is_complete(s: &Subject<'_>) {
    let sized = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello";
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for bytes in [sized, chunked] {
        let server = RawServer::start();
        let sending = start_send(&s.client(), get(server.uri("/")));
        let mut peer = server.accept();
        peer.head();
        for byte in bytes.bytes() {
            peer.send([byte]);
        }
        let response = sending.response();
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(read(response).unwrap(), "hello");
    }
}

fn a_body_without_a_length_ends_with_the_connection(s: &Subject<'_>) {
    let response = answered(s, "HTTP/1.1 200 OK\r\n\r\nall there is");
    assert_eq!(response.body().len(), None);
    assert_eq!(read(response).unwrap(), "all there is");
    let response = answered(s, "HTTP/1.0 200 OK\r\n\r\nold");
    assert_eq!(read(response).unwrap(), "old");
}

fn a_content_length_in_response_to_head_does_not_announce_a_body(s: &Subject<'_>) {
    let server = RawServer::start();
    let mut request = get(server.uri("/"));
    *request.method_mut() = Method::HEAD;
    let sending = start_send(&s.client(), request);
    if s.is_limited(Limit::RefusesHead) {
        let error = sending.error();
        assert_eq!(error.kind(), HttpErrorKind::Invalid, "{error:?}");
        assert_eq!(error.phase(), Phase::NotSent);
        assert_eq!(server.accepted(), 0);
        return;
    }
    let mut peer = server.accept();
    assert_eq!(peer.head().line, "HEAD / HTTP/1.1");
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n");
    let response = sending.response();
    assert_eq!(response.headers()["content-length"], "12345");
    assert_eq!(response.body().len(), Some(0));
    assert_eq!(read(response).unwrap(), "");
}

fn a_large_response_body_arrives_completely(s: &Subject<'_>) {
    let whole = pattern(20 << 20);
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    let sent = whole.clone();
    let serving = start(async move {
        peer.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            sent.len()
        ));
        peer.send(sent);
    });
    let response = sending.response();
    assert_eq!(response.body().len(), Some(whole.len() as u64));
    let chunks = items(response);
    serving.wait();
    assert!(chunks.len() > 1, "it is not one buffer");
    let body: Vec<u8> = chunks.into_iter().flat_map(Result::unwrap).collect();
    assert!(body == whole);
}

fn the_head_arrives_before_the_body_and_each_chunk_before_the_next(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    let mut said = false;
    if s.is_limited(Limit::DelaysHead) {
        peer.send("a");
        said = true;
    }
    let mut body = sending.response().into_body();
    for chunk in ["a", "b"] {
        if !std::mem::take(&mut said) {
            peer.send(chunk);
        }
        let (next, rest) = start(async move { (body.next().await, body) }).wait();
        assert_eq!(next.unwrap().unwrap(), chunk);
        body = rest;
    }
    assert!(start(async move { body.next().await }).wait().is_none());
}

fn an_unread_response_is_not_buffered(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
    peer.send("the first bytes");
    let response = sending.response();
    let (sender, progress) = std::sync::mpsc::channel();
    let sending = start(async move {
        let chunk = vec![0; 1 << 20];
        for written in 0..1024 {
            sender.send(written).unwrap();
            if peer.try_send(&chunk).is_err() {
                break;
            }
        }
    });
    // Long enough for a backend that buffers to read a gigabyte over loopback.
    start(SystemTimer.sleep(std::time::Duration::from_secs(2))).wait();
    let mebibytes = progress.try_iter().last().unwrap();
    assert!(mebibytes < 64, "{mebibytes} MiB");
    drop(response);
    sending.wait();
}
