//! [`EndpointHealth`]: the health of one endpoint. Pure but for wakers: time and randomness are
//! parameters.

use std::task::Waker;
use std::time::{Duration, Instant};

use b2kit_core::time::later;
use b2kit_core::{HttpError, HttpErrorKind, Phase};

use crate::client::limits::waiters::Waiters;
use crate::error::Error;

/// This many failures in a row are an outage.
pub(super) const FAILURE_THRESHOLD: u32 = 3;

/// A probe that takes longer no longer blocks another: it may be a large upload, or never be polled
/// again.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// No two probes come closer together, whatever the policy says and however often they are dropped.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// Nor are they further apart.
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(3_600);

/// In the ramp there is room for twice as many after so long, though nobody answers: what is in
/// progress may be large.
const RAMP_INTERVAL: Duration = Duration::from_secs(1);

/// With room for so many the ramp is over.
const RAMP_END: u32 = 1 << 16;

/// What an attempt says about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Signal {
    /// Somebody answered.
    Answered,
    /// It may be gone: no connection, one that broke, or silence.
    Failed,
    /// Nothing: this machine, or the caller, was the cause.
    None,
}

impl Signal {
    /// What this outcome shows. `deadline_passed` is a call whose own deadline has passed.
    pub(in crate::client) fn of<T>(outcome: &Result<T, Error>, deadline_passed: bool) -> Self {
        use HttpErrorKind as K;
        let Some(http) = outcome.as_ref().err().and_then(Error::http_error) else {
            return Self::Answered;
        };
        match (http.kind(), http.phase()) {
            (K::Timeout, _) if deadline_passed => Self::None,
            (K::Exhausted | K::Invalid | K::Source | K::Tls | K::Other, _) => Self::None,
            (K::Protocol | K::TooLarge, _) => Self::Answered,
            // Also in the middle of an answer.
            _ => Self::Failed,
        }
    }
}

/// What a failure is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum FailureScope {
    /// The call's own.
    Isolated,
    /// Shared: an outage that is about to end, or a single bad upload host. A retry is free.
    Shared,
    /// Part of an outage. A retry is free, and the pause is shared.
    Outage,
}

/// The state of an endpoint.
#[derive(Debug)]
enum Health {
    /// It responds, apart from so many failures since its last response.
    Up {
        failures: u32,
    },
    Down(Down),
    Recovering(Recovering),
}

#[derive(Debug)]
struct Down {
    /// The probes that have failed, which says how long to wait for the next.
    failed: u32,
    due: Instant,
    /// The number of the probe that is in progress, and when it began.
    probe: Option<(u64, Instant)>,
    why: HttpErrorKind,
}

#[derive(Debug)]
struct Recovering {
    /// As in the outage before, in case it goes on.
    failed: u32,
    room: u32,
    in_flight: u32,
    grown: Instant,
    failures: u32,
}

/// How an attempt was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Freely,
    AsProbe(u64),
    /// As one of those that the ramp has room for, in this epoch.
    InRamp(u64),
}

/// An attempt has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct Blocked {
    /// Until when at most, if nobody wakes it.
    pub(in crate::client) until: Instant,
    /// Whether nothing can happen before that.
    pub(in crate::client) is_idle: bool,
    /// The probes of this endpoint that have failed so far, or hang.
    pub(in crate::client) probes: u64,
    why: HttpErrorKind,
    pub(super) epoch: u64,
}

impl Blocked {
    /// What the attempt waits for, as the error of a call that was not sent.
    pub(in crate::client) fn why(&self) -> Error {
        Error::http(HttpError::new(self.why, Phase::NotSent))
    }
}

/// One endpoint: pure, but for the wakers of those who wait.
#[derive(Debug)]
pub(super) struct EndpointHealth {
    health: Health,
    /// Changes whenever all waiting attempts have to look again.
    pub(super) epoch: u64,
    probes: u64,
    pub(super) waiters: Waiters,
    probe_number: u64,
}

