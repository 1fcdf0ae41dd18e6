//! [`ListUnfinishedLargeFiles`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::page_check::{check_count, check_ids, check_unfinished};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Action, BucketId, Capability, FileId, FileVersion};

/// Lists the unfinished large files of a bucket, oldest first: `b2_list_unfinished_large_files`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-unfinished-large-files)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) with `bad_bucket_id` if the bucket does not exist;
/// [`Rejected`](crate::ErrorKind::Rejected) with `out_of_range` if the page size is too large;
/// [`Protocol`](crate::ErrorKind::Protocol) if a row or the start of the next page doesn't match
/// the request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListUnfinishedLargeFiles {
    bucket_id: BucketId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_file_id: Option<FileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_file_count: Option<u32>,
}

/// A page of unfinished large files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UnfinishedLargeFiles {
    /// The files, oldest first.
    pub files: Vec<FileVersion>,
    /// The file at which the next page starts; `None` on the last page.
    pub next_file_id: Option<FileId>,
    /// Not documented by B2, and always empty so far.
    pub next_file_name: Option<String>,
}

impl ListUnfinishedLargeFiles {
    /// Lists the first 100 unfinished large files of this bucket.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            name_prefix: None,
            start_file_id: None,
            max_file_count: None,
        }
    }

    /// Lists only names that start with this prefix.
    #[must_use]
    pub fn name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name_prefix = Some(prefix.into());
        self
    }

    /// Starts at this file, or the next existing one.
    #[must_use]
    pub fn start_file_id(mut self, file_id: impl Into<FileId>) -> Self {
        self.start_file_id = Some(file_id.into());
        self
    }

    /// Sets the maximum number of files per page: up to 100, the default.
    #[must_use]
    pub const fn max_file_count(mut self, count: u32) -> Self {
        self.max_file_count = Some(count);
        self
    }
}

impl Call for ListUnfinishedLargeFiles {
    const METADATA: CallMetadata = CallMetadata::read(
        "b2_list_unfinished_large_files",
        Capability::ListFiles,
        BillingClass::C,
    );
    type Output = UnfinishedLargeFiles;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<UnfinishedLargeFiles, Error> {
        let mut page: UnfinishedLargeFiles = reply.json()?;
        for file in &mut page.files {
            file.place_in(&self.bucket_id);
            // B2 may omit the action, since only unfinished large files are listed here.
            if file.action.as_str().is_empty() {
                file.action = Action::Start;
            }
        }
        check_count(page.files.len(), self.max_file_count, 100)?;
        for (number, file) in page.files.iter().enumerate() {
            check_unfinished(number, file, &self.bucket_id, self.name_prefix.as_deref())?;
        }
        let ids = page.files.iter().map(|file| &file.file_id);
        check_ids(ids, self.start_file_id.as_ref(), page.next_file_id.as_ref())?;
        Ok(page)
    }

    fn reply_limit(&self) -> usize {
        16 << 20
    }
}
