//! The body of a request while it is sent: checks its length, measures its speed, and can stop it.

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
use crate::throughput_monitor::ThroughputLimit;
use crate::timer::Timer;

/// The largest chunk that a backend is given, so that a server which reads slowly but steadily is not taken for one
/// that has stopped: it has to read a chunk within the limit on stalling. Splitting a chunk copies nothing.
const MAX_CHUNK: usize = 32 * 1024;

/// A body of at most this length is not split: all of it fits into the buffers of the library and the system, and it is
/// sent with fewer system calls.
const MAX_UNSPLIT: u64 = 256 * 1024;

/// The party that the exchange is waiting for, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) enum WaitingFor {
    /// The backend, which has not polled the body yet.
    BodyRequest(Instant),
    /// The source of the body, which isn't ready.
    Source,
    /// The server, which has a chunk to read.
    ServerRead(Instant),
    /// The server, which has the whole body.
    ResponseHead(Instant),
}

/// The state of an upload, shared by the body's stream and the future that waits for the response.
pub(super) struct Upload {
    len: u64,
    timer: Arc<dyn Timer>,
    state: Mutex<State>,
}

struct State {
    waiting_for: WaitingFor,
    taken: u64,
    /// The length of the chunk that the server is reading.
    chunk: u64,
    /// The minimum speed at which the server has to read.
    min_throughput: Option<ThroughputLimit>,
    /// The error of the source, which becomes the source of the backend's error.
    failure: Option<io::Error>,
    paused: bool,
    aborted: bool,
    waker: Option<Waker>,
}

