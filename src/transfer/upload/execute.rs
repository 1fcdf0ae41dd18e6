//! Executes an upload: in one call, in parts of a replayable source, or in parts of a
//! non-replayable stream.

use std::future::{IntoFuture, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use b2kit_core::BodyStream;
use futures_core::future::BoxFuture;
use futures_util::{TryFutureExt as _, stream};

use super::builder::{ResumeMode, Upload, UploadSettings, Uploaded};
use super::hash_first::Digests;
use super::plan::UploadPlan;
use super::resume::ResumeSearch;
use super::sequential::SequentialParts;
use crate::api::{Call as _, StartLargeFile, UploadFile};
use crate::client::{BucketHandle, is_large_file_gone};
use crate::error::Error;
#[cfg(feature = "fs")]
use crate::transfer::disk;
use crate::transfer::large_file::{
    CONCURRENCY, FileOptions, LargeFile, OnFailure, PartOrigin, PartSizes, PartTask, UploadCounter,
    account_part_sizes, add_info_if_it_fits, task_stream,
};
use crate::transfer::progress::Stage;
use crate::transfer::source::{Opened, RandomAccess, Segment, Source};
use crate::types::{FileInfo, FileName, FileVersion, LARGE_FILE_SHA1, PartNumber, Sha1, Timestamp};

/// The maximum number of unfinished uploads to resume in turn, if others cancel or finish each of
/// them.
const MAX_RESUMED: u32 = 3;

/// A placeholder with the length of a SHA-1.
const NO_SHA1: &str = "0000000000000000000000000000000000000000";

impl Upload {
    /// Plans the upload without sending anything: which parts would be sent and reused. If an
    /// upload is to be resumed, the source is read as the upload would read it.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the source is a non-replayable stream, whose
    ///   content would be lost; or the file name, part size or file info is invalid.
    /// - [`Source`](crate::ErrorKind::Source): the source can't be read or has a different length
    ///   than declared.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the upload given to
    ///   [`resume_from`](Self::resume_from) can't be resumed.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`Unauthorized`](crate::ErrorKind::Unauthorized),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable), [`Http`](crate::ErrorKind::Http),
    ///   [`Protocol`](crate::ErrorKind::Protocol): listing the unfinished uploads failed after
    ///   retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    pub async fn plan(self) -> Result<UploadPlan, Error> {
        let (mut job, source) = self.into_job()?;
        match source.open(job.bucket.client()).await? {
            Opened::RandomAccess(source) => {
                job.set_source_details(&source);
                let (plan, _) = job.plan(&source, true).await?;
                Ok(plan)
            }
            Opened::Sequential(..) => Err(Error::invalid(
                "a non-replayable stream can't be planned: its bytes would be lost",
            )),
        }
    }

    /// Everything that is known before the source is opened.
    fn into_job(self) -> Result<(UploadJob, Source), Error> {
        let name = self.name?;
        let bucket = self.bucket.into_about(name.as_str());
        let job = UploadJob::new(bucket, name, self.options, self.settings, &self.source);
        Ok((job, self.source))
    }
}

impl IntoFuture for Upload {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let client = self.bucket.client().clone();
        match self.into_job() {
            Ok((job, source)) => {
                let client = job.bucket.client().clone();
                let uploaded = job.run(source);
                Box::pin(uploaded.map_err(move |error| client.redacted_with_file(error)))
            }
            Err(error) => Box::pin(ready(Err(client.redacted(error)))),
        }
    }
}

/// An upload with all its settings, except for the open source.
struct UploadJob {
    bucket: BucketHandle,
    name: FileName,
    options: FileOptions,
    settings: UploadSettings,
    modified: Option<Timestamp>,
}

