//! [`FileDownload`]: a file out of B2, of any size.
//!
//! In the order in which bytes meet them: `reader` asks for them, and again where they break off; `digest` hashes them
//! beside; `stream` hands them on in order; `to_path` writes ranges side by side into a file; `spans` counts what is
//! there; `verified` says what was checked.

mod digest;
mod reader;
#[cfg(feature = "fs")]
mod spans;
mod stream;
#[cfg(feature = "fs")]
mod to_path;
mod verified;

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use b2kit_core::Bytes;
use futures_io::AsyncWrite;

use self::reader::{Reader, Version};
#[cfg(feature = "fs")]
pub(super) use self::spans::Spans;
pub use self::stream::DownloadStream;
pub use self::verified::{Downloaded, Verified};
use self::verified::{must_be_verified, verification};
use super::bucket::BucketHandle;
use super::progress::{Progress, Stage};
use crate::api::{Download, DownloadFileById, DownloadFileByName, Overrides, overrides};
use crate::client::Client;
use crate::error::Error;
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
    client: Client,
    what: Result<What, Error>,
    range: Option<ByteRange>,
    customer_key: Option<CustomerKey>,
    overrides: Overrides,
    needs_token: bool,
    must_be_verified: bool,
    progress: Progress,
    #[cfg(feature = "fs")]
    to_disk: ToDisk,
}

#[derive(Debug, Clone)]
enum What {
    Name(BucketName, FileName),
    Version(FileId),
}

/// What matters only for paths.
#[derive(Debug, Clone)]
#[cfg(feature = "fs")]
struct ToDisk {
    concurrency: usize,
    range_size: u64,
    resume: bool,
    modified_time: bool,
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
        FileDownload::new(self, Ok(What::Version(file_id.into())))
    }

    /// Downloads the file with this name in its current version, from a bucket of which only the name is known. See also
    /// [`BucketHandle::download`].
    pub fn download_by_name<N>(&self, bucket_name: BucketName, name: N) -> FileDownload
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into);
        FileDownload::new(self, name.map(|name| What::Name(bucket_name, name)))
    }
}

impl FileDownload {
    fn new(client: &Client, what: Result<What, Error>) -> Self {
        Self {
            client: client.clone(),
            what,
            range: None,
            customer_key: None,
            overrides: Overrides::default(),
            needs_token: false,
            must_be_verified: false,
            progress: Progress::new(),
            #[cfg(feature = "fs")]
            to_disk: ToDisk {
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
    pub(super) const fn with_token(mut self) -> Self {
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
        let begun = self.begin(self.range, false).await;
        let begun = begun.map_err(|error| self.named(error))?;
        let (verified, sha1) = verification(&begun.download.file, begun.is_whole);
        if self.must_be_verified {
            must_be_verified(verified, &begun.download.file.file_name)
                .map_err(|error| self.named(error))?;
        }
        self.progress
            .expect_bytes(begun.sent.end - begun.sent.start);
        self.progress.enter(Stage::Transferring);
        let Download { file, body } = begun.download;
        let reader = Reader::begun(begun.version, begun.sent, body);
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
        let (file, verified) = stream.into_facts();
        Ok(Downloaded {
            file,
            verified,
            bytes: written,
            resumed_bytes: 0,
        })
    }

    /// Says in the error which file it is about, unless it does.
    fn named(&self, error: Error) -> Error {
        let error = match &self.what {
            Ok(What::Name(_, name)) => error.about(name.as_str()),
            Ok(What::Version(file_id)) => error.about(file_id.as_str()),
            Err(_) => error,
        };
        self.client.redacted(error)
    }

    /// Makes the first call, for these bytes or for none.
    async fn begin(&self, range: Option<ByteRange>, head: bool) -> Result<Begun, Error> {
        let download = self.ask(range, head).await?;
        let file = &download.file;
        let whole = 0..file.content_length;
        let sent = match file.range {
            _ if head => 0..0,
            Some((first, last)) => first..last + 1,
            None => whole.clone(),
        };
        let bucket = match &self.what {
            Ok(What::Name(bucket, _)) => Some(bucket),
            _ => None,
        };
        let client = match &self.what {
            // Its name is what a server says it is.
            Ok(What::Version(_)) => self
                .client
                .for_file(bucket, &self.client.redacted_name(&file.file_name)),
            _ => self.client.for_file(bucket, &file.file_name),
        };
        let version = Version {
            client,
            file_id: file.file_id.clone(),
            name: match &self.what {
                Ok(What::Name(bucket, name)) if self.client.downloads_by_name() => {
                    Some((bucket.clone(), name.clone()))
                }
                _ => None,
            },
            content_length: file.content_length,
            customer_key: self.customer_key.clone(),
            overrides: self.overrides.clone(),
            needs_token: self.needs_token,
            progress: self.progress.clone(),
        };
        Ok(Begun {
            is_whole: sent == whole,
            sent,
            version: Arc::new(version),
            download,
        })
    }

    async fn ask(&self, range: Option<ByteRange>, head: bool) -> Result<Download, Error> {
        macro_rules! ask {
            ($call:expr) => {{
                let mut call = $call
                    .overrides(self.overrides.clone())
                    .with_token(self.needs_token);
                if let Some(range) = range {
                    call = call.range(range);
                }
                if let Some(key) = &self.customer_key {
                    call = call.customer_key(key.clone());
                }
                if head {
                    call = call.head();
                }
                self.client.call(call).await
            }};
        }
        match self.what.as_ref().map_err(Clone::clone)? {
            What::Name(bucket, name) => {
                ask!(DownloadFileByName::new(bucket.clone(), name.clone()))
            }
            What::Version(file_id) => ask!(DownloadFileById::new(file_id.clone())),
        }
    }
}

overrides!(FileDownload, overrides);

/// The first answer.
struct Begun {
    download: Download,
    version: Arc<Version>,
    /// The bytes that it brings.
    sent: Range<u64>,
    is_whole: bool,
}

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
