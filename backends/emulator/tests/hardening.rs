//! Clients that are slow, many, or up to no good, on raw sockets.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod line;
mod wire;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use b2kit_emulator::{Clock, Emulator, Fault, FaultKind, ManualClock, Server, ServerBuilder};
use line::{Line, path};
use serde_json::json;
use wire::{Wire, sha1};

/// Time that only the socket sees. (A thread can't be parked for it: executors leave it unparked.)
fn pass(time: Duration) {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    receiver.recv_timeout(time).unwrap_err();
}

const SOON: Duration = Duration::from_millis(200);

fn hasty() -> ServerBuilder {
    Server::builder().head_timeout(SOON).stall_timeout(SOON)
}

/// The status of a listing that the server should answer.
fn listing_status(server: &Server, wire: &Wire) -> u16 {
    let headers = [("Authorization", wire.token.as_str())];
    let target = format!(
        "/b2api/v4/b2_list_buckets?accountId={}",
        wire.emulator.account_id()
    );
    Line::to(server).ask("GET", &target, &headers, b"").status
}

/// The server still does what it should.
fn is_well(server: &Server, wire: &Wire) {
    assert_eq!(listing_status(server, wire), 200);
}

/// The same, as soon as the server has noticed that connections are gone. One that was answered
/// counts for a moment too.
fn is_well_again(server: &Server, wire: &Wire) {
    let mut statuses = std::iter::repeat_with(|| listing_status(server, wire));
    assert_eq!(statuses.find(|status| *status != 503), Some(200));
}

fn upload_headers<'a>(url: &'a (String, String), len: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("Host", "localhost"),
        ("Authorization", &url.1),
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "x/y"),
        ("X-Bz-Content-Sha1", "do_not_verify"),
        ("Content-Length", len),
    ]
}

#[test]
fn a_client_that_trickles_a_head_is_disconnected() {
    let wire = Wire::new();
    let server = hasty().start(&wire.emulator).unwrap();
    let mut line = Line::to(&server);
    // it would take minutes to its end
    for byte in b"GET / HTTP/1.1\r\nX-Slow: "
        .iter()
        .chain(std::iter::repeat(&b'x'))
    {
        if line.stream.get_mut().write_all(&[*byte]).is_err() {
            break;
        }
        pass(Duration::from_millis(10));
    }
    assert!(line.is_at_end());
    is_well(&server, &wire);
}

#[test]
fn a_silent_client_is_disconnected_before_and_after_a_request() {
    let wire = Wire::new();
    let server = hasty().start(&wire.emulator).unwrap();
    assert!(Line::to(&server).is_at_end());
    let mut line = Line::to(&server);
    assert_eq!(line.ask("GET", "/", &[], b"").status, 404);
    assert!(line.is_at_end());
    is_well(&server, &wire);
}

#[test]
fn a_stalled_upload_gets_408_and_stores_nothing() {
    let wire = Wire::new();
    let server = hasty().start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let url = wire.upload_url(&bucket);
    let mut line = Line::to(&server);
    line.head("POST", path(&url.0), &upload_headers(&url, "100"));
    line.write(b"half");
    let answer = line.answer();
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json()["code"], "request_timeout");
    assert!(line.is_at_end());
    let snapshot = wire.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
    let mut line = Line::to(&server);
    line.head(
        "POST",
        "/b2api/v4/b2_list_buckets",
        &[
            ("Host", "x"),
            ("Authorization", &wire.token),
            ("Content-Length", "100"),
        ],
    );
    assert_eq!(line.answer().status, 408);
    is_well(&server, &wire);
}

#[test]
fn a_slow_but_steady_upload_is_accepted() {
    let wire = Wire::new();
    let server = Server::builder()
        .stall_timeout(SOON * 5)
        .start(&wire.emulator)
        .unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let url = wire.upload_url(&bucket);
    let mut line = Line::to(&server);
    line.head("POST", path(&url.0), &upload_headers(&url, "10"));
    for _ in 0..10 {
        pass(SOON * 3 / 4);
        line.write(b"x");
    }
    assert_eq!(line.answer().status, 200);
}

