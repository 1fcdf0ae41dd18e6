//! Put-if-absent as a pure state machine: which request comes next, given the last response.
//!
//! B2 has no conditional upload. It has a compare-and-swap on a bucket's settings (`ifRevisionIs`).
//! So the content is uploaded as a version `S` under another name, the *stage*, and one entry of a
//! bucket's info, the *slot*, records which stage is being copied to which name. A process that
//! finds the slot filled executes its intent first. There are no leases and no clocks.
//!
//! The order of the steps makes it safe: the slot is cleared only after `S` is deleted, so a
//! delayed copy of `S` can't overwrite a later winner's file.

/// The content of the slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Intent<S> {
    /// Turn the stage into the file.
    Create(S),
    /// Delete the stage.
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
    /// The swap succeeded; the new revision.
    Swapped(u64),
    /// The copy or delete succeeded, or the stage no longer exists.
    Done,
    /// The swap was rejected: the revision has changed. It may be this swap that changed it, if the
    /// request was delivered twice.
    Refused,
    /// The response was lost: the request may have been executed, or may be executed later.
    LostResponse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Presence {
    Present,
    Absent,
}

/// The newest version of a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum NameState<V> {
    Absent,
    /// A copy of the stage: it has its nonce.
    Own(V),
    Other,
}

/// How the protocol ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Outcome<V> {
    /// The file exists, as this version.
    Created(V),
    /// Another file of that name exists, and nothing was changed.
    Exists,
    /// The stage was discarded before it was used. Nothing was changed.
    Discarded,
    /// It can no longer be determined whether the file was created.
    Unknown,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step<S, V> {
    Request(Operation<S>),
    End(Outcome<V>),
}

/// Creates a file from an existing stage, or discards the stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Process<S, V> {
    /// The intent to execute.
    goal: Intent<S>,
    phase: Phase<S, V>,
    /// The last swap that was to write the goal into the slot.
    last_fill: Fill,
    /// A bug that a test injects.
    #[cfg(test)]
    pub(crate) injected_bug: Option<InjectedBug>,
}

/// Bugs that the checker has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum InjectedBug {
    ClearBeforeDelete,
    RefusedIsNotOurs,
    RefusedAfterLostIsNotOurs,
    NoCheckAfterTheLook,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase<S, V> {
    /// Read the slot.
    ReadSlot,
    /// The slot was empty at this revision: does the stage exist?
    CheckStage(u64),
    /// The slot was empty at this revision and the stage exists: is the name free?
    CheckTarget(u64),
    /// Write the goal into the slot.
    FillSlot(u64),
    /// The stage was deleted after a swap that may have been executed. Is the target a copy of it?
    LookForCopy,
    Execute(Execution<S, V>),
    /// Delete the own stage, which no delayed swap can put into the slot any more.
    DeleteStage,
    End(Outcome<V>),
}

/// What is known of a swap that was to write the goal into the slot. It was not executed if the
/// stage still exists when the slot is empty at a later revision, since a stage that was used is
/// deleted before the slot is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Fill {
    /// It was not executed, or there was none.
    NotExecuted,
    /// It was refused. It may have been executed if it was delivered twice.
    Refused,
    /// A response to it was lost.
    Lost,
}

/// The execution of the slot's intent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Execution<S, V> {
    revision: u64,
    intent: Intent<S>,
    step: ExecutionStep,
    /// The target's version, read after the stage was deleted.
    version: Option<V>,
}

/// The steps of an execution, in order. Discarding starts with `Delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ExecutionStep {
    /// Is the target already a copy of the stage?
    Look,
    Copy,
    Delete,
    /// Which version is the target? It can no longer change, and no one has been told of it yet.
    Read,
    Clear,
    /// The bucket was changed by another process. Is the slot cleared?
    LookAgain,
}

impl<S: Clone + PartialEq, V: Clone> Process<S, V> {
    pub(crate) const fn new(goal: Intent<S>) -> Self {
        Self {
            goal,
            phase: Phase::ReadSlot,
            last_fill: Fill::NotExecuted,
            #[cfg(test)]
            injected_bug: None,
        }
    }

