//! [`Limiter`]: adaptive concurrency limit. After a 429, all calls of the same kind pause and then
//! run with less concurrency.
//!
//! There is no limit before the first 429. Each 429 halves it, once for all requests sent before
//! the decrease. Every twenty successes raise it by one, until it reaches the original concurrency
//! and is lifted.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::api::CallKind;
use crate::client::limits::waiters::{WaiterId, Waiters};
use crate::error::Error;

/// The number of successes that raise the limit by one.
const SUCCESSES_PER_INCREASE: u32 = 20;

/// One lane for each kind of traffic: API calls, uploads, downloads.
#[derive(Debug, Default)]
pub(in crate::client) struct Limiter([Lane; 3]);

#[derive(Debug, Default)]
struct Lane(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    paused: Option<Pause>,
    in_flight: u32,
    limit: Option<Limit>,
    /// How often the limit was lowered. A 429 to a request sent before the last decrease is
    /// ignored.
    decreases: u64,
    successes: u64,
    /// The calls waiting for a permit.
    waiters: Waiters,
}

/// A pause, and the error that caused it.
#[derive(Debug, Clone)]
struct Pause {
    until: Instant,
    why: Error,
}

#[derive(Debug)]
struct Limit {
    max_in_flight: u32,
    /// The requests in flight when the limit was first set. The limit is lifted once it reaches
    /// this.
    original: u32,
    /// The successes since the limit last changed.
    succeeded: u32,
}

/// A permit for one attempt. Dropping it releases it.
#[derive(Debug)]
pub(in crate::client) struct Permit<'a> {
    lane: &'a Lane,
    decreases: u64,
}

impl Limiter {
    /// Pauses the lane until `until`, because of `why`. Returns whether this begins a new pause.
    pub(in crate::client) fn pause(
        &self,
        kind: CallKind,
        now: Instant,
        until: Instant,
        why: &Error,
    ) -> bool {
        let mut state = self.lane(kind).lock();
        let was_open = state
            .paused
            .as_ref()
            .is_none_or(|paused| paused.until <= now);
        if state
            .paused
            .as_ref()
            .is_none_or(|paused| paused.until < until)
        {
            let why = why.clone();
            state.paused = Some(Pause { until, why });
        }
        was_open && until > now
    }

    /// The remaining pause; `None` if the lane is not paused.
    pub(in crate::client) fn paused_for(&self, kind: CallKind, now: Instant) -> Option<Duration> {
        let mut state = self.lane(kind).lock();
        let until = state.paused.as_ref()?.until;
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            state.paused = None;
            return None;
        }
        Some(left)
    }

    /// The error that caused the pause.
    pub(in crate::client) fn pause_cause(&self, kind: CallKind) -> Option<Error> {
        let state = self.lane(kind).lock();
        state.paused.as_ref().map(|paused| paused.why.clone())
    }

    /// Takes a permit if one is available.
    pub(in crate::client) fn try_acquire(&self, kind: CallKind) -> Option<Permit<'_>> {
        let lane = self.lane(kind);
        let mut state = lane.lock();
        (state.available() > 0).then(|| lane.enter(&mut state))
    }

    /// Waits for a permit.
    pub(in crate::client) const fn acquire(&self, kind: CallKind) -> Acquire<'_> {
        let lane = self.lane(kind);
        Acquire {
            lane,
            waiter: WaiterId::new(),
        }
    }

    /// The number of successful calls of all kinds.
    pub(in crate::client) fn successes(&self) -> u64 {
        let of = |lane: &Lane| lane.lock().successes;
        self.0.iter().map(of).fold(0, u64::wrapping_add)
    }

    /// A permit regardless of the limit, for a call that waited long enough: permits may be held by
    /// futures that are never polled again.
    pub(in crate::client) fn acquire_unlimited(&self, kind: CallKind) -> Permit<'_> {
        let lane = self.lane(kind);
        lane.enter(&mut lane.lock())
    }

    const fn lane(&self, kind: CallKind) -> &Lane {
        &self.0[match kind {
            CallKind::Authorize | CallKind::Read | CallKind::Write => 0,
            CallKind::Upload => 1,
            CallKind::Download => 2,
        }]
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, state: &mut State) -> Permit<'_> {
        state.in_flight += 1;
        Permit {
            lane: self,
            decreases: state.decreases,
        }
    }

    /// Wakes as many waiters as permits are available.
    fn wake(&self) {
        let mut state = self.lock();
        let available = state.available();
        let woken = state.waiters.notify(available);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn available(&self) -> usize {
        self.limit.as_ref().map_or(usize::MAX, |limit| {
            limit.max_in_flight.saturating_sub(self.in_flight) as usize
        })
    }
}

