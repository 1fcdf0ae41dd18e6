//! Helpers for the client's side of a case.

use std::error::Error as StdError;
use std::future::Future;
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use b2kit_core::{Body, Bytes, HttpClient, HttpError, Request, Response};
use futures::executor::block_on;
use futures::stream::{Stream, StreamExt};

use crate::server::{Peer, RawServer, WAIT_TIMEOUT};

/// A GET request.
pub fn get(uri: impl AsRef<str>) -> Request {
    http::Request::get(uri.as_ref())
        .body(Body::empty())
        .unwrap()
}

/// A POST request with this body.
pub fn post(uri: impl AsRef<str>, body: impl Into<Body>) -> Request {
    http::Request::post(uri.as_ref()).body(body.into()).unwrap()
}

/// Runs the future on a new thread, while the test acts as the server.
pub fn start<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Started<T> {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        let _ = sender.send(block_on(future));
    });
    Started { receiver, thread }
}

/// Sends the request on a new thread.
pub fn start_send(
    client: &(impl HttpClient + Clone),
    request: Request,
) -> Started<Result<Response, HttpError>> {
    let client = client.clone();
    start(async move { client.send(request).await })
}

/// A future that runs while the test acts as the server.
#[derive(Debug)]
pub struct Started<T> {
    receiver: Receiver<T>,
    thread: JoinHandle<()>,
}

impl<T> Started<T> {
    /// Waits for its output.
    pub fn wait(self) -> T {
        self.receiver
            .recv_timeout(WAIT_TIMEOUT)
            .expect("it ends, and doesn't panic")
    }

    /// Whether it has ended.
    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// The next connection to the server, or `None` if the future ends without one.
    pub fn peer_or_end(&self, server: &RawServer) -> Option<Peer> {
        server.accept_unless(|| self.is_over())
    }
}

impl Started<Result<Response, HttpError>> {
    /// Waits for the response.
    pub fn response(self) -> Response {
        self.wait().expect("a response")
    }

    /// Waits for the error.
    pub fn error(self) -> HttpError {
        self.wait().expect_err("an error")
    }
}

/// The whole body of a response.
pub fn read(response: Response) -> Result<Bytes, HttpError> {
    start(response.into_body().collect(64 << 20)).wait()
}

/// All items of a response's body.
pub fn items(response: Response) -> Vec<Result<Bytes, HttpError>> {
    start(response.into_body().collect_items()).wait()
}

trait CollectItems {
    fn collect_items(self) -> impl Future<Output = Vec<Result<Bytes, HttpError>>> + Send;
}

impl CollectItems for b2kit_core::ResponseBody {
    async fn collect_items(self) -> Vec<Result<Bytes, HttpError>> {
        StreamExt::collect(self).await
    }
}

/// The messages of an error and all its sources.
pub fn chain(error: &HttpError) -> String {
    let first: &(dyn StdError + 'static) = error;
    let texts: Vec<_> = successors(Some(first), |&e| e.source())
        .map(ToString::to_string)
        .collect();
    texts.join(": ")
}

/// A future that is polled on a thread of its own until it is dropped on command.
#[derive(Debug)]
pub struct PendingFuture {
    release: futures::channel::oneshot::Sender<()>,
    done: Receiver<()>,
}

impl PendingFuture {
    /// Polls `future`, which must not complete.
    pub fn start(future: impl Future<Output = ()> + Send + 'static) -> Self {
        let (release, released) = futures::channel::oneshot::channel::<()>();
        let (sender, done) = channel();
        thread::spawn(move || {
            block_on(async move {
                futures::future::select(Box::pin(future), released).await;
            });
            let _ = sender.send(());
        });
        Self { release, done }
    }

    /// Sends `request`, which must get no response. The client is kept, since dropping it would close connections too.
    pub fn send(client: &(impl HttpClient + Clone), request: Request) -> Self {
        let client = client.clone();
        Self::start(async move {
            let _ = client.send(request).await;
        })
    }

    /// Drops the future, and returns when that is done.
    pub fn drop_now(self) {
        self.release.send(()).expect("it is still there");
        self.done.recv_timeout(WAIT_TIMEOUT).expect("it is dropped");
    }
}

/// A source of a body, or a buffer, that signals when it is dropped.
#[derive(Debug)]
pub struct DropNotifier<S> {
    watched: S,
    _gone: Sender<()>,
}

impl<S> DropNotifier<S> {
    /// Wraps a value, and returns the signal of its drop.
    pub fn new(watched: S) -> (Self, DropSignal) {
        let (sender, receiver) = channel();
        let watched = Self {
            watched,
            _gone: sender,
        };
        (watched, DropSignal(receiver))
    }
}

impl<S: Stream + Unpin> Stream for DropNotifier<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.watched.poll_next_unpin(cx)
    }
}

impl<S: AsRef<[u8]>> AsRef<[u8]> for DropNotifier<S> {
    fn as_ref(&self) -> &[u8] {
        self.watched.as_ref()
    }
}

/// The signal that a [`DropNotifier`] was dropped.
#[derive(Debug)]
pub struct DropSignal(Receiver<()>);

impl DropSignal {
    /// Waits for it.
    pub fn wait(&self) {
        use std::sync::mpsc::RecvTimeoutError::Disconnected;
        assert_eq!(
            self.0.recv_timeout(WAIT_TIMEOUT),
            Err(Disconnected),
            "it is dropped"
        );
    }
}

/// `len` bytes, of which neighbouring ones differ.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// A replayable body in chunks of this size.
pub fn in_chunks(whole: Vec<u8>, size: usize) -> Body {
    let whole = Arc::new(Bytes::from(whole));
    Body::replay(whole.len() as u64, move || {
        let whole = Arc::clone(&whole);
        let starts = (0..whole.len()).step_by(size);
        Ok(futures::stream::iter(starts.map(move |start| {
            Ok(whole.slice(start..whole.len().min(start + size)))
        })))
    })
}
