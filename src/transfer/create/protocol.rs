//! Put-if-absent as a pure state machine: which request comes next, by what the last one answered.
//!
//! B2 has no conditional upload. What it has is a compare-and-swap on a bucket's settings (`ifRevisionIs`). So the bytes are
//! staged as a version `S` under another name, and one entry of a bucket's info, the *slot*, says which stage is being
//! carried to which name. Whoever meets a filled slot carries it out first. There are no leases and no clocks.
//!
//! The order of the steps is what makes it safe: the slot is cleared only when `S` is gone, so that a copy of `S` that is
//! still on its way can't land on a later winner's file.

/// What stands in the slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Intent<S> {
    /// The stage becomes the file it is for.
    Create(S),
    /// The stage is removed.
    Discard(S),
}

impl<S> Intent<S> {
    pub(crate) const fn stage(&self) -> &S {
        match self {
            Self::Create(stage) | Self::Discard(stage) => stage,
        }
    }
}

/// A request of the protocol. All are about the stage's own target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum CallExecutor<S> {
    /// The slot and the revision that it was seen at.
    Slot,
    /// Whether the stage is there.
    Stage(S),
    /// The current version of the name that the stage is for.
    Target(S),
    /// Puts this into the slot if the revision is still this one.
    Swap(u64, Option<Intent<S>>),
    /// Copies the stage to its target.
    Copy(S),
    /// Deletes the stage.
    Delete(S),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer<S, V> {
    Slot(u64, Option<Intent<S>>),
    Stage(Presence),
    Target(Target<V>),
    /// The swap was made, and led to this revision.
    Swapped(u64),
    /// The copy or the delete was made, or there is no such stage any more.
    Done,
    /// A swap was refused: the revision is another.
    Refused,
    /// The reply was lost: it may have been done, or be done later.
    LostResponse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Presence {
    There,
    Gone,
}

/// What a name shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target<V> {
    Absent,
    /// The stage's own bytes: they carry its nonce.
    Own(V),
    Other,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Outcome<V> {
    /// The file is there, as this version.
    Created(V),
    /// There was a file of that name, and nothing was changed.
    Exists,
    /// The stage is gone and the file isn't there: it was discarded before it was taken. Nothing was changed.
    Discarded,
    /// Nobody can tell.
    Unknown,
}

/// What a process does next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step<S, V> {
    CallExecutor(CallExecutor<S>),
    End(Outcome<V>),
}

/// Creates a file from a stage that is there, or discards the stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process<S, V> {
    /// What it wants to see carried out.
    goal: Intent<S>,
    phase: Phase<S, V>,
    /// What a test breaks on purpose.
    #[cfg(test)]
    pub(crate) planted: Option<Planted>,
}

/// Mistakes that the checker has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Planted {
    ClearBeforeDelete,
    RefusedAfterLostIsNotOurs,
    NoCheckAfterTheLook,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase<S, V> {
    /// Reads the slot.
    Look,
    /// The slot was empty at this revision: is the stage there?
    CheckStage(u64),
    /// And is the name free?
    CheckTarget(u64),
    /// Puts the goal into the slot. `unsure`: an earlier attempt at the very same swap had its reply lost.
    Fill {
        revision: u64,
        unsure: bool,
    },
    /// The revision has moved since a swap was lost. Was it ours that moved it?
    Resolve(Resolve),
    Carry(Carry<S, V>),
    /// Deletes its own stage, which no swap can put into the slot any more.
    CleanUp,
    End(Outcome<V>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Resolve {
    Slot,
    Target,
    Stage,
}

/// Carries out what is in the slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Carry<S, V> {
    revision: u64,
    intent: Intent<S>,
    step: CarryStep,
    /// What the target was when the stage was gone.
    version: Option<V>,
}

/// In this order; discarding begins with `Delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CarryStep {
    /// Is the target the stage's own already?
    Look,
    Copy,
    Delete,
    /// Which version is it? It can change no more, and nobody else was told of it yet.
    Read,
    Clear,
    /// Somebody changed the bucket meanwhile. Is it cleared?
    LookAgain,
}

