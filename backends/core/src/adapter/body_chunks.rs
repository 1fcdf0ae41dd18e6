//! [`BodyChunks`]: a request's body as a stream for an HTTP library, and [`Upload`]: its progress.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::body::{Body, BodyStream};

/// The maximum size of a chunk given to a library. A library can't be stopped in the middle of a chunk, so a body of a
/// single chunk would be sent completely despite an early response.
const MAX_CHUNK: usize = 256 << 10;

/// Splits a body into a stream of its bytes, for the library, and a handle that aborts it.
#[must_use]
pub fn body_chunks(body: Body) -> (BodyChunks, Upload) {
    let stage = if body.is_empty() {
        Stage::Sent
    } else {
        Stage::Running
    };
    let state = State {
        stage,
        polled: false,
        waker: None,
    };
    let upload = Upload(Arc::new(Mutex::new(state)));
    let chunks = BodyChunks {
        remaining: body.len(),
        body,
        stream: None,
        chunk: Bytes::new(),
        upload: upload.clone(),
    };
    (chunks, upload)
}

/// The progress of sending one body, shared by [`BodyChunks`], which the library has, and the adapter.
#[derive(Clone)]
pub struct Upload(Arc<Mutex<State>>);

struct State {
    stage: Stage,
    /// Whether the library has polled the body, which means that there is a connection.
    polled: bool,
    /// The task waiting for the source.
    waker: Option<Waker>,
}

enum Stage {
    /// The library does not have all bytes yet.
    Running,
    /// The library has all bytes. Not before that can the connection be reused for another request.
    Sent,
    /// The source failed; the error is kept until it is reported.
    Failed(Option<io::Error>),
    /// The request was aborted.
    Aborted,
}

impl Upload {
    /// Aborts the upload. `true` if it was still running: then [`BodyChunks`] never completes.
    pub fn abort(&self) -> bool {
        let mut state = self.state();
        let was_running = matches!(state.stage, Stage::Running);
        if was_running {
            state.stage = Stage::Aborted;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        was_running
    }

    /// Whether the library has all bytes.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self.state().stage, Stage::Sent)
    }

    /// Whether the library has polled the body, which it does once there is a connection.
    #[must_use]
    pub fn was_polled(&self) -> bool {
        self.state().polled
    }

    /// The error of the source, if that ended the request. Later calls return `None`.
    #[must_use]
    pub fn take_failure(&self) -> Option<io::Error> {
        match &mut self.state().stage {
            Stage::Failed(error) => error.take(),
            Stage::Running | Stage::Sent | Stage::Aborted => None,
        }
    }

    fn sent(&self) -> Result<(), Aborted> {
        let mut state = self.state();
        match state.stage {
            Stage::Running => {
                state.stage = Stage::Sent;
                Ok(())
            }
            Stage::Sent => Ok(()),
            Stage::Failed(_) | Stage::Aborted => Err(Aborted),
        }
    }

    fn failed(&self, error: io::Error) -> Aborted {
        self.state().stage = Stage::Failed(Some(error));
        Aborted
    }

    /// Registers the task. Called before the source is polled, so that any later abort wakes the task.
    fn register(&self, cx: &Context<'_>) -> Result<(), Aborted> {
        let mut state = self.state();
        state.polled = true;
        if matches!(state.stage, Stage::Aborted) {
            return Err(Aborted);
        }
        let _outlives_the_lock = match &mut state.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            waker => waker.replace(cx.waker().clone()),
        };
        drop(state);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Aborts an upload when it is dropped: with the future of `send`, or with the response's body.
#[derive(Debug)]
pub struct AbortOnDrop(pub Upload);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state().stage {
            Stage::Running => "running",
            Stage::Sent => "sent",
            Stage::Failed(_) => "failed",
            Stage::Aborted => "aborted",
        })
    }
}

/// The bytes of a [`Body`], of exactly its length, at most 256 KiB at a time.
///
/// The body is opened at the first poll, when there is a connection. The source is dropped with the last chunk. A body
/// that does not complete ends with [`Aborted`]; the reason is in [`Upload`].
pub struct BodyChunks {
    body: Body,
    /// The mutex is never locked; it makes the stream `Sync`, which some libraries require of a body.
    stream: Option<Mutex<BodyStream>>,
    /// The rest of the stream's last chunk.
    chunk: Bytes,
    /// Number of bytes that the library has not been given.
    remaining: u64,
    upload: Upload,
}

impl BodyChunks {
    /// Number of bytes that are left.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// A chunk of at most `most` bytes.
    pub(super) fn poll_chunk(
        &mut self,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Aborted>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let chunk = match self.upload.register(cx) {
            Ok(()) => ready!(self.poll_source(most, cx)).map_err(|error| self.upload.failed(error)),
            Err(aborted) => Err(aborted),
        };
        if chunk.is_err() || self.remaining == 0 {
            self.stream = None;
            self.chunk = Bytes::new();
        }
        let chunk = match chunk {
            Ok(chunk) if self.remaining == 0 => self.upload.sent().map(|()| chunk),
            other => other,
        };
        Poll::Ready(Some(chunk))
    }

    fn poll_source(&mut self, most: usize, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        while self.chunk.is_empty() {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => self.stream.insert(Mutex::new(self.body.open()?)),
            };
            let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
            match ready!(stream.as_mut().poll_next(cx)) {
                Some(chunk) => self.chunk = chunk?,
                None => return Poll::Ready(Err(length_error("fewer"))),
            }
            if self.chunk.len() as u64 > self.remaining {
                return Poll::Ready(Err(length_error("more")));
            }
        }
        let chunk = self.chunk.split_to(most.min(self.chunk.len()));
        self.remaining -= chunk.len() as u64;
        Poll::Ready(Ok(chunk))
    }
}

fn length_error(how: &str) -> io::Error {
    io::Error::other(format!(
        "the body's source yielded {how} bytes than it declared"
    ))
}

impl Stream for BodyChunks {
    type Item = Result<Bytes, Aborted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(MAX_CHUNK, cx)
    }
}

impl fmt::Debug for BodyChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyChunks")
            .field("remaining", &self.remaining)
            .field("upload", &self.upload)
            .finish_non_exhaustive()
    }
}

/// The error that a library gets when the body ends early; it then closes the connection.
#[derive(Debug)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body was aborted")
    }
}

impl std::error::Error for Aborted {}
