//! [`FileDownload`]: a file out of B2, of any size.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use b2kit_core::Bytes;
use futures_io::AsyncWrite;

use super::reader::ResumingReader;
use super::stream::DownloadStream;
use super::verify::{Downloaded, require_verification, verification_of};
use crate::api::{Download, Overrides, overrides};
use crate::client::Client;
use crate::error::Error;
use crate::transfer::bucket::BucketHandle;
use crate::transfer::progress::{Progress, Stage};
use crate::types::{BucketName, ByteRange, CustomerKey, FileId, FileName};

/// Ranges that are fetched side by side, unless the caller wishes otherwise.
#[cfg(feature = "fs")]
const CONCURRENCY: usize = 4;

/// The size of such a range, unless the caller wishes otherwise.
#[cfg(feature = "fs")]
const RANGE_SIZE: u64 = 64 << 20;

/// A file that is to be downloaded. Made by [`BucketHandle::download`] and [`Client::download`].
///
/// All bytes come from one version, the one that the first answer is about, whatever happens to the name meanwhile. Each
/// answer has to be about that version and about exactly the bytes that were asked for. Bytes that break off are asked for
/// again from there. A whole file is checked against its SHA-1, where B2 or the uploader has noted one; [`Verified`] says
/// so.
///
/// The headers that B2 is to send instead of the file's own, as [`b2_content_type`](Self::b2_content_type), matter to who reads
/// them in [`DownloadStream::file`], and to a download authorization that was given for certain ones: it needs the same here.
///
/// Nothing happens before one of the ends is awaited: [`stream`](Self::stream), [`to_writer`](Self::to_writer),
/// and, with the feature `fs`, `to_path`.
///
/// ```
/// # use b2kit::{Client, Credentials, Error, backend::emulator::Emulator};
/// # use b2kit::api::{CreateBucket, UploadFile};
/// # use b2kit::types::{BucketName, BucketType, FileName};
/// # futures::executor::block_on(async {
/// # let b2 = Emulator::new();
/// # let client = Client::builder()
/// #     .credentials(Credentials::new(b2.key_id(), b2.key())?)
/// #     .endpoint(b2.url()).backend(b2).build()?;
/// # let name = BucketName::new("holiday-photos")?;
/// # let made = client.call(CreateBucket::new(name, BucketType::AllPrivate)).await?;
/// # client.call(UploadFile::new(&made.bucket_id, FileName::new("2026/cat.txt")?, "miaow")).await?;
/// let bucket = client.bucket("holiday-photos").await?;
/// let cat = bucket.download("2026/cat.txt").stream().await?;
/// assert_eq!(cat.collect(1_000).await?, b"miaow");
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct FileDownload {
    pub(super) client: Client,
    pub(super) selector: Result<Selector, Error>,
    pub(super) range: Option<ByteRange>,
    pub(super) customer_key: Option<CustomerKey>,
    pub(super) overrides: Overrides,
    pub(super) needs_token: bool,
    pub(super) must_be_verified: bool,
    pub(super) progress: Progress,
    #[cfg(feature = "fs")]
    pub(super) path_options: PathOptions,
}

#[derive(Debug, Clone)]
pub(super) enum Selector {
    Name(BucketName, FileName),
    Id(FileId),
}

/// What matters only for paths.
#[derive(Debug, Clone)]
#[cfg(feature = "fs")]
pub(super) struct PathOptions {
    pub(super) concurrency: usize,
    pub(super) range_size: u64,
    pub(super) resume: bool,
    pub(super) modified_time: bool,
}

impl BucketHandle {
    /// Downloads the file with this name, in its current version.
    ///
    /// A name that is none is an error of the download.
    #[doc(alias = "get_object")]
    pub fn download<N>(&self, name: N) -> FileDownload
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        self.client().download_by_name(self.name().clone(), name)
    }
}

impl Client {
    /// Downloads this version of a file, hidden or not.
    pub fn download(&self, file_id: impl Into<FileId>) -> FileDownload {
        FileDownload::new(self, Ok(Selector::Id(file_id.into())))
    }

    /// Downloads the file with this name in its current version, from a bucket of which only the name is known. See also
    /// [`BucketHandle::download`].
    pub fn download_by_name<N>(&self, bucket_name: BucketName, name: N) -> FileDownload
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into);
        FileDownload::new(self, name.map(|name| Selector::Name(bucket_name, name)))
    }
}

