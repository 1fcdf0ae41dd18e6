//! [`LargeFile`]: parts side by side, and then the whole, or nothing.

use std::collections::BTreeMap;

use b2kit_core::Body;
use futures_core::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::hashing::read_again;
use super::progress::{Progress, Stage};
use super::sent::Sent;
use super::source::{Stretch, is_changed, unreadable};
use crate::api::{
    CancelLargeFile, CopyPart, FinishLargeFile, ListParts, StartLargeFile, UPLOAD_ID, UploadPart,
};
use crate::client::{Client, UploadEntry};
use crate::error::{B2Error, Error, ErrorKind};
use crate::types::{BucketId, CustomerKey, FileId, FileName, FileVersion, Part, PartNumber, Sha1};

/// A large file that is being put together.
pub(super) struct LargeFile<'a> {
    pub(super) client: &'a Client,
    pub(super) file_id: FileId,
    pub(super) entry: UploadEntry,
    pub(super) customer_key: Option<CustomerKey>,
    pub(super) concurrency: usize,
    pub(super) on_failure: OnFailure,
    /// What is there of a source that has changed since can't be used any more: not even kept.
    pub(super) is_of_one_sha1: bool,
    pub(super) progress: &'a Progress,
}

/// What becomes of a large file whose upload fails, or is dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is cancelled: B2 keeps nothing and charges for nothing.
    #[default]
    Cancel,
    /// It is kept, so that the upload can be resumed. B2 charges for what is there. One whose source was hashed first and
    /// has changed since is cancelled all the same: nothing could go on with it.
    Keep,
}

/// A part, and where it comes from.
#[derive(Debug)]
pub(super) struct PartWork {
    pub(super) number: PartNumber,
    pub(super) len: u64,
    pub(super) from: From,
}

#[derive(Debug)]
pub(super) enum From {
    Here(Stretch),
    /// Another file, in B2.
    There(Box<CopyPart>),
    /// An earlier transfer: it is there already.
    Earlier(Sha1),
}

/// The parts that are over, with their lengths and digests.
#[derive(Debug, Default)]
pub(super) struct Over(BTreeMap<PartNumber, (u64, Sha1)>);

