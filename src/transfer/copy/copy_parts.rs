//! Parts of a large file that B2 copies from other files.

use std::ops::Range;

use crate::api::CopyPart;
use crate::transfer::large_file::{PartOrigin, PartTask};
use crate::types::{ByteRange, CustomerKey, FileId, PartNumber};

/// Creates parts of a large file from byte ranges of other files.
pub(super) struct PartCopier {
    pub(super) large_file_id: FileId,
    /// The customer-managed key of the large file.
    pub(super) key: Option<CustomerKey>,
}

impl PartCopier {
    pub(super) fn part(
        &self,
        number: PartNumber,
        source: &FileId,
        range: Range<u64>,
        source_key: Option<&CustomerKey>,
    ) -> PartTask {
        let len = range.end - range.start;
        let mut copy = CopyPart::new(source, &self.large_file_id, number).range(byte_range(range));
        if let Some(key) = source_key {
            copy = copy.source_customer_key(key.clone());
        }
        if let Some(key) = &self.key {
            copy = copy.destination_customer_key(key.clone());
        }
        PartTask {
            number,
            len,
            origin: PartOrigin::Copy(Box::new(copy)),
        }
    }
}

/// The range in HTTP form, with an inclusive end.
pub(super) fn byte_range(range: Range<u64>) -> ByteRange {
    ByteRange::inclusive(range.start, range.end - 1).expect("a part has at least one byte")
}