impl<S: Clone + PartialEq, V: Clone> Process<S, V> {
    pub(crate) const fn new(goal: Intent<S>) -> Self {
        Self {
            goal,
            phase: Phase::Look,
            #[cfg(test)]
            planted: None,
        }
    }

    /// Whether a test has broken it in this way.
    fn is_planted(&self, mistake: Planted) -> bool {
        #[cfg(test)]
        return self.planted == Some(mistake);
        #[cfg(not(test))]
        {
            let _ = mistake;
            false
        }
    }

    /// What comes next.
    pub(crate) fn step(&self) -> Step<S, V> {
        let own = || self.goal.stage().clone();
        let ask = match &self.phase {
            Phase::Look | Phase::Resolve(Resolve::Slot) => CallExecutor::Slot,
            Phase::CheckStage(_) | Phase::Resolve(Resolve::Stage) => CallExecutor::Stage(own()),
            Phase::CheckTarget(_) | Phase::Resolve(Resolve::Target) => CallExecutor::Target(own()),
            Phase::Fill { revision, .. } => CallExecutor::Swap(*revision, Some(self.goal.clone())),
            Phase::CleanUp => CallExecutor::Delete(own()),
            Phase::Carry(carry) => carry.ask(),
            Phase::End(outcome) => return Step::End(outcome.clone()),
        };
        Step::CallExecutor(ask)
    }

    /// Goes on by the answer to what [`step`](Self::step) asked.
    pub(crate) fn answered(&mut self, answer: Answer<S, V>) {
        self.phase = self.after(answer);
    }

    fn after(&self, answer: Answer<S, V>) -> Phase<S, V> {
        match (self.phase.clone(), answer) {
            (Phase::Look, Answer::Slot(revision, None)) => match self.goal {
                Intent::Create(_) if self.is_planted(Planted::NoCheckAfterTheLook) => Phase::Fill {
                    revision,
                    unsure: false,
                },
                _ => Phase::CheckStage(revision),
            },
            (Phase::Look, Answer::Slot(revision, Some(intent))) => carry(revision, intent),
            (Phase::CheckStage(revision), Answer::Stage(Presence::There)) => match self.goal {
                Intent::Create(_) => Phase::CheckTarget(revision),
                Intent::Discard(_) => Phase::Fill {
                    revision,
                    unsure: false,
                },
            },
            // No swap of ours was made until now, so nobody can have carried it out.
            (Phase::CheckStage(_), Answer::Stage(Presence::Gone)) => Phase::End(Outcome::Discarded),
            (Phase::CheckTarget(revision), Answer::Target(target)) => match target {
                Target::Absent => Phase::Fill {
                    revision,
                    unsure: false,
                },
                Target::Own(version) => Phase::End(Outcome::Created(version)),
                Target::Other => Phase::CleanUp,
            },
            (Phase::Fill { .. }, Answer::Swapped(revision)) => carry(revision, self.goal.clone()),
            (Phase::Fill { unsure, .. }, Answer::Refused) => {
                if unsure && !self.is_planted(Planted::RefusedAfterLostIsNotOurs) {
                    Phase::Resolve(Resolve::Slot)
                } else {
                    Phase::Look
                }
            }
            // The same swap until the revision has moved: then no copy of it that is still on its way can be made.
            (Phase::Fill { revision, .. }, Answer::LostResponse) => Phase::Fill {
                revision,
                unsure: true,
            },
            (Phase::Resolve(step), answer) => self.resolved(step, answer),
            (Phase::Carry(carry), answer) => self.carried(carry, answer),
            // It is garbage now, whether it is gone or not.
            (Phase::CleanUp, _) => Phase::End(Outcome::Exists),
            // A read whose reply was lost is asked again.
            (phase, _) => phase,
        }
    }

