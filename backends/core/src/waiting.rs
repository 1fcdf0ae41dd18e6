//! [`Waiting`]: how long somebody has waited for bytes, and whether too few came meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::deadlines::Throughput;
use crate::timer::{Sleep, Timer};

/// Watches over something that is polled for bytes: that it does not take too long for too few.
///
/// Only waiting counts: from a poll that gave nothing to the moment at which something woke whoever polled. How long that
/// one then takes to come back is its own affair, and so is a pause before the next poll.
pub(crate) struct Waiting<const N: usize> {
    timer: Arc<dyn Timer>,
    limits: [Option<Limit>; N],
    /// Since when somebody waits.
    since: Option<Instant>,
    woken: Option<Arc<Woken>>,
    /// Ends when a limit may have been passed, or before. It goes on while bytes come and is set anew only where it has
    /// run out: a sleep for each chunk would cost as much as the chunk.
    sleep: Option<Sleep>,
}

/// So many bytes have to come within so much waiting, and then again.
pub(crate) struct Limit {
    allowed: Throughput,
    came: u64,
    waited: Duration,
}

impl Limit {
    /// `None` where no byte has to come.
    pub(crate) fn new(allowed: Throughput) -> Option<Self> {
        (allowed.bytes > 0).then_some(Self {
            allowed,
            came: 0,
            waited: Duration::ZERO,
        })
    }

    pub(crate) const fn waited(&mut self, time: Duration) {
        self.waited = self.waited.saturating_add(time);
    }

    pub(crate) const fn moved(&mut self, bytes: u64) {
        self.came = self.came.saturating_add(bytes);
        if self.came >= self.allowed.bytes {
            self.came = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// How much longer it may take.
    pub(crate) const fn left(&self) -> Duration {
        self.allowed.within.saturating_sub(self.waited)
    }
}

impl<const N: usize> Waiting<N> {
    pub(crate) fn new(timer: Arc<dyn Timer>, limits: [Option<Throughput>; N]) -> Self {
        let limits = limits.map(|limit| limit.and_then(Limit::new));
        let is_limited = limits.iter().any(Option::is_some);
        let woken = is_limited.then(|| Woken::new(&timer));
        Self {
            timer,
            limits,
            since: None,
            woken,
            sleep: None,
        }
    }

    /// So many bytes came.
    pub(crate) fn moved(&mut self, bytes: u64) {
        let limits = self.limits.iter_mut().flatten();
        limits.for_each(|limit| limit.moved(bytes));
    }

    /// It is over.
    pub(crate) fn end(&mut self) {
        self.sleep = None;
        self.since = None;
    }

    /// Polls, and counts the time for which there is nothing. `Err` is the number of a limit that was passed.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, usize>> {
        let Some(woken) = &self.woken else {
            return poll(cx).map(Ok);
        };
        let woken_at = woken.begin(cx);
        let waker = Waker::from(Arc::clone(woken));
        self.stop_waiting(woken_at);
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
                self.stop_waiting(Some(now));
                self.since = Some(now);
            }
            let lefts = self.limits.iter().enumerate();
            let lefts = lefts.filter_map(|(number, limit)| Some((limit.as_ref()?.left(), number)));
            let Some((left, number)) = lefts.min() else {
                return Poll::Pending;
            };
            if left.is_zero() {
                return Poll::Ready(Err(number));
            }
            self.sleep = Some(self.timer.sleep(left));
        }
    }

    /// Counts the time until `woken_at`, or until now.
    fn stop_waiting(&mut self, woken_at: Option<Instant>) {
        let Some(since) = self.since.take() else {
            return;
        };
        let until = woken_at.unwrap_or_else(|| self.timer.now());
        let time = until.saturating_duration_since(since);
        let limits = self.limits.iter_mut().flatten();
        limits.for_each(|limit| limit.waited(time));
    }
}

/// Notes when it is woken, and wakes whoever polls.
struct Woken {
    timer: Arc<dyn Timer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    at: Option<Instant>,
}

impl Woken {
    fn new(timer: &Arc<dyn Timer>) -> Arc<Self> {
        Arc::new(Self {
            timer: Arc::clone(timer),
            state: Mutex::default(),
        })
    }

    /// Somebody polls now. When it was woken since the last time, if it was.
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

impl Wake for Woken {
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

    /// A waker that only says that it was woken.
    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    /// What waits, its clock, and the waker that it gave to what it waits for.
    struct Scene {
        timer: ManualTimer,
        waiting: Waiting<1>,
        given: Option<Waker>,
    }

    impl Scene {
        fn new(bytes: u64, seconds: u64) -> Self {
            let timer = ManualTimer::new();
            let limit = Throughput::new(bytes, Duration::from_secs(seconds));
            Self {
                waiting: Waiting::new(Arc::new(timer.clone()), [Some(limit)]),
                timer,
                given: None,
            }
        }

        fn poll(&mut self, bytes: Option<u64>) -> Poll<Result<u64, usize>> {
            let nobody = Waker::from(Arc::new(Nobody));
            let given = &mut self.given;
            let polled = self.waiting.poll(&mut Context::from_waker(&nobody), |cx| {
                *given = Some(cx.waker().clone());
                bytes.map_or(Poll::Pending, Poll::Ready)
            });
            if let Poll::Ready(Ok(bytes)) = polled {
                self.waiting.moved(bytes);
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
    fn many_waits_for_few_bytes_add_up_and_enough_bytes_begin_anew() {
        let mut scene = Scene::new(100, 60);
        for round in 0..3 {
            for _ in 0..11 {
                assert!(scene.poll(None).is_pending(), "{round}");
                scene.pass(5);
                scene.wake();
                assert_eq!(scene.poll(Some(1)), Poll::Ready(Ok(1)));
            }
            assert_eq!(scene.poll(Some(99)), Poll::Ready(Ok(99)));
        }
        for _ in 0..12 {
            assert!(scene.poll(None).is_pending());
            scene.pass(5);
            scene.wake();
            assert_eq!(scene.poll(Some(1)), Poll::Ready(Ok(1)));
        }
        assert_eq!(scene.poll(None), Poll::Ready(Err(0)));
    }

    #[test]
    fn whoever_was_woken_and_comes_back_late_has_not_waited_meanwhile() {
        let mut scene = Scene::new(100, 60);
        for _ in 0..100 {
            assert!(scene.poll(None).is_pending());
            scene.wake();
            scene.pass(3_600);
            assert_eq!(scene.poll(Some(1)), Poll::Ready(Ok(1)));
            // And who is not asked for is not waited for.
            scene.pass(3_600);
        }
        // Woken for nothing.
        for _ in 0..100 {
            assert!(scene.poll(None).is_pending());
            scene.wake();
            scene.pass(3_600);
        }
        assert_eq!(scene.poll(Some(1)), Poll::Ready(Ok(1)));
    }

    #[test]
    fn silence_is_noticed_when_the_limit_is_reached_and_not_before() {
        let mut scene = Scene::new(1, 60);
        assert!(scene.poll(None).is_pending());
        scene.pass(59);
        assert!(scene.poll(None).is_pending());
        scene.pass(1);
        assert_eq!(scene.poll(None), Poll::Ready(Err(0)));
        assert!(Scene::new(0, 0).poll(None).is_pending(), "no limit at all");
        assert_eq!(Scene::new(1, 0).poll(None), Poll::Ready(Err(0)));
        assert!(Scene::new(u64::MAX, u64::MAX).poll(None).is_pending());
    }
}
