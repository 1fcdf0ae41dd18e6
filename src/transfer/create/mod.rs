//! [`Create`]: a file made only where there is none, of many writers by one.
//!
//! `protocol` says which request comes next, and is pure; `run` makes the requests; `slot` is what stands in a bucket's info.
//! `checker`, a test, drives the protocol through every order in which things can go wrong.

mod protocol;
mod run;
mod slot;

use std::collections::hash_map::RandomState;
use std::future::IntoFuture;
use std::hash::BuildHasher as _;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::TryStreamExt as _;

use self::protocol::{Intent, Outcome};
use self::run::{discard_untaken, find, run, without_conflict};
use self::slot::{NONCE, Stage};
use super::bucket::BucketHandle;
use super::plan::MAX_PART;
use super::source::{Opened, Source};
use crate::api::{ListFileVersions, UPLOAD_ID};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::types::{
    Action, Capability, ContentType, FileInfo, FileInfoLimit, FileName, FileVersion,
    LARGE_FILE_SHA1, Restricted,
};

/// What the names of stages begin with: bytes that are to become a file by [`BucketHandle::create`].
pub const CREATE_STAGES: &str = ".b2kit-create/";

/// So many stages one create makes at most, where each is discarded before it is taken.
const MOST_STAGES: u32 = 3;

/// As long as they are when they are added to the info of an upload.
const NOTES: [(&str, usize); 3] = [
    (LARGE_FILE_SHA1, 40),
    ("src_last_modified_millis", 20),
    (UPLOAD_ID, 64),
];

/// Whether the name is that of a stage, which belongs to [`BucketHandle::create`]: not to be shown, synchronized or deleted.
#[must_use]
pub fn is_create_stage(name: &str) -> bool {
    name.starts_with(CREATE_STAGES)
}

/// The place through which writers agree on who creates a file: one entry, `b2kit-create`, of a bucket's info.
///
/// All who create files that may have the same name have to use the same one. Creates take turns at it, so have one slot
/// for each set of names that belong together, such as a table. A small bucket of its own is the best place for it: updating a
/// bucket needs `writeBuckets`, which no key that is restricted to buckets can have, and the client of that bucket may
/// have another key than the one for the files. The bucket of the files will do as well. Its other entries stay as they are.
#[derive(Debug, Clone)]
pub struct CreateSlot {
    bucket: BucketHandle,
}

impl CreateSlot {
    /// The slot of this bucket, reached through the handle's client.
    #[must_use]
    pub const fn new(bucket: BucketHandle) -> Self {
        Self { bucket }
    }

    /// The bucket whose info has the entry.
    #[must_use]
    pub const fn bucket(&self) -> &BucketHandle {
        &self.bucket
    }
}