#[test]
fn a_connection_within_a_request_is_not_idle() {
    let wire = Wire::new();
    let server = Server::builder()
        .head_timeout(SOON)
        .start(&wire.emulator)
        .unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let url = wire.upload_url(&bucket);
    let mut line = Line::to(&server);
    line.head("POST", path(&url.0), &upload_headers(&url, "2"));
    for _ in 0..2 {
        pass(SOON * 3 / 2);
        line.write(b"x");
    }
    assert_eq!(line.answer().status, 200);
    assert!(line.is_at_end());
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let wire = Wire::new();
    let server = hasty().start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    // more than the buffers of both ends hold
    let content = vec![7; 64 << 20];
    wire.upload(&bucket, "f", &content);
    let mut line = Line::to(&server);
    line.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    pass(SOON * 5);
    let mut all = Vec::new();
    // a proper end or a reset, but not all of it
    line.stream.read_to_end(&mut all).ok();
    assert!(all.len() < content.len());
    is_well(&server, &wire);
}

#[test]
fn heads_over_the_limit_are_refused() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    // the limit is where reading stops, so a little more may pass
    let long = "x".repeat(200_000);
    let many: String = (0..101).map(|at| format!("X-{at}: x\r\n")).collect();
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    ] {
        let mut line = Line::to(&server);
        // it may hang up before it has read everything
        line.stream.get_mut().write_all(head.as_bytes()).ok();
        let mut answer = Vec::new();
        line.stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer);
        let refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 "];
        assert!(
            answer.is_empty() || refused.iter().any(|it| answer.starts_with(it)),
            "{answer}"
        );
    }
    is_well(&server, &wire);
}

#[test]
fn the_longest_name_and_info_that_b2_allows_fit_into_a_head() {
    // an old bucket takes more than the others
    let wire = Wire::of(Emulator::builder().legacy_encryption(true));
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let url = wire.upload_url(&bucket);
    let name = "%C3%BC".repeat(512);
    let value = "%20".repeat(190);
    let keys: Vec<String> = (0..6).map(|at| format!("X-Bz-Info-{at}")).collect();
    let mut headers = upload_headers(&url, "1");
    headers[2].1 = &name;
    headers.extend(keys.iter().map(|key| (key.as_str(), value.as_str())));
    let mut line = Line::to(&server);
    line.head("POST", path(&url.0), &headers);
    line.write(b"x");
    let answer = line.answer();
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["fileName"].as_str().unwrap().len(), 1024);
}

#[test]
fn a_json_body_has_a_limit_and_uploads_have_the_cap() {
    let wire = Wire::of(Emulator::builder().storage_cap(1000));
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let auth = [("Authorization", wire.token.as_str())];
    let body = vec![b' '; 1_100_000];
    let answer = Line::to(&server).ask("POST", "/b2api/v4/b2_list_buckets", &auth, &body);
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &json!("bad_request"))
    );
    let url = wire.upload_url(&bucket);
    let mut line = Line::to(&server);
    // refused at its head: the bytes don't have to come
    line.head("POST", path(&url.0), &upload_headers(&url, "1001"));
    let answer = line.answer();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (403, &json!("storage_cap_exceeded"))
    );
    is_well(&server, &wire);
}

