//! [`Ledger`]: the large files that uploads of this client have begun and not ended.
//!
//! B2 keeps the parts of an unfinished large file, and charges for them, until somebody cancels it. An upload that fails
//! cancels its own; one that is dropped can't, since a drop can't wait for an answer. So what is begun is written down
//! first, and whatever is not crossed out can be cleared up later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Client;
use crate::api::{CancelLargeFile, GetFileInfo, ListUnfinishedLargeFiles, UPLOAD_ID};
use crate::error::{Error, ErrorKind};
use crate::types::{Action, BucketId, FileId};

/// A large file that was begun and neither finished nor cancelled, as far as this client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The bucket it is in.
    pub bucket_id: BucketId,
    /// Its name.
    pub file_name: String,
    /// Its id; `None` where B2 never told it: the upload was dropped before, or the answer was lost.
    pub file_id: Option<FileId>,
    /// How it came to be left.
    pub state: UnfinishedState,
}

/// How a large file came to be left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedState {
    /// It is not left: its upload is under way.
    UnderWay,
    /// Its upload was dropped, or failed and could not cancel it. [`Client::cancel_orphaned_uploads`] will.
    Orphaned,
    /// Its upload failed or was dropped and was asked to keep it, so that it can be resumed. Nobody cancels it but its owner.
    Kept,
    /// Its upload was dropped, or lost B2's answer, while it was being finished. It may be a file by now, so it is never
    /// cancelled; [`Client::cancel_orphaned_uploads`] asks what became of it.
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    lines: Vec<(u64, Unfinished, String)>,
    closing: bool,
}

/// A line of the ledger that belongs to an upload. Dropping it leaves the line there, with how far the upload was.
#[derive(Debug)]
pub(crate) struct Line {
    ledger: Arc<Ledger>,
    number: u64,
    /// What it is once its upload is dropped, unless it may be a file by then.
    if_dropped: UnfinishedState,
    finishing: bool,
    settled: bool,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cross_out(&self, number: u64) {
        self.lock().lines.retain(|(other, ..)| *other != number);
    }

    fn set(&self, number: u64, set: impl FnOnce(&mut Unfinished)) {
        let mut state = self.lock();
        let line = state.lines.iter_mut().find(|(other, ..)| *other == number);
        if let Some((_, unfinished, _)) = line {
            set(unfinished);
        }
    }
}

impl Line {
    /// B2 told its id.
    pub(crate) fn started(&self, file_id: &FileId) {
        self.ledger
            .set(self.number, |line| line.file_id = Some(file_id.clone()));
    }

    /// Dropping the upload keeps it too.
    pub(crate) const fn keep_if_dropped(&mut self) {
        self.if_dropped = UnfinishedState::Kept;
    }

    /// Dropping the upload leaves it to be cancelled.
    pub(crate) const fn cancel_if_dropped(&mut self) {
        self.if_dropped = UnfinishedState::Orphaned;
    }

    /// From now on it may be a file.
    pub(crate) const fn finishing(&mut self) {
        self.finishing = true;
    }

    pub(crate) const fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// It is sure that it is none.
    pub(crate) const fn not_finished(&mut self) {
        self.finishing = false;
    }

    /// It was finished or cancelled, or never begun.
    pub(crate) fn cross_out(mut self) {
        self.settled = true;
        self.ledger.cross_out(self.number);
    }

    /// It stays, for its owner to resume.
    pub(crate) fn keep(mut self) {
        self.settled = true;
        self.ledger
            .set(self.number, |line| line.state = UnfinishedState::Kept);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let state = if self.finishing {
            UnfinishedState::Unknown
        } else {
            self.if_dropped
        };
        self.ledger.set(self.number, |line| line.state = state);
    }
}

impl Client {
    /// Writes down a large file that is about to be started, or that is resumed. `upload_id` is the note by which one is
    /// found whose id was never told.
    pub(crate) fn begin(&self, bucket_id: &BucketId, name: &str, upload_id: &str) -> Line {
        let ledger = &self.shared.ledger;
        let mut state = ledger.lock();
        let number = state.next;
        state.next += 1;
        let line = Unfinished {
            bucket_id: bucket_id.clone(),
            file_name: name.to_owned(),
            file_id: None,
            state: UnfinishedState::UnderWay,
        };
        state.lines.push((number, line, upload_id.to_owned()));
        drop(state);
        Line {
            ledger: Arc::clone(ledger),
            number,
            if_dropped: UnfinishedState::Orphaned,
            finishing: false,
            settled: false,
        }
    }

