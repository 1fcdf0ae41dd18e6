//! [`UploadPlan`]: the parts that an upload sends and those that it uses again.

use std::ops::Range;

use super::hash_first::Digests;
use crate::transfer::large_file::{PartLayout, PartOrigin, PartTask};
use crate::transfer::source::RandomAccess;
use crate::types::{FileId, PartNumber, Sha1};

/// What an upload would send, and what it would use again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPlan {
    /// The large file that would be taken up; `None` for one that would begin new_upload.
    pub file_id: Option<FileId>,
    /// Its parts, in order.
    pub parts: Vec<PlannedPart>,
    /// The large files of this name that would not be taken up, and why.
    pub rejected: Vec<(FileId, String)>,
    /// The SHA-1 of the whole source, where it was read for the plan.
    pub large_file_sha1: Option<Sha1>,
}

/// A part of a planned upload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedPart {
    /// Its number.
    pub number: PartNumber,
    /// The segment of the file that it is.
    pub range: Range<u64>,
    /// The SHA-1 of these bytes of the source, where they were read for the plan.
    pub sha1: Option<Sha1>,
    /// Its SHA-1, if it is there already.
    pub reused: Option<Sha1>,
    /// Why it has to be sent, if something else is there in its place.
    pub differs: Option<&'static str>,
}

impl UploadPlan {
    /// Nothing is there.
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

    /// The bytes that would be sent.
    #[must_use]
    pub fn missing_bytes(&self) -> u64 {
        let missing = self.parts.iter().filter(|part| part.reused.is_none());
        missing.map(PlannedPart::len).sum()
    }

    /// The bytes that are there.
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

    /// Sends it.
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
