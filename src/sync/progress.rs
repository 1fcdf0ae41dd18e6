//! [`SyncProgress`]: the progress of a run, and its counters.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_core::Stream;
use futures_util::stream;

use super::action::Action;
use super::outcome::{Status, Summary};
use super::perform::Performed;
use super::size::Size;
use crate::client::{CallCounts, Client};
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
    /// The time since the run was made.
    pub elapsed: Duration,
}

impl SyncProgress {
    /// The average speed so far, in bytes a second.
    #[must_use]
    pub fn bytes_per_second(&self) -> u64 {
        let millis = self.elapsed.as_millis().max(1);
        u64::try_from(u128::from(self.bytes) * 1_000 / millis).unwrap_or(u64::MAX)
    }

    /// How long the remaining bytes take at this speed. `None` while it is unknown: before the plan
    /// is complete, and before a byte was transferred.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total_bytes.saturating_sub(self.bytes);
        if left == 0 && self.is_scanned {
            return Some(Duration::ZERO);
        }
        let is_known = self.is_scanned && self.bytes > 0;
        let millis = u128::from(left).saturating_mul(self.elapsed.as_millis())
            / u128::from(self.bytes.max(1));
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        is_known.then(|| Duration::from_millis(millis))
    }
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

/// The shortest time between two items of [`Watcher::changes`].
const INTERVAL: Duration = Duration::from_millis(100);

/// Observes a run without keeping it alive.
#[derive(Clone)]
pub(super) struct Watcher {
    pub(super) tally: Tally,
    client: Option<Client>,
    began: Option<Instant>,
    run: Weak<()>,
}

impl Watcher {
    /// `run` is dropped with the run.
    pub(super) fn new(tally: &Tally, client: Option<&Client>, run: &Arc<()>) -> Self {
        Self {
            tally: tally.clone(),
            client: client.cloned(),
            began: client.map(Client::now),
            run: Arc::downgrade(run),
        }
    }

    pub(super) fn progress(&self) -> SyncProgress {
        let now = self.client.as_ref().map(Client::now);
        let elapsed = now.zip(self.began);
        let elapsed = elapsed.map(|(now, began)| now.saturating_duration_since(began));
        SyncProgress {
            elapsed: elapsed.unwrap_or_default(),
            ..self.tally.progress()
        }
    }

    /// The progress, each time that it has changed.
    pub(super) fn changes(self) -> impl Stream<Item = SyncProgress> + Send + Unpin {
        Box::pin(stream::unfold((self, None), |(this, last)| async move {
            let next = this.changed_since(last).await?;
            Some((next, (this, Some(next))))
        }))
    }

    async fn changed_since(&self, last: Option<SyncProgress>) -> Option<SyncProgress> {
        loop {
            let is_over = self.run.strong_count() == 0;
            if let (Some(client), Some(_), false) = (&self.client, last, is_over) {
                client.sleep(INTERVAL).await;
            }
            let now = self.progress();
            let is_same = |last: SyncProgress| {
                let elapsed = now.elapsed;
                SyncProgress { elapsed, ..last } == now
            };
            match last.is_some_and(is_same) {
                false => return Some(now),
                true if is_over => return None,
                true => {}
            }
        }
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
        if matches!(performed, Performed::AfterRemovals) {
            return;
        }
        counted.progress.finished_transfers += 1;
        if matches!(performed, Performed::Status(Status::Done)) {
            let bytes = &mut counted.progress.bytes;
            *bytes = bytes.saturating_add(action.bytes());
        } else {
            let total = &mut counted.progress.total_bytes;
            *total = total.saturating_sub(action.bytes());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_follows_from_the_average_speed() {
        let mut now = SyncProgress {
            bytes: 1_000,
            total_bytes: 4_000,
            elapsed: Duration::from_secs(2),
            ..SyncProgress::default()
        };
        assert_eq!((now.bytes_per_second(), now.remaining()), (500, None));
        now.is_scanned = true;
        assert_eq!(now.remaining(), Some(Duration::from_secs(6)));
        now.bytes = 0;
        assert_eq!((now.bytes_per_second(), now.remaining()), (0, None));
        (now.bytes, now.total_bytes) = (u64::MAX, u64::MAX);
        assert_eq!(now.remaining(), Some(Duration::ZERO));
        (now.bytes, now.elapsed) = (1, Duration::MAX);
        assert!(now.remaining().is_some());
    }
}
