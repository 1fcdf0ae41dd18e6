//! [`Idle`]: how long a connection has been waiting for the head of a request.
//!
//! One timer per connection, which checks the time when it fires. hyper's own timer is created for
//! each request, and creating one wakes the thread that waits for the network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use b2kit_core::time::saturating_add;
use tokio::time::{Instant, sleep_until};

/// The idle time of a connection. Clones belong to the same connection.
#[derive(Clone)]
pub(super) struct Idle(Arc<Mutex<State>>);

struct State {
    /// Number of requests in progress.
    busy: usize,
    /// When the last of them ended.
    since: Instant,
    /// Woken when the last of them ends.
    waiting: Option<Waker>,
}

/// A request in progress: until it is dropped, the connection is not idle.
pub(super) struct Busy(Idle);

impl Idle {
    /// For a new connection.
    pub(super) fn begin() -> Self {
        let state = State {
            busy: 0,
            since: Instant::now(),
            waiting: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Starts a request.
    pub(super) fn busy(&self) -> Busy {
        self.state().busy += 1;
        Busy(self.clone())
    }

    /// Resolves once no request is in progress.
    pub(super) fn poll_idle(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.busy == 0 {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Resolves once the connection has been idle for longer than `limit`.
    pub(super) async fn for_longer_than(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let over = {
                let state = self.state();
                // a busy connection becomes idle now at the earliest
                let since = if state.busy > 0 { now } else { state.since };
                Instant::from_std(saturating_add(since.into_std(), limit))
            };
            if over <= now {
                return;
            }
            sleep_until(over).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Busy {
    fn clone(&self) -> Self {
        self.0.busy()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.busy -= 1;
        state.since = Instant::now();
        if state.busy == 0
            && let Some(waiting) = state.waiting.take()
        {
            drop(state);
            waiting.wake();
        }
    }
}