impl<'a> LargeFile<'a> {
    /// Starts one. What `start` says of it is final.
    pub(super) async fn start(
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
                    // The entry stays, for the one whose answer was lost.
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
                    is_of_one_sha1: false,
                    progress,
                })
            }
            Err(error) => {
                // What may have been started is left in the ledger, to be looked for.
                if !error.may_have_taken_effect() {
                    entry.remove();
                }
                Err(error)
            }
        }
    }

    /// Carries all parts, finishes the file, and checks that it has `parts`' bytes. If that can't be, what is there is
    /// cancelled or kept. `again` makes a part once more, where it can be made.
    pub(super) async fn carry(
        mut self,
        parts: impl Stream<Item = Result<PartWork, Error>> + Send,
        again: impl Fn(PartNumber) -> Option<PartWork> + Send,
    ) -> Result<FileVersion, Error> {
        self.progress.enter(Stage::Transferring);
        if self.on_failure == OnFailure::Keep {
            self.entry.keep_if_dropped();
        }
        let outcome = match self.parts(parts).await {
            Ok(mut over) => {
                self.progress.enter(Stage::Finishing);
                self.finish(&mut over, again).await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(file) => {
                self.entry.remove();
                self.progress.enter(Stage::Done);
                Ok(file)
            }
            Err(error) => Err(self.fail(error).await),
        }
    }

    /// Several parts at a time. The first that fails for good stops the others: they are dropped with the stream.
    async fn parts(
        &self,
        parts: impl Stream<Item = Result<PartWork, Error>> + Send,
    ) -> Result<Over, Error> {
        let over = parts
            .map_ok(|work| self.part(work))
            .try_buffer_unordered(self.concurrency.max(1));
        over.try_fold(Over::default(), async |mut over, (number, len, sha1)| {
            over.0.insert(number, (len, sha1));
            Ok(over)
        })
        .await
    }

    async fn part(&self, work: PartWork) -> Result<(PartNumber, u64, Sha1), Error> {
        let (number, len) = (work.number, work.len);
        self.client.check_open()?;
        let named = |error: Error| error.with_part(number.as_u16());
        let part = match work.from {
            From::Earlier(sha1) => {
                self.progress.part_reused(len);
                return Ok((number, len, sha1));
            }
            From::Here(stretch) => {
                let sent = Sent::new(self.progress);
                let body = sent.watch(&stretch.body);
                let mut upload =
                    UploadPart::new(&self.file_id, number, body).hashed_by_source(stretch.digest);
                if let Some(sha1) = stretch.sha1 {
                    upload = upload.content_sha1(sha1);
                }
                if let Some(key) = &self.customer_key {
                    upload = upload.customer_key(key.clone());
                }
                let part = match self.client.call(upload).await {
                    Err(error) => Err(why(error, &stretch.body, stretch.sha1.is_some()).await),
                    part => part,
                };
                let part = part.map_err(named)?;
                sent.keep();
                part
            }
            From::There(copy) => {
                let part = self.client.call(*copy).await.map_err(named)?;
                self.progress.add(len);
                part
            }
        };
        let sha1 = digest_of(&part, len).map_err(named)?;
        self.progress.part_done();
        Ok((number, len, sha1))
    }

    /// Puts the parts together. Parts that B2 has differently (a late repetition of an attempt that was given up, say) are
    /// made once more, once.
    async fn finish(
        &mut self,
        over: &mut Over,
        again: impl Fn(PartNumber) -> Option<PartWork> + Send,
    ) -> Result<FileVersion, Error> {
        let mut outcome = self.try_finish(over).await;
        let differs = |error: &Error| {
            error
                .b2()
                .is_some_and(|b2| matches!(&*b2.code, "part_sha1_mismatch" | "missing_part"))
        };
        if outcome.as_ref().is_err_and(differs) {
            let wrong = self.wrong_parts(over).await?;
            let works: Option<Vec<_>> = wrong.iter().map(|number| again(*number)).collect();
            if let Some(works) = works.filter(|works| !works.is_empty()) {
                for work in works {
                    self.progress.part_again(work.len);
                    let (number, len, sha1) = self.part(work).await?;
                    over.0.insert(number, (len, sha1));
                }
                outcome = self.try_finish(over).await;
            }
        }
        let file = outcome?;
        let len: u64 = over.0.values().map(|(len, _)| len).sum();
        if file.content_length != len {
            let stored = file.content_length;
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{len} bytes were sent, and the finished file has {stored}"),
            )
            .with_effect(true));
        }
        Ok(file)
    }

    async fn try_finish(&mut self, over: &Over) -> Result<FileVersion, Error> {
        self.entry.finishing();
        let sha1s = over.0.values().map(|(_, sha1)| *sha1);
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

    /// The parts that B2 doesn't have, or has with other bytes.
    async fn wrong_parts(&self, over: &Over) -> Result<Vec<PartNumber>, Error> {
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
        Ok(over.0.iter().filter_map(wrong).collect())
    }

    /// Cancels what is there or keeps it, and gives the first failure back.
    async fn fail(mut self, error: Error) -> Error {
        // It may be a file: then the ledger says that nobody knows.
        if self.entry.is_finishing() {
            return error;
        }
        if self.is_of_one_sha1 && is_changed(&error) {
            self.on_failure = OnFailure::Cancel;
            self.entry.cancel_if_dropped();
        }
        match self.on_failure {
            OnFailure::Keep => self.entry.keep(),
            OnFailure::Cancel => {
                let cancelled = self.client.call(CancelLargeFile::new(&self.file_id)).await;
                let gone = |error: &Error| {
                    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected)
                };
                // Otherwise it stays in the ledger.
                if cancelled.is_ok() || cancelled.is_err_and(|error| gone(&error)) {
                    self.entry.remove();
                }
            }
        }
        error
    }
}

/// B2 got other bytes than were hashed before: where the source has others by now, that is the reason.
async fn why(error: Error, body: &Body, is_known: bool) -> Error {
    let differs = |b2: &B2Error| b2.status == 400 && b2.message.contains("did not match");
    if is_known && error.b2().is_some_and(differs) {
        let read = read_again(body).await;
        return read.map_or_else(
            |why| unreadable("the source can't be sent", why),
            |()| error,
        );
    }
    error
}

/// The digest that the part is to be finished with.
fn digest_of(part: &Part, len: u64) -> Result<Sha1, Error> {
    let integrity = |what: String| Error::new(ErrorKind::Integrity, what).with_effect(true);
    if part.content_length != len {
        let stored = part.content_length;
        return Err(integrity(format!(
            "the part has {len} bytes, and B2 stored {stored}"
        )));
    }
    let sha1 = part.content_sha1.sha1().copied();
    sha1.ok_or_else(|| integrity("B2 gives no SHA-1 of the part".to_owned()))
}

/// A note by which an upload knows its own large file again, if there is room for one.
pub(super) fn with_upload_id(client: &Client, start: StartLargeFile) -> StartLargeFile {
    if start.noted_upload_id().is_some() {
        return start;
    }
    start.noting_upload_id(&client.unique())
}

/// Whether it is an upload of this crate's.
pub(super) fn is_ours(file: &FileVersion) -> bool {
    file.file_info.get(UPLOAD_ID).is_some()
}

/// The parts of a plan, one after the other.
pub(super) fn each(works: Vec<PartWork>) -> impl Stream<Item = Result<PartWork, Error>> + Send {
    futures_util::stream::iter(works).map(Ok)
}
