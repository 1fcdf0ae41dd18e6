//! [`ComposeSource`]: one source of a composed file.

use std::ops::Range;

use crate::transfer::source::Source;
use crate::types::{CustomerKey, FileId, FileVersion};

/// One source of a composed file: a byte range of a file in B2, or a local [`Source`].
///
/// ```
/// use b2kit::transfer::ComposeSource;
///
/// let header = ComposeSource::local("id,name\n");
/// let rows = ComposeSource::copy("4_z27c88f1d182b150646ff0b16_f200ec353a2184825", 8..1_000);
/// # let _ = (header, rows);
/// ```
#[derive(Debug)]
pub struct ComposeSource(pub(super) ComposeOrigin);

#[derive(Debug)]
pub(super) enum ComposeOrigin {
    Stored(StoredRange),
    Local(Source),
}

/// A byte range of a file in B2.
#[derive(Debug, Clone)]
pub(super) struct StoredRange {
    pub(super) file_id: FileId,
    pub(super) range: Range<u64>,
    pub(super) key: Option<CustomerKey>,
}

impl ComposeSource {
    /// A byte range of a file in any bucket of the account. Offsets start at 0 and the end is
    /// exclusive.
    pub fn copy(file_id: impl Into<FileId>, range: Range<u64>) -> Self {
        Self(ComposeOrigin::Stored(StoredRange {
            file_id: file_id.into(),
            range,
            key: None,
        }))
    }

    /// All bytes of a file in B2.
    #[must_use]
    pub fn file(version: &FileVersion) -> Self {
        Self::copy(&version.file_id, 0..version.content_length)
    }

    /// Sets the key that decrypts the file, if it is encrypted with a customer-managed key (SSE-C).
    /// Has no effect on local sources.
    #[must_use]
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        if let ComposeOrigin::Stored(stored) = &mut self.0 {
            stored.key = Some(key);
        }
        self
    }

    /// A local source, which is uploaded.
    ///
    /// A non-replayable stream needs a known length, as with [`Source::sized_stream`]; its parts
    /// are buffered in memory until B2 has stored them. All local files are opened at the start.
    pub fn local(source: impl Into<Source>) -> Self {
        Self(ComposeOrigin::Local(source.into()))
    }
}
