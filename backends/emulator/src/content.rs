//! [`Content`]: the bytes of a file, as pieces of blobs that are stored elsewhere.
//!
//! A blob is written once and read by handle; when its last handle is dropped, its space is free again. So a copy of a
//! file or of a range, or parts that are joined, are new lists of pieces and move no byte, and a download goes on
//! undisturbed while its file is deleted.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// How many bytes a read gives at most, and how large the chunks in memory are.
pub(crate) const CHUNK: usize = 128 * 1024;

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