impl UploadJob {
    fn new(
        bucket: BucketHandle,
        name: FileName,
        mut options: FileOptions,
        mut settings: UploadSettings,
        source: &Source,
    ) -> Self {
        settings.sha1 = source.sha1;
        if settings.resume.is_some() {
            options.on_failure.get_or_insert(OnFailure::Keep);
        }
        Self {
            bucket,
            name,
            options,
            settings,
            modified: source.modified,
        }
    }

    /// Takes the length and modification time from the open source.
    fn set_source_details(&mut self, source: &RandomAccess) {
        self.options.progress.expect_bytes(source.len);
        self.modified = source.modified;
    }

    /// The file info, with entries for the known properties of the source.
    fn file_info(&self, large_file_sha1: Option<Sha1>) -> FileInfo {
        let (mut info, limit) = (
            self.settings.content.file_info.clone(),
            self.options.info_limit(),
        );
        // The SHA-1 takes precedence: if only one entry fits, verification is worth more than the
        // modification time.
        if let Some(sha1) = large_file_sha1 {
            add_info_if_it_fits(
                &mut info,
                &self.name,
                limit,
                LARGE_FILE_SHA1,
                &sha1.to_string(),
            );
        }
        if let Some(modified) = self.modified {
            let millis = modified.as_millis().to_string();
            add_info_if_it_fits(
                &mut info,
                &self.name,
                limit,
                "src_last_modified_millis",
                &millis,
            );
        }
        info
    }

    /// Whether a large file is read and hashed before it is sent.
    fn is_hashed_first(&self) -> bool {
        if self.settings.read_once || self.settings.sha1.is_some() {
            return false;
        }
        let mut info = self.settings.content.file_info.clone();
        let is_given = info.get(LARGE_FILE_SHA1).is_some();
        add_info_if_it_fits(
            &mut info,
            &self.name,
            self.options.info_limit(),
            LARGE_FILE_SHA1,
            NO_SHA1,
        );
        !is_given && info.get(LARGE_FILE_SHA1).is_some()
    }

    async fn part_sizes(&self) -> Result<PartSizes, Error> {
        account_part_sizes(self.bucket.client()).await
    }

    async fn run(mut self, source: Source) -> Result<Uploaded, Error> {
        let client = self.bucket.client().clone();
        let _transfer = self.options.begin_transfer(&client)?;
        #[cfg(feature = "fs")]
        let (_files, mut held) = match source.is_file() {
            true => (
                client.reserve_files(1).await,
                client.try_reserve_small_file(disk::SMALL_FILE as u64),
            ),
            false => (None, None),
        };
        #[cfg(feature = "fs")]
        let opened = match &mut held {
            Some(held) => {
                let opened = source.open_whole(&client).await?;
                held.shrink_to(opened.bytes_in_memory());
                opened
            }
            None => source.open(&client).await?,
        };
        #[cfg(not(feature = "fs"))]
        let opened = source.open(&client).await?;
        let progress = self.options.progress.clone();
        // Everything but the upload of a small file is boxed, so the future for a small file stays
        // small.
        let uploaded = match opened {
            Opened::RandomAccess(source) => {
                self.set_source_details(&source);
                if self.is_one_call(&source).await? {
                    self.upload_whole(source.segment(0..source.len)).await
                } else {
                    Box::pin(self.upload_or_resume(source)).await
                }
            }
            Opened::Sequential(..) if self.settings.resume.is_some() => Err(Error::invalid(
                "an upload of a non-replayable stream can't be resumed: its first bytes are lost",
            )),
            Opened::Sequential(len, stream) => Box::pin(self.upload_sequential(len, stream)).await,
        }?;
        progress.enter(Stage::Done);
        Ok(uploaded)
    }

    /// Whether the file fits in one part and there is no need to look for an unfinished upload.
    async fn is_one_call(&self, source: &RandomAccess) -> Result<bool, Error> {
        let sizes = self.part_sizes().await?;
        let layout = sizes.layout(source.len, self.settings.content.part_size)?;
        Ok(self.settings.resume.is_none() && layout.parts() <= 1)
    }

