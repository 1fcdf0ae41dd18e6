//! [`CheckedResponseBody`]: a response's body that is held to its length and deadlines.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;

use super::total_timeout::{check_total_timeout, too_late};
use super::upload::AbortOnDrop;
use crate::body::ResponseBody;
use crate::deadlines::{Deadlines, Throughput};
use crate::empty_chunks::{EmptyChunkCounter, NextStep};
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::throughput_monitor::ThroughputMonitor;
use crate::time::saturating_add;
use crate::timer::{Sleep, Timer};

/// The stream that the caller reads. It fails if the body is shorter or longer than its framing says, or too slow.
pub(super) struct CheckedResponseBody {
    /// `None` after the end or an error.
    body: Option<(ResponseBody, AbortOnDrop)>,
    length: Option<u64>,
    received: u64,
    throughput: ThroughputMonitor<3>,
    empty_chunks: EmptyChunkCounter,
    timer: Arc<dyn Timer>,
    /// The deadline of the whole exchange.
    total: Option<Sleep>,
    /// The deadline of the body.
    end: Option<BodyDeadline>,
}

/// The time by which the body must have ended. Most bodies have arrived by the time they are read, so the timer is
/// created only when a read has to wait.
struct BodyDeadline {
    at: Instant,
    sleep: Option<Sleep>,
}

impl BodyDeadline {
    fn has_passed(&self, timer: &dyn Timer) -> bool {
        timer.now() >= self.at
    }

    /// Ready when the deadline has passed.
    fn poll(&mut self, timer: &dyn Timer, cx: &mut Context<'_>) -> Poll<()> {
        let left = || self.at.saturating_duration_since(timer.now());
        let sleep = self.sleep.get_or_insert_with(|| timer.sleep(left()));
        sleep.as_mut().poll(cx)
    }
}

impl CheckedResponseBody {
    pub(super) fn new(
        body: ResponseBody,
        length: Option<u64>,
        deadlines: Deadlines,
        total: Option<Sleep>,
        limit: Option<Duration>,
        timer: Arc<dyn Timer>,
        upload: AbortOnDrop,
    ) -> Self {
        let end = limit.map(|limit| BodyDeadline {
            at: saturating_add(timer.now(), limit),
            sleep: None,
        });
        let stall = deadlines.stall.map(|limit| Throughput::new(1, limit));
        let limits = [stall, deadlines.throughput, deadlines.min_progress];
        Self {
            body: Some((body, upload)),
            length,
            received: 0,
            throughput: ThroughputMonitor::new(Arc::clone(&timer), limits),
            empty_chunks: EmptyChunkCounter::default(),
            timer,
            total,
            end,
        }
    }

    /// The error if a deadline has passed.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Option<HttpError> {
        let late = check_total_timeout(&mut self.total, Phase::ResponseBegun, cx);
        late.or_else(|| {
            let has_passed = self.end.as_ref()?.has_passed(&*self.timer);
            has_passed.then(|| too_late(Phase::ResponseBegun))
        })
    }

    /// Ready with the error when the deadline of the body has passed.
    fn wait_for_deadline(&mut self, cx: &mut Context<'_>) -> Poll<HttpError> {
        let Some(end) = &mut self.end else {
            return Poll::Pending;
        };
        end.poll(&*self.timer, cx)
            .map(|()| too_late(Phase::ResponseBegun))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>> {
        let Some((body, _)) = &mut self.body else {
            return Poll::Ready(None);
        };
        let (empty_chunks, mut has_more) = (&mut self.empty_chunks, false);
        let polled = self.throughput.poll(cx, |cx| {
            loop {
                let next = Pin::new(&mut *body).poll_next(cx);
                if !matches!(&next, Poll::Ready(Some(Ok(chunk))) if chunk.is_empty()) {
                    empty_chunks.reset();
                    return next;
                }
                match empty_chunks.count() {
                    NextStep::PollAgain => {}
                    NextStep::Yield => {
                        has_more = true;
                        return Poll::Pending;
                    }
                    NextStep::TooMany => {
                        let why = "the server sends empty chunks endlessly";
                        return Poll::Ready(Some(Err(failure(HttpErrorKind::Protocol, why))));
                    }
                }
            }
        });
        if has_more && polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled.map(|polled| polled.unwrap_or_else(|limit| Some(Err(too_slow(limit)))))
    }
}

/// The error for the limit with this index.
fn too_slow(limit: usize) -> HttpError {
    match limit {
        0 => failure(
            HttpErrorKind::Stalled,
            "the server stopped sending the response",
        ),
        1 => failure(
            HttpErrorKind::Stalled,
            "the server sends the response too slowly",
        ),
        _ => failure(HttpErrorKind::Timeout, "too few bytes arrived in time"),
    }
}

impl Stream for CheckedResponseBody {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.body.is_none() {
            return Poll::Ready(None);
        }
        // Checked first: a body that always has a chunk ready must still meet its deadlines.
        let next = match this.poll_deadlines(cx) {
            Some(error) => Some(Err(error)),
            None => match this.poll_body(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => Some(Err(ready!(this.wait_for_deadline(cx)))),
            },
        };
        let item = match next {
            Some(Ok(chunk)) => {
                let bytes = chunk.len() as u64;
                this.received = this.received.saturating_add(bytes);
                this.throughput.record_bytes(bytes);
                match this.length {
                    Some(length) if this.received > length => Some(Err(failure(
                        HttpErrorKind::Protocol,
                        format!(
                            "the response has more than the {length} bytes of its \
                             Content-Length"
                        ),
                    ))),
                    _ => return Poll::Ready(Some(Ok(chunk))),
                }
            }
            Some(Err(error)) => Some(Err(error.at_least(Phase::ResponseBegun))),
            None => match this.length {
                Some(length) if this.received < length => Some(Err(failure(
                    HttpErrorKind::Closed,
                    format!(
                        "the response ended after {} of {length} bytes",
                        this.received
                    ),
                ))),
                _ => None,
            },
        };
        this.body = None;
        // Drops the timers, so that they don't wake the task again.
        this.throughput.end();
        (this.total, this.end) = (None, None);
        Poll::Ready(item)
    }
}

fn failure(kind: HttpErrorKind, why: impl Into<String>) -> HttpError {
    HttpError::new(kind, Phase::ResponseBegun).with_source(why.into())
}
