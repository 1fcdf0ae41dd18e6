//! [`HideFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{Ask, BillingClass, Call, Facts, Finding, Lost};
use super::list_file_versions::ListFileVersions;
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Action, BucketId, Capability, FileName, FileVersion, ListedFile};

/// Hides a file: `b2_hide_file`. Its versions stay, behind a marker; deleting the marker shows them again.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-hide-file)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if there is no such file, [`Conflict`](crate::ErrorKind::Conflict) if it is
/// hidden already.
///
/// # Cancellation
/// As soon as the request has left, it may be done although the future was dropped.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HideFile {
    bucket_id: BucketId,
    file_name: FileName,
}

impl HideFile {
    /// Hides the file with this name.
    pub fn new(bucket_id: impl Into<BucketId>, file_name: FileName) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            file_name,
        }
    }
}

impl Call for HideFile {
    const FACTS: Facts = Facts::write("b2_hide_file", Capability::WriteFiles, BillingClass::A);
    type Output = FileVersion;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::FACTS, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_about(|marker: &FileVersion| {
            *marker.file_name == *self.file_name.as_str() && marker.bucket_id == self.bucket_id
        })
    }

    fn mark_possible_duplicate(version: &mut FileVersion) {
        version.possible_duplicate = true;
    }

    /// The newest version tells, if the key may list.
    async fn settle(&self, ask: &impl Ask, lost: &Lost) -> Finding<FileVersion> {
        let name = self.file_name.as_str();
        let newest = ListFileVersions::new(&self.bucket_id)
            .start_file_name(name)
            .prefix(name)
            .max_file_count(100);
        let Ok(page) = ask.ask(newest).await else {
            return if lost.refusal.is_some() {
                Finding::Unknown
            } else {
                Finding::Unclear
            };
        };
        // Large files that are not finished yet may lie above the marker.
        let mut versions = page.files.into_iter().filter_map(ListedFile::into_version);
        let newest = versions.find(|version| version.action != Action::Start);
        match newest {
            Some(version)
                if *version.file_name == *name
                    && version.action == Action::Hide
                    && lost.covers(version.upload_timestamp) =>
            {
                Finding::Done(version)
            }
            _ => Finding::NotDone,
        }
    }
}