/// What has changed for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    Nothing,
    Began,
    Ended,
}

impl EndpointHealth {
    /// The `nth` endpoint that is remembered. Its epochs and numbers are distinct from those of all
    /// others.
    pub(super) const fn new(nth: u32) -> Self {
        let first = (nth as u64) << 32;
        Self {
            health: Health::Up { failures: 0 },
            epoch: first,
            probes: 0,
            waiters: Waiters::starting_at(first),
            probe_number: first,
        }
    }

    /// Whether nobody has to wait.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.health, Health::Up { .. })
    }

    /// Whether there is nothing to remember about it.
    pub(super) const fn is_healthy(&self) -> bool {
        matches!(self.health, Health::Up { failures: 0 })
    }

    pub(super) fn enter(&mut self, now: Instant) -> Result<Admission, Blocked> {
        let (until, is_idle, why) = match &mut self.health {
            Health::Up { .. } => return Ok(Admission::Freely),
            Health::Down(down) => {
                let hangs = down.probe.map(|(_, since)| later(since, PROBE_TIMEOUT));
                let at = hangs.unwrap_or(down.due);
                if at <= now {
                    if hangs.is_some() {
                        down.failed = down.failed.saturating_add(1);
                        self.probes += 1;
                    }
                    self.probe_number += 1;
                    down.probe = Some((self.probe_number, now));
                    return Ok(Admission::AsProbe(self.probe_number));
                }
                (at, hangs.is_none(), down.why)
            }
            Health::Recovering(ramp) => {
                ramp.grow(now);
                if ramp.room >= RAMP_END {
                    self.health = Health::Up { failures: 0 };
                    return Ok(Admission::Freely);
                }
                if ramp.in_flight < ramp.room {
                    ramp.in_flight += 1;
                    return Ok(Admission::InRamp(self.epoch));
                }
                (
                    later(ramp.grown, RAMP_INTERVAL),
                    false,
                    HttpErrorKind::Connect,
                )
            }
        };
        Err(Blocked {
            until,
            is_idle,
            probes: self.probes,
            why,
            epoch: self.epoch,
        })
    }

    /// An attempt has ended in whatever way, or was dropped.
    pub(super) fn leave(&mut self, admission: Admission, now: Instant) {
        match (&mut self.health, admission) {
            (Health::Down(down), Admission::AsProbe(number)) => {
                let Some((_, since)) = down.probe.filter(|probe| probe.0 == number) else {
                    return;
                };
                // Another takes over.
                down.probe = None;
                down.due = now.max(later(since, MIN_PROBE_INTERVAL));
                self.epoch += 1;
            }
            (Health::Recovering(ramp), Admission::InRamp(epoch)) if epoch == self.epoch => {
                ramp.in_flight = ramp.in_flight.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Somebody has answered.
    pub(super) fn answered(&mut self, now: Instant) -> Transition {
        match &mut self.health {
            Health::Up { failures } => *failures = 0,
            Health::Down(down) => {
                self.health = Health::Recovering(Recovering {
                    failed: down.failed,
                    room: 2,
                    in_flight: 0,
                    grown: now,
                    failures: 0,
                });
                self.epoch += 1;
                self.rest();
                return Transition::Ended;
            }
            Health::Recovering(ramp) => {
                ramp.failures = 0;
                ramp.room = ramp.room.saturating_add(1);
                self.rest();
            }
        }
        Transition::Nothing
    }

    /// The ramp is over when nobody waits at its foot.
    fn rest(&mut self) {
        if self.waiters.is_empty() {
            self.health = Health::Up { failures: 0 };
        }
    }

    /// An attempt has failed. `pause` is how long to wait after so many probes.
    pub(super) fn failed(
        &mut self,
        admission: Admission,
        now: Instant,
        kind: HttpErrorKind,
        pause: impl Fn(u32) -> Duration,
    ) -> (FailureScope, Transition) {
        let due = |failed| {
            later(
                now,
                pause(failed).clamp(MIN_PROBE_INTERVAL, MAX_PROBE_INTERVAL),
            )
        };
        let (count, failed) = match &mut self.health {
            Health::Up { failures } => (failures, 0),
            Health::Recovering(ramp) => {
                if admission != Admission::InRamp(self.epoch) {
                    // It was sent before the outage, or in it.
                    return (FailureScope::Shared, Transition::Nothing);
                }
                (&mut ramp.failures, ramp.failed)
            }
            Health::Down(down) => {
                if down
                    .probe
                    .is_some_and(|(number, _)| admission == Admission::AsProbe(number))
                {
                    down.probe = None;
                    down.failed = down.failed.saturating_add(1);
                    down.due = due(down.failed);
                    down.why = kind;
                    self.probes += 1;
                    self.epoch += 1;
                }
                return (FailureScope::Outage, Transition::Nothing);
            }
        };
        *count += 1;
        if *count < FAILURE_THRESHOLD {
            let scope = match self.health {
                Health::Recovering(_) => FailureScope::Shared,
                _ => FailureScope::Isolated,
            };
            return (scope, Transition::Nothing);
        }
        self.health = Health::Down(Down {
            failed,
            due: due(failed),
            probe: None,
            why: kind,
        });
        self.epoch += 1;
        (FailureScope::Outage, Transition::Began)
    }

    /// Those who can go on now: all, in a new epoch; in the ramp those for whom there is room, in
    /// the order in which they came.
    pub(super) fn wakers(&mut self, epoch: u64) -> Vec<Waker> {
        if epoch != self.epoch || matches!(self.health, Health::Up { .. }) {
            return self.waiters.notify_all();
        }
        let Health::Recovering(ramp) = &self.health else {
            return Vec::new();
        };
        let room = ramp.room.saturating_sub(ramp.in_flight) as usize;
        self.waiters
            .notify(room.saturating_sub(self.waiters.notified()))
    }
}

impl Recovering {
    fn grow(&mut self, now: Instant) {
        while self.room < RAMP_END && now.saturating_duration_since(self.grown) >= RAMP_INTERVAL {
            self.grown = later(self.grown, RAMP_INTERVAL);
            self.room = self.room.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use crate::client::limits::waiters::WaiterId;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A second, two, four.
    fn doubling(failed: u32) -> Duration {
        SECOND * (1 << failed)
    }

    fn refused<T>(kind: HttpErrorKind, phase: Phase) -> Result<T, Error> {
        Err(Error::http(HttpError::new(kind, phase)))
    }

    fn fails(endpoint: &mut EndpointHealth, admission: Admission, now: Instant) -> FailureScope {
        endpoint
            .failed(admission, now, HttpErrorKind::Connect, doubling)
            .0
    }

    /// An endpoint with which nothing has worked for long enough.
    fn down(now: Instant) -> EndpointHealth {
        let mut endpoint = EndpointHealth::new(0);
        for n in 1..=FAILURE_THRESHOLD {
            let scope = fails(&mut endpoint, Admission::Freely, now);
            let expected = if n < FAILURE_THRESHOLD {
                FailureScope::Isolated
            } else {
                FailureScope::Outage
            };
            assert_eq!(scope, expected);
        }
        endpoint
    }

    #[test]
    fn consecutive_failures_are_an_outage_and_a_response_resets_the_count() {
        let now = SystemTimer.now();
        let mut endpoint = EndpointHealth::new(0);
        for _ in 0..10 {
            for _ in 1..FAILURE_THRESHOLD {
                assert_eq!(
                    fails(&mut endpoint, Admission::Freely, now),
                    FailureScope::Isolated
                );
            }
            assert_eq!(endpoint.answered(now), Transition::Nothing);
            assert!(endpoint.is_healthy());
        }
        assert_eq!(down(now).enter(now).unwrap_err().until, now + SECOND);
    }

    #[test]
    fn one_probe_at_a_time_with_growing_pauses_between_them() {
        let mut now = SystemTimer.now();
        let mut endpoint = down(now);
        for failed in 0..5 {
            let blocked = endpoint.enter(now).unwrap_err();
            assert_eq!(blocked.until, now + doubling(failed));
            assert_eq!((blocked.is_idle, blocked.probes), (true, failed.into()));
            now = blocked.until;
            let probe = endpoint.enter(now).unwrap();
            let blocked = endpoint.enter(now).unwrap_err();
            assert_eq!(blocked.until, now + PROBE_TIMEOUT);
            assert!(!blocked.is_idle);
            // What was sent before says nothing new.
            assert_eq!(
                fails(&mut endpoint, Admission::Freely, now),
                FailureScope::Outage
            );
            assert_eq!(fails(&mut endpoint, probe, now), FailureScope::Outage);
            endpoint.leave(probe, now);
        }
    }

    #[test]
    fn a_dropped_probe_is_followed_by_another_after_a_pause() {
        let mut now = SystemTimer.now();
        let mut endpoint = down(now);
        now += SECOND;
        let probe = endpoint.enter(now).unwrap();
        let epoch = endpoint.epoch;
        endpoint.leave(probe, now);
        assert_ne!(endpoint.epoch, epoch, "all who wait hear of it");
        assert_eq!(
            endpoint.enter(now).unwrap_err().until,
            now + MIN_PROBE_INTERVAL
        );
        let probe = endpoint.enter(now + MIN_PROBE_INTERVAL).unwrap();
        now += 5 * SECOND;
        endpoint.leave(probe, now);
        assert!(endpoint.enter(now).is_ok());
        assert_eq!(endpoint.probes, 0);
    }

    #[test]
    fn a_probe_that_hangs_counts_as_failed_and_lets_others_probe() {
        let mut now = SystemTimer.now();
        let mut endpoint = down(now);
        now += SECOND;
        let hangs = endpoint.enter(now).unwrap();
        now += PROBE_TIMEOUT;
        let next = endpoint.enter(now).unwrap();
        assert_eq!(endpoint.probes, 1);
        // The end of the first changes nothing.
        let until = endpoint.enter(now).unwrap_err().until;
        fails(&mut endpoint, hangs, now);
        endpoint.leave(hangs, now);
        assert_eq!(endpoint.enter(now).unwrap_err().until, until);
        fails(&mut endpoint, next, now);
        assert_eq!(endpoint.enter(now).unwrap_err().until, now + doubling(2));
    }

    /// As many as are let through.
    fn crowd(endpoint: &mut EndpointHealth, now: Instant) -> Vec<Admission> {
        let guard = std::iter::from_fn(|| endpoint.enter(now).ok());
        guard.take(100_000).collect()
    }

    /// One that waits.
    fn wait(endpoint: &mut EndpointHealth) {
        let mut waiter = WaiterId::new();
        let before = endpoint.waiters.wait(&mut waiter, Waker::noop().clone());
        assert!(before.is_none());
    }

    #[test]
    fn the_ramp_after_an_outage_grows_with_responses_and_with_time() {
        let mut now = SystemTimer.now();
        let mut endpoint = down(now);
        wait(&mut endpoint);
        now += SECOND;
        let probe = endpoint.enter(now).unwrap();
        assert_eq!(endpoint.answered(now), Transition::Ended);
        endpoint.leave(probe, now);
        let first = crowd(&mut endpoint, now);
        assert_eq!(first.len(), 2);
        assert_eq!(endpoint.enter(now).unwrap_err().until, now + RAMP_INTERVAL);
        for admission in first {
            endpoint.answered(now);
            endpoint.leave(admission, now);
        }
        assert_eq!(crowd(&mut endpoint, now).len(), 4);
        now += RAMP_INTERVAL;
        assert_eq!(
            crowd(&mut endpoint, now).len(),
            4,
            "eight, of which four are in progress"
        );
        now += 3 * RAMP_INTERVAL;
        assert_eq!(crowd(&mut endpoint, now).len(), 56);
        now += 3_600 * SECOND;
        assert_eq!(
            crowd(&mut endpoint, now).len(),
            100_000,
            "there is no ramp any more"
        );
        assert!(endpoint.is_healthy());
    }

    #[test]
    fn the_ramp_ends_when_no_call_waits() {
        let now = SystemTimer.now();
        let mut endpoint = down(now);
        assert_eq!(endpoint.answered(now), Transition::Ended);
        assert!(endpoint.is_healthy());
    }

    #[test]
    fn an_outage_that_resumes_after_a_response_keeps_its_backoff() {
        let mut now = SystemTimer.now();
        let mut endpoint = down(now);
        for failed in 0..3 {
            now = endpoint.enter(now).unwrap_err().until;
            let probe = endpoint.enter(now).unwrap();
            fails(&mut endpoint, probe, now);
            assert_eq!(
                endpoint.enter(now).unwrap_err().until,
                now + doubling(failed + 1)
            );
        }
        wait(&mut endpoint);
        endpoint.answered(now);
        // Those that were sent before the answer don't count.
        for _ in 0..10 {
            assert_eq!(
                fails(&mut endpoint, Admission::Freely, now),
                FailureScope::Shared
            );
        }
        for n in 1..=FAILURE_THRESHOLD {
            let admission = endpoint.enter(now).unwrap();
            let scope = fails(&mut endpoint, admission, now);
            let expected = if n < FAILURE_THRESHOLD {
                FailureScope::Shared
            } else {
                FailureScope::Outage
            };
            assert_eq!(scope, expected);
            endpoint.leave(admission, now);
        }
        assert_eq!(endpoint.enter(now).unwrap_err().until, now + doubling(3));
    }

    #[test]
    fn probe_pauses_have_a_minimum_and_a_maximum() {
        let now = SystemTimer.now();
        for (pause, until) in [
            (Duration::ZERO, MIN_PROBE_INTERVAL),
            (Duration::MAX, MAX_PROBE_INTERVAL),
        ] {
            let mut endpoint = EndpointHealth::new(0);
            for _ in 0..FAILURE_THRESHOLD {
                endpoint.failed(Admission::Freely, now, HttpErrorKind::Reset, |_| pause);
            }
            assert_eq!(endpoint.enter(now).unwrap_err().until, now + until);
        }
    }

    #[test]
    fn an_attempt_signals_the_health_of_its_endpoint() {
        use HttpErrorKind as K;
        use Phase::{MaybeReceived, NotSent, ResponseBegun};
        for (kind, phase, sign) in [
            (K::Connect, NotSent, Signal::Failed),
            (K::Resolve, NotSent, Signal::Failed),
            (K::Timeout, NotSent, Signal::Failed),
            (K::Reset, MaybeReceived, Signal::Failed),
            (K::Closed, MaybeReceived, Signal::Failed),
            (K::Timeout, MaybeReceived, Signal::Failed),
            (K::Stalled, MaybeReceived, Signal::Failed),
            (K::Reset, ResponseBegun, Signal::Failed),
            (K::Protocol, ResponseBegun, Signal::Answered),
            (K::Protocol, MaybeReceived, Signal::Answered),
            (K::Exhausted, NotSent, Signal::None),
            (K::Tls, NotSent, Signal::None),
            (K::Source, MaybeReceived, Signal::None),
            (K::Other, NotSent, Signal::None),
        ] {
            assert_eq!(
                Signal::of::<()>(&refused(kind, phase), false),
                sign,
                "{kind:?}"
            );
        }
        let late = refused::<()>(K::Timeout, MaybeReceived);
        assert_eq!(Signal::of(&late, true), Signal::None);
        assert_eq!(Signal::of(&Ok(()), false), Signal::Answered);
    }
}
