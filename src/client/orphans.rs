//! Orphans: large files that dropped and failed uploads of this client have left on the server, and
//! how they are cancelled.

use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::handle::Client;
use super::paginate::at_most;
use super::unfinished::{ActiveTransfer, Registered, Unfinished, UnfinishedState, UploadEntry};
use crate::api::{CancelLargeFile, GetFileInfo, ListParts, ListUnfinishedLargeFiles, UPLOAD_ID};
use crate::error::{Error, ErrorKind};
use crate::types::{Action, BucketId, FileId, FileVersion};

/// How many orphans are cancelled at a time.
const CONCURRENCY: usize = 4;

/// How often [`Client::shutdown`] checks whether transfers are still in progress.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The maximum number of unfinished large files of one name that are searched.
const MAX_LISTED: usize = 10_000;

impl Client {
    /// The large files that uploads of this client and its clones have started and not finished,
    /// those in progress included.
    ///
    /// Those of other processes are found by [`ListUnfinishedLargeFiles`].
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let all = self.shared.unfinished_uploads.all();
        all.into_iter().map(|one| one.unfinished).collect()
    }

    /// Cancels the large files that dropped and failed uploads of this client and its clones have
    /// left, so that B2 doesn't charge for their parts.
    ///
    /// A large file that B2 may have finished is never cancelled: the client asks B2, and keeps it
    /// for resuming if it is not finished. Not touched are uploads in progress, uploads that keep
    /// their parts, and large files that another upload of this client has
    /// [resumed](crate::transfer::Upload::resume).
    ///
    /// Returns those that could not be cancelled or looked up, each with the reason; they stay in
    /// [`unfinished`](Self::unfinished) for another attempt.
    ///
    /// # Cancellation
    /// The uploads that were not reached stay in [`unfinished`](Self::unfinished).
    pub async fn cancel_orphaned_uploads(&self) -> Vec<(Unfinished, Error)> {
        let all = self.shared.unfinished_uploads.all();
        let orphans = all.into_iter().filter(|one| {
            matches!(
                one.unfinished.state,
                UnfinishedState::Orphaned | UnfinishedState::Unknown
            )
        });
        let outcomes = stream::iter(orphans).map(|orphan| async move {
            let outcome = match orphan.unfinished.state {
                UnfinishedState::Unknown => self.check_finished(&orphan).await,
                _ => self.cancel_orphan(&orphan).await,
            };
            outcome.err().map(|error| (orphan.unfinished, error))
        });
        let failed = outcomes
            .buffer_unordered(CONCURRENCY)
            .filter_map(std::future::ready);
        failed.collect().await
    }

    /// Refuses new transfers, waits for those in progress for at most `deadline`, and cancels
    /// orphaned uploads in the time that is left. Returns the uploads that are still unfinished.
    ///
    /// A transfer makes progress only while its own future is polled: poll them concurrently with
    /// this one, or drop them first. A [`DownloadStream`](crate::transfer::DownloadStream) is in
    /// progress until it has ended or is dropped.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<Unfinished> {
        self.shared.unfinished_uploads.close();
        let work = async {
            while self.shared.unfinished_uploads.has_transfers() {
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

    /// Registers a large file that is about to be started. `upload_id` is in its file info too, so
    /// the file can be found even if its id is never learned; empty if the file info had no room
    /// for it.
    pub(crate) fn register_upload(
        &self,
        bucket_id: &BucketId,
        name: &str,
        upload_id: &str,
    ) -> UploadEntry {
        let registry = &self.shared.unfinished_uploads;
        registry.register(bucket_id, name, upload_id)
    }

    /// Registers an unfinished large file that is resumed; orphan cleanup leaves it alone from then
    /// on. `None` if it is [in use](Self::is_upload_in_use).
    pub(crate) fn adopt_upload(&self, file: &FileVersion) -> Option<UploadEntry> {
        let registry = &self.shared.unfinished_uploads;
        let upload_id = upload_id(file);
        registry.adopt(
            &file.bucket_id,
            file.file_name.as_str(),
            &file.file_id,
            upload_id,
        )
    }

    /// Whether an upload of this client is sending this large file, or orphan cleanup is cancelling
    /// it.
    pub(crate) fn is_upload_in_use(&self, file: &FileVersion) -> bool {
        let registry = &self.shared.unfinished_uploads;
        registry.is_in_use(&file.file_id, upload_id(file))
    }

    /// Asks B2 whether this large file is no longer unfinished; if so, forgets it. `false` if B2
    /// can't be asked.
    pub(crate) async fn is_upload_gone(&self, file_id: &FileId) -> bool {
        let parts = ListParts::new(file_id).max_part_count(1);
        let is_gone = self
            .call(parts)
            .await
            .is_err_and(|error| is_large_file_gone(&error));
        if is_gone {
            self.shared.unfinished_uploads.forget(file_id);
        }
        is_gone
    }

    /// Begins a transfer, for which [`shutdown`](Self::shutdown) waits until the result is dropped.
    /// Fails once the client is being shut down.
    pub(crate) fn begin_transfer(&self) -> Result<ActiveTransfer, Error> {
        let registry = &self.shared.unfinished_uploads;
        registry.begin_transfer().ok_or_else(shut_down)
    }

    /// Fails once the client is being shut down.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        match self.shared.unfinished_uploads.is_closing() {
            true => Err(shut_down()),
            false => Ok(()),
        }
    }

    /// Asks B2 whether the large file was finished. If not, it is kept.
    async fn check_finished(&self, orphan: &Registered) -> Result<(), Error> {
        let registry = &self.shared.unfinished_uploads;
        let Some(file_id) = &orphan.unfinished.file_id else {
            return Ok(());
        };
        match self.call(GetFileInfo::new(file_id)).await {
            Ok(file) if file.action != Action::Start => registry.remove(orphan.number),
            Ok(_) => registry.set_state(orphan.number, UnfinishedState::Kept),
            // B2 does not show unfinished large files here.
            Err(error) if is_large_file_gone(&error) => {
                registry.set_state(orphan.number, UnfinishedState::Kept);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn cancel_orphan(&self, orphan: &Registered) -> Result<(), Error> {
        let registry = &self.shared.unfinished_uploads;
        let Some(_cancellation) = registry.begin_cancellation(orphan.number) else {
            return Ok(());
        };
        let file_ids = match &orphan.unfinished.file_id {
            Some(file_id) => vec![file_id.clone()],
            None if orphan.upload_id.is_empty() => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    "its id was never received, and its file info has no upload id to find it by",
                ));
            }
            None => self.find_unfinished(orphan).await?,
        };
        for file_id in file_ids {
            match self.call(CancelLargeFile::new(file_id)).await {
                // Somebody else has cancelled it.
                Err(error) if !is_large_file_gone(&error) => return Err(error),
                _ => {}
            }
        }
        registry.remove(orphan.number);
        Ok(())
    }

    /// The large files with this upload id, except those whose file ids are known: they have
    /// entries of their own, and may be in progress.
    async fn find_unfinished(&self, orphan: &Registered) -> Result<Vec<FileId>, Error> {
        let unfinished = &orphan.unfinished;
        let list =
            ListUnfinishedLargeFiles::new(&unfinished.bucket_id).name_prefix(&unfinished.file_name);
        let mut files = at_most(MAX_LISTED, self.paginate(list));
        let mut found = Vec::new();
        while let Some(file) = files.try_next().await? {
            if file.file_name == *unfinished.file_name
                && file.file_info.get(UPLOAD_ID) == Some(&*orphan.upload_id)
            {
                found.push(file.file_id);
            }
        }
        found.retain(|id| !self.shared.unfinished_uploads.is_known(id));
        Ok(found)
    }
}

fn shut_down() -> Error {
    Error::new(
        ErrorKind::ShutDown,
        "the client is shut down and starts no more transfers",
    )
}

/// The upload id in the file info; empty if there is none.
fn upload_id(file: &FileVersion) -> &str {
    file.file_info.get(UPLOAD_ID).unwrap_or_default()
}

/// Whether B2 rejected a call because there is no such unfinished large file.
pub(crate) fn is_large_file_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected)
}
