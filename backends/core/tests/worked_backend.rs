//! Tests the backend in the documentation against the protocol.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use b2kit_core::{
    Body, Bytes, CheckedClient, HttpClient, HttpError, HttpErrorKind, Phase, Request, Response,
    SystemTimer, http,
};
use futures::executor::block_on;
use futures::stream::{self, StreamExt};
use threaded::ThreadedClient;

#[path = "../examples/threaded.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "an example has a `main`, and nobody to call it here"
)]
mod threaded;

/// The longest wait for anything that must happen.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The server's end of one connection.
struct Peer(TcpStream);

impl Peer {
    fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
        Self(socket)
    }

    /// The request's line and headers.
    fn head(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.extend(self.body(1));
        }
        let head = String::from_utf8(bytes).unwrap();
        head.trim_end().split("\r\n").map(str::to_owned).collect()
    }

    fn body(&mut self, len: usize) -> Vec<u8> {
        let mut body = vec![0; len];
        self.0.read_exact(&mut body).unwrap();
        body
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Waits until the client closes.
    fn drain(&mut self) {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => panic!("it doesn't close"),
                Err(_) => return,
            }
        }
    }
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

fn client() -> ThreadedClient {
    ThreadedClient {
        connect_timeout: WAIT_TIMEOUT,
    }
}

fn request(method: &str, uri: String, body: impl Into<Body>) -> Request {
    let body = body.into();
    http::Request::builder()
        .method(method)
        .uri(uri)
        .header("content-length", body.len())
        .body(body)
        .unwrap()
}

type Sending = Receiver<Result<Response, HttpError>>;

fn send(request: Request) -> Sending {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _ = sender.send(block_on(client().send(request)));
    });
    receiver
}

fn response(sending: &Sending) -> Response {
    sending.recv_timeout(WAIT_TIMEOUT).unwrap().unwrap()
}

fn error(sending: &Sending) -> HttpError {
    sending.recv_timeout(WAIT_TIMEOUT).unwrap().unwrap_err()
}

fn read(response: Response) -> Result<Bytes, HttpError> {
    block_on(response.into_body().collect(64 << 20))
}

/// The result of a request that gets these bytes and a close.
fn answered(bytes: &str) -> Result<Response, HttpError> {
    let (listener, origin) = listen();
    let sending = send(request("GET", origin + "/", ""));
    let mut peer = Peer::accept(&listener);
    peer.head();
    peer.send(bytes);
    drop(peer);
    sending.recv_timeout(WAIT_TIMEOUT).unwrap()
}

/// A source that signals when it is dropped.
fn watched<S>(source: S) -> (impl stream::Stream<Item = S::Item>, Receiver<()>)
where
    S: stream::Stream,
{
    let (alive, gone) = channel::<()>();
    let source = source.map(move |chunk| {
        let _owned = &alive;
        chunk
    });
    (source, gone)
}

#[test]
fn the_request_arrives_unchanged_with_host_added() {
    for target in ["/", "/?q", "/a/../b", "//a/./b", "/%2e%2F+%00"] {
        let (listener, origin) = listen();
        let mut given = request("POST", format!("{origin}{target}"), "body");
        given
            .headers_mut()
            .insert("authorization", "token".parse().unwrap());
        let sending = send(given);
        let mut peer = Peer::accept(&listener);
        let mut head = peer.head();
        assert_eq!(head.remove(0), format!("POST {target} HTTP/1.1"));
        head.sort();
        let host = origin.replace("http://", "host: ");
        assert_eq!(head, ["authorization: token", "content-length: 4", &host]);
        assert_eq!(peer.body(4), b"body");
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(read(response(&sending)).unwrap(), "");
    }
}

#[test]
fn large_bodies_stream_both_ways() {
    let whole: Vec<u8> = (0..20 << 20).map(|i: u32| (i % 251) as u8).collect();
    let chunks: Vec<_> = whole.chunks(99_999).map(Bytes::copy_from_slice).collect();
    let body = Body::once(whole.len() as u64, stream::iter(chunks).map(Ok));
    let (listener, origin) = listen();
    let sending = send(request("POST", origin + "/", body));
    let mut peer = Peer::accept(&listener);
    peer.head();
    let received = peer.body(whole.len());
    assert!(received == whole);
    let serving = thread::spawn(move || {
        peer.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            received.len()
        ));
        peer.send(received);
    });
    let response = response(&sending);
    assert_eq!(response.body().len(), Some(whole.len() as u64));
    assert!(read(response).unwrap() == whole);
    serving.join().unwrap();
}

#[test]
fn an_early_response_is_returned_and_dropping_it_ends_the_upload() {
    let (source, gone) = watched(stream::iter([Ok(Bytes::from("part"))]).chain(stream::pending()));
    let (listener, origin) = listen();
    let sending = send(request("POST", origin + "/", Body::once(1 << 40, source)));
    let mut peer = Peer::accept(&listener);
    peer.head();
    peer.body(4);
    peer.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 3\r\n\r\nbad");
    let response = response(&sending);
    assert_eq!(response.status(), 401);
    assert_eq!(read(response).unwrap(), "bad");
    assert_eq!(
        gone.recv_timeout(WAIT_TIMEOUT),
        Err(RecvTimeoutError::Disconnected)
    );
    peer.drain();
}