#[test]
fn ambiguous_requests_get_400_and_smuggle_nothing() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let token = &wire.token;
    let call = "POST /b2api/v4/b2_list_buckets HTTP/1.1\r\n";
    let auth = format!("Authorization: {token}\r\n");
    let body = json!({"accountId": wire.emulator.account_id()}).to_string();
    let len = body.len();
    let chunked = format!("{len:x}\r\n{body}\r\n0\r\n\r\n");
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    // what is right passes, before what isn't, on the same connection
    let proper = format!("{call}Host: x\r\n{auth}Transfer-Encoding: chunked\r\n\r\n{chunked}");
    for bad in [
        format!("Host: x\r\nContent-Length: {len}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: {len}\r\n\r\n{chunked}"),
        format!("Host: x\r\nHost: y\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Content-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length: {len}\r\nContent-Length: 3\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length: {len}, {len}\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length: +{len}\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length : {len}\r\n\r\n{body}"),
        format!("Host: x\r\nX: y\r\n Content-Length: 3\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nX: y\nContent-Length: 3\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{chunked}"),
        format!(
            "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{chunked}"
        ),
        format!("Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0x{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n+{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n{len:x}\n{body}\n0\n\n"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{body}\r\n0\r\n\r\n"),
    ] {
        for before in ["", proper.as_str()] {
            let mut line = Line::to(&server);
            line.write(format!("{before}{call}{auth}{bad}{smuggled}").as_bytes());
            if !before.is_empty() {
                assert_eq!(line.answer().status, 200);
            }
            let mut rest = Vec::new();
            line.stream.read_to_end(&mut rest).unwrap();
            let rest = String::from_utf8_lossy(&rest);
            assert!(rest.starts_with("HTTP/1.1 400 "), "{bad:?}: {rest}");
            assert_eq!(rest.matches("HTTP/1.1").count(), 1, "{bad:?}: {rest}");
        }
    }
    is_well(&server, &wire);
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let lengths: [&[(&str, &str)]; 6] = [
        &[("Content-Length", "3"), ("Content-Length", "4")],
        &[("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
        &[("Content-Length", "-3")],
        &[("Content-Length", "3, 4")],
        &[("Content-Length", "99999999999999999999999")],
        &[("Transfer-Encoding", "gzip, chunked, gzip")],
    ];
    for lengths in lengths {
        let url = wire.upload_url(&bucket);
        let mut headers = upload_headers(&url, "");
        headers.pop();
        headers.extend(lengths);
        let mut line = Line::to(&server);
        line.head("POST", path(&url.0), &headers);
        line.stream
            .get_mut()
            .write_all(b"3\r\nabc\r\n0\r\n\r\n")
            .ok();
        let mut answer = Vec::new();
        line.stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lengths:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "nothing is smuggled");
    }
    let mut line = Line::to(&server);
    let url = wire.upload_url(&bucket);
    let mut headers = upload_headers(&url, "");
    headers.pop();
    line.head("POST", path(&url.0), &headers);
    assert_eq!(line.answer().status, 400, "and no length at all");
    assert_eq!(wire.emulator.snapshot().versions, 0);
    is_well(&server, &wire);
}

#[test]
fn the_server_survives_malformed_requests() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let mut dice = 1_u64;
    for round in 0..300 {
        let mut bytes = Vec::new();
        if round % 3 == 0 {
            bytes.extend_from_slice(b"POST /b2api/v4/b2_list_buckets HTTP/1.1\r\n");
        }
        for _ in 0..round * 7 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((dice >> 56) as u8);
        }
        let mut line = Line::to(&server);
        line.stream.get_mut().write_all(&bytes).ok();
    }
    let auth = [("Authorization", wire.token.as_str())];
    let deep = format!("{{\"a\":{}", "[".repeat(500_000));
    for body in [
        &deep[..],
        "\u{0}",
        "{\"accountId\": \"\\ud800\"}",
        "[]",
        "1e999999",
    ] {
        let answer =
            Line::to(&server).ask("POST", "/b2api/v4/b2_list_buckets", &auth, body.as_bytes());
        assert_eq!(answer.status, 400, "{}", &body[..body.len().min(20)]);
    }
    for target in [
        "//",
        "/file/",
        "/file/%",
        "/b2api/v4/b2_upload_file/../../etc",
        "*",
        "/?%ff",
    ] {
        let answer = Line::to(&server).ask("GET", target, &auth, b"");
        assert!(
            (400..500).contains(&answer.status),
            "{target}: {}",
            answer.status
        );
    }
    is_well(&server, &wire);
}

