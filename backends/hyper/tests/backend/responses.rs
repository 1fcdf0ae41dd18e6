//! Responses as they arrive.

use b2kit_core::{Response, SystemTimer, Timer as _};
use http::{Method, StatusCode};

use crate::client::{client, get, items, pattern, read, start, start_send};
use crate::raw_server::RawServer;

/// The response to a GET that is answered with these bytes and a close.
fn answered(bytes: impl AsRef<[u8]>) -> Response {
    let server = RawServer::start();
    let sending = start_send(&client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.say(bytes);
    drop(peer);
    sending.response()
}

#[test]
fn every_status_is_a_response() {
    for status in [200, 204, 206, 304, 400, 401, 404, 416, 429, 500, 503, 599] {
        let response = answered(format!(
            "HTTP/1.1 {status} Why\r\ncontent-length: 0\r\n\r\n"
        ));
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(read(response).unwrap(), "");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let server = RawServer::start();
    let client = client();
    let sending = start_send(&client, get(server.uri("/from")));
    let mut peer = server.accept();
    peer.head();
    let to = server.uri("/to");
    peer.say(format!(
        "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    ));
    let response = sending.response();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()["location"], to);
    assert_eq!(server.accepted(), 1);
    // Not even later: the next thing that is sent is the next request, without the cookie.
    drop(peer);
    let sending = start_send(&client, get(server.uri("/next")));
    let mut peer = server.accept();
    let head = peer.head();
    assert_eq!(head.line, "GET /next HTTP/1.1");
    assert!(head.values("cookie").is_empty());
    peer.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    sending.response();
}

#[test]
fn a_compressed_body_stays_compressed() {
    let gzip =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00";
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        gzip.len()
    )
    .into_bytes();
    bytes.extend_from_slice(gzip);
    let response = answered(bytes);
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["content-length"], gzip.len().to_string());
    assert_eq!(response.body().len(), Some(gzip.len() as u64));
    assert_eq!(read(response).unwrap(), gzip.as_slice());
}

#[test]
fn interim_responses_are_skipped() {
    let response = answered(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
         HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok",
    );
    assert_eq!(response.status(), StatusCode::CREATED);
    assert!(response.headers().get("link").is_none());
    assert_eq!(read(response).unwrap(), "ok");
}

#[test]
fn chunks_are_put_together_and_trailers_left_out() {
    let response = answered(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n",
    );
    assert_eq!(response.body().len(), None);
    assert_eq!(read(response).unwrap(), "hello world");
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let response = answered("HTTP/1.1 200 OK\r\n\r\nall there is");
    assert_eq!(response.body().len(), None);
    assert_eq!(read(response).unwrap(), "all there is");
    let response = answered("HTTP/1.0 200 OK\r\n\r\nold");
    assert_eq!(read(response).unwrap(), "old");
}

#[test]
fn the_length_in_answer_to_a_head_promises_no_body() {
    let server = RawServer::start();
    let mut request = get(server.uri("/"));
    *request.method_mut() = Method::HEAD;
    let sending = start_send(&client(), request);
    let mut peer = server.accept();
    assert_eq!(peer.head().line, "HEAD / HTTP/1.1");
    peer.say("HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n");
    let response = sending.response();
    assert_eq!(response.headers()["content-length"], "12345");
    assert_eq!(response.body().len(), Some(0));
    assert_eq!(read(response).unwrap(), "");
}

#[test]
fn a_large_body_arrives_whole() {
    let whole = pattern(20 << 20);
    let server = RawServer::start();
    let sending = start_send(&client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    let sent = whole.clone();
    let serving = start(async move {
        peer.say(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            sent.len()
        ));
        peer.say(sent);
    });
    let response = sending.response();
    assert_eq!(response.body().len(), Some(whole.len() as u64));
    let chunks = items(response);
    serving.wait();
    assert!(chunks.len() > 1, "it is not one buffer");
    let body: Vec<u8> = chunks.into_iter().flat_map(Result::unwrap).collect();
    assert!(body == whole);
}

#[test]
fn the_head_is_there_before_the_body_and_a_chunk_before_the_next() {
    let server = RawServer::start();
    let sending = start_send(&client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    let mut body = sending.response().into_body();
    for chunk in ["a", "b"] {
        peer.say(chunk);
        let (next, rest) = start(async move { (body.next().await, body) }).wait();
        assert_eq!(next.unwrap().unwrap(), chunk);
        body = rest;
    }
    assert!(start(async move { body.next().await }).wait().is_none());
}

#[test]
fn a_response_that_nobody_reads_is_not_hoarded() {
    let server = RawServer::start();
    let sending = start_send(&client(), get(server.uri("/")));
    let mut peer = server.accept();
    peer.head();
    peer.say("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
    let response = sending.response();
    let (sender, progress) = std::sync::mpsc::channel();
    let sending = start(async move {
        let chunk = vec![0; 1 << 20];
        for written in 0..1024 {
            sender.send(written).unwrap();
            if peer.try_say(&chunk).is_err() {
                break;
            }
        }
    });
    // Time enough for a backend that hoards to take a gigabyte off loopback.
    start(SystemTimer.sleep(std::time::Duration::from_secs(2))).wait();
    let mebibytes = progress.try_iter().last().unwrap();
    assert!(mebibytes < 64, "{mebibytes} MiB");
    drop(response);
    sending.wait();
}
