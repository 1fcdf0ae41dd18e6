//! [`Timer`]: the clock of all deadlines and backoff.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A future that resolves after a time. Dropping it cancels it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A monotonic clock and a way to wait on it.
///
/// All deadlines and backoff use it, so they need no async runtime, and a test can advance the time with a
/// [`ManualTimer`](crate::ManualTimer). [Wall-clock time](Self::wall_clock) is only displayed, and compared with the
/// server's.
pub trait Timer: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Instant;

    /// A future that resolves once `duration` has passed, counted from this call.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// The wall-clock time. It may be wrong and may jump, so no decision depends on it.
    #[expect(clippy::disallowed_methods, reason = "this is the Timer itself")]
    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A timer that works with any executor. One background thread wakes the sleepers.
///
/// The thread is started by the first sleep in the process and stays. It wakes up only for the earliest deadline, so a
/// deadline that is dropped before it is reached, as most are, costs next to nothing.
#[derive(Clone, Copy, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    #[expect(clippy::disallowed_methods, reason = "this is the Timer itself")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(Sleeper {
            until: self.now().checked_add(duration),
            id: None,
        })
    }
}

impl fmt::Debug for SystemTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemTimer")
    }
}

struct Sleeper {
    /// `None` means beyond the range of the clock.
    until: Option<Instant>,
    /// Its number among the sleepers, assigned when it is first polled.
    id: Option<u64>,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else {
            return Poll::Pending;
        };
        if SystemTimer.now() >= until {
            return Poll::Ready(());
        }
        let id = *self.id.get_or_insert_with(|| SLEEPERS.next_id());
        if !SLEEPERS.wake_at((until, id), cx.waker().clone()) {
            // There is no thread to wake it, so it has to poll again and again.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let (Some(until), Some(id)) = (self.until, self.id) {
            SLEEPERS.forget((until, id));
        }
    }
}

static SLEEPERS: Sleepers = Sleepers {
    state: Mutex::new(State {
        waiting: BTreeMap::new(),
        next_id: 0,
        has_thread: false,
        wakes_at: None,
    }),
    deadline_moved: Condvar::new(),
};

/// All sleepers, and the thread that wakes them.
struct Sleepers {
    state: Mutex<State>,
    /// Signals the thread that there is an earlier deadline.
    deadline_moved: Condvar,
}

struct State {
    /// By the time to wake at.
    waiting: BTreeMap<(Instant, u64), Waker>,
    next_id: u64,
    /// Whether the thread is running.
    has_thread: bool,
    /// When the thread wakes up by itself.
    wakes_at: Option<Instant>,
}

impl Sleepers {
    fn next_id(&self) -> u64 {
        let mut state = self.lock();
        state.next_id += 1;
        state.next_id
    }

    /// Registers a waker. `false` if there is no thread and none can be started.
    fn wake_at(&'static self, key: (Instant, u64), waker: Waker) -> bool {
        let mut state = self.lock();
        if !state.has_thread {
            let thread = thread::Builder::new().name("b2kit-timer".to_owned());
            if thread.spawn(|| self.run_thread()).is_err() {
                return false;
            }
            state.has_thread = true;
        }
        let _outlives_the_lock = state.waiting.insert(key, waker);
        if state.wakes_at.is_none_or(|at| key.0 < at) {
            state.wakes_at = Some(key.0);
            self.deadline_moved.notify_one();
        }
        drop(state);
        true
    }

    fn forget(&self, key: (Instant, u64)) {
        let _outlives_the_lock = self.lock().waiting.remove(&key);
    }

    fn run_thread(&self) {
        let mut state = self.lock();
        loop {
            let now = SystemTimer.now();
            let later = state.waiting.split_off(&(now, u64::MAX));
            let due = std::mem::replace(&mut state.waiting, later);
            if !due.is_empty() {
                drop(state);
                for waker in due.into_values() {
                    // Wakers are foreign code; a panic must not prevent the others from being woken.
                    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
                }
                state = self.lock();
                continue;
            }
            state.wakes_at = state.waiting.first_key_value().map(|(&(at, _), _)| at);
            state = match state.wakes_at {
                Some(at) => {
                    let woken = self
                        .deadline_moved
                        .wait_timeout(state, at.saturating_duration_since(now));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.deadline_moved.wait(state);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use futures::FutureExt as _;
    use futures::executor::block_on;

    use super::*;

    struct NoopWaker;

    impl Wake for NoopWaker {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_sleep_of_zero_ends_at_once_and_the_longest_never() {
        assert_eq!(SystemTimer.sleep(Duration::ZERO).now_or_never(), Some(()));
        assert_eq!(SystemTimer.sleep(Duration::MAX).now_or_never(), None);
    }

    /// It would not end if the thread overslept.
    #[test]
    fn a_short_sleep_does_not_wait_for_a_long_one() {
        let mut long = SystemTimer.sleep(Duration::from_secs(100_000));
        block_on(async {
            for _ in 0..3 {
                assert!(futures::poll!(&mut long).is_pending());
                SystemTimer.sleep(Duration::from_millis(2)).await;
            }
        });
    }

    #[test]
    fn a_sleep_wakes_the_task_that_polled_it_last() {
        let mut sleep = SystemTimer.sleep(Duration::from_millis(2));
        let first = Waker::from(Arc::new(NoopWaker));
        let _ = sleep.poll_unpin(&mut Context::from_waker(&first));
        block_on(sleep);
    }

    #[test]
    fn a_sleep_that_is_dropped_keeps_no_waker() {
        let nobody = Arc::new(NoopWaker);
        let waker = Waker::from(Arc::clone(&nobody));
        let mut sleep = SystemTimer.sleep(Duration::from_secs(100_000));
        assert!(
            sleep
                .poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(Arc::strong_count(&nobody), 3);
        drop(sleep);
        assert_eq!(Arc::strong_count(&nobody), 2);
    }

    /// It would not end if the thread were gone.
    #[test]
    fn a_waker_that_panics_does_not_stop_other_sleeps() {
        struct PanickingWaker;
        impl Wake for PanickingWaker {
            fn wake(self: Arc<Self>) {
                std::panic::panic_any("woken");
            }
        }
        let mut angry = SystemTimer.sleep(Duration::from_millis(1));
        let waker = Waker::from(Arc::new(PanickingWaker));
        let _ = angry.poll_unpin(&mut Context::from_waker(&waker));
        block_on(SystemTimer.sleep(Duration::from_millis(3)));
        block_on(SystemTimer.sleep(Duration::from_millis(1)));
    }
}
