//! [`Upload`]: a file of any size, in one call.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use b2kit_core::BodyStream;
use futures_core::future::BoxFuture;
use futures_util::stream;

use super::bucket::BucketHandle;
use super::large_file::{From, LargeFile, OnFailure, PartWork, each, with_upload_id};
use super::once::Parts;
use super::plan::Sizes;
use super::progress::{Progress, Stage};
use super::resume::{self, ResumeToken, UploadPlan};
use super::sent::Sent;
use super::source::{Anywhere, Opened, Source, Stretch};
use crate::api::{StartLargeFile, UploadFile};
use crate::client::Client;
use crate::error::Error;
use crate::types::{
    ContentType, EncryptionSetting, FileInfo, FileName, FileVersion, LegalHold, PartNumber,
    RetentionMode, Sha1, Timestamp,
};

/// The parts that are under way at once, unless the upload says otherwise.
pub(super) const CONCURRENCY: usize = 4;

/// An upload that is about to begin: await it.
///
/// A file that fits in one part goes in one piece; a larger one, and one whose size nobody knows, goes in parts, several
/// at once. Each byte is read once and hashed on its way; B2 checks the hash, and its answer is checked before it counts.
///
/// ```
/// # use b2kit::{BucketHandle, Error};
/// # async fn upload(bucket: BucketHandle) -> Result<(), Error> {
/// let uploaded = bucket.upload("2026/cat.txt", "meow").await?;
/// assert_eq!(uploaded.file.content_length, 4);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Source`](crate::ErrorKind::Source) where the bytes can't be read, change meanwhile, or are not as many as was said;
/// [`Error::part`] says which part failed. A large file is cancelled then, unless [`on_failure`](Self::on_failure) says
/// otherwise. As the calls for the rest.
///
/// # Cancellation
/// Dropping the future stops everything at once. A small file that has not arrived whole is not stored. A large file
/// stays unfinished, and [`Client::unfinished`] has it: [`Client::reap`] cancels it.
#[derive(Debug)]
#[must_use = "an upload begins when it is awaited"]
pub struct Upload {
    bucket: BucketHandle,
    name: Result<FileName, Error>,
    source: Source,
    options: Options,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    content_type: ContentType,
    file_info: FileInfo,
    /// The source's, where it is known.
    sha1: Option<Sha1>,
    custom_upload_timestamp: Option<Timestamp>,
    pub(super) file_retention: Option<(RetentionMode, Timestamp)>,
    pub(super) legal_hold: Option<LegalHold>,
    pub(super) server_side_encryption: Option<EncryptionSetting>,
    part_size: Option<u64>,
    concurrency: Option<usize>,
    on_failure: Option<OnFailure>,
    resume: Option<Resume>,
    progress: Progress,
}

#[derive(Debug, Clone)]
enum Resume {
    Any,
    Token(ResumeToken),
}

/// What an upload has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The new version.
    pub file: FileVersion,
    /// The parts it was sent in; 0 for one that went in one piece.
    pub parts: u32,
    /// Those of them that were there from an earlier upload.
    pub reused_parts: u32,
}

impl BucketHandle {
    /// Uploads a file: of any size, from memory, from the disk, from a stream.
    ///
    /// The name is checked when the upload is awaited; a [`FileName`] is taken as it is.
    pub fn upload<N>(&self, name: N, source: impl Into<Source>) -> Upload
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Upload {
            bucket: self.clone(),
            name: name.try_into().map_err(Into::into),
            source: source.into(),
            options: Options::default(),
        }
    }
}

