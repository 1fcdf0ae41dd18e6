//! Saturating time arithmetic.
//!
//! `Instant + Duration` and [`Duration::mul_f64`] panic on overflow. Users and servers choose waits, so they may be as
//! large as the type allows.

use std::time::{Duration, Instant};

/// A hundred years: the longest wait.
pub const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// `now + wait`, with `wait` capped at [`FOREVER`]. Never panics.
#[must_use]
pub fn saturating_add(now: Instant, wait: Duration) -> Instant {
    // `None` only at the end of the clock's range.
    now.checked_add(wait.min(FOREVER)).unwrap_or(now)
}

/// A fraction of a duration, from 0 to 1. Factors out of range are clamped.
#[must_use]
pub fn fraction(duration: Duration, of: f64) -> Duration {
    let seconds = duration.as_secs_f64() * of.clamp(0.0, 1.0);
    Duration::try_from_secs_f64(seconds).map_or(duration, |part| part.min(duration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timer::{SystemTimer, Timer as _};

    #[test]
    fn the_end_of_any_wait_is_a_valid_instant() {
        let now = SystemTimer.now();
        let waits =
            [0, 1, 1_000, 10_u64.pow(9), i64::MAX as u64, u64::MAX].map(Duration::from_secs);
        let ends = waits.map(|wait| saturating_add(now, wait));
        assert!(ends.is_sorted());
        assert_eq!(ends[2] - now, Duration::from_secs(1_000));
        assert_eq!(saturating_add(now, Duration::MAX) - now, FOREVER);
        // Up to the end of the clock's range.
        let mut at = saturating_add(now, FOREVER);
        while let Some(next) = at.checked_add(Duration::from_secs(1 << 62)) {
            at = next;
        }
        assert!(saturating_add(at, Duration::MAX) >= at);
    }

    #[test]
    fn a_fraction_is_at_most_the_whole() {
        for whole in [0, 1, u64::MAX / 2, u64::MAX].map(Duration::from_nanos) {
            assert_eq!(fraction(whole, 0.0), Duration::ZERO);
            assert!(fraction(whole, 0.5) <= whole);
        }
        for of in [1.0, 2.0, 0.999_999_999_999_999_9, f64::INFINITY] {
            assert!(fraction(Duration::MAX, of) <= Duration::MAX);
        }
        assert_eq!(fraction(Duration::MAX, f64::NAN), Duration::MAX);
        assert_eq!(
            fraction(Duration::from_secs(3), 0.5),
            Duration::from_millis(1_500)
        );
    }
}
