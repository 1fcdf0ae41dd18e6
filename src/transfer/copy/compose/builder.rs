//! [`Compose`]: what a caller says of a composition.

use super::compose_source::ComposeSource;
use super::plan::ComposePlan;
use crate::api::UPLOAD_ID;
use crate::client::BucketHandle;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::large_file::{FileOptions, file_options};
use crate::types::{ContentType, FileInfo, FileName, FileVersion, LARGE_FILE_SHA1};

/// A file assembled from several sources, made by [`BucketHandle::compose`]: await it.
///
/// Bytes that are in B2 are copied there, all others are sent. So a file can be appended to, or
/// changed in the middle, without sending the rest again:
///
/// ```
/// # use b2kit::{BucketHandle, Error, types::FileVersion, transfer::ComposeSource};
/// # async fn append(bucket: BucketHandle, log: &FileVersion) -> Result<(), Error> {
/// let sources = [ComposeSource::file(log), ComposeSource::local("one line more\n")];
/// let composed = bucket.compose("log.txt", sources).like(log).await?;
/// assert_eq!(composed.file.content_length, log.content_length + 14);
/// # Ok(()) }
/// ```
///
/// Every part but the last has a minimum size, 5 MB at B2. So a source that is smaller, or beside a
/// smaller one, may have to be downloaded and sent together with others. [`plan`](Self::plan) says
/// how much; it is never more than necessary.
///
/// The lengths of the file and of each part are checked, and the SHA-1 of what is sent. The new
/// file as a whole has no SHA-1, unless the caller sets `large_file_sha1` in its [file
/// info](Self::file_info).
///
/// # Errors
/// - [`Invalid`](ErrorKind::Invalid), before anything is sent: the file name, the part size, file
///   info that is too long, a range that ends before it starts, a stream of unknown length, or more
///   than 10 TB.
/// - [`Source`](ErrorKind::Source): a local source can't be read or has another length than
///   promised, or a range can't be downloaded.
/// - [`NotFound`](ErrorKind::NotFound): a file to copy from does not exist.
/// - [`Integrity`](ErrorKind::Integrity): a file in B2 has fewer bytes than its range.
/// - [`Credentials`](ErrorKind::Credentials), [`Unauthorized`](ErrorKind::Unauthorized),
///   [`CapExceeded`](ErrorKind::CapExceeded), [`TooManyRequests`](ErrorKind::TooManyRequests),
///   [`Rejected`](ErrorKind::Rejected), [`Unavailable`](ErrorKind::Unavailable),
///   [`Http`](ErrorKind::Http), [`Protocol`](ErrorKind::Protocol): the call that failed for good,
///   after its retries.
/// - [`ShutDown`](ErrorKind::ShutDown): the client is shutting down.
///
/// [`Error::part`] says which part failed. A large file that fails is cancelled, unless
/// [`on_failure`](Self::on_failure) says otherwise.
///
/// # Cancellation
/// As for [`Upload`](crate::transfer::Upload#cancellation) and
/// [`FileCopy`](crate::transfer::FileCopy#cancellation).
#[derive(Debug)]
#[must_use = "a composition begins when it is awaited"]
pub struct Compose {
    pub(super) bucket: BucketHandle,
    pub(super) name: Result<FileName, Error>,
    pub(super) sources: Vec<ComposeSource>,
    pub(super) content_type: ContentType,
    pub(super) file_info: FileInfo,
    pub(super) part_size: Option<u64>,
    pub(super) options: FileOptions,
}

/// The result of a composition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Composed {
    /// The new file version.
    pub file: FileVersion,
    /// How it was made.
    pub plan: ComposePlan,
}

impl Compose {
    pub(crate) fn new<N>(
        bucket: BucketHandle,
        name: N,
        sources: impl IntoIterator<Item = ComposeSource>,
    ) -> Self
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Self {
            bucket,
            name: name.try_into().map_err(Into::into),
            sources: sources.into_iter().collect(),
            content_type: ContentType::auto(),
            file_info: FileInfo::new(),
            part_size: None,
            options: FileOptions::default(),
        }
    }
}

file_options!(Compose);

impl Compose {
    /// Sets the MIME type. Defaults to [`ContentType::auto`]: B2 decides by the file name's
    /// extension.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// Sets the file info, at most ten entries.
    ///
    /// `large_file_sha1` is not added, since nobody has all bytes. If you know the SHA-1 of the
    /// whole, set it here, and downloads can be verified by it.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.file_info = info;
        self
    }

    /// Takes the content type and file info from this version, except for entries that describe its
    /// bytes: `large_file_sha1` and `src_last_modified_millis`.
    pub fn like(mut self, version: &FileVersion) -> Self {
        let of_its_bytes = [LARGE_FILE_SHA1, "src_last_modified_millis", UPLOAD_ID];
        let notes = version.file_info.iter();
        self.file_info = FileInfo::unchecked(notes.filter(|(key, _)| !of_its_bytes.contains(key)));
        self.content_type = version.content_type.clone().unwrap_or_default();
        self
    }

    /// Sets the size of the parts that are sent, in bytes. Parts that are copied have up to 5 GB.
    ///
    /// Defaults to the size that B2 recommends for the account, or 8 MB if there is a
    /// non-replayable stream among the sources. If there would be more than 10,000 parts, they are
    /// larger than asked for.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }
}
