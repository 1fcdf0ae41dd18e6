//! [`Outcome`] and [`Summary`]: the result for each path, and the totals.

use std::fmt;

use serde::{Serialize, Serializer};

use super::action::{Action, Scan};
use super::size::Size;
use crate::client::CallCounts;
use crate::error::{Error, ErrorKind};

/// The result of one line of a plan.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The line; for a download with something in its way, its [refusal](Action::Refuse).
    pub action: Action,
    /// Its status.
    pub status: Status,
}

/// The status of a line of a plan after its execution.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Status {
    /// It was done.
    Done,
    /// There was nothing to do.
    Skipped,
    /// The plan refused it, or something is in the way.
    Refused,
    /// Nothing was done, because something has changed since the plan was made: what is at the destination, or for a
    /// file that is to be deleted or hidden, the source, which has it again.
    Changed,
    /// It failed. What it would have replaced still exists.
    Failed(Error),
    /// Nothing was deleted or hidden.
    Withheld(Withheld),
}

impl Outcome {
    /// Whether output for people should show it: not if both sides are the same, if an extra file
    /// is kept, or if it was withheld, for which the [summary](Summary::withheld_because) gives the
    /// reason once.
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        match self.status {
            Status::Withheld(_) => false,
            Status::Skipped => self.action.is_notable(),
            _ => true,
        }
    }

    /// Whether the path is not in the state that the plan wants.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        !matches!(self.status, Status::Done | Status::Skipped)
    }
}

/// One line for people: the line of the plan, and why it was not done.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = &self.action;
        match &self.status {
            Status::Done | Status::Skipped | Status::Refused => write!(f, "{action}"),
            Status::Changed => write!(
                f,
                "{action}: not done, because it has changed since it was scanned"
            ),
            Status::Failed(error) => write!(f, "{action}: {error:#}"),
            Status::Withheld(why) => write!(f, "{action}: not done: {why}"),
        }
    }
}

/// Serializes to a JSON object: the line of the plan, with `status`, and `why` if it was not done.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            action: &'a Action,
            status: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            why: Option<String>,
        }
        let (status, why) = match &self.status {
            Status::Done => ("done", None),
            Status::Skipped => ("skipped", None),
            Status::Refused => ("refused", None),
            Status::Changed => ("changed", None),
            Status::Failed(error) => ("failed", Some(format!("{error:#}"))),
            Status::Withheld(why) => ("withheld", Some(why.to_string())),
        };
        let action = &self.action;
        Line {
            action,
            status,
            why,
        }
        .serialize(serializer)
    }
}

/// Why a run deleted or hid nothing, or stopped doing so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Withheld {
    /// The plan is incomplete.
    PlanIncomplete,
    /// Something could not be read while the sides were scanned.
    ScanIncomplete,
    /// There is no file at the source.
    SourceEmpty,
    /// It would be more than the policy allows.
    TooMany {
        /// The paths that would be deleted or hidden.
        planned: u64,
        /// How many the policy allows.
        allowed: u64,
    },
    /// Something was not transferred, or refused for another reason than a newer destination. It may be a renamed file,
    /// whose old name must not be deleted first.
    TransferFailed,
    /// An earlier action failed in a way that every other would too, for example because the server is unreachable.
    Aborted,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlanIncomplete => "the plan is incomplete",
            Self::ScanIncomplete => "not everything could be read",
            Self::SourceEmpty => "there is no file at the source",
            Self::TransferFailed => "not everything was transferred",
            Self::Aborted => "an earlier failure concerns every file",
            Self::TooMany { planned, allowed } => {
                return write!(f, "{planned} are planned, but only {allowed} are allowed");
            }
        })
    }
}

/// Whether the next file would fail with the same error.
pub(super) fn concerns_all(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Credentials
            | ErrorKind::CapExceeded
            | ErrorKind::TooManyRequests
            | ErrorKind::Unavailable
            | ErrorKind::Http
            | ErrorKind::Untrusted
            | ErrorKind::ShutDown
    )
}

