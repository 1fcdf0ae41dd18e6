//! [`HeadTimeout`]: the deadlines that hold until the response's head arrives.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::upload::{Upload, WaitingFor};
use crate::deadlines::Deadlines;
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::timer::{Sleep, Timer};

/// The minimum interval of checks while the source is being waited for, even if a limit is shorter.
const MIN_RECHECK_INTERVAL: Duration = Duration::from_millis(1);

/// Enforces the deadlines from the start of a request to the response's head. Only time spent waiting for the server
/// counts.
pub(super) struct HeadTimeout<'a> {
    deadlines: Deadlines,
    timer: &'a dyn Timer,
    sleep: Option<Sleep>,
}

impl<'a> HeadTimeout<'a> {
    pub(super) fn new(deadlines: Deadlines, timer: &'a dyn Timer) -> Self {
        Self {
            deadlines,
            timer,
            sleep: None,
        }
    }

    /// Ready with the error once a deadline has passed.
    pub(super) fn poll(&mut self, upload: &Upload, cx: &mut Context<'_>) -> Poll<HttpError> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                if Pin::new(sleep).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            // The exchange may start to wait for something else during the sleep, so the sleep is no longer than the
            // shortest limit that may then apply.
            let pause = match self.status(upload) {
                DeadlineStatus::Expired(error) => return Poll::Ready(error),
                DeadlineStatus::CheckAgainIn(pause) => pause,
                DeadlineStatus::Unlimited => return Poll::Pending,
            };
            self.sleep = Some(self.timer.sleep(pause));
        }
    }

    fn status(&self, upload: &Upload) -> DeadlineStatus {
        let now = self.timer.now();
        let (waiting_for, too_slow_after) = upload.waiting_for(now);
        let limits = [self.deadlines.head, self.deadlines.stall, too_slow_after];
        let Some(shortest) = limits.into_iter().flatten().min() else {
            return DeadlineStatus::Unlimited;
        };
        let shortest = shortest.max(MIN_RECHECK_INTERVAL);
        if too_slow_after == Some(Duration::ZERO) {
            let late = HttpError::new(HttpErrorKind::Stalled, Phase::MaybeReceived);
            return DeadlineStatus::Expired(late.with_source(
                "the server reads the request too \
                 slowly",
            ));
        }
        let (limit, since, late) = match waiting_for {
            WaitingFor::Source => return DeadlineStatus::CheckAgainIn(shortest),
            WaitingFor::BodyRequest(since) => (
                self.deadlines.head,
                since,
                (
                    HttpErrorKind::Timeout,
                    "the HTTP library did not start to read the request's \
                     body in time",
                ),
            ),
            WaitingFor::ServerRead(since) => (
                self.deadlines.stall,
                since,
                (
                    HttpErrorKind::Stalled,
                    "the server stopped reading the request",
                ),
            ),
            WaitingFor::ResponseHead(since) => (
                self.deadlines.head,
                since,
                (HttpErrorKind::Timeout, "the server sent no response"),
            ),
        };
        let Some(limit) = limit else {
            return DeadlineStatus::CheckAgainIn(shortest);
        };
        match limit.checked_sub(now.saturating_duration_since(since)) {
            Some(remaining) if !remaining.is_zero() => DeadlineStatus::CheckAgainIn(
                if matches!(waiting_for, WaitingFor::ResponseHead(_)) {
                    remaining
                } else {
                    remaining.min(shortest)
                },
            ),
            _ => DeadlineStatus::Expired(
                HttpError::new(late.0, Phase::MaybeReceived).with_source(late.1),
            ),
        }
    }
}

enum DeadlineStatus {
    Expired(HttpError),
    CheckAgainIn(Duration),
    Unlimited,
}
