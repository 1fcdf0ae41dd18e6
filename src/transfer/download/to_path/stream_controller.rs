//! [`StreamController`]: decides when a download to a path adds streams. Pure: the time is a
//! parameter.

use std::time::{Duration, Instant};

/// The observation window before each decision.
const WINDOW: Duration = Duration::from_millis(100);

/// The rate in bytes per second above which a connection is limited by the CPU, not by the network.
const FAST: u64 = 400_000_000;

/// Observes whether a download is waiting for the network, the disk or the hash.
///
/// Each stream is a billed call. Adding one only helps a download that is waiting for the network,
/// for example if the bandwidth of each connection is limited.
#[derive(Debug)]
pub(super) struct StreamController {
    window: Instant,
    /// How long the download was only waiting for the network in this window.
    waited: Duration,
    waiting_since: Option<Instant>,
    /// The bytes that arrived in this window.
    bytes: u64,
}

impl StreamController {
    /// The controller of a download that starts waiting for the network.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            window: now,
            waited: Duration::ZERO,
            waiting_since: Some(now),
            bytes: 0,
        }
    }

    /// Sets whether the download is waiting for nothing but the network from `now` on.
    pub(super) fn set_waiting(&mut self, is_waiting: bool, now: Instant) {
        match (self.waiting_since, is_waiting) {
            (Some(since), false) => {
                let waited = now.saturating_duration_since(since);
                self.waited = self.waited.saturating_add(waited);
                self.waiting_since = None;
            }
            (None, true) => self.waiting_since = Some(now),
            _ => {}
        }
    }

    /// Records bytes that have arrived.
    pub(super) fn record_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Whether to add to the current number of streams. `false` until the window is over.
    pub(super) fn wants_more(&mut self, streams: usize, now: Instant) -> bool {
        let window = now.saturating_duration_since(self.window);
        if window < WINDOW {
            return false;
        }
        let is_waiting = self.waiting_since.is_some();
        self.set_waiting(false, now);
        let waited = self.waited;
        let per_second = u128::from(self.bytes) * 1_000_000 / window.as_micros().max(1);
        *self = Self {
            waiting_since: is_waiting.then_some(now),
            ..Self::new(now)
        };
        waited.saturating_mul(2) >= window && per_second < u128::from(FAST) * streams.max(1) as u128
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{ManualTimer, Timer as _};

    use super::*;

    /// The decisions for 100 chunks, each of which is waited for and then processed.
    fn decisions(chunk: u64, waits: Duration, works: Duration, streams: usize) -> Vec<bool> {
        let timer = ManualTimer::new();
        let mut controller = StreamController::new(timer.now());
        let step = |_| {
            timer.advance(waits);
            controller.record_bytes(chunk);
            controller.set_waiting(false, timer.now());
            timer.advance(works);
            controller.set_waiting(true, timer.now());
            controller.wants_more(streams, timer.now())
        };
        (0..100).map(step).collect()
    }

    #[test]
    fn a_download_that_waits_for_the_network_wants_more_stream_once_a_window() {
        let [one, nine] = [1, 9].map(Duration::from_millis);
        let wanted = decisions(250_000, nine, one, 1);
        assert_eq!(wanted.iter().filter(|&&wanted| wanted).count(), 10);
        assert!(wanted.iter().take(9).all(|&wanted| !wanted), "{wanted:?}");
    }

    #[test]
    fn a_download_that_waits_for_the_disk_or_the_hash_wants_no_other_stream() {
        let [one, two] = [1, 2].map(Duration::from_millis);
        assert!(!decisions(100_000, one, two, 1).contains(&true));
        assert!(!decisions(0, Duration::ZERO, two, 1).contains(&true));
    }

    #[test]
    fn a_download_whose_streams_are_fast_wants_no_other_stream() {
        let one = Duration::from_millis(1);
        assert!(!decisions(400_000, one, Duration::ZERO, 1).contains(&true));
        assert!(decisions(400_000, one, Duration::ZERO, 2).contains(&true));
    }

    #[test]
    fn a_wait_that_is_not_over_counts() {
        let timer = ManualTimer::new();
        let mut controller = StreamController::new(timer.now());
        timer.advance(WINDOW);
        assert!(controller.wants_more(1, timer.now()));
        assert!(!controller.wants_more(2, timer.now()), "a new window");
    }

    #[test]
    fn half_a_window_of_waiting_and_less_than_the_limit_of_all_streams_are_enough() {
        let (half, limit) = (WINDOW / 2, FAST / 10);
        for (waited, bytes, wanted) in [
            (half, 0, true),
            (half - Duration::from_nanos(1), 0, false),
            (WINDOW, 3 * limit - 1, true),
            (WINDOW, 3 * limit, false),
        ] {
            let timer = ManualTimer::new();
            let mut controller = StreamController::new(timer.now());
            controller.record_bytes(bytes / 2);
            timer.advance(waited);
            controller.set_waiting(false, timer.now());
            controller.record_bytes(bytes - bytes / 2);
            timer.advance(WINDOW - waited);
            assert_eq!(
                controller.wants_more(3, timer.now()),
                wanted,
                "{waited:?} {bytes}"
            );
            timer.advance(WINDOW);
            assert!(!controller.wants_more(3, timer.now()), "it no longer waits");
        }
    }

    #[test]
    fn a_wait_begins_once_however_often_it_is_reported() {
        let timer = ManualTimer::new();
        let mut controller = StreamController::new(timer.now());
        for _ in 0..4 {
            timer.advance(WINDOW / 4);
            controller.set_waiting(true, timer.now());
        }
        assert!(controller.wants_more(1, timer.now()));
        controller.set_waiting(false, timer.now());
        timer.advance(WINDOW / 2);
        controller.set_waiting(true, timer.now());
        timer.advance(WINDOW / 2);
        assert!(controller.wants_more(1, timer.now()));
    }
}
