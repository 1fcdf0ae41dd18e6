//! [`CreateKey`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::authorize_account::Credentials;
use super::call::{BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation};
use super::list_keys::ListKeys;
use super::reply::Reply;
use super::session::ApiVersion;
use super::target::Target;
use crate::error::Error;
use crate::types::{ApplicationKey, BucketId, Capability, KeyDuration, KeyName, Secret};

/// Creates an application key: `b2_create_key`.
///
/// ***A bucket-restricted key created through v4, the default, only works with v4**: with API
/// versions v1 to v3, which most programs still use, B2 rejects it with 400 `bad_request` "This
/// request is not currently supported on API version number …". For them, create a key for a single
/// bucket through v3: see [`api_version`](Self::api_version).
///
/// A key with [`Capability::WriteKeys`] can create keys with any capability. A key that is
/// restricted to buckets can only have capabilities for buckets and files.
///
/// ```
/// # use b2kit::api::CreateKey;
/// # use b2kit::types::{BucketId, Capability, KeyDuration, KeyName};
/// # fn key(bucket_id: BucketId) -> Result<CreateKey, b2kit::Error> {
/// let reader = CreateKey::new(KeyName::new("reader")?, [Capability::ListFiles, Capability::ReadFiles])
///     .bucket_ids([bucket_id])
///     .name_prefix("public/")
///     .valid_duration(KeyDuration::from_secs(86_400)?);
/// # Ok(reader)
/// # }
/// ```
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-create-key)
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) if the key would have no capability, be restricted to an
/// empty list of buckets, or be restricted to several buckets through v2 or v3, which allow only
/// one.
///
/// # Cancellation
/// B2 may still create the key after the future is dropped, and its secret is then lost.
/// [`ListKeys`](super::ListKeys) lists such a key, so that it can be deleted.
#[derive(Debug, Clone)]
pub struct CreateKey {
    key_name: KeyName,
    capabilities: Vec<Capability>,
    bucket_ids: Option<Vec<BucketId>>,
    name_prefix: Option<String>,
    valid_duration: Option<KeyDuration>,
    version: Option<ApiVersion>,
}

/// A newly created key, with its secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreatedKey {
    /// The key's secret. B2 never returns it again.
    pub application_key: Secret,
    /// The key's id, capabilities and restrictions.
    #[serde(flatten)]
    pub key: ApplicationKey,
}

impl CreatedKey {
    /// The credentials for a client with this key.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if B2 returned a malformed key.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let (id, key) = (&self.key.application_key_id, &self.application_key);
        Credentials::new(id.as_str(), key.expose())
    }
}

impl CreateKey {
    /// Creates a key with this name and these capabilities, for all buckets and without expiration.
    pub fn new(key_name: KeyName, capabilities: impl IntoIterator<Item = Capability>) -> Self {
        Self {
            key_name,
            capabilities: capabilities.into_iter().collect(),
            bucket_ids: None,
            name_prefix: None,
            valid_duration: None,
            version: None,
        }
    }

    /// Restricts the key to these buckets. More than one needs v4 of the API.
    #[must_use]
    pub fn bucket_ids<I: Into<BucketId>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.bucket_ids = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// Creates the key through this API version, regardless of the session's. A key for a single
    /// bucket created through v3 works with v2, v3 and v4.
    #[must_use]
    pub const fn api_version(mut self, version: ApiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Restricts the key to files whose names start with this prefix.
    #[must_use]
    pub fn name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name_prefix = Some(prefix.into());
        self
    }

    /// Sets how long the key is valid.
    #[must_use]
    pub const fn valid_duration(mut self, duration: KeyDuration) -> Self {
        self.valid_duration = Some(duration);
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    key_name: &'a KeyName,
    capabilities: &'a [Capability],
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_ids: Option<&'a [BucketId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_id: Option<&'a BucketId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_duration_in_seconds: Option<KeyDuration>,
}

impl Call for CreateKey {
    const METADATA: CallMetadata =
        CallMetadata::write("b2_create_key", Capability::WriteKeys, BillingClass::C);
    type Output = CreatedKey;

    fn check(&self) -> Result<(), Error> {
        if self.capabilities.is_empty() {
            return Err(Error::invalid("a key needs at least one capability"));
        }
        // B2 doesn't document what an empty list means, and it must not mean "all buckets".
        if self.bucket_ids.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid(
                "the list of buckets that the key is restricted to is \
                 empty",
            ));
        }
        Ok(())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        let target = target.in_version(self.version.unwrap_or(target.version()));
        let (bucket_ids, bucket_id) = match (target.version(), self.bucket_ids.as_deref()) {
            (_, None) => (None, None),
            (ApiVersion::V2 | ApiVersion::V3, Some([bucket_id])) => (None, Some(bucket_id)),
            (version @ (ApiVersion::V2 | ApiVersion::V3), Some(several)) => {
                return Err(Error::invalid(format!(
                    "a key for {} buckets needs API version v4, but this call uses {version}",
                    several.len()
                )));
            }
            (ApiVersion::V4, several) => (several, None),
        };
        let wire = Wire {
            key_name: &self.key_name,
            capabilities: &self.capabilities,
            bucket_ids,
            bucket_id,
            name_prefix: self.name_prefix.as_deref(),
            valid_duration_in_seconds: self.valid_duration,
        };
        target.post_for_account(&Self::METADATA, &wire)
    }

    fn read(&self, reply: Reply) -> Result<CreatedKey, Error> {
        reply.json_about(|created: &CreatedKey| {
            let key = &created.key;
            let same_buckets = |wanted: &Vec<BucketId>| {
                let shown = key.bucket_ids.as_deref().unwrap_or_default();
                wanted.iter().all(|id| shown.contains(id))
                    && shown.iter().all(|id| wanted.contains(id))
            };
            // A key with other restrictions or missing capabilities is not the requested one.
            key.key_name == *self.key_name.as_str()
                && self.bucket_ids.as_ref().is_none_or(same_buckets)
                && key.name_prefix.as_deref().unwrap_or_default()
                    == self.name_prefix.as_deref().unwrap_or_default()
                && self
                    .capabilities
                    .iter()
                    .all(|wanted| key.capabilities.contains(wanted))
        })
    }

    fn secrets_in_output(created: &CreatedKey) -> Vec<Secret> {
        vec![created.application_key.clone()]
    }

    /// Checks whether a key with this name exists. A key whose secret was lost with the response is
    /// useless but valid. Key names need not be unique, so it may also be an older key: it is left
    /// alone, and no second key is created. Nor is one created while B2 may still execute the first
    /// attempt.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<CreatedKey> {
        let is_for_several = self.bucket_ids.as_ref().is_some_and(|ids| ids.len() > 1);
        // Before v4, keys for several buckets are not listed.
        if lost.may_still_execute || is_for_several && lost.version < ApiVersion::V4 {
            return Reconciliation::Unknown;
        }
        let (mut list, mut passed) = (ListKeys::new().max_key_count(1_000), Vec::new());
        // Give up after 100 pages.
        while passed.len() < 100 {
            let Ok(page) = executor.execute(list.clone()).await else {
                return Reconciliation::Unknown;
            };
            if page
                .keys
                .iter()
                .any(|key| key.key_name == *self.key_name.as_str())
            {
                return Reconciliation::Unknown;
            }
            let Some(next) = page.next_application_key_id else {
                return Reconciliation::NotDone;
            };
            // The pagination is circular.
            if passed.contains(&next) {
                return Reconciliation::Unknown;
            }
            list = list.start_application_key_id(&next);
            passed.push(next);
        }
        Reconciliation::Unknown
    }
}
