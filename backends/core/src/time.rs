//! Time arithmetic that ends where numbers end.
//!
//! `Instant + Duration` panics where the sum can't be counted, and so do [`Duration::mul_f64`] and its like. How long to
//! wait is what a user sets and a server asks for, so any of it may be as large as a number can be.

use std::time::{Duration, Instant};

/// As good as never: a hundred years. No wait is longer.
pub const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// The moment at which `wait` has passed. What is longer than [`FOREVER`] is as long as that.
#[must_use]
pub fn later(now: Instant, wait: Duration) -> Instant {
    // A clock that is that close to its end stands still.
    now.checked_add(wait.min(FOREVER)).unwrap_or(now)
}

/// A share of a duration: 0 is nothing of it, 1 is all.
#[must_use]
pub fn share(duration: Duration, of: f64) -> Duration {
    let seconds = duration.as_secs_f64() * of.clamp(0.0, 1.0);
    Duration::try_from_secs_f64(seconds).map_or(duration, |share| share.min(duration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timer::{SystemTimer, Timer as _};

    #[test]
    fn a_wait_of_any_length_has_an_end_that_can_be_compared() {
        let now = SystemTimer.now();
        let waits =
            [0, 1, 1_000, 10_u64.pow(9), i64::MAX as u64, u64::MAX].map(Duration::from_secs);
        let ends = waits.map(|wait| later(now, wait));
        assert!(ends.is_sorted());
        assert_eq!(ends[2] - now, Duration::from_secs(1_000));
        assert_eq!(later(now, Duration::MAX) - now, FOREVER);
        // Again and again, up to the end of the clock and beyond.
        let mut at = later(now, FOREVER);
        while let Some(next) = at.checked_add(Duration::from_secs(1 << 62)) {
            at = next;
        }
        assert!(later(at, Duration::MAX) >= at);
    }

    #[test]
    fn a_share_is_at_most_the_whole() {
        for whole in [0, 1, u64::MAX / 2, u64::MAX].map(Duration::from_nanos) {
            assert_eq!(share(whole, 0.0), Duration::ZERO);
            assert!(share(whole, 0.5) <= whole);
        }
        for of in [1.0, 2.0, 0.999_999_999_999_999_9, f64::INFINITY] {
            assert!(share(Duration::MAX, of) <= Duration::MAX);
        }
        assert_eq!(share(Duration::MAX, f64::NAN), Duration::MAX);
        assert_eq!(
            share(Duration::from_secs(3), 0.5),
            Duration::from_millis(1_500)
        );
    }
}