/// A file that is about to be created if there is none of its name: await it.
///
/// Of many who create a name at once, one gets [`Created`], and the others
/// [`ErrorKind::Conflict`]. B2 has no conditional upload. What it has is a conditional update of a bucket, and that is enough:
///
/// 1. The bytes are uploaded as a *stage*, under a name that begins with [`CREATE_STAGES`], in the same bucket.
/// 2. The [slot](CreateSlot) is looked at. If it is empty and the name is free, the intent to make the file of the stage is put into
///    it, on condition that nobody has changed that bucket since.
/// 3. The stage is copied to the name, within B2; the stage is deleted; the file is looked up; the slot is emptied.
///
/// Whoever finds an intent in the slot carries it out before anything else. So there are no leases and no clocks, and a writer
/// that dies holds nobody up.
///
/// ```
/// use b2kit::transfer::CreateSlot;
/// # use b2kit::{BucketHandle, Error, ErrorKind};
/// # async fn create(bucket: BucketHandle, coordination: BucketHandle) -> Result<(), Error> {
/// let slot = CreateSlot::new(coordination); // a small bucket, the same for all writers
/// match bucket.create("table/_log/0007.json", "{}", &slot).await {
///     Ok(created) => println!("it is ours: {}", created.file.file_id),
///     Err(error) if error.kind() == ErrorKind::Conflict => println!("somebody else was first"),
///     Err(error) => return Err(error),
/// }
/// # Ok(()) }
/// ```
///
/// # What it rests on
/// B2 says, of its calls:
/// - `b2_update_bucket` with `ifRevisionIs` changes a bucket only if that is its revision.
/// - A bucket's info comes back as it was set, up to ten entries.
/// - `b2_copy_file` with the directive `COPY` keeps the content type and the file info.
///
/// B2 doesn't say so, and it is inferred:
/// - Updates with `ifRevisionIs` are linearizable: of two at the same revision one succeeds at most.
/// - A copy that isn't there when the deletion of its source is confirmed never comes to be.
/// - Who looks up a bucket, a version by its id, or a name sees all that was confirmed before.
///
/// On these, all orders in which three writers, two crashes, and two requests that are lost or delayed without limit can meet were
/// searched, and there are never two winners, nor a file that somebody was told is not there.
///
/// # Rules
/// For names that are created in this way:
/// - All writers use the same slot. The same names are not uploaded, copied to, hidden or deleted while they are being created.
///   A file may be deleted once somebody has been told that it was created.
/// - Nobody sets the info of the slot's bucket without `ifRevisionIs`.
/// - No lifecycle rule and no clean-up deletes what is under [`CREATE_STAGES`]. Listings show stages:
///   [`is_create_stage`] tells them.
/// - The bucket of the files has no default retention, and the keys of all that share a slot may write, read, list and
///   delete in every bucket whose files are created through it.
///
/// A name that is hidden is free. What is there is asked of B2's API, never of a download origin of your own.
///
/// # What it costs
/// Without contention, beside the upload of the stage: two `b2_update_bucket`, two `b2_list_buckets` (one for the retention, one for
/// the slot), three `b2_list_file_names` and one `b2_copy_file` of class C; one `b2_get_file_info` of class B; one
/// `b2_delete_file_version` of class A, which is free. That is eight calls of class C. Creates are carried out one after the other, each slot.
///
/// # Errors
/// - [`Conflict`](ErrorKind::Conflict): there is a file of this name, and nothing was changed. This kind stands for nothing else.
/// - [`Invalid`](ErrorKind::Invalid), before a byte is sent: more than 5 GB, an unknown length, a name under
///   [`CREATE_STAGES`], file info with no room for one entry more, a default retention.
/// - [`Error::may_have_taken_effect`]: the file may have been created, or may be yet, by whoever uses the slot next.
/// - [`Protocol`](ErrorKind::Protocol) where the slot holds what this version of the crate doesn't know: nothing is done then.
/// - [`Source`](ErrorKind::Source) where somebody [discarded](BucketHandle::discard_abandoned_creates) the stage and the source
///   can't be read again.
/// - As the calls for the rest.
///
/// A stage whose copy B2 refuses as a bad request is given up, so that it doesn't block the slot: its writer gets an error of kind
/// [`Unavailable`](ErrorKind::Unavailable).
///
/// # Cancellation
/// Dropping the future may leave a stage, which B2 charges for until it is
/// [discarded](BucketHandle::discard_abandoned_creates), or an intent in the slot, which the next one to use the slot carries out: then
/// the file comes to be although the future was dropped. Nothing is left half done for others. An upload of a
/// large stage is left as [`Upload`](super::Upload) says.
#[derive(Debug)]
#[must_use = "nothing is created until it is awaited"]
pub struct Create {
    bucket: BucketHandle,
    slot: CreateSlot,
    name: Result<FileName, Error>,
    origin: Origin,
    own: Own,
}

/// What a stage is made of.
#[derive(Debug)]
enum Origin {
    Bytes(Source),
    Version(Box<FileVersion>),
}

#[derive(Debug, Clone, Default)]
struct Own {
    content_type: ContentType,
    file_info: FileInfo,
    part_size: Option<u64>,
    concurrency: Option<usize>,
}

/// A file that was created, and that nobody else has created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// Its version. Its info has one entry more, `b2kit-create-nonce`.
    pub file: FileVersion,
}

