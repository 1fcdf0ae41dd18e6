//! Drives the protocol: makes a request for each step and interprets the response.

use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::protocol::{Answer, Intent, NameState, Operation, Outcome, Presence, Process, Step};
use super::slot::{self, CreateSlot, KEY};
use super::stage::{NONCE, Stage};
use crate::api::{
    CopyFile, DeleteFileVersion, GetFileInfo, ListBuckets, ListFileNames, UpdateBucket,
};
use crate::client::BucketHandle;
use crate::client::{Client, RetryPolicy};
use crate::error::{Error, ErrorKind};
use crate::types::{Bucket, BucketInfo, FileVersion};

/// The version of a created file.
pub(super) type Version = Box<FileVersion>;

/// The maximum number of consecutive lost responses, each after all retries of the client.
const MAX_LOST: u32 = 3;

/// The maximum number of requests: if other writers always win, something else is wrong.
const MAX_REQUESTS: u32 = 10_000;

/// The maximum wait after the first conflict. It doubles with each conflict, up to 64 times this.
const INITIAL_BACKOFF: Duration = Duration::from_millis(20);

/// One run of the protocol.
struct Driver<'a> {
    bucket: &'a BucketHandle,
    slot: &'a CreateSlot,
    goal: Intent<Stage>,
    /// The revision of the slot's bucket when last read, and its other info entries.
    seen: (u64, BucketInfo),
    /// Whether the slot may hold the goal, or may have held it before.
    may_be_in_slot: bool,
    /// B2's rejection of the goal's copy.
    rejection: Option<Error>,
    lost_responses: u32,
    conflicts: u32,
}

/// Creates the file, or discards the stage. After an error, the stage is deleted if it can't be in
/// the slot.
pub(super) async fn run(
    bucket: &BucketHandle,
    slot: &CreateSlot,
    goal: Intent<Stage>,
) -> Result<Outcome<Version>, Error> {
    let mut driver = Driver {
        bucket,
        slot,
        goal: goal.clone(),
        seen: (0, BucketInfo::new()),
        may_be_in_slot: false,
        rejection: None,
        lost_responses: 0,
        conflicts: 0,
    };
    let mut process = Process::new(goal);
    let mut requests = 0;
    let error = loop {
        let operation = match process.step() {
            Step::End(outcome) => {
                return match (outcome, driver.rejection) {
                    (Outcome::Unknown, Some(rejection)) => Err(rejection
                        .with_kind(ErrorKind::Unavailable)
                        .with_effect(true)),
                    (outcome, _) => Ok(outcome),
                };
            }
            Step::Request(operation) => operation,
        };
        requests += 1;
        if requests > MAX_REQUESTS {
            let what = "other writers were first at the slot in every attempt";
            break Error::new(ErrorKind::Unavailable, what);
        }
        match driver.answer(operation).await {
            Ok(answer) => process.on_answer(answer),
            Err(error) => break error,
        }
    };
    if !driver.may_be_in_slot && matches!(driver.goal, Intent::Create(_)) {
        discard_unclaimed(bucket, driver.goal.stage()).await;
    }
    // The stage may still exist, and the slot may hold it.
    Err(without_conflict(error).with_effect(driver.may_be_in_slot))
}

/// Deletes a stage that is not in the slot. Makes one attempt: a remaining stage is harmless
/// garbage.
pub(super) async fn discard_unclaimed(bucket: &BucketHandle, stage: &Stage) {
    let delete = DeleteFileVersion::new(&*stage.file_name, &stage.file_id);
    let client = bucket.client().with_retry_policy(RetryPolicy::disabled());
    let _garbage = client.call(delete).await;
}

/// Replaces `Conflict`: a conflict at the slot's bucket doesn't mean that the file exists.
pub(super) fn without_conflict(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict => error.with_kind(ErrorKind::Unavailable),
        _ => error,
    }
}

type DriverResult = Result<Answer<Stage, Version>, Error>;