impl Upload {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.options.content_type = content_type;
        self
    }

    /// Notes that go with the file, such as `b2-cache-control`. `src_last_modified_millis` and `large_file_sha1` are added
    /// where they are known, and a large file has a note by which this crate knows it again, if there is room for it.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.options.file_info = info;
        self
    }

    /// A time of upload other than now; B2 has to allow it for the account.
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.options.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// Until when the file can't be deleted. Needs `writeFileRetentions`.
    pub fn file_retention(mut self, mode: RetentionMode, retain_until: Timestamp) -> Self {
        self.options.file_retention = Some((mode, retain_until));
        self
    }

    /// Whether the file is held regardless of time. Needs `writeFileLegalHolds`.
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.options.legal_hold = Some(hold);
        self
    }

    /// How the file is to be encrypted.
    pub fn server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.options.server_side_encryption = Some(encryption);
        self
    }

    /// The size of the parts in bytes. Defaults to what B2 recommends for the account, cut evenly; to 8 MB for what comes
    /// once, which grows slowly. Larger where there would be more than 10,000 parts. A file that is not larger than one
    /// part goes in one piece.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.options.part_size = Some(bytes);
        self
    }

    /// How many parts are under way at once. Defaults to 4. From what comes once, as many parts and one more are held in
    /// memory.
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.options.concurrency = Some(parts);
        self
    }

    /// What becomes of a large file whose upload fails. Defaults to [`OnFailure::Cancel`], and to [`OnFailure::Keep`] for
    /// one that may be resumed.
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.options.on_failure = Some(on_failure);
        self
    }

    /// Takes up an earlier upload of this name that was not finished, if there is one that this crate began and that has
    /// the same notes, type, encryption and lock. Parts are used again only where their size and SHA-1 are those of the
    /// bytes here, so these are read once more. Without one, the upload begins anew.
    ///
    /// Not for a source that comes once. Two programs that do this with the same file at once put their parts together.
    pub fn resume(mut self) -> Self {
        self.options.resume = Some(Resume::Any);
        self
    }

    /// Takes up this upload and no other. If it is not there any more, or is not of this file, that is an error.
    pub fn resume_from(mut self, token: ResumeToken) -> Self {
        self.options.resume = Some(Resume::Token(token));
        self
    }

    /// Counts here how far it is.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.options.progress = progress.clone();
        self
    }

    /// What the upload would send and what it would use again, and why. Reads the bytes that it would use again.
    ///
    /// # Errors
    /// As the upload.
    pub async fn plan(self) -> Result<UploadPlan, Error> {
        let (name, mut options) = (self.name?, self.options);
        options.sha1 = self.source.sha1;
        match self.source.open().await? {
            Opened::Anywhere(source) => {
                options.expect(&name, &source);
                let sizes = sizes(self.bucket.client()).await?;
                let (plan, _) = options.plan(&self.bucket, &name, &source, sizes).await?;
                Ok(plan)
            }
            Opened::Once(..) => Err(Error::invalid(
                "what comes once can't be planned: its bytes would be gone",
            )),
        }
    }

    async fn run(self) -> Result<Uploaded, Error> {
        let (name, bucket, mut options) = (self.name?, self.bucket, self.options);
        bucket.client().check_open()?;
        options.sha1 = self.source.sha1;
        let progress = options.progress.clone();
        let uploaded = match self.source.open().await? {
            Opened::Anywhere(source) => {
                options.expect(&name, &source);
                options.anywhere(&bucket, name, source).await
            }
            Opened::Once(..) if options.resume.is_some() => Err(Error::invalid(
                "what comes once can't be resumed: its first bytes are gone",
            )),
            Opened::Once(len, stream) => options.once(&bucket, name, len, stream).await,
        }?;
        progress.enter(Stage::Done);
        Ok(uploaded)
    }
}

impl IntoFuture for Upload {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

pub(super) async fn sizes(client: &Client) -> Result<Sizes, Error> {
    let session = client.session().await?;
    Ok(Sizes::new(
        session.absolute_minimum_part_size(),
        session.recommended_part_size(),
    ))
}

/// Adds a note that nobody asked for, if there is room for it and none of its name.
pub(super) fn note(info: &mut FileInfo, name: &FileName, key: &str, value: &str) {
    if info.get(key).is_some() {
        return;
    }
    let more = info.clone().with(key, value);
    if let Ok(more) = more.and_then(|more| more.check_size(name.as_str(), true).map(|()| more)) {
        *info = more;
    }
}

impl Options {
    /// Takes in what the source says of itself.
    fn expect(&mut self, name: &FileName, source: &Anywhere) {
        self.progress.expect_bytes(source.len);
        if let Some(modified) = source.modified {
            let millis = modified.as_millis().to_string();
            note(
                &mut self.file_info,
                name,
                "src_last_modified_millis",
                &millis,
            );
        }
    }

    async fn anywhere(
        self,
        bucket: &BucketHandle,
        name: FileName,
        source: Anywhere,
    ) -> Result<Uploaded, Error> {
        let sizes = sizes(bucket.client()).await?;
        let (plan, found) = self.plan(bucket, &name, &source, sizes).await?;
        if found.is_none() && plan.parts.len() <= 1 {
            return self
                .small(bucket, name, source.stretch(0..source.len))
                .await;
        }
        let file = match found {
            Some(found) => self.take_up(bucket, &name, &found),
            None => self.start_large(bucket, &name).await?,
        };
        let works = plan.works(&source);
        let again = |number: PartNumber| {
            let part = plan.parts.iter().find(|part| part.number == number)?;
            Some(part.work(&source))
        };
        self.progress.expect_parts(plan.parts.len() as u32);
        let file = file.carry(each(works), again).await?;
        Ok(Uploaded {
            file,
            parts: plan.parts.len() as u32,
            reused_parts: plan
                .parts
                .iter()
                .filter(|part| part.reused.is_some())
                .count() as u32,
        })
    }

