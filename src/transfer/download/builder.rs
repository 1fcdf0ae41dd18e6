//! [`FileDownload`]: the builder of a download, and downloads to streams and writers.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use b2kit_core::Bytes;
use futures_io::AsyncWrite;

use super::reader::ResumingReader;
use super::stream::DownloadStream;
use super::verify::{Downloaded, require_verification, verification_of};
use crate::api::{Download, Overrides, overrides};
#[cfg(doc)]
use crate::client::BucketHandle;
use crate::client::Client;
use crate::error::Error;
use crate::transfer::progress::{Progress, Stage};
use crate::types::{BucketName, ByteRange, CustomerKey, FileId, FileName};

/// The default maximum number of ranges downloaded in parallel.
#[cfg(feature = "fs")]
const CONCURRENCY: usize = 4;

/// The size of a range, in bytes, where the account recommends no other.
#[cfg(feature = "fs")]
pub(crate) const RANGE_SIZE: u64 = 100_000_000;

/// A download of one file, made by [`BucketHandle::download`] or [`Client::download`].
///
/// Nothing is sent until you choose a destination: [`stream`](Self::stream),
/// [`to_writer`](Self::to_writer), or, with the feature `fs`, `to_path`.
///
/// All bytes come from the version of the first response, even if the file is replaced in the
/// meantime. If the connection breaks, the download is resumed at the next missing byte. A whole
/// file is verified with its SHA-1, if B2 or the uploader stored one;
/// [`Verified`](crate::transfer::Verified) says which.
///
/// Overridden response headers, such as [`b2_content_type`](Self::b2_content_type), are reflected
/// in [`DownloadStream::file`]. A download authorization that was issued with overrides requires
/// the same ones here.
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

/// The file to download.
#[derive(Debug, Clone)]
pub(super) enum Selector {
    Name(BucketName, FileName),
    Id(FileId),
}

/// Options of downloads to a path.
#[derive(Debug, Clone)]
#[cfg(feature = "fs")]
pub(super) struct PathOptions {
    pub(super) concurrency: usize,
    /// The range size chosen by the caller, for a download in ranges from the beginning.
    pub(super) range_size: Option<u64>,
    pub(super) resume: bool,
    pub(super) modified_time: bool,
    pub(super) commit: crate::transfer::commit::Commit,
}

impl Client {
    /// Downloads a file version by id, even if the file is hidden.
    pub fn download(&self, file_id: impl Into<FileId>) -> FileDownload {
        FileDownload::new(self, Ok(Selector::Id(file_id.into())))
    }

    /// Downloads the newest version of the file with this name from a bucket whose id is unknown.
    /// See also [`BucketHandle::download`].
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
                range_size: None,
                resume: false,
                modified_time: false,
                commit: crate::transfer::commit::Commit::default(),
            },
        }
    }

    /// Downloads only this byte range. It can't be verified unless it covers the whole file.
    ///
    /// A range that starts beyond the end of the file is a [`Rejected`](crate::ErrorKind::Rejected)
    /// error with status 416.
    pub fn range(mut self, range: impl Into<ByteRange>) -> Self {
        self.range = Some(range.into());
        self
    }

    /// Sets the key that decrypts the file, if it is encrypted with a customer-managed key (SSE-C).
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        self.customer_key = Some(key);
        self
    }

    /// Requires the account's token. If a custom download origin must not see the token, the
    /// request goes to B2 directly.
    pub(crate) const fn with_token(mut self) -> Self {
        self.needs_token = true;
        self
    }

    /// Fails with [`Integrity`](crate::ErrorKind::Integrity), before the first byte, if the content
    /// can't be verified with a SHA-1.
    ///
    /// That is the case for a byte range, and for a large file without `large_file_sha1`. This
    /// crate's uploads store it if their source is replayable
    /// ([`Upload::hash_first`](crate::transfer::Upload::hash_first)) or its SHA-1 is known
    /// ([`Source::with_sha1`](crate::transfer::Source::with_sha1)).
    pub const fn require_verified(mut self) -> Self {
        self.must_be_verified = true;
        self
    }

    /// Reports progress to this [`Progress`].
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// Sends the request, and returns the bytes as a stream once the response headers have arrived.
    ///
    /// Costs one call, and one more each time the connection breaks.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the file name is invalid.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file does not exist or is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the file can't be verified, but this is
    ///   [required](Self::require_verified).
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
    ///   after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection.
    pub async fn stream(self) -> Result<DownloadStream, Error> {
        let transfer = self.client.begin_transfer();
        let transfer = transfer.map_err(|error| self.with_file(error))?;
        Ok(self.stream_of_transfer().await?.holding(transfer))
    }

    /// Like [`stream`](Self::stream), in a transfer that has begun.
    pub(crate) async fn stream_of_transfer(self) -> Result<DownloadStream, Error> {
        let first = self.request_first(self.range, false).await;
        let first = first.map_err(|error| self.with_file(error))?;
        let (verified, sha1) = verification_of(&first.download.file, first.is_whole);
        if self.must_be_verified {
            require_verification(verified, first.download.file.file_name.as_str())
                .map_err(|error| self.with_file(error))?;
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

    /// Writes the bytes to `writer`, in order, and flushes it. The writer is not closed. A writer that
    /// accepts 0 bytes is flushed for its error, and fails without one too.
    ///
    /// The content is verified at the end: don't use what was written unless this returns `Ok`.
    /// After an error, start again with a new writer.
    ///
    /// The writer is a `futures::io::AsyncWrite`. Convert a tokio writer with
    /// `TokioAsyncWriteCompatExt` of the crate tokio-util (feature `compat`):
    /// `to_writer(writer.compat_write())`.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the file name is invalid.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file does not exist or is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the content doesn't match the file's SHA-1, or
    ///   can't be verified although this is [required](Self::require_verified).
    /// - [`Destination`](crate::ErrorKind::Destination): the writer failed.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
    ///   after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection. Bytes that were already written remain.
    pub async fn to_writer<W>(self, writer: W) -> Result<Downloaded, Error>
    where
        W: AsyncWrite + Unpin + Send,
    {
        let (mut writer, client) = (writer, self.client.clone());
        let mut stream = self.stream().await?;
        let mut written = 0;
        let refused = |error, name: &str| {
            let error = Error::destination("the bytes could not be written", error);
            client.redacted(error.about(name))
        };
        while let Some(bytes) = stream.next().await.transpose()? {
            write_all(&mut writer, &bytes)
                .await
                .map_err(|error| refused(error, stream.file().file_name.as_str()))?;
            written += bytes.len() as u64;
        }
        poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx))
            .await
            .map_err(|error| refused(error, stream.file().file_name.as_str()))?;
        let (file, verified) = stream.into_parts();
        Ok(Downloaded {
            file,
            verified,
            bytes: written,
            resumed_bytes: 0,
        })
    }

    /// Adds the file's name or id to an error without one, and redacts secrets.
    pub(super) fn with_file(&self, error: Error) -> Error {
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
            Ok(0) => {
                // `blocking::Unblock` takes no more bytes once its thread has failed, and only a
                // flush returns the error.
                poll_fn(|cx| Pin::new(&mut *writer).poll_flush(cx)).await?;
                return Err(io::ErrorKind::WriteZero.into());
            }
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
