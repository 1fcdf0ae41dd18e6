//! Put-if-absent as a pure state machine: which request comes next, given the last response.
//!
//! B2 has no conditional upload. It has a compare-and-swap on a bucket's settings (`ifRevisionIs`).
//! So the bytes are uploaded as a version `S` under another name, the stage, and one entry of a
//! bucket's info, the *slot*, says which stage is being copied to which name. Whoever reads a
//! filled slot carries it out first. There are no leases and no clocks.
//!
//! The order of the steps makes it safe: the slot is cleared only when `S` is deleted, so a delayed
//! copy of `S` can't overwrite a later winner's file.

/// What the slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Intent<S> {
    /// The stage becomes the file.
    Create(S),
    /// The stage is deleted.
    Discard(S),
}

impl<S> Intent<S> {
    pub(crate) const fn stage(&self) -> &S {
        match self {
            Self::Create(stage) | Self::Discard(stage) => stage,
        }
    }
}

/// A request of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Operation<S> {
    /// Reads the slot and its revision.
    Slot,
    /// Looks up the stage.
    Stage(S),
    /// Looks up the newest version of the stage's target name.
    Target(S),
    /// Writes the slot if it still has this revision.
    Swap(u64, Option<Intent<S>>),
    /// Copies the stage to its target.
    Copy(S),
    /// Deletes the stage.
    Delete(S),
}

/// The response to an [`Operation`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer<S, V> {
    Slot(u64, Option<Intent<S>>),
    Stage(Presence),
    Target(NameState<V>),
    /// The swap was made; the new revision.
    Swapped(u64),
    /// The copy or delete was made, or the stage no longer exists.
    Done,
    /// The swap was refused: the revision has changed.
    Refused,
    /// The response was lost: the request may have been carried out, or may be later.
    LostResponse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Presence {
    Present,
    Absent,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum NameState<V> {
    Absent,
    /// The stage's own bytes: they execution its nonce.
    Own(V),
    Other,
}

/// How the protocol ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Outcome<V> {
    /// The file exists, as this version.
    Created(V),
    /// There is another file of that name, and nothing was changed.
    Exists,
    /// The stage was discarded before it was used. Nothing was changed.
    Discarded,
    /// Whether the file was created can no longer be found out.
    Unknown,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step<S, V> {
    Request(Operation<S>),
    End(Outcome<V>),
}

/// Creates a file from an existing stage, or discards the stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process<S, V> {
    /// What is to be carried out.
    goal: Intent<S>,
    phase: Phase<S, V>,
    /// A mistake that a test injects.
    #[cfg(test)]
    pub(crate) injected_bug: Option<InjectedBug>,
}

/// Mistakes that the checker has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum InjectedBug {
    ClearBeforeDelete,
    RefusedAfterLostIsNotOurs,
    NoCheckAfterTheLook,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase<S, V> {
    /// Read the slot.
    ReadSlot,
    /// The slot was empty at this revision: does the stage exist?
    CheckStage(u64),
    /// And is the name free?
    CheckTarget(u64),
    /// Write the goal into the slot. `unsure`: the response to an earlier attempt at the same swap
    /// was lost.
    FillSlot {
        revision: u64,
        unsure: bool,
    },
    /// The revision has changed since a swap was lost. Was it that swap?
    Resolve(Resolve),
    Execute(Execution<S, V>),
    /// Delete the own stage, which no swap can put into the slot any more.
    DeleteStage,
    End(Outcome<V>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Resolve {
    Slot,
    Target,
    Stage,
}

/// Carrying out what is in the slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Execution<S, V> {
    revision: u64,
    intent: Intent<S>,
    step: ExecutionStep,
    /// The target's version once the stage was deleted.
    version: Option<V>,
}

/// The steps in order; discarding begins with `Delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ExecutionStep {
    /// Is the target a copy of the stage already?
    Look,
    Copy,
    Delete,
    /// Which version is it? It no longer changes, and nobody was told of it yet.
    Read,
    Clear,
    /// Somebody changed the bucket. Is the slot cleared?
    LookAgain,
}

