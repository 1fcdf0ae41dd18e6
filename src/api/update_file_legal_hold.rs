//! [`UpdateFileLegalHold`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Capability, FileId, FileName, LegalHold, unchecked};

/// Sets or removes the legal hold of a file version: `b2_update_file_legal_hold`. A version under
/// legal hold can't be deleted, regardless of its retention.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-update-file-legal-hold)
///
/// # Errors
/// `bucket_missing_file_lock` if Object Lock is not enabled for the bucket;
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) with `access_denied` if the key lacks the
/// capability.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateFileLegalHold {
    file_name: String,
    file_id: FileId,
    legal_hold: LegalHold,
}

/// A file version whose legal hold was updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UpdatedFileLegalHold {
    /// Its id.
    pub file_id: FileId,
    /// Its name.
    #[serde(deserialize_with = "unchecked")]
    pub file_name: FileName,
    /// Whether it is under legal hold.
    pub legal_hold: LegalHold,
}

impl UpdateFileLegalHold {
    /// Sets or removes the legal hold of the version with this name and id.
    pub fn new(
        file_name: impl Into<String>,
        file_id: impl Into<FileId>,
        legal_hold: LegalHold,
    ) -> Self {
        Self {
            file_name: file_name.into(),
            file_id: file_id.into(),
            legal_hold,
        }
    }
}

impl Call for UpdateFileLegalHold {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_update_file_legal_hold",
        Capability::WriteFileLegalHolds,
        BillingClass::A,
    );
    type Output = UpdatedFileLegalHold;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(&self.file_name)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<UpdatedFileLegalHold, Error> {
        reply.json_about(|updated: &UpdatedFileLegalHold| {
            (&updated.file_id, &updated.legal_hold) == (&self.file_id, &self.legal_hold)
                && updated.file_name == *self.file_name
        })
    }
}