#[test]
fn connections_beyond_the_limit_get_503_and_the_others_are_served() {
    let wire = Wire::new();
    let server = Server::builder()
        .connections(3)
        .start(&wire.emulator)
        .unwrap();
    let mut inside: Vec<Line> = (0..3).map(|_| Line::to(&server)).collect();
    for line in &mut inside {
        assert_eq!(line.ask("GET", "/", &[], b"").status, 404);
    }
    let mut late = Line::to(&server);
    // who has sent much before it listens reads the answer all the same
    let answer = late.ask("POST", "/", &[], &vec![7; 3 << 20]);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(answer.json()["code"], "service_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(late.is_at_end());
    assert_eq!(inside[0].ask("GET", "/", &[], b"").status, 404);
    drop(inside);
    is_well_again(&server, &wire);
}

/// A client that is no test's: hyper takes nothing for an answer that comes before its request.
#[test]
fn a_hyper_client_can_read_the_503_of_a_full_server() {
    let wire = Wire::new();
    let server = Server::builder()
        .connections(1)
        .start(&wire.emulator)
        .unwrap();
    let mut inside = Line::to(&server);
    assert_eq!(inside.ask("GET", "/", &[], b"").status, 404);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..20 {
            let stream = tokio::net::TcpStream::connect(server.address())
                .await
                .unwrap();
            let stream = hyper_util::rt::TokioIo::new(stream);
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            let body = http_body_util::Full::new(bytes::Bytes::from(vec![7; 1 << 20]));
            let request = b2kit_core::http::Request::post("/x")
                .header("Host", "x")
                .body(body)
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), 503);
        }
    });
    assert_eq!(inside.ask("GET", "/", &[], b"").status, 404);
}

/// Whether a client that comes now is told that there are too many.
#[test]
fn idle_connections_are_closed_and_leave_room_for_others() {
    let wire = Wire::new();
    let server = hasty().connections(300).start(&wire.emulator).unwrap();
    let idle: Vec<Line> = (0..300).map(|_| Line::to(&server)).collect();
    is_well_again(&server, &wire);
    drop(idle);
}

/// A clock that breaks when it is told to.
#[derive(Clone)]
struct Broken(ManualClock, Arc<AtomicU64>);

impl Clock for Broken {
    fn now_millis(&self) -> u64 {
        let left = &self.1;
        let breaks = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        assert_ne!(breaks, Ok(1), "the clock broke");
        self.0.now_millis()
    }
}

#[test]
fn a_panic_is_a_500_of_one_request_and_affects_no_other() {
    let countdown = Arc::new(AtomicU64::new(0));
    let clock = Broken(ManualClock::default(), Arc::clone(&countdown));
    let emulator = Emulator::builder().clock(clock).build();
    let wire = Wire::with(emulator, ManualClock::default());
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let auth = [("Authorization", wire.token.as_str())];
    let target = "/b2api/v4/b2_list_buckets";
    let body = json!({"accountId": wire.emulator.account_id()}).to_string();
    let mut line = Line::to(&server);
    countdown.store(1, Ordering::SeqCst);
    let answer = line.ask("POST", target, &auth, body.as_bytes());
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["code"], "internal_error");
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("clock"),
        "what broke is for the log"
    );
    is_well(&server, &wire);
    // in the middle of an upload too: the bytes are not kept
    for at in 1..4 {
        let url = wire.upload_url(&bucket);
        countdown.store(at, Ordering::SeqCst);
        let mut headers = upload_headers(&url, "");
        headers.remove(0);
        headers.pop();
        let answer = Line::to(&server).ask("POST", path(&url.0), &headers, b"abc");
        countdown.store(0, Ordering::SeqCst);
        if answer.status == 500 && wire.emulator.snapshot().versions == 0 {
            assert_eq!(wire.emulator.snapshot().stored_bytes, 0);
        }
    }
    is_well(&server, &wire);
}

