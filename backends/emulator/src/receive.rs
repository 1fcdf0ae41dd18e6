//! [`Receiver`]: takes the bytes of an upload, hashes them, and stores them.

use std::io;

use md5::Md5;
use sha1::{Digest as _, Sha1};

use crate::blob::{BlobStore, BlobWriter, Content, StoreFull};
use crate::hex::hex;
use crate::pause::pause;

/// How many digits follow the data when the SHA-1 is sent at the end.
pub(crate) const DIGITS_AT_END: u64 = 40;

/// What arrived: where it lies, and what it hashes to. The heart never sees more of a file than this.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) content: Content,
    /// Lower-case hex.
    pub(crate) sha1: String,
    /// Lower-case hex.
    pub(crate) md5: String,
    /// What followed the data, where digits were announced at the end.
    pub(crate) at_end: String,
}

/// An upload under way.
pub(crate) struct Receiver {
    writer: Box<dyn BlobWriter>,
    hashes: Hashes,
    len: u64,
    data_left: u64,
    digits_left: u64,
    at_end: Vec<u8>,
}

impl Receiver {
    /// For `len` bytes of data, followed by 40 digits if `digits_at_end`.
    pub(crate) fn new(
        store: &dyn BlobStore,
        len: u64,
        digits_at_end: bool,
    ) -> Result<Self, StoreFull> {
        Ok(Self {
            writer: store.writer(len)?,
            hashes: Hashes::default(),
            len,
            data_left: len,
            digits_left: if digits_at_end { DIGITS_AT_END } else { 0 },
            at_end: Vec::new(),
        })
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let data = bytes
            .len()
            .min(usize::try_from(self.data_left).unwrap_or(usize::MAX));
        let (data, digits) = bytes.split_at(data);
        if digits.len() as u64 > self.digits_left {
            return Err(io::Error::other("the body is longer than it had said"));
        }
        self.hashes.update(data);
        self.writer.write(data)?;
        self.data_left -= data.len() as u64;
        self.at_end.extend_from_slice(digits);
        self.digits_left -= digits.len() as u64;
        Ok(())
    }

    /// The upload, if it is complete.
    pub(crate) fn finish(self) -> io::Result<Received> {
        if self.data_left + self.digits_left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (sha1, md5) = self.hashes.finish();
        Ok(Received {
            content: Content::of_blob(self.writer.finish()?, self.len),
            sha1,
            md5,
            at_end: String::from_utf8_lossy(&self.at_end).into_owned(),
        })
    }
}

/// Hashes what is stored already, for copies whose SHA-1 nobody knows yet.
pub(crate) async fn rehash(content: Content) -> io::Result<Received> {
    let mut hashes = Hashes::default();
    for chunk in content.clone().into_chunks() {
        hashes.update(&chunk?);
        pause().await;
    }
    let (sha1, md5) = hashes.finish();
    Ok(Received {
        content,
        sha1,
        md5,
        at_end: String::new(),
    })
}

#[derive(Default)]
struct Hashes {
    sha1: Sha1,
    md5: Md5,
}

impl Hashes {
    fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.md5.update(bytes);
    }

    fn finish(self) -> (String, String) {
        (hex(&self.sha1.finalize()), hex(&self.md5.finalize()))
    }
}
