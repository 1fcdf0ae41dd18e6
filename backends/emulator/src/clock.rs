//! [`Clock`]: where the emulator's time comes from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The wall clock that upload timestamps, the expiry of tokens and the `Date` header follow.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the epoch, UTC: B2's own unit of time.
    fn now_millis(&self) -> u64;
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now_millis(&self) -> u64 {
        self.as_ref().now_millis()
    }
}

/// The time of this computer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock that everyone else asks"
    )]
    fn now_millis(&self) -> u64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, whole_millis)
    }
}

/// A clock that stands still until a test turns it. Clones share one time.
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `millis` milliseconds since the epoch.
    #[must_use]
    pub fn at(millis: u64) -> Self {
        Self(Arc::new(AtomicU64::new(millis)))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(whole_millis(by), Ordering::Relaxed);
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::Relaxed);
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
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock")
            .field(&self.now_millis())
            .finish()
    }
}

/// The milliseconds of a duration; what doesn't fit is the largest there is.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
