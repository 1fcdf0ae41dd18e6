//! [`Gates`]: when B2 says "too many requests" to one call, all calls of its kind wait, and then fewer of them go at once.
//!
//! The number that may be under way is halved by each such answer, once for all that were sent before it, and grows by
//! one for every twenty calls that succeed, until there is room again for as many as there were. While B2 never says so
//! there is no limit.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::api::CallKind;
use crate::error::Error;

/// How many calls have to succeed before one more may go at once.
const PROOF: u32 = 20;

/// A gate for each kind of traffic: to the API, of uploads, of downloads.
#[derive(Debug, Default)]
pub(in crate::client) struct Gates([Gate; 3]);

#[derive(Debug, Default)]
struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: Option<Closed>,
    under_way: u32,
    limit: Option<Limit>,
    /// How often the limit was lowered: who was sent before the last time says nothing new.
    lowered: u64,
    successes: u64,
    /// Those who wait for room, in the order in which they came.
    waiting: BTreeMap<u64, Waker>,
    came: u64,
}

/// That nobody passes, and why.
#[derive(Debug, Clone)]
struct Closed {
    until: Instant,
    why: Error,
}

#[derive(Debug)]
struct Limit {
    at_once: u32,
    /// How many there were when the limit came. From there on there is none.
    enough: u32,
    /// The successes since the limit was raised.
    succeeded: u32,
}

/// Leave to make one attempt. Dropping it gives the room to another.
#[derive(Debug)]
pub(in crate::client) struct Pass<'a> {
    gate: &'a Gate,
    lowered: u64,
}

impl Gates {
    /// Nobody passes before `until`, since B2 has answered with `why`. Whether somebody would have passed before.
    pub(in crate::client) fn close(
        &self,
        kind: CallKind,
        now: Instant,
        until: Instant,
        why: &Error,
    ) -> bool {
        let mut state = self.gate(kind).lock();
        let was_open = state
            .closed
            .as_ref()
            .is_none_or(|closed| closed.until <= now);
        if state
            .closed
            .as_ref()
            .is_none_or(|closed| closed.until < until)
        {
            let why = why.clone();
            state.closed = Some(Closed { until, why });
        }
        was_open && until > now
    }

    /// How long to wait; `None` if the gate is open.
    pub(in crate::client) fn closed_for(&self, kind: CallKind, now: Instant) -> Option<Duration> {
        let mut state = self.gate(kind).lock();
        let until = state.closed.as_ref()?.until;
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            state.closed = None;
            return None;
        }
        Some(left)
    }

    /// Why the gate is closed, if it is.
    pub(in crate::client) fn closed_by(&self, kind: CallKind) -> Option<Error> {
        let state = self.gate(kind).lock();
        state.closed.as_ref().map(|closed| closed.why.clone())
    }

    /// Passes if there is room for one more.
    pub(in crate::client) fn try_pass(&self, kind: CallKind) -> Option<Pass<'_>> {
        let gate = self.gate(kind);
        let mut state = gate.lock();
        (state.room() > 0).then(|| gate.enter(&mut state))
    }

    /// Waits until there is room for one more.
    pub(in crate::client) const fn room(&self, kind: CallKind) -> Room<'_> {
        let gate = self.gate(kind);
        Room { gate, number: None }
    }

    /// How many calls have succeeded, of all kinds.
    pub(in crate::client) fn successes(&self) -> u64 {
        let of = |gate: &Gate| gate.lock().successes;
        self.0.iter().map(of).fold(0, u64::wrapping_add)
    }

    /// Passes without room. Who has a pass may be one that is never polled again.
    pub(in crate::client) fn squeeze(&self, kind: CallKind) -> Pass<'_> {
        let gate = self.gate(kind);
        gate.enter(&mut gate.lock())
    }

    const fn gate(&self, kind: CallKind) -> &Gate {
        &self.0[match kind {
            CallKind::Authorize | CallKind::Read | CallKind::Write => 0,
            CallKind::Upload => 1,
            CallKind::Download => 2,
        }]
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, state: &mut State) -> Pass<'_> {
        state.under_way += 1;
        Pass {
            gate: self,
            lowered: state.lowered,
        }
    }

    /// Wakes as many as there is room for.
    fn wake(&self) {
        let mut state = self.lock();
        let mut woken = Vec::new();
        while woken.len() < state.room() {
            let Some((_, waker)) = state.waiting.pop_first() else {
                break;
            };
            woken.push(waker);
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn room(&self) -> usize {
        self.limit.as_ref().map_or(usize::MAX, |limit| {
            limit.at_once.saturating_sub(self.under_way) as usize
        })
    }
}

/// A place among those who wait.
#[derive(Debug)]
pub(in crate::client) struct Room<'a> {
    gate: &'a Gate,
    number: Option<u64>,
}

impl<'a> Future for Room<'a> {
    type Output = Pass<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Pass<'a>> {
        let gate = self.gate;
        let mut state = gate.lock();
        if state.room() > 0 {
            if let Some(number) = self.number.take() {
                state.waiting.remove(&number);
            }
            return Poll::Ready(gate.enter(&mut state));
        }
        // Who was woken too late keeps its place.
        let number = *self.number.get_or_insert(state.came);
        state.came = state.came.max(number + 1);
        state.waiting.insert(number, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.gate.lock().waiting.remove(&number);
            // It may have been woken, and has no use for it.
            self.gate.wake();
        }
    }
}

