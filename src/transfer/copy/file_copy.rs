//! [`FileCopy`]: copies a file of any size within B2.

use std::future::IntoFuture;

use futures_core::future::BoxFuture;

use super::copy_parts::PartCopier;
use crate::api::{CopyFile, GetFileInfo, StartLargeFile, without_upload_id};
use crate::client::BucketHandle;
use crate::error::{Error, ErrorKind};
use crate::transfer::large_file::{
    FileOptions, MAX_PART, PartLayout, PartSizes, account_part_sizes, add_info_if_it_fits,
    file_options, task_stream,
};
use crate::transfer::progress::Stage;
use crate::types::{
    ContentType, CustomerKey, EncryptionSetting, FileId, FileInfo, FileInfoLimit, FileName,
    FileVersion, LARGE_FILE_SHA1, PartNumber,
};

/// A copy of one file within B2, made by [`BucketHandle::copy`]: await it.
///
/// The content does not pass through this machine. Up to 5 GB take one call; larger files are
/// copied in parts of up to 5 GB, several in parallel. The copy's length and SHA-1 are verified if
/// the source's are known: they are with a [`FileVersion`]; with just an id they are not looked up.
///
/// ```
/// # use b2kit::{BucketHandle, Error, types::FileVersion};
/// # async fn copy(bucket: BucketHandle, cat: &FileVersion) -> Result<(), Error> {
/// let copied = bucket.copy(cat, "2026/the-same-cat.jpg").await?;
/// assert_eq!(copied.file.content_length, cat.content_length);
/// # Ok(()) }
/// ```
///
/// # Errors
/// - [`Invalid`](ErrorKind::Invalid), before anything is sent: the file name, the part size, or
///   file info that is too long.
/// - [`NotFound`](ErrorKind::NotFound): the source does not exist.
/// - [`Integrity`](ErrorKind::Integrity): the copy differs from the source. The copy is not
///   deleted.
/// - [`Credentials`](ErrorKind::Credentials), [`Unauthorized`](ErrorKind::Unauthorized),
///   [`CapExceeded`](ErrorKind::CapExceeded), [`TooManyRequests`](ErrorKind::TooManyRequests),
///   [`Rejected`](ErrorKind::Rejected), [`Unavailable`](ErrorKind::Unavailable),
///   [`Http`](ErrorKind::Http), [`Protocol`](ErrorKind::Protocol): a call failed after its retries.
/// - [`ShutDown`](ErrorKind::ShutDown): the client is shutting down.
///
/// [`Error::part`] is the number of the part that failed. The large file is cancelled on failure,
/// unless [`on_failure`](Self::on_failure) says otherwise.
///
/// # Cancellation
/// If the future is dropped during a copy in one call, B2 may still make the copy. A large file
/// remains unfinished at B2, which charges for its parts:
/// [`Client::unfinished`](crate::Client::unfinished) lists it, and
/// [`Client::cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) cancels it.
#[derive(Debug)]
#[must_use = "a copy begins when it is awaited"]
pub struct FileCopy {
    bucket: BucketHandle,
    source: CopySource,
    name: Result<FileName, Error>,
    metadata: Option<(ContentType, FileInfo)>,
    source_key: Option<CustomerKey>,
    part_size: Option<u64>,
    options: FileOptions,
}

/// The file version to copy: a [`FileVersion`], or just its [`FileId`]. Both convert with `into()`.
#[derive(Debug, Clone)]
pub struct CopySource {
    file_id: FileId,
    version: Option<Box<FileVersion>>,
}

impl From<FileVersion> for CopySource {
    fn from(version: FileVersion) -> Self {
        Self {
            file_id: version.file_id.clone(),
            version: Some(Box::new(version)),
        }
    }
}

impl From<&FileVersion> for CopySource {
    fn from(version: &FileVersion) -> Self {
        version.clone().into()
    }
}

impl From<FileId> for CopySource {
    fn from(file_id: FileId) -> Self {
        Self {
            file_id,
            version: None,
        }
    }
}

impl From<&FileId> for CopySource {
    fn from(file_id: &FileId) -> Self {
        file_id.clone().into()
    }
}

/// The result of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The new file version.
    pub file: FileVersion,
    /// The number of parts; 0 if it was copied in one call.
    pub parts: u32,
}

impl FileCopy {
    pub(crate) fn new<N>(bucket: BucketHandle, source: impl Into<CopySource>, name: N) -> Self
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Self {
            bucket,
            source: source.into(),
            name: name.try_into().map_err(Into::into),
            metadata: None,
            source_key: None,
            part_size: None,
            options: FileOptions::default(),
        }
    }
}

file_options!(FileCopy);

impl FileCopy {
    /// Makes this a step of a transfer that has already begun.
    pub(crate) const fn within_transfer(mut self) -> Self {
        self.options.within_transfer = true;
        self
    }

    /// Replaces the source's content type and file info.
    ///
    /// `large_file_sha1` is added if the source's SHA-1 is known (as with a [`FileVersion`]) and
    /// there is room, since the copy has the same content. Retention and legal hold are never
    /// copied.
    pub fn replace_metadata(mut self, content_type: ContentType, info: FileInfo) -> Self {
        self.metadata = Some((content_type, info));
        self
    }

    /// Sets the key that decrypts the source, if it is encrypted with a customer-managed key
    /// (SSE-C).
    pub fn source_customer_key(mut self, key: CustomerKey) -> Self {
        self.source_key = Some(key);
        self
    }

    /// Sets the part size, in bytes. A file that fits in one part is copied in one call.
    ///
    /// Defaults to the fewest parts of up to 5 GB, of equal size. If the source is just an id,
    /// setting a part size costs a call to look up the source's size first.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }

