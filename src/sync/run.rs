//! [`SyncRun`]: a plan that is being executed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use futures_util::stream::{self, Fuse, FuturesUnordered};

use super::action::{Action, Scan};
use super::decide::Direction;
use super::outcome::{Outcome, Status, Summary, Withheld, concerns_all};
use super::perform::{Performed, Performer};
use super::progress::{SyncProgress, Tally, Watcher};
use super::reason::Reason;
use super::spool::Spool;
use crate::client::CallCounts;
use crate::error::Error;
use crate::transfer::Progress;

/// A plan that is being executed: a stream of the result of each line, in the order of completion. It makes progress
/// only while it is polled.
///
/// Transfers come first, several at once. Deletes and hides are spooled to a temporary file until the plan has ended;
/// then they are carried out, or [withheld](Withheld).
///
/// # Errors
/// An error of the plan is an item: [`Credentials`](crate::ErrorKind::Credentials),
/// [`Unauthorized`](crate::ErrorKind::Unauthorized), [`NotFound`](crate::ErrorKind::NotFound),
/// [`CapExceeded`](crate::ErrorKind::CapExceeded),
/// [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
/// [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http) or
/// [`Protocol`](crate::ErrorKind::Protocol) of a listing, and [`Source`](crate::ErrorKind::Source)
/// of a local tree that changes while it is listed. So is
/// [`Destination`](crate::ErrorKind::Destination) of the temporary file. Transfers in progress are
/// then finished, and nothing is deleted or hidden.
///
/// A file that fails doesn't stop the others, unless they would fail too: if the server is
/// unreachable, a cap is reached, the key is no longer valid, or a flush of [many files at
/// once](super::Durability::AtEnd) has failed, nothing more is started. Deletes and hides that were
/// planned are then reported as withheld.
///
/// It is `Send` and `Unpin`, but not `Sync`.
///
/// # Cancellation
/// Dropping it stops all transfers immediately, as if each was dropped. A run that was dropped or
/// killed can be repeated: the next one does what is left, and resumes large files.
#[must_use = "a run does nothing unless it is polled"]
pub struct SyncRun {
    outcomes: BoxStream<'static, Result<Outcome, Error>>,
    watcher: Watcher,
}

impl SyncRun {
    pub(super) fn new(
        plan: impl Stream<Item = Result<Action, Error>> + Send + 'static,
        performer: Performer,
        calls: impl Fn() -> CallCounts + Send + 'static,
    ) -> Self {
        let (tally, alive) = (Tally::new(calls), Arc::new(()));
        let watcher = Watcher::new(&tally, performer.sides.client(), &alive);
        let run = Box::new(Run {
            plan: plan.boxed().fuse(),
            performer,
            under_way: FuturesUnordered::new(),
            ready: VecDeque::new(),
            removals: Spool::default(),
            last: Spool::default(),
            phase: Phase::Plan,
            waiting: None,
            scan: None,
            has_failed: false,
            tally,
            number: 0,
            _alive: alive,
        });
        let outcomes = stream::unfold(run, |mut run| async move {
            let outcome = run.next().await?;
            Some((outcome, run))
        });
        Self {
            outcomes: outcomes.boxed(),
            watcher,
        }
    }

    /// The totals so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.watcher.tally.summary()
    }

    /// The run's progress.
    #[must_use]
    pub fn progress(&self) -> SyncProgress {
        self.watcher.progress()
    }

    /// The run's progress each time that it has changed, at most ten times a second. The stream ends
    /// with the run. It doesn't borrow the run, so it can be polled beside
    /// [`finish`](Self::finish).
    ///
    /// ```
    /// # use b2kit::sync::{Summary, Synchronizer};
    /// # use b2kit::Error;
    /// # use futures::StreamExt;
    /// # async fn sync(sync: Synchronizer) -> Result<Summary, Error> {
    /// let run = sync.run()?;
    /// let mut changes = run.changes();
    /// let showing = async {
    ///     while let Some(now) = changes.next().await {
    ///         println!("{now}, {} B/s, {:?} left", now.bytes_per_second(), now.remaining());
    ///     }
    /// };
    /// let (summary, ()) = futures::join!(run.finish(), showing);
    /// # summary }
    /// ```
    pub fn changes(&self) -> impl Stream<Item = SyncProgress> + Send + Unpin + use<> {
        self.watcher.clone().changes()
    }

    /// Runs to the end and returns the totals. The results of single files are discarded.
    ///
    /// # Errors
    /// The first error that doesn't concern a single file: the plan's, that of the temporary file,
    /// or one that ended the run.
    pub async fn finish(mut self) -> Result<Summary, Error> {
        let mut first = None;
        while let Some(outcome) = self.outcomes.next().await {
            first = first.or(outcome.err());
        }
        first.map_or_else(|| Ok(self.summary()), Err)
    }
}

