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

/// The bytes of a file. Mostly they are a whole blob, which takes two words.
#[derive(Clone)]
pub(crate) enum Content {
    Whole(Arc<dyn Blob>),
    Extents(Box<Extents>),
}

/// Extents of blobs, in order.
#[derive(Clone, Default)]
pub(crate) struct Extents {
    list: Box<[Extent]>,
    len: u64,
}

#[derive(Clone)]
struct Extent {
    blob: Arc<dyn Blob>,
    start: u64,
    len: u64,
}

impl Default for Content {
    fn default() -> Self {
        Self::Extents(Box::default())
    }
}

impl Content {
    /// A whole blob.
    pub(crate) fn of_blob(blob: Arc<dyn Blob>) -> Self {
        if blob.len() == 0 {
            return Self::default();
        }
        Self::Whole(blob)
    }

    /// These contents concatenated.
    pub(crate) fn joined<'a>(contents: impl IntoIterator<Item = &'a Self>) -> Self {
        let extents = contents.into_iter().flat_map(Self::extents);
        Self::of_list(extents.collect())
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Whole(blob) => blob.len(),
            Self::Extents(extents) => extents.len,
        }
    }

    /// The part within `range`, clamped to the content.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut slice = Vec::new();
        let mut at = 0;
        for extent in self.extents() {
            let from = range.start.clamp(at, at + extent.len);
            let to = range.end.clamp(at, at + extent.len);
            if from < to {
                slice.push(Extent {
                    blob: extent.blob,
                    start: extent.start + (from - at),
                    len: to - from,
                });
            }
            at += extent.len;
        }
        Self::of_list(slice)
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
        self.extents()
            .map(|extent| Some((extent.blob.number()?, extent.start, extent.len)))
            .collect()
    }

    /// Whether all of its blobs have a number.
    pub(crate) fn is_numbered(&self) -> bool {
        self.extents().all(|extent| extent.blob.number().is_some())
    }

    /// The numbers of those of its blobs that have one.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.extents().filter_map(|extent| extent.blob.number())
    }

    /// The reverse of [`numbered`](Self::numbered).
    pub(crate) fn of_extents(extents: impl IntoIterator<Item = (Arc<dyn Blob>, u64, u64)>) -> Self {
        let extents = extents.into_iter();
        let extents = extents.map(|(blob, start, len)| Extent { blob, start, len });
        Self::of_list(extents.collect())
    }

    fn of_list(list: Vec<Extent>) -> Self {
        if let [only] = &list[..]
            && only.start == 0
            && only.len == only.blob.len()
        {
            return Self::of_blob(Arc::clone(&only.blob));
        }
        let lens = list.iter().map(|extent| extent.len);
        Self::Extents(Box::new(Extents {
            len: lens.fold(0, u64::saturating_add),
            list: list.into(),
        }))
    }

    fn extents(&self) -> impl Iterator<Item = Extent> + '_ {
        (0..).map_while(|at| self.extent(at))
    }

    fn extent(&self, at: usize) -> Option<Extent> {
        match self {
            Self::Whole(blob) => (at == 0).then(|| Extent {
                blob: Arc::clone(blob),
                start: 0,
                len: blob.len(),
            }),
            Self::Extents(extents) => extents.list.get(at).cloned(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len())
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
        let extent = self.content.extent(self.extent)?;
        let left = extent.len - self.offset;
        let max = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => match extent.blob.reader() {
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
