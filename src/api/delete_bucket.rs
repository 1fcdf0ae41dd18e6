//! [`DeleteBucket`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Bucket, BucketId, Capability};

/// Deletes an empty bucket: `b2_delete_bucket`. All versions have to be deleted first, including
/// hide markers and unfinished large files.
///
/// Returns the deleted bucket, or `None` if the response was lost and the bucket was already gone
/// on retry.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-delete-bucket)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the bucket does not exist;
/// [`Rejected`](crate::ErrorKind::Rejected) with `cannot_delete_non_empty_bucket` if it has files.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteBucket {
    bucket_id: BucketId,
}

impl DeleteBucket {
    /// Deletes this bucket.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
        }
    }
}

impl Call for DeleteBucket {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_delete_bucket",
        Capability::DeleteBuckets,
        BillingClass::A,
    );
    type Output = Option<Bucket>;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post_for_account(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Option<Bucket>, Error> {
        let bucket = reply.json_about(|bucket: &Bucket| bucket.bucket_id == self.bucket_id);
        bucket.map(Some)
    }

    async fn reconcile(
        &self,
        _: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<Option<Bucket>> {
        match &lost.rejection {
            Some(rejection) if rejection.code == "bad_bucket_id" || rejection.status == 404 => {
                Reconciliation::Done(None)
            }
            _ => Reconciliation::NotDone,
        }
    }
}
