//! [`HideFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::lost_version::Newest;
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Action, BucketId, Capability, FileName, FileVersion};

/// Hides a file: `b2_hide_file`. Its versions remain under a hide marker; deleting the marker
/// unhides the file.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-hide-file)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the file does not exist,
/// [`Conflict`](crate::ErrorKind::Conflict) if it is already hidden.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
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
    const METADATA: CallMetadata =
        CallMetadata::write("b2_hide_file", Capability::WriteFiles, BillingClass::A);
    type Output = FileVersion;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(self.file_name.as_str()).in_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_about(|marker: &FileVersion| {
            marker.file_name == *self.file_name.as_str()
                && marker.bucket_id == self.bucket_id
                && marker.action == Action::Hide
        })
    }

    fn mark_possible_duplicate(version: &mut FileVersion) {
        version.possible_duplicate = true;
    }

    /// Looks for the hide marker, if the key may list.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<FileVersion> {
        let Some(newest) = Newest::of(executor, &self.bucket_id, &self.file_name).await else {
            return if lost.rejection.is_some() {
                Reconciliation::Unknown
            } else {
                Reconciliation::Unclear
            };
        };
        // A delayed duplicate will be rejected, since the file will already be hidden.
        newest.hidden(lost)
    }
}
