//! [`ThroughputMonitor`]: detects a stream that yields too few bytes for the time spent waiting for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::deadlines::Throughput;
use crate::timer::{Sleep, Timer};

/// Enforces minimum throughputs on a stream that is polled for bytes.
///
/// Only waiting counts: from a poll that was pending to the wake-up of the task. The time that the task then takes to
/// poll again doesn't count, and neither does a pause before the next poll.
pub(crate) struct ThroughputMonitor<const N: usize> {
    timer: Arc<dyn Timer>,
    limits: [Option<ThroughputLimit>; N],
    /// Since when the stream has been pending.
    since: Option<Instant>,
    recorder: Option<Arc<WakeRecorder>>,
    /// Ends no later than a limit can be exceeded. It is kept while bytes arrive and renewed only after it has ended: a
    /// sleep for each chunk would cost as much as the chunk.
    sleep: Option<Sleep>,
}

/// A minimum number of bytes for each period of waiting; the count restarts when it is reached.
pub(crate) struct ThroughputLimit {
    allowed: Throughput,
    received: u64,
    waited: Duration,
}

impl ThroughputLimit {
    /// `None` if the minimum is 0 bytes.
    pub(crate) fn new(allowed: Throughput) -> Option<Self> {
        (allowed.bytes > 0).then_some(Self {
            allowed,
            received: 0,
            waited: Duration::ZERO,
        })
    }

    pub(crate) const fn record_wait(&mut self, time: Duration) {
        self.waited = self.waited.saturating_add(time);
    }

    pub(crate) const fn record_bytes(&mut self, bytes: u64) {
        self.received = self.received.saturating_add(bytes);
        if self.received >= self.allowed.bytes {
            self.received = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// The remaining time that may be spent waiting.
    pub(crate) const fn remaining(&self) -> Duration {
        self.allowed.within.saturating_sub(self.waited)
    }
}

impl<const N: usize> ThroughputMonitor<N> {
    pub(crate) fn new(timer: Arc<dyn Timer>, limits: [Option<Throughput>; N]) -> Self {
        let limits = limits.map(|limit| limit.and_then(ThroughputLimit::new));
        let is_limited = limits.iter().any(Option::is_some);
        let recorder = is_limited.then(|| WakeRecorder::new(&timer));
        Self {
            timer,
            limits,
            since: None,
            recorder,
            sleep: None,
        }
    }

    /// Counts bytes that were received.
    pub(crate) fn record_bytes(&mut self, bytes: u64) {
        let limits = self.limits.iter_mut().flatten();
        limits.for_each(|limit| limit.record_bytes(bytes));
    }

    /// Drops the timer, at the end of the stream.
    pub(crate) fn end(&mut self) {
        self.sleep = None;
        self.since = None;
    }

    /// Polls the stream and counts the time for which it is pending. `Err` is the index of a limit that was exceeded.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, usize>> {
        let Some(recorder) = &self.recorder else {
            return poll(cx).map(Ok);
        };
        let woken_at = recorder.begin(cx);
        let waker = Waker::from(Arc::clone(recorder));
        self.record_wait_until(woken_at);
        if let Poll::Ready(ready) = poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(Ok(ready));
        }
        self.since = Some(self.timer.now());
        loop {
            if let Some(sleep) = &mut self.sleep {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
                let now = self.timer.now();
                self.record_wait_until(Some(now));
                self.since = Some(now);
            }
            let remaining_times = self.limits.iter().enumerate();
            let remaining_times = remaining_times
                .filter_map(|(number, limit)| Some((limit.as_ref()?.remaining(), number)));
            let Some((remaining, number)) = remaining_times.min() else {
                return Poll::Pending;
            };
            if remaining.is_zero() {
                return Poll::Ready(Err(number));
            }
            self.sleep = Some(self.timer.sleep(remaining));
        }
    }

    /// Adds the waiting time until `woken_at`, or until now.
    fn record_wait_until(&mut self, woken_at: Option<Instant>) {
        let Some(since) = self.since.take() else {
            return;
        };
        let until = woken_at.unwrap_or_else(|| self.timer.now());
        let time = until.saturating_duration_since(since);
        let limits = self.limits.iter_mut().flatten();
        limits.for_each(|limit| limit.record_wait(time));
    }
}

/// A waker that records when it was woken, and wakes the task that polls.
struct WakeRecorder {
    timer: Arc<dyn Timer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    at: Option<Instant>,
}

