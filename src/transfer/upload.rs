//! [`Upload`]: a file of any size, in one call.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use b2kit_core::BodyStream;
use futures_core::future::BoxFuture;
use futures_util::stream;

use super::bucket::BucketHandle;
use super::large_file::{From, LargeFile, OnFailure, PartWork, each};
use super::once::Parts;
use super::options::{Options, options};
use super::plan::Sizes;
use super::progress::Stage;
use super::resume::{self, ResumeToken, UploadPlan};
use super::sent::Sent;
use super::source::{Anywhere, Opened, Source, Stretch};
use crate::api::{StartLargeFile, UploadFile};
use crate::client::Client;
use crate::error::Error;
use crate::types::{
    ContentType, FileInfo, FileInfoLimit, FileName, FileVersion, PartNumber, Sha1, Timestamp,
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
/// To have it driven by a runtime, make it a future: `tokio::spawn(upload.into_future())`.
///
/// # Errors
/// [`Source`](crate::ErrorKind::Source) where the bytes can't be read, change meanwhile, or are not as many as was said;
/// [`Error::part`] says which part failed. A large file is cancelled then, unless [`on_failure`](Self::on_failure) says
/// otherwise. As the calls for the rest.
///
/// # Cancellation
/// Dropping the future stops everything at once. A small file that has not arrived whole is not stored. A large file
/// stays unfinished, and [`Client::unfinished`] has it: [`Client::reap`] cancels it, unless it was
/// [to be kept](Self::on_failure).
#[doc(alias = "multipart")]
#[derive(Debug)]
#[must_use = "an upload begins when it is awaited"]
pub struct Upload {
    bucket: BucketHandle,
    name: Result<FileName, Error>,
    source: Source,
    options: Options,
    own: Own,
}

/// What only uploads can be told.
#[derive(Debug, Clone, Default)]
struct Own {
    content_type: ContentType,
    file_info: FileInfo,
    /// The source's, where it is known.
    sha1: Option<Sha1>,
    custom_upload_timestamp: Option<Timestamp>,
    part_size: Option<u64>,
    resume: Option<Resume>,
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
    #[doc(alias = "put_object")]
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
            own: Own::default(),
        }
    }
}

options!(Upload);

impl Upload {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.own.content_type = content_type;
        self
    }

    /// Notes that go with the file, such as `b2-cache-control`. `src_last_modified_millis` and `large_file_sha1` are added
    /// where they are known, and a large file has a note by which this crate knows it again, if there is room for it.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.own.file_info = info;
        self
    }

    /// A time of upload other than now; B2 has to allow it for the account.
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.own.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// The size of the parts in bytes. Defaults to what B2 recommends for the account, cut evenly; to 8 MB for what comes
    /// once, which grows slowly. Larger where there would be more than 10,000 parts. A file that is not larger than one
    /// part goes in one piece.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.own.part_size = Some(bytes);
        self
    }

    /// Takes up an earlier upload of this name that was not finished, if there is one that this crate began and that has
    /// the same notes, type, encryption and lock. Parts are used again only where their size and SHA-1 are those of the
    /// bytes here, so these are read once more. Without one, the upload begins anew.
    ///
    /// If it fails, it is kept, unless [`on_failure`](Self::on_failure) says otherwise.
    ///
    /// Not for a source that comes once. Two programs that do this with the same file at once put their parts together.
    pub fn resume(mut self) -> Self {
        self.own.resume = Some(Resume::Any);
        self
    }

    /// Takes up this upload and no other. If it is not there any more, or is not of this file, that is an error.
    pub fn resume_from(mut self, token: ResumeToken) -> Self {
        self.own.resume = Some(Resume::Token(token));
        self
    }

    /// What the upload would send and what it would use again, and why. Reads the bytes that it would use again.
    ///
    /// # Errors
    /// As the upload.
    pub async fn plan(self) -> Result<UploadPlan, Error> {
        let name = self.name?;
        let job = Job::new(
            self.bucket.about(name.as_str()),
            name,
            self.options,
            self.own,
            &self.source,
        );
        match self.source.open(job.bucket.client()).await? {
            Opened::Anywhere(source) => {
                let job = job.of(&source);
                let (plan, _) = job.plan(&source, job.sizes().await?).await?;
                Ok(plan)
            }
            Opened::Once(..) => Err(Error::invalid(
                "what comes once can't be planned: its bytes would be gone",
            )),
        }
    }

    async fn run(self) -> Result<Uploaded, Error> {
        let name = self.name?;
        let job = Job::new(
            self.bucket.about(name.as_str()),
            name,
            self.options,
            self.own,
            &self.source,
        );
        let client = job.bucket.client().clone();
        client.check_open()?;
        #[cfg(feature = "fs")]
        let _place = match self.source.is_file() {
            true => client.file_place(1).await,
            false => None,
        };
        let progress = job.options.progress.clone();
        let uploaded = match self.source.open(&client).await? {
            Opened::Anywhere(source) => job.of(&source).anywhere(source).await,
            Opened::Once(..) if job.own.resume.is_some() => Err(Error::invalid(
                "what comes once can't be resumed: its first bytes are gone",
            )),
            Opened::Once(len, stream) => job.once(len, stream).await,
        }?;
        progress.enter(Stage::Done);
        Ok(uploaded)
    }
}

