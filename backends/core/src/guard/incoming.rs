//! The response's body on its way in: exactly as long as promised, and within its deadlines.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;

use super::outgoing::AbortOnDrop;
use super::overdue;
use crate::body::ResponseBody;
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::timer::{Sleep, Timer};

/// The stream that the caller reads.
pub(super) struct Incoming {
    /// `None` once the body is over, for good or ill.
    body: Option<(ResponseBody, AbortOnDrop)>,
    length: Option<u64>,
    received: u64,
    stall: Option<Duration>,
    /// Since when somebody asks and nothing comes.
    waiting_since: Option<Instant>,
    /// Wakes whoever waits when it may be a stall. It goes on while bytes come and is set anew only where it has run
    /// out: a sleep for each chunk would cost as much as the chunk.
    stalling: Option<Sleep>,
    total: Option<Sleep>,
    timer: Arc<dyn Timer>,
}

impl Incoming {
    pub(super) fn new(
        body: ResponseBody,
        length: Option<u64>,
        stall: Option<Duration>,
        total: Option<Sleep>,
        timer: Arc<dyn Timer>,
        upload: AbortOnDrop,
    ) -> Self {
        Self {
            body: Some((body, upload)),
            length,
            received: 0,
            stall,
            waiting_since: None,
            stalling: None,
            total,
            timer,
        }
    }

    fn stalled(&mut self, cx: &mut Context<'_>) -> Option<HttpError> {
        let stall = self.stall?;
        let since = *self.waiting_since.get_or_insert_with(|| self.timer.now());
        loop {
            if let Some(sleep) = &mut self.stalling {
                if sleep.as_mut().poll(cx).is_pending() {
                    return None;
                }
                self.stalling = None;
            }
            let waited = self.timer.now().saturating_duration_since(since);
            let left = stall.saturating_sub(waited);
            if left.is_zero() {
                return Some(failure(
                    HttpErrorKind::Stalled,
                    "the server stopped sending",
                ));
            }
            self.stalling = Some(self.timer.sleep(left));
        }
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some((body, _)) = &mut this.body else {
            return Poll::Ready(None);
        };
        // A response that always has bytes is late all the same.
        let next = match overdue(&mut this.total, Phase::ResponseBegun, cx) {
            Some(error) => Poll::Ready(Some(Err(error))),
            None => Pin::new(body).poll_next(cx),
        };
        let next = match next {
            Poll::Ready(next) => next,
            Poll::Pending => match this.stalled(cx) {
                Some(error) => Some(Err(error)),
                None => return Poll::Pending,
            },
        };
        this.waiting_since = None;
        let item = match next {
            Some(Ok(chunk)) => {
                this.received = this.received.saturating_add(chunk.len() as u64);
                match this.length {
                    Some(length) if this.received > length => Some(Err(failure(
                        HttpErrorKind::Protocol,
                        format!("more than the {length} bytes promised"),
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
        this.stalling = None;
        Poll::Ready(item)
    }
}

fn failure(kind: HttpErrorKind, why: impl Into<String>) -> HttpError {
    HttpError::new(kind, Phase::ResponseBegun).with_source(why.into())
}
