//! [`DeleteFileVersion`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Capability, FileId, FileName, unchecked};

/// Deletes one version of a file: `b2_delete_file_version`. Hide markers and unfinished large files
/// are versions too.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-delete-file-version)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if there is no version with this name and id, for
/// example because it was already deleted; [`Unauthorized`](crate::ErrorKind::Unauthorized) with
/// `access_denied` if it is protected by retention or a legal hold.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteFileVersion {
    file_name: String,
    file_id: FileId,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_governance: Option<bool>,
}

/// A deleted file version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeletedFileVersion {
    /// The id of the version.
    pub file_id: FileId,
    /// The name of the file.
    #[serde(deserialize_with = "unchecked")]
    pub file_name: FileName,
}

impl DeleteFileVersion {
    /// Deletes the version with this name and id; B2 requires both. The name is not validated, so
    /// that files older than the current naming rules can be deleted too.
    pub fn new(file_name: impl Into<String>, file_id: impl Into<FileId>) -> Self {
        Self {
            file_name: file_name.into(),
            file_id: file_id.into(),
            bypass_governance: None,
        }
    }

    /// Deletes the version even if its governance-mode retention has not expired. Needs
    /// `bypassGovernance`.
    #[must_use]
    pub const fn bypass_governance(mut self) -> Self {
        self.bypass_governance = Some(true);
        self
    }
}

impl Call for DeleteFileVersion {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_delete_file_version",
        Capability::DeleteFiles,
        BillingClass::A,
    );
    type Output = DeletedFileVersion;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(&self.file_name)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<DeletedFileVersion, Error> {
        reply.json_about(|deleted: &DeletedFileVersion| {
            deleted.file_id == self.file_id && deleted.file_name == *self.file_name
        })
    }

    async fn reconcile(
        &self,
        _: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<DeletedFileVersion> {
        match &lost.rejection {
            Some(rejection) if rejection.code == "file_not_present" || rejection.status == 404 => {
                let file_id = self.file_id.clone();
                let file_name = FileName::new_unchecked(&self.file_name);
                Reconciliation::Done(DeletedFileVersion { file_id, file_name })
            }
            _ => Reconciliation::NotDone,
        }
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        self.bypass_governance
            .map(|_| Capability::BypassGovernance)
            .into_iter()
            .collect()
    }
}
