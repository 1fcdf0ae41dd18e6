//! Where file bytes lie: a store of blobs, and [`Content`], the pieces of blobs that a file is made of.
//!
//! The rest of the emulator knows the traits only: [`MemoryStore`] keeps blobs in memory, [`DiskStore`] in files,
//! [`NoStore`] nowhere.
//!
//! A blob is written once and read by handle; when the last handle is dropped, its space is free again. A copy of a
//! file, of a range, or the joining of parts therefore makes new lists of pieces and moves no byte, and a download goes
//! on undisturbed while its file is deleted.

mod disk;
mod memory;
mod null_store;
mod space;

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use disk::{DiskStore, FoundBlobs, number_of, sync_directory};
pub(crate) use memory::MemoryStore;
pub(crate) use null_store::NoStore;

/// How many bytes a read gives at most, and how large the chunks in memory are.
const CHUNK: usize = 128 * 1024;

/// Bytes that were stored. They never change.
pub(crate) trait Blob: Send + Sync {
    /// Begins to read it.
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>>;

    /// By which its store finds it again after a restart, if it does.
    fn number(&self) -> Option<u64> {
        None
    }

    /// How many bytes it has.
    fn len(&self) -> u64;
}

/// A blob that is being read.
pub(crate) trait BlobReader: Send {
    /// Some bytes from `offset` on, at most `max`, at least one if `offset` is not the end.
    fn read(&mut self, offset: u64, max: usize) -> io::Result<Bytes>;
}

/// A place that takes blobs.
pub(crate) trait BlobStore: Send + Sync {
    /// Begins a blob of exactly `len` bytes. The space is taken now, and given back if the writer is dropped.
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, NoRoom>;

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

/// Why a blob can't be begun.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// There is no space left under the cap.
    Cap,
    /// The store doesn't work.
    Broken(io::Error),
}

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
            reader: None,
        }
    }

    /// The numbers of the blobs it is made of, each with where its piece begins and how long that is; `None` if a blob
    /// has no number.
    pub(crate) fn numbered(&self) -> Option<Vec<(u64, u64, u64)>> {
        let pieces = self.pieces.iter();
        pieces
            .map(|piece| Some((piece.blob.number()?, piece.start, piece.len)))
            .collect()
    }

    /// The numbers of the blobs it is made of, as far as they have some.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.pieces.iter().filter_map(|piece| piece.blob.number())
    }

    /// What [`numbered`](Self::numbered) described.
    pub(crate) fn of_pieces(pieces: impl IntoIterator<Item = (Arc<dyn Blob>, u64, u64)>) -> Self {
        let mut content = Self::default();
        for (blob, start, len) in pieces {
            content.len = content.len.saturating_add(len);
            content.pieces.push(Piece { blob, start, len });
        }
        content
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
    /// Of the piece.
    reader: Option<Box<dyn BlobReader>>,
}

impl Chunks {
    fn read(&mut self) -> Option<io::Result<Bytes>> {
        let piece = self.content.pieces.get(self.piece)?;
        let left = piece.len - self.offset;
        let max = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => match Arc::clone(&piece.blob).reader() {
                Ok(reader) => none.insert(reader),
                Err(error) => return Some(Err(error)),
            },
        };
        Some(match reader.read(piece.start + self.offset, max) {
            Ok(chunk) if chunk.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(chunk) => {
                self.offset += chunk.len() as u64;
                if self.offset >= piece.len {
                    self.piece += 1;
                    self.offset = 0;
                    self.reader = None;
                }
                Ok(chunk)
            }
            other => other,
        })
    }
}

impl Iterator for Chunks {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.read();
        if matches!(chunk, Some(Err(_))) {
            // nothing after an error
            self.piece = usize::MAX;
        }
        chunk
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