    /// Whether a test has injected this bug.
    fn has_bug(&self, mistake: InjectedBug) -> bool {
        #[cfg(test)]
        return self.injected_bug == Some(mistake);
        #[cfg(not(test))]
        {
            let _ = mistake;
            false
        }
    }

    /// The next step.
    pub(crate) fn step(&self) -> Step<S, V> {
        let own = || self.goal.stage().clone();
        let operation = match &self.phase {
            Phase::ReadSlot => Operation::Slot,
            Phase::CheckStage(_) => Operation::Stage(own()),
            Phase::CheckTarget(_) | Phase::LookForCopy => Operation::Target(own()),
            Phase::FillSlot(revision) => Operation::Swap(*revision, Some(self.goal.clone())),
            Phase::DeleteStage => Operation::Delete(own()),
            Phase::Execute(execution) => execution.operation(),
            Phase::End(outcome) => return Step::End(outcome.clone()),
        };
        Step::Request(operation)
    }

    /// Advances by the response to the request of [`step`](Self::step).
    pub(crate) fn on_answer(&mut self, answer: Answer<S, V>) {
        self.last_fill = match (&self.phase, &answer) {
            (Phase::FillSlot(_), Answer::Refused) => self.last_fill.max(Fill::Refused),
            (Phase::FillSlot(_), Answer::LostResponse) => Fill::Lost,
            (Phase::CheckStage(_), Answer::Stage(Presence::Present)) => Fill::NotExecuted,
            _ => self.last_fill,
        };
        self.phase = self.after(answer);
    }

    fn after(&self, answer: Answer<S, V>) -> Phase<S, V> {
        match (self.phase.clone(), answer) {
            (Phase::ReadSlot, Answer::Slot(revision, None)) => match self.goal {
                Intent::Create(_) if self.has_bug(InjectedBug::NoCheckAfterTheLook) => {
                    Phase::FillSlot(revision)
                }
                _ => Phase::CheckStage(revision),
            },
            (Phase::ReadSlot, Answer::Slot(revision, Some(intent))) => execute(revision, intent),
            (Phase::CheckStage(revision), Answer::Stage(Presence::Present)) => match self.goal {
                Intent::Create(_) => Phase::CheckTarget(revision),
                Intent::Discard(_) => Phase::FillSlot(revision),
            },
            (Phase::CheckStage(_), Answer::Stage(Presence::Absent)) => {
                let may_be_created = matches!(self.goal, Intent::Create(_))
                    && match self.last_fill {
                        Fill::NotExecuted => false,
                        Fill::Refused => !self.has_bug(InjectedBug::RefusedIsNotOurs),
                        Fill::Lost => !self.has_bug(InjectedBug::RefusedAfterLostIsNotOurs),
                    };
                match may_be_created {
                    true => Phase::LookForCopy,
                    false => Phase::End(Outcome::Discarded),
                }
            }
            (Phase::LookForCopy, Answer::Target(target)) => Phase::End(match target {
                NameState::Own(version) => Outcome::Created(version),
                // Only a second delivery can have hidden that the swap was executed, and then the
                // file is there: it may be deleted only after this process has reported it.
                _ if self.last_fill == Fill::Refused => Outcome::Discarded,
                _ => Outcome::Unknown,
            }),
            (Phase::CheckTarget(revision), Answer::Target(target)) => match target {
                NameState::Absent => Phase::FillSlot(revision),
                NameState::Own(version) => Phase::End(Outcome::Created(version)),
                NameState::Other => Phase::DeleteStage,
            },
            (Phase::FillSlot(_), Answer::Swapped(revision)) => execute(revision, self.goal.clone()),
            (Phase::FillSlot(_), Answer::Refused) => Phase::ReadSlot,
            // Repeat the same swap until the revision changes: after that no delayed duplicate of
            // it can succeed.
            (phase @ Phase::FillSlot(_), Answer::LostResponse) => phase,
            (Phase::Execute(execution), answer) => self.executed(execution, answer),
            // The stage is garbage now, deleted or not.
            (Phase::DeleteStage, _) => Phase::End(Outcome::Exists),
            // A read whose response was lost is repeated.
            (phase, _) => phase,
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
