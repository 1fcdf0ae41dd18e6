//! Executes a create: checks preconditions before anything is sent, uploads the stage, runs the
//! protocol.

use std::collections::hash_map::RandomState;
use std::future::IntoFuture;
use std::hash::BuildHasher as _;

use futures_core::future::BoxFuture;

use super::builder::{Create, CreateSettings, Created, Origin};
use super::driver::{discard_unclaimed, fetch_bucket, run, without_conflict};
use super::protocol::{Intent, Outcome};
use super::slot::CreateSlot;
use super::stage::{CREATE_STAGES, NONCE, Stage, is_create_stage, stage_name};
use crate::api::UPLOAD_ID;
use crate::client::BucketHandle;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transfer::large_file::MAX_PART;
use crate::transfer::source::{Opened, Source};
use crate::types::{
    Capability, EncryptionMode, FileInfo, FileInfoLimit, FileName, FileVersion, LARGE_FILE_SHA1,
    Restricted,
};

/// The maximum number of stages that one create uploads, if each is discarded before it is used.
const MAX_STAGES: u32 = 3;

/// The entries that an upload may add to the file info, with their maximum lengths.
const ADDED_INFO: [(&str, usize); 3] = [
    (LARGE_FILE_SHA1, 40),
    ("src_last_modified_millis", 20),
    (UPLOAD_ID, 64),
];

impl Create {
    async fn run(self, name: &FileName) -> Result<Created, Error> {
        let client = self.bucket.client().clone();
        let _transfer = client.begin_transfer()?;
        let nonce = new_nonce(&client);
        check_name(name, &self.settings.content.file_info, &nonce)?;
        let source = match self.origin {
            Origin::Source(source) => source,
            Origin::Version(version) => {
                check_len(Some(version.content_length))?;
                check_encryption(&version)?;
                check_keys(&self.bucket, &self.slot).await?;
                check_retention(&self.bucket).await?;
                let job = Job {
                    bucket: self.bucket,
                    slot: self.slot,
                    name,
                    settings: self.settings,
                };
                return job.copy(&version, nonce).await;
            }
        };
        #[cfg(feature = "fs")]
        let _reservation = match source.is_file() {
            true => client.reserve_files(1).await,
            false => None,
        };
        let (sha1, modified) = (source.sha1, source.modified);
        let opened = source.open(&client).await?;
        check_len(match &opened {
            Opened::RandomAccess(random_access) => Some(random_access.len),
            Opened::Sequential(len, _) => *len,
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
            settings: self.settings,
        };
        match opened {
            Opened::RandomAccess(random_access) => {
                let mut nonce = nonce;
                for _ in 0..MAX_STAGES {
                    let source = with_notes(Source::from_opened(random_access.clone()));
                    if let Some(created) = job.attempt(&nonce, source).await? {
                        return Ok(created);
                    }
                    nonce = new_nonce(&client);
                }
                Err(discarded())
            }
            Opened::Sequential(len, stream) => {
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
            let client = self.bucket.client().clone();
            let name = std::mem::replace(&mut self.name, Err(Error::invalid("")));
            let name = name.map_err(|error| client.redacted(error))?;
            let created = self.run(&name).await;
            created.map_err(|error| client.redacted(error.about_instead(name.as_str())))
        })
    }
}

struct Job<'a> {
    bucket: BucketHandle,
    slot: CreateSlot,
    name: &'a FileName,
    settings: CreateSettings,
}

