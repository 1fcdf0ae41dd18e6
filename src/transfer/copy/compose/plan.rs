//! [`ComposePlan`]: which parts of a composed file are copied, and which are sent.

use std::ops::Range;

/// How a file is assembled. Made by [`Compose::plan`](crate::transfer::Compose::plan).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposePlan {
    /// Its parts, in order. A single one is the whole file in one call; an empty file has none.
    pub parts: Vec<ComposedPart>,
}

/// A part of a composed file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposedPart {
    /// The byte range of the new file.
    pub range: Range<u64>,
    /// Whether B2 copies it. Otherwise it is sent.
    pub copied: bool,
    /// How many of its bytes have to be downloaded before they can be sent.
    pub downloaded_bytes: u64,
}

impl ComposedPart {
    pub(super) const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl ComposePlan {
    /// How many bytes B2 copies.
    #[must_use]
    pub fn copied_bytes(&self) -> u64 {
        let copied = self.parts.iter().filter(|part| part.copied);
        copied.map(ComposedPart::len).sum()
    }

    /// How many bytes are sent: those that are not in B2, and those that are downloaded.
    #[must_use]
    pub fn uploaded_bytes(&self) -> u64 {
        let sent = self.parts.iter().filter(|part| !part.copied);
        sent.map(ComposedPart::len).sum()
    }

    /// How many bytes are downloaded and sent again, since they are too few for a part or beside
    /// too few.
    #[must_use]
    pub fn downloaded_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.downloaded_bytes).sum()
    }
}
