//! [`Receiver`]: takes the bytes of an upload, hashes them, and stores them. Both as they come: nothing holds a whole body.

use std::io;

use bytes::Bytes;
use md5::Md5;
use sha1::{Digest as _, Sha1};

use crate::drivers::host::{Hasher, pause};
use crate::protocol::hex::hex;
use crate::storage::blobs::{BlobStore, BlobWriter, Content, NoRoom};

/// How many digits follow the data when the SHA-1 is sent at the end.
pub(crate) const DIGITS_AT_END: u64 = 40;

/// Which checksums of uploads are computed: [`Builder::checksums`](crate::Builder::checksums).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksums {
    /// SHA-1 and MD5, as B2 does.
    #[default]
    All,
    /// SHA-1, which is checked; `contentMd5` is null. MD5 takes longer than SHA-1, and no client checks it.
    Sha1,
    /// None: the sender is believed, so a wrong SHA-1 or a corrupted byte goes unnoticed. For measuring how fast a client
    /// is, never for testing whether it is right. Where the sender says no SHA-1, it is computed all the same.
    Unverified,
}

/// What arrived: where it lies, and what it hashes to. The heart never sees more of a file than this.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) content: Content,
    /// Lower-case hex; `None` if the sender is believed.
    pub(crate) sha1: Option<String>,
    /// Lower-case hex, if it was computed.
    pub(crate) md5: Option<String>,
    /// What followed the data, where digits were announced at the end.
    pub(crate) at_end: String,
}

/// An upload under way.
pub(crate) struct Receiver {
    writer: Box<dyn BlobWriter>,
    hasher: Box<dyn Hasher>,
    len: u64,
    data_left: u64,
    digits_left: u64,
    at_end: Vec<u8>,
}

/// Why an upload can't be taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// The body isn't as long as it had said.
    Length(io::Error),
    /// The store doesn't work.
    Store(io::Error),
}

impl Receiver {
    /// For `len` bytes of data, followed by 40 digits if `digits_at_end`.
    pub(crate) fn new(
        store: &dyn BlobStore,
        len: u64,
        digits_at_end: bool,
        hasher: Box<dyn Hasher>,
    ) -> Result<Self, NoRoom> {
        Ok(Self {
            writer: store.writer(len)?,
            hasher,
            len,
            data_left: len,
            digits_left: if digits_at_end { DIGITS_AT_END } else { 0 },
            at_end: Vec::new(),
        })
    }

    /// Takes the next bytes.
    pub(crate) async fn push(&mut self, bytes: &Bytes) -> Result<(), NotTaken> {
        let data = bytes
            .len()
            .min(usize::try_from(self.data_left).unwrap_or(usize::MAX));
        let (data, digits) = (bytes.slice(..data), &bytes[data..]);
        if digits.len() as u64 > self.digits_left {
            let error = io::Error::other("the body is longer than it had said");
            return Err(NotTaken::Length(error));
        }
        self.hasher.update(&data).await;
        self.writer.write(&data).map_err(NotTaken::Store)?;
        self.data_left -= data.len() as u64;
        self.at_end.extend_from_slice(digits);
        self.digits_left -= digits.len() as u64;
        Ok(())
    }

    /// The upload, if it is complete.
    pub(crate) async fn finish(self) -> Result<Received, NotTaken> {
        if self.data_left + self.digits_left > 0 {
            let error = io::ErrorKind::UnexpectedEof.into();
            return Err(NotTaken::Length(error));
        }
        let (sha1, md5) = self.hasher.finish().await;
        let blob = self.writer.finish().map_err(NotTaken::Store)?;
        Ok(Received {
            content: Content::of_blob(blob, self.len),
            sha1,
            md5,
            at_end: String::from_utf8_lossy(&self.at_end).into_owned(),
        })
    }
}

/// Hashes what is stored already, for copies whose SHA-1 nobody knows yet.
pub(crate) async fn rehash(content: Content, checksums: Checksums) -> io::Result<Received> {
    let mut hashes = Hashes::of_unclaimed(checksums);
    for chunk in content.clone().into_chunks() {
        hashes.add(&chunk?);
        pause().await;
    }
    let (sha1, md5) = hashes.hex();
    Ok(Received {
        content,
        sha1,
        md5,
        at_end: String::new(),
    })
}

/// The checksums that are computed while bytes pass.
#[derive(Default)]
pub(crate) struct Hashes {
    sha1: Option<Sha1>,
    md5: Option<Md5>,
}

impl Hashes {
    /// For bytes whose SHA-1 the sender says.
    pub(crate) fn of_claimed(checksums: Checksums) -> Self {
        match checksums {
            Checksums::Unverified => Self::default(),
            Checksums::All | Checksums::Sha1 => Self::of_unclaimed(checksums),
        }
    }

    /// For bytes whose SHA-1 nobody has said.
    pub(crate) fn of_unclaimed(checksums: Checksums) -> Self {
        Self {
            sha1: Some(Sha1::new()),
            md5: (checksums == Checksums::All).then(Md5::new),
        }
    }

    /// Whether there is nothing to compute.
    #[cfg(feature = "server")]
    pub(crate) const fn are_none(&self) -> bool {
        self.sha1.is_none() && self.md5.is_none()
    }

    /// The slowest of them, and the rest: MD5 takes longer than SHA-1.
    #[cfg(feature = "server")]
    pub(crate) fn apart(mut self) -> (Self, Self) {
        let slowest = match self.md5.take() {
            None => Self {
                sha1: self.sha1.take(),
                md5: None,
            },
            md5 => Self { sha1: None, md5 },
        };
        (slowest, self)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub(crate) fn hex(self) -> (Option<String>, Option<String>) {
        (
            self.sha1.map(|it| hex(&it.finalize())),
            self.md5.map(|it| hex(&it.finalize())),
        )
    }
}
