//! [`DeleteKey`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation};
use super::list_keys::ListKeys;
use super::reply::Reply;
use super::session::ApiVersion;
use super::target::Target;
use crate::error::Error;
use crate::types::{ApplicationKey, ApplicationKeyId, Capability};

/// Deletes an application key: `b2_delete_key`. Its tokens stop working within minutes.
///
/// Returns the deleted key, or `None` if the response was lost and the key was already gone on
/// retry.
///
/// A key for several buckets can only be deleted through v4.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-delete-key)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `bad_request` if the key does not exist.
///
/// # Cancellation
/// Dropping the future does not stop a request that was already sent: B2 may still execute it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteKey {
    application_key_id: ApplicationKeyId,
}

impl DeleteKey {
    /// Deletes this key.
    pub fn new(application_key_id: impl Into<ApplicationKeyId>) -> Self {
        Self {
            application_key_id: application_key_id.into(),
        }
    }
}

impl Call for DeleteKey {
    const METADATA: CallMetadata =
        CallMetadata::write("b2_delete_key", Capability::DeleteKeys, BillingClass::A);
    type Output = Option<ApplicationKey>;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Option<ApplicationKey>, Error> {
        let about_it = |key: &ApplicationKey| key.application_key_id == self.application_key_id;
        reply.json_about(about_it).map(Some)
    }

    /// B2 rejects an unknown key with the generic `bad_request`, so list the keys to find out.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<Option<ApplicationKey>> {
        if lost.rejection.is_none() {
            return Reconciliation::NotDone;
        }
        // Before v4, keys for several buckets can neither be deleted nor listed.
        if lost.version < ApiVersion::V4 {
            return Reconciliation::Unknown;
        }
        let id = &self.application_key_id;
        match executor
            .execute(
                ListKeys::new()
                    .start_application_key_id(id)
                    .max_key_count(1),
            )
            .await
        {
            Ok(page) if page.keys.iter().any(|key| key.application_key_id == *id) => {
                Reconciliation::NotDone
            }
            Ok(_) => Reconciliation::Done(None),
            Err(_) => Reconciliation::Unknown,
        }
    }
}