impl Stream for SyncRun {
    type Item = Result<Outcome, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.outcomes.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for SyncRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let summary = self.watcher.tally.lock().summary;
        f.debug_struct("SyncRun")
            .field("summary", &summary)
            .finish_non_exhaustive()
    }
}

/// The phases of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Plan,
    Removals,
    /// Downloads that have to wait for a removal.
    Last,
    Over,
}

type Spooled = stream::BoxStream<'static, io::Result<Action>>;

struct Run {
    plan: Fuse<BoxStream<'static, Result<Action, Error>>>,
    performer: Performer,
    under_way: FuturesUnordered<BoxFuture<'static, (u64, Action, Performed)>>,
    ready: VecDeque<Result<Outcome, Error>>,
    removals: Spool,
    /// Downloads that come after the removals.
    last: Spool,
    phase: Phase,
    /// The spool that is being read back, and the reason if its actions are withheld.
    waiting: Option<(Fuse<Spooled>, Option<Withheld>)>,
    scan: Option<Scan>,
    has_failed: bool,
    tally: Tally,
    number: u64,
    /// Tells watchers when the run ends.
    _alive: Arc<()>,
}

/// The next event of a run.
enum Event {
    Action(Action),
    Broken(Error),
    Performed(u64, Action, Performed),
    End,
}

impl Run {
    async fn next(&mut self) -> Option<Result<Outcome, Error>> {
        loop {
            if let Some(outcome) = self.ready.pop_front() {
                match &outcome {
                    Ok(outcome) => self.tally.lock().summary.add(outcome),
                    Err(_) => self.tally.lock().summary.is_aborted = true,
                }
                return Some(outcome);
            }
            if self.phase == Phase::Over {
                return None;
            }
            match self.event().await {
                Event::Action(action) => self.take(action).await,
                Event::Broken(error) => self.broken(error),
                Event::Performed(number, action, performed) => {
                    self.performed(number, action, performed).await;
                }
                Event::End => self.next_phase().await,
            }
        }
    }

