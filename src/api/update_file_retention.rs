//! [`UpdateFileRetention`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::response_match::same_retention;
use super::target::Target;
use crate::error::Error;
use crate::types::{Capability, FileId, FileName, FileRetention, unchecked};

/// Sets, changes or removes the retention of a file version: `b2_update_file_retention`.
///
/// A retention can always be extended, and changed from governance to compliance mode. In
/// governance mode it can be shortened or removed with
/// [`bypass_governance`](Self::bypass_governance); in compliance mode it can't.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-update-file-retention)
///
/// # Errors
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) with `access_denied` if the current retention
/// does not allow it, or the key lacks the capability; `bucket_missing_file_lock` if Object Lock is
/// not enabled for the bucket; `retain_until_timestamp_must_be_in_future`.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateFileRetention {
    file_name: String,
    file_id: FileId,
    file_retention: FileRetention,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_governance: Option<bool>,
}

/// A file version whose retention was updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UpdatedFileRetention {
    /// Its id.
    pub file_id: FileId,
    /// Its name.
    #[serde(deserialize_with = "unchecked")]
    pub file_name: FileName,
    /// Its retention, until which it can't be deleted.
    #[serde(default)]
    pub file_retention: FileRetention,
}

impl UpdateFileRetention {
    /// Sets the retention of the version with this name and id; [`FileRetention::none`] removes it.
    pub fn new(
        file_name: impl Into<String>,
        file_id: impl Into<FileId>,
        retention: FileRetention,
    ) -> Self {
        Self {
            file_name: file_name.into(),
            file_id: file_id.into(),
            file_retention: retention,
            bypass_governance: None,
        }
    }

    /// Allows a governance-mode retention to be shortened or removed. Needs `bypassGovernance`.
    #[must_use]
    pub const fn bypass_governance(mut self) -> Self {
        self.bypass_governance = Some(true);
        self
    }
}

impl Call for UpdateFileRetention {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_update_file_retention",
        Capability::WriteFileRetentions,
        BillingClass::A,
    );
    type Output = UpdatedFileRetention;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(&self.file_name)
    }

    fn check(&self) -> Result<(), Error> {
        self.file_retention.check()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<UpdatedFileRetention, Error> {
        reply.json_about(|updated: &UpdatedFileRetention| {
            updated.file_id == self.file_id
                && updated.file_name == *self.file_name
                && same_retention(&self.file_retention, &updated.file_retention)
        })
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        self.bypass_governance
            .map(|_| Capability::BypassGovernance)
            .into_iter()
            .collect()
    }
}
