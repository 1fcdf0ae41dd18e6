//! [`Cost`]: what a plan costs.

use std::fmt;

use serde::Serialize;

use super::action::Action;
use super::size::Size;
use crate::api::{
    Call, CopyFile, DeleteFileVersion, DownloadFileById, HideFile, ListFileNames, ListFileVersions,
    UploadFile,
};
use crate::client::CallCounts;
use crate::transfer::RANGE_SIZE;

/// The total cost of the lines of a plan.
///
/// ```
/// # use b2kit::sync::{Cost, Plan};
/// # use b2kit::Error;
/// # use futures::TryStreamExt;
/// # async fn cost(plan: Plan) -> Result<Cost, Error> {
/// plan.try_fold(Cost::default(), async |cost, action| Ok(cost.with(&action))).await
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Cost {
    /// Files to upload.
    pub uploads: u64,
    /// Files to download.
    pub downloads: u64,
    /// Files to copy within B2.
    pub copies: u64,
    /// Paths to delete or hide.
    pub removals: u64,
    /// Paths that are refused.
    pub refusals: u64,
    /// Bytes to upload.
    pub uploaded_bytes: u64,
    /// Bytes to download, which B2 may charge for.
    pub downloaded_bytes: u64,
    /// Bytes to copy within B2.
    pub copied_bytes: u64,
    /// The calls by billing class. This is an estimate: it includes neither retries nor the parts
    /// of large files that are uploaded or copied, assumes that each deleted file has a single
    /// version, and counts a listing for each file to replace or hide, although one checks many, and
    /// [`run`](super::Synchronizer::run) needs hardly any.
    pub calls: CallCounts,
}

/// One line for people.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to upload ({}), {} to download ({}), {} to copy, {} to delete or hide, \
             {} refused; about {} calls of class A, {} of B, {} of C",
            self.uploads,
            Size(self.uploaded_bytes),
            self.downloads,
            Size(self.downloaded_bytes),
            self.copies,
            self.removals,
            self.refusals,
            self.calls.class_a,
            self.calls.class_b,
            self.calls.class_c,
        )
    }
}

impl Cost {
    /// Adds the cost of this action.
    #[must_use]
    pub fn with(mut self, action: &Action) -> Self {
        match action {
            Action::Upload {
                source, replaces, ..
            } => {
                self.uploads += 1;
                add(&mut self.uploaded_bytes, source.bytes);
                self.count::<UploadFile>(1);
                self.count::<ListFileNames>(u64::from(replaces.is_some()));
            }
            Action::Download { source, .. } => {
                self.downloads += 1;
                add(&mut self.downloaded_bytes, source.bytes);
                self.count::<DownloadFileById>(source.bytes.div_ceil(RANGE_SIZE).max(1));
            }
            Action::Copy {
                source, replaces, ..
            } => {
                self.copies += 1;
                add(&mut self.copied_bytes, source.bytes);
                self.count::<CopyFile>(1);
                self.count::<ListFileNames>(u64::from(replaces.is_some()));
            }
            Action::Hide { .. } => {
                self.removals += 1;
                self.count::<ListFileNames>(1);
                self.count::<HideFile>(1);
            }
            Action::Delete { .. } => {
                self.removals += 1;
                self.count::<ListFileVersions>(1);
                self.count::<DeleteFileVersion>(1);
            }
            Action::DeleteVersions { versions, .. } => {
                self.removals += 1;
                self.count::<ListFileVersions>(1);
                self.count::<DeleteFileVersion>(versions.len() as u64);
            }
            Action::DeleteLocal { .. } => self.removals += 1,
            Action::Refuse { .. } => self.refusals += 1,
            Action::Skip { .. } => {}
            Action::End(scan) => self.count::<ListFileNames>(scan.listed.div_ceil(1_000)),
        }
        self
    }

    fn count<C: Call>(&mut self, calls: u64) {
        self.calls.add(C::METADATA.class, calls);
    }
}

/// Saturates, since a plan from elsewhere may contain any numbers.
const fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}
