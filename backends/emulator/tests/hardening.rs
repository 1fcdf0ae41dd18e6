//! Clients that are slow, numerous or malicious, on raw sockets.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "hardening/failures.rs"]
mod failures;
#[path = "hardening/half_close.rs"]
mod half_close;
mod raw_client;
mod raw_connection;
#[path = "hardening/requests.rs"]
mod requests;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use b2kit_emulator::{Clock, Emulator, Fault, FaultKind, ManualClock, Server, ServerBuilder};
use raw_client::{RawClient, sha1};
use raw_connection::{RawConnection, path};
use serde_json::json;

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
fn listing_status(server: &Server, client: &RawClient) -> u16 {
    let headers = [("Authorization", client.token.as_str())];
    let target = format!(
        "/b2api/v4/b2_list_buckets?accountId={}",
        client.emulator.account_id()
    );
    RawConnection::to(server)
        .send("GET", &target, &headers, b"")
        .status
}

/// Requires the server to work.
fn is_well(server: &Server, client: &RawClient) {
    assert_eq!(listing_status(server, client), 200);
}

/// The same, once the server has noticed that connections are closed. One that was answered counts
/// for a moment longer.
fn is_well_again(server: &Server, client: &RawClient) {
    let mut statuses = std::iter::repeat_with(|| listing_status(server, client));
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
    let client = RawClient::new();
    let server = hasty().start(&client.emulator).unwrap();
    let mut connection = RawConnection::to(&server);
    // it would take minutes to its end
    for byte in b"GET / HTTP/1.1\r\nX-Slow: "
        .iter()
        .chain(std::iter::repeat(&b'x'))
    {
        if connection.stream.get_mut().write_all(&[*byte]).is_err() {
            break;
        }
        pass(Duration::from_millis(10));
    }
    assert!(connection.is_at_end());
    is_well(&server, &client);
}

#[test]
fn a_silent_client_is_disconnected_before_and_after_a_request() {
    let client = RawClient::new();
    let server = hasty().start(&client.emulator).unwrap();
    assert!(RawConnection::to(&server).is_at_end());
    let mut connection = RawConnection::to(&server);
    assert_eq!(connection.send("GET", "/", &[], b"").status, 404);
    assert!(connection.is_at_end());
    is_well(&server, &client);
}

#[test]
fn a_stalled_upload_gets_408_and_stores_nothing() {
    let client = RawClient::new();
    let server = hasty().start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &upload_headers(&url, "100"));
    connection.write(b"half");
    let response = connection.response();
    assert_eq!(response.status, 408);
    assert_eq!(response.json()["code"], "request_timeout");
    assert!(connection.is_at_end());
    let snapshot = client.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
    let mut connection = RawConnection::to(&server);
    connection.head(
        "POST",
        "/b2api/v4/b2_list_buckets",
        &[
            ("Host", "x"),
            ("Authorization", &client.token),
            ("Content-Length", "100"),
        ],
    );
    assert_eq!(connection.response().status, 408);
    is_well(&server, &client);
}

#[test]
fn a_slow_but_steady_upload_is_accepted() {
    let client = RawClient::new();
    let server = Server::builder()
        .stall_timeout(SOON * 5)
        .start(&client.emulator)
        .unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &upload_headers(&url, "10"));
    for _ in 0..10 {
        pass(SOON * 3 / 4);
        connection.write(b"x");
    }
    assert_eq!(connection.response().status, 200);
}

#[test]
fn a_connection_within_a_request_is_not_idle() {
    let client = RawClient::new();
    let server = Server::builder()
        .head_timeout(SOON)
        .start(&client.emulator)
        .unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &upload_headers(&url, "2"));
    for _ in 0..2 {
        pass(SOON * 3 / 2);
        connection.write(b"x");
    }
    assert_eq!(connection.response().status, 200);
    assert!(connection.is_at_end());
}

#[test]
fn a_timeout_may_be_as_long_as_its_type_allows() {
    let client = RawClient::new();
    let server = Server::builder()
        .head_timeout(Duration::MAX)
        .stall_timeout(Duration::MAX)
        .start(&client.emulator)
        .unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &upload_headers(&url, "2"));
    for _ in 0..2 {
        // long enough for the server to wait
        pass(SOON);
        connection.write(b"x");
    }
    assert_eq!(connection.response().status, 200);
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let client = RawClient::new();
    let server = hasty().start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPublic");
    // more than the buffers of both ends hold
    let content = vec![7; 64 << 20];
    client.upload(&bucket, "f", &content);
    let mut connection = RawConnection::to(&server);
    connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    pass(SOON * 5);
    let mut all = Vec::new();
    // a proper end or a reset, but not all of it
    connection.stream.read_to_end(&mut all).ok();
    assert!(all.len() < content.len());
    is_well(&server, &client);
}

#[test]
fn connections_beyond_the_limit_get_503_and_the_others_are_served() {
    let client = RawClient::new();
    let server = Server::builder()
        .connections(3)
        .start(&client.emulator)
        .unwrap();
    let mut inside: Vec<RawConnection> = (0..3).map(|_| RawConnection::to(&server)).collect();
    for connection in &mut inside {
        assert_eq!(connection.send("GET", "/", &[], b"").status, 404);
    }
    let mut late = RawConnection::to(&server);
    // a client that has sent much before it reads still gets the response
    let response = late.send("POST", "/", &[], &vec![7; 3 << 20]);
    assert_eq!(response.status, 503);
    assert_eq!(response.header("connection"), "close");
    assert_eq!(response.json()["code"], "service_unavailable");
    assert_eq!(response.header("retry-after"), "1");
    assert!(late.is_at_end());
    assert_eq!(inside[0].send("GET", "/", &[], b"").status, 404);
    drop(inside);
    is_well_again(&server, &client);
}

/// An independent client: hyper accepts no response before it has sent its request.
#[test]
fn a_hyper_client_can_read_the_503_of_a_full_server() {
    let client = RawClient::new();
    let server = Server::builder()
        .connections(1)
        .start(&client.emulator)
        .unwrap();
    let mut inside = RawConnection::to(&server);
    assert_eq!(inside.send("GET", "/", &[], b"").status, 404);
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
    assert_eq!(inside.send("GET", "/", &[], b"").status, 404);
}

/// Whether a new client gets the response that there are too many connections.
#[test]
fn idle_connections_are_closed_and_leave_room_for_others() {
    let client = RawClient::new();
    let server = hasty().connections(300).start(&client.emulator).unwrap();
    let idle: Vec<RawConnection> = (0..300).map(|_| RawConnection::to(&server)).collect();
    is_well_again(&server, &client);
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
    let client = RawClient::with(emulator, clock);
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPublic");
    let content: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 249) as u8).collect();
    let file = client.upload(&bucket, "f", &content);
    let mut connection = RawConnection::to(&server);
    connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
    let mut first = [0; 1000];
    connection.stream.read_exact(&mut first).unwrap();
    client
        .post(
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
    connection.stream.read_exact(&mut rest[got..]).unwrap();
    assert_eq!(sha1(&rest), sha1(&content));
}
