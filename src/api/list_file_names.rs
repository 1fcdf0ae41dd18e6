//! [`ListFileNames`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::page_check::{NameQuery, check_count};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketId, Capability, ListedFile, rows};

/// Lists the current version of each file in a bucket, sorted by name: `b2_list_file_names`. Omits
/// hidden files.
///
/// B2 bills every 1,000 rows as one call.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-file-names)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) with `bad_bucket_id` if the bucket does not exist;
/// [`Rejected`](crate::ErrorKind::Rejected) with `out_of_range` if the page size is too large;
/// [`Protocol`](crate::ErrorKind::Protocol) if a row or the start of the next page doesn't match
/// the request: another bucket or prefix, out of order, or more rows than requested.
#[doc(alias = "list_objects")]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListFileNames {
    bucket_id: BucketId,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_file_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
}

/// A page of a bucket's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileNames {
    /// The rows, sorted by name. A page may be empty without being the last.
    #[serde(deserialize_with = "rows")]
    pub files: Vec<ListedFile>,
    /// The name at which the next page starts; `None` on the last page. Not necessarily an existing
    /// name.
    pub next_file_name: Option<String>,
}

impl ListFileNames {
    /// Lists the first 100 files of this bucket.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            start_file_name: None,
            max_file_count: None,
            prefix: None,
            delimiter: None,
        }
    }

    /// Starts at this name, or the next existing one.
    #[must_use]
    pub fn start_file_name(mut self, name: impl Into<String>) -> Self {
        self.start_file_name = Some(name.into());
        self
    }

    pub(super) const fn has_max_file_count(&self) -> bool {
        self.max_file_count.is_some()
    }

    /// Sets the maximum number of rows per page: up to 10,000. Defaults to 100.
    #[must_use]
    pub const fn max_file_count(mut self, count: u32) -> Self {
        self.max_file_count = Some(count);
        self
    }

    /// Lists only names that start with this prefix.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Groups names that contain this delimiter after the prefix into one folder row; usually `/`.
    #[must_use]
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = Some(delimiter.into());
        self
    }
}

impl Call for ListFileNames {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_list_file_names", Capability::ListFiles, BillingClass::C);
    type Output = FileNames;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileNames, Error> {
        let mut page: FileNames = reply.json()?;
        page.files
            .iter_mut()
            .for_each(|row| row.place_in(&self.bucket_id));
        check_count(page.files.len(), self.max_file_count, MAX_ROWS)?;
        let query = NameQuery {
            bucket_id: &self.bucket_id,
            start_name: self.start_file_name.as_deref(),
            prefix: self.prefix.as_deref(),
            delimiter: self.delimiter.as_deref(),
            versions: false,
        };
        query.check(&page.files, page.next_file_name.as_deref())?;
        Ok(page)
    }

    fn reply_limit(&self) -> usize {
        listing_limit(self.max_file_count)
    }
}

/// The maximum number of rows in a page of names or versions.
pub(super) const MAX_ROWS: u32 = 10_000;

/// The maximum size of a page: a row has a name of at most 1,024 bytes and file info of 7,000,
/// which escaping can multiply.
pub(super) fn listing_limit(max_file_count: Option<u32>) -> usize {
    let rows = max_file_count
        .filter(|&count| count > 0)
        .map_or(100, |count| count as usize);
    (1 << 20) + rows.min(10_000) * (16 << 10)
}
