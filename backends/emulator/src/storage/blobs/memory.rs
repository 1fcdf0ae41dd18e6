//! [`MemoryStore`]: blobs in memory.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::space::{Space, Taken};
use super::{Blob, BlobReader, BlobStore, BlobWriter, CHUNK, NoRoom};

/// Blobs in memory, up to a total.
///
/// Bytes are copied into chunks of the store's own: a slice kept as it came would pin the buffer it was cut from,
/// and the cap would no longer say how much memory is used.
pub(crate) struct MemoryStore {
    space: Space,
}

impl MemoryStore {
    pub(crate) fn new(cap: u64) -> Self {
        Self {
            space: Space::new(cap),
        }
    }
}

impl BlobStore for MemoryStore {
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, NoRoom> {
        Ok(Box::new(MemoryBlob {
            _taken: self.space.take(len).ok_or(NoRoom::Cap)?,
            chunks: Vec::new(),
            last: Vec::new(),
            len,
        }))
    }

    fn used(&self) -> u64 {
        self.space.used()
    }
}

struct MemoryBlob {
    /// All of them hold `CHUNK` bytes, but for the last.
    chunks: Vec<Bytes>,
    /// The one that is being filled. Exactly as large as needed.
    last: Vec<u8>,
    /// How many bytes there will be.
    len: u64,
    _taken: Taken,
}

impl MemoryBlob {
    /// How large the chunk is that is being filled.
    fn chunk_len(&self) -> usize {
        let left = self.len.saturating_sub((self.chunks.len() * CHUNK) as u64);
        usize::try_from(left).unwrap_or(CHUNK).clamp(1, CHUNK)
    }
}

impl BlobWriter for MemoryBlob {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let len = self.chunk_len();
            // at once: to let it grow would copy it
            self.last.reserve_exact(len - self.last.len());
            let (now, later) = bytes.split_at(bytes.len().min(len - self.last.len()));
            self.last.extend_from_slice(now);
            if self.last.len() == len {
                self.chunks.push(std::mem::take(&mut self.last).into());
            }
            bytes = later;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Arc<dyn Blob>> {
        Ok(Arc::new(*self))
    }
}

impl Blob for MemoryBlob {
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>> {
        Ok(Box::new(MemoryReader(self)))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

struct MemoryReader(Arc<MemoryBlob>);

impl BlobReader for MemoryReader {
    fn read(&mut self, offset: u64, max: usize) -> io::Result<Bytes> {
        let chunk = offset / CHUNK as u64;
        let within = usize::try_from(offset % CHUNK as u64).unwrap_or(0);
        let chunk = usize::try_from(chunk)
            .ok()
            .and_then(|chunk| self.0.chunks.get(chunk));
        Ok(chunk
            .filter(|chunk| within < chunk.len())
            .map_or_else(Bytes::new, |chunk| {
                chunk.slice(within..chunk.len().min(within.saturating_add(max)))
            }))
    }
}
