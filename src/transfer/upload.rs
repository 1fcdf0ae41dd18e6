//! [`Upload`]: a file of any size, in one call.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use b2kit_core::BodyStream;
use futures_core::future::BoxFuture;
use futures_util::stream;

use super::bucket::BucketHandle;
use super::hashing::Digests;
use super::large_file::{From, LargeFile, OnFailure, PartWork, each};
use super::once::Parts;
use super::options::{Options, options};
use super::plan::Sizes;
use super::progress::Stage;
use super::resume::{Look, ResumeToken, UploadPlan};
use super::sent::Sent;
use super::source::{Anywhere, Opened, Source, Stretch};
use crate::api::{Call as _, StartLargeFile, UploadFile};
use crate::client::Client;
use crate::error::Error;
use crate::types::{
    ContentType, FileInfo, FileInfoLimit, FileName, FileVersion, LARGE_FILE_SHA1, PartNumber, Sha1,
    Timestamp,
};

/// The parts that are under way at once, unless the upload says otherwise.
pub(super) const CONCURRENCY: usize = 4;

/// An upload that is about to begin: await it.
///
/// A file that fits in one part goes in one piece; a larger one, and one whose size nobody knows, goes in parts, several
/// at once. B2 checks the SHA-1 of each part, and its answer is checked before it counts.
///
/// Of a large file B2 keeps no SHA-1 of its own. So a source that can be read twice is read and hashed before the upload
/// starts, and the file gets `large_file_sha1`, by which a download can be verified: see [`hash_first`](Self::hash_first).
/// All else is read once, and hashed on its way.
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
/// [`Source`](crate::ErrorKind::Source) where the bytes can't be read, change meanwhile, or are not as many as was said,
/// and where the source panics;
/// [`Error::part`] says which part failed. A large file is cancelled then, unless [`on_failure`](Self::on_failure) says
/// otherwise. As the calls for the rest.
///
/// # Cancellation
/// Dropping the future stops everything at once. A small file that has not arrived whole is not stored. A large file
/// stays unfinished, and [`Client::unfinished`] has it: [`Client::cancel_orphaned_uploads`] cancels it, unless it was
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
    read_once: bool,
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

    /// Notes that go with the file, such as `b2-cache-control`. Where they are known and there is room for them among the
    /// ten that a file can have, `large_file_sha1` and `src_last_modified_millis` are added, in this order; and to a large
    /// file a note by which this crate knows it again.
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

    /// Whether a large file is read and hashed as a whole before it is sent. Defaults to `true`, as B2's official tools do.
    ///
    /// The SHA-1 goes along as `large_file_sha1`, one of the ten entries that a file's info can have. B2 doesn't check it;
    /// so the SHA-1 of each part is kept as well, and if a part has other bytes when it is sent, the upload fails with
    /// [`Source`](crate::ErrorKind::Source) and leaves nothing behind.
    ///
    /// With `false` each byte is read once, and hashed while it is sent: that is faster, but nobody can verify the file as
    /// a whole later, and [`require_verified`](super::FileDownload::require_verified) refuses it. Nothing is hashed before
    /// where the file goes in one piece (then B2 has its SHA-1), where the source comes once, where its SHA-1
    /// [was given](Source::with_sha1), or where its info has ten entries already.
    pub const fn hash_first(mut self, hash_first: bool) -> Self {
        self.own.read_once = !hash_first;
        self
    }

    /// Takes up an earlier upload of this name that was not finished, if there is one that this crate began, or one of the
    /// same `large_file_sha1`, and that has the same notes, type, encryption and lock. Parts are used again only where
    /// their size and SHA-1 are those of the bytes here. Without one, the upload begins anew.
    ///
    /// The source is read once to know this, for all uploads that are there; and once more if it was
    /// [hashed](Self::hash_first) as a whole, and what is there was cut otherwise.
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

    /// What the upload would send and what it would use again, and why. Where it is to be resumed, the source is read as
    /// the upload would read it.
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
                let (plan, _) = job.plan(&source, true).await?;
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
            true => client.reserve_files(1).await,
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
        let (name, client) = (self.name.clone(), self.bucket.client().clone());
        Box::pin(async move {
            let uploaded = self.run().await;
            uploaded.map_err(|error| {
                client.redacted(match name {
                    Ok(name) => error.about(name.as_str()),
                    Err(_) => error,
                })
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

/// As long as one is.
const NO_SHA1: &str = "0000000000000000000000000000000000000000";

/// An upload whose source is known.
struct Job {
    bucket: BucketHandle,
    name: FileName,
    options: Options,
    own: Own,
    modified: Option<Timestamp>,
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
        Self {
            bucket,
            name,
            options,
            own,
            modified: source.modified,
        }
    }

    /// Takes in what the source says of itself.
    fn of(mut self, source: &Anywhere) -> Self {
        self.options.progress.expect_bytes(source.len);
        self.modified = source.modified;
        self
    }

    /// The file's info, with what is known of the source.
    fn file_info(&self, large_file_sha1: Option<Sha1>) -> FileInfo {
        let (mut info, limit) = (self.own.file_info.clone(), self.options.limit());
        // First: a file that can be verified is worth more than its time.
        if let Some(sha1) = large_file_sha1 {
            note(
                &mut info,
                &self.name,
                limit,
                LARGE_FILE_SHA1,
                &sha1.to_string(),
            );
        }
        if let Some(modified) = self.modified {
            let millis = modified.as_millis().to_string();
            note(
                &mut info,
                &self.name,
                limit,
                "src_last_modified_millis",
                &millis,
            );
        }
        info
    }

    /// Whether the source of a large file is to be hashed before it is sent.
    fn is_hashed_first(&self) -> bool {
        if self.own.read_once || self.own.sha1.is_some() {
            return false;
        }
        let mut info = self.own.file_info.clone();
        let is_given = info.get(LARGE_FILE_SHA1).is_some();
        note(
            &mut info,
            &self.name,
            self.options.limit(),
            LARGE_FILE_SHA1,
            NO_SHA1,
        );
        !is_given && info.get(LARGE_FILE_SHA1).is_some()
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        sizes(self.bucket.client()).await
    }

    async fn anywhere(self, source: Anywhere) -> Result<Uploaded, Error> {
        let (plan, found) = self.plan(&source, false).await?;
        if found.is_none() && plan.parts.len() <= 1 {
            return self.small(source.stretch(0..source.len)).await;
        }
        let file = match found {
            Some(found) => self.take_up(&found),
            None => self.start_large(plan.large_file_sha1).await?,
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
        let file = self.start_large(None).await?;
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
        is_dry: bool,
    ) -> Result<(UploadPlan, Option<FileVersion>), Error> {
        let cut = self.sizes().await?.cut(source.len, self.own.part_size)?;
        let is_large = cut.parts() > 1;
        // A small file is sent in less time than it takes to look for what is there of it.
        let resume = self.own.resume.as_ref();
        let resume = resume.filter(|resume| is_large || matches!(resume, Resume::Token(_)));
        let mut digests = Digests::default();
        if self.is_hashed_first() && (resume.is_some() || is_large && !is_dry) {
            // To hear what is wrong with it before the time is spent.
            self.start(None).check()?;
            let ranges = cut.ranges().map(|(_, range)| range);
            let progress = &self.options.progress;
            digests.learn(source, ranges, true, progress).await?;
            self.bucket.client().check_open()?;
        }
        let Some(resume) = resume else {
            return Ok((UploadPlan::anew(cut, &digests), None));
        };
        let look = Look {
            bucket: &self.bucket,
            name: &self.name,
            source,
            progress: &self.options.progress,
            start: &self.start(digests.whole),
            token: match resume {
                Resume::Any => None,
                Resume::Token(token) => Some(token),
            },
        };
        look.plan(cut, digests).await
    }

    /// Goes on with a large file that is there.
    fn take_up(&self, found: &FileVersion) -> LargeFile<'_> {
        let client = self.bucket.client();
        let entry = client.register_upload(self.bucket.id(), self.name.as_str(), "");
        entry.started(&found.file_id);
        LargeFile {
            client,
            file_id: found.file_id.clone(),
            entry,
            customer_key: self.start(None).customer_key(),
            concurrency: self.options.concurrency.unwrap_or(CONCURRENCY),
            on_failure: self.options.on_failure.unwrap_or_default(),
            is_of_one_sha1: false,
            progress: &self.options.progress,
        }
    }

    fn start(&self, sha1: Option<Sha1>) -> StartLargeFile {
        let info = self.file_info(sha1.or(self.own.sha1));
        let mut start = StartLargeFile::new(self.bucket.id(), self.name.clone())
            .content_type(self.own.content_type.clone())
            .file_info(info);
        if let Some(timestamp) = self.own.custom_upload_timestamp {
            start = start.custom_upload_timestamp(timestamp);
        }
        self.options.of_large(start)
    }

    async fn start_large(&self, sha1: Option<Sha1>) -> Result<LargeFile<'_>, Error> {
        let start = self.start(sha1);
        let mut file = self.options.start(&self.bucket, &self.name, start).await?;
        file.is_of_one_sha1 = sha1.is_some();
        Ok(file)
    }

    /// In one piece.
    async fn small(self, content: Stretch) -> Result<Uploaded, Error> {
        let progress = &self.options.progress;
        progress.enter(Stage::Transferring);
        let sent = Sent::new(progress);
        let body = sent.watch(&content.body);
        let info = self.file_info(None);
        let mut upload = UploadFile::new(self.bucket.id(), self.name, body)
            .hashed_by_source(content.digest)
            .content_type(self.own.content_type)
            .file_info(info);
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
