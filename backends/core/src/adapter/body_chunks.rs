//! [`BodyChunks`]: a request's body as a library pulls it, and [`Upload`]: how far that is.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::body::{Body, BodyStream};

/// The most that a library is given at a time. It takes a chunk of any size as soon as it has some room, and after that
/// the chunk can't be stopped any more; a body that is one buffer would be sent to its end, early response or not.
const PIECE: usize = 256 << 10;

/// The two ends of a body that is to be sent: its bytes for the library, and the hand that stops them.
#[must_use]
pub fn body_chunks(body: Body) -> (BodyChunks, Upload) {
    let stage = if body.is_empty() {
        Stage::Sent
    } else {
        Stage::Flowing
    };
    let state = State {
        stage,
        asked: false,
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

/// How far the sending of one body is, known to both ends: to [`BodyChunks`] in the library's hands and to the caller's.
#[derive(Clone)]
pub struct Upload(Arc<Mutex<State>>);

struct State {
    stage: Stage,
    /// Whether the library has asked for the first byte: there is a connection then.
    asked: bool,
    /// Whoever waits for the source.
    waker: Option<Waker>,
}

enum Stage {
    /// Not all bytes are in the library's hands.
    Flowing,
    /// All of them are. Only now can the connection ever become another request's.
    Sent,
    /// The source failed; the error is here until somebody reports it.
    Failed(Option<io::Error>),
    /// Nobody wants it sent any more.
    GivenUp,
}

impl Upload {
    /// Stops the sending; whether there was anything left to stop. If so, [`BodyChunks`] will never finish.
    pub fn give_up(&self) -> bool {
        let mut state = self.state();
        let flowing = matches!(state.stage, Stage::Flowing);
        if flowing {
            state.stage = Stage::GivenUp;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        flowing
    }

    /// Whether all bytes are in the library's hands.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self.state().stage, Stage::Sent)
    }

    /// Whether the library has asked for the body's first byte, which it does when there is a connection.
    #[must_use]
    pub fn was_asked_for(&self) -> bool {
        self.state().asked
    }

    /// The error of the source, if that is what ended the request.
    #[must_use]
    pub fn take_failure(&self) -> Option<io::Error> {
        match &mut self.state().stage {
            Stage::Failed(error) => error.take(),
            Stage::Flowing | Stage::Sent | Stage::GivenUp => None,
        }
    }

    fn sent(&self) -> Result<(), Aborted> {
        let mut state = self.state();
        match state.stage {
            Stage::Flowing => {
                state.stage = Stage::Sent;
                Ok(())
            }
            Stage::Sent => Ok(()),
            Stage::Failed(_) | Stage::GivenUp => Err(Aborted),
        }
    }

    fn failed(&self, error: io::Error) -> Aborted {
        self.state().stage = Stage::Failed(Some(error));
        Aborted
    }

    /// Before the source is asked: whoever gives up from here on wakes this one.
    fn listen(&self, cx: &Context<'_>) -> Result<(), Aborted> {
        let mut state = self.state();
        state.asked = true;
        if matches!(state.stage, Stage::GivenUp) {
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

/// Stops an upload when it is dropped: first with the future of `send`, then with the response's body.
#[derive(Debug)]
pub struct AbortOnDrop(pub Upload);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state().stage {
            Stage::Flowing => "flowing",
            Stage::Sent => "sent",
            Stage::Failed(_) => "failed",
            Stage::GivenUp => "given up",
        })
    }
}

/// The bytes of a [`Body`], of exactly its length, at most 256 KiB at a time.
///
/// The body is opened at the first poll, which is when its connection asks for it. The source is dropped with the last
/// piece. [`Aborted`] is the last item of a body that does not finish; the reason is in [`Upload`].
pub struct BodyChunks {
    body: Body,
    /// In a mutex that is never locked: so the chunks are `Sync`, as some libraries want a body to be.
    stream: Option<Mutex<BodyStream>>,
    /// What is left of the stream's last chunk.
    chunk: Bytes,
    /// What the library is still to be given of the whole.
    remaining: u64,
    upload: Upload,
}

impl BodyChunks {
    /// How many bytes are still to come.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// A piece of at most so many bytes.
    pub(super) fn poll_piece(
        &mut self,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Aborted>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let piece = match self.upload.listen(cx) {
            Ok(()) => ready!(self.poll_source(most, cx)).map_err(|error| self.upload.failed(error)),
            Err(stopped) => Err(stopped),
        };
        if piece.is_err() || self.remaining == 0 {
            self.stream = None;
            self.chunk = Bytes::new();
        }
        let piece = match piece {
            Ok(piece) if self.remaining == 0 => self.upload.sent().map(|()| piece),
            other => other,
        };
        Poll::Ready(Some(piece))
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
        let piece = self.chunk.split_to(most.min(self.chunk.len()));
        self.remaining -= piece.len() as u64;
        Poll::Ready(Ok(piece))
    }
}

fn length_error(how: &str) -> io::Error {
    io::Error::other(format!(
        "the body's source gave {how} bytes than its length"
    ))
}

impl Stream for BodyChunks {
    type Item = Result<Bytes, Aborted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_piece(PIECE, cx)
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

/// What a library is told when there is no more to send although there should be: it closes the connection.
#[derive(Debug)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body stopped")
    }
}

impl std::error::Error for Aborted {}
