//! [`HideFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{BillingClass, Call, Facts};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketId, Capability, FileName, FileVersion};

/// Hides a file: `b2_hide_file`. Its versions stay, behind a marker; deleting the marker shows them again.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-hide-file)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if there is no such file, [`Conflict`](crate::ErrorKind::Conflict) if it is
/// hidden already.
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
    const FACTS: Facts = Facts::api("b2_hide_file", Capability::WriteFiles, BillingClass::A);
    type Output = FileVersion;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::FACTS, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_about(|marker: &FileVersion| {
            *marker.file_name == *self.file_name.as_str() && marker.bucket_id == self.bucket_id
        })
    }
}
