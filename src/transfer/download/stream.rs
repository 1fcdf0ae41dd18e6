//! [`DownloadStream`]: the bytes of a file, in order.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use b2kit_core::Bytes;
use futures_core::Stream;

use super::background_hash::BackgroundHasher;
use super::reader::ResumingReader;
use super::verify::{Verified, sha1_mismatch};
use crate::api::DownloadedFile;
use crate::client::ActiveTransfer;
use crate::error::Error;
use crate::transfer::progress::{Progress, Stage};
use crate::types::Sha1;

/// The bytes of a download, in order. Made by
/// [`FileDownload::stream`](crate::transfer::FileDownload::stream).
///
/// If the connection breaks, the rest of the same version is requested, within the limits of the
/// client's [`RetryPolicy`](crate::RetryPolicy), which are reset after 256 KiB of progress.
///
/// A whole file is verified if its SHA-1 is known. On a mismatch, the last item is an
/// [`Integrity`](crate::ErrorKind::Integrity) error: don't act on the content before the stream has
/// ended without an error. The stream ends after an error.
///
/// It is `Send` and `Unpin`, but not `Sync`.
///
/// # Cancellation
/// Dropping the stream closes the connection.
pub struct DownloadStream {
    file: DownloadedFile,
    verified: Verified,
    progress: Progress,
    /// `None` once the stream has ended.
    reader: Option<ResumingReader>,
    check: Option<(BackgroundHasher, Sha1)>,
    /// The transfer that the stream is, unless it is part of another one.
    transfer: Option<ActiveTransfer>,
}

impl DownloadStream {
    pub(super) fn new(
        file: DownloadedFile,
        verified: Verified,
        expected: Option<Sha1>,
        progress: Progress,
        reader: ResumingReader,
    ) -> Self {
        Self {
            file,
            verified,
            progress,
            reader: Some(reader),
            check: expected.map(|sha1| (BackgroundHasher::new(), sha1)),
            transfer: None,
        }
    }

    /// Holds the transfer until the end.
    pub(super) fn holding(mut self, transfer: ActiveTransfer) -> Self {
        self.transfer = Some(transfer);
        self
    }

    /// The metadata of the file.
    #[must_use]
    pub const fn file(&self) -> &DownloadedFile {
        &self.file
    }

    /// How the content is verified once the stream has ended without an error.
    #[must_use]
    pub const fn verified(&self) -> Verified {
        self.verified
    }

    /// Returns the next bytes, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Reads the rest into memory, at most `limit` bytes.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): there are more than `limit` bytes.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the content doesn't match the file's SHA-1.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the version was deleted during the download.
    /// - [`Http`](crate::ErrorKind::Http), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Protocol`](crate::ErrorKind::Protocol): the connection broke, and the retries failed.
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next().await.transpose()? {
            if bytes.len() > limit - whole.len() {
                return Err(Error::invalid(format!(
                    "the file is larger than the limit of {limit} bytes"
                )));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    pub(super) fn into_parts(self) -> (DownloadedFile, Verified) {
        (self.file, self.verified)
    }

    fn poll_checked(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(reader) = &mut self.reader else {
            return Poll::Ready(None);
        };
        if let Some((hasher, _)) = &mut self.check {
            ready!(hasher.poll_ready(cx));
        }
        if let Some(item) = ready!(Pin::new(reader).poll_next(cx)) {
            if let (Ok(bytes), Some((hasher, _))) = (&item, &mut self.check) {
                hasher.push(bytes);
            }
            return Poll::Ready(Some(item));
        }
        if let Some((hasher, expected)) = &mut self.check {
            self.progress.enter(Stage::Finishing);
            let arrived = ready!(hasher.poll_finish(cx));
            if arrived != *expected {
                let error = sha1_mismatch(*expected, arrived, self.file.file_name.as_str());
                return Poll::Ready(Some(Err(error)));
            }
        }
        self.progress.enter(Stage::Done);
        Poll::Ready(None)
    }
}

impl Stream for DownloadStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.poll_checked(cx));
        let item = match (item, &self.reader) {
            (Some(Err(error)), Some(reader)) => Some(Err(reader.redacted(error))),
            (item, _) => item,
        };
        if !matches!(item, Some(Ok(_))) {
            self.reader = None;
            self.check = None;
            self.transfer = None;
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for DownloadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadStream")
            .field("file", &self.file)
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}