impl IntoFuture for Upload {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let name = self.name.clone();
        Box::pin(async move {
            let uploaded = self.run().await;
            uploaded.map_err(|error| match name {
                Ok(name) => error.about(name.as_str()),
                Err(_) => error,
            })
        })
    }
}

pub(super) async fn sizes(client: &Client) -> Result<Sizes, Error> {
    let session = client.session().await?;
    Ok(Sizes::new(
        session.absolute_minimum_part_size(),
        session.recommended_part_size(),
    ))
}

/// Adds a note that nobody asked for, if there is surely room for it and none of its name.
pub(super) fn note(
    info: &mut FileInfo,
    name: &FileName,
    limit: FileInfoLimit,
    key: &str,
    value: &str,
) {
    if info.get(key).is_some() {
        return;
    }
    let more = info.clone().with(key, value).ok();
    if let Some(more) = more.filter(|more| more.surely_fits(name.as_str(), limit)) {
        *info = more;
    }
}

/// An upload whose source is known.
struct Job {
    bucket: BucketHandle,
    name: FileName,
    options: Options,
    own: Own,
}

impl Job {
    fn new(
        bucket: BucketHandle,
        name: FileName,
        mut options: Options,
        mut own: Own,
        source: &Source,
    ) -> Self {
        own.sha1 = source.sha1;
        if own.resume.is_some() {
            options.on_failure.get_or_insert(OnFailure::Keep);
        }
        let job = Self {
            bucket,
            name,
            options,
            own,
        };
        job.modified(source.modified)
    }

    /// Takes in what the source says of itself.
    fn of(self, source: &Anywhere) -> Self {
        self.options.progress.expect_bytes(source.len);
        self.modified(source.modified)
    }

    fn modified(mut self, modified: Option<Timestamp>) -> Self {
        if let Some(modified) = modified {
            let (info, millis) = (&mut self.own.file_info, modified.as_millis().to_string());
            let limit = self.options.limit();
            note(info, &self.name, limit, "src_last_modified_millis", &millis);
        }
        self
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        sizes(self.bucket.client()).await
    }

    async fn anywhere(self, source: Anywhere) -> Result<Uploaded, Error> {
        let (plan, found) = self.plan(&source, self.sizes().await?).await?;
        if found.is_none() && plan.parts.len() <= 1 {
            return self.small(source.stretch(0..source.len)).await;
        }
        let file = match found {
            Some(found) => self.take_up(&found),
            None => self.start_large().await?,
        };
        let works = plan.works(&source);
        let again = |number: PartNumber| {
            let part = plan.parts.iter().find(|part| part.number == number)?;
            Some(part.work(&source))
        };
        self.options.progress.expect_parts(plan.parts.len() as u32);
        let file = file.carry(each(works), again).await?;
        let reused = plan.parts.iter().filter(|part| part.reused.is_some());
        Ok(Uploaded {
            file,
            parts: plan.parts.len() as u32,
            reused_parts: reused.count() as u32,
        })
    }

