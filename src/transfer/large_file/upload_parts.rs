//! [`LargeFile`]: uploads parts in parallel, then finishes or cancels the file.

use std::collections::BTreeMap;

use b2kit_core::Body;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use futures_util::TryStreamExt as _;

use super::on_failure::OnFailure;
use super::parts::{CompletedParts, PartOrigin, PartTask, checked_sha1};
use super::upload_counter::UploadCounter;
use crate::api::{CancelLargeFile, FinishLargeFile, ListParts, StartLargeFile, UploadPart};
use crate::client::{Client, UploadEntry, is_large_file_gone};
use crate::error::{B2Error, Error, ErrorKind};
use crate::transfer::progress::{Progress, Stage};
use crate::transfer::source::check_unchanged;
use crate::transfer::source_error::{is_changed, unreadable};
use crate::types::{BucketId, CustomerKey, FileId, FileName, FileVersion, PartNumber, Sha1};

/// Creates the task of a part again, if its source is replayable.
type Recreate<'a> = &'a (dyn Fn(PartNumber) -> Option<PartTask> + Send + Sync);

/// A large file that is started and not finished.
pub(crate) struct LargeFile<'a> {
    pub(crate) client: &'a Client,
    pub(crate) file_id: FileId,
    pub(crate) entry: UploadEntry,
    pub(crate) customer_key: Option<CustomerKey>,
    pub(crate) concurrency: usize,
    pub(crate) on_failure: OnFailure,
    /// Whether it is cancelled if the source changed, even with `OnFailure::Keep`: it could not be
    /// resumed.
    pub(crate) requires_unchanged_source: bool,
    pub(crate) progress: &'a Progress,
}

impl<'a> LargeFile<'a> {
    /// Starts a large file. Its metadata can't be changed later.
    pub(crate) async fn start(
        client: &'a Client,
        bucket_id: &BucketId,
        name: &FileName,
        start: StartLargeFile,
        progress: &'a Progress,
    ) -> Result<Self, Error> {
        let upload_id = start.noted_upload_id().unwrap_or_default().to_owned();
        let entry = client.register_upload(bucket_id, name.as_str(), &upload_id);
        let customer_key = start.customer_key();
        match client.call(start).await {
            Ok(file) => {
                let mut entry = entry;
                if file.possible_duplicate {
                    // Keep the first entry, for the file whose response was lost.
                    entry = client.register_upload(bucket_id, name.as_str(), &upload_id);
                }
                entry.started(&file.file_id);
                Ok(Self {
                    client,
                    file_id: file.file_id,
                    entry,
                    customer_key,
                    concurrency: 1,
                    on_failure: OnFailure::Cancel,
                    requires_unchanged_source: false,
                    progress,
                })
            }
            Err(error) => {
                // A file that may have been started stays in the record of unfinished uploads, so
                // that it is looked for later.
                if !error.may_have_taken_effect() {
                    entry.remove();
                }
                Err(error)
            }
        }
    }

    /// Uploads all parts, finishes the file, and checks its length. On failure the file is
    /// cancelled or kept. `recreate` makes the task of a part again, if its source is replayable.
    pub(crate) async fn upload_parts(
        self,
        parts: impl Stream<Item = Result<PartTask, Error>> + Send,
        recreate: impl Fn(PartNumber) -> Option<PartTask> + Send + Sync,
    ) -> Result<FileVersion, Error> {
        self.upload_tasks(Box::pin(parts), &recreate).await
    }

