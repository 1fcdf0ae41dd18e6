//! [`DownloadStream`]: a file's bytes, in order, whatever the network does.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use b2kit_core::Bytes;
use futures_core::Stream;

use super::digest::Digest;
use super::reader::Reader;
use super::verified::{Verified, other_sha1};
use crate::api::DownloadedFile;
use crate::error::Error;
use crate::transfer::{Progress, Stage};
use crate::types::Sha1;

/// The bytes of a download, in order, without a gap and none twice. Made by
/// [`FileDownload::stream`](super::FileDownload::stream).
///
/// Where they break off they are asked for again from there, of the same version, as the client's
/// [`RetryPolicy`](crate::RetryPolicy) says; 256 KiB of progress and the count begins anew.
///
/// A whole file whose SHA-1 is known is checked against it. A difference is the last item: an
/// [`Integrity`](crate::ErrorKind::Integrity) error instead of the end. Who has used the bytes by then has used wrong
/// ones, so keep what is made of them apart until the stream has ended well. After an error it is at its end.
///
/// # Cancellation
/// Dropping it closes the connection.
pub struct DownloadStream {
    file: DownloadedFile,
    verified: Verified,
    progress: Progress,
    /// `None` once it is over, for good or ill.
    reader: Option<Reader>,
    check: Option<(Digest, Sha1)>,
}

impl DownloadStream {
    pub(super) fn new(
        file: DownloadedFile,
        verified: Verified,
        expected: Option<Sha1>,
        progress: Progress,
        reader: Reader,
    ) -> Self {
        Self {
            file,
            verified,
            progress,
            reader: Some(reader),
            check: expected.map(|sha1| (Digest::new(), sha1)),
        }
    }

    /// What B2 says of the file.
    #[must_use]
    pub const fn file(&self) -> &DownloadedFile {
        &self.file
    }

    /// By what the bytes have been checked once the stream has ended well.
    #[must_use]
    pub const fn verified(&self) -> Verified {
        self.verified
    }

    /// The next bytes, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Reads the rest into memory, at most `limit` bytes.
    ///
    /// # Errors
    /// If there are more bytes, or as the stream.
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next().await.transpose()? {
            if bytes.len() > limit - whole.len() {
                return Err(Error::invalid(format!(
                    "there are more than the {limit} bytes to be held in memory"
                )));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    pub(super) fn into_facts(self) -> (DownloadedFile, Verified) {
        (self.file, self.verified)
    }

    fn poll_checked(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(reader) = &mut self.reader else {
            return Poll::Ready(None);
        };
        if let Some((digest, _)) = &mut self.check {
            ready!(digest.poll_room(cx));
        }
        if let Some(item) = ready!(Pin::new(reader).poll_next(cx)) {
            if let (Ok(bytes), Some((digest, _))) = (&item, &mut self.check) {
                digest.push(bytes);
            }
            return Poll::Ready(Some(item));
        }
        if let Some((digest, expected)) = &mut self.check {
            self.progress.enter(Stage::Finishing);
            let arrived = ready!(digest.poll_end(cx));
            if arrived != *expected {
                let error = other_sha1(*expected, arrived, self.file.file_name.as_str());
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
            (Some(Err(error)), Some(reader)) => Some(Err(reader.masked(error))),
            (item, _) => item,
        };
        if !matches!(item, Some(Ok(_))) {
            self.reader = None;
            self.check = None;
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
