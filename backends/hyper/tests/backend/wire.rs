//! What leaves, byte for byte.

use b2kit_core::Body;

use crate::client::{client, get, in_chunks, pattern, post, start_send};
use crate::raw_server::RawServer;

const EMPTY_OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[test]
fn the_target_arrives_as_it_was_given() {
    let server = RawServer::start();
    let client = client();
    let long_name = format!("/file/bucket/{}", "n".repeat(1024));
    for target in [
        "/",
        "/?",
        "/?a=b&c=%2F+d%20e",
        "/file/b/a/../b",
        "/file/b/a/./b",
        "/file/b/..",
        "/.",
        "/a//b",
        "//a",
        "///",
        "/a%2Fb",
        "/a%2fb",
        "/%2e%2e/%2E",
        "/a+b%20c",
        "/%00",
        "/a;b=c,d:e@f!$&'()*~",
        "/%E2%82%AC",
        "/trailing/",
        &long_name,
    ] {
        let sending = start_send(&client, get(server.uri(target)));
        let mut peer = server.accept();
        assert_eq!(peer.head().line, format!("GET {target} HTTP/1.1"));
        // Closed, so that the next request comes on a connection that we accept.
        peer.say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        sending.response();
    }
}

#[test]
fn nothing_is_added_but_host() {
    let server = RawServer::start();
    let mut request = get(server.uri("/"));
    for (name, value) in [
        ("authorization", "token"),
        ("x-bz-info-a", "1%202"),
        ("accept-encoding", "identity"),
        ("x-twice", "first"),
        ("x-twice", "second"),
    ] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let sending = start_send(&client(), request);
    let mut peer = server.accept();
    let mut headers = peer.head().headers;
    assert_eq!(
        headers.iter().position(|(_, value)| value == "first"),
        headers
            .iter()
            .position(|(_, value)| value == "second")
            .map(|second| second - 1),
        "values keep their order"
    );
    headers.sort();
    let host = format!("127.0.0.1:{}", server.port());
    let expected = [
        ("accept-encoding", "identity"),
        ("authorization", "token"),
        ("host", host.as_str()),
        ("x-bz-info-a", "1%202"),
        ("x-twice", "first"),
        ("x-twice", "second"),
    ];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(headers, expected);
    peer.say(EMPTY_OK);
    sending.response();
}

#[test]
fn a_host_that_was_given_is_the_only_one() {
    let server = RawServer::start();
    let mut request = get(server.uri("/"));
    request
        .headers_mut()
        .insert("host", "pod-000.test".parse().unwrap());
    let sending = start_send(&client(), request);
    let mut peer = server.accept();
    assert_eq!(peer.head().values("host"), ["pod-000.test"]);
    peer.say(EMPTY_OK);
    sending.response();
}

#[test]
fn a_body_goes_out_with_its_length_and_never_chunked() {
    let whole = pattern(300_000);
    let once = futures::stream::iter([
        Ok(whole[..7].to_vec().into()),
        Ok(whole[7..].to_vec().into()),
    ]);
    let bodies = [
        ("empty", Body::empty(), 0),
        ("bytes", Body::from(whole.clone()), whole.len()),
        ("replay", in_chunks(whole.clone(), 1000), whole.len()),
        ("once", Body::once(whole.len() as u64, once), whole.len()),
        ("empty stream", Body::once(0, futures::stream::empty()), 0),
    ];
    for (name, body, len) in bodies {
        for stated in [false, true] {
            if stated && !body.is_replayable() {
                continue;
            }
            let server = RawServer::start();
            let mut request = post(server.uri("/"), body.clone());
            if stated {
                request.headers_mut().insert("content-length", len.into());
            }
            let sending = start_send(&client(), request);
            let mut peer = server.accept();
            let head = peer.head();
            assert_eq!(head.values("content-length"), [len.to_string()], "{name}");
            assert!(head.values("transfer-encoding").is_empty(), "{name}");
            assert!(peer.body(len) == whole[..len], "{name}");
            peer.say(EMPTY_OK);
            sending.response();
        }
    }
}

#[test]
fn a_get_has_no_length() {
    let server = RawServer::start();
    let sending = start_send(&client(), get(server.uri("/")));
    let mut peer = server.accept();
    assert!(peer.head().values("content-length").is_empty());
    peer.say(EMPTY_OK);
    sending.response();
}