impl BucketHandle {
    /// Creates a file if there is none of this name: what is also called put-if-absent.
    ///
    /// The name is checked when the future is awaited; a [`FileName`] is taken as it is.
    #[doc(alias = "put_if_absent")]
    #[doc(alias = "if_none_match")]
    pub fn create<N>(&self, name: N, source: impl Into<Source>, slot: &CreateSlot) -> Create
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Create {
            bucket: self.clone(),
            slot: slot.clone(),
            name: name.try_into().map_err(Into::into),
            origin: Origin::Bytes(source.into()),
            own: Own::default(),
        }
    }

    /// Copies a version within B2 if there is no file of this name in this bucket: [`create`](Self::create) for bytes that B2
    /// has already, with their content type and file info. The version may be in any bucket of the account.
    ///
    /// The stage is a copy, so that instead of an upload there is one `b2_copy_file` more, of class C. Setters for the content
    /// type, the file info and parts have no effect.
    #[doc(alias = "copy_if_not_exists")]
    pub fn create_copy<N>(&self, version: &FileVersion, name: N, slot: &CreateSlot) -> Create
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let info = version.file_info.iter();
        let info = info.filter(|(key, _)| ![UPLOAD_ID, NONCE].contains(key));
        Create {
            bucket: self.clone(),
            slot: slot.clone(),
            name: name.try_into().map_err(Into::into),
            origin: Origin::Version(Box::new(version.clone())),
            own: Own {
                content_type: version.content_type.clone().unwrap_or_default(),
                file_info: FileInfo::unchecked(info),
                ..Own::default()
            },
        }
    }

    /// Discards the stages in this bucket that writers have left behind: those that are older than this, by B2's clock, counted
    /// from when their upload began. Gives how many are gone.
    ///
    /// It goes through the slot, so that no file is made of a stage that is being discarded; never delete stages otherwise. A writer
    /// whose stage is discarded before it is taken begins again, so a minimum age that is too short costs time and
    /// never a file. Large stages whose upload was not finished are left to
    /// [`Client::cancel_unfinished_large_files`].
    ///
    /// # Errors
    /// The first error ends it; what was discarded stays so. [`Unavailable`](ErrorKind::Unavailable) where B2's time is
    /// not known.
    pub async fn discard_abandoned_creates(
        &self,
        slot: &CreateSlot,
        minimum_age: Duration,
    ) -> Result<u64, Error> {
        let mut gone = 0;
        let list = ListFileVersions::new(self.id()).prefix(CREATE_STAGES);
        let mut rows = self.client().paginate(list);
        while let Some(row) = rows.try_next().await? {
            let Some(version) = row.into_version() else {
                continue;
            };
            let now = self.client().server_time().ok_or_else(|| {
                Error::new(ErrorKind::Unavailable, "B2 doesn't say what time it is")
            })?;
            let age = now
                .as_millis()
                .saturating_sub(version.upload_timestamp.as_millis());
            // B2's answers tell the time to the second, so what is new may seem to be of the future.
            let is_old = u128::try_from(age.max(0)).is_ok_and(|age| age >= minimum_age.as_millis());
            let nonce = version.file_info.get(NONCE).unwrap_or_default();
            let is_file = matches!(version.action, Action::Upload | Action::Copy);
            if !is_old || !is_file || !slot::fits(&version.file_name, nonce) {
                continue;
            }
            let stage = Stage {
                file_id: version.file_id.clone(),
                file_name: version.file_name.clone(),
                nonce: nonce.into(),
                bucket_id: self.id().clone(),
                target: None,
            };
            run(self, slot, Intent::Discard(stage)).await?;
            gone += 1;
        }
        Ok(gone)
    }
}