    async fn run(mut self) -> Result<Copied, Error> {
        let name = std::mem::replace(&mut self.name, Err(Error::invalid("")))?;
        self.bucket = self.bucket.about(name.as_str());
        let _transfer = self.options.begin_transfer(self.bucket.client())?;
        let copied = match self.source.version.take() {
            Some(version) => self.copy_known_version(&name, &version).await,
            None if self.part_size.is_none() => match self.copy_whole(&name, None).await {
                // B2's error says that the file is too large for one call, but not how large it is.
                Err(error) if is_too_large(&error) => self.copy_after_lookup(&name).await,
                copied => copied,
            },
            None => self.copy_after_lookup(&name).await,
        };
        let copied =
            copied.map_err(|error| self.bucket.client().redacted(error.about(name.as_str())))?;
        self.options.progress.enter(Stage::Done);
        Ok(copied)
    }

    /// Copies after looking up the source's metadata.
    async fn copy_after_lookup(&self, name: &FileName) -> Result<Copied, Error> {
        let info = GetFileInfo::new(&self.source.file_id);
        let version = self.bucket.client().call(info).await?;
        self.copy_known_version(name, &version).await
    }

    async fn copy_known_version(
        &self,
        name: &FileName,
        version: &FileVersion,
    ) -> Result<Copied, Error> {
        self.options.progress.expect_bytes(version.content_length);
        if self.part_size.is_none() && version.content_length <= MAX_PART {
            return self.copy_whole(name, Some(version)).await;
        }
        let sizes = PartSizes {
            recommended: MAX_PART,
            ..account_part_sizes(self.bucket.client()).await?
        };
        let layout = sizes.layout(version.content_length, self.part_size)?;
        if layout.parts() <= 1 {
            return self.copy_whole(name, Some(version)).await;
        }
        self.in_parts(name, version, layout).await
    }

    /// Copies in one call.
    async fn copy_whole(
        &self,
        name: &FileName,
        version: Option<&FileVersion>,
    ) -> Result<Copied, Error> {
        self.options.progress.enter(Stage::Transferring);
        let mut copy = CopyFile::new(&self.source.file_id, name.clone())
            .destination_bucket_id(self.bucket.id());
        if let Some((content_type, info)) = &self.metadata {
            let mut info = info.clone();
            // B2 computes the SHA-1 of copies whose source has one.
            if let Some(version) = version.filter(|version| version.content_sha1.sha1().is_none()) {
                preserve_sha1(&mut info, name, self.options.info_limit(), version);
            }
            copy = copy.replace_metadata(content_type.clone(), info);
        }
        if let Some(key) = &self.source_key {
            copy = copy.source_server_side_encryption(EncryptionSetting::SseC(key.clone()));
        }
        let copy = self.options.apply_to_copy(copy);
        let file = self.bucket.client().call(copy).await?;
        if let Some(version) = version {
            verify_copy(version, &file)?;
        }
        self.options.progress.expect_bytes(file.content_length);
        self.options.progress.add(file.content_length);
        Ok(Copied { file, parts: 0 })
    }

    async fn in_parts(
        &self,
        name: &FileName,
        version: &FileVersion,
        layout: PartLayout,
    ) -> Result<Copied, Error> {
        let (content_type, mut info) = match &self.metadata {
            Some(metadata) => metadata.clone(),
            None => (
                version.content_type.clone().unwrap_or_default(),
                without_upload_id(&version.file_info),
            ),
        };
        preserve_sha1(&mut info, name, self.options.info_limit(), version);
        let start = StartLargeFile::new(self.bucket.id(), name.clone())
            .content_type(content_type)
            .file_info(info);
        let file = self.options.start(&self.bucket, name, start).await?;
        let copier = PartCopier {
            large_file_id: file.file_id.clone(),
            key: file.customer_key.clone(),
        };
        let task = |(number, range)| {
            copier.part(
                number,
                &self.source.file_id,
                range,
                self.source_key.as_ref(),
            )
        };
        let again = |number: PartNumber| Some(task((number, layout.range(number.as_u16().into()))));
        let parts = layout.parts() as u32;
        self.options.progress.expect_parts(parts);
        let tasks = layout.ranges().map(task).collect();
        let file = file.upload_parts(task_stream(tasks), again).await?;
        Ok(Copied { file, parts })
    }
}

impl IntoFuture for FileCopy {
    type Output = Result<Copied, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Compares a copy with its source.
fn verify_copy(source: &FileVersion, copy: &FileVersion) -> Result<(), Error> {
    let integrity = |what: String| Err(Error::new(ErrorKind::Integrity, what).with_effect(true));
    if copy.content_length != source.content_length {
        let (has, copied) = (source.content_length, copy.content_length);
        return integrity(format!(
            "the source has {has} bytes, but the copy has {copied}"
        ));
    }
    match (source.content_sha1.sha1(), copy.content_sha1.sha1()) {
        (Some(has), Some(copied)) if has != copied => integrity(format!(
            "the source's SHA-1 is {has}, but the copy's is {copied}"
        )),
        _ => Ok(()),
    }
}

/// Preserves `large_file_sha1`: the copy has the same content, and B2 stores no other SHA-1 of a
/// large file.
fn preserve_sha1(
    info: &mut FileInfo,
    name: &FileName,
    limit: FileInfoLimit,
    version: &FileVersion,
) {
    if let Some(sha1) = version.expected_sha1() {
        add_info_if_it_fits(info, name, limit, LARGE_FILE_SHA1, &sha1.to_string());
    }
}

fn is_too_large(error: &Error) -> bool {
    error.b2().is_some_and(|b2| b2.code == "source_too_large")
}
