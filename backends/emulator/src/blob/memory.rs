//! [`MemoryStore`]: blobs in memory.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

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
            last: BytesMut::new(),
        }))
    }

    fn used(&self) -> u64 {
        self.space.used()
    }
}

struct MemoryBlob {
    /// All of them hold `CHUNK` bytes, but for the last.
    chunks: Vec<Bytes>,
    last: BytesMut,
    _taken: Taken,
}

impl BlobWriter for MemoryBlob {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.last.len()));
            self.last.extend_from_slice(now);
            if self.last.len() == CHUNK {
                self.chunks.push(self.last.split().freeze());
            }
            bytes = later;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<Arc<dyn Blob>> {
        if !self.last.is_empty() {
            // exactly as large as needed
            let last = Bytes::copy_from_slice(&std::mem::take(&mut self.last));
            self.chunks.push(last);
        }
        Ok(Arc::new(*self))
    }
}

impl Blob for MemoryBlob {
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>> {
        Ok(Box::new(MemoryReader(self)))
    }

    fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
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
