//! [`UnfinishedUploads`]: the large files that uploads of this client have begun and not ended.
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
pub(super) struct UnfinishedUploads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    entries: Vec<(u64, Unfinished, String)>,
    closing: bool,
}

/// A entry of the unfinished_uploads that belongs to an upload. Dropping it leaves the entry there, with how far the upload was.
#[derive(Debug)]
pub(crate) struct UploadEntry {
    unfinished_uploads: Arc<UnfinishedUploads>,
    number: u64,
    /// What it is once its upload is dropped, unless it may be a file by then.
    if_dropped: UnfinishedState,
    finishing: bool,
    resolved: bool,
}

impl UnfinishedUploads {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, number: u64) {
        self.lock().entries.retain(|(other, ..)| *other != number);
    }

    fn set(&self, number: u64, set: impl FnOnce(&mut Unfinished)) {
        let mut state = self.lock();
        let entry = state
            .entries
            .iter_mut()
            .find(|(other, ..)| *other == number);
        if let Some((_, unfinished, _)) = entry {
            set(unfinished);
        }
    }
}

impl UploadEntry {
    /// B2 told its id.
    pub(crate) fn started(&self, file_id: &FileId) {
        self.unfinished_uploads
            .set(self.number, |entry| entry.file_id = Some(file_id.clone()));
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
    pub(crate) fn remove(mut self) {
        self.resolved = true;
        self.unfinished_uploads.remove(self.number);
    }

    /// It stays, for its owner to resume.
    pub(crate) fn keep(mut self) {
        self.resolved = true;
        self.unfinished_uploads
            .set(self.number, |entry| entry.state = UnfinishedState::Kept);
    }
}

impl Drop for UploadEntry {
    fn drop(&mut self) {
        if self.resolved {
            return;
        }
        let state = if self.finishing {
            UnfinishedState::Unknown
        } else {
            self.if_dropped
        };
        self.unfinished_uploads
            .set(self.number, |entry| entry.state = state);
    }
}

impl Client {
    /// Writes down a large file that is about to be started, or that is resumed. `upload_id` is the note by which one is
    /// found whose id was never told.
    pub(crate) fn register_upload(
        &self,
        bucket_id: &BucketId,
        name: &str,
        upload_id: &str,
    ) -> UploadEntry {
        let unfinished_uploads = &self.shared.unfinished_uploads;
        let mut state = unfinished_uploads.lock();
        let number = state.next;
        state.next += 1;
        let entry = Unfinished {
            bucket_id: bucket_id.clone(),
            file_name: name.to_owned(),
            file_id: None,
            state: UnfinishedState::UnderWay,
        };
        state.entries.push((number, entry, upload_id.to_owned()));
        drop(state);
        UploadEntry {
            unfinished_uploads: Arc::clone(unfinished_uploads),
            number,
            if_dropped: UnfinishedState::Orphaned,
            finishing: false,
            resolved: false,
        }
    }

    /// Refuses to begin anything once the client is being shut down.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.shared.unfinished_uploads.lock().closing {
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
        let state = self.shared.unfinished_uploads.lock();
        state
            .entries
            .iter()
            .map(|(_, entry, _)| entry.clone())
            .collect()
    }

    /// Cancels the large files that dropped and failed uploads have left, so that B2 doesn't charge for them. One that may
    /// have been finished is never cancelled: B2 is asked, and if it is no file it is kept for resuming.
    ///
    /// Gives those that could not be cleared up, and why; they stay in the unfinished_uploads for the next time.
    ///
    /// # Cancellation
    /// What was not reached stays in the unfinished_uploads.
    pub async fn cancel_orphaned_uploads(&self) -> Vec<(Unfinished, Error)> {
        let entries = self.shared.unfinished_uploads.lock().entries.clone();
        let left = entries.into_iter().filter(|(_, entry, _)| {
            matches!(
                entry.state,
                UnfinishedState::Orphaned | UnfinishedState::Unknown
            )
        });
        let cleared = stream::iter(left).map(|(number, entry, upload_id)| async move {
            let outcome = match entry.state {
                UnfinishedState::Unknown => self.check_finished(number, &entry).await,
                _ => self.cancel_orphan(number, &entry, &upload_id).await,
            };
            outcome.err().map(|error| (entry, error))
        });
        let failed = cleared.buffer_unordered(4).filter_map(std::future::ready);
        failed.collect().await
    }

    /// Takes no more transfers, waits for those under way, at most until `deadline` has passed, clears up with what time
    /// is left, and gives what is unfinished still. A transfer makes progress only while its own future is polled, so poll
    /// them beside this one, or drop them before.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        const POLL_INTERVAL: Duration = Duration::from_millis(20);
        self.shared.unfinished_uploads.lock().closing = true;
        let work = async {
            let under_way = |entry: &Unfinished| entry.state == UnfinishedState::UnderWay;
            while self.unfinished().iter().any(under_way) {
                self.sleep(POLL_INTERVAL).await;
            }
            self.cancel_orphaned_uploads().await;
        };
        let work = std::pin::pin!(work);
        let late = self.shared.timer.sleep(deadline);
        match select(work, late).await {
            Either::Left(_) | Either::Right(_) => self.unfinished(),
        }
    }

    async fn check_finished(&self, number: u64, entry: &Unfinished) -> Result<(), Error> {
        let unfinished_uploads = &self.shared.unfinished_uploads;
        let Some(file_id) = &entry.file_id else {
            return Ok(());
        };
        match self.call(GetFileInfo::new(file_id)).await {
            Ok(file) if file.action != Action::Start => unfinished_uploads.remove(number),
            Ok(_) => unfinished_uploads.set(number, |entry| entry.state = UnfinishedState::Kept),
            // B2 shows no unfinished large files here.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected) => {
                unfinished_uploads.set(number, |entry| entry.state = UnfinishedState::Kept);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn cancel_orphan(
        &self,
        number: u64,
        entry: &Unfinished,
        upload_id: &str,
    ) -> Result<(), Error> {
        let file_ids = match &entry.file_id {
            Some(file_id) => vec![file_id.clone()],
            None if upload_id.is_empty() => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    "B2 never told its id, and it had no room for the note by which it could be found",
                ));
            }
            None => self.find_unfinished(entry, upload_id).await?,
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
        self.shared.unfinished_uploads.remove(number);
        Ok(())
    }

    /// The large files with this note, but for those whose ids are known: they have entries of their own, and may be under
    /// way.
    async fn find_unfinished(
        &self,
        entry: &Unfinished,
        upload_id: &str,
    ) -> Result<Vec<FileId>, Error> {
        let list = ListUnfinishedLargeFiles::new(&entry.bucket_id).name_prefix(&entry.file_name);
        let mut files = self.paginate(list);
        let mut found = Vec::new();
        while let Some(file) = files.try_next().await? {
            if *file.file_name == *entry.file_name
                && file.file_info.get(UPLOAD_ID) == Some(upload_id)
            {
                found.push(file.file_id);
            }
        }
        let state = self.shared.unfinished_uploads.lock();
        let is_known = |id: &FileId| {
            let mut ids = state.entries.iter().map(|(_, entry, _)| &entry.file_id);
            ids.any(|known| known.as_ref() == Some(id))
        };
        found.retain(|id| !is_known(id));
        Ok(found)
    }
}