    async fn upload_or_resume(self, source: RandomAccess) -> Result<Uploaded, Error> {
        let mut resumed = 0;
        loop {
            let (plan, found) = self.plan(&source, false).await?;
            if found.is_none() && plan.parts.len() <= 1 {
                return self.upload_whole(source.segment(0..source.len)).await;
            }
            let Some(found) = found else {
                let file = self.start_large(plan.large_file_sha1).await?;
                return self.upload_planned(&source, &plan, file).await;
            };
            if let Some(file) = self.resume_large_file(&found, plan.large_file_sha1.is_some()) {
                let outcome = self.upload_planned(&source, &plan, file).await;
                resumed += 1;
                // Otherwise this upload has cancelled the file itself.
                let was_kept = self.options.on_failure == Some(OnFailure::Keep);
                let may_restart = was_kept
                    && resumed < MAX_RESUMED
                    && matches!(self.settings.resume, Some(ResumeMode::Any));
                let error = match outcome {
                    Err(error) if may_restart && is_large_file_gone(&error) => error,
                    outcome => return outcome,
                };
                if !self.bucket.client().is_upload_gone(&found.file_id).await {
                    return Err(error);
                }
            }
            // Another upload is using it now, or has cancelled or finished it.
            self.options.progress.start_over();
        }
    }

    /// Uploads the missing parts, and finishes the file.
    async fn upload_planned(
        &self,
        source: &RandomAccess,
        plan: &UploadPlan,
        file: LargeFile<'_>,
    ) -> Result<Uploaded, Error> {
        let tasks = plan.tasks(source);
        let again = |number: PartNumber| {
            let part = plan.parts.iter().find(|part| part.number == number)?;
            Some(part.task(source))
        };
        self.options.progress.expect_parts(plan.parts.len() as u32);
        let file = file.upload_parts(task_stream(tasks), again).await?;
        let reused = plan.parts.iter().filter(|part| part.reused.is_some());
        Ok(Uploaded {
            file,
            parts: plan.parts.len() as u32,
            reused_parts: reused.count() as u32,
        })
    }

    /// Uploads a non-replayable stream, in one call if it fits in the first part.
    async fn upload_sequential(
        self,
        len: Option<u64>,
        stream: BodyStream,
    ) -> Result<Uploaded, Error> {
        let (sizes, asked) = (self.part_sizes().await?, self.settings.content.part_size);
        // Fail early on an invalid length or part size.
        sizes.layout(len.unwrap_or(0), asked)?;
        if let Some(len) = len {
            self.options.progress.expect_bytes(len);
        }
        let mut parts = SequentialParts::new(self.bucket.client().clone(), stream, len);
        let first = parts
            .next(sizes.for_unknown_length(PartNumber::FIRST, asked))
            .await?;
        if parts.is_over().await? {
            return self.upload_whole(first.into()).await;
        }
        let file = self.start_large(None).await?;
        let number = Arc::new(AtomicU32::new(1));
        let counted = Arc::clone(&number);
        let tasks = stream::try_unfold((parts, Some(first)), move |(mut parts, first)| {
            let number = Arc::clone(&counted);
            async move {
                let body = match first {
                    Some(first) => first,
                    None if parts.is_over().await? => return Ok(None),
                    None => {
                        let next = number.fetch_add(1, Ordering::Relaxed) + 1;
                        parts
                            .next(sizes.for_unknown_length(PartNumber::new(next.into())?, asked))
                            .await?
                    }
                };
                let number = PartNumber::new(number.load(Ordering::Relaxed).into())?;
                let task = PartTask {
                    number,
                    len: body.len(),
                    origin: PartOrigin::Local(body.into()),
                };
                Ok(Some((task, (parts, None))))
            }
        });
        let file = file.upload_parts(tasks, |_| None).await?;
        Ok(Uploaded {
            file,
            parts: number.load(Ordering::Relaxed),
            reused_parts: 0,
        })
    }

