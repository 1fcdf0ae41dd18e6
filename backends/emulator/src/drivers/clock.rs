//! [`Clock`]: the emulator's source of time.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use b2kit_core::{Sleep, SystemTimer, Timer as _};

/// The wall clock for upload timestamps, the expiry of tokens and the `Date` header.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch, B2's unit of time.
    fn now_millis(&self) -> u64;

    /// Resolves once this clock has advanced by `duration`; delays wait for it. The default waits
    /// in real time: a simulated clock needs its own.
    fn sleep(&self, duration: Duration) -> Sleep {
        SystemTimer.sleep(duration)
    }

    /// Advances the clock for the control endpoint. Returns false if it can't be advanced, which is
    /// the default.
    fn try_advance(&self, by: Duration) -> bool {
        let _ = by;
        false
    }

    /// Undoes all advances for the control API. Returns false if that is not possible, which is the
    /// default.
    fn try_reset(&self) -> bool {
        false
    }
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn try_advance(&self, by: Duration) -> bool {
        self.as_ref().try_advance(by)
    }

    fn try_reset(&self) -> bool {
        self.as_ref().try_reset()
    }

    fn now_millis(&self) -> u64 {
        self.as_ref().now_millis()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.as_ref().sleep(duration)
    }
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock itself")]
    fn now_millis(&self) -> u64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, millis)
    }
}

/// The system clock plus an offset that can be increased. Clones share the offset. Delays wait in
/// real time.
#[derive(Debug, Clone, Default)]
pub struct OffsetClock(Arc<AtomicU64>);

impl OffsetClock {
    /// Increases the offset.
    pub fn advance(&self, by: Duration) {
        let by = millis(by);
        let add = |ahead: u64| Some(ahead.saturating_add(by));
        // the update always succeeds
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add)
            .ok();
    }
}

impl Clock for OffsetClock {
    fn now_millis(&self) -> u64 {
        let ahead = self.0.load(Ordering::SeqCst);
        SystemClock.now_millis().saturating_add(ahead)
    }

    fn try_advance(&self, by: Duration) -> bool {
        self.advance(by);
        true
    }

    fn try_reset(&self) -> bool {
        self.0.store(0, Ordering::SeqCst);
        true
    }
}

/// A clock that only changes when a test advances it. Clones share one time.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<ManualTime>>);

#[derive(Default)]
struct ManualTime {
    now: u64,
    next_id: u64,
    /// By wake-up time.
    sleepers: BTreeMap<(u64, u64), Option<Waker>>,
}

impl ManualClock {
    /// A clock at `millis` milliseconds since the Unix epoch.
    #[must_use]
    pub fn at(millis: u64) -> Self {
        Self(Arc::new(Mutex::new(ManualTime {
            now: millis,
            ..ManualTime::default()
        })))
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        let now = self.lock().now;
        self.set(now.saturating_add(millis(by)));
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, millis: u64) {
        let mut time = self.lock();
        time.now = millis;
        let due = time.sleepers.range_mut(..=(millis, u64::MAX));
        let wakers: Vec<Waker> = due.filter_map(|(_, waker)| waker.take()).collect();
        drop(time);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, ManualTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    /// 2026-02-05 23:40:12.998 UTC.
    fn default() -> Self {
        Self::at(1_770_334_812_998)
    }
}

impl Clock for ManualClock {
    fn now_millis(&self) -> u64 {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut time = self.lock();
        time.next_id += 1;
        let at = time.now.saturating_add(millis(duration));
        let place = (at, time.next_id);
        time.sleepers.insert(place, None);
        drop(time);
        Box::pin(Sleeper {
            clock: self.clone(),
            place,
        })
    }

    fn try_advance(&self, by: Duration) -> bool {
        self.advance(by);
        true
    }
}

/// A delay that waits for a [`ManualClock`].
struct Sleeper {
    clock: ManualClock,
    place: (u64, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.lock();
        if time.now >= self.place.0 {
            return Poll::Ready(());
        }
        time.sleepers.insert(self.place, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.place);
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock")
            .field(&self.now_millis())
            .finish()
    }
}

/// Milliseconds of a duration, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
