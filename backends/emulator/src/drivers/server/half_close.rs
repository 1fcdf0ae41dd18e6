//! [`HalfClose`]: answers a client that has closed its side of the connection.
//!
//! A client may do so once it has sent its last request, and then read the response. hyper takes the
//! end of the stream for a client that is gone, and drops the request. So the end is held back from
//! hyper while a request is in progress. Whether the client is gone only shows when something is
//! written, so the time without a write is limited.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::idle::Idle;

/// Holds back the end of a connection's stream.
pub(super) struct HalfClose {
    idle: Idle,
    /// The maximum time without a write.
    stall: Duration,
    /// Runs while the end is held back.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether anything was written since it was last asked.
    has_written: bool,
}

impl HalfClose {
    pub(super) const fn new(idle: Idle, stall: Duration) -> Self {
        Self {
            idle,
            stall,
            stalled: None,
            has_written: false,
        }
    }

    /// Records the result of a write, and returns it.
    pub(super) fn wrote<T>(&mut self, written: Poll<T>) -> Poll<T> {
        self.has_written |= written.is_ready();
        written
    }

    /// Resolves once the end of the stream may pass: when no request is in progress, or the response
    /// stalls.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.idle.poll_idle(cx).is_ready() {
            return Poll::Ready(());
        }
        loop {
            let stall = self.stall;
            let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
            ready!(stalled.as_mut().poll(cx));
            self.stalled = None;
            if !std::mem::take(&mut self.has_written) {
                return Poll::Ready(());
            }
        }
    }
}
