//! [`ListFileVersions`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::list_file_names::{MAX_ROWS, listing_limit};
use super::page_check::{NameQuery, check_count, stuck};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketId, Capability, FileId, ListedFile, rows};

/// Lists all file versions in a bucket, sorted by name, newest first: `b2_list_file_versions`.
/// Includes hide markers and unfinished large files.
///
/// B2 bills every 1,000 rows as one call.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-file-versions)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) with `bad_bucket_id` if the bucket does not exist;
/// [`Rejected`](crate::ErrorKind::Rejected) with `out_of_range` if the page size is too large;
/// [`Protocol`](crate::ErrorKind::Protocol) if a row or the start of the next page doesn't match
/// the request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListFileVersions {
    bucket_id: BucketId,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_file_id: Option<FileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_file_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
}

/// A page of a bucket's file versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileVersions {
    /// The rows, sorted by name, newest first. A page may be empty without being the last.
    #[serde(deserialize_with = "rows")]
    pub files: Vec<ListedFile>,
    /// The name at which the next page starts; `None` on the last page.
    pub next_file_name: Option<String>,
    /// The version at which the next page starts. Not necessarily an existing one.
    pub next_file_id: Option<FileId>,
}

impl ListFileVersions {
    /// Lists the first 100 versions of this bucket.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            start_file_name: None,
            start_file_id: None,
            max_file_count: None,
            prefix: None,
            delimiter: None,
        }
    }

    /// Starts at the newest version of this name, or of the next existing one.
    #[must_use]
    pub fn start_file_name(mut self, name: impl Into<String>) -> Self {
        self.start_file_name = Some(name.into());
        self.start_file_id = None;
        self
    }

    /// Starts at this version of this name, or the next existing one.
    #[must_use]
    pub fn start_at(mut self, name: impl Into<String>, file_id: impl Into<FileId>) -> Self {
        self.start_file_name = Some(name.into());
        self.start_file_id = Some(file_id.into());
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

impl Call for ListFileVersions {
    const METADATA: CallMetadata = CallMetadata::read(
        "b2_list_file_versions",
        Capability::ListFiles,
        BillingClass::C,
    );
    type Output = FileVersions;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersions, Error> {
        let mut page: FileVersions = reply.json()?;
        page.files
            .iter_mut()
            .for_each(|row| row.place_in(&self.bucket_id));
        check_count(page.files.len(), self.max_file_count, MAX_ROWS)?;
        let next_name = page.next_file_name.as_deref();
        let query = NameQuery {
            bucket_id: &self.bucket_id,
            start_name: self.start_file_name.as_deref(),
            prefix: self.prefix.as_deref(),
            delimiter: self.delimiter.as_deref(),
            versions: true,
        };
        query.check(&page.files, next_name)?;
        let last_name = page.files.last().map(ListedFile::file_name);
        let start_name = self.start_file_name.as_deref();
        match (next_name, &page.next_file_id) {
            (None, None) => {}
            // Treating this as the end would truncate the listing.
            (None, Some(id)) => return Err(stuck(id)),
            // A name alone starts at its newest version, which may already have been listed.
            (Some(name), None) if [last_name, start_name].contains(&next_name) => {
                return Err(stuck(name));
            }
            (Some(name), Some(id)) => {
                let is_start = start_name == Some(name) && self.start_file_id.as_ref() == Some(id);
                let mut ids = page.files.iter().filter_map(ListedFile::version);
                if is_start || ids.any(|version| version.file_id == *id) {
                    return Err(stuck(id));
                }
            }
            (Some(_), None) => {}
        }
        Ok(page)
    }

    fn reply_limit(&self) -> usize {
        listing_limit(self.max_file_count)
    }
}