impl Upload {
    pub(super) fn begin(
        len: u64,
        min_throughput: Option<Throughput>,
        timer: Arc<dyn Timer>,
    ) -> Arc<Self> {
        let now = timer.now();
        // A request without a body is complete from the start.
        let waiting_for = if len == 0 {
            WaitingFor::ResponseHead(now)
        } else {
            WaitingFor::BodyRequest(now)
        };
        let state = State {
            waiting_for,
            taken: 0,
            chunk: 0,
            min_throughput: min_throughput.and_then(ThroughputLimit::new),
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

    /// What is being waited for, and how much longer the server may take to read before it is too slow.
    pub(super) fn waiting_for(&self, now: Instant) -> (WaitingFor, Option<Duration>) {
        let state = self.lock();
        let waiting = match state.waiting_for {
            WaitingFor::ServerRead(since) => now.saturating_duration_since(since),
            // The server has the whole body, so the deadline for the head applies.
            WaitingFor::ResponseHead(_) => return (state.waiting_for, None),
            WaitingFor::BodyRequest(_) | WaitingFor::Source => Duration::ZERO,
        };
        let min_throughput = state.min_throughput.as_ref();
        (
            state.waiting_for,
            min_throughput.map(|limit| limit.remaining().saturating_sub(waiting)),
        )
    }

    /// Stops reading the source; chunks that the backend already has may still be sent.
    pub(super) fn pause(&self) {
        self.lock().paused = true;
    }

    /// Corrects the kind and phase of the backend's error, using the state of the body.
    pub(super) fn refine_error(&self, error: HttpError) -> HttpError {
        let mut state = self.lock();
        let phase = if state.taken > 0 {
            Phase::MaybeReceived
        } else {
            Phase::NotSent
        };
        match state.failure.take() {
            Some(failure) => HttpError::new(HttpErrorKind::Source, phase).with_source(failure),
            // A player reads the body only to compare it.
            None if error.kind() == HttpErrorKind::NoMatch => error,
            None => error.at_least(phase),
        }
    }

    /// Whether more of the source may be read.
    fn permission_to_read(&self, cx: &Context<'_>) -> ReadPermission {
        let mut state = self.lock();
        if state.taken == self.len {
            return ReadPermission::Granted;
        }
        if state.aborted {
            return ReadPermission::Aborted;
        }
        if !state.paused {
            return ReadPermission::Granted;
        }
        let _outlives_the_lock = state.waker.replace(cx.waker().clone());
        drop(state);
        ReadPermission::Paused
    }

    /// Records that the source isn't ready. `false` if the request was aborted in the meantime: then nothing would wake
    /// the task.
    fn wait_for_source(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if state.aborted {
            return false;
        }
        state.record_taken(self.timer.now());
        state.waiting_for = WaitingFor::Source;
        let _outlives_the_lock = state.waker.replace(cx.waker().clone());
        drop(state);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Records that the server has read the last chunk, since the backend asks for another.
    fn record_taken(&mut self, now: Instant) {
        if let (WaitingFor::ServerRead(since), Some(min_throughput)) =
            (self.waiting_for, &mut self.min_throughput)
        {
            min_throughput.record_wait(now.saturating_duration_since(since));
            min_throughput.record_bytes(std::mem::take(&mut self.chunk));
        }
    }
}

enum ReadPermission {
    Granted,
    Paused,
    Aborted,
}

/// Aborts the upload when it is dropped: the body's stream fails, so the backend has to close the connection.
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

/// The same body, checked and timed. It can be opened once, since it belongs to one attempt. Its source is opened at
/// the first poll, when there is a connection to send it on.
pub(super) fn checked_body(body: Body, upload: &Arc<Upload>) -> Body {
    let len = body.len();
    let upload = Arc::clone(upload);
    let source = Source::Closed(body);
    Body::once(
        len,
        CheckedRequestBody {
            upload,
            source,
            held: Bytes::new(),
            read: 0,
            ended: false,
        },
    )
}

/// The stream that the backend reads.
struct CheckedRequestBody {
    upload: Arc<Upload>,
    source: Source,
    /// Bytes read from the source and not given to the backend yet.
    held: Bytes,
    /// Bytes read from the source so far.
    read: u64,
    /// Whether the source has ended.
    ended: bool,
}

impl CheckedRequestBody {
    fn abort(&mut self) -> Poll<Option<io::Result<Bytes>>> {
        self.source = Source::Gone;
        self.held = Bytes::new();
        Poll::Ready(Some(Err(io::Error::other("the request was aborted"))))
    }

    fn fail(&mut self, failure: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.source = Source::Gone;
        self.held = Bytes::new();
        let told = io::Error::new(failure.kind(), failure.to_string());
        self.upload.lock().failure = Some(failure);
        Poll::Ready(Some(Err(told)))
    }

    fn emit(&mut self, chunk: Bytes) -> Poll<Option<io::Result<Bytes>>> {
        let now = self.upload.timer.now();
        let mut state = self.upload.lock();
        state.record_taken(now);
        state.chunk = chunk.len() as u64;
        state.taken += state.chunk;
        state.waiting_for = if state.taken == self.upload.len {
            WaitingFor::ResponseHead(now)
        } else {
            WaitingFor::ServerRead(now)
        };
        drop(state);
        Poll::Ready(Some(Ok(chunk)))
    }
}

impl Stream for CheckedRequestBody {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.upload.permission_to_read(cx) {
            ReadPermission::Granted => {}
            ReadPermission::Paused => return Poll::Pending,
            ReadPermission::Aborted => return this.abort(),
        }
        loop {
            let whole = this.read == this.upload.len;
            let most = match this.upload.len {
                0..=MAX_UNSPLIT => usize::MAX,
                _ => MAX_CHUNK,
            };
            // The last chunk is held back until the source has ended at its declared length.
            if !this.held.is_empty() && (this.ended || !whole || this.held.len() > most) {
                let chunk = this.held.split_to(this.held.len().min(most));
                return this.emit(chunk);
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
                        return this.fail(source_too_long(this.upload.len));
                    }
                    this.held = chunk;
                }
                Poll::Ready(Some(Err(failure))) => return this.fail(failure),
                Poll::Ready(None) if !whole => {
                    return this.fail(source_too_short(this.read, this.upload.len));
                }
                Poll::Ready(None) => {
                    this.ended = true;
                    this.source = Source::Gone;
                }
                Poll::Pending if this.upload.wait_for_source(cx) => return Poll::Pending,
                Poll::Pending => return this.abort(),
            }
        }
    }
}

enum Source {
    Closed(Body),
    Open(BodyStream),
    /// Read to its end, failed, or aborted, and dropped.
    Gone,
}

fn source_too_short(read: u64, len: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the source ended after {read} of {len} bytes"),
    )
}

pub(super) fn source_too_long(len: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the source has more than the {len} bytes it declared"),
    )
}