impl WakeRecorder {
    fn new(timer: &Arc<dyn Timer>) -> Arc<Self> {
        Arc::new(Self {
            timer: Arc::clone(timer),
            state: Mutex::default(),
        })
    }

    /// Registers the polling task. Returns when it was woken since the last poll, if it was.
    fn begin(&self, cx: &Context<'_>) -> Option<Instant> {
        let mut state = self.lock();
        let at = state.at.take();
        let known = state.waker.as_ref();
        if known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            return at;
        }
        let _outlives_the_lock = state.waker.replace(cx.waker().clone());
        drop(state);
        at
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakeRecorder {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let now = self.timer.now();
        let mut state = self.lock();
        state.at.get_or_insert(now);
        let waker = state.waker.clone();
        drop(state);
        waker.iter().for_each(Waker::wake_by_ref);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualTimer;

    /// A waker that does nothing.
    struct NoopWaker;

    impl Wake for NoopWaker {
        fn wake(self: Arc<Self>) {}
    }

    /// A monitor, its clock, and the waker that it passed to the stream.
    struct Fixture {
        timer: ManualTimer,
        monitor: ThroughputMonitor<1>,
        given: Option<Waker>,
    }

    impl Fixture {
        fn new(bytes: u64, seconds: u64) -> Self {
            let timer = ManualTimer::new();
            let limit = Throughput::new(bytes, Duration::from_secs(seconds));
            Self {
                monitor: ThroughputMonitor::new(Arc::new(timer.clone()), [Some(limit)]),
                timer,
                given: None,
            }
        }

        fn poll(&mut self, bytes: Option<u64>) -> Poll<Result<u64, usize>> {
            let nobody = Waker::from(Arc::new(NoopWaker));
            let given = &mut self.given;
            let polled = self.monitor.poll(&mut Context::from_waker(&nobody), |cx| {
                *given = Some(cx.waker().clone());
                bytes.map_or(Poll::Pending, Poll::Ready)
            });
            if let Poll::Ready(Ok(bytes)) = polled {
                self.monitor.record_bytes(bytes);
            }
            polled
        }

        fn pass(&self, seconds: u64) {
            self.timer.advance(Duration::from_secs(seconds));
        }

        fn wake(&self) {
            self.given.as_ref().unwrap().wake_by_ref();
        }
    }

    #[test]
    fn waits_add_up_until_enough_bytes_have_arrived() {
        let mut fixture = Fixture::new(100, 60);
        for round in 0..3 {
            for _ in 0..11 {
                assert!(fixture.poll(None).is_pending(), "{round}");
                fixture.pass(5);
                fixture.wake();
                assert_eq!(fixture.poll(Some(1)), Poll::Ready(Ok(1)));
            }
            assert_eq!(fixture.poll(Some(99)), Poll::Ready(Ok(99)));
        }
        for _ in 0..12 {
            assert!(fixture.poll(None).is_pending());
            fixture.pass(5);
            fixture.wake();
            assert_eq!(fixture.poll(Some(1)), Poll::Ready(Ok(1)));
        }
        assert_eq!(fixture.poll(None), Poll::Ready(Err(0)));
    }

    #[test]
    fn time_between_the_wake_up_and_the_next_poll_does_not_count() {
        let mut fixture = Fixture::new(100, 60);
        for _ in 0..100 {
            assert!(fixture.poll(None).is_pending());
            fixture.wake();
            fixture.pass(3_600);
            assert_eq!(fixture.poll(Some(1)), Poll::Ready(Ok(1)));
            // Time between polls doesn't count either.
            fixture.pass(3_600);
        }
        // Spurious wake-ups.
        for _ in 0..100 {
            assert!(fixture.poll(None).is_pending());
            fixture.wake();
            fixture.pass(3_600);
        }
        assert_eq!(fixture.poll(Some(1)), Poll::Ready(Ok(1)));
    }

    #[test]
    fn a_silent_stream_fails_exactly_when_the_limit_is_reached() {
        let mut fixture = Fixture::new(1, 60);
        assert!(fixture.poll(None).is_pending());
        fixture.pass(59);
        assert!(fixture.poll(None).is_pending());
        fixture.pass(1);
        assert_eq!(fixture.poll(None), Poll::Ready(Err(0)));
        assert!(
            Fixture::new(0, 0).poll(None).is_pending(),
            "no limit at all"
        );
        assert_eq!(Fixture::new(1, 0).poll(None), Poll::Ready(Err(0)));
        assert!(Fixture::new(u64::MAX, u64::MAX).poll(None).is_pending());
    }
}
