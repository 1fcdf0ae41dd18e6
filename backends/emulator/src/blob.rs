//! Where file bytes lie: a store of blobs, and [`Content`], the pieces of blobs that a file is made of.
//!
//! A blob is written once and read by handle; when the last handle is dropped, its space is free again. A copy of a
//! file, of a range, or the joining of parts therefore makes new lists of pieces and moves no byte, and a download goes
//! on undisturbed while its file is deleted.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};

/// How many bytes a read gives at most, and how large the chunks in memory are.
const CHUNK: usize = 128 * 1024;

/// Bytes that were stored. They never change.
pub(crate) trait Blob: Send + Sync {
    /// Some bytes from `offset` on, at most `max`, at least one if `offset` is not the end.
    fn read(&self, offset: u64, max: usize) -> io::Result<Bytes>;
}

/// A place that takes blobs.
pub(crate) trait BlobStore: Send + Sync {
    /// Begins a blob of exactly `len` bytes. The space is taken now, and given back if the writer is dropped.
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreFull>;

    /// How many bytes are taken.
    fn used(&self) -> u64;
}

/// A blob that is being written.
pub(crate) trait BlobWriter: Send {
    /// Appends. The caller writes as many bytes in all as it had announced.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The blob, complete.
    fn finish(self: Box<Self>) -> io::Result<Arc<dyn Blob>>;
}

/// There is no space left under the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreFull;

/// What a file is made of: pieces of blobs, in order.
#[derive(Clone, Default)]
pub(crate) struct Content {
    pieces: Vec<Piece>,
    len: u64,
}

#[derive(Clone)]
struct Piece {
    blob: Arc<dyn Blob>,
    start: u64,
    len: u64,
}

impl Content {
    /// The whole of a blob of `len` bytes.
    pub(crate) fn of_blob(blob: Arc<dyn Blob>, len: u64) -> Self {
        let pieces = if len == 0 {
            Vec::new()
        } else {
            vec![Piece {
                blob,
                start: 0,
                len,
            }]
        };
        Self { pieces, len }
    }

    /// These contents, one after the other.
    pub(crate) fn joined<'a>(contents: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut whole = Self::default();
        for content in contents {
            whole.pieces.extend(content.pieces.iter().cloned());
            whole.len += content.len;
        }
        whole
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// The part of it that lies in `range`; what is outside the content is left out.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut slice = Self::default();
        let mut at = 0;
        for piece in &self.pieces {
            let from = range.start.clamp(at, at + piece.len);
            let to = range.end.clamp(at, at + piece.len);
            if from < to {
                slice.len += to - from;
                slice.pieces.push(Piece {
                    blob: Arc::clone(&piece.blob),
                    start: piece.start + (from - at),
                    len: to - from,
                });
            }
            at += piece.len;
        }
        slice
    }

    /// Reads it from the first byte to the last.
    pub(crate) const fn into_chunks(self) -> Chunks {
        Chunks {
            content: self,
            piece: 0,
            offset: 0,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len)
    }
}

/// The bytes of a [`Content`], chunk by chunk.
pub(crate) struct Chunks {
    content: Content,
    piece: usize,
    offset: u64,
}

impl Iterator for Chunks {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.content.pieces.get(self.piece)?;
        let left = piece.len - self.offset;
        let max = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let chunk = match piece.blob.read(piece.start + self.offset, max) {
            Ok(chunk) if chunk.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        match &chunk {
            Ok(bytes) => {
                self.offset += bytes.len() as u64;
                if self.offset >= piece.len {
                    self.piece += 1;
                    self.offset = 0;
                }
            }
            // nothing after an error
            Err(_) => self.piece = usize::MAX,
        }
        Some(chunk)
    }
}

/// Blobs in memory, up to a total.
///
/// Bytes are copied into chunks of the store's own: a slice kept as it came would pin the buffer it was cut from,
/// and the cap would no longer say how much memory is used.
pub(crate) struct MemoryStore {
    used: Arc<AtomicU64>,
    cap: u64,
}

impl MemoryStore {
    pub(crate) fn new(cap: u64) -> Self {
        Self {
            used: Arc::new(AtomicU64::new(0)),
            cap,
        }
    }
}

impl BlobStore for MemoryStore {
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreFull> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(len).filter(|total| *total <= self.cap)
            })
            .map_err(|_| StoreFull)?;
        Ok(Box::new(MemoryBlob {
            chunks: Vec::new(),
            last: BytesMut::new(),
            _space: Space {
                used: Arc::clone(&self.used),
                len,
            },
        }))
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

struct MemoryBlob {
    /// All of them hold `CHUNK` bytes, but for the last.
    chunks: Vec<Bytes>,
    last: BytesMut,
    _space: Space,
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
    fn read(&self, offset: u64, max: usize) -> io::Result<Bytes> {
        let chunk = offset / CHUNK as u64;
        let within = usize::try_from(offset % CHUNK as u64).unwrap_or(0);
        let chunk = usize::try_from(chunk)
            .ok()
            .and_then(|chunk| self.chunks.get(chunk));
        Ok(chunk
            .filter(|chunk| within < chunk.len())
            .map_or_else(Bytes::new, |chunk| {
                chunk.slice(within..chunk.len().min(within.saturating_add(max)))
            }))
    }
}

/// Space that is taken as long as this lives.
struct Space {
    used: Arc<AtomicU64>,
    len: u64,
}

impl Drop for Space {
    fn drop(&mut self) {
        self.used.fetch_sub(self.len, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(store: &MemoryStore, bytes: &[u8]) -> Content {
        let mut writer = store.writer(bytes.len() as u64).unwrap();
        for chunk in bytes.chunks(70_001) {
            writer.write(chunk).unwrap();
        }
        Content::of_blob(writer.finish().unwrap(), bytes.len() as u64)
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
    fn space_is_free_again_when_the_last_piece_of_a_blob_is_gone() {
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
    fn a_writer_that_is_dropped_gives_its_space_back() {
        let store = MemoryStore::new(10);
        let mut writer = store.writer(10).unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(store.used(), 0);
    }
}