impl Create {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.own.content_type = content_type;
        self
    }

    /// Notes that go with the file, as for an [`Upload`](super::Upload::file_info); one of the ten is taken.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.own.file_info = info;
        self
    }

    /// The size of the parts in which the stage is uploaded, in bytes: as [`Upload::part_size`](super::Upload::part_size).
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.own.part_size = Some(bytes);
        self
    }

    /// How many parts of the stage are under way at once: as [`Upload::concurrency`](super::Upload::concurrency).
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.own.concurrency = Some(parts);
        self
    }

    async fn run(self, name: &FileName) -> Result<Created, Error> {
        let client = self.bucket.client().clone();
        client.check_open()?;
        let nonce = nonce(&client);
        check_name(name, &self.own.file_info, &nonce)?;
        let source = match self.origin {
            Origin::Bytes(source) => source,
            Origin::Version(version) => {
                check_len(Some(version.content_length))?;
                check_keys(&self.bucket, &self.slot).await?;
                check_retention(&self.bucket).await?;
                let job = Job {
                    bucket: self.bucket,
                    slot: self.slot,
                    name,
                    own: self.own,
                };
                return job.copy(&version, nonce).await;
            }
        };
        #[cfg(feature = "fs")]
        let _place = match source.is_file() {
            true => client.reserve_files(1).await,
            false => None,
        };
        let (sha1, modified) = (source.sha1, source.modified);
        let opened = source.open(&client).await?;
        check_len(match &opened {
            Opened::Anywhere(anywhere) => Some(anywhere.len),
            Opened::Once(len, _) => *len,
        })?;
        check_keys(&self.bucket, &self.slot).await?;
        check_retention(&self.bucket).await?;
        let with_notes = |mut source: Source| {
            source.sha1 = sha1;
            source.modified = modified;
            source
        };
        let job = Job {
            bucket: self.bucket,
            slot: self.slot,
            name,
            own: self.own,
        };
        match opened {
            Opened::Anywhere(anywhere) => {
                let mut nonce = nonce;
                for _ in 0..MOST_STAGES {
                    let source = with_notes(Source::opened(anywhere.clone()));
                    if let Some(created) = job.attempt(&nonce, source).await? {
                        return Ok(created);
                    }
                    nonce = self::nonce(&client);
                }
                Err(discarded())
            }
            Opened::Once(len, stream) => {
                let len = len.unwrap_or_default();
                let source = with_notes(Source::sized_stream(len, stream));
                let created = job.attempt(&nonce, source).await?;
                created.ok_or_else(|| {
                    let what = "the stage was discarded, and the source can't be read again";
                    Error::new(ErrorKind::Source, what)
                })
            }
        }
    }
}

impl IntoFuture for Create {
    type Output = Result<Created, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let name = std::mem::replace(&mut self.name, Err(Error::invalid("")))?;
            let created = self.run(&name).await;
            created.map_err(|error| error.about_instead(name.as_str()))
        })
    }
}

struct Job<'a> {
    bucket: BucketHandle,
    slot: CreateSlot,
    name: &'a FileName,
    own: Own,
}

impl Job<'_> {
    /// Creates the file of a stage that is uploaded. `None` if that was discarded before it was taken.
    async fn attempt(&self, nonce: &str, source: Source) -> Result<Option<Created>, Error> {
        let stage = self.stage(nonce, source).await?;
        self.carry_out(stage).await
    }

    /// Creates the file of a stage that is a copy.
    async fn copy(&self, version: &FileVersion, mut nonce: String) -> Result<Created, Error> {
        for _ in 0..MOST_STAGES {
            let stage = self.stage_copy(&nonce, version).await?;
            if let Some(created) = self.carry_out(stage).await? {
                return Ok(created);
            }
            nonce = self::nonce(self.bucket.client());
        }
        Err(discarded())
    }

    async fn carry_out(&self, stage: Stage) -> Result<Option<Created>, Error> {
        let outcome = run(&self.bucket, &self.slot, Intent::Create(stage)).await?;
        match outcome {
            Outcome::Created(file) => Ok(Some(Created { file: *file })),
            Outcome::Exists => Err(Error::new(
                ErrorKind::Conflict,
                "there is a file of this name already",
            )),
            Outcome::Discarded => Ok(None),
            Outcome::Unknown => Err(Error::new(
                ErrorKind::Unavailable,
                "nobody can tell any more whether the file was created",
            )
            .with_effect(true)),
        }
    }

    async fn stage(&self, nonce: &str, source: Source) -> Result<Stage, Error> {
        let mut upload = self
            .bucket
            .upload(slot::stage_name(nonce, self.name)?, source)
            .content_type(self.own.content_type.clone())
            .file_info(self.own.file_info.clone().with(NONCE, nonce)?);
        if let Some(bytes) = self.own.part_size {
            upload = upload.part_size(bytes);
        }
        if let Some(parts) = self.own.concurrency {
            upload = upload.concurrency(parts);
        }
        // A stage alone is no file.
        let uploaded = upload.await;
        let file = uploaded
            .map_err(|error| without_conflict(error).with_effect(false))?
            .file;
        self.staged(nonce, file).await
    }

    async fn stage_copy(&self, nonce: &str, version: &FileVersion) -> Result<Stage, Error> {
        let info = self.own.file_info.clone().with(NONCE, nonce)?;
        let copy = self
            .bucket
            .copy(version, slot::stage_name(nonce, self.name)?)
            .replace_metadata(self.own.content_type.clone(), info);
        let copied = copy.await;
        let file = copied
            .map_err(|error| without_conflict(error).with_effect(false))?
            .file;
        self.staged(nonce, file).await
    }

    /// A version that can be discarded if it comes to nothing.
    async fn staged(&self, nonce: &str, file: FileVersion) -> Result<Stage, Error> {
        let is_locked = matches!(&file.file_retention, Restricted::Value(its) if its.mode.is_some());
        let stage = Stage {
            file_id: file.file_id,
            file_name: file.file_name,
            nonce: nonce.into(),
            bucket_id: self.bucket.id().clone(),
            target: Some(self.name.clone()),
        };
        if is_locked {
            discard_untaken(&self.bucket, &stage).await;
            return Err(locked());
        }
        Ok(stage)
    }
}

