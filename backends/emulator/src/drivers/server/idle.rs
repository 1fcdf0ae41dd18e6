//! [`Idle`]: how long a connection has been waiting for the head of a request.
//!
//! One timer for each connection, which looks at the time when it goes off. hyper's own is made anew for each request, and
//! making one wakes the thread that waits for the network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Since when a connection waits for a head. Clones are of one connection.
#[derive(Clone)]
pub(super) struct Idle(Arc<Mutex<State>>);

struct State {
    /// How many still work on a request.
    busy: usize,
    /// When the last of them was done.
    since: Instant,
}

/// Somebody who still works on a request: until it is dropped, no head is waited for.
pub(super) struct Busy(Idle);

impl Idle {
    /// For a connection that begins now.
    pub(super) fn begin() -> Self {
        let state = State {
            busy: 0,
            since: Instant::now(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A request has come.
    pub(super) fn busy(&self) -> Busy {
        self.state().busy += 1;
        Busy(self.clone())
    }

    /// Resolves once a head has been waited for so long.
    pub(super) async fn for_longer_than(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let over = {
                let state = self.state();
                // who is busy begins to wait now at the earliest
                let since = if state.busy > 0 { now } else { state.since };
                since + limit
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
    }
}
