//! [`RandomAccess`]: an open source of which any byte range can be read repeatedly.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use b2kit_core::{Body, BodyStream, Bytes};

use super::expected_sha1::with_expected_sha1;
use super::segment::Segment;
#[cfg(feature = "fs")]
use crate::api::Digest;
#[cfg(feature = "fs")]
use crate::transfer::disk;
use crate::types::{Sha1, Timestamp};

pub(super) type OpenRange = Arc<dyn Fn(Range<u64>) -> io::Result<BodyStream> + Send + Sync>;

/// An open source of which any byte range can be read.
#[derive(Clone)]
pub(crate) struct RandomAccess {
    pub(crate) len: u64,
    pub(crate) modified: Option<Timestamp>,
    pub(super) reader: RangeReader,
}

#[derive(Clone)]
pub(super) enum RangeReader {
    /// Bytes in memory, and their SHA-1 if known.
    Bytes(Bytes, Option<Sha1>),
    Ranges(OpenRange),
    #[cfg(feature = "fs")]
    File(Arc<disk::SourceFile>),
}

impl RandomAccess {
    /// Whether reading never blocks or waits.
    pub(crate) const fn is_in_memory(&self) -> bool {
        matches!(self.reader, RangeReader::Bytes(..))
    }

    /// A byte range to send. A file is hashed while it is read.
    pub(crate) fn segment(&self, range: Range<u64>) -> Segment {
        match &self.reader {
            #[cfg(feature = "fs")]
            RangeReader::File(file) => {
                let (file, digest) = (Arc::clone(file), Digest::default());
                let there = Arc::clone(&digest);
                let body = Body::replay(range.end - range.start, move || {
                    Ok(disk::read(&file, range.clone(), Some(&there)))
                });
                Segment {
                    body,
                    digest: Some(digest),
                    sha1: None,
                }
            }
            RangeReader::Bytes(_, Some(sha1)) if range == (0..self.len) => {
                Segment::with_sha1(self.unhashed(range), *sha1)
            }
            _ => self.unhashed(range).into(),
        }
    }

    /// A byte range to send, with a known SHA-1.
    pub(crate) fn segment_with_sha1(&self, range: Range<u64>, sha1: Sha1) -> Segment {
        let body = self.unhashed(range);
        Segment::with_sha1(
            match &self.reader {
                // Bytes in memory can't change.
                RangeReader::Bytes(..) => body,
                _ => with_expected_sha1(&body, sha1),
            },
            sha1,
        )
    }

    /// A byte range that is not hashed while it is read.
    pub(crate) fn unhashed(&self, range: Range<u64>) -> Body {
        match &self.reader {
            RangeReader::Bytes(bytes, _) => {
                let [start, end] = [range.start, range.end]
                    .map(|at| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len()));
                Body::from(bytes.slice(start..end))
            }
            RangeReader::Ranges(open) => {
                let open = Arc::clone(open);
                Body::replay(range.end - range.start, move || open(range.clone()))
            }
            #[cfg(feature = "fs")]
            RangeReader::File(file) => {
                let file = Arc::clone(file);
                Body::replay(range.end - range.start, move || {
                    Ok(disk::read(&file, range.clone(), None))
                })
            }
        }
    }
}