    fn resolved(&self, step: Resolve, answer: Answer<S, V>) -> Phase<S, V> {
        match (step, answer) {
            (Resolve::Slot, Answer::Slot(revision, Some(intent))) if intent == self.goal => {
                carry(revision, intent)
            }
            (Resolve::Slot, Answer::Slot(..)) => Phase::Resolve(Resolve::Target),
            (Resolve::Target, Answer::Target(Target::Own(version))) => {
                Phase::End(Outcome::Created(version))
            }
            (Resolve::Target, Answer::Target(_)) => Phase::Resolve(Resolve::Stage),
            // It was never taken: what is taken loses its stage before the slot is cleared.
            (Resolve::Stage, Answer::Stage(Presence::There)) => Phase::Look,
            (Resolve::Stage, Answer::Stage(Presence::Gone)) => Phase::End(match self.goal {
                Intent::Create(_) => Outcome::Unknown,
                Intent::Discard(_) => Outcome::Discarded,
            }),
            (step, _) => Phase::Resolve(step),
        }
    }

    fn carried(&self, mut carry: Carry<S, V>, answer: Answer<S, V>) -> Phase<S, V> {
        let creates = matches!(carry.intent, Intent::Create(_));
        let planted = self.is_planted(Planted::ClearBeforeDelete) && creates;
        carry.step = match (carry.step, answer) {
            (CarryStep::Look, Answer::Target(Target::Own(_))) | (CarryStep::Copy, Answer::Done) => {
                if planted {
                    CarryStep::Read
                } else {
                    CarryStep::Delete
                }
            }
            (CarryStep::Look, Answer::Target(_)) => CarryStep::Copy,
            (CarryStep::Copy, Answer::LostResponse) => CarryStep::Look,
            (CarryStep::Delete, Answer::Done) if planted => return self.cleared(carry),
            (CarryStep::Delete, Answer::Done) if creates => CarryStep::Read,
            (CarryStep::Delete, Answer::Done) => CarryStep::Clear,
            (CarryStep::Read, Answer::Target(target)) => {
                if let Target::Own(version) = target {
                    carry.version = Some(version);
                }
                CarryStep::Clear
            }
            (CarryStep::Clear, Answer::Swapped(_)) if planted => CarryStep::Delete,
            (CarryStep::Clear, Answer::Swapped(_)) => return self.cleared(carry),
            (CarryStep::Clear, Answer::Refused) => CarryStep::LookAgain,
            (CarryStep::LookAgain, Answer::Slot(revision, intent)) => {
                if intent.as_ref() != Some(&carry.intent) {
                    return self.cleared(carry);
                }
                carry.revision = revision;
                CarryStep::Clear
            }
            (step, _) => step,
        };
        Phase::Carry(carry)
    }

    fn cleared(&self, carry: Carry<S, V>) -> Phase<S, V> {
        if carry.intent != self.goal {
            return Phase::Look;
        }
        Phase::End(match (carry.intent, carry.version) {
            (Intent::Discard(_), _) => Outcome::Discarded,
            (Intent::Create(_), Some(version)) => Outcome::Created(version),
            (Intent::Create(_), None) => Outcome::Unknown,
        })
    }
}

fn carry<S, V>(revision: u64, intent: Intent<S>) -> Phase<S, V> {
    let step = match intent {
        Intent::Create(_) => CarryStep::Look,
        Intent::Discard(_) => CarryStep::Delete,
    };
    Phase::Carry(Carry {
        revision,
        intent,
        step,
        version: None,
    })
}

impl<S: Clone, V> Carry<S, V> {
    fn ask(&self) -> CallExecutor<S> {
        let stage = self.intent.stage().clone();
        match self.step {
            CarryStep::Look | CarryStep::Read => CallExecutor::Target(stage),
            CarryStep::Copy => CallExecutor::Copy(stage),
            CarryStep::Delete => CallExecutor::Delete(stage),
            CarryStep::Clear => CallExecutor::Swap(self.revision, None),
            CarryStep::LookAgain => CallExecutor::Slot,
        }
    }
}
