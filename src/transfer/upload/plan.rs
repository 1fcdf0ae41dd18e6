//! [`UploadPlan`]: which parts an upload sends and which it reuses.

use std::ops::Range;

use super::hash_first::Digests;
use crate::transfer::large_file::{PartLayout, PartOrigin, PartTask};
use crate::transfer::source::RandomAccess;
use crate::types::{FileId, PartNumber, Sha1};

/// The plan of an upload: which parts would be sent and which reused. Made by
/// [`Upload::plan`](crate::transfer::Upload::plan).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPlan {
    /// The large file that would be resumed; `None` for a new upload.
    pub file_id: Option<FileId>,
    /// The parts, in order.
    pub parts: Vec<PlannedPart>,
    /// The other unfinished large files of this name, each with the reason why it can't be resumed.
    pub rejected: Vec<(FileId, String)>,
    /// The SHA-1 of the whole source, if it was computed for the plan.
    pub large_file_sha1: Option<Sha1>,
}

/// A part of a planned upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedPart {
    /// The part number, starting at 1.
    pub number: PartNumber,
    /// The byte range in the file.
    pub range: Range<u64>,
    /// The SHA-1 of this range of the source, if it was computed for the plan.
    pub sha1: Option<Sha1>,
    /// The SHA-1 of the part at B2, if it is reused.
    pub reused: Option<Sha1>,
    /// Why the existing part at B2 can't be reused, if there is one.
    pub differs: Option<&'static str>,
}

impl UploadPlan {
    /// A plan that reuses nothing.
    pub(crate) fn new_upload(layout: PartLayout, digests: &Digests) -> Self {
        let parts = layout.ranges().map(|(number, range)| PlannedPart {
            number,
            sha1: digests.get(&range),
            range,
            reused: None,
            differs: None,
        });
        Self {
            file_id: None,
            parts: parts.collect(),
            rejected: Vec::new(),
            large_file_sha1: digests.whole,
        }
    }

    /// The number of bytes that would be sent.
    #[must_use]
    pub fn missing_bytes(&self) -> u64 {
        let missing = self.parts.iter().filter(|part| part.reused.is_none());
        missing.map(PlannedPart::len).sum()
    }

    /// The number of bytes that would be reused.
    #[must_use]
    pub fn reused_bytes(&self) -> u64 {
        let reused = self.parts.iter().filter(|part| part.reused.is_some());
        reused.map(PlannedPart::len).sum()
    }

    pub(crate) fn tasks(&self, source: &RandomAccess) -> Vec<PartTask> {
        let tasks = self.parts.iter().map(|part| match part.reused {
            Some(sha1) => PartTask {
                number: part.number,
                len: part.len(),
                origin: PartOrigin::Existing(sha1),
            },
            None => part.task(source),
        });
        tasks.collect()
    }
}

impl PlannedPart {
    const fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The task that uploads this part.
    pub(crate) fn task(&self, source: &RandomAccess) -> PartTask {
        PartTask {
            number: self.number,
            len: self.len(),
            origin: PartOrigin::Local(match self.sha1 {
                Some(sha1) => source.segment_with_sha1(self.range.clone(), sha1),
                None => source.segment(self.range.clone()),
            }),
        }
    }
}
