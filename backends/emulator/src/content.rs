//! [`Content`]: the bytes of a file, as extents of blobs.
//!
//! A blob is written once and read through handles; when the last handle is dropped, its space is
//! free again. So a copy of a file or range, or a large file made of parts, is a new list of extents
//! and moves no bytes, and a download continues while its file is deleted.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Maximum size of a read, and of the chunks in memory.
pub(crate) const CHUNK: usize = 128 * 1024;

/// Stored bytes. They never change.
pub(crate) trait Blob: Send + Sync {
    /// Opens it.
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>>;

    /// The number by which a store finds it again after a restart, if it is persistent.
    fn number(&self) -> Option<u64> {
        None
    }

    /// Its length in bytes.
    fn len(&self) -> u64;
}

/// Reads a blob.
pub(crate) trait BlobReader: Send {
    /// At most `max` bytes from `offset` on; at least one unless `offset` is the end.
    fn read(&mut self, offset: u64, max: usize) -> io::Result<Bytes>;
}

/// Extents of blobs, in order.
#[derive(Clone, Default)]
pub(crate) struct Content {
    extents: Vec<Extent>,
    len: u64,
}

#[derive(Clone)]
struct Extent {
    blob: Arc<dyn Blob>,
    start: u64,
    len: u64,
}

impl Content {
    /// A whole blob of `len` bytes.
    pub(crate) fn of_blob(blob: Arc<dyn Blob>, len: u64) -> Self {
        let extents = if len == 0 {
            Vec::new()
        } else {
            vec![Extent {
                blob,
                start: 0,
                len,
            }]
        };
        Self { extents, len }
    }

    /// These contents concatenated.
    pub(crate) fn joined<'a>(contents: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut whole = Self::default();
        for content in contents {
            whole.extents.extend(content.extents.iter().cloned());
            whole.len += content.len;
        }
        whole
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// The part within `range`, clamped to the content.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut slice = Self::default();
        let mut at = 0;
        for extent in &self.extents {
            let from = range.start.clamp(at, at + extent.len);
            let to = range.end.clamp(at, at + extent.len);
            if from < to {
                slice.len += to - from;
                slice.extents.push(Extent {
                    blob: Arc::clone(&extent.blob),
                    start: extent.start + (from - at),
                    len: to - from,
                });
            }
            at += extent.len;
        }
        slice
    }

    /// Reads it from start to end.
    pub(crate) const fn into_chunks(self) -> Chunks {
        Chunks {
            content: self,
            extent: 0,
            offset: 0,
            reader: None,
        }
    }

    /// Number, start and length of each extent; `None` if a blob has no number.
    pub(crate) fn numbered(&self) -> Option<Vec<(u64, u64, u64)>> {
        let extents = self.extents.iter();
        extents
            .map(|extent| Some((extent.blob.number()?, extent.start, extent.len)))
            .collect()
    }

    /// The numbers of those of its blobs that have one.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.extents
            .iter()
            .filter_map(|extent| extent.blob.number())
    }

    /// The reverse of [`numbered`](Self::numbered).
    pub(crate) fn of_extents(extents: impl IntoIterator<Item = (Arc<dyn Blob>, u64, u64)>) -> Self {
        let mut content = Self::default();
        for (blob, start, len) in extents {
            content.len = content.len.saturating_add(len);
            content.extents.push(Extent { blob, start, len });
        }
        content
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len)
    }
}

/// The bytes of a [`Content`] in chunks.
pub(crate) struct Chunks {
    content: Content,
    extent: usize,
    offset: u64,
    /// Reads the current extent.
    reader: Option<Box<dyn BlobReader>>,
}

impl Chunks {
    fn read(&mut self) -> Option<io::Result<Bytes>> {
        let extent = self.content.extents.get(self.extent)?;
        let left = extent.len - self.offset;
        let max = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => match Arc::clone(&extent.blob).reader() {
                Ok(reader) => none.insert(reader),
                Err(error) => return Some(Err(error)),
            },
        };
        Some(match reader.read(extent.start + self.offset, max) {
            Ok(chunk) if chunk.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(chunk) => {
                self.offset += chunk.len() as u64;
                if self.offset >= extent.len {
                    self.extent += 1;
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
            // an error ends it
            self.extent = usize::MAX;
        }
        chunk
    }
}