#[test]
fn over_a_socket_a_reset_and_a_close_can_be_told_apart() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    wire.upload(&bucket, "f", &vec![7; 1 << 20]);
    let ends = |trouble: FaultKind| {
        let faults = wire.emulator.faults();
        let fault = faults.add(Fault::new(trouble).times(1));
        let mut line = Line::to(&server);
        line.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        let mut read = Vec::new();
        let end = line.stream.read_to_end(&mut read);
        faults.remove(fault);
        end.map(|_| read.len() > 1000).map_err(|error| error.kind())
    };
    let reset = b2kit_core::Phase::MaybeReceived;
    assert_eq!(
        ends(FaultKind::LoseRequest(reset)),
        Err(ErrorKind::ConnectionReset)
    );
    assert_eq!(
        ends(FaultKind::ResetResponse { after: 500_000 }),
        Err(ErrorKind::ConnectionReset)
    );
    assert_eq!(ends(FaultKind::LoseReply), Ok(false));
    assert_eq!(ends(FaultKind::CutResponse { after: 500_000 }), Ok(true));
    // an upload, in its middle
    for (trouble, kind) in [
        (
            FaultKind::ResetUpload { after: 3 },
            Some(ErrorKind::ConnectionReset),
        ),
        (FaultKind::CutUpload { after: 3 }, None),
    ] {
        wire.emulator
            .faults()
            .add(Fault::new(trouble).on("b2_upload_file").times(1));
        let url = wire.upload_url(&bucket);
        let mut line = Line::to(&server);
        line.head("POST", path(&url.0), &upload_headers(&url, "10"));
        line.write(b"abc");
        let end = line.stream.read(&mut [0]);
        assert_eq!(end.err().map(|error| error.kind()), kind);
    }
    assert_eq!(wire.emulator.snapshot().versions, 1);
}

#[test]
fn with_only_hosts_other_host_names_get_421() {
    let wire = Wire::new();
    let server = Server::builder()
        .only_hosts(["b2.test"])
        .start(&wire.emulator)
        .unwrap();
    let asked = |host: &str| {
        let mut line = Line::to(&server);
        line.head("GET", "/b2api/v4/b2_list_buckets", &[("Host", host)]);
        line.answer()
    };
    for host in ["localhost", "127.0.0.1:80", "[::1]", "B2.test:443"] {
        assert_eq!(asked(host).status, 401, "{host}");
    }
    for host in ["evil.example", "b2.test.evil.example"] {
        let answer = asked(host);
        assert_eq!(answer.status, 421, "{host}");
        assert_eq!(answer.json()["code"], "misdirected_request");
    }
    assert!(wire.emulator.snapshot().calls_of("b2_list_buckets") > 0);
}

#[test]
fn responses_contain_the_configured_url_or_the_requested_host() {
    let emulator = Emulator::new();
    let told = Server::builder()
        .url("https://b2.test")
        .start(&emulator)
        .unwrap();
    assert_eq!(told.url(), "https://b2.test");
    let everywhere = Server::builder()
        .bind([0, 0, 0, 0].into())
        .start(&emulator)
        .unwrap();
    let basic = {
        use base64::Engine as _;
        let pair = format!("{}:{}", emulator.key_id(), emulator.key());
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    for (port, host, expected) in [
        (told.address().port(), "localhost", "https://b2.test"),
        (
            everywhere.address().port(),
            "b2.test:99",
            "http://b2.test:99",
        ),
    ] {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut line = Line {
            stream: std::io::BufReader::new(stream),
            is_head: false,
        };
        line.head(
            "GET",
            "/b2api/v2/b2_authorize_account",
            &[("Host", host), ("Authorization", &basic)],
        );
        assert_eq!(line.answer().json()["apiUrl"], expected);
    }
}

#[test]
fn a_file_is_served_while_it_is_being_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::default();
    let emulator = Emulator::builder()
        .clock(clock.clone())
        .open(directory.path())
        .unwrap();
    let wire = Wire::with(emulator, clock);
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    let content: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 249) as u8).collect();
    let file = wire.upload(&bucket, "f", &content);
    let mut line = Line::to(&server);
    line.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    let mut first = [0; 1000];
    line.stream.read_exact(&mut first).unwrap();
    wire.post(
        "b2_delete_file_version",
        &json!({"fileId": file["fileId"], "fileName": "f"}),
    )
    .ok();
    let mut rest = vec![0; content.len()];
    let head = first
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let got = first.len() - head;
    rest[..got].copy_from_slice(&first[head..]);
    line.stream.read_exact(&mut rest[got..]).unwrap();
    assert_eq!(sha1(&rest), sha1(&content));
}
