//! [`EndpointHealth`]: the health of one endpoint. Pure except for wakers: time and randomness are
//! parameters.

use std::task::Waker;
use std::time::{Duration, Instant};

use b2kit_core::time::saturating_add;
use b2kit_core::{HttpError, HttpErrorKind, Phase};

use crate::client::limits::waiters::Waiters;
use crate::error::Error;

/// The number of consecutive failures that begin an outage.
pub(super) const FAILURE_THRESHOLD: u32 = 3;

/// While a probe takes longer, another may start: it may be a large upload, or never be polled
/// again.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The minimum interval between probes, regardless of the policy and even if probes are dropped.
const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// The maximum interval between probes.
const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(3_600);

/// During recovery the number of admitted attempts doubles at this interval even without responses,
/// since the transfers in progress may be large.
const RAMP_INTERVAL: Duration = Duration::from_secs(1);

/// Recovery ends when this many concurrent attempts are admitted.
const RAMP_END: u32 = 1 << 16;

/// The information that the outcome of an attempt gives about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Signal {
    /// A response arrived.
    Answered,
    /// The endpoint may be unreachable: no connection, a broken one, or a timeout.
    Failed,
    /// Nothing: this machine or the caller caused the failure.
    None,
}

impl Signal {
    /// The signal of an outcome. `deadline_passed`: the call's own deadline caused a timeout.
    pub(in crate::client) fn of<T>(outcome: &Result<T, Error>, deadline_passed: bool) -> Self {
        use HttpErrorKind as K;
        let Some(http) = outcome.as_ref().err().and_then(Error::http_error) else {
            return Self::Answered;
        };
        match (http.kind(), http.phase()) {
            (K::Timeout, _) if deadline_passed => Self::None,
            (K::Exhausted | K::Invalid | K::Source | K::Tls | K::NoMatch | K::Other, _) => {
                Self::None
            }
            (K::Protocol | K::TooLarge, _) => Self::Answered,
            // Even in the middle of a response.
            _ => Self::Failed,
        }
    }
}

/// The scope of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum FailureScope {
    /// Specific to the call.
    Isolated,
    /// Shared: an outage that is about to end, or a single bad upload host. A retry costs no quota.
    Shared,
    /// Part of an outage. A retry costs no quota, and the pause is shared.
    Outage,
}

/// The state of an endpoint.
#[derive(Debug)]
enum Health {
    /// Reachable. `failures` counts the consecutive failures since the last response.
    Up {
        failures: u32,
    },
    Down(Down),
    Recovering(Recovering),
}

#[derive(Debug)]
struct Down {
    /// The probes so far that failed or took too long, which determine the backoff before the next.
    failed: u32,
    due: Instant,
    /// The probe in progress: its number and start.
    probe: Option<(u64, Instant)>,
    why: HttpErrorKind,
}

#[derive(Debug)]
struct Recovering {
    /// `Down::failed` of the outage, in case it continues.
    failed: u32,
    limit: u32,
    in_flight: u32,
    grown: Instant,
    failures: u32,
}

/// How an attempt was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Freely,
    AsProbe(u64),
    /// As one of the attempts admitted during recovery, in this epoch.
    InRamp(u64),
}

/// An attempt that has to wait, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct Blocked {
    /// When to try again at the latest.
    pub(in crate::client) until: Instant,
    /// Whether nothing is in progress that could end the wait earlier.
    pub(in crate::client) is_idle: bool,
    /// See [`EndpointHealth::probes`].
    pub(in crate::client) probes: u64,
    why: HttpErrorKind,
    pub(super) epoch: u64,
}

impl Blocked {
    /// The cause of the outage, as the error of a request that was not sent.
    pub(in crate::client) fn why(&self) -> Error {
        Error::http(HttpError::new(self.why, Phase::NotSent))
    }
}

