//! [`ListKeys`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata};
use super::page_check::{check_count, check_ids};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{ApplicationKey, ApplicationKeyId, Capability};

/// Lists the account's application keys, sorted by id: `b2_list_keys`. Omits the master key and,
/// before v4, keys for several buckets.
///
/// B2 bills every 1,000 keys as one call.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-list-keys)
///
/// # Errors
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) if the key lacks `listKeys`;
/// [`Protocol`](crate::ErrorKind::Protocol) if the response has more keys than requested, or the
/// next page does not advance.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_key_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_application_key_id: Option<ApplicationKeyId>,
}

/// A page of the account's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Keys {
    /// The keys, sorted by id.
    pub keys: Vec<ApplicationKey>,
    /// The key at which the next page starts; `None` on the last page. Not necessarily an existing
    /// key.
    pub next_application_key_id: Option<ApplicationKeyId>,
}

impl ListKeys {
    /// Lists the first 100 keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) const fn has_max_key_count(&self) -> bool {
        self.max_key_count.is_some()
    }

    /// Sets the maximum number of keys per page: up to 10,000. Defaults to 100.
    #[must_use]
    pub const fn max_key_count(mut self, count: u32) -> Self {
        self.max_key_count = Some(count);
        self
    }

    /// Starts at this key, or the next existing one.
    #[must_use]
    pub fn start_application_key_id(mut self, id: impl Into<ApplicationKeyId>) -> Self {
        self.start_application_key_id = Some(id.into());
        self
    }
}

impl Call for ListKeys {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_list_keys", Capability::ListKeys, BillingClass::C);
    type Output = Keys;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post_for_account(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Keys, Error> {
        let page: Keys = reply.json()?;
        check_count(page.keys.len(), self.max_key_count, 10_000)?;
        let ids = page.keys.iter().map(|key| &key.application_key_id);
        let start = self.start_application_key_id.as_ref();
        check_ids(ids, start, page.next_application_key_id.as_ref())?;
        Ok(page)
    }

    /// A key with every capability takes about 1,000 bytes, plus its buckets and prefix.
    fn reply_limit(&self) -> usize {
        let keys = self.max_key_count.map_or(100, |count| count as usize);
        (1 << 20) + keys.min(10_000) * (8 << 10)
    }
}
