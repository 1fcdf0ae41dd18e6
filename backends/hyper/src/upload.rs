//! [`SendBody`]: a request's body as hyper pulls it, and [`Upload`]: how far that is.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use b2kit_core::{Body, BodyStream, Bytes};
use http_body::{Frame, SizeHint};

/// How far the sending of one body is, known to both ends: to [`SendBody`] in hyper's hands and to the caller's side.
#[derive(Clone)]
pub(crate) struct Upload(Arc<Mutex<State>>);

enum State {
    /// Not all bytes are in hyper's hands.
    Flowing,
    /// All of them are. Only now can the connection ever become another request's.
    Sent,
    /// The source failed; the error is here until somebody reports it.
    Failed(Option<io::Error>),
    /// Nobody wants it sent any more.
    GivenUp,
}

impl Upload {
    pub(crate) fn new(len: u64) -> Self {
        Self(Arc::new(Mutex::new(if len == 0 {
            State::Sent
        } else {
            State::Flowing
        })))
    }

    /// Stops the sending; whether there was anything left to stop. If so, [`SendBody`] will never finish.
    pub(crate) fn give_up(&self) -> bool {
        let mut state = self.state();
        let flowing = matches!(*state, State::Flowing);
        if flowing {
            *state = State::GivenUp;
        }
        flowing
    }

    /// The error of the source, if that is what ended the request.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        match &mut *self.state() {
            State::Failed(error) => error.take(),
            State::Flowing | State::Sent | State::GivenUp => None,
        }
    }

    fn sent(&self) -> Result<(), Stopped> {
        let mut state = self.state();
        match *state {
            State::Flowing => {
                *state = State::Sent;
                Ok(())
            }
            State::Sent => Ok(()),
            State::Failed(_) | State::GivenUp => Err(Stopped),
        }
    }

    fn failed(&self, error: io::Error) -> Stopped {
        *self.state() = State::Failed(Some(error));
        Stopped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most that hyper is given at a time. It takes a chunk of any size as soon as it has some room, and after that
/// the chunk can't be stopped any more; a body that is one buffer would be sent to its end, early response or not.
const PIECE: usize = 64 << 10;

/// A [`Body`] for hyper. It is opened at the first poll, which is when its connection asks for it.
pub(crate) struct SendBody {
    body: Body,
    stream: Option<BodyStream>,
    /// What is left of the stream's last chunk.
    chunk: Bytes,
    /// What hyper is still to be given of the whole.
    remaining: u64,
    upload: Upload,
}

impl SendBody {
    pub(crate) fn new(body: Body, upload: Upload) -> Self {
        Self {
            remaining: body.len(),
            body,
            stream: None,
            chunk: Bytes::new(),
            upload,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        while self.chunk.is_empty() {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => self.stream.insert(self.body.open()?),
            };
            match ready!(stream.as_mut().poll_next(cx)) {
                Some(chunk) => self.chunk = chunk?,
                None => return Poll::Ready(Err(length_error("fewer"))),
            }
            if self.chunk.len() as u64 > self.remaining {
                return Poll::Ready(Err(length_error("more")));
            }
        }
        let piece = self.chunk.split_to(PIECE.min(self.chunk.len()));
        self.remaining -= piece.len() as u64;
        Poll::Ready(Ok(piece))
    }
}

fn length_error(how: &str) -> io::Error {
    io::Error::other(format!(
        "the body's source gave {how} bytes than its length"
    ))
}

impl http_body::Body for SendBody {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(cx)).map_err(|error| self.upload.failed(error));
        if piece.is_err() || self.remaining == 0 {
            self.stream = None;
        }
        let piece = match piece {
            Ok(piece) if self.remaining == 0 => self.upload.sent().map(|()| piece),
            other => other,
        };
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// What hyper is told when there is no more to send although there should be: it closes the connection. The reason is
/// in [`Upload`].
#[derive(Debug)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body stopped")
    }
}

impl std::error::Error for Stopped {}
