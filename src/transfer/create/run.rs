//! Carries the protocol out: a request for each step, and what its reply means.

use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::protocol::{Answer, CallExecutor, Intent, Outcome, Presence, Process, Step, Target};
use super::slot::{self, KEY, NONCE, Stage};
use super::{BucketHandle, CreateSlot};
use crate::api::{
    CopyFile, DeleteFileVersion, GetFileInfo, ListBuckets, ListFileNames, UpdateBucket,
};
use crate::client::{Client, RetryPolicy};
use crate::error::{Error, ErrorKind};
use crate::types::{Bucket, BucketInfo, FileVersion};

/// The version that a file was created as.
pub(super) type Version = Box<FileVersion>;

/// So many replies in a row may be lost, each after all the attempts that the client makes.
const MOST_LOST: u32 = 3;

/// So many requests one process makes at most: where it always comes second, something else is wrong.
const MOST_REQUESTS: u32 = 10_000;

/// Up to so long it waits after the first swap that came second, and up to 64 times that later.
const PAUSE: Duration = Duration::from_millis(20);

/// A process under way.
struct Run<'a> {
    bucket: &'a BucketHandle,
    slot: &'a CreateSlot,
    goal: Intent<Stage>,
    /// The other entries of the slot's bucket, at the revision that they were seen at.
    seen: (u64, BucketInfo),
    /// Whether the slot holds the goal, or has held it, or may.
    taken: bool,
    lost: u32,
    second: u32,
}

/// Creates the file or discards the stage. A stage that no swap can have put into the slot is deleted after an error.
pub(super) async fn run(
    bucket: &BucketHandle,
    slot: &CreateSlot,
    goal: Intent<Stage>,
) -> Result<Outcome<Version>, Error> {
    let mut run = Run {
        bucket,
        slot,
        goal: goal.clone(),
        seen: (0, BucketInfo::new()),
        taken: false,
        lost: 0,
        second: 0,
    };
    let mut process = Process::new(goal);
    let mut requests = 0;
    let error = loop {
        let ask = match process.step() {
            Step::End(outcome) => return Ok(outcome),
            Step::CallExecutor(ask) => ask,
        };
        requests += 1;
        if requests > MOST_REQUESTS {
            let what = "others were always first at the slot";
            break Error::new(ErrorKind::Unavailable, what);
        }
        match run.answer(ask).await {
            Ok(answer) => process.answered(answer),
            Err(error) => break error,
        }
    };
    if !run.taken && matches!(run.goal, Intent::Create(_)) {
        discard_untaken(bucket, run.goal.stage()).await;
    }
    // Of the stage it is known that it is there, and of the slot that it may hold it.
    Err(without_conflict(error).with_effect(run.taken))
}

/// Deletes a stage that nobody can have heard of. One attempt: what is left is garbage.
pub(super) async fn discard_untaken(bucket: &BucketHandle, stage: &Stage) {
    let delete = DeleteFileVersion::new(&*stage.file_name, &stage.file_id);
    let client = bucket.client().with_retry_policy(RetryPolicy::disabled());
    let _garbage = client.call(delete).await;
}

/// That the bucket was changed by someone else doesn't mean that the file exists.
pub(super) fn without_conflict(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict => error.with_kind(ErrorKind::Unavailable),
        _ => error,
    }
}

type Answered = Result<Answer<Stage, Version>, Error>;

