//! [`MemoryStore`]: blobs in memory.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::capacity::{Capacity, Reservation};
use super::store::{BlobStore, BlobWriter, StoreError};
use crate::content::{Blob, BlobReader, CHUNK};

/// Blobs in memory, up to a cap.
///
/// Bytes are copied into the store's own chunks: a slice would keep the whole buffer alive that it
/// is part of, and the cap would not limit the memory in use.
pub(crate) struct MemoryStore {
    capacity: Capacity,
}

impl MemoryStore {
    pub(crate) fn new(cap: u64) -> Self {
        Self {
            capacity: Capacity::new(cap),
        }
    }
}

impl BlobStore for MemoryStore {
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(MemoryWriter {
            reservation: self.capacity.reserve(len).ok_or(StoreError::CapExceeded)?,
            chunks: Vec::new(),
            last: Vec::new(),
        }))
    }

    fn used(&self) -> u64 {
        self.capacity.used()
    }
}

struct MemoryWriter {
    /// All of `CHUNK` bytes, except the last.
    chunks: Vec<Bytes>,
    /// The chunk being filled, allocated at its final size.
    last: Vec<u8>,
    /// Of the final length.
    reservation: Reservation,
}

impl MemoryWriter {
    /// The size of the chunk being filled.
    fn chunk_len(&self) -> usize {
        let len = self.reservation.len();
        let left = len.saturating_sub((self.chunks.len() * CHUNK) as u64);
        usize::try_from(left).unwrap_or(CHUNK).clamp(1, CHUNK)
    }
}

impl BlobWriter for MemoryWriter {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let len = self.chunk_len();
            // at once: growing it would copy it
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
        Ok(Arc::new(MemoryBlob {
            chunks: Chunks::of(self.chunks),
            reservation: self.reservation,
        }))
    }
}

struct MemoryBlob {
    chunks: Chunks,
    reservation: Reservation,
}

/// Chunks of `CHUNK` bytes; the last may be shorter. Most files have a single one, which needs no allocation of its
/// own.
enum Chunks {
    One(Bytes),
    Many(Box<[Bytes]>),
}

impl Chunks {
    fn of(chunks: Vec<Bytes>) -> Self {
        match <[Bytes; 1]>::try_from(chunks) {
            Ok([only]) => Self::One(only),
            Err(many) => Self::Many(many.into()),
        }
    }

    fn as_slice(&self) -> &[Bytes] {
        match self {
            Self::One(only) => std::slice::from_ref(only),
            Self::Many(many) => many,
        }
    }
}

impl Blob for MemoryBlob {
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>> {
        Ok(Box::new(MemoryReader(self)))
    }

    fn len(&self) -> u64 {
        self.reservation.len()
    }
}

struct MemoryReader(Arc<MemoryBlob>);

impl BlobReader for MemoryReader {
    fn read(&mut self, offset: u64, max: usize) -> io::Result<Bytes> {
        let chunk = offset / CHUNK as u64;
        let within = usize::try_from(offset % CHUNK as u64).unwrap_or(0);
        let chunk = usize::try_from(chunk)
            .ok()
            .and_then(|chunk| self.0.chunks.as_slice().get(chunk));
        Ok(chunk
            .filter(|chunk| within < chunk.len())
            .map_or_else(Bytes::new, |chunk| {
                chunk.slice(within..chunk.len().min(within.saturating_add(max)))
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    fn stored(store: &MemoryStore, bytes: &[u8]) -> Content {
        let mut writer = store.writer(bytes.len() as u64).unwrap();
        for chunk in bytes.chunks(70_001) {
            writer.write(chunk).unwrap();
        }
        Content::of_blob(writer.finish().unwrap())
    }

    fn read(content: Content) -> Vec<u8> {
        let chunks: io::Result<Vec<Bytes>> = content.into_chunks().collect();
        chunks.unwrap().concat()
    }

    #[test]
    fn slices_of_joined_slices_are_the_bytes_they_should_be() {
        let bytes: Vec<u8> = (0..400_000_u32).map(|at| (at % 251) as u8).collect();
        let store = MemoryStore::new(1 << 20);
        let content = stored(&store, &bytes);
        assert_eq!(read(content.clone()), bytes);
        let joined = Content::joined([&content.slice(100..300_000), &content.slice(7..131_080)]);
        let expected = [&bytes[100..300_000], &bytes[7..131_080]].concat();
        assert_eq!(read(joined.clone()), expected);
        for range in [
            0..1,
            299_890..299_910,
            131_071..131_073,
            5..5,
            420_000..999_999,
        ] {
            let within = range.start.min(expected.len())..range.end.min(expected.len());
            let slice = joined.slice(range.start as u64..range.end as u64);
            assert_eq!(read(slice), expected[within]);
        }
    }

    #[test]
    fn capacity_is_released_with_the_last_piece_of_a_blob() {
        let store = MemoryStore::new(10);
        let content = stored(&store, b"eightby.");
        assert!(store.writer(3).is_err(), "3 more would exceed 10");
        assert!(
            store.writer(u64::MAX).is_err(),
            "and the sum can't overflow"
        );
        let slice = content.slice(2..4);
        drop(content);
        assert_eq!(store.used(), 8, "the slice keeps the blob");
        drop(slice);
        assert_eq!(store.used(), 0);
    }

    #[test]
    fn a_dropped_writer_releases_its_capacity() {
        let store = MemoryStore::new(10);
        let mut writer = store.writer(10).unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(store.used(), 0);
    }
}