/// The health of one endpoint, and the calls waiting for it.
#[derive(Debug)]
pub(super) struct EndpointHealth {
    health: Health,
    /// Incremented whenever all waiting attempts have to check again.
    pub(super) epoch: u64,
    /// The failed probes that waiting calls count as attempts of their own. Of probes that ran
    /// concurrently only one counts: a call that retries alone makes its attempts in sequence.
    probes: u64,
    pub(super) waiters: Waiters,
    /// The number of the last probe.
    probe_number: u64,
    /// The last probe that had begun when a failure was counted.
    counted: u64,
}

/// Whether an outage began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    Nothing,
    Began,
    Ended,
}

impl EndpointHealth {
    /// Creates the `nth` tracked endpoint. Its epochs and waiter numbers don't overlap with those
    /// of other endpoints.
    pub(super) const fn new(nth: u32) -> Self {
        let first = (nth as u64) << 32;
        Self {
            health: Health::Up { failures: 0 },
            epoch: first,
            probes: 0,
            waiters: Waiters::starting_at(first),
            probe_number: first,
            counted: first,
        }
    }

    /// Whether attempts are admitted without waiting.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.health, Health::Up { .. })
    }

    /// Whether it is up without a recent failure, and needn't be tracked.
    pub(super) const fn is_healthy(&self) -> bool {
        matches!(self.health, Health::Up { failures: 0 })
    }

    pub(super) fn enter(&mut self, now: Instant) -> Result<Admission, Blocked> {
        let (until, is_idle, why) = match &mut self.health {
            Health::Up { .. } => return Ok(Admission::Freely),
            Health::Down(down) => {
                let hangs = down
                    .probe
                    .map(|(_, since)| saturating_add(since, PROBE_TIMEOUT));
                let at = hangs.unwrap_or(down.due);
                if at <= now {
                    if hangs.is_some() {
                        down.failed = down.failed.saturating_add(1);
                    }
                    self.probe_number += 1;
                    down.probe = Some((self.probe_number, now));
                    return Ok(Admission::AsProbe(self.probe_number));
                }
                (at, hangs.is_none(), down.why)
            }
            Health::Recovering(ramp) => {
                ramp.grow(now);
                if ramp.limit >= RAMP_END {
                    self.health = Health::Up { failures: 0 };
                    return Ok(Admission::Freely);
                }
                if ramp.in_flight < ramp.limit {
                    ramp.in_flight += 1;
                    return Ok(Admission::InRamp(self.epoch));
                }
                (
                    saturating_add(ramp.grown, RAMP_INTERVAL),
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

    /// Records that an attempt ended, with any outcome, or was dropped.
    pub(super) fn leave(&mut self, admission: Admission, now: Instant) {
        match (&mut self.health, admission) {
            (Health::Down(down), Admission::AsProbe(number)) => {
                let Some((_, since)) = down.probe.filter(|probe| probe.0 == number) else {
                    return;
                };
                // Another attempt becomes the probe.
                down.probe = None;
                down.due = now.max(saturating_add(since, MIN_PROBE_INTERVAL));
                self.epoch += 1;
            }
            (Health::Recovering(ramp), Admission::InRamp(epoch)) if epoch == self.epoch => {
                ramp.in_flight = ramp.in_flight.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Records a response.
    pub(super) fn answered(&mut self, now: Instant) -> Transition {
        match &mut self.health {
            Health::Up { failures } => *failures = 0,
            Health::Down(down) => {
                self.health = Health::Recovering(Recovering {
                    failed: down.failed,
                    limit: 2,
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
                ramp.limit = ramp.limit.saturating_add(1);
                self.rest();
            }
        }
        Transition::Nothing
    }

    /// Ends the recovery if no call is waiting.
    fn rest(&mut self) {
        if self.waiters.is_empty() {
            self.health = Health::Up { failures: 0 };
        }
    }

    /// Records a failed attempt. `pause` maps the number of failed probes to a backoff.
    pub(super) fn failed(
        &mut self,
        admission: Admission,
        now: Instant,
        kind: HttpErrorKind,
        pause: impl Fn(u32) -> Duration,
    ) -> (FailureScope, Transition) {
        let due = |failed| {
            saturating_add(
                now,
                pause(failed).clamp(MIN_PROBE_INTERVAL, MAX_PROBE_INTERVAL),
            )
        };
        let (count, failed) = match &mut self.health {
            Health::Up { failures } => (failures, 0),
            Health::Recovering(ramp) => {
                if admission != Admission::InRamp(self.epoch) {
                    // It was sent before or during the outage.
                    return (FailureScope::Shared, Transition::Nothing);
                }
                (&mut ramp.failures, ramp.failed)
            }
            Health::Down(down) => {
                if let Admission::AsProbe(number) = admission {
                    if number > self.counted {
                        self.counted = self.probe_number;
                        self.probes += 1;
                    }
                    if down.probe.is_some_and(|probe| probe.0 == number) {
                        down.probe = None;
                        down.failed = down.failed.saturating_add(1);
                        down.due = due(down.failed);
                        down.why = kind;
                        self.epoch += 1;
                    }
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

    /// The wakers of the calls that can proceed: all of them in a new epoch, and during recovery as
    /// many as there is room for, in order of arrival.
    pub(super) fn wakers(&mut self, epoch: u64) -> Vec<Waker> {
        if epoch != self.epoch || matches!(self.health, Health::Up { .. }) {
            return self.waiters.notify_all();
        }
        let Health::Recovering(ramp) = &self.health else {
            return Vec::new();
        };
        let free = ramp.limit.saturating_sub(ramp.in_flight) as usize;
        self.waiters
            .notify(free.saturating_sub(self.waiters.notified()))
    }
}

impl Recovering {
    fn grow(&mut self, now: Instant) {
        while self.limit < RAMP_END && now.saturating_duration_since(self.grown) >= RAMP_INTERVAL {
            self.grown = saturating_add(self.grown, RAMP_INTERVAL);
            self.limit = self.limit.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use crate::client::limits::waiters::WaiterId;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_request_that_a_recording_does_not_have_says_nothing_of_an_endpoint() {
        let outcome = refused::<()>(HttpErrorKind::NoMatch, Phase::NotSent);
        assert!(matches!(Signal::of(&outcome, false), Signal::None));
    }

    /// Backoff of one second, two, four...
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

    /// An endpoint with an outage.
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
            // Failures of requests sent before the outage change nothing.
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
    fn a_probe_that_hangs_lets_others_probe_and_of_concurrent_failures_one_counts() {
        let mut now = SystemTimer.now();
        let mut endpoint = down(now);
        now += SECOND;
        let hangs = endpoint.enter(now).unwrap();
        now += PROBE_TIMEOUT;
        let next = endpoint.enter(now).unwrap();
        assert_eq!(endpoint.probes, 0);
        // The end of the first does not end the wait for the next.
        let until = endpoint.enter(now).unwrap_err().until;
        fails(&mut endpoint, hangs, now);
        endpoint.leave(hangs, now);
        assert_eq!(endpoint.enter(now).unwrap_err().until, until);
        assert_eq!(endpoint.probes, 1);
        fails(&mut endpoint, next, now);
        assert_eq!(endpoint.probes, 1);
        now += doubling(2);
        assert_eq!(endpoint.enter(now - SECOND).unwrap_err().until, now);
        let third = endpoint.enter(now).unwrap();
        fails(&mut endpoint, third, now);
        assert_eq!(endpoint.probes, 2);
    }

    /// All attempts that are admitted at once.
    fn crowd(endpoint: &mut EndpointHealth, now: Instant) -> Vec<Admission> {
        let guard = std::iter::from_fn(|| endpoint.enter(now).ok());
        guard.take(100_000).collect()
    }

    /// Adds a waiting call.
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
        // Failures of requests sent before the response don't count.
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
