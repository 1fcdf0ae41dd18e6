//! [`Place`]: one place, pure but for the wakers of those who wait. Time and chance are handed in.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::{Duration, Instant};

use b2kit_core::time::later;
use b2kit_core::{HttpError, HttpErrorKind, Phase};

use crate::error::Error;

/// So many failures in a row are an outage.
pub(super) const FEW: u32 = 3;

/// A probe that is still under way after so long keeps nobody from making another: it may be a large upload, or one that
/// is never polled again.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// No two probes come closer together, whatever the policy says and however often they are dropped.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Nor are they further apart.
const MOST_PAUSE: Duration = Duration::from_secs(3_600);

/// In the ramp there is room for twice as many after so long, though nobody answers: what is under way may be large.
const DOUBLING: Duration = Duration::from_secs(1);

/// With room for so many the ramp is over.
const ENOUGH: u32 = 1 << 16;

/// What an attempt showed of the place that it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Sign {
    /// Somebody answered.
    Answered,
    /// It may be gone: no connection, one that broke, or silence.
    Failed,
    /// Nothing: this machine, or the caller, was the cause.
    None,
}

impl Sign {
    /// What this outcome shows. `hurried` is a call whose own deadline has passed.
    pub(in crate::client) fn of<T>(outcome: &Result<T, Error>, hurried: bool) -> Self {
        use HttpErrorKind as K;
        let Some(http) = outcome.as_ref().err().and_then(Error::http_error) else {
            return Self::Answered;
        };
        match (http.kind(), http.phase()) {
            (K::Timeout, _) if hurried => Self::None,
            (K::Exhausted | K::Invalid | K::Source | K::Tls | K::Other, _) => Self::None,
            (K::Protocol | K::TooLarge, _) => Self::Answered,
            // Also in the middle of an answer.
            _ => Self::Failed,
        }
    }
}

/// What a failure is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Trouble {
    /// Nothing: it is the call's own.
    Own,
    /// An outage that is about to end, or an upload host that may be the only one: it costs nothing.
    Shared,
    /// An outage: it costs nothing, and the pause is everybody's.
    Outage,
}

/// How a place is.
#[derive(Debug)]
enum Health {
    /// It answers, but for so many failures since it last has.
    Up {
        failures: u32,
    },
    Down(Down),
    Returning(Returning),
}

#[derive(Debug)]
struct Down {
    /// The probes that have failed, which says how long to wait for the next.
    failed: u32,
    due: Instant,
    /// The number of the probe that is under way, and when it began.
    probe: Option<(u64, Instant)>,
    why: HttpErrorKind,
}

#[derive(Debug)]
struct Returning {
    /// As in the outage before, in case it goes on.
    failed: u32,
    room: u32,
    under_way: u32,
    grown: Instant,
    failures: u32,
}

/// How an attempt was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    Freely,
    AsProbe(u64),
    /// As one of those for whom there is room, in this era.
    InRamp(u64),
}

/// That an attempt has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) struct Standstill {
    /// Until when at most, if nobody wakes it.
    pub(in crate::client) until: Instant,
    /// Whether nothing can happen before that.
    pub(in crate::client) is_idle: bool,
    /// The probes of this place that have failed so far, or hang.
    pub(in crate::client) probes: u64,
    why: HttpErrorKind,
    pub(super) era: u64,
}

impl Standstill {
    /// What it is waited for, as an error of a call that was not sent.
    pub(in crate::client) fn why(&self) -> Error {
        Error::http(HttpError::new(self.why, Phase::NotSent))
    }
}

/// One place: pure, but for the wakers of those who wait.
#[derive(Debug)]
pub(super) struct Place {
    health: Health,
    /// Grows whenever all who wait have something new to think about.
    pub(super) era: u64,
    probes: u64,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    /// How many have come, to wait or as a probe.
    pub(super) came: u64,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) waker: Waker,
    /// There is room for it.
    pub(super) called: bool,
}

/// What has changed for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Began,
    Ended,
}

impl Place {
    /// The `nth` place that is remembered, whose eras and numbers are no other's.
    pub(super) const fn new(nth: u32) -> Self {
        let first = (nth as u64) << 32;
        Self {
            health: Health::Up { failures: 0 },
            era: first,
            probes: 0,
            waiting: BTreeMap::new(),
            came: first,
        }
    }