impl FileDownload {
    fn new(client: &Client, selector: Result<Selector, Error>) -> Self {
        Self {
            client: client.clone(),
            selector,
            range: None,
            customer_key: None,
            overrides: Overrides::default(),
            needs_token: false,
            must_be_verified: false,
            progress: Progress::new(),
            #[cfg(feature = "fs")]
            path_options: PathOptions {
                concurrency: CONCURRENCY,
                range_size: RANGE_SIZE,
                resume: false,
                modified_time: false,
            },
        }
    }

    /// Only this stretch of the file. It can't be verified, unless it is the whole file.
    pub const fn range(mut self, range: ByteRange) -> Self {
        self.range = Some(range);
        self
    }

    /// The key that decrypts the file, where it is the customer's own.
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        self.customer_key = Some(key);
        self
    }

    /// Goes with the token: to B2 itself, where an origin of one's own is not to get it.
    pub(crate) const fn with_token(mut self) -> Self {
        self.needs_token = true;
        self
    }

    /// What can't be checked against a SHA-1 is an [`Integrity`](crate::ErrorKind::Integrity) error, before the first byte.
    ///
    /// That is a stretch of a file, and a large file whose uploader has not noted its SHA-1. An upload of this crate notes it
    /// where its source can be read twice ([`Upload::hash_first`](crate::transfer::Upload::hash_first)) or it is known
    /// beforehand ([`Source::with_sha1`](crate::transfer::Source::with_sha1)); each part was checked when it arrived all the
    /// same.
    pub const fn require_verified(mut self) -> Self {
        self.must_be_verified = true;
        self
    }

    /// Counts into this.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// The bytes as a stream, once the first answer is there.
    ///
    /// A file takes one call, and one more for each time that its bytes break off.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such file or it is hidden, and as any call.
    pub async fn stream(self) -> Result<DownloadStream, Error> {
        let first = self.request_first(self.range, false).await;
        let first = first.map_err(|error| self.named(error))?;
        let (verified, sha1) = verification_of(&first.download.file, first.is_whole);
        if self.must_be_verified {
            require_verification(verified, &first.download.file.file_name)
                .map_err(|error| self.named(error))?;
        }
        self.progress
            .expect_bytes(first.sent.end - first.sent.start);
        self.progress.enter(Stage::Transferring);
        let Download { file, body } = first.download;
        let reader = ResumingReader::from_response(first.version, first.sent, body);
        Ok(DownloadStream::new(
            file,
            verified,
            sha1,
            self.progress,
            reader,
        ))
    }

    /// Writes the bytes to `writer`, in order, and flushes it. It is not closed.
    ///
    /// What was written is right only if this ends well: bytes are verified by their end.
    ///
    /// It is a writer of `futures::io`. One of tokio's becomes one with `.compat_write()`, of `TokioAsyncWriteCompatExt` in the
    /// crate tokio-util (feature `compat`): `to_writer(writer.compat_write())`.
    ///
    /// # Errors
    /// As [`stream`](Self::stream) and its items; [`Destination`](crate::ErrorKind::Destination) for what the writer says.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection. What was written stays where it is.
    pub async fn to_writer<W>(self, writer: W) -> Result<Downloaded, Error>
    where
        W: AsyncWrite + Unpin + Send,
    {
        let (mut writer, client) = (writer, self.client.clone());
        let mut stream = self.stream().await?;
        let mut written = 0;
        let refused = |error, name: &str| {
            let error = Error::destination("what arrived could not be written", error);
            client.redacted(error.about(name))
        };
        while let Some(bytes) = stream.next().await.transpose()? {
            write_all(&mut writer, &bytes)
                .await
                .map_err(|error| refused(error, &stream.file().file_name))?;
            written += bytes.len() as u64;
        }
        poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx))
            .await
            .map_err(|error| refused(error, &stream.file().file_name))?;
        let (file, verified) = stream.into_parts();
        Ok(Downloaded {
            file,
            verified,
            bytes: written,
            resumed_bytes: 0,
        })
    }

    /// Says in the error which file it is about, unless it does.
    pub(super) fn named(&self, error: Error) -> Error {
        let error = match &self.selector {
            Ok(Selector::Name(_, name)) => error.about(name.as_str()),
            Ok(Selector::Id(file_id)) => error.about(file_id.as_str()),
            Err(_) => error,
        };
        self.client.redacted(error)
    }
}

overrides!(FileDownload, overrides);

async fn write_all<W: AsyncWrite + Unpin + Send>(writer: &mut W, bytes: &Bytes) -> io::Result<()> {
    let mut left = &bytes[..];
    while !left.is_empty() {
        let written = poll_fn(|cx| Pin::new(&mut *writer).poll_write(cx, left)).await;
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