impl<S: Clone + PartialEq, V: Clone> Process<S, V> {
    pub(crate) const fn new(goal: Intent<S>) -> Self {
        Self {
            goal,
            phase: Phase::ReadSlot,
            #[cfg(test)]
            injected_bug: None,
        }
    }

    /// Whether a test has injected this mistake.
    fn has_bug(&self, mistake: InjectedBug) -> bool {
        #[cfg(test)]
        return self.injected_bug == Some(mistake);
        #[cfg(not(test))]
        {
            let _ = mistake;
            false
        }
    }

    /// What comes next.
    pub(crate) fn step(&self) -> Step<S, V> {
        let own = || self.goal.stage().clone();
        let operation = match &self.phase {
            Phase::ReadSlot | Phase::Resolve(Resolve::Slot) => Operation::Slot,
            Phase::CheckStage(_) | Phase::Resolve(Resolve::Stage) => Operation::Stage(own()),
            Phase::CheckTarget(_) | Phase::Resolve(Resolve::Target) => Operation::Target(own()),
            Phase::FillSlot { revision, .. } => Operation::Swap(*revision, Some(self.goal.clone())),
            Phase::DeleteStage => Operation::Delete(own()),
            Phase::Execute(execution) => execution.operation(),
            Phase::End(outcome) => return Step::End(outcome.clone()),
        };
        Step::Request(operation)
    }

    /// Advances by the response to the request of [`step`](Self::step).
    pub(crate) fn on_answer(&mut self, answer: Answer<S, V>) {
        self.phase = self.after(answer);
    }

    fn after(&self, answer: Answer<S, V>) -> Phase<S, V> {
        match (self.phase.clone(), answer) {
            (Phase::ReadSlot, Answer::Slot(revision, None)) => match self.goal {
                Intent::Create(_) if self.has_bug(InjectedBug::NoCheckAfterTheLook) => {
                    Phase::FillSlot {
                        revision,
                        unsure: false,
                    }
                }
                _ => Phase::CheckStage(revision),
            },
            (Phase::ReadSlot, Answer::Slot(revision, Some(intent))) => execute(revision, intent),
            (Phase::CheckStage(revision), Answer::Stage(Presence::Present)) => match self.goal {
                Intent::Create(_) => Phase::CheckTarget(revision),
                Intent::Discard(_) => Phase::FillSlot {
                    revision,
                    unsure: false,
                },
            },
            // No swap was attempted yet, so nobody can have carried it out.
            (Phase::CheckStage(_), Answer::Stage(Presence::Absent)) => {
                Phase::End(Outcome::Discarded)
            }
            (Phase::CheckTarget(revision), Answer::Target(target)) => match target {
                NameState::Absent => Phase::FillSlot {
                    revision,
                    unsure: false,
                },
                NameState::Own(version) => Phase::End(Outcome::Created(version)),
                NameState::Other => Phase::DeleteStage,
            },
            (Phase::FillSlot { .. }, Answer::Swapped(revision)) => {
                execute(revision, self.goal.clone())
            }
            (Phase::FillSlot { unsure, .. }, Answer::Refused) => {
                if unsure && !self.has_bug(InjectedBug::RefusedAfterLostIsNotOurs) {
                    Phase::Resolve(Resolve::Slot)
                } else {
                    Phase::ReadSlot
                }
            }
            // The same swap until the revision has changed: then no delayed copy of it can succeed.
            (Phase::FillSlot { revision, .. }, Answer::LostResponse) => Phase::FillSlot {
                revision,
                unsure: true,
            },
            (Phase::Resolve(step), answer) => self.resolved(step, answer),
            (Phase::Execute(execution), answer) => self.executed(execution, answer),
            // It is garbage now, deleted or not.
            (Phase::DeleteStage, _) => Phase::End(Outcome::Exists),
            // A read whose response was lost is repeated.
            (phase, _) => phase,
        }
    }

