//! The request's body on its way out: exactly as long as promised, watched, and stoppable.

use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;

use crate::body::{Body, BodyStream};
use crate::deadlines::Throughput;
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::timer::Timer;
use crate::waiting::Limit;

/// Bodies are handed over in pieces of at most this many bytes, so that progress shows even where the body is one
/// large chunk in memory. Cutting a chunk copies nothing.
const PIECE: usize = 256 * 1024;

/// Whose turn it is, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// The backend's or the server's: the body was not asked for yet.
    Start(Instant),
    /// Ours: the source isn't ready.
    Source,
    /// The server's: it has a piece to take.
    Body(Instant),
    /// The server's: it has the whole body.
    Head(Instant),
}

/// What the body's stream and the one who waits for the response tell each other.
pub(super) struct Upload {
    len: u64,
    timer: Arc<dyn Timer>,
    state: Mutex<State>,
}

struct State {
    turn: Turn,
    taken: u64,
    /// The piece that the server is to take.
    piece: u64,
    /// How fast it has to.
    least: Option<Limit>,
    /// Why the source failed, for the error that the backend will make of it.
    failure: Option<io::Error>,
    paused: bool,
    aborted: bool,
    waker: Option<Waker>,
}

impl Upload {
    pub(super) fn begin(len: u64, least: Option<Throughput>, timer: Arc<dyn Timer>) -> Arc<Self> {
        let now = timer.now();
        // A request without a body has said all it has to say.
        let turn = if len == 0 {
            Turn::Head(now)
        } else {
            Turn::Start(now)
        };
        let state = State {
            turn,
            taken: 0,
            piece: 0,
            least: least.and_then(Limit::new),
            failure: None,
            paused: false,
            aborted: false,
            waker: None,
        };
        Arc::new(Self {
            len,
            timer,
            state: Mutex::new(state),
        })
    }

    pub(super) fn abort_on_drop(self: Arc<Self>) -> AbortOnDrop {
        AbortOnDrop(self)
    }

    /// Whose turn it is, and after how much more waiting the server reads too slowly.
    pub(super) fn turn(&self, now: Instant) -> (Turn, Option<Duration>) {
        let state = self.lock();
        let waiting = match state.turn {
            Turn::Body(since) => now.saturating_duration_since(since),
            // When it has the whole body, the head's deadline holds.
            Turn::Head(_) => return (state.turn, None),
            Turn::Start(_) | Turn::Source => Duration::ZERO,
        };
        let least = state.least.as_ref();
        (
            state.turn,
            least.map(|least| least.left().saturating_sub(waiting)),
        )
    }

    /// No more of the source is read; what was handed over may still leave.
    pub(super) fn pause(&self) {
        self.lock().paused = true;
    }

    /// The backend's error, made truer by what was seen of the body.
    pub(super) fn explain(&self, error: HttpError) -> HttpError {
        let mut state = self.lock();
        let phase = if state.taken > 0 {
            Phase::MaybeReceived
        } else {
            Phase::NotSent
        };
        match state.failure.take() {
            Some(failure) => HttpError::new(HttpErrorKind::Source, phase).with_source(failure),
            // who only compares a body doesn't send it
            None if error.kind() == HttpErrorKind::NoMatch => error,
            None => error.at_least(phase),
        }
    }

    /// Whether the source may be read on.
    fn stop(&self, cx: &Context<'_>) -> Stop {
        let mut state = self.lock();
        if state.taken == self.len {
            return Stop::Go;
        }
        if state.aborted {
            return Stop::AbortOnDrop;
        }
        if !state.paused {
            return Stop::Go;
        }
        let _outlives_the_lock = state.waker.replace(cx.waker().clone());
        drop(state);
        Stop::Wait
    }