impl Pass<'_> {
    /// B2 says that there are too many, or this machine has no room for so many.
    pub(in crate::client) fn refused(&self) {
        let mut state = self.gate.lock();
        if state.lowered != self.lowered {
            return;
        }
        state.lowered += 1;
        let half = (state.under_way / 2).max(1);
        let limit = state.limit.as_ref();
        // There may be more than there is room for: those who did not wait any longer.
        let at_once = limit.map_or(half, |limit| half.min(limit.at_once));
        let enough = limit.map_or(state.under_way, |limit| limit.enough);
        state.limit = Some(Limit {
            at_once,
            enough,
            succeeded: 0,
        });
    }

    /// B2 takes it.
    pub(in crate::client) fn succeeded(&self) {
        let mut state = self.gate.lock();
        state.successes = state.successes.wrapping_add(1);
        let Some(limit) = &mut state.limit else {
            return;
        };
        limit.succeeded += 1;
        if limit.succeeded == PROOF {
            limit.succeeded = 0;
            limit.at_once += 1;
            if limit.at_once >= limit.enough {
                state.limit = None;
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.lock().under_way -= 1;
        self.gate.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: CallKind = CallKind::Download;

    fn pass(gates: &Gates) -> Option<Pass<'_>> {
        gates.try_pass(KIND)
    }

    /// As many as pass.
    fn crowd(gates: &Gates) -> Vec<Pass<'_>> {
        std::iter::from_fn(|| pass(gates)).take(1_000).collect()
    }

    #[test]
    fn without_a_refusal_there_is_no_limit() {
        assert_eq!(crowd(&Gates::default()).len(), 1_000);
    }

    #[test]
    fn a_refusal_halves_the_crowd_once_for_all_that_were_sent_before_it() {
        let gates = Gates::default();
        let crowd: Vec<_> = (0..40).filter_map(|_| pass(&gates)).collect();
        crowd.iter().for_each(Pass::refused);
        assert!(pass(&gates).is_none());
        drop(crowd);
        assert_eq!(self::crowd(&gates).len(), 20);
        let later = pass(&gates).unwrap();
        later.refused();
        drop(later);
        // The one that was refused was alone.
        assert_eq!(self::crowd(&gates).len(), 1);
        assert!(gates.try_pass(CallKind::Upload).is_some());
    }

    #[test]
    fn successes_make_room_again_until_there_is_no_limit() {
        let gates = Gates::default();
        let crowd: Vec<_> = (0..4).filter_map(|_| pass(&gates)).collect();
        crowd[0].refused();
        drop(crowd);
        for expected in [2, 3] {
            assert_eq!(self::crowd(&gates).len(), expected);
            (0..PROOF).for_each(|_| pass(&gates).unwrap().succeeded());
        }
        assert_eq!(self::crowd(&gates).len(), 1_000);
    }

    #[test]
    fn whoever_waits_is_woken_when_one_leaves_even_if_another_gave_up_waiting() {
        let gates = Gates::default();
        let first = pass(&gates).unwrap();
        first.refused();
        let mut first = Some(first);
        for impatient_until_woken in [false, true] {
            let first = first.take().or_else(|| pass(&gates)).unwrap();
            let (mut impatient, mut patient) = (Waiter::new(&gates), Waiter::new(&gates));
            assert!(!impatient.is_ready() && !patient.is_ready());
            if impatient_until_woken {
                drop(first);
                drop(impatient);
            } else {
                drop(impatient);
                drop(first);
            }
            assert_eq!(patient.times_woken(), 1);
            assert!(patient.is_ready());
        }
    }

    #[test]
    fn as_many_are_woken_as_there_is_room_for_in_the_order_in_which_they_came() {
        let gates = Gates::default();
        let first = pass(&gates).unwrap();
        first.refused();
        let mut waiters: Vec<_> = (0..100).map(|_| Waiter::new(&gates)).collect();
        assert!(!waiters.iter_mut().any(Waiter::is_ready));
        drop(first);
        let woken = |waiters: &[Waiter<'_>]| -> Vec<_> {
            waiters.iter().map(Waiter::times_woken).collect()
        };
        assert_eq!(woken(&waiters)[..2], [1, 0]);
        assert_eq!(woken(&waiters).iter().sum::<usize>(), 1);
        // Each that passes makes way for the next one when it is done.
        for n in 0..PROOF as usize {
            let passed = waiters[n].passed().unwrap();
            assert_eq!(woken(&waiters).iter().sum::<usize>(), n + 1);
            passed.succeeded();
        }
        // Without a limit all are.
        assert!(woken(&waiters).iter().all(|times| *times == 1));
    }

    #[test]
    fn who_does_not_wait_any_longer_squeezes_in() {
        let gates = Gates::default();
        let first = pass(&gates).unwrap();
        first.refused();
        let squeezed = gates.squeeze(KIND);
        drop(first);
        assert!(pass(&gates).is_none());
        drop(squeezed);
        assert!(pass(&gates).is_some());
    }

    /// One that waits for room.
    struct Waiter<'a> {
        room: Pin<Box<Room<'a>>>,
        woken: std::sync::Arc<Woken>,
    }

    impl<'a> Waiter<'a> {
        fn new(gates: &'a Gates) -> Self {
            let (room, woken) = (Box::pin(gates.room(KIND)), std::sync::Arc::default());
            Self { room, woken }
        }

        fn passed(&mut self) -> Option<Pass<'a>> {
            let waker = Waker::from(std::sync::Arc::clone(&self.woken));
            let mut cx = Context::from_waker(&waker);
            match self.room.as_mut().poll(&mut cx) {
                Poll::Ready(pass) => Some(pass),
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