#[test]
fn the_first_final_response_is_the_response() {
    let response = answered(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
         HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-encoding: gzip\r\n\r\n\x1f raw",
    )
    .unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "/elsewhere");
    assert!(!response.headers().contains_key("link"));
    assert_eq!(response.body().len(), None);
    assert_eq!(read(response).unwrap(), "\x1f raw");
}

#[test]
fn a_response_without_a_body_ends_although_the_connection_stays_open() {
    for (method, head) in [
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"),
    ] {
        let (listener, origin) = listen();
        let sending = send(request(method, origin + "/", ""));
        let mut peer = Peer::accept(&listener);
        peer.head();
        peer.send(head);
        assert_eq!(read(response(&sending)).unwrap(), "");
        peer.drain();
    }
}

#[test]
fn a_body_that_ends_early_is_an_error_item() {
    let response = answered("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").unwrap();
    let mut items: Vec<_> = block_on(StreamExt::collect(response.into_body()));
    let error = items.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed);
    assert_eq!(error.phase(), Phase::ResponseBegun);
    let whole: Vec<u8> = items.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(whole, b"hello");
}

#[test]
fn a_malformed_response_is_a_protocol_error() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(65 << 10));
    for bytes in [
        "220 mail.test\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        &large,
    ] {
        let error = answered(bytes).unwrap_err();
        assert_eq!(
            error.kind(),
            HttpErrorKind::Protocol,
            "{bytes:?}: {error:?}"
        );
        assert_eq!(error.phase(), Phase::MaybeReceived);
    }
    assert_eq!(answered("").unwrap_err().kind(), HttpErrorKind::Closed);
}

#[test]
fn without_a_connection_nothing_was_sent() {
    let (listener, refusing) = listen();
    drop(listener);
    for (uri, kind) in [
        (refusing, HttpErrorKind::Connect),
        (
            "http://does-not-exist.invalid".into(),
            HttpErrorKind::Resolve,
        ),
        ("https://localhost".into(), HttpErrorKind::Invalid),
        (
            "http://user:password@localhost".into(),
            HttpErrorKind::Invalid,
        ),
    ] {
        let never = Body::replay(1, || -> io::Result<stream::Empty<_>> { panic!("opened") });
        let error = error(&send(request("POST", uri + "/", never)));
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!(error.phase(), Phase::NotSent);
    }
}

#[test]
fn an_error_of_the_source_is_returned_to_the_caller() {
    let source = stream::iter([Ok(Bytes::from("part")), Err(io::Error::other("disk"))]);
    let (listener, origin) = listen();
    let sending = send(request("POST", origin + "/", Body::once(8, source)));
    let mut peer = Peer::accept(&listener);
    let error = error(&sending);
    assert_eq!(error.kind(), HttpErrorKind::Source);
    assert_eq!(error.source().unwrap().to_string(), "disk");
    peer.drain();
}

#[test]
fn dropping_the_future_closes_the_connection_and_drops_the_source() {
    let full = Bytes::from(vec![0; 1 << 20]);
    let flood = stream::repeat(full).map(Ok).boxed();
    for source in [flood, stream::pending().boxed()] {
        let (source, gone) = watched(source);
        let (listener, origin) = listen();
        let request = request("POST", origin + "/", Body::once(1 << 40, source));
        let (release, released) = futures::channel::oneshot::channel::<()>();
        let sending = thread::spawn(move || {
            let client = client();
            block_on(futures::future::select(client.send(request), released));
        });
        let mut peer = Peer::accept(&listener);
        peer.head();
        release.send(()).unwrap();
        sending.join().unwrap();
        assert_eq!(
            gone.recv_timeout(WAIT_TIMEOUT),
            Err(RecvTimeoutError::Disconnected)
        );
        peer.drain();
    }
}

#[test]
fn dropping_the_response_half_way_closes_the_connection() {
    let (listener, origin) = listen();
    let sending = send(request("GET", origin + "/", ""));
    let mut peer = Peer::accept(&listener);
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nfirst");
    let mut body = response(&sending).into_body();
    assert_eq!(block_on(body.next()).unwrap().unwrap(), "first");
    drop(body);
    peer.drain();
}

#[test]
fn it_works_in_a_checked_client() {
    let (listener, origin) = listen();
    let (sender, sending) = channel();
    thread::spawn(move || {
        let checked = CheckedClient::new(client(), SystemTimer);
        // Without a Content-Length, which `CheckedClient` sets.
        let request = http::Request::post(origin + "/").body(Body::from("body"));
        let _ = sender.send(block_on(checked.send(request.unwrap())));
    });
    let mut peer = Peer::accept(&listener);
    assert!(peer.head().contains(&"content-length: 4".to_owned()));
    peer.body(4);
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(read(response(&sending)).unwrap(), "ok");
}
