//! The parts of a large file: the origin of each, and the completed ones.

use std::collections::BTreeMap;

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::api::CopyPart;
use crate::error::{Error, ErrorKind};
use crate::transfer::source::Segment;
use crate::types::{Part, PartNumber, Sha1};

/// A part to upload, copy or reuse.
#[derive(Debug)]
pub(crate) struct PartTask {
    pub(crate) number: PartNumber,
    pub(crate) len: u64,
    pub(crate) origin: PartOrigin,
}

/// Where the bytes of a part come from.
#[derive(Debug)]
pub(crate) enum PartOrigin {
    /// The source of the upload.
    Local(Segment),
    /// A file in B2.
    Copy(Box<CopyPart>),
    /// An earlier upload: B2 already has the part.
    Existing(Sha1),
}

/// The parts that B2 has stored, with their lengths and SHA-1s.
#[derive(Debug, Default)]
pub(super) struct CompletedParts(pub(super) BTreeMap<PartNumber, (u64, Sha1)>);

/// Checks the length of a stored part, and returns its SHA-1.
pub(super) fn checked_sha1(part: &Part, len: u64) -> Result<Sha1, Error> {
    let integrity = |what: String| Error::new(ErrorKind::Integrity, what).with_effect(true);
    if part.content_length != len {
        let stored = part.content_length;
        return Err(integrity(format!(
            "the part has {len} bytes, but B2 stored {stored}"
        )));
    }
    let sha1 = part.content_sha1.sha1().copied();
    sha1.ok_or_else(|| integrity("B2 returned no SHA-1 of the part".to_owned()))
}

/// The tasks as a stream.
pub(crate) fn task_stream(
    tasks: Vec<PartTask>,
) -> impl Stream<Item = Result<PartTask, Error>> + Send {
    futures_util::stream::iter(tasks).map(Ok)
}
