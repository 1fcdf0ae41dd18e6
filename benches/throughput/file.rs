//! [`File`]: the file that is sent and received.

use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use b2kit::Bytes;
use b2kit::types::{Sha1, Sha1Hasher};
use futures::Stream;

/// The size of a read.
pub(crate) const CHUNK: usize = 128 << 10;

/// The bytes that a file repeats.
pub(crate) static PATTERN: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..CHUNK / 8).flat_map(|_| next()).collect()
});

/// A file as read from the disk's cache: each chunk is allocated and filled while it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File {
    pub(crate) len: u64,
    pub(crate) sha1: Sha1,
}

impl File {
    pub(crate) fn new(len: u64) -> Self {
        let mut hasher = Sha1Hasher::default();
        let mut left = len;
        while left > 0 {
            let chunk = chunk(left);
            hasher.update(chunk);
            left -= chunk.len() as u64;
        }
        Self {
            len,
            sha1: hasher.finish(),
        }
    }

    pub(crate) fn read(&self) -> Reading {
        Reading { left: self.len }
    }

    /// Its id, which tells the server everything it needs.
    pub(crate) fn id(&self) -> String {
        format!("4_z{}_{}", self.len, self.sha1)
    }

    /// Its length and SHA-1, from its id.
    pub(crate) fn of_id(id: &str) -> Option<(u64, &str)> {
        let (len, sha1) = id.strip_prefix("4_z")?.split_once('_')?;
        Some((len.parse().ok()?, sha1))
    }
}

/// The next bytes, if `left` bytes are left.
pub(crate) fn chunk(left: u64) -> &'static [u8] {
    let len = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
    &PATTERN[..len]
}

/// The next bytes from `first` on, up to `last`, which is exclusive.
pub(crate) fn chunk_at(first: u64, last: u64) -> &'static [u8] {
    let begun = usize::try_from(first % CHUNK as u64).unwrap_or(0);
    let len = usize::try_from(last - first).unwrap_or(CHUNK);
    &PATTERN[begun..CHUNK.min(begun + len)]
}

/// The bytes as a stream.
pub(crate) struct Reading {
    left: u64,
}

impl Stream for Reading {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = chunk(self.left);
        self.left -= chunk.len() as u64;
        Poll::Ready(Some(Ok(Bytes::copy_from_slice(chunk))))
    }
}
