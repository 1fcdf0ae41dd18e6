//! [`DeleteKey`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{BillingClass, Call, Facts};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{ApplicationKey, ApplicationKeyId, Capability};

/// Deletes an application key: `b2_delete_key`. Its tokens stop working within minutes.
///
/// A key for several buckets can only be deleted with v4.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-delete-key)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `bad_request` if there is no such key.
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
    const FACTS: Facts = Facts::api("b2_delete_key", Capability::DeleteKeys, BillingClass::A);
    type Output = ApplicationKey;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::FACTS, self)
    }

    fn read(&self, reply: Reply) -> Result<ApplicationKey, Error> {
        reply.json_about(|key: &ApplicationKey| key.application_key_id == self.application_key_id)
    }
}
