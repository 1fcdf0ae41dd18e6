//! Clients that are slow, numerous or malicious, on raw sockets.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "hardening/failures.rs"]
mod failures;
mod line;
#[path = "hardening/requests.rs"]
mod requests;
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

/// Waits in real time, which only the socket measures. (Not by parking the thread, which executors
/// leave unparked.)
fn pass(time: Duration) {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    receiver.recv_timeout(time).unwrap_err();
}

const SOON: Duration = Duration::from_millis(200);

fn hasty() -> ServerBuilder {
    Server::builder().head_timeout(SOON).stall_timeout(SOON)
}

/// The status of a listing that should succeed.
fn listing_status(server: &Server, wire: &Wire) -> u16 {
    let headers = [("Authorization", wire.token.as_str())];
    let target = format!(
        "/b2api/v4/b2_list_buckets?accountId={}",
        wire.emulator.account_id()
    );
    Line::to(server).ask("GET", &target, &headers, b"").status
}

/// Requires the server to work.
fn is_well(server: &Server, wire: &Wire) {
    assert_eq!(listing_status(server, wire), 200);
}

/// The same, once the server has noticed that connections are closed. One that was answered counts
/// for a moment longer.
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

/// An independent client: hyper accepts no response before it has sent its request.
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

/// Whether a new client is told that there are too many connections.
#[test]
fn idle_connections_are_closed_and_leave_room_for_others() {
    let wire = Wire::new();
    let server = hasty().connections(300).start(&wire.emulator).unwrap();
    let idle: Vec<Line> = (0..300).map(|_| Line::to(&server)).collect();
    is_well_again(&server, &wire);
    drop(idle);
}

/// A clock that panics on request.
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
