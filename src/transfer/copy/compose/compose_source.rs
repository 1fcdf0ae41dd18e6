//! [`ComposeSource`]: what a piece of a composed file is made of.

use std::ops::Range;

use crate::transfer::source::Source;
use crate::types::{CustomerKey, FileId, FileVersion};

/// A piece of a file that is to be put together.
#[derive(Debug)]
pub struct ComposeSource(pub(super) ComposeOrigin);

#[derive(Debug)]
pub(super) enum ComposeOrigin {
    Stored(StoredRange),
    Local(Source),
}

/// A stretch of a file in B2.
#[derive(Debug, Clone)]
pub(super) struct StoredRange {
    pub(super) file_id: FileId,
    pub(super) range: Range<u64>,
    pub(super) key: Option<CustomerKey>,
}

impl ComposeSource {
    /// These bytes of a file in B2, counted from its first, which is byte 0. It may be in any bucket of the account.
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

    /// The key that decrypts the file, where it is the customer's own. Of no use to bytes from here.
    #[must_use]
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        if let ComposeOrigin::Stored(stored) = &mut self.0 {
            stored.key = Some(key);
        }
        self
    }

    /// Bytes that are not in B2. What comes once has to have a known length, as from [`Source::sized_stream`], and is held in
    /// memory part by part. Files of the disk are all opened at the beginning.
    pub fn local(source: impl Into<Source>) -> Self {
        Self(ComposeOrigin::Local(source.into()))
    }
}
