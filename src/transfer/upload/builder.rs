//! [`Upload`]: what a caller says of an upload.

use super::resume_token::ResumeToken;
use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::large_file::{FileOptions, file_options};
use crate::transfer::source::Source;
use crate::types::{ContentType, FileInfo, FileName, FileVersion, Sha1, Timestamp};

/// An upload of one file, made by [`BucketHandle::upload`]: await it.
///
/// A file that fits in one part is sent in one call. A larger file, and a stream of unknown length,
/// is sent in parts, several at once. B2 checks the SHA-1 of each part, and the client checks B2's
/// response before the part counts.
///
/// B2 keeps no SHA-1 of a large file as a whole. So a replayable [source](Source) is read and
/// hashed before the upload starts, and the file gets `large_file_sha1`, which verifies later
/// downloads: see [`hash_first`](Self::hash_first). All other bytes are read once and hashed while
/// they are sent.
///
/// ```
/// # use b2kit::{BucketHandle, Error};
/// # async fn upload(bucket: BucketHandle) -> Result<(), Error> {
/// let uploaded = bucket.upload("2026/cat.txt", "meow").await?;
/// assert_eq!(uploaded.file.content_length, 4);
/// # Ok(()) }
/// ```
///
/// To spawn it on a runtime, turn it into a future: `tokio::spawn(upload.into_future())`.
///
/// # Errors
/// - [`Invalid`](crate::ErrorKind::Invalid), before anything is sent: the file name, the part size,
///   file info that is too long, more than 10 TB, or a non-replayable stream that is to be resumed.
/// - [`Source`](crate::ErrorKind::Source): the bytes can't be read, changed while they were sent,
///   are more or fewer than promised, or the source panicked.
/// - [`NotFound`](crate::ErrorKind::NotFound): the upload that [`resume_from`](Self::resume_from)
///   names can't be resumed.
/// - [`Integrity`](crate::ErrorKind::Integrity): B2 stored another length or SHA-1 than was sent.
/// - [`Credentials`](crate::ErrorKind::Credentials),
///   [`Unauthorized`](crate::ErrorKind::Unauthorized),
///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): the call that
///   failed for good, after its retries.
/// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
///
/// [`Error::part`] says which part failed. A large file that fails is cancelled, unless
/// [`on_failure`](Self::on_failure) says otherwise.
///
/// # Cancellation
/// Dropping the future stops all parts at once. A small file that did not arrive completely is not
/// stored. A large file stays unfinished at B2, which charges for its parts:
/// [`Client::unfinished`](crate::Client::unfinished) lists it, and
/// [`Client::cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) cancels it, unless
/// it is [to be kept](Self::on_failure).
#[doc(alias = "multipart")]
#[derive(Debug)]
#[must_use = "an upload begins when it is awaited"]
pub struct Upload {
    pub(super) bucket: BucketHandle,
    pub(super) name: Result<FileName, Error>,
    pub(super) source: Source,
    pub(super) options: FileOptions,
    pub(super) settings: UploadSettings,
}

/// The options that only uploads have.
#[derive(Debug, Clone, Default)]
pub(super) struct UploadSettings {
    pub(super) content_type: ContentType,
    pub(super) file_info: FileInfo,
    /// The SHA-1 of the whole source, where the caller gave it.
    pub(super) sha1: Option<Sha1>,
    pub(super) custom_upload_timestamp: Option<Timestamp>,
    pub(super) part_size: Option<u64>,
    pub(super) read_once: bool,
    pub(super) resume: Option<ResumeMode>,
}

/// Which unfinished upload is resumed.
#[derive(Debug, Clone)]
pub(super) enum ResumeMode {
    Any,
    Token(ResumeToken),
}

/// The result of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The new file version.
    pub file: FileVersion,
    /// How many parts it has; 0 if it was sent in one call.
    pub parts: u32,
    /// How many of them an earlier upload had sent.
    pub reused_parts: u32,
}

impl Upload {
    pub(crate) fn new<N>(bucket: BucketHandle, name: N, source: impl Into<Source>) -> Self
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Self {
            bucket,
            name: name.try_into().map_err(Into::into),
            source: source.into(),
            options: FileOptions::default(),
            settings: UploadSettings::default(),
        }
    }
}

file_options!(Upload);

impl Upload {
    /// Sets the MIME type. Defaults to [`ContentType::auto`]: B2 decides by the file name's
    /// extension.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.settings.content_type = content_type;
        self
    }

    /// Sets the file info: custom metadata, at most ten entries, which also hold response headers
    /// such as `b2-cache-control`.
    ///
    /// If there is room, the upload adds what it knows of `large_file_sha1` and
    /// `src_last_modified_millis`, in this order, and to a large file an id by which the client
    /// recognises its own upload.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.settings.file_info = info;
        self
    }

    /// Sets another upload time than now. B2 has to enable it for the account.
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.settings.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// Sets the size of the parts, in bytes. A file that fits in one part is sent in one call.
    ///
    /// Defaults to the size that B2 recommends for the account, divided evenly. Parts of a
    /// non-replayable stream are held in memory, so they start at 8 MB and double every 1,000
    /// parts. If there would be more than 10,000 parts, they are larger than asked for.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.settings.part_size = Some(bytes);
        self
    }

    /// Whether a large file is read and hashed before it is sent. Defaults to `true`, as in B2's
    /// own tools.
    ///
    /// The SHA-1 is stored as `large_file_sha1`, one of the ten entries of the file info. B2 does
    /// not check it. So the SHA-1 of each part is remembered too: if a part has other bytes when it
    /// is sent, the upload fails with [`Source`](crate::ErrorKind::Source) and leaves nothing
    /// behind.
    ///
    /// With `false` each byte is read once and hashed while it is sent. That is faster, but nobody
    /// can verify the file as a whole later, and
    /// [`require_verified`](crate::transfer::FileDownload::require_verified) refuses it.
    ///
    /// It makes no difference for a file that is sent in one call (B2 has its SHA-1), for a
    /// non-replayable stream, for a source [with a SHA-1](Source::with_sha1), and for a file whose
    /// info has ten entries already.
    pub const fn hash_first(mut self, hash_first: bool) -> Self {
        self.settings.read_once = !hash_first;
        self
    }

    /// Resumes an unfinished upload of this name, if there is one; otherwise starts a new one.
    ///
    /// Candidates are large files that this crate began, or that have the same `large_file_sha1`,
    /// with the same file info, content type, encryption and lock. A part is reused only if its
    /// size and SHA-1 match the source. Of several candidates the one with the most reusable bytes
    /// wins.
    ///
    /// The source is read once to compare it with all candidates; and once more if it was
    /// [hashed](Self::hash_first) first and the existing parts have another size. An upload that
    /// fails is kept by default, see [`on_failure`](Self::on_failure). Two programs that resume the
    /// same file at once share its parts.
    ///
    /// Awaiting it fails with [`Invalid`](crate::ErrorKind::Invalid) for a non-replayable stream.
    pub fn resume(mut self) -> Self {
        self.settings.resume = Some(ResumeMode::Any);
        self
    }

    /// Resumes this unfinished upload and no other.
    ///
    /// Awaiting it fails with [`NotFound`](crate::ErrorKind::NotFound) if the upload no longer
    /// exists or is not one of this file; the error says why.
    pub fn resume_from(mut self, token: ResumeToken) -> Self {
        self.settings.resume = Some(ResumeMode::Token(token));
        self
    }
}
