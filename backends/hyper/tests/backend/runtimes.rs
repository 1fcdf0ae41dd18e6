//! On which executors the backend works, and what happens when one is gone.

use std::sync::mpsc::{Receiver, Sender, channel};

use b2kit_conformance::client::{
    PendingFuture, chain, get, in_chunks, pattern, post, read, start_send,
};
use b2kit_conformance::server::{Peer, RawServer, WAIT_TIMEOUT};
use b2kit_core::{Body, Bytes, HttpClient, HttpErrorKind, Phase};
use b2kit_hyper::HyperClient;
use futures::stream;
use tokio::runtime;

use crate::client;

/// Sends a body back to where it came from.
fn echo(mut peer: Peer) {
    while let Some(head) = peer.next_head() {
        let len = head.values("content-length")[0].parse().unwrap();
        let body = peer.body(len);
        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n"));
        peer.send(body);
    }
}

/// Bodies both ways, one after the other and side by side.
async fn works(client: &HyperClient) {
    let server = RawServer::scripted(echo);
    let exchange = async || {
        let request = post(server.uri("/"), in_chunks(pattern(1 << 20), 10_000));
        let response = client.send(request).await.unwrap();
        let body = response.into_body().collect(1 << 20).await.unwrap();
        assert!(body == pattern(1 << 20));
    };
    exchange().await;
    futures::join!(exchange(), exchange(), exchange());
}

fn multi_thread() -> runtime::Runtime {
    runtime::Runtime::new().unwrap()
}

fn current_thread() -> runtime::Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn the_current_runtime_is_used() {
    for tokio in [multi_thread(), current_thread()] {
        tokio.block_on(async {
            let client = HyperClient::new().unwrap();
            assert!(format!("{client:?}").contains("current"));
            works(&client).await;
        });
    }
}

#[test]
fn a_dedicated_runtime_works_with_every_executor() {
    let client = HyperClient::new().unwrap();
    assert!(format!("{client:?}").contains("dedicated"));
    futures::executor::block_on(works(&client));
    smol::block_on(works(&client));
    current_thread().block_on(works(&client));
    multi_thread().block_on(works(&client));
}

#[test]
fn a_client_of_a_tokio_runtime_works_on_another_executor() {
    let tokio = multi_thread();
    let client = {
        let _context = tokio.enter();
        HyperClient::builder().current_runtime().build().unwrap()
    };
    futures::executor::block_on(works(&client));
    current_thread().block_on(works(&client));
}

#[test]
fn without_its_runtime_a_client_returns_an_error() {
    let server = RawServer::start();
    for tokio in [multi_thread(), current_thread()] {
        let client = {
            let _context = tokio.enter();
            HyperClient::new().unwrap()
        };
        drop(tokio);
        for _ in 0..2 {
            let error = start_send(&client, get(server.uri("/"))).error();
            assert_eq!(error.kind(), HttpErrorKind::Other, "{}", chain(&error));
            assert_eq!(error.phase(), Phase::NotSent);
            assert!(chain(&error).contains("has been shut down"), "{error:?}");
        }
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn requests_in_flight_fail_when_the_runtime_ends() {
    let server = RawServer::start();
    let tokio = multi_thread();
    let client = {
        let _context = tokio.enter();
        HyperClient::new().unwrap()
    };
    let reading = start_send(&client, get(server.uri("/1")));
    let mut first = server.accept();
    first.head();
    first.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    let response = reading.response();
    let waiting = start_send(&client, get(server.uri("/2")));
    let mut second = server.accept();
    second.head();
    drop(tokio);

    let error = waiting.error();
    assert_eq!(error.kind(), HttpErrorKind::Closed, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::MaybeReceived);
    let error = read(response).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::ResponseBegun);
}

#[test]
fn a_runtime_without_drivers_is_an_error_and_does_not_panic() {
    let tokio = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let client = {
        let _context = tokio.enter();
        HyperClient::new().unwrap()
    };
    let error = start_send(&client, get("http://127.0.0.1:1/")).error();
    assert_eq!(error.kind(), HttpErrorKind::Other, "{}", chain(&error));
    assert_eq!(error.phase(), Phase::NotSent);
}

#[test]
fn the_last_client_can_be_dropped_on_its_own_runtime() {
    /// A part of a body's source, which the connection's task drops: when all other clients are gone.
    struct Last {
        client: Option<HyperClient>,
        others_are_gone: Receiver<()>,
        gone: Sender<Option<String>>,
    }

    impl Drop for Last {
        fn drop(&mut self) {
            self.others_are_gone.recv_timeout(WAIT_TIMEOUT).unwrap();
            drop(self.client.take());
            let thread = std::thread::current().name().map(str::to_owned);
            self.gone.send(thread).unwrap();
        }
    }

    let server = RawServer::start();
    let client = client();
    let (others_go, others_are_gone) = channel();
    let (sender, gone) = channel();
    let last = Last {
        client: Some(client.clone()),
        others_are_gone,
        gone: sender,
    };
    let source = stream::unfold(last, |last| async move {
        Some((Ok(Bytes::from(vec![0; 1 << 16])), last))
    });
    let request = post(server.uri("/"), Body::once(1 << 40, source));
    let sending = PendingFuture::start(async move {
        let _ = client.send(request).await;
    });
    let mut peer = server.accept();
    peer.head();
    sending.drop_now();
    others_go.send(()).unwrap();
    let thread = gone.recv_timeout(WAIT_TIMEOUT).unwrap();
    assert_eq!(thread.as_deref(), Some("b2kit-hyper"));
    peer.drain();
}

/// What users rely on without naming it.
#[test]
fn the_client_can_be_shared_and_moved() {
    fn is<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    is::<HyperClient>();
    let _: std::sync::Arc<dyn HttpClient> = std::sync::Arc::new(client());
}
