//! Which connection a request takes.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};

use b2kit_conformance::client::{get, pattern, post, read, start_send};
use b2kit_conformance::server::{Peer, RawServer, WAIT_TIMEOUT};
use b2kit_core::{HttpClient, HttpErrorKind, Request, Response};
use b2kit_hyper::HyperClient;
use futures::executor::block_on;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tower_service::Service;

use crate::client;

/// Connects to the ends of pipes, which the test gets.
#[derive(Clone)]
struct Pipes(Sender<DuplexStream>);

struct Pipe(TokioIo<DuplexStream>);

/// What fits into a pipe.
const CAPACITY: usize = 16 << 10;

impl Service<Uri> for Pipes {
    type Response = Pipe;
    type Error = io::Error;
    type Future = Ready<io::Result<Pipe>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (near, far) = duplex(CAPACITY);
        self.0.send(far).unwrap();
        ready(Ok(Pipe(TokioIo::new(near))))
    }
}

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Reads what has been sent so far, and responds.
fn answer(pipe: &mut DuplexStream) {
    block_on(async {
        let mut bytes = [0; 1 << 10];
        assert_ne!(pipe.read(&mut bytes).await.unwrap(), 0);
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        pipe.write_all(response).await.unwrap();
    });
}

#[test]
fn a_connection_with_unwritten_bytes_is_not_used_again() {
    for vectored in [true, false] {
        let (pipes, made) = channel();
        let builder = HyperClient::builder().dedicated_runtime();
        let builder = builder.connector(Pipes(pipes)).configure(|http1| {
            http1.writev(vectored);
        });
        let client = builder.build().unwrap();
        // hyper takes all of it at once, and can't write it.
        let sending = start_send(&client, post("http://b2.test/1", pattern(4 * CAPACITY)));
        let mut first = made.recv_timeout(WAIT_TIMEOUT).unwrap();
        answer(&mut first);
        assert_eq!(read(sending.response()).unwrap(), "ok");
        let sending = start_send(&client, get("http://b2.test/2"));
        let second = made.recv_timeout(WAIT_TIMEOUT);
        answer(&mut second.expect("another connection"));
        assert_eq!(read(sending.response()).unwrap(), "ok");
    }
}

/// Responds with so many headers as the path says.
fn respond(mut peer: Peer) {
    while let Some(head) = peer.next_head() {
        let more: usize = head.target().trim_start_matches('/').parse().unwrap();
        let more: String = (1..more).map(|i| format!("x-{i}: v\r\n")).collect();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{more}\r\n"
        ));
    }
}

fn send(client: &HyperClient, request: Request) -> Response {
    block_on(client.send(request)).unwrap()
}

#[test]
fn responses_about_files_may_have_256_headers_on_a_connection_that_others_share() {
    let server = RawServer::scripted(respond);
    let client = client();
    for round in 0..5 {
        let response = send(&client, post(server.uri("/100"), ""));
        assert_eq!(response.headers().len(), 100);
        let response = send(&client, get(server.uri("/256")));
        assert_eq!(response.headers().len(), 256);
        let mut head = get(server.uri("/256"));
        *head.method_mut() = http::Method::HEAD;
        assert_eq!(send(&client, head).headers().len(), 256);
        // The first was made for a response that could not have so many.
        assert_eq!(server.accepted(), 2, "in round {round}");
    }
}

#[test]
fn responses_with_too_many_headers_are_protocol_errors() {
    let server = RawServer::scripted(respond);
    let client = client();
    for request in [
        post(server.uri("/101"), ""),
        get(server.uri("/257")),
        // Files come from here, so the larger limit holds for all.
        post(server.uri("/257"), ""),
    ] {
        let error = block_on(client.send(request)).unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Protocol, "{error:?}");
    }
    assert_eq!(
        send(&client, post(server.uri("/256"), "")).headers().len(),
        256
    );
}
