//! [`Gates`]: when B2 says "too many requests" to one call, all calls of its kind wait, and then fewer of them go at once.
//!
//! The number that may be under way is halved by each such answer, once for all that were sent before it, and grows by
//! one for every twenty calls that succeed, until there is room again for as many as there were. While B2 never says so
//! there is no limit.

use std::future::poll_fn;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::api::CallKind;

/// How many calls have to succeed before one more may go at once.
const PROOF: u32 = 20;

/// A gate for each kind of traffic: to the API, of uploads, of downloads.
#[derive(Debug, Default)]
pub(super) struct Gates([Gate; 3]);

#[derive(Debug, Default)]
struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed_until: Option<Instant>,
    under_way: u32,
    limit: Option<Limit>,
    /// How often the limit was lowered: who was sent before the last time says nothing new.
    lowered: u64,
    waiting: Vec<Waker>,
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
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    lowered: u64,
}

impl Gates {
    /// Nobody passes before `until`.
    pub(super) fn close(&self, kind: CallKind, until: Instant) {
        let mut state = self.gate(kind).lock();
        state.closed_until = state.closed_until.max(Some(until));
    }

    /// How long to wait; `None` if the gate is open.
    pub(super) fn closed_for(&self, kind: CallKind, now: Instant) -> Option<Duration> {
        let mut state = self.gate(kind).lock();
        let left = state
            .closed_until
            .map(|until| until.saturating_duration_since(now))
            .filter(|left| !left.is_zero());
        if left.is_none() {
            state.closed_until = None;
        }
        left
    }

    /// Waits until there is room for one more.
    pub(super) async fn pass(&self, kind: CallKind) -> Pass<'_> {
        let gate = self.gate(kind);
        poll_fn(|cx| {
            let mut state = gate.lock();
            let full = |limit: &Limit| state.under_way >= limit.at_once;
            if state.limit.as_ref().is_some_and(full) {
                if !state
                    .waiting
                    .iter()
                    .any(|other| other.will_wake(cx.waker()))
                {
                    state.waiting.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            state.under_way += 1;
            Poll::Ready(Pass {
                gate,
                lowered: state.lowered,
            })
        })
        .await
    }

    fn gate(&self, kind: CallKind) -> &Gate {
        &self.0[match kind {
            CallKind::Login | CallKind::Read | CallKind::Write => 0,
            CallKind::Upload => 1,
            CallKind::Download => 2,
        }]
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// B2 says that there are too many.
    pub(super) fn refused(&self) {
        let mut state = self.gate.lock();
        if state.lowered != self.lowered {
            return;
        }
        state.lowered += 1;
        let at_once = (state.under_way / 2).max(1);
        let enough = state
            .limit
            .as_ref()
            .map_or(state.under_way, |limit| limit.enough);
        state.limit = Some(Limit {
            at_once,
            enough,
            succeeded: 0,
        });
    }

    /// B2 takes it.
    pub(super) fn succeeded(&self) {
        let mut state = self.gate.lock();
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
        let mut state = self.gate.lock();
        state.under_way -= 1;
        // All of them: one alone might have been dropped while it waited.
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const KIND: CallKind = CallKind::Download;

    fn pass(gates: &Gates) -> Option<Pass<'_>> {
        gates.pass(KIND).now_or_never()
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
        assert!(gates.pass(CallKind::Upload).now_or_never().is_some());
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
        let waker = futures::task::noop_waker();
        let mut cx = std::task::Context::from_waker(&waker);
        let mut impatient = Box::pin(gates.pass(KIND));
        assert!(impatient.as_mut().poll(&mut cx).is_pending());
        let woken = std::sync::Arc::new(Woken::default());
        let waker = Waker::from(std::sync::Arc::clone(&woken));
        let mut cx = std::task::Context::from_waker(&waker);
        let mut patient = Box::pin(gates.pass(KIND));
        assert!(patient.as_mut().poll(&mut cx).is_pending());
        drop(impatient);
        drop(first);
        assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed));
        assert!(patient.as_mut().poll(&mut cx).is_ready());
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