impl Driver<'_> {
    async fn answer(&mut self, operation: Operation<Stage>) -> DriverResult {
        match operation {
            Operation::Slot => self.read_slot().await,
            Operation::Stage(stage) => self.own_stage(&stage).await,
            Operation::Target(stage) => self.target(&stage).await,
            Operation::Swap(revision, intent) => self.swap(revision, intent).await,
            Operation::Copy(stage) => self.copy(&stage).await,
            Operation::Delete(stage) => self.delete(&stage).await,
        }
    }

    /// Records a lost response. Their number is bounded, since the client has already retried.
    fn response_lost(&mut self, error: Error) -> DriverResult {
        self.lost_responses += 1;
        match self.lost_responses {
            ..=MAX_LOST => Ok(Answer::LostResponse),
            _ => Err(error),
        }
    }

    fn done(&mut self) -> DriverResult {
        self.lost_responses = 0;
        Ok(Answer::Done)
    }

    async fn read_slot(&mut self) -> DriverResult {
        let bucket = fetch_bucket(self.slot.bucket()).await?;
        let intent = bucket.bucket_info.get(KEY).map(slot::read).transpose()?;
        // Another process may have put it there.
        let is_own = |intent: &Intent<Stage>| intent.stage() == self.goal.stage();
        self.may_be_in_slot |= intent.as_ref().is_some_and(is_own);
        self.remember_revision(bucket);
        Ok(Answer::Slot(self.seen.0, intent))
    }

    fn remember_revision(&mut self, bucket: Bucket) {
        self.seen = (bucket.revision, bucket.bucket_info.without(KEY));
    }

    /// Looks up the goal's stage while the slot is empty.
    async fn own_stage(&mut self, stage: &Stage) -> DriverResult {
        match self.client().call(GetFileInfo::new(&stage.file_id)).await {
            Ok(_) => {
                // A stage that was in the slot is deleted before the slot is cleared.
                self.may_be_in_slot = false;
                Ok(Answer::Stage(Presence::Present))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Answer::Stage(Presence::Absent))
            }
            Err(error) => Err(error),
        }
    }

    /// Looks up the target. A hidden name is free, as is one with only an unfinished large file, or
    /// one in a bucket that was deleted after another writer filled the slot.
    async fn target(&self, stage: &Stage) -> DriverResult {
        let Some(name) = &stage.target else {
            return Ok(Answer::Target(NameState::Absent));
        };
        let names = ListFileNames::new(&stage.bucket_id)
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(1);
        // Among names with this prefix, the name itself sorts first.
        let first = match self.client().paginate(names).try_next().await {
            Err(error) if error.is_not_found() && stage != self.goal.stage() => None,
            first => first?,
        };
        let file = first.and_then(|row| row.into_version());
        Ok(Answer::Target(
            match file.filter(|file| file.file_name == *name.as_str()) {
                None => NameState::Absent,
                Some(file) if file.file_info.get(NONCE) == Some(&*stage.nonce) => {
                    NameState::Own(Box::new(file))
                }
                Some(_) => NameState::Other,
            },
        ))
    }

    /// Updates the slot, and keeps all other entries as of this revision.
    async fn swap(&mut self, revision: u64, intent: Option<Intent<Stage>>) -> DriverResult {
        let (seen, info) = self.seen.clone();
        debug_assert_eq!(
            seen, revision,
            "the protocol swaps the revision that it read last"
        );
        let info = match &intent {
            Some(intent) => info.with(KEY, slot::write(intent))?,
            None => info,
        };
        let fills = intent.is_some();
        let was_taken = self.may_be_in_slot;
        self.may_be_in_slot |= fills;
        let update = UpdateBucket::new(self.slot.bucket().id())
            .if_revision_is(revision)
            .bucket_info(info);
        match self.slot.bucket().client().call(update).await {
            Ok(bucket) => {
                self.lost_responses = 0;
                self.remember_revision(bucket);
                Ok(Answer::Swapped(self.seen.0))
            }
            Err(error) if error.may_have_taken_effect() => self.response_lost(error),
            // An earlier attempt of the same call may have succeeded.
            Err(error) if error.kind() == ErrorKind::Conflict && error.attempts() > 1 => {
                self.response_lost(error)
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                // This may be the answer to a second delivery of the request.
                self.lost_responses = 0;
                let most = INITIAL_BACKOFF.saturating_mul(1 << self.conflicts.min(6));
                self.conflicts = self.conflicts.saturating_add(1);
                self.client().sleep_up_to(most).await;
                Ok(Answer::Refused)
            }
            Err(error) => {
                self.may_be_in_slot = was_taken;
                Err(error)
            }
        }
    }

    async fn copy(&mut self, stage: &Stage) -> DriverResult {
        let Some(name) = &stage.target else {
            return Ok(Answer::Done);
        };
        let copy =
            CopyFile::new(&stage.file_id, name.clone()).destination_bucket_id(&stage.bucket_id);
        match self.client().call(copy).await {
            Ok(_) => self.done(),
            Err(error) if error.kind() == ErrorKind::NotFound => self.done(),
            Err(error) if error.may_have_taken_effect() => self.response_lost(error),
            // A copy that B2 always rejects would block the slot forever, so it is skipped.
            Err(error) if error.kind() == ErrorKind::Rejected && error.status() == Some(400) => {
                if stage == self.goal.stage() {
                    self.rejection = Some(error);
                }
                self.done()
            }
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, stage: &Stage) -> DriverResult {
        let is_garbage = !self.may_be_in_slot && stage == self.goal.stage();
        let delete = DeleteFileVersion::new(&*stage.file_name, &stage.file_id);
        match self.client().call(delete).await {
            Ok(_) => self.done(),
            Err(error) if error.kind() == ErrorKind::NotFound => self.done(),
            Err(_) if is_garbage => Ok(Answer::LostResponse),
            Err(error) if error.may_have_taken_effect() => self.response_lost(error),
            Err(error) if error.b2().is_some_and(|b2| b2.code == "access_denied") => {
                let hint = "if the bucket has a default retention, its stages can't be deleted, \
                            and no create through this slot succeeds until they can";
                Err(error.with_hint(hint.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    const fn client(&self) -> &Client {
        self.bucket.client()
    }
}

/// Looks up the bucket's settings.
pub(super) async fn fetch_bucket(bucket: &BucketHandle) -> Result<Bucket, Error> {
    let list = ListBuckets::new().bucket_id(bucket.id());
    let found = bucket.client().call(list).await?.buckets;
    let mut found = found.into_iter();
    found
        .find(|its| its.bucket_id == *bucket.id())
        .ok_or_else(|| {
            let what = format!("the account has no bucket \"{}\"", bucket.name());
            Error::new(ErrorKind::NotFound, what)
        })
}