    /// Refuses to begin anything once the client is being shut down.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.shared.ledger.lock().closing {
            return Err(Error::new(
                ErrorKind::ShutDown,
                "the client is shut down, and takes no more transfers",
            ));
        }
        Ok(())
    }

    /// The large files that uploads of this client and its clones have begun and not ended: those under way too.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let state = self.shared.ledger.lock();
        state
            .lines
            .iter()
            .map(|(_, line, _)| line.clone())
            .collect()
    }

    /// Cancels the large files that dropped and failed uploads have left, so that B2 doesn't charge for them. One that may
    /// have been finished is never cancelled: B2 is asked, and if it is no file it is kept for resuming.
    ///
    /// Gives those that could not be cleared up, and why; they stay in the ledger for the next time.
    ///
    /// # Cancellation
    /// What was not reached stays in the ledger.
    pub async fn cancel_orphaned_uploads(&self) -> Vec<(Unfinished, Error)> {
        let lines = self.shared.ledger.lock().lines.clone();
        let left = lines.into_iter().filter(|(_, line, _)| {
            matches!(
                line.state,
                UnfinishedState::Orphaned | UnfinishedState::Unknown
            )
        });
        let cleared = stream::iter(left).map(|(number, line, upload_id)| async move {
            let outcome = match line.state {
                UnfinishedState::Unknown => self.look_into(number, &line).await,
                _ => self.clear(number, &line, &upload_id).await,
            };
            outcome.err().map(|error| (line, error))
        });
        let failed = cleared.buffer_unordered(4).filter_map(std::future::ready);
        failed.collect().await
    }

    /// Takes no more transfers, waits for those under way, at most until `deadline` has passed, clears up with what time
    /// is left, and gives what is unfinished still. A transfer makes progress only while its own future is polled, so poll
    /// them beside this one, or drop them before.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        const LOOK: Duration = Duration::from_millis(20);
        self.shared.ledger.lock().closing = true;
        let work = async {
            let under_way = |line: &Unfinished| line.state == UnfinishedState::UnderWay;
            while self.unfinished().iter().any(under_way) {
                self.sleep(LOOK).await;
            }
            self.cancel_orphaned_uploads().await;
        };
        let work = std::pin::pin!(work);
        let late = self.shared.timer.sleep(deadline);
        match select(work, late).await {
            Either::Left(_) | Either::Right(_) => self.unfinished(),
        }
    }

    async fn look_into(&self, number: u64, line: &Unfinished) -> Result<(), Error> {
        let ledger = &self.shared.ledger;
        let Some(file_id) = &line.file_id else {
            return Ok(());
        };
        match self.call(GetFileInfo::new(file_id)).await {
            Ok(file) if file.action != Action::Start => ledger.cross_out(number),
            Ok(_) => ledger.set(number, |line| line.state = UnfinishedState::Kept),
            // B2 shows no unfinished large files here.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected) => {
                ledger.set(number, |line| line.state = UnfinishedState::Kept);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn clear(&self, number: u64, line: &Unfinished, upload_id: &str) -> Result<(), Error> {
        let file_ids = match &line.file_id {
            Some(file_id) => vec![file_id.clone()],
            None if upload_id.is_empty() => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    "B2 never told its id, and it had no room for the note by which it could be found",
                ));
            }
            None => self.find_unfinished(line, upload_id).await?,
        };
        for file_id in file_ids {
            match self.call(CancelLargeFile::new(file_id)).await {
                // Somebody else did.
                Err(error)
                    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        self.shared.ledger.cross_out(number);
        Ok(())
    }

    /// The large files with this note, but for those whose ids are known: they have lines of their own, and may be under
    /// way.
    async fn find_unfinished(
        &self,
        line: &Unfinished,
        upload_id: &str,
    ) -> Result<Vec<FileId>, Error> {
        let list = ListUnfinishedLargeFiles::new(&line.bucket_id).name_prefix(&line.file_name);
        let mut files = self.paginate(list);
        let mut found = Vec::new();
        while let Some(file) = files.try_next().await? {
            if *file.file_name == *line.file_name
                && file.file_info.get(UPLOAD_ID) == Some(upload_id)
            {
                found.push(file.file_id);
            }
        }
        let state = self.shared.ledger.lock();
        let is_known = |id: &FileId| {
            let mut ids = state.lines.iter().map(|(_, line, _)| &line.file_id);
            ids.any(|known| known.as_ref() == Some(id))
        };
        found.retain(|id| !is_known(id));
        Ok(found)
    }
}