/// The totals of a run. They are final when the run has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Summary {
    /// The totals of the scan, once the plan is complete.
    pub scan: Option<Scan>,
    /// Files uploaded.
    pub uploaded: u64,
    /// Files downloaded.
    pub downloaded: u64,
    /// Files copied.
    pub copied: u64,
    /// Files hidden.
    pub hidden: u64,
    /// Files of which all or old versions were deleted.
    pub deleted: u64,
    /// Paths for which there was nothing to do.
    pub skipped: u64,
    /// Paths that the plan refused.
    pub refused: u64,
    /// Paths that had changed since the plan was made.
    pub changed: u64,
    /// Paths that failed.
    pub failed: u64,
    /// Paths that were neither deleted nor hidden, and downloads that had to wait for them.
    pub withheld: u64,
    /// Why they were withheld.
    pub withheld_because: Option<Withheld>,
    /// The bytes of the files that were transferred.
    pub bytes: u64,
    /// How often something had to be sent or requested again.
    pub retries: u64,
    /// Whether the plan ended with an error, or the run with one that would affect every other file
    /// too.
    pub is_aborted: bool,
    /// The requests that the client has made since the sync was planned, by billing class. Requests
    /// of other users of the same client count too.
    pub calls: CallCounts,
}

/// One line for people: what was done, and what was not.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} uploaded, {} downloaded, {} copied ({}), {} hidden, {} deleted, \
             {} the same or skipped",
            self.uploaded,
            self.downloaded,
            self.copied,
            Size(self.bytes),
            self.hidden,
            self.deleted,
            self.skipped,
        )?;
        if self.undone() > 0 {
            write!(
                f,
                "; {} were not done: {} refused, {} changed, {} failed, {} not deleted or hidden",
                self.undone(),
                self.refused,
                self.changed,
                self.failed,
                self.withheld,
            )?;
        }
        if let Some(why) = self.withheld_because {
            write!(f, " because {why}")?;
        }
        match self.scan {
            None => f.write_str("; not everything was compared"),
            Some(_) if self.is_aborted => f.write_str("; an error ended the sync"),
            Some(_) => Ok(()),
        }
    }
}

impl Summary {
    /// The number of paths that are not in the state that the plan wants.
    #[must_use]
    pub const fn undone(&self) -> u64 {
        self.refused + self.changed + self.failed + self.withheld
    }

    /// Whether the destination is now as the policy wants it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.undone() == 0 && !self.is_aborted && self.scan.is_some()
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        let counter = match (&outcome.status, &outcome.action) {
            (_, Action::End(_)) => return,
            (Status::Done, action) => {
                self.bytes = self.bytes.saturating_add(action.bytes());
                match action {
                    Action::Upload { .. } => &mut self.uploaded,
                    Action::Download { .. } => &mut self.downloaded,
                    Action::Copy { .. } => &mut self.copied,
                    Action::Hide { .. } => &mut self.hidden,
                    _ => &mut self.deleted,
                }
            }
            (Status::Skipped, _) => &mut self.skipped,
            (Status::Refused, _) => &mut self.refused,
            (Status::Changed, _) => &mut self.changed,
            (Status::Failed(_), _) => &mut self.failed,
            (Status::Withheld(why), _) => {
                self.withheld_because = Some(*why);
                &mut self.withheld
            }
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_an_incomplete_run_says_what_was_not_done_and_why() {
        let done = Summary {
            scan: Some(Scan::default()),
            uploaded: 1,
            bytes: 2,
            ..Summary::default()
        };
        let complete = "1 uploaded, 0 downloaded, 0 copied (2 B), 0 hidden, 0 deleted, \
                        0 the same or skipped";
        let withheld = Summary {
            refused: 1,
            withheld: 2,
            withheld_because: Some(Withheld::SourceEmpty),
            ..done
        };
        let undone = "; 3 were not done: 1 refused, 0 changed, 0 failed, 2 not deleted or hidden \
                      because there is no file at the source";
        let unread = Summary { scan: None, ..done };
        let aborted = Summary {
            is_aborted: true,
            ..done
        };
        for (summary, rest) in [
            (done, ""),
            (withheld, undone),
            (unread, "; not everything was compared"),
            (aborted, "; an error ended the sync"),
        ] {
            assert_eq!(summary.to_string(), format!("{complete}{rest}"));
            assert_eq!(summary.is_complete(), rest.is_empty());
        }
    }
}