    fn resolved(&self, step: Resolve, answer: Answer<S, V>) -> Phase<S, V> {
        match (step, answer) {
            (Resolve::Slot, Answer::Slot(revision, Some(intent))) if intent == self.goal => {
                execute(revision, intent)
            }
            (Resolve::Slot, Answer::Slot(..)) => Phase::Resolve(Resolve::Target),
            (Resolve::Target, Answer::Target(NameState::Own(version))) => {
                Phase::End(Outcome::Created(version))
            }
            (Resolve::Target, Answer::Target(_)) => Phase::Resolve(Resolve::Stage),
            // It was never used: a used stage is deleted before the slot is cleared.
            (Resolve::Stage, Answer::Stage(Presence::Present)) => Phase::ReadSlot,
            (Resolve::Stage, Answer::Stage(Presence::Absent)) => Phase::End(match self.goal {
                Intent::Create(_) => Outcome::Unknown,
                Intent::Discard(_) => Outcome::Discarded,
            }),
            (step, _) => Phase::Resolve(step),
        }
    }

    fn executed(&self, mut execution: Execution<S, V>, answer: Answer<S, V>) -> Phase<S, V> {
        let creates = matches!(execution.intent, Intent::Create(_));
        let injected_bug = self.has_bug(InjectedBug::ClearBeforeDelete) && creates;
        execution.step = match (execution.step, answer) {
            (ExecutionStep::Look, Answer::Target(NameState::Own(_)))
            | (ExecutionStep::Copy, Answer::Done) => {
                if injected_bug {
                    ExecutionStep::Read
                } else {
                    ExecutionStep::Delete
                }
            }
            (ExecutionStep::Look, Answer::Target(_)) => ExecutionStep::Copy,
            (ExecutionStep::Copy, Answer::LostResponse) => ExecutionStep::Look,
            (ExecutionStep::Delete, Answer::Done) if injected_bug => {
                return self.cleared(execution);
            }
            (ExecutionStep::Delete, Answer::Done) if creates => ExecutionStep::Read,
            (ExecutionStep::Delete, Answer::Done) => ExecutionStep::Clear,
            (ExecutionStep::Read, Answer::Target(target)) => {
                if let NameState::Own(version) = target {
                    execution.version = Some(version);
                }
                ExecutionStep::Clear
            }
            (ExecutionStep::Clear, Answer::Swapped(_)) if injected_bug => ExecutionStep::Delete,
            (ExecutionStep::Clear, Answer::Swapped(_)) => return self.cleared(execution),
            (ExecutionStep::Clear, Answer::Refused) => ExecutionStep::LookAgain,
            (ExecutionStep::LookAgain, Answer::Slot(revision, intent)) => {
                if intent.as_ref() != Some(&execution.intent) {
                    return self.cleared(execution);
                }
                execution.revision = revision;
                ExecutionStep::Clear
            }
            (step, _) => step,
        };
        Phase::Execute(execution)
    }

    fn cleared(&self, execution: Execution<S, V>) -> Phase<S, V> {
        if execution.intent != self.goal {
            return Phase::ReadSlot;
        }
        Phase::End(match (execution.intent, execution.version) {
            (Intent::Discard(_), _) => Outcome::Discarded,
            (Intent::Create(_), Some(version)) => Outcome::Created(version),
            (Intent::Create(_), None) => Outcome::Unknown,
        })
    }
}

fn execute<S, V>(revision: u64, intent: Intent<S>) -> Phase<S, V> {
    let step = match intent {
        Intent::Create(_) => ExecutionStep::Look,
        Intent::Discard(_) => ExecutionStep::Delete,
    };
    Phase::Execute(Execution {
        revision,
        intent,
        step,
        version: None,
    })
}

impl<S: Clone, V> Execution<S, V> {
    fn operation(&self) -> Operation<S> {
        let stage = self.intent.stage().clone();
        match self.step {
            ExecutionStep::Look | ExecutionStep::Read => Operation::Target(stage),
            ExecutionStep::Copy => Operation::Copy(stage),
            ExecutionStep::Delete => Operation::Delete(stage),
            ExecutionStep::Clear => Operation::Swap(self.revision, None),
            ExecutionStep::LookAgain => Operation::Slot,
        }
    }
}
