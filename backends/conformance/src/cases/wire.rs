//! Cases about the bytes of a request.

use b2kit_core::{Body, HttpErrorKind, Phase, Request};

use crate::case::{Subject, cases};
use crate::client::{get, in_chunks, pattern, post, start_send};
use crate::limit::Limit;
use crate::server::{Head, RawServer};

cases![
    only_host_length_and_user_agent_are_added,
    a_given_user_agent_replaces_the_default,
    a_given_host_replaces_the_default,
    repeated_headers_keep_their_order,
    an_empty_header_value_arrives_empty,
    header_values_that_are_not_ascii_arrive_unchanged_or_are_refused,
    a_long_header_arrives_completely,
    methods_arrive_unchanged,
    a_body_is_sent_with_its_length_and_never_chunked,
    a_large_body_is_sent_without_expect_100_continue,
    an_empty_body_has_a_length,
    a_body_of_one_byte_arrives,
    a_get_has_no_body,
];

pub(super) const EMPTY_OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// The head of a request as it arrives.
fn arrived(s: &Subject<'_>, request: impl FnOnce(&RawServer) -> Request) -> Head {
    let server = RawServer::start();
    let sending = start_send(&s.client(), request(&server));
    let mut peer = server.accept();
    let head = peer.head();
    peer.send(EMPTY_OK);
    sending.response();
    head
}

fn only_host_length_and_user_agent_are_added(s: &Subject<'_>) {
    let mut port = 0;
    let head = arrived(s, |server| {
        port = server.port();
        let mut request = get(server.uri("/"));
        for (name, value) in [
            ("authorization", "token"),
            ("x-bz-info-a", "1%202"),
            ("accept-encoding", "identity"),
        ] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    });
    assert_eq!(head.values("host"), [format!("127.0.0.1:{port}")]);
    let mut rest = head.headers;
    rest.retain(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "host" | "user-agent" => false,
        "content-length" => value != "0",
        "accept" => !(value == "*/*" && s.is_limited(Limit::AddsAccept)),
        _ => true,
    });
    let mut rest: Vec<_> = rest
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
        .collect();
    rest.sort();
    let rest: Vec<_> = rest
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let given = [
        ("accept-encoding", "identity"),
        ("authorization", "token"),
        ("x-bz-info-a", "1%202"),
    ];
    assert_eq!(rest, given);
}

fn a_given_user_agent_replaces_the_default(s: &Subject<'_>) {
    let head = arrived(s, |server| {
        with_header(get(server.uri("/")), "user-agent", b"mine/1.0")
    });
    assert_eq!(head.values("user-agent"), ["mine/1.0"]);
}

fn a_given_host_replaces_the_default(s: &Subject<'_>) {
    let head = arrived(s, |server| {
        with_header(get(server.uri("/")), "host", b"pod-000.test")
    });
    assert_eq!(head.values("host"), ["pod-000.test"]);
}

fn repeated_headers_keep_their_order(s: &Subject<'_>) {
    let repeated = |server: &RawServer| {
        let mut request = get(server.uri("/"));
        for value in ["first", "second", "third", "first"] {
            let headers = request.headers_mut();
            headers.append("x-many", value.parse().unwrap());
        }
        request
    };
    if s.is_limited(Limit::RefusesRepeatedHeaders) {
        let server = RawServer::start();
        let error = start_send(&s.client(), repeated(&server)).error();
        assert_eq!(error.kind(), HttpErrorKind::Invalid, "{error:?}");
        assert_eq!(error.phase(), Phase::NotSent);
        assert_eq!(server.accepted(), 0);
        return;
    }
    let head = arrived(s, repeated);
    let values = head.values("x-many").join(", ");
    assert_eq!(
        values.replace(",", ", ").replace(",  ", ", "),
        "first, second, third, first"
    );
}

fn an_empty_header_value_arrives_empty(s: &Subject<'_>) {
    let head = arrived(s, |server| {
        with_header(get(server.uri("/")), "x-empty", b"")
    });
    assert_eq!(head.values("x-empty"), [""]);
}

