//! [`Upload`]: the builder of an upload.

use super::resume_token::ResumeToken;
use crate::client::BucketHandle;
use crate::error::Error;
use crate::transfer::large_file::{ContentOptions, FileOptions, content_options, file_options};
use crate::transfer::source::Source;
use crate::types::{FileName, FileVersion, Sha1, Timestamp};

/// An upload of one file, made by [`BucketHandle::upload`]: await it.
///
/// A file that fits in one part is sent in one call. A larger file, and a stream of unknown length,
/// is sent in parts, several in parallel. B2 verifies the SHA-1 of each part, and the client
/// verifies B2's response.
///
/// B2 stores no SHA-1 of a large file as a whole. So a replayable [source](Source) is read and
/// hashed before the upload starts, and the SHA-1 is stored as `large_file_sha1`, with which later
/// downloads are verified: see [`hash_first`](Self::hash_first). Small files and non-replayable
/// streams are read once and hashed while they are sent.
///
/// ```
/// # use b2kit::{BucketHandle, Error};
/// # async fn upload(bucket: BucketHandle) -> Result<(), Error> {
/// let uploaded = bucket.upload("2026/cat.txt", "meow").await?;
/// assert_eq!(uploaded.file.content_length, 4);
/// # Ok(()) }
/// ```
///
/// To spawn it on a runtime, turn it into a future: `tokio::spawn(upload.into_future())`. Both are
/// `Send` and `Unpin`; neither is `Sync`, since the source may be a reader or a stream.
///
/// # Errors
/// - [`Invalid`](crate::ErrorKind::Invalid), before anything is sent: the file name, the part size,
///   file info that is too long, more than 10 TB, or resuming a non-replayable stream.
/// - [`Source`](crate::ErrorKind::Source): the source can't be read, changed while it was sent, has
///   a different length than declared, or panicked.
/// - [`NotFound`](crate::ErrorKind::NotFound): the upload given to
///   [`resume_from`](Self::resume_from) can't be resumed.
/// - [`Integrity`](crate::ErrorKind::Integrity): B2 stored a different length or SHA-1 than was
///   sent.
/// - [`Credentials`](crate::ErrorKind::Credentials),
///   [`Unauthorized`](crate::ErrorKind::Unauthorized),
///   [`CapExceeded`](crate::ErrorKind::CapExceeded),
///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
///   after its retries.
/// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
///
/// [`Error::part`] is the number of the part that failed. The large file is cancelled on failure,
/// unless [`on_failure`](Self::on_failure) says otherwise.
///
/// # Cancellation
/// Dropping the future stops all parts immediately. A small file that B2 has not received
/// completely is not stored. A large file remains unfinished at B2, which charges for its parts:
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
    pub(super) content: ContentOptions,
    /// The SHA-1 of the whole source, if given by the caller.
    pub(super) sha1: Option<Sha1>,
    pub(super) custom_upload_timestamp: Option<Timestamp>,
    pub(super) read_once: bool,
    pub(super) resume: Option<ResumeMode>,
}

/// Which unfinished upload to resume.
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
    /// The number of parts; 0 if it was sent in one call.
    pub parts: u32,
    /// The number of parts reused from an earlier upload.
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

content_options!(
    Upload, settings.content,
    file_info:
    /// Sets the file info: at most ten entries of custom metadata, including response headers such
    /// as `b2-cache-control`.
    ///
    /// If there is room, the upload adds `large_file_sha1` and `src_last_modified_millis`, in this
    /// order, if it knows them, and for a large file an id by which the client recognises its own
    /// upload.
    ;
    part_size:
    /// Sets the part size, in bytes. A file that fits in one part is sent in one call.
    ///
    /// Defaults to the size that B2 recommends for the account, with parts as even as possible.
    /// Parts of a non-replayable stream are buffered in memory, so they start at 8 MB and double
    /// every 800 parts. Parts are larger than this if there would otherwise be more than 10,000.
    ;
);

file_options!(Upload);

impl Upload {
    /// Makes this a step of a transfer that has already begun.
    pub(crate) const fn within_transfer(mut self) -> Self {
        self.options.within_transfer = true;
        self
    }
}

impl Upload {
    /// Sets a custom upload timestamp. B2 has to enable this for the account.
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.settings.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// Sets whether a large file is read and hashed before it is sent. Defaults to `true`, as in
    /// B2's own tools.
    ///
    /// The SHA-1 is stored as `large_file_sha1`, one of the ten entries of the file info. B2 does
    /// not verify it, so the SHA-1 of each part is computed too: if the source has changed when a
    /// part is sent, the upload fails with [`Source`](crate::ErrorKind::Source) and the large file
    /// is cancelled.
    ///
    /// With `false` the source is read once and hashed while it is sent. That is faster, but the
    /// file as a whole can't be verified later, and downloads with
    /// [`require_verified`](crate::transfer::FileDownload::require_verified) reject it.
    ///
    /// It has no effect for a file that is sent in one call (B2 stores its SHA-1), for a
    /// non-replayable stream, for a source [with a SHA-1](Source::with_sha1), and if the file info
    /// already has ten entries.
    pub const fn hash_first(mut self, hash_first: bool) -> Self {
        self.settings.read_once = !hash_first;
        self
    }

    /// Resumes an unfinished upload of this name, if there is one; otherwise starts a new one.
    ///
    /// Candidates are large files that were started by this crate or have the same
    /// `large_file_sha1`, with the same file info, content type, encryption and lock. A part is
    /// reused only if its size and SHA-1 match the source. The candidate with the most reusable
    /// bytes is chosen.
    ///
    /// The source is read once to compare it with all candidates, and once more if it was
    /// [hashed](Self::hash_first) first and the existing parts have a different size. An upload
    /// that fails is kept by default, see [`on_failure`](Self::on_failure). At most 10,000
    /// unfinished large files are searched.
    ///
    /// An upload in progress in this client is never resumed. One in progress in another program
    /// can't be distinguished from one that it has abandoned. If both send the same large file,
    /// they share its parts. When the other one cancels it, this upload starts over. When the other
    /// one finishes it, this upload reports that file as its own, although its content may differ if
    /// it was not [hashed first](Self::hash_first). So don't resume a file that may still be being
    /// uploaded elsewhere.
    ///
    /// B2 orders versions by the time at which they were started. So an upload is not resumed if
    /// the name has got a newer version or a hide marker since it was started: once finished, it
    /// would be hidden beneath that. One listing (class C) checks this.
    ///
    /// The upload fails with [`Invalid`](crate::ErrorKind::Invalid) if the source is a
    /// non-replayable stream, and with [`Unauthorized`](crate::ErrorKind::Unauthorized) if it is
    /// large and the key may not list files (`listFiles`).
    pub fn resume(mut self) -> Self {
        self.settings.resume = Some(ResumeMode::Any);
        self
    }

    /// Resumes a specific unfinished upload.
    ///
    /// The upload fails with [`NotFound`](crate::ErrorKind::NotFound) if that upload no longer
    /// exists or doesn't match this file; the error says why.
    pub fn resume_from(mut self, token: ResumeToken) -> Self {
        self.settings.resume = Some(ResumeMode::Token(token));
        self
    }
}
