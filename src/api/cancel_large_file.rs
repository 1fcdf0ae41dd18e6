//! [`CancelLargeFile`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::get_file_info::GetFileInfo;
use super::reply::Reply;
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::types::{AccountId, BucketId, Capability, FileId, FileName};

/// Cancels an unfinished large file and deletes its parts: `b2_cancel_large_file`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-cancel-large-file)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `bad_request` if the file id is unknown, or the
/// file was already finished or cancelled.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelLargeFile {
    file_id: FileId,
}

/// A cancelled large file. Only the id is known if the response was lost and B2 no longer had the
/// file on retry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CanceledLargeFile {
    /// The account that owned the file.
    pub account_id: Option<AccountId>,
    /// The bucket that the file was in.
    pub bucket_id: Option<BucketId>,
    /// The file id.
    pub file_id: FileId,
    /// The name that the file would have had.
    #[serde(default, deserialize_with = "unchecked_if_present")]
    pub file_name: Option<FileName>,
}

fn unchecked_if_present<'de, D>(deserializer: D) -> Result<Option<FileName>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.map(FileName::new_unchecked))
}

impl CancelLargeFile {
    /// Cancels this large file.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
        }
    }
}

impl Call for CancelLargeFile {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_cancel_large_file",
        Capability::WriteFiles,
        BillingClass::A,
    );
    type Output = CanceledLargeFile;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<CanceledLargeFile, Error> {
        reply.json_about(|canceled: &CanceledLargeFile| canceled.file_id == self.file_id)
    }

    /// A rejection means that the file no longer exists as unfinished: it was cancelled, or someone
    /// has finished it.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<CanceledLargeFile> {
        if lost.rejection.is_none() {
            return Reconciliation::NotDone;
        }
        let gone = CanceledLargeFile {
            account_id: None,
            bucket_id: None,
            file_id: self.file_id.clone(),
            file_name: None,
        };
        match executor.execute(GetFileInfo::new(&self.file_id)).await {
            Ok(_) => Reconciliation::NotDone,
            Err(error) => match error.kind() {
                // If the key may not read the file, rely on the rejection.
                ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Unauthorized => {
                    Reconciliation::Done(gone)
                }
                _ => Reconciliation::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_name_breaks_todays_rules_can_be_cancelled() {
        let json = r#"{"accountId":"a","bucketId":"b","fileId":"4_z","fileName":"/old//name"}"#;
        let cancelled: CanceledLargeFile = serde_json::from_str(json).unwrap();
        assert_eq!(cancelled.file_name.unwrap().as_str(), "/old//name");
        let without = serde_json::from_str::<CanceledLargeFile>(r#"{"fileId":"4_z"}"#).unwrap();
        assert_eq!(without.file_name, None);
    }
}