    async fn plan(
        &self,
        source: &RandomAccess,
        is_dry: bool,
    ) -> Result<(UploadPlan, Option<FileVersion>), Error> {
        let layout = self
            .part_sizes()
            .await?
            .layout(source.len, self.settings.content.part_size)?;
        let is_large = layout.parts() > 1;
        // Uploading a small file takes less time than searching for an unfinished upload.
        let resume = self.settings.resume.as_ref();
        let resume = resume.filter(|resume| is_large || matches!(resume, ResumeMode::Token(_)));
        let mut digests = Digests::default();
        if self.is_hashed_first() && (resume.is_some() || is_large && !is_dry) {
            // Fail before spending time on hashing.
            self.start(None).check()?;
            let ranges = layout.ranges().map(|(_, range)| range);
            let progress = &self.options.progress;
            digests.compute(source, ranges, true, progress).await?;
            self.bucket.client().check_open()?;
        }
        let Some(resume) = resume else {
            return Ok((UploadPlan::new_upload(layout, &digests), None));
        };
        let search = ResumeSearch {
            bucket: &self.bucket,
            name: &self.name,
            source,
            progress: &self.options.progress,
            start: &self.start(digests.whole),
            token: match resume {
                ResumeMode::Any => None,
                ResumeMode::Token(token) => Some(token),
            },
        };
        search.plan(layout, digests).await
    }

    /// Resumes an existing large file, unless another upload of this client is using it.
    fn resume_large_file(&self, found: &FileVersion, is_hashed: bool) -> Option<LargeFile<'_>> {
        let client = self.bucket.client();
        let entry = client.adopt_upload(found)?;
        Some(LargeFile {
            client,
            file_id: found.file_id.clone(),
            entry,
            customer_key: self.start(None).customer_key(),
            concurrency: self.options.concurrency.unwrap_or(CONCURRENCY),
            on_failure: self.options.on_failure.unwrap_or_default(),
            // Its file info has the SHA-1 of the hashed source, which other content can't match.
            requires_unchanged_source: is_hashed,
            progress: &self.options.progress,
        })
    }

    fn start(&self, sha1: Option<Sha1>) -> StartLargeFile {
        let info = self.file_info(sha1.or(self.settings.sha1));
        let mut start = StartLargeFile::new(self.bucket.id(), self.name.clone())
            .content_type(self.settings.content.content_type.clone())
            .file_info(info);
        if let Some(timestamp) = self.settings.custom_upload_timestamp {
            start = start.custom_upload_timestamp(timestamp);
        }
        self.options.apply_to_large_file(start)
    }

    async fn start_large(&self, sha1: Option<Sha1>) -> Result<LargeFile<'_>, Error> {
        let start = self.start(sha1);
        let mut file = self.options.start(&self.bucket, &self.name, start).await?;
        file.requires_unchanged_source = sha1.is_some();
        Ok(file)
    }

    /// Uploads the file in one call.
    async fn upload_whole(self, content: Segment) -> Result<Uploaded, Error> {
        let progress = &self.options.progress;
        progress.enter(Stage::Transferring);
        let counter = UploadCounter::new(progress);
        let body = counter.count(&content.body);
        let info = self.file_info(None);
        let mut upload = UploadFile::new(self.bucket.id(), self.name, body)
            .hashed_by_source(content.digest)
            .content_type(self.settings.content.content_type)
            .file_info(info);
        if let Some(sha1) = self.settings.sha1.or(content.sha1) {
            upload = upload.content_sha1(sha1);
        }
        if let Some(timestamp) = self.settings.custom_upload_timestamp {
            upload = upload.custom_upload_timestamp(timestamp);
        }
        let upload = self.options.apply_to_upload(upload);
        let file = self.bucket.client().call(upload).await?;
        counter.commit();
        Ok(Uploaded {
            file,
            parts: 0,
            reused_parts: 0,
        })
    }
}