    async fn event(&mut self) -> Event {
        poll_fn(|cx| {
            // In this order, so that a plan that is always ready starves nothing else.
            if let Poll::Ready(Some((number, action, performed))) =
                self.under_way.poll_next_unpin(cx)
            {
                return Poll::Ready(Event::Performed(number, action, performed));
            }
            if self.is_full() {
                return Poll::Pending;
            }
            let action = match &mut self.waiting {
                Some((spooled, _)) => {
                    let action = ready!(spooled.poll_next_unpin(cx));
                    action.map(|action| action.map_err(spool_failed))
                }
                None => ready!(self.plan.poll_next_unpin(cx)),
            };
            match action {
                Some(Ok(action)) => Poll::Ready(Event::Action(action)),
                Some(Err(error)) => Poll::Ready(Event::Broken(error)),
                None if self.under_way.is_empty() => Poll::Ready(Event::End),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Whether the limit of files in progress is reached. Those that only wait for a flush don't
    /// count.
    fn is_full(&self) -> bool {
        /// The maximum number of files waiting for a flush. Each holds three of the descriptors
        /// available to files.
        const WAITING: usize = 256;
        let flush = self.performer.flush.as_ref();
        let waiting = flush.map_or(0, |flush| flush.waiting()).min(WAITING);
        self.under_way.len().saturating_sub(waiting) >= self.performer.policy.concurrency
    }

    /// Starts or spools an action of the plan or of a spool.
    async fn take(&mut self, action: Action) {
        if self.phase == Phase::Plan {
            self.tally.lock().progress.scanned += 1;
            if let Action::End(scan) = action {
                // A second end means that two plans were concatenated, which is invalid.
                self.has_failed |= self.scan.is_some();
                self.scan = Some(scan);
                let mut tally = self.tally.lock();
                tally.summary.scan = Some(scan);
                tally.progress.is_scanned = true;
                return;
            }
            if action.is_transfer() {
                let mut tally = self.tally.lock();
                tally.progress.transfers += 1;
                let total = &mut tally.progress.total_bytes;
                *total = total.saturating_add(action.bytes());
            }
            let is_for_later = matches!(
                action,
                Action::Download {
                    after_removals: true,
                    ..
                }
            );
            if action.is_removal() || is_for_later {
                let spool = match is_for_later {
                    true => &mut self.last,
                    false => &mut self.removals,
                };
                if let Err(error) = spool.push(&action).await {
                    self.broken(spool_failed(error));
                }
                return;
            }
        }
        let withheld = self.waiting.as_ref().and_then(|(_, withheld)| *withheld);
        match action {
            action if withheld.is_some_and(|_| action.is_removal() || action.is_transfer()) => {
                if let Some(why) = withheld {
                    self.over(action, Status::Withheld(why));
                }
            }
            Action::Skip { .. } => self.over(action, Status::Skipped),
            Action::Refuse { ref reason, .. } => {
                let direction = self.performer.sides.direction();
                self.has_failed |= leaves_out_a_source_file(reason, direction);
                self.over(action, Status::Refused);
            }
            action => self.begin(action),
        }
    }

    fn begin(&mut self, action: Action) {
        self.number += 1;
        let (number, progress) = (self.number, Progress::new());
        if action.is_transfer() {
            self.tally.begun(number, &progress);
        }
        let performer = self.performer.clone();
        let is_last_chance = self.phase == Phase::Last;
        self.under_way.push(Box::pin(async move {
            let performed = performer.perform(&action, &progress, is_last_chance).await;
            (number, action, performed)
        }));
    }

    async fn performed(&mut self, number: u64, action: Action, performed: Performed) {
        self.tally.ended(number, &action, &performed);
        match performed {
            Performed::Status(status) => {
                let flush = self.performer.flush.as_ref();
                let is_unflushed = flush.is_some_and(|flush| flush.failed().is_some());
                if is_unflushed || matches!(&status, Status::Failed(error) if concerns_all(error)) {
                    self.stop();
                }
                // A failed removal doesn't prevent the others.
                self.has_failed |= action.is_transfer() && !matches!(status, Status::Done);
                self.over(action, status);
            }
            Performed::Refused(reason) => {
                self.has_failed = true;
                self.over(action.refused(reason), Status::Refused);
            }
            Performed::AfterRemovals => {
                if let Err(error) = self.last.push(&action).await {
                    self.broken(spool_failed(error));
                }
            }
        }
    }

    /// Starts no more actions. Spooled ones are reported as withheld.
    fn stop(&mut self) {
        self.tally.lock().summary.is_aborted = true;
        if self.phase == Phase::Plan {
            self.plan = stream::empty().boxed().fuse();
            self.scan = None;
        } else if let Some((_, withheld)) = &mut self.waiting {
            withheld.get_or_insert(Withheld::Aborted);
        }
    }

    fn over(&mut self, action: Action, status: Status) {
        self.ready.push_back(Ok(Outcome { action, status }));
    }

    fn broken(&mut self, error: Error) {
        self.scan = None;
        self.waiting = None; // a spool that fails once may fail forever
        self.has_failed = true;
        self.ready.push_back(Err(error));
    }

    /// Starts the next phase when all of this one has ended.
    async fn next_phase(&mut self) {
        self.waiting = None;
        let (phase, spool) = match self.phase {
            Phase::Plan => (Phase::Removals, std::mem::take(&mut self.removals)),
            Phase::Removals => (Phase::Last, std::mem::take(&mut self.last)),
            Phase::Last | Phase::Over => {
                self.phase = Phase::Over;
                self.flush().await;
                return;
            }
        };
        if phase == Phase::Removals {
            let withheld = self.withheld_reason(spool.len);
            self.tally.lock().summary.withheld_because =
                withheld.filter(|_| spool.len + self.last.len > 0);
        }
        self.phase = phase;
        if spool.len == 0 {
            return;
        }
        let withheld = {
            let summary = &self.tally.lock().summary;
            let aborted = summary.is_aborted.then_some(Withheld::Aborted);
            summary.withheld_because.or(aborted)
        };
        match spool.actions().await {
            Ok(actions) => self.waiting = Some((actions.boxed().fuse(), withheld)),
            Err(error) => self.broken(spool_failed(error)),
        }
    }

    /// The reason not to carry out the spooled actions, if there is one.
    fn withheld_reason(&self, planned: u64) -> Option<Withheld> {
        let Some(scan) = self.scan else {
            return Some(Withheld::PlanIncomplete);
        };
        let policy = &self.performer.policy;
        if !scan.is_complete {
            Some(Withheld::ScanIncomplete)
        } else if scan.source_files == 0 && !policy.allow_empty_source {
            Some(Withheld::SourceEmpty)
        } else if let Some(allowed) = policy.max_delete.filter(|most| planned > *most) {
            Some(Withheld::TooMany { planned, allowed })
        } else {
            self.has_failed.then_some(Withheld::TransferFailed)
        }
    }

    /// Flushes the directories in which files were downloaded or deleted.
    async fn flush(&mut self) {
        let has_downloads = self.tally.lock().summary.downloaded > 0;
        let Some(flush) = self.performer.flush.clone().filter(|_| has_downloads) else {
            return;
        };
        if let Err(error) = flush.flushed().await {
            let error = Error::destination("the downloaded files could not be flushed", error);
            self.broken(error);
        }
    }
}

/// Whether a path that is refused for this reason may be a file of the source that the destination doesn't get.
const fn leaves_out_a_source_file(reason: &Reason, direction: Direction) -> bool {
    match reason {
        // There is a file at the destination, or none at the source.
        Reason::DestinationNewer | Reason::SourceEmpty => false,
        // A local name that no file in B2 can have: in a download it is one at the destination.
        Reason::NotAName(_) => !matches!(direction, Direction::Down),
        _ => true,
    }
}

fn spool_failed(error: io::Error) -> Error {
    Error::destination(
        "the temporary file that lists pending deletes failed",
        error,
    )
}