    /// The source isn't ready. `false` if the request was given up while it was asked: then nobody would wake us.
    fn wait_for_source(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if state.aborted {
            return false;
        }
        state.took(self.timer.now());
        state.turn = Turn::Source;
        let _outlives_the_lock = state.waker.replace(cx.waker().clone());
        drop(state);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The server has taken the last piece, since it asks for another.
    fn took(&mut self, now: Instant) {
        if let (Turn::Body(since), Some(least)) = (self.turn, &mut self.least) {
            least.waited(now.saturating_duration_since(since));
            least.moved(std::mem::take(&mut self.piece));
        }
    }
}

enum Stop {
    Go,
    Wait,
    AbortOnDrop,
}

/// Ends the upload when it is dropped: the body's stream fails, and the backend has to close the connection.
pub(super) struct AbortOnDrop(Arc<Upload>);

impl Deref for AbortOnDrop {
    type Target = Upload;

    fn deref(&self) -> &Upload {
        &self.0
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.aborted = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The same body, watched. It can be opened once, since it is one attempt's; and its source is opened when the first
/// piece is asked for, not before there is a connection to send it on.
pub(super) fn wrap(body: Body, upload: &Arc<Upload>) -> Body {
    let len = body.len();
    let upload = Arc::clone(upload);
    let source = Source::Closed(body);
    Body::once(
        len,
        Outgoing {
            upload,
            source,
            held: Bytes::new(),
            read: 0,
            ended: false,
        },
    )
}

/// The stream that the backend reads.
struct Outgoing {
    upload: Arc<Upload>,
    source: Source,
    /// Taken from the source, not handed over yet.
    held: Bytes,
    /// Bytes taken from the source so far.
    read: u64,
    /// The source was seen to end.
    ended: bool,
}

impl Outgoing {
    fn give_up(&mut self) -> Poll<Option<io::Result<Bytes>>> {
        self.source = Source::Gone;
        self.held = Bytes::new();
        Poll::Ready(Some(Err(io::Error::other("the request was given up"))))
    }

    fn fail(&mut self, failure: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.source = Source::Gone;
        self.held = Bytes::new();
        let told = io::Error::new(failure.kind(), failure.to_string());
        self.upload.lock().failure = Some(failure);
        Poll::Ready(Some(Err(told)))
    }

    fn hand_over(&mut self, piece: Bytes) -> Poll<Option<io::Result<Bytes>>> {
        let now = self.upload.timer.now();
        let mut state = self.upload.lock();
        state.took(now);
        state.piece = piece.len() as u64;
        state.taken += state.piece;
        state.turn = if state.taken == self.upload.len {
            Turn::Head(now)
        } else {
            Turn::Body(now)
        };
        drop(state);
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Stream for Outgoing {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.upload.stop(cx) {
            Stop::Go => {}
            Stop::Wait => return Poll::Pending,
            Stop::AbortOnDrop => return this.give_up(),
        }
        loop {
            let whole = this.read == this.upload.len;
            // The last piece waits until the source has been seen to end where it promised to.
            if !this.held.is_empty() && (this.ended || !whole || this.held.len() > PIECE) {
                let piece = this.held.split_to(this.held.len().min(PIECE));
                return this.hand_over(piece);
            }
            let source = match &mut this.source {
                Source::Open(source) => source,
                Source::Closed(body) => match body.open() {
                    Ok(source) => {
                        this.source = Source::Open(source);
                        continue;
                    }
                    Err(failure) => return this.fail(failure),
                },
                Source::Gone => return Poll::Ready(None),
            };
            match source.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    this.read = this.read.saturating_add(chunk.len() as u64);
                    if this.read > this.upload.len {
                        return this.fail(longer(this.upload.len));
                    }
                    this.held = chunk;
                }
                Poll::Ready(Some(Err(failure))) => return this.fail(failure),
                Poll::Ready(None) if !whole => {
                    return this.fail(shorter(this.read, this.upload.len));
                }
                Poll::Ready(None) => {
                    this.ended = true;
                    this.source = Source::Gone;
                }
                Poll::Pending if this.upload.wait_for_source(cx) => return Poll::Pending,
                Poll::Pending => return this.give_up(),
            }
        }
    }
}

enum Source {
    Closed(Body),
    Open(BodyStream),
    /// Read to its end, failed, or given up: dropped in any case.
    Gone,
}

fn shorter(read: u64, len: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the source ended after {read} of {len} bytes"),
    )
}

pub(super) fn longer(len: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the source has more than the {len} bytes it promised"),
    )
}