    /// What comes once: in one piece if it is over by the end of the first part.
    async fn once(
        self,
        bucket: &BucketHandle,
        name: FileName,
        len: Option<u64>,
        stream: BodyStream,
    ) -> Result<Uploaded, Error> {
        let sizes = sizes(bucket.client()).await?;
        let asked = self.part_size;
        if let Some(len) = len {
            // Only to hear now what is wrong with them.
            sizes.cut(len, asked)?;
            self.progress.expect_bytes(len);
        }
        let mut parts = Parts::new(bucket.client().clone(), stream, len);
        let first = parts
            .next(sizes.of_unknown(PartNumber::FIRST, asked))
            .await?;
        if parts.is_over().await? {
            return self.small(bucket, name, first.into()).await;
        }
        let file = self.start_large(bucket, &name).await?;
        let number = Arc::new(AtomicU32::new(1));
        let counted = Arc::clone(&number);
        let works = stream::try_unfold((parts, Some(first)), move |(mut parts, first)| {
            let number = Arc::clone(&counted);
            async move {
                let body = match first {
                    Some(first) => first,
                    None if parts.is_over().await? => return Ok(None),
                    None => {
                        let next = number.fetch_add(1, Ordering::Relaxed) + 1;
                        parts
                            .next(sizes.of_unknown(PartNumber::new(next.into())?, asked))
                            .await?
                    }
                };
                let number = PartNumber::new(number.load(Ordering::Relaxed).into())?;
                let work = PartWork {
                    number,
                    len: body.len(),
                    from: From::Here(body.into()),
                };
                Ok(Some((work, (parts, None))))
            }
        });
        let file = file.carry(works, |_| None).await?;
        Ok(Uploaded {
            file,
            parts: number.load(Ordering::Relaxed),
            reused_parts: 0,
        })
    }

    async fn plan(
        &self,
        bucket: &BucketHandle,
        name: &FileName,
        source: &Anywhere,
        sizes: Sizes,
    ) -> Result<(UploadPlan, Option<FileVersion>), Error> {
        let cut = sizes.cut(source.len, self.part_size)?;
        let token = match &self.resume {
            Some(Resume::Token(token)) => Some(token),
            // A small file is sent in less time than it takes to look for what is there of it.
            Some(Resume::Any) if cut.parts() > 1 => None,
            _ => return Ok((UploadPlan::anew(cut), None)),
        };
        let start = self.start(bucket, name);
        resume::plan(bucket, name, source, cut, &start, token).await
    }

    /// Goes on with a large file that is there.
    fn take_up<'a>(
        &'a self,
        bucket: &'a BucketHandle,
        name: &FileName,
        found: &FileVersion,
    ) -> LargeFile<'a> {
        let line = bucket.client().begin(bucket.id(), name.as_str(), "");
        line.started(&found.file_id);
        LargeFile {
            client: bucket.client(),
            file_id: found.file_id.clone(),
            line,
            customer_key: self.start(bucket, name).customer_key(),
            concurrency: self.concurrency.unwrap_or(CONCURRENCY),
            on_failure: self.on_failure.unwrap_or(OnFailure::Keep),
            progress: &self.progress,
        }
    }

    fn start(&self, bucket: &BucketHandle, name: &FileName) -> StartLargeFile {
        let mut info = self.file_info.clone();
        if let Some(sha1) = self.sha1 {
            note(&mut info, name, "large_file_sha1", &sha1.to_string());
        }
        let mut start = StartLargeFile::new(bucket.id(), name.clone())
            .content_type(self.content_type.clone())
            .file_info(info);
        if let Some(timestamp) = self.custom_upload_timestamp {
            start = start.custom_upload_timestamp(timestamp);
        }
        if let Some((mode, until)) = &self.file_retention {
            start = start.file_retention(mode.clone(), *until);
        }
        if let Some(hold) = &self.legal_hold {
            start = start.legal_hold(hold.clone());
        }
        if let Some(encryption) = &self.server_side_encryption {
            start = start.server_side_encryption(encryption.clone());
        }
        start
    }

    async fn start_large<'a>(
        &'a self,
        bucket: &'a BucketHandle,
        name: &FileName,
    ) -> Result<LargeFile<'a>, Error> {
        let client = bucket.client();
        let start = with_upload_id(client, self.start(bucket, name));
        let mut file = LargeFile::start(client, bucket.id(), name, start, &self.progress).await?;
        file.concurrency = self.concurrency.unwrap_or(CONCURRENCY);
        let may_be_resumed = self.resume.is_some();
        file.on_failure = self.on_failure.unwrap_or(if may_be_resumed {
            OnFailure::Keep
        } else {
            OnFailure::Cancel
        });
        Ok(file)
    }

    /// In one piece.
    async fn small(
        self,
        bucket: &BucketHandle,
        name: FileName,
        content: Stretch,
    ) -> Result<Uploaded, Error> {
        self.progress.enter(Stage::Moving);
        let sent = Sent::new(&self.progress);
        let mut upload = UploadFile::new(bucket.id(), name, sent.watch(&content.body))
            .hashed_by_source(content.digest)
            .content_type(self.content_type)
            .file_info(self.file_info);
        if let Some(sha1) = self.sha1 {
            upload = upload.content_sha1(sha1);
        }
        if let Some(timestamp) = self.custom_upload_timestamp {
            upload = upload.custom_upload_timestamp(timestamp);
        }
        if let Some((mode, until)) = self.file_retention {
            upload = upload.file_retention(mode, until);
        }
        if let Some(hold) = self.legal_hold {
            upload = upload.legal_hold(hold);
        }
        if let Some(encryption) = self.server_side_encryption {
            upload = upload.server_side_encryption(encryption);
        }
        let file = bucket.client().call(upload).await?;
        sent.keep();
        Ok(Uploaded {
            file,
            parts: 0,
            reused_parts: 0,
        })
    }
}
