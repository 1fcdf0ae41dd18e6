//! [`SyncProgress`]: the progress of a run, and its counters.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::action::Action;
use super::outcome::{Status, Summary};
use super::perform::Performed;
use super::size::Size;
use crate::client::CallCounts;
use crate::transfer::Progress;

/// The progress of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncProgress {
    /// The transfers that are known so far.
    pub transfers: u64,
    /// The transfers that have ended, successfully or not.
    pub finished_transfers: u64,
    /// The bytes of the transfers that are known so far.
    pub total_bytes: u64,
    /// The bytes that were transferred, including those of files in progress.
    pub bytes: u64,
    /// How often something had to be sent or requested again.
    pub retries: u64,
    /// The paths that were compared.
    pub scanned: u64,
    /// Whether the plan is complete, so that the totals no longer grow.
    pub is_scanned: bool,
}

/// One line for people, such as a status line.
impl fmt::Display for SyncProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.is_scanned { "" } else { " or more" };
        write!(
            f,
            "{} of {}{more} files, {} of {}{more}, {} retries, {} scanned",
            self.finished_transfers,
            self.transfers,
            Size(self.bytes),
            Size(self.total_bytes),
            self.retries,
            self.scanned,
        )
    }
}

/// The counters shared by a run and its observers.
#[derive(Clone)]
pub(super) struct Tally(Arc<Mutex<Counted>>);

pub(super) struct Counted {
    pub(super) summary: Summary,
    pub(super) progress: SyncProgress,
    under_way: Vec<(u64, Progress)>,
    calls: Box<dyn Fn() -> CallCounts + Send>,
}

impl Tally {
    pub(super) fn new(calls: impl Fn() -> CallCounts + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Counted {
            summary: Summary::default(),
            progress: SyncProgress::default(),
            under_way: Vec::new(),
            calls: Box::new(calls),
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn summary(&self) -> Summary {
        let counted = self.lock();
        Summary {
            retries: counted.progress().retries,
            calls: (counted.calls)(),
            ..counted.summary
        }
    }

    pub(super) fn progress(&self) -> SyncProgress {
        self.lock().progress()
    }

    /// Records that a transfer has begun.
    pub(super) fn begun(&self, number: u64, progress: &Progress) {
        self.lock().under_way.push((number, progress.clone()));
    }

    /// Adds the totals of a transfer that has ended.
    pub(super) fn ended(&self, number: u64, action: &Action, performed: &Performed) {
        if !action.is_transfer() {
            return;
        }
        let mut counted = self.lock();
        let at = counted.under_way.iter().position(|(its, _)| *its == number);
        if let Some(at) = at {
            let now = counted.under_way.swap_remove(at).1.now();
            counted.progress.retries += u64::from(now.retries);
        }
        if let Performed::Status(status) = performed {
            counted.progress.finished_transfers += 1;
            if matches!(status, Status::Done) {
                let bytes = &mut counted.progress.bytes;
                *bytes = bytes.saturating_add(action.bytes());
            } else {
                let total = &mut counted.progress.total_bytes;
                *total = total.saturating_sub(action.bytes());
            }
        }
    }
}

impl Counted {
    /// The progress, including the transfers in progress.
    fn progress(&self) -> SyncProgress {
        let mut progress = self.progress;
        for (_, transfer) in &self.under_way {
            let now = transfer.now();
            progress.bytes = progress.bytes.saturating_add(now.bytes);
            progress.retries += u64::from(now.retries);
        }
        progress
    }
}
