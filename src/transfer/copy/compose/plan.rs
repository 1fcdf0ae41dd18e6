//! [`ComposePlan`]: which parts of a composed file are copied, and which are uploaded.

use std::ops::Range;

/// The plan of a composition, from [`Compose::plan`](crate::transfer::Compose::plan).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposePlan {
    /// The parts of the file, in order. A single part is the whole file, stored in one call; an
    /// empty file has no parts.
    pub parts: Vec<ComposedPart>,
}

/// A part of a composed file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposedPart {
    /// The byte range in the new file.
    pub range: Range<u64>,
    /// Whether B2 copies it. Otherwise it is uploaded.
    pub copied: bool,
    /// The number of its bytes that are in B2 but have to be downloaded and uploaded again.
    pub downloaded_bytes: u64,
}

impl ComposedPart {
    pub(super) const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

impl ComposePlan {
    /// The total number of bytes that B2 copies.
    #[must_use]
    pub fn copied_bytes(&self) -> u64 {
        let copied = self.parts.iter().filter(|part| part.copied);
        copied.map(ComposedPart::len).sum()
    }

    /// The total number of uploaded bytes: local ones, and those downloaded first.
    #[must_use]
    pub fn uploaded_bytes(&self) -> u64 {
        let sent = self.parts.iter().filter(|part| !part.copied);
        sent.map(ComposedPart::len).sum()
    }

    /// The total number of bytes downloaded and uploaded again, because their range, or the one
    /// next to it, is too small for a part.
    #[must_use]
    pub fn downloaded_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.downloaded_bytes).sum()
    }
}
