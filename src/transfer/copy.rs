//! [`FileCopy`]: a file copied within B2, of any size, in one call.

use std::future::IntoFuture;
use std::ops::Range;

use futures_core::future::BoxFuture;

use super::bucket::BucketHandle;
use super::large_file::{From as Origin, PartWork, each};
use super::options::{Options, options};
use super::plan::{Cut, MAX_PART, Sizes};
use super::progress::Stage;
use super::upload::{note, sizes};
use crate::api::{CopyFile, CopyPart, GetFileInfo, StartLargeFile, UPLOAD_ID};
use crate::error::{Error, ErrorKind};
use crate::types::{
    ByteRange, ContentType, CustomerKey, EncryptionSetting, FileId, FileInfo, FileInfoLimit,
    FileName, FileVersion, LARGE_FILE_SHA1, PartNumber,
};

/// A copy that is about to begin: await it.
///
/// No byte passes through this machine. Up to 5 GB are one call, and more go in parts of up to 5 GB, several at once. The
/// copy's length, and its SHA-1 where B2 has both, are held against the source's where that is known, as it is from a
/// [`FileVersion`]; from an id alone nothing is asked that B2 needn't be asked.
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
/// [`Integrity`](ErrorKind::Integrity) if the copy is not what the source was said to be; it is there all the same. As
/// the calls for the rest: [`CopyFile`], and for a large file [`Error::part`] says which part failed. A large file is
/// cancelled then, unless [`on_failure`](Self::on_failure) says otherwise.
///
/// # Cancellation
/// A copy in one call may come to be although the future was dropped. A large file stays unfinished, and
/// [`Client::unfinished`](crate::Client::unfinished) has it: [`Client::cancel_orphaned_uploads`](crate::Client::cancel_orphaned_uploads) cancels it.
#[derive(Debug)]
#[must_use = "a copy begins when it is awaited"]
pub struct FileCopy {
    bucket: BucketHandle,
    source: CopySource,
    name: Result<FileName, Error>,
    metadata: Option<(ContentType, FileInfo)>,
    source_key: Option<CustomerKey>,
    part_size: Option<u64>,
    options: Options,
}

/// What is copied: a version that is known, or one of which only the id is. Made of either.
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

/// What a copy has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The new version.
    pub file: FileVersion,
    /// The parts it was copied in; 0 for one that was copied in one piece.
    pub parts: u32,
}

impl BucketHandle {
    /// Copies a version into this bucket, from whichever bucket of the account it is in.
    ///
    /// The name is checked when the copy is awaited; a [`FileName`] is taken as it is.
    pub fn copy<N>(&self, source: impl Into<CopySource>, name: N) -> FileCopy
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        FileCopy {
            bucket: self.clone(),
            source: source.into(),
            name: name.try_into().map_err(Into::into),
            metadata: None,
            source_key: None,
            part_size: None,
            options: Options::default(),
        }
    }
}

options!(FileCopy);

impl FileCopy {
    /// Gives the copy this content type and these notes instead of the source's. The SHA-1 of a large file stays with its
    /// bytes: `large_file_sha1` is added where the source's is known, as it is from a [`FileVersion`], and there is room for
    /// it. Retention and legal hold are never the source's.
    pub fn replace_metadata(mut self, content_type: ContentType, info: FileInfo) -> Self {
        self.metadata = Some((content_type, info));
        self
    }

    /// The key that decrypts the source, where it is the customer's own.
    pub fn source_customer_key(mut self, key: CustomerKey) -> Self {
        self.source_key = Some(key);
        self
    }

