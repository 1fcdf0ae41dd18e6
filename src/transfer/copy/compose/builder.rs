//! [`Compose`]: the builder of a composed file.

use super::compose_source::ComposeSource;
use super::plan::ComposePlan;
use crate::api::UPLOAD_ID;
use crate::client::BucketHandle;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::large_file::{ContentOptions, FileOptions, content_options, file_options};
use crate::types::{FileInfo, FileName, FileVersion, LARGE_FILE_SHA1};

/// A file assembled from several sources, made by [`BucketHandle::compose`]: await it.
///
/// Bytes that are already in B2 are copied within B2, all others are uploaded. So you can append to
/// a file, or change it in the middle, without uploading the rest again:
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
/// Every part but the last has a minimum size, 5 MB at B2. So a source that is smaller, or next to
/// a smaller one, may have to be downloaded and uploaded together with others. [`plan`](Self::plan)
/// tells how many bytes; it is the minimum possible.
///
/// The lengths of the file and of each part are verified, and the SHA-1 of uploaded parts. The new
/// file as a whole has no SHA-1, unless you set `large_file_sha1` in its [file
/// info](Self::file_info).
///
/// It is `Send` and `Unpin`, but not `Sync`, since a source may be a reader or a stream.
///
/// # Errors
/// - [`Invalid`](ErrorKind::Invalid), before anything is sent: the file name, the part size, file
///   info that is too long, a range that ends before it starts, a stream of unknown length, or a
///   total of more than 10 TB.
/// - [`Source`](ErrorKind::Source): a local source can't be read or has a different length than
///   declared, or a range can't be downloaded.
/// - [`NotFound`](ErrorKind::NotFound): a file to copy from does not exist.
/// - [`Integrity`](ErrorKind::Integrity): a file in B2 has fewer bytes than its range. If the plan has
///   a single part and it is copied, the shorter copy exists then, and is not deleted.
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
/// As for [`Upload`](crate::transfer::Upload#cancellation) and
/// [`FileCopy`](crate::transfer::FileCopy#cancellation).
#[derive(Debug)]
#[must_use = "a composition begins when it is awaited"]
pub struct Compose {
    pub(super) bucket: BucketHandle,
    pub(super) name: Result<FileName, Error>,
    pub(super) sources: Vec<ComposeSource>,
    pub(super) content: ContentOptions,
    pub(super) options: FileOptions,
}

/// The result of a composition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Composed {
    /// The new file version.
    pub file: FileVersion,
    /// The plan it was assembled by.
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
            content: ContentOptions::default(),
            options: FileOptions::default(),
        }
    }
}

content_options!(
    Compose, content,
    file_info:
    /// Sets the file info, at most ten entries.
    ///
    /// `large_file_sha1` is not added automatically, since the client does not see all bytes. If
    /// you know the SHA-1 of the whole file, set it here so that downloads can be verified.
    ;
    part_size:
    /// Sets the size of uploaded parts, in bytes. Copied parts have up to 5 GB.
    ///
    /// Defaults to the size that B2 recommends for the account, or 8 MB if any source is a
    /// non-replayable stream. Parts are larger than this if there would otherwise be more than
    /// 10,000.
    ;
);

file_options!(Compose);

impl Compose {
    /// Copies the content type and file info of this version, except for entries that describe its
    /// content: `large_file_sha1` and `src_last_modified_millis`.
    pub fn like(mut self, version: &FileVersion) -> Self {
        let of_its_bytes = [LARGE_FILE_SHA1, "src_last_modified_millis", UPLOAD_ID];
        let entries = version.file_info.iter();
        self.content.file_info =
            FileInfo::unchecked(entries.filter(|(key, _)| !of_its_bytes.contains(key)));
        self.content.content_type = version.content_type.clone().unwrap_or_default();
        self
    }
}
