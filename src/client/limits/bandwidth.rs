//! [`Bandwidth`]: limits the file bytes sent and received per second.
//!
//! The limit applies above the `CheckedClient` that wraps the backend, so that throttling is never
//! mistaken for a stalled server.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use b2kit_core::time::saturating_add;
use b2kit_core::{Body, Bytes, Request, ResponseBody, Sleep, Timer};
use futures_core::Stream;

/// The allowed burst, which compensates for sleeps that end late.
const MAX_BURST: Duration = Duration::from_millis(100);

/// The bandwidth limit shared by all transfers of a client.
pub(in crate::client) struct Bandwidth {
    timer: Arc<dyn Timer>,
    bytes_per_second: u64,
    /// The time at which the bytes admitted so far will have been sent at the limited rate.
    free_at: Mutex<Instant>,
}

impl Bandwidth {
    pub(in crate::client) fn new(timer: Arc<dyn Timer>, bytes_per_second: u64) -> Arc<Self> {
        let now = timer.now();
        Arc::new(Self {
            timer,
            bytes_per_second,
            free_at: Mutex::new(now),
        })
    }

    /// Limits the body of a request.
    pub(in crate::client) fn outgoing(self: &Arc<Self>, request: Request) -> Request {
        let pace = Arc::clone(self);
        request.map(|body| {
            if body.is_empty() {
                return body;
            }
            Body::replay(body.len(), move || Ok(pace.rate_limited(body.open()?)))
        })
    }

    /// Limits the body of a response.
    pub(in crate::client) fn incoming(self: &Arc<Self>, body: ResponseBody) -> ResponseBody {
        ResponseBody::new(body.len(), self.rate_limited(body))
    }

    fn rate_limited<S>(self: &Arc<Self>, source: S) -> RateLimited<S> {
        RateLimited {
            pace: Arc::clone(self),
            source,
            held: Bytes::new(),
            paused: None,
        }
    }

    /// Admits bytes. Returns how long to wait before passing them on.
    fn wait(&self, bytes: usize) -> Duration {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_second);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = self.timer.now();
        let earliest = now.checked_sub(MAX_BURST).unwrap_or(now);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = saturating_add((*free_at).max(earliest), time);
        free_at.saturating_duration_since(now)
    }

    /// The largest chunk: the bytes of 10 ms.
    fn max_chunk(&self) -> usize {
        (self.bytes_per_second / 100).clamp(1, 256 << 10) as usize
    }
}

/// A rate-limited stream.
struct RateLimited<S> {
    pace: Arc<Bandwidth>,
    source: S,
    held: Bytes,
    /// The sleep before the next chunk, and the chunk's length.
    paused: Option<(Sleep, usize)>,
}

impl<S, E> Stream for RateLimited<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<Bytes, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some((sleep, bytes)) = &mut this.paused {
                ready!(sleep.as_mut().poll(cx));
                let chunk = this.held.split_to(*bytes);
                this.paused = None;
                return Poll::Ready(Some(Ok(chunk)));
            }
            if this.held.is_empty() {
                match ready!(Pin::new(&mut this.source).poll_next(cx)) {
                    Some(Ok(bytes)) => this.held = bytes,
                    other => return Poll::Ready(other),
                }
                continue;
            }
            let bytes = this.held.len().min(this.pace.max_chunk());
            let wait = this.pace.wait(bytes);
            if wait.is_zero() {
                return Poll::Ready(Some(Ok(this.held.split_to(bytes))));
            }
            this.paused = Some((this.pace.timer.sleep(wait), bytes));
        }
    }
}