    /// The size of the parts in bytes. Defaults to as much as a part can have, 5 GB, cut evenly: the fewest calls. A file
    /// that is not larger than one part is copied in one piece. Where only the id of the source is known, B2 is asked for
    /// its size first.
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }

    async fn run(mut self) -> Result<Copied, Error> {
        let name = std::mem::replace(&mut self.name, Err(Error::invalid("")))?;
        self.bucket = self.bucket.about(name.as_str());
        self.bucket.client().check_open()?;
        let copied = match self.source.version.take() {
            Some(version) => self.sized(&name, &version).await,
            None if self.part_size.is_none() => match self.whole(&name, None).await {
                // It is known now that it is so large, but not how large.
                Err(error) if is_too_large(&error) => self.asked(&name).await,
                copied => copied,
            },
            None => self.asked(&name).await,
        };
        let copied =
            copied.map_err(|error| self.bucket.client().redacted(error.about(name.as_str())))?;
        self.options.progress.enter(Stage::Done);
        Ok(copied)
    }

    /// With what B2 says of the source.
    async fn asked(&self, name: &FileName) -> Result<Copied, Error> {
        let info = GetFileInfo::new(&self.source.file_id);
        let version = self.bucket.client().call(info).await?;
        self.sized(name, &version).await
    }

    async fn sized(&self, name: &FileName, version: &FileVersion) -> Result<Copied, Error> {
        self.options.progress.expect_bytes(version.content_length);
        if self.part_size.is_none() && version.content_length <= MAX_PART {
            return self.whole(name, Some(version)).await;
        }
        let sizes = Sizes {
            recommended: MAX_PART,
            ..sizes(self.bucket.client()).await?
        };
        let cut = sizes.cut(version.content_length, self.part_size)?;
        if cut.parts() <= 1 {
            return self.whole(name, Some(version)).await;
        }
        self.in_parts(name, version, cut).await
    }

    /// In one call.
    async fn whole(&self, name: &FileName, version: Option<&FileVersion>) -> Result<Copied, Error> {
        self.options.progress.enter(Stage::Transferring);
        let mut copy = CopyFile::new(&self.source.file_id, name.clone())
            .destination_bucket_id(self.bucket.id());
        if let Some((content_type, info)) = &self.metadata {
            let mut info = info.clone();
            // Otherwise B2 has the SHA-1, and computes the copy's.
            if let Some(version) = version.filter(|version| version.content_sha1.sha1().is_none()) {
                keep_sha1(&mut info, name, self.options.limit(), version);
            }
            copy = copy.replace_metadata(content_type.clone(), info);
        }
        if let Some(key) = &self.source_key {
            copy = copy.source_server_side_encryption(EncryptionSetting::SseC(key.clone()));
        }
        let copy = self.options.of_copy(copy);
        let file = self.bucket.client().call(copy).await?;
        if let Some(version) = version {
            check(version, &file)?;
        }
        self.options.progress.expect_bytes(file.content_length);
        self.options.progress.add(file.content_length);
        Ok(Copied { file, parts: 0 })
    }

    async fn in_parts(
        &self,
        name: &FileName,
        version: &FileVersion,
        cut: Cut,
    ) -> Result<Copied, Error> {
        let (content_type, mut info) = match &self.metadata {
            Some(metadata) => metadata.clone(),
            None => (
                version.content_type.clone().unwrap_or_default(),
                but_upload_id(&version.file_info),
            ),
        };
        keep_sha1(&mut info, name, self.options.limit(), version);
        let start = StartLargeFile::new(self.bucket.id(), name.clone())
            .content_type(content_type)
            .file_info(info);
        let file = self.options.start(&self.bucket, name, start).await?;
        let stretches = Stretches {
            large_file_id: file.file_id.clone(),
            key: file.customer_key.clone(),
        };
        let work = |(number, range)| {
            stretches.part(
                number,
                &self.source.file_id,
                range,
                self.source_key.as_ref(),
            )
        };
        let again = |number: PartNumber| Some(work((number, cut.range(number.as_u16().into()))));
        let parts = cut.parts() as u32;
        self.options.progress.expect_parts(parts);
        let works = cut.ranges().map(work).collect();
        let file = file.carry(each(works), again).await?;
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

/// Makes parts of a large file of stretches of other files.
pub(super) struct Stretches {
    pub(super) large_file_id: FileId,
    /// The key that the large file was started with.
    pub(super) key: Option<CustomerKey>,
}

impl Stretches {
    pub(super) fn part(
        &self,
        number: PartNumber,
        source: &FileId,
        range: Range<u64>,
        source_key: Option<&CustomerKey>,
    ) -> PartWork {
        let len = range.end - range.start;
        let mut copy = CopyPart::new(source, &self.large_file_id, number).range(byte_range(range));
        if let Some(key) = source_key {
            copy = copy.source_customer_key(key.clone());
        }
        if let Some(key) = &self.key {
            copy = copy.destination_customer_key(key.clone());
        }
        PartWork {
            number,
            len,
            from: Origin::There(Box::new(copy)),
        }
    }
}

/// As HTTP counts.
pub(super) fn byte_range(range: Range<u64>) -> ByteRange {
    ByteRange::inclusive(range.start, range.end - 1).expect("a part has at least one byte")
}

/// Holds a copy against its source.
fn check(source: &FileVersion, copy: &FileVersion) -> Result<(), Error> {
    let integrity = |what: String| Err(Error::new(ErrorKind::Integrity, what).with_effect(true));
    if copy.content_length != source.content_length {
        let (has, copied) = (source.content_length, copy.content_length);
        return integrity(format!("the source has {has} bytes, and the copy {copied}"));
    }
    match (source.content_sha1.sha1(), copy.content_sha1.sha1()) {
        (Some(has), Some(copied)) if has != copied => integrity(format!(
            "the source's SHA-1 is {has}, and the copy's {copied}"
        )),
        _ => Ok(()),
    }
}

/// The copy has the same bytes, and B2 has no SHA-1 of a large file but the one that is noted.
fn keep_sha1(info: &mut FileInfo, name: &FileName, limit: FileInfoLimit, version: &FileVersion) {
    if let Some(sha1) = version.expected_sha1() {
        note(info, name, limit, LARGE_FILE_SHA1, &sha1.to_string());
    }
}

fn is_too_large(error: &Error) -> bool {
    error.b2().is_some_and(|b2| b2.code == "source_too_large")
}

/// The source's own upload had an id. Another large file with the same could be taken for it.
fn but_upload_id(info: &FileInfo) -> FileInfo {
    FileInfo::unchecked(info.iter().filter(|(key, _)| *key != UPLOAD_ID))
}
