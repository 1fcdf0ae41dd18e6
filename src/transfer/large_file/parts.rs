//! The parts of a large file: what each is made of, and which B2 has.

use std::collections::BTreeMap;

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::api::CopyPart;
use crate::error::{Error, ErrorKind};
use crate::transfer::source::Segment;
use crate::types::{Part, PartNumber, Sha1};

/// A part, and where it comes from.
#[derive(Debug)]
pub(crate) struct PartTask {
    pub(crate) number: PartNumber,
    pub(crate) len: u64,
    pub(crate) origin: PartOrigin,
}

#[derive(Debug)]
pub(crate) enum PartOrigin {
    Local(Segment),
    /// Another file, in B2.
    Copy(Box<CopyPart>),
    /// An earlier transfer: it is there already.
    Existing(Sha1),
}

/// The parts that are over, with their lengths and digests.
#[derive(Debug, Default)]
pub(super) struct CompletedParts(pub(super) BTreeMap<PartNumber, (u64, Sha1)>);

/// The digest that the part is to be finished with.
pub(super) fn checked_sha1(part: &Part, len: u64) -> Result<Sha1, Error> {
    let integrity = |what: String| Error::new(ErrorKind::Integrity, what).with_effect(true);
    if part.content_length != len {
        let stored = part.content_length;
        return Err(integrity(format!(
            "the part has {len} bytes, and B2 stored {stored}"
        )));
    }
    let sha1 = part.content_sha1.sha1().copied();
    sha1.ok_or_else(|| integrity("B2 gives no SHA-1 of the part".to_owned()))
}

/// The parts of a plan, one after the other.
pub(crate) fn task_stream(
    tasks: Vec<PartTask>,
) -> impl Stream<Item = Result<PartTask, Error>> + Send {
    futures_util::stream::iter(tasks).map(Ok)
}