    /// Whether nobody has to wait.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.health, Health::Up { .. })
    }

    /// Whether there is nothing to remember of it.
    pub(super) const fn is_sound(&self) -> bool {
        matches!(self.health, Health::Up { failures: 0 })
    }

    pub(super) fn enter(&mut self, now: Instant) -> Result<Entered, Standstill> {
        let (until, is_idle, why) = match &mut self.health {
            Health::Up { .. } => return Ok(Entered::Freely),
            Health::Down(down) => {
                let hangs = down.probe.map(|(_, since)| later(since, PROBE_PATIENCE));
                let at = hangs.unwrap_or(down.due);
                if at <= now {
                    if hangs.is_some() {
                        down.failed = down.failed.saturating_add(1);
                        self.probes += 1;
                    }
                    self.came += 1;
                    down.probe = Some((self.came, now));
                    return Ok(Entered::AsProbe(self.came));
                }
                (at, hangs.is_none(), down.why)
            }
            Health::Returning(ramp) => {
                ramp.grow(now);
                if ramp.room >= ENOUGH {
                    self.health = Health::Up { failures: 0 };
                    return Ok(Entered::Freely);
                }
                if ramp.under_way < ramp.room {
                    ramp.under_way += 1;
                    return Ok(Entered::InRamp(self.era));
                }
                (later(ramp.grown, DOUBLING), false, HttpErrorKind::Connect)
            }
        };
        Err(Standstill {
            until,
            is_idle,
            probes: self.probes,
            why,
            era: self.era,
        })
    }

    /// An attempt has ended in whatever way, or was dropped.
    pub(super) fn leave(&mut self, entered: Entered, now: Instant) {
        match (&mut self.health, entered) {
            (Health::Down(down), Entered::AsProbe(number)) => {
                let Some((_, since)) = down.probe.filter(|probe| probe.0 == number) else {
                    return;
                };
                // Another takes over.
                down.probe = None;
                down.due = now.max(later(since, LEAST_PAUSE));
                self.era += 1;
            }
            (Health::Returning(ramp), Entered::InRamp(era)) if era == self.era => {
                ramp.under_way = ramp.under_way.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Somebody has answered.
    pub(super) fn answered(&mut self, now: Instant) -> Change {
        match &mut self.health {
            Health::Up { failures } => *failures = 0,
            Health::Down(down) => {
                self.health = Health::Returning(Returning {
                    failed: down.failed,
                    room: 2,
                    under_way: 0,
                    grown: now,
                    failures: 0,
                });
                self.era += 1;
                self.rest();
                return Change::Ended;
            }
            Health::Returning(ramp) => {
                ramp.failures = 0;
                ramp.room = ramp.room.saturating_add(1);
                self.rest();
            }
        }
        Change::Nothing
    }

    /// The ramp is over when nobody waits at its foot.
    fn rest(&mut self) {
        if self.waiting.is_empty() {
            self.health = Health::Up { failures: 0 };
        }
    }

    /// An attempt has failed. `pause` is how long to wait after so many probes.
    pub(super) fn failed(
        &mut self,
        entered: Entered,
        now: Instant,
        kind: HttpErrorKind,
        pause: impl Fn(u32) -> Duration,
    ) -> (Trouble, Change) {
        let due = |failed| later(now, pause(failed).clamp(LEAST_PAUSE, MOST_PAUSE));
        let (count, failed) = match &mut self.health {
            Health::Up { failures } => (failures, 0),
            Health::Returning(ramp) => {
                if entered != Entered::InRamp(self.era) {
                    // It was sent before the outage, or in it.
                    return (Trouble::Shared, Change::Nothing);
                }
                (&mut ramp.failures, ramp.failed)
            }
            Health::Down(down) => {
                if down
                    .probe
                    .is_some_and(|(number, _)| entered == Entered::AsProbe(number))
                {
                    down.probe = None;
                    down.failed = down.failed.saturating_add(1);
                    down.due = due(down.failed);
                    down.why = kind;
                    self.probes += 1;
                    self.era += 1;
                }
                return (Trouble::Outage, Change::Nothing);
            }
        };
        *count += 1;
        if *count < FEW {
            let trouble = match self.health {
                Health::Returning(_) => Trouble::Shared,
                _ => Trouble::Own,
            };
            return (trouble, Change::Nothing);
        }
        self.health = Health::Down(Down {
            failed,
            due: due(failed),
            probe: None,
            why: kind,
        });
        self.era += 1;
        (Trouble::Outage, Change::Began)
    }

    /// Those who can go on now: all, in a new era; in the ramp those for whom there is room, in the order in which they
    /// came.
    pub(super) fn wakers(&mut self, era: u64) -> Vec<Waker> {
        if era != self.era || matches!(self.health, Health::Up { .. }) {
            return self.waiting.values().map(|one| one.waker.clone()).collect();
        }
        let Health::Returning(ramp) = &self.health else {
            return Vec::new();
        };
        let called = self.waiting.values().filter(|one| one.called).count();
        let room = (ramp.room.saturating_sub(ramp.under_way) as usize).saturating_sub(called);
        let mut woken = Vec::new();
        for one in self
            .waiting
            .values_mut()
            .filter(|one| !one.called)
            .take(room)
        {
            one.called = true;
            woken.push(one.waker.clone());
        }
        woken
    }
}

impl Returning {
    fn grow(&mut self, now: Instant) {
        while self.room < ENOUGH && now.saturating_duration_since(self.grown) >= DOUBLING {
            self.grown = later(self.grown, DOUBLING);
            self.room = self.room.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use b2kit_core::{SystemTimer, Timer as _};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A second, two, four.
    fn doubling(failed: u32) -> Duration {
        SECOND * (1 << failed)
    }

    fn refused<T>(kind: HttpErrorKind, phase: Phase) -> Result<T, Error> {
        Err(Error::http(HttpError::new(kind, phase)))
    }

    fn fails(place: &mut Place, entered: Entered, now: Instant) -> Trouble {
        place
            .failed(entered, now, HttpErrorKind::Connect, doubling)
            .0
    }

    /// A place with which nothing has worked for long enough.
    fn down(now: Instant) -> Place {
        let mut place = Place::new(0);
        for n in 1..=FEW {
            let trouble = fails(&mut place, Entered::Freely, now);
            let expected = if n < FEW {
                Trouble::Own
            } else {
                Trouble::Outage
            };
            assert_eq!(trouble, expected);
        }
        place
    }

    #[test]
    fn a_few_failures_in_a_row_are_an_outage_and_with_an_answer_between_them_they_are_none() {
        let now = SystemTimer.now();
        let mut place = Place::new(0);
        for _ in 0..10 {
            for _ in 1..FEW {
                assert_eq!(fails(&mut place, Entered::Freely, now), Trouble::Own);
            }
            assert_eq!(place.answered(now), Change::Nothing);
            assert!(place.is_sound());
        }
        assert_eq!(down(now).enter(now).unwrap_err().until, now + SECOND);
    }

    #[test]
    fn one_at_a_time_probes_and_the_pauses_between_probes_grow() {
        let mut now = SystemTimer.now();
        let mut place = down(now);
        for failed in 0..5 {
            let standstill = place.enter(now).unwrap_err();
            assert_eq!(standstill.until, now + doubling(failed));
            assert_eq!(
                (standstill.is_idle, standstill.probes),
                (true, failed.into())
            );
            now = standstill.until;
            let probe = place.enter(now).unwrap();
            let standstill = place.enter(now).unwrap_err();
            assert_eq!(standstill.until, now + PROBE_PATIENCE);
            assert!(!standstill.is_idle);
            // What was sent before says nothing new.
            assert_eq!(fails(&mut place, Entered::Freely, now), Trouble::Outage);
            assert_eq!(fails(&mut place, probe, now), Trouble::Outage);
            place.leave(probe, now);
        }
    }

    #[test]
    fn a_probe_that_is_dropped_makes_way_for_another_but_not_in_the_same_moment() {
        let mut now = SystemTimer.now();
        let mut place = down(now);
        now += SECOND;
        let probe = place.enter(now).unwrap();
        let era = place.era;
        place.leave(probe, now);
        assert_ne!(place.era, era, "all who wait hear of it");
        assert_eq!(place.enter(now).unwrap_err().until, now + LEAST_PAUSE);
        let probe = place.enter(now + LEAST_PAUSE).unwrap();
        now += 5 * SECOND;
        place.leave(probe, now);
        assert!(place.enter(now).is_ok());
        assert_eq!(place.probes, 0);
    }

    #[test]
    fn a_probe_that_hangs_does_not_keep_others_from_probing_and_counts_as_failed() {
        let mut now = SystemTimer.now();
        let mut place = down(now);
        now += SECOND;
        let hangs = place.enter(now).unwrap();
        now += PROBE_PATIENCE;
        let next = place.enter(now).unwrap();
        assert_eq!(place.probes, 1);
        // The end of the first changes nothing.
        let until = place.enter(now).unwrap_err().until;
        fails(&mut place, hangs, now);
        place.leave(hangs, now);
        assert_eq!(place.enter(now).unwrap_err().until, until);
        fails(&mut place, next, now);
        assert_eq!(place.enter(now).unwrap_err().until, now + doubling(2));
    }

    /// As many as are let through.
    fn crowd(place: &mut Place, now: Instant) -> Vec<Entered> {
        let way = std::iter::from_fn(|| place.enter(now).ok());
        way.take(100_000).collect()
    }

    /// One that waits.
    fn wait(place: &mut Place) {
        place.came += 1;
        let (waker, called) = (Waker::noop().clone(), false);
        place.waiting.insert(place.came, Waiting { waker, called });
    }

    #[test]
    fn calls_return_in_a_ramp_that_grows_with_answers_and_with_time() {
        let mut now = SystemTimer.now();
        let mut place = down(now);
        wait(&mut place);
        now += SECOND;
        let probe = place.enter(now).unwrap();
        assert_eq!(place.answered(now), Change::Ended);
        place.leave(probe, now);
        let first = crowd(&mut place, now);
        assert_eq!(first.len(), 2);
        assert_eq!(place.enter(now).unwrap_err().until, now + DOUBLING);
        for entered in first {
            place.answered(now);
            place.leave(entered, now);
        }
        assert_eq!(crowd(&mut place, now).len(), 4);
        now += DOUBLING;
        assert_eq!(
            crowd(&mut place, now).len(),
            4,
            "eight, of which four are under way"
        );
        now += 3 * DOUBLING;
        assert_eq!(crowd(&mut place, now).len(), 56);
        now += 3_600 * SECOND;
        assert_eq!(
            crowd(&mut place, now).len(),
            100_000,
            "there is no ramp any more"
        );
        assert!(place.is_sound());
    }

    #[test]
    fn the_ramp_is_over_when_nobody_waits_any_more() {
        let now = SystemTimer.now();
        let mut place = down(now);
        assert_eq!(place.answered(now), Change::Ended);
        assert!(place.is_sound());
    }

    #[test]
    fn an_outage_that_goes_on_after_an_answer_keeps_its_pauses() {
        let mut now = SystemTimer.now();
        let mut place = down(now);
        for failed in 0..3 {
            now = place.enter(now).unwrap_err().until;
            let probe = place.enter(now).unwrap();
            fails(&mut place, probe, now);
            assert_eq!(
                place.enter(now).unwrap_err().until,
                now + doubling(failed + 1)
            );
        }
        wait(&mut place);
        place.answered(now);
        // Those that were sent before the answer don't count.
        for _ in 0..10 {
            assert_eq!(fails(&mut place, Entered::Freely, now), Trouble::Shared);
        }
        for n in 1..=FEW {
            let entered = place.enter(now).unwrap();
            let trouble = fails(&mut place, entered, now);
            let expected = if n < FEW {
                Trouble::Shared
            } else {
                Trouble::Outage
            };
            assert_eq!(trouble, expected);
            place.leave(entered, now);
        }
        assert_eq!(place.enter(now).unwrap_err().until, now + doubling(3));
    }

    #[test]
    fn a_pause_is_neither_nothing_nor_for_ever() {
        let now = SystemTimer.now();
        for (pause, until) in [(Duration::ZERO, LEAST_PAUSE), (Duration::MAX, MOST_PAUSE)] {
            let mut place = Place::new(0);
            for _ in 0..FEW {
                place.failed(Entered::Freely, now, HttpErrorKind::Reset, |_| pause);
            }
            assert_eq!(place.enter(now).unwrap_err().until, now + until);
        }
    }

    #[test]
    fn what_an_attempt_shows_of_its_place() {
        use HttpErrorKind as K;
        use Phase::{MaybeReceived, NotSent, ResponseBegun};
        for (kind, phase, sign) in [
            (K::Connect, NotSent, Sign::Failed),
            (K::Resolve, NotSent, Sign::Failed),
            (K::Timeout, NotSent, Sign::Failed),
            (K::Reset, MaybeReceived, Sign::Failed),
            (K::Closed, MaybeReceived, Sign::Failed),
            (K::Timeout, MaybeReceived, Sign::Failed),
            (K::Stalled, MaybeReceived, Sign::Failed),
            (K::Reset, ResponseBegun, Sign::Failed),
            (K::Protocol, ResponseBegun, Sign::Answered),
            (K::Protocol, MaybeReceived, Sign::Answered),
            (K::Exhausted, NotSent, Sign::None),
            (K::Tls, NotSent, Sign::None),
            (K::Source, MaybeReceived, Sign::None),
            (K::Other, NotSent, Sign::None),
        ] {
            assert_eq!(
                Sign::of::<()>(&refused(kind, phase), false),
                sign,
                "{kind:?}"
            );
        }
        let late = refused::<()>(K::Timeout, MaybeReceived);
        assert_eq!(Sign::of(&late, true), Sign::None);
        assert_eq!(Sign::of(&Ok(()), false), Sign::Answered);
    }
}