    /// What comes once: in one piece if it is over by the end of the first part.
    async fn once(self, len: Option<u64>, stream: BodyStream) -> Result<Uploaded, Error> {
        let (sizes, asked) = (self.sizes().await?, self.own.part_size);
        if let Some(len) = len {
            // Only to hear now what is wrong with them.
            sizes.cut(len, asked)?;
            self.options.progress.expect_bytes(len);
        }
        let mut parts = Parts::new(self.bucket.client().clone(), stream, len);
        let first = parts
            .next(sizes.of_unknown(PartNumber::FIRST, asked))
            .await?;
        if parts.is_over().await? {
            return self.small(first.into()).await;
        }
        let file = self.start_large().await?;
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
        source: &Anywhere,
        sizes: Sizes,
    ) -> Result<(UploadPlan, Option<FileVersion>), Error> {
        let cut = sizes.cut(source.len, self.own.part_size)?;
        let token = match &self.own.resume {
            Some(Resume::Token(token)) => Some(token),
            // A small file is sent in less time than it takes to look for what is there of it.
            Some(Resume::Any) if cut.parts() > 1 => None,
            _ => return Ok((UploadPlan::anew(cut), None)),
        };
        resume::plan(&self.bucket, &self.name, source, cut, &self.start(), token).await
    }

    /// Goes on with a large file that is there.
    fn take_up(&self, found: &FileVersion) -> LargeFile<'_> {
        let client = self.bucket.client();
        let line = client.begin(self.bucket.id(), self.name.as_str(), "");
        line.started(&found.file_id);
        LargeFile {
            client,
            file_id: found.file_id.clone(),
            line,
            customer_key: self.start().customer_key(),
            concurrency: self.options.concurrency.unwrap_or(CONCURRENCY),
            on_failure: self.options.on_failure.unwrap_or_default(),
            progress: &self.options.progress,
        }
    }

    fn start(&self) -> StartLargeFile {
        let mut info = self.own.file_info.clone();
        if let Some(sha1) = self.own.sha1 {
            let (limit, sha1) = (self.options.limit(), sha1.to_string());
            note(&mut info, &self.name, limit, "large_file_sha1", &sha1);
        }
        let mut start = StartLargeFile::new(self.bucket.id(), self.name.clone())
            .content_type(self.own.content_type.clone())
            .file_info(info);
        if let Some(timestamp) = self.own.custom_upload_timestamp {
            start = start.custom_upload_timestamp(timestamp);
        }
        self.options.of_large(start)
    }

    async fn start_large(&self) -> Result<LargeFile<'_>, Error> {
        let start = self.start();
        self.options.start(&self.bucket, &self.name, start).await
    }

    /// In one piece.
    async fn small(self, content: Stretch) -> Result<Uploaded, Error> {
        let progress = &self.options.progress;
        progress.enter(Stage::Moving);
        let sent = Sent::new(progress);
        let body = sent.watch(&content.body);
        let mut upload = UploadFile::new(self.bucket.id(), self.name, body)
            .hashed_by_source(content.digest)
            .content_type(self.own.content_type)
            .file_info(self.own.file_info);
        if let Some(sha1) = self.own.sha1 {
            upload = upload.content_sha1(sha1);
        }
        if let Some(timestamp) = self.own.custom_upload_timestamp {
            upload = upload.custom_upload_timestamp(timestamp);
        }
        let upload = self.options.of_upload(upload);
        let file = self.bucket.client().call(upload).await?;
        sent.keep();
        Ok(Uploaded {
            file,
            parts: 0,
            reused_parts: 0,
        })
    }
}
