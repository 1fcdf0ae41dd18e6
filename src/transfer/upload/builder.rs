//! [`Upload`]: a file of any size, in one call.

use super::resume_token::ResumeToken;
use crate::error::Error;
use crate::transfer::bucket::BucketHandle;
use crate::transfer::large_file::{FileOptions, file_options};
use crate::transfer::source::Source;
use crate::types::{ContentType, FileInfo, FileName, FileVersion, Sha1, Timestamp};

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
    pub(super) bucket: BucketHandle,
    pub(super) name: Result<FileName, Error>,
    pub(super) source: Source,
    pub(super) options: FileOptions,
    pub(super) settings: UploadSettings,
}

/// What only uploads can be told.
#[derive(Debug, Clone, Default)]
pub(super) struct UploadSettings {
    pub(super) content_type: ContentType,
    pub(super) file_info: FileInfo,
    /// The source's, where it is known.
    pub(super) sha1: Option<Sha1>,
    pub(super) custom_upload_timestamp: Option<Timestamp>,
    pub(super) part_size: Option<u64>,
    pub(super) read_once: bool,
    pub(super) resume: Option<ResumeMode>,
}

#[derive(Debug, Clone)]
pub(super) enum ResumeMode {
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
            options: FileOptions::default(),
            settings: UploadSettings::default(),
        }
    }
}

file_options!(Upload);

impl Upload {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.settings.content_type = content_type;
        self
    }

    /// Notes that go with the file, such as `b2-cache-control`. Where they are known and there is room for them among the
    /// ten that a file can have, `large_file_sha1` and `src_last_modified_millis` are added, in this order; and to a large
    /// file a note by which this crate knows it again.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.settings.file_info = info;
        self
    }

    /// A time of upload other than now; B2 has to allow it for the account.
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.settings.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// The size of the parts in bytes. Defaults to what B2 recommends for the account, cut evenly; to 8 MB for what comes
    /// once, which grows slowly. Larger where there would be more than 10,000 parts. A file that is not larger than one
    /// part goes in one piece.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.settings.part_size = Some(bytes);
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
        self.settings.read_once = !hash_first;
        self
    }

    /// Takes up an earlier upload of this name that was not finished, if there is one that this crate began, or one of the
    /// same `large_file_sha1`, and that has the same notes, type, encryption and lock. SequentialParts are used again only where
    /// their size and SHA-1 are those of the bytes here. Without one, the upload begins new_upload.
    ///
    /// The source is read once to know this, for all uploads that are there; and once more if it was
    /// [hashed](Self::hash_first) as a whole, and what is there was cut otherwise.
    ///
    /// If it fails, it is kept, unless [`on_failure`](Self::on_failure) says otherwise.
    ///
    /// Not for a source that comes once. Two programs that do this with the same file at once put their parts together.
    pub fn resume(mut self) -> Self {
        self.settings.resume = Some(ResumeMode::Any);
        self
    }

    /// Takes up this upload and no other. If it is not there any more, or is not of this file, that is an error.
    pub fn resume_from(mut self, token: ResumeToken) -> Self {
        self.settings.resume = Some(ResumeMode::Token(token));
        self
    }
}