fn header_values_that_are_not_ascii_arrive_unchanged_or_are_refused(s: &Subject<'_>) {
    for value in [&b"caf\xc3\xa9"[..], b"\xff\xfe", b"a\tb"] {
        let server = RawServer::start();
        let request = with_header(get(server.uri("/")), "x-opaque", value);
        let sending = start_send(&s.client(), request);
        let Some(mut peer) = sending.peer_or_end(&server) else {
            let error = sending.error();
            assert_eq!(error.kind(), HttpErrorKind::Invalid, "{error:?}");
            assert_eq!(error.phase(), Phase::NotSent);
            assert!(s.is_limited(Limit::RefusesHeaders), "{value:?} is refused");
            continue;
        };
        let sent: String = value.iter().map(|&byte| char::from(byte)).collect();
        assert_eq!(peer.head().values("x-opaque"), [sent]);
        peer.send(EMPTY_OK);
        sending.response();
    }
}

fn a_long_header_arrives_completely(s: &Subject<'_>) {
    let value = "v".repeat(8_000);
    let head = arrived(s, |server| {
        with_header(get(server.uri("/")), "x-long", value.as_bytes())
    });
    assert_eq!(head.values("x-long"), [value]);
}

fn methods_arrive_unchanged(s: &Subject<'_>) {
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let head = arrived(s, |server| {
            let mut request = post(server.uri("/"), "");
            *request.method_mut() = method.parse().unwrap();
            request
        });
        assert_eq!(head.line, format!("{method} / HTTP/1.1"));
    }
}

fn a_body_is_sent_with_its_length_and_never_chunked(s: &Subject<'_>) {
    let whole = pattern(300_000);
    let once = futures::stream::iter([
        Ok(whole[..7].to_vec().into()),
        Ok(whole[7..].to_vec().into()),
    ]);
    let bodies = [
        ("bytes", Body::from(whole.clone())),
        ("replay", in_chunks(whole.clone(), 1000)),
        ("once", Body::once(whole.len() as u64, once)),
    ];
    for (name, body) in bodies {
        for stated in [false, true] {
            if stated && !body.is_replayable() {
                continue;
            }
            for method in ["POST", "PUT"] {
                if method == "PUT" && !body.is_replayable() {
                    continue;
                }
                let server = RawServer::start();
                let mut request = post(server.uri("/"), body.clone());
                *request.method_mut() = method.parse().unwrap();
                if stated {
                    request
                        .headers_mut()
                        .insert("content-length", whole.len().into());
                }
                let sending = start_send(&s.client(), request);
                let mut peer = server.accept();
                let head = peer.head();
                let length = whole.len().to_string();
                assert_eq!(head.values("content-length"), [length], "{name}");
                assert!(head.values("transfer-encoding").is_empty(), "{name}");
                assert!(head.values("expect").is_empty(), "{name}");
                assert!(peer.body(whole.len()) == whole, "{name}");
                peer.send(EMPTY_OK);
                sending.response();
            }
        }
    }
}

fn a_large_body_is_sent_without_expect_100_continue(s: &Subject<'_>) {
    let len = 3 << 20;
    let server = RawServer::start();
    let sending = start_send(
        &s.client(),
        post(server.uri("/"), in_chunks(pattern(len), 50_000)),
    );
    let mut peer = server.accept();
    let expects = !peer.head().values("expect").is_empty();
    assert!(!expects || s.is_limited(Limit::AddsExpect));
    // Without a 100 response the body must arrive too, since not every server sends one.
    assert!(peer.body(len) == pattern(len));
    peer.send(EMPTY_OK);
    sending.response();
}

fn an_empty_body_has_a_length(s: &Subject<'_>) {
    for body in [Body::empty(), Body::once(0, futures::stream::empty())] {
        let head = arrived(s, |server| post(server.uri("/"), body));
        assert_eq!(head.values("content-length"), ["0"]);
        assert!(head.values("transfer-encoding").is_empty());
    }
}

fn a_body_of_one_byte_arrives(s: &Subject<'_>) {
    let server = RawServer::start();
    let sending = start_send(&s.client(), post(server.uri("/"), "1"));
    let mut peer = server.accept();
    assert_eq!(peer.head().values("content-length"), ["1"]);
    assert_eq!(peer.body(1), b"1");
    peer.send(EMPTY_OK);
    sending.response();
}

fn a_get_has_no_body(s: &Subject<'_>) {
    let head = arrived(s, |server| get(server.uri("/")));
    assert!(head.values("transfer-encoding").is_empty());
    let lengths = head.values("content-length");
    assert!(lengths.is_empty() || lengths == ["0"], "{lengths:?}");
}

fn with_header(mut request: Request, name: &'static str, value: &[u8]) -> Request {
    let value = http::HeaderValue::from_bytes(value).unwrap();
    request.headers_mut().insert(name, value);
    request
}