impl Job<'_> {
    /// Creates the file from a new stage. `None` if the stage was discarded before it was used.
    async fn attempt(&self, nonce: &str, source: Source) -> Result<Option<Created>, Error> {
        let stage = self.stage(nonce, source).await?;
        self.carry_out(stage).await
    }

    /// Creates the file from a copy of this version.
    async fn copy(&self, version: &FileVersion, mut nonce: String) -> Result<Created, Error> {
        for _ in 0..MAX_STAGES {
            let stage = self.stage_copy(&nonce, version).await?;
            if let Some(created) = self.carry_out(stage).await? {
                return Ok(created);
            }
            nonce = new_nonce(self.bucket.client());
        }
        Err(discarded())
    }

    async fn carry_out(&self, stage: Stage) -> Result<Option<Created>, Error> {
        let outcome = run(&self.bucket, &self.slot, Intent::Create(stage)).await?;
        match outcome {
            Outcome::Created(file) => Ok(Some(Created { file: *file })),
            Outcome::Exists => Err(Error::new(
                ErrorKind::Conflict,
                "a file with this name already exists",
            )),
            Outcome::Discarded => Ok(None),
            Outcome::Unknown => Err(Error::new(
                ErrorKind::Unavailable,
                "it can no longer be determined whether the file was created",
            )
            .with_effect(true)),
        }
    }

    async fn stage(&self, nonce: &str, source: Source) -> Result<Stage, Error> {
        let mut upload = self
            .bucket
            .upload(stage_name(nonce, self.name)?, source)
            .within_transfer()
            .content_type(self.settings.content.content_type.clone())
            .file_info(self.settings.content.file_info.clone().with(NONCE, nonce)?);
        if let Some(bytes) = self.settings.content.part_size {
            upload = upload.part_size(bytes);
        }
        if let Some(parts) = self.settings.concurrency {
            upload = upload.concurrency(parts);
        }
        // A failed upload of a stage has created nothing.
        let uploaded = upload.await;
        let file = uploaded
            .map_err(|error| without_conflict(error).with_effect(false))?
            .file;
        self.staged(nonce, file).await
    }

    async fn stage_copy(&self, nonce: &str, version: &FileVersion) -> Result<Stage, Error> {
        let info = self.settings.content.file_info.clone().with(NONCE, nonce)?;
        let copy = self
            .bucket
            .copy(version, stage_name(nonce, self.name)?)
            .within_transfer()
            .replace_metadata(self.settings.content.content_type.clone(), info);
        let copied = copy.await;
        let file = copied
            .map_err(|error| without_conflict(error).with_effect(false))?
            .file;
        self.staged(nonce, file).await
    }

    /// The stage of this uploaded version. Fails if it is locked, since it could not be deleted.
    async fn staged(&self, nonce: &str, file: FileVersion) -> Result<Stage, Error> {
        let is_locked =
            matches!(&file.file_retention, Restricted::Value(its) if its.mode.is_some());
        let stage = Stage {
            file_id: file.file_id,
            file_name: file.file_name.as_str().into(),
            nonce: nonce.into(),
            bucket_id: self.bucket.id().clone(),
            target: Some(self.name.clone()),
        };
        if is_locked {
            discard_unclaimed(&self.bucket, &stage).await;
            return Err(locked());
        }
        Ok(stage)
    }
}

fn discarded() -> Error {
    let what = "all of its stages were discarded before they could be copied; use a longer \
                minimum age";
    Error::new(ErrorKind::Unavailable, what)
}

/// A unique nonce. It differs even between machines cloned from one image, and between clients with
/// the same seed.
fn new_nonce(client: &Client) -> String {
    let random = || RandomState::new().hash_one((client.unique(), std::process::id()));
    format!("{:016x}{:016x}", random(), random())
}

/// Checks up front what B2 would only reject when the stage is copied.
fn check_name(name: &FileName, info: &FileInfo, nonce: &str) -> Result<(), Error> {
    if is_create_stage(name.as_str()) {
        return Err(Error::invalid(format!(
            "names that begin with \"{CREATE_STAGES}\" are reserved for stages"
        )));
    }
    let mut most = info.clone().with(NONCE, nonce)?;
    for (key, len) in ADDED_INFO {
        if most.get(key).is_none() {
            most = most.clone().with(key, "0".repeat(len)).unwrap_or(most);
        }
    }
    most.check_size(name.as_str(), FileInfoLimit::default())
}

fn check_len(len: Option<u64>) -> Result<(), Error> {
    match len {
        None => Err(Error::invalid(
            "create needs a source whose length is known in advance",
        )),
        Some(len) if len > MAX_PART => Err(Error::invalid(format!(
            "create takes at most {MAX_PART} bytes, and this source has {len}"
        ))),
        Some(_) => Ok(()),
    }
}

/// Checks that the version can be copied without a customer-managed key, which other writers lack.
fn check_encryption(version: &FileVersion) -> Result<(), Error> {
    match version.server_side_encryption.mode {
        Some(EncryptionMode::SseC) => Err(Error::invalid(
            "create_copy can't copy a version that is encrypted with a customer-managed key \
             (SSE-C)",
        )),
        _ => Ok(()),
    }
}

/// Checks the keys' capabilities: otherwise the writer could write an intent that it can't execute.
async fn check_keys(bucket: &BucketHandle, slot: &CreateSlot) -> Result<(), Error> {
    let files = [
        Capability::WriteFiles,
        Capability::ReadFiles,
        Capability::ListFiles,
        Capability::DeleteFiles,
    ];
    let buckets = [Capability::ListBuckets, Capability::WriteBuckets];
    for (handle, needed) in [(bucket, &files[..]), (slot.bucket(), &buckets[..])] {
        let session = handle.client().session().await?;
        let may = &session.allowed().capabilities;
        // An empty list means that the capabilities are unknown.
        let missing = needed.iter().find(|needed| !may.contains(needed));
        if let Some(missing) = missing.filter(|_| !may.is_empty()) {
            let what = format!("nothing was sent: create needs {}", missing.as_str());
            return Err(Error::new(ErrorKind::Unauthorized, what));
        }
    }
    Ok(())
}

/// Checks that the bucket has no default retention: a stage that can't be deleted would block the
/// slot. Skipped if the key may not read the bucket or its retention.
async fn check_retention(bucket: &BucketHandle) -> Result<(), Error> {
    let found = match fetch_bucket(bucket).await {
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
        "create can't be used in a bucket with a default retention, which would keep its stages \
         from being deleted",
    )
}