    /// The same for any kind of stream, so that it is compiled once.
    async fn upload_tasks(
        mut self,
        parts: BoxStream<'_, Result<PartTask, Error>>,
        recreate: Recreate<'_>,
    ) -> Result<FileVersion, Error> {
        self.progress.enter(Stage::Transferring);
        if self.on_failure == OnFailure::Keep {
            self.entry.keep_if_dropped();
        }
        let outcome = match self.upload_concurrently(parts).await {
            Ok(mut completed) => {
                self.progress.enter(Stage::Finishing);
                self.finish(&mut completed, recreate).await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(file) => {
                self.entry.remove();
                self.progress.enter(Stage::Done);
                Ok(file)
            }
            Err(error) => Err(self.abort(error).await),
        }
    }

    /// Uploads parts in parallel. After the first failure the others are dropped.
    async fn upload_concurrently(
        &self,
        parts: BoxStream<'_, Result<PartTask, Error>>,
    ) -> Result<CompletedParts, Error> {
        let completed = parts
            .map_ok(|task| self.upload_part(task))
            .try_buffer_unordered(self.concurrency.max(1));
        completed
            .try_fold(
                CompletedParts::default(),
                async |mut completed, (number, len, sha1)| {
                    completed.0.insert(number, (len, sha1));
                    Ok(completed)
                },
            )
            .await
    }

    async fn upload_part(&self, task: PartTask) -> Result<(PartNumber, u64, Sha1), Error> {
        let (number, len) = (task.number, task.len);
        let named = |error: Error| error.with_part(number.as_u16());
        let part = match task.origin {
            PartOrigin::Existing(sha1) => {
                self.progress.part_reused(len);
                return Ok((number, len, sha1));
            }
            PartOrigin::Local(segment) => {
                let counter = UploadCounter::new(self.progress);
                let body = counter.count(&segment.body);
                let mut upload =
                    UploadPart::new(&self.file_id, number, body).hashed_by_source(segment.digest);
                if let Some(sha1) = segment.sha1 {
                    upload = upload.content_sha1(sha1);
                }
                if let Some(key) = &self.customer_key {
                    upload = upload.customer_key(key.clone());
                }
                let part = match self.client.call(upload).await {
                    Err(error) => {
                        Err(explain_rejection(error, &segment.body, segment.sha1.is_some()).await)
                    }
                    part => part,
                };
                let part = part.map_err(named)?;
                counter.commit();
                part
            }
            PartOrigin::Copy(copy) => {
                let part = self.client.call(*copy).await.map_err(named)?;
                self.progress.add(len);
                part
            }
        };
        let sha1 = checked_sha1(&part, len).map_err(named)?;
        self.progress.part_done();
        Ok((number, len, sha1))
    }

    /// Finishes the file. Parts that B2 has stored with other content (for example from a late
    /// retry) are uploaded again, once.
    async fn finish(
        &mut self,
        completed: &mut CompletedParts,
        recreate: Recreate<'_>,
    ) -> Result<FileVersion, Error> {
        let mut outcome = self.try_finish(completed).await;
        let differs = |error: &Error| {
            error
                .b2()
                .is_some_and(|b2| matches!(&*b2.code, "part_sha1_mismatch" | "missing_part"))
        };
        if outcome.as_ref().is_err_and(differs) {
            let wrong = self.mismatched_parts(completed).await?;
            let tasks: Option<Vec<_>> = wrong.iter().map(|number| recreate(*number)).collect();
            if let Some(tasks) = tasks.filter(|tasks| !tasks.is_empty()) {
                for task in tasks {
                    self.progress.part_again(task.len);
                    let (number, len, sha1) = self.upload_part(task).await?;
                    completed.0.insert(number, (len, sha1));
                }
                outcome = self.try_finish(completed).await;
            }
        }
        let file = outcome?;
        let len: u64 = completed.0.values().map(|(len, _)| len).sum();
        if file.content_length != len {
            let stored = file.content_length;
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{len} bytes were sent, but the finished file has {stored}"),
            )
            .with_effect(true));
        }
        Ok(file)
    }

    async fn try_finish(&mut self, completed: &CompletedParts) -> Result<FileVersion, Error> {
        self.entry.finishing();
        let sha1s = completed.0.values().map(|(_, sha1)| *sha1);
        let outcome = self
            .client
            .call(FinishLargeFile::new(&self.file_id, sha1s))
            .await;
        if outcome
            .as_ref()
            .is_err_and(|error| !error.may_have_taken_effect())
        {
            self.entry.not_finished();
        }
        outcome
    }

    /// The parts that B2 lacks, or has stored with other content.
    async fn mismatched_parts(&self, completed: &CompletedParts) -> Result<Vec<PartNumber>, Error> {
        let mut there = BTreeMap::new();
        let mut parts = self.client.paginate(ListParts::new(&self.file_id));
        while let Some(part) = parts.try_next().await? {
            there.insert(
                part.part_number,
                (part.content_length, part.content_sha1.sha1().copied()),
            );
        }
        let wrong = |(number, (len, sha1)): (&PartNumber, &(u64, Sha1))| {
            let its = there.get(&u32::from(number.as_u16()));
            (its != Some(&(*len, Some(*sha1)))).then_some(*number)
        };
        Ok(completed.0.iter().filter_map(wrong).collect())
    }

    /// Cancels or keeps the file, and returns `error`.
    async fn abort(mut self, error: Error) -> Error {
        // It may have been finished. The record of unfinished uploads keeps it as such.
        if self.entry.is_finishing() {
            return error;
        }
        // B2 may have a part, but there is no file.
        let error = error.with_effect(false);
        if self.requires_unchanged_source && is_changed(&error) {
            self.on_failure = OnFailure::Cancel;
            self.entry.cancel_if_dropped();
        }
        match self.on_failure {
            OnFailure::Keep => self.entry.keep(),
            OnFailure::Cancel => {
                let cancelled = self.client.call(CancelLargeFile::new(&self.file_id)).await;
                // Otherwise it stays in the record, to be cancelled later.
                if cancelled.is_ok() || cancelled.is_err_and(|error| is_large_file_gone(&error)) {
                    self.entry.remove();
                }
            }
        }
        error
    }
}

/// If B2 rejected a part because its SHA-1 differs from the one computed before, checks whether the
/// source has changed. If so, that is the error.
async fn explain_rejection(error: Error, body: &Body, is_known: bool) -> Error {
    let differs = |b2: &B2Error| b2.status == 400 && b2.message.contains("did not match");
    if is_known && error.b2().is_some_and(differs) {
        let read = check_unchanged(body).await;
        return read.map_or_else(
            |why| unreadable("the source can't be sent", why),
            |()| error,
        );
    }
    error
}
