//! [`ServerClock`]: B2's own time, from the `Date` of its responses.
//!
//! After a lost response, B2's time decides whether a file is older than the call; this machine's
//! clock may be wrong.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::types::Timestamp;

/// The maximum difference between two clocks that are both considered correct.
const SKEW: Duration = Duration::from_secs(600);

/// The safety margin of the current time: clocks don't run at the same speed.
const SLACK: Duration = Duration::from_secs(60);

/// B2's own time, from the `Date` of its responses.
#[derive(Debug, Default)]
pub(in crate::client) struct ServerClock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The time in the last response, and when it arrived.
    heard: Option<(Timestamp, Instant)>,
    /// Whether the last response contradicts the one before: then neither is trusted until a third
    /// one decides.
    doubtful: bool,
    skew_logged: bool,
}

impl ServerClock {
    /// Records the `date` of a response from B2.
    pub(in crate::client) fn note(&self, date: SystemTime, now: Instant) {
        let Some(date) = timestamp(date) else {
            return;
        };
        let mut state = self.lock();
        let expected = state.heard.map(|heard| at_now(heard, now));
        state.doubtful = expected.is_some_and(|expected| {
            expected.as_millis().abs_diff(date.as_millis()) > millis(SKEW).unsigned_abs()
        });
        state.heard = Some((date, now));
    }

    /// A time that is not later than B2's own, and earlier by a minute at most.
    pub(in crate::client) fn not_later_than(&self, now: Instant) -> Option<Timestamp> {
        let state = self.lock();
        let (date, at) = state.heard.filter(|_| !state.doubtful)?;
        let passed = now.saturating_duration_since(at).saturating_sub(SLACK);
        Some(later(date, passed))
    }

    /// By how many seconds this machine's clock is ahead of B2's, if that is significant and was not
    /// reported yet.
    pub(in crate::client) fn skew(&self, here: SystemTime, now: Instant) -> Option<i64> {
        let mut state = self.lock();
        let there = at_now(state.heard?, now);
        let here = timestamp(here).map_or(0, Timestamp::as_millis);
        let ahead = here.saturating_sub(there.as_millis());
        if ahead.unsigned_abs() <= millis(SKEW).unsigned_abs() || state.skew_logged {
            return None;
        }
        state.skew_logged = true;
        Some(ahead / 1_000)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_now((date, at): (Timestamp, Instant), now: Instant) -> Timestamp {
    later(date, now.saturating_duration_since(at))
}

fn later(date: Timestamp, passed: Duration) -> Timestamp {
    Timestamp::from_millis(date.as_millis().saturating_add(millis(passed)))
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(millis(since_1970)))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_old_server_time_advances_less_a_margin_of_a_minute() {
        let (clock, now) = (ServerClock::default(), SystemTimer.now());
        assert_eq!(clock.not_later_than(now), None);
        clock.note(at(1_000), now);
        for (passed, expected) in [(0, 1_000), (60, 1_000), (61, 1_001), (3_660, 4_600)] {
            let then = now + Duration::from_secs(passed);
            let expected = Timestamp::from_millis(expected * 1_000);
            assert_eq!(clock.not_later_than(then), Some(expected), "{passed}");
        }
    }

    #[test]
    fn a_contradicting_server_time_is_trusted_once_the_next_one_agrees() {
        let (clock, now) = (ServerClock::default(), SystemTimer.now());
        clock.note(at(10_000), now);
        clock.note(at(253_402_300_799), now);
        assert_eq!(clock.not_later_than(now), None);
        clock.note(at(10_001), now);
        assert_eq!(clock.not_later_than(now), None);
        clock.note(at(10_002), now);
        assert!(clock.not_later_than(now).is_some());
        // As when this machine has slept for a day.
        clock.note(at(96_402), now);
        clock.note(at(96_402), now);
        assert!(clock.not_later_than(now).is_some());
    }

    #[test]
    fn server_times_that_differ_by_ten_minutes_agree_and_by_more_contradict() {
        let (clock, now) = (ServerClock::default(), SystemTimer.now());
        clock.note(at(10_000), now);
        clock.note(at(10_600), now);
        assert!(clock.not_later_than(now).is_some());
        clock.note(at(11_201), now);
        assert_eq!(clock.not_later_than(now), None);
    }

    #[test]
    fn a_clock_that_differs_by_more_than_ten_minutes_is_reported_once() {
        let now = SystemTimer.now();
        for (here, expected) in [
            (10_600, None),
            (9_400, None),
            (10_601, Some(601)),
            (9_399, Some(-601)),
        ] {
            let clock = ServerClock::default();
            assert_eq!(clock.skew(at(here), now), None);
            clock.note(at(10_000), now);
            assert_eq!(clock.skew(at(here), now), expected, "{here}");
            assert_eq!(clock.skew(at(here), now), None);
        }
        // The server's time advances.
        let clock = ServerClock::default();
        clock.note(at(10_000), now);
        let later = now + Duration::from_secs(5_000);
        assert_eq!(clock.skew(at(15_000), later), None);
    }
}