/// Waits for a permit.
#[derive(Debug)]
pub(in crate::client) struct Acquire<'a> {
    lane: &'a Lane,
    waiter: WaiterId,
}

impl<'a> Future for Acquire<'a> {
    type Output = Permit<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let lane = self.lane;
        let mut state = lane.lock();
        if state.available() > 0 {
            let own = state.waiters.leave(&mut self.waiter);
            let permit = lane.enter(&mut state);
            drop(state);
            drop(own);
            return Poll::Ready(permit);
        }
        let before = state.waiters.wait(&mut self.waiter, cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if self.waiter.is_waiting() {
            let own = self.lane.lock().waiters.leave(&mut self.waiter);
            drop(own);
            // It may have been notified of a permit that it no longer needs.
            self.lane.wake();
        }
    }
}

impl Permit<'_> {
    /// B2 answered 429, or this computer ran out of resources: lowers the limit.
    pub(in crate::client) fn throttled(&self) {
        let mut state = self.lane.lock();
        if state.decreases != self.decreases {
            return;
        }
        state.decreases += 1;
        let half = (state.in_flight / 2).max(1);
        let limit = state.limit.as_ref();
        // More may be in flight than the limit allows, because of `acquire_unlimited`.
        let max_in_flight = limit.map_or(half, |limit| half.min(limit.max_in_flight));
        let original = limit.map_or(state.in_flight, |limit| limit.original);
        state.limit = Some(Limit {
            max_in_flight,
            original,
            succeeded: 0,
        });
    }

    /// The attempt succeeded: raises the limit after enough of them.
    pub(in crate::client) fn succeeded(&self) {
        let mut state = self.lane.lock();
        state.successes = state.successes.wrapping_add(1);
        let Some(limit) = &mut state.limit else {
            return;
        };
        limit.succeeded += 1;
        if limit.succeeded == SUCCESSES_PER_INCREASE {
            limit.succeeded = 0;
            limit.max_in_flight += 1;
            if limit.max_in_flight >= limit.original {
                state.limit = None;
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.lane.lock().in_flight -= 1;
        self.lane.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: CallKind = CallKind::Download;

    fn permit(limiter: &Limiter) -> Option<Permit<'_>> {
        limiter.try_acquire(KIND)
    }

    /// All available permits, up to 1,000.
    fn permits(limiter: &Limiter) -> Vec<Permit<'_>> {
        std::iter::from_fn(|| permit(limiter)).take(1_000).collect()
    }

    #[test]
    fn a_lane_is_unlimited_until_the_first_throttling() {
        assert_eq!(permits(&Limiter::default()).len(), 1_000);
    }

    #[test]
    fn throttling_halves_the_limit_once_for_all_requests_in_flight() {
        let limiter = Limiter::default();
        let permits: Vec<_> = (0..40).filter_map(|_| permit(&limiter)).collect();
        permits.iter().for_each(Permit::throttled);
        assert!(permit(&limiter).is_none());
        drop(permits);
        assert_eq!(self::permits(&limiter).len(), 20);
        let later = permit(&limiter).unwrap();
        later.throttled();
        drop(later);
        // The throttled request was the only one in flight.
        assert_eq!(self::permits(&limiter).len(), 1);
        assert!(limiter.try_acquire(CallKind::Upload).is_some());
    }

    #[test]
    fn successes_raise_the_limit_until_it_is_lifted() {
        let limiter = Limiter::default();
        let permits: Vec<_> = (0..4).filter_map(|_| permit(&limiter)).collect();
        permits[0].throttled();
        drop(permits);
        for expected in [2, 3] {
            assert_eq!(self::permits(&limiter).len(), expected);
            (0..SUCCESSES_PER_INCREASE).for_each(|_| permit(&limiter).unwrap().succeeded());
        }
        assert_eq!(self::permits(&limiter).len(), 1_000);
    }

    #[test]
    fn a_released_permit_wakes_a_waiter_even_if_another_was_dropped() {
        let limiter = Limiter::default();
        let first = permit(&limiter).unwrap();
        first.throttled();
        let mut first = Some(first);
        for impatient_until_woken in [false, true] {
            let first = first.take().or_else(|| permit(&limiter)).unwrap();
            let (mut dropped, mut waiting) = (Waiter::new(&limiter), Waiter::new(&limiter));
            assert!(!dropped.is_ready() && !waiting.is_ready());
            if impatient_until_woken {
                drop(first);
                drop(dropped);
            } else {
                drop(dropped);
                drop(first);
            }
            assert_eq!(waiting.times_woken(), 1);
            assert!(waiting.is_ready());
        }
    }

    #[test]
    fn as_many_waiters_are_woken_in_order_as_there_are_permits() {
        let limiter = Limiter::default();
        let first = permit(&limiter).unwrap();
        first.throttled();
        let mut waiters: Vec<_> = (0..100).map(|_| Waiter::new(&limiter)).collect();
        assert!(!waiters.iter_mut().any(Waiter::is_ready));
        drop(first);
        let woken = |waiters: &[Waiter<'_>]| -> Vec<_> {
            waiters.iter().map(Waiter::times_woken).collect()
        };
        assert_eq!(woken(&waiters)[..2], [1, 0]);
        assert_eq!(woken(&waiters).iter().sum::<usize>(), 1);
        // Each call that finishes wakes the next.
        for n in 0..SUCCESSES_PER_INCREASE as usize {
            let passed = waiters[n].passed().unwrap();
            assert_eq!(woken(&waiters).iter().sum::<usize>(), n + 1);
            passed.succeeded();
        }
        // When the limit is lifted, all are woken.
        assert!(woken(&waiters).iter().all(|times| *times == 1));
    }

    #[test]
    fn acquire_unlimited_exceeds_the_limit() {
        let limiter = Limiter::default();
        let first = permit(&limiter).unwrap();
        first.throttled();
        let squeezed = limiter.acquire_unlimited(KIND);
        drop(first);
        assert!(permit(&limiter).is_none());
        drop(squeezed);
        assert!(permit(&limiter).is_some());
    }

    /// A call waiting for a permit.
    struct Waiter<'a> {
        acquire: Pin<Box<Acquire<'a>>>,
        woken: std::sync::Arc<Woken>,
    }

    impl<'a> Waiter<'a> {
        fn new(limiter: &'a Limiter) -> Self {
            let (acquire, woken) = (Box::pin(limiter.acquire(KIND)), std::sync::Arc::default());
            Self { acquire, woken }
        }

        fn passed(&mut self) -> Option<Permit<'a>> {
            let waker = Waker::from(std::sync::Arc::clone(&self.woken));
            let mut cx = Context::from_waker(&waker);
            match self.acquire.as_mut().poll(&mut cx) {
                Poll::Ready(permit) => Some(permit),
                Poll::Pending => None,
            }
        }

        fn is_ready(&mut self) -> bool {
            self.passed().is_some()
        }

        fn times_woken(&self) -> usize {
            self.woken.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
