//! [`Compose`]: a file put together of pieces: of stretches of files in B2, and of bytes from here.

use super::compose_source::ComposeSource;
use super::plan::ComposePlan;
use crate::api::UPLOAD_ID;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::transfer::bucket::BucketHandle;
use crate::transfer::large_file::{FileOptions, file_options};
use crate::types::{ContentType, FileInfo, FileName, FileVersion, LARGE_FILE_SHA1};

/// A file that is about to be put together of pieces: await it.
///
/// What is in B2 already is copied there, and what is not is sent. So something is appended to a file, or changed in the
/// middle of it, without the rest being sent again:
///
/// ```
/// # use b2kit::{BucketHandle, Error, types::FileVersion, transfer::ComposeSource};
/// # async fn append(bucket: BucketHandle, log: &FileVersion) -> Result<(), Error> {
/// let pieces = [ComposeSource::file(log), ComposeSource::local("one line more\n")];
/// let composed = bucket.compose("log.txt", pieces).like(log).await?;
/// assert_eq!(composed.file.content_length, log.content_length + 14);
/// # Ok(()) }
/// ```
///
/// A part but the last has a least size, 5 MB at B2. So a piece that is smaller, or has a smaller one beside it, may have
/// to be downloaded and sent with others; [`plan`](Self::plan) says how much, and it is never more than needed.
///
/// The length of the file and of each part, and the SHA-1 of what is sent, are checked; of what is copied B2 alone knows a
/// SHA-1. The new file as a whole has none, unless its notes say one: `large_file_sha1`.
///
/// # Errors
/// [`Source`](ErrorKind::Source) where a piece can't be read, or downloaded, or hasn't as many bytes as was said;
/// [`Integrity`](ErrorKind::Integrity) where a file in B2 has fewer; [`Error::part`] says which part failed. A large file
/// is cancelled then, unless [`on_failure`](Self::on_failure) says otherwise. As the calls for the rest.
///
/// # Cancellation
/// As [`Upload`](super::Upload) and [`FileCopy`](super::FileCopy).
#[derive(Debug)]
#[must_use = "a composition begins when it is awaited"]
pub struct Compose {
    pub(super) bucket: BucketHandle,
    pub(super) name: Result<FileName, Error>,
    pub(super) pieces: Vec<ComposeSource>,
    pub(super) content_type: ContentType,
    pub(super) file_info: FileInfo,
    pub(super) part_size: Option<u64>,
    pub(super) options: FileOptions,
}

/// What a composition has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Composed {
    /// The new version.
    pub file: FileVersion,
    /// How it was made.
    pub plan: ComposePlan,
}

impl BucketHandle {
    /// Makes a file of these pieces, one after the other.
    ///
    /// The name is checked when the composition is awaited; a [`FileName`] is taken as it is.
    pub fn compose<N>(&self, name: N, pieces: impl IntoIterator<Item = ComposeSource>) -> Compose
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        Compose {
            bucket: self.clone(),
            name: name.try_into().map_err(Into::into),
            pieces: pieces.into_iter().collect(),
            content_type: ContentType::auto(),
            file_info: FileInfo::new(),
            part_size: None,
            options: FileOptions::default(),
        }
    }
}

file_options!(Compose);

impl Compose {
    /// The MIME type. Without it B2 goes by the ending of the name.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// Notes that go with the file. `large_file_sha1` is not added, since nobody has all its bytes: who knows the SHA-1 of
    /// the whole can note it here, and the file can be verified by it.
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.file_info = info;
        self
    }

    /// The type and the notes of this version, but for those that speak of its bytes: `large_file_sha1` and
    /// `src_last_modified_millis`.
    pub fn like(mut self, version: &FileVersion) -> Self {
        let of_its_bytes = [LARGE_FILE_SHA1, "src_last_modified_millis", UPLOAD_ID];
        let notes = version.file_info.iter();
        self.file_info = FileInfo::unchecked(notes.filter(|(key, _)| !of_its_bytes.contains(key)));
        self.content_type = version.content_type.clone().unwrap_or_default();
        self
    }

    /// The size of the parts that are sent, in bytes. Defaults to what B2 recommends for the account, to 8 MB where
    /// something comes once. Larger where there would be more than 10,000 parts. What is copied has parts of up to 5 GB.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }
}
