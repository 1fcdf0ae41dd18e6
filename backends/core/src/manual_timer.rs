//! [`ManualTimer`]: a clock that tests advance manually.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::time::saturating_add;
use crate::timer::{Sleep, SystemTimer, Timer};

/// How long to wait for another thread at a time, and how often: a minute in all.
const WAIT: Duration = Duration::from_millis(100);
const MAX_WAITS: u32 = 600;

/// A timer for tests whose time changes only when it is advanced. Clones share the time.
///
/// ```
/// # use std::time::Duration;
/// # use b2kit_core::{ManualTimer, Timer};
/// let timer = ManualTimer::new();
/// let began = timer.now();
/// timer.run(timer.sleep(Duration::from_secs(3600))); // an hour that takes no time
/// assert_eq!(timer.now() - began, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct ManualTimer(Arc<Mutex<State>>);

struct State {
    now: Instant,
    next_id: u64,
    /// By the time to wake at, then by age: sleepers due at the same time wake in the order in which they were created.
    sleepers: BTreeMap<(Instant, u64), Option<Waker>>,
}

impl ManualTimer {
    /// A timer that starts at an arbitrary instant.
    #[must_use]
    pub fn new() -> Self {
        let now = SystemTimer.now();
        Self(Arc::new(Mutex::new(State {
            now,
            next_id: 0,
            sleepers: BTreeMap::new(),
        })))
    }

    /// Advances the time by `duration`, at most by [`FOREVER`](crate::time::FOREVER), and wakes all sleepers that are
    /// due.
    pub fn advance(&self, duration: Duration) {
        let to = saturating_add(self.lock().now, duration);
        self.advance_to(to);
    }

    /// Advances the time to the next sleeper's deadline. `false` if there is no sleeper.
    pub fn advance_to_next(&self) -> bool {
        let next = self
            .lock()
            .sleepers
            .first_key_value()
            .map(|(&(at, _), _)| at);
        next.is_some_and(|at| {
            self.advance_to(at);
            true
        })
    }

    /// The number of sleepers.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.len()
    }

    /// Runs a future to completion on this thread, advancing the time whenever the future is idle.
    ///
    /// For futures over in-process backends, not over sockets. While a future waits for another thread, such as one
    /// that reads a file or computes a hash, the time advances to the next sleeper if there is one. So limits on how
    /// long that thread takes, which run in the client's time, should be generous.
    ///
    /// # Panics
    /// If the future is pending, there is no sleeper, and no thread wakes it within a minute: it would wait forever.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let woken = Arc::new(WakeFlag(AtomicBool::new(true), thread::current()));
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        let mut waits = 0;
        loop {
            if woken.0.swap(false, Ordering::AcqRel) {
                waits = 0;
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            } else if !self.advance_to_next() {
                assert!(
                    waits < MAX_WAITS,
                    "the future is pending, and neither a sleeper nor another thread wakes it"
                );
                waits += 1;
                thread::park_timeout(WAIT);
            }
        }
    }

    fn advance_to(&self, to: Instant) {
        let mut state = self.lock();
        state.now = state.now.max(to);
        let later = state.sleepers.split_off(&(to, u64::MAX));
        let due = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        due.into_values().flatten().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.lock();
        // Beyond the range of the clock the sleep never ends.
        let Some(at) = state.now.checked_add(duration) else {
            return Box::pin(std::future::pending());
        };
        let key = (at, state.next_id);
        state.next_id += 1;
        if !duration.is_zero() {
            state.sleepers.insert(key, None);
        }
        drop(state);
        Box::pin(Sleeper {
            timer: self.clone(),
            key,
        })
    }
}

impl fmt::Debug for ManualTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualTimer")
            .field("sleepers", &self.sleepers())
            .finish_non_exhaustive()
    }
}

struct Sleeper {
    timer: ManualTimer,
    key: (Instant, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.timer.lock();
        let Some(waker) = state.sleepers.get_mut(&self.key) else {
            return Poll::Ready(());
        };
        // Dropping a waker may drop a task, and with it another sleeper: not under the lock.
        let _outlives_the_lock = waker.replace(cx.waker().clone());
        drop(state);
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _outlives_the_lock = self.timer.lock().sleepers.remove(&self.key);
    }
}

/// Whether the future was woken, and the thread that polls it.
struct WakeFlag(AtomicBool, Thread);

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
        self.1.unpark();
    }
}
