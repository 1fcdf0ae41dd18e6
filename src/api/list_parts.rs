//! [`ListParts`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::page_check::{check_count, outside, stuck};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Capability, FileId, Part, PartNumber};

/// Lists the parts of an unfinished large file, sorted by number: `b2_list_parts`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-parts)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `bad_request` if the large file does not exist, or
/// was finished or cancelled; [`Protocol`](crate::ErrorKind::Protocol) if a part belongs to another
/// file or is out of order, or there are more parts than requested.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListParts {
    file_id: FileId,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_part_number: Option<PartNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_part_count: Option<u32>,
}

/// A page of the parts of an unfinished large file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Parts {
    /// The parts, sorted by number.
    pub parts: Vec<Part>,
    /// The part number at which the next page starts; `None` on the last page.
    pub next_part_number: Option<u32>,
}

impl ListParts {
    /// Lists the first 100 parts of this large file.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
            start_part_number: None,
            max_part_count: None,
        }
    }

    /// Starts at this part, or the next existing one.
    #[must_use]
    pub const fn start_part_number(mut self, number: PartNumber) -> Self {
        self.start_part_number = Some(number);
        self
    }

    pub(super) const fn has_max_part_count(&self) -> bool {
        self.max_part_count.is_some()
    }

    /// Sets the maximum number of parts per page: up to 1,000. Defaults to 100.
    #[must_use]
    pub const fn max_part_count(mut self, count: u32) -> Self {
        self.max_part_count = Some(count);
        self
    }
}

impl Call for ListParts {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_list_parts", Capability::WriteFiles, BillingClass::C);
    type Output = Parts;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Parts, Error> {
        let page: Parts = reply.json()?;
        check_count(page.parts.len(), self.max_part_count, 1_000)?;
        let start = self.start_part_number.unwrap_or(PartNumber::FIRST);
        let mut least = u32::from(start.as_u16());
        for (number, part) in page.parts.iter().enumerate() {
            let why = if part.file_id != self.file_id {
                "it belongs to a different file"
            } else if part.part_number < least {
                "its number is out of order"
            } else if part.part_number > u32::from(PartNumber::MAX.as_u16()) {
                "its number is higher than 10,000"
            } else {
                least = part.part_number + 1;
                continue;
            };
            let name = format!("part {} of {}", part.part_number, part.file_id);
            return Err(outside(number, &name, why));
        }
        // Even if the page is empty, the next one has to start after this one's start.
        let behind = least.max(u32::from(start.as_u16()) + 1);
        match page.next_part_number {
            Some(next) if next < behind => Err(stuck(&next)),
            _ => Ok(page),
        }
    }

    fn reply_limit(&self) -> usize {
        16 << 20
    }
}