impl Run<'_> {
    async fn answer(&mut self, ask: CallExecutor<Stage>) -> Answered {
        match ask {
            CallExecutor::Slot => self.look().await,
            CallExecutor::Stage(stage) => self.stage(&stage).await,
            CallExecutor::Target(stage) => self.target(&stage).await,
            CallExecutor::Swap(revision, intent) => self.swap(revision, intent).await,
            CallExecutor::Copy(stage) => self.copy(&stage).await,
            CallExecutor::Delete(stage) => self.delete(&stage).await,
        }
    }

    /// A reply was lost. That is bounded: the client has tried for long already.
    fn lost(&mut self, error: Error) -> Answered {
        self.lost += 1;
        match self.lost {
            ..=MOST_LOST => Ok(Answer::LostResponse),
            _ => Err(error),
        }
    }

    fn done(&mut self) -> Answered {
        self.lost = 0;
        Ok(Answer::Done)
    }

    async fn look(&mut self) -> Answered {
        let bucket = find(&self.slot.bucket).await?;
        let intent = bucket.bucket_info.get(KEY).map(slot::read).transpose()?;
        self.see(bucket);
        Ok(Answer::Slot(self.seen.0, intent))
    }

    fn see(&mut self, bucket: Bucket) {
        self.seen = (bucket.revision, bucket.bucket_info.without(KEY));
    }

    async fn stage(&self, stage: &Stage) -> Answered {
        match self.client().call(GetFileInfo::new(&stage.file_id)).await {
            Ok(_) => Ok(Answer::Stage(Presence::There)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Answer::Stage(Presence::Gone)),
            Err(error) => Err(error),
        }
    }

    /// A name that is hidden is free; so is one of which there is only an unfinished large file.
    async fn target(&self, stage: &Stage) -> Answered {
        let Some(name) = &stage.target else {
            return Ok(Answer::Target(Target::Absent));
        };
        let names = ListFileNames::new(&stage.bucket_id)
            .start_file_name(name.as_str())
            .prefix(name.as_str())
            .max_file_count(1);
        // Of the names that begin with this one it is the first.
        let first = self.client().paginate(names).try_next().await?;
        let file = first.and_then(|row| row.into_version());
        Ok(Answer::Target(
            match file.filter(|file| *file.file_name == *name.as_str()) {
                None => Target::Absent,
                Some(file) if file.file_info.get(NONCE) == Some(&*stage.nonce) => {
                    Target::Own(Box::new(file))
                }
                Some(_) => Target::Other,
            },
        ))
    }

    /// All other entries stay as they were at this revision.
    async fn swap(&mut self, revision: u64, intent: Option<Intent<Stage>>) -> Answered {
        let (seen, info) = self.seen.clone();
        debug_assert_eq!(seen, revision, "the protocol swaps what it saw last");
        let info = match &intent {
            Some(intent) => info.with(KEY, slot::write(intent))?,
            None => info,
        };
        let fills = intent.is_some();
        let was_taken = self.taken;
        self.taken |= fills;
        let update = UpdateBucket::new(self.slot.bucket.id())
            .if_revision_is(revision)
            .bucket_info(info);
        match self.slot.bucket.client().call(update).await {
            Ok(bucket) => {
                self.lost = 0;
                self.see(bucket);
                Ok(Answer::Swapped(self.seen.0))
            }
            Err(error) if error.may_have_taken_effect() => self.lost(error),
            // An earlier attempt of the same call may have been the first.
            Err(error) if error.kind() == ErrorKind::Conflict && error.attempts() > 1 => {
                self.lost(error)
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.lost = 0;
                self.taken = was_taken;
                let most = PAUSE.saturating_mul(1 << self.second.min(6));
                self.second = self.second.saturating_add(1);
                self.client().sleep_up_to(most).await;
                Ok(Answer::Refused)
            }
            Err(error) => {
                self.taken = was_taken;
                Err(error)
            }
        }
    }

    async fn copy(&mut self, stage: &Stage) -> Answered {
        let Some(name) = &stage.target else {
            return Ok(Answer::Done);
        };
        let copy =
            CopyFile::new(&stage.file_id, name.clone()).destination_bucket_id(&stage.bucket_id);
        match self.client().call(copy).await {
            Ok(_) => self.done(),
            Err(error) if error.kind() == ErrorKind::NotFound => self.done(),
            Err(error) if error.may_have_taken_effect() => self.lost(error),
            // A copy that B2 never makes would block the slot for ever. The stage goes without it.
            Err(error) if error.kind() == ErrorKind::Rejected && error.status() == Some(400) => {
                self.done()
            }
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, stage: &Stage) -> Answered {
        let is_garbage = !self.taken && stage == self.goal.stage();
        let delete = DeleteFileVersion::new(&*stage.file_name, &stage.file_id);
        match self.client().call(delete).await {
            Ok(_) => self.done(),
            Err(error) if error.kind() == ErrorKind::NotFound => self.done(),
            Err(_) if is_garbage => Ok(Answer::LostResponse),
            Err(error) if error.may_have_taken_effect() => self.lost(error),
            Err(error) => Err(error),
        }
    }

    const fn client(&self) -> &Client {
        self.bucket.client()
    }
}

/// What B2 says of the bucket.
pub(super) async fn find(bucket: &BucketHandle) -> Result<Bucket, Error> {
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
