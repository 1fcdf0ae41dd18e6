//! [`GetFileInfo`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Capability, FileId, FileVersion};

/// Gets the metadata of a file version: `b2_get_file_info`. Not available for unfinished large
/// files.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-get-file-info)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the version does not exist or is an unfinished large
/// file.
#[doc(alias = "head_object")]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetFileInfo {
    file_id: FileId,
}

impl GetFileInfo {
    /// Gets the metadata of this version.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
        }
    }
}

impl Call for GetFileInfo {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_get_file_info", Capability::ReadFiles, BillingClass::B);
    type Output = FileVersion;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_about(|file: &FileVersion| file.file_id == self.file_id)
    }
}
