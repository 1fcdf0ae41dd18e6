//! [`Receiver`]: hashes and stores an upload as its bytes arrive, without holding the whole body.

use std::io;

use bytes::Bytes;

use crate::content::Content;
use crate::drivers::host::{Hasher, yield_now};
use crate::model::checksums::{Checksums, DIGITS_AT_END, Hashes, Received};
use crate::storage::blobs::store::{BlobStore, BlobWriter, StoreError};

/// An upload in progress.
pub(crate) struct Receiver {
    writer: Box<dyn BlobWriter>,
    hasher: Box<dyn Hasher>,
    data_left: u64,
    digits_left: u64,
    at_end: Vec<u8>,
}

/// Why an upload fails.
#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// The body does not have the announced length.
    Length(io::Error),
    /// The storage failed.
    Store(io::Error),
}

impl Receiver {
    /// For `len` bytes of data, followed by 40 digits if `digits_at_end`.
    pub(crate) fn new(
        store: &dyn BlobStore,
        len: u64,
        digits_at_end: bool,
        hasher: Box<dyn Hasher>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            writer: store.writer(len)?,
            hasher,
            data_left: len,
            digits_left: if digits_at_end { DIGITS_AT_END } else { 0 },
            at_end: Vec::new(),
        })
    }

    /// Adds bytes.
    pub(crate) async fn push(&mut self, bytes: &Bytes) -> Result<(), ReceiveError> {
        let data = bytes
            .len()
            .min(usize::try_from(self.data_left).unwrap_or(usize::MAX));
        let (data, digits) = (bytes.slice(..data), &bytes[data..]);
        if digits.len() as u64 > self.digits_left {
            let error = io::Error::other("the body is longer than its Content-Length");
            return Err(ReceiveError::Length(error));
        }
        self.hasher.update(&data).await;
        self.writer.write(&data).map_err(ReceiveError::Store)?;
        self.data_left -= data.len() as u64;
        self.at_end.extend_from_slice(digits);
        self.digits_left -= digits.len() as u64;
        Ok(())
    }

    /// Completes the upload.
    pub(crate) async fn finish(self) -> Result<Received, ReceiveError> {
        if self.data_left + self.digits_left > 0 {
            let error = io::ErrorKind::UnexpectedEof.into();
            return Err(ReceiveError::Length(error));
        }
        let (sha1, md5) = self.hasher.finish().await;
        let blob = self.writer.finish().map_err(ReceiveError::Store)?;
        Ok(Received {
            content: Content::of_blob(blob),
            sha1,
            md5,
            at_end: String::from_utf8_lossy(&self.at_end).into_owned(),
        })
    }
}

/// Hashes stored content, for copies whose SHA-1 is unknown.
pub(crate) async fn rehash(content: Content, checksums: Checksums) -> io::Result<Received> {
    let mut hashes = Hashes::of_unclaimed(checksums);
    for chunk in content.clone().into_chunks() {
        hashes.add(&chunk?);
        yield_now().await;
    }
    let (sha1, md5) = hashes.finish();
    Ok(Received {
        content,
        sha1,
        md5,
        at_end: String::new(),
    })
}