fn discarded() -> Error {
    let what = "its stages were discarded, one after the other: the minimum age is too short";
    Error::new(ErrorKind::Unavailable, what)
}

/// What nothing else has. Two machines that were copied from one image differ in it, and so do two clients of one seed.
fn nonce(client: &Client) -> String {
    let random = || RandomState::new().hash_one((client.unique(), std::process::id()));
    format!("{:016x}{:016x}", random(), random())
}

/// Refuses what the copy would be refused for, once it is too late.
fn check_name(name: &FileName, info: &FileInfo, nonce: &str) -> Result<(), Error> {
    if is_create_stage(name.as_str()) {
        return Err(Error::invalid(format!(
            "names that begin with \"{CREATE_STAGES}\" are kept for stages"
        )));
    }
    let mut most = info.clone().with(NONCE, nonce)?;
    for (key, len) in NOTES {
        if most.get(key).is_none() {
            most = most.clone().with(key, "0".repeat(len)).unwrap_or(most);
        }
    }
    most.check_size(name.as_str(), FileInfoLimit::default())
}

fn check_len(len: Option<u64>) -> Result<(), Error> {
    match len {
        None => Err(Error::invalid(
            "what is created has to have a length that is known before",
        )),
        Some(len) if len > MAX_PART => Err(Error::invalid(format!(
            "{len} bytes can't be copied at once; what is created has {MAX_PART} at most"
        ))),
        Some(_) => Ok(()),
    }
}

/// An intent that its writer can't carry out would be left to others.
async fn check_keys(bucket: &BucketHandle, slot: &CreateSlot) -> Result<(), Error> {
    let files = [
        Capability::WriteFiles,
        Capability::ReadFiles,
        Capability::ListFiles,
        Capability::DeleteFiles,
    ];
    let buckets = [Capability::ListBuckets, Capability::WriteBuckets];
    for (handle, needed) in [(bucket, &files[..]), (&slot.bucket, &buckets[..])] {
        let session = handle.client().session().await?;
        let may = &session.allowed().capabilities;
        // None is what is not known.
        let missing = needed.iter().find(|needed| !may.contains(needed));
        if let Some(missing) = missing.filter(|_| !may.is_empty()) {
            let what = format!("nothing was sent: creating needs {}", missing.as_str());
            return Err(Error::new(ErrorKind::Unauthorized, what));
        }
    }
    Ok(())
}

/// A stage that can't be deleted would block the slot. A key that may not see the bucket can't tell.
async fn check_retention(bucket: &BucketHandle) -> Result<(), Error> {
    let found = match find(bucket).await {
        Err(error) if error.kind() == ErrorKind::Unauthorized => return Ok(()),
        found => found?,
    };
    let lock = found.file_lock_configuration.value();
    if lock.is_some_and(|lock| lock.default_retention.mode.is_some()) {
        return Err(locked());
    }
    Ok(())
}

fn locked() -> Error {
    Error::invalid(
        "the bucket has a default retention, so that stages could not be deleted; nothing can be created in it",
    )
}

#[cfg(test)]
mod checker;
