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
/// **A key for buckets that is made in v4, which is the default, works in v4 alone**: B2 refuses it
/// to programs that speak v1 to v3, which most still do, with 400 `bad_request` "This request is
/// not currently supported on API version number …". For them, one for a single bucket can be made
/// through v3: see [`api_version`](Self::api_version).
///
/// The key may do what its capabilities say and nothing else. With [`Capability::WriteKeys`] it can
/// create keys with every capability. A key that is restricted to buckets can only have
/// capabilities for buckets and files.
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
/// empty list of buckets, or to several buckets through v2 or v3, which allow one at most.
///
/// # Cancellation
/// The key may be created although the future was dropped, and then nobody has its secret half.
/// [`ListKeys`](super::ListKeys) finds it.
#[derive(Debug, Clone)]
pub struct CreateKey {
    key_name: KeyName,
    capabilities: Vec<Capability>,
    bucket_ids: Option<Vec<BucketId>>,
    name_prefix: Option<String>,
    valid_duration: Option<KeyDuration>,
    version: Option<ApiVersion>,
}

/// A key that was created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreatedKey {
    /// The key itself. B2 never shows it again.
    pub application_key: Secret,
    /// What it may do.
    #[serde(flatten)]
    pub key: ApplicationKey,
}

impl CreatedKey {
    /// The credentials for a client with this key.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if what B2 returned can't be a key.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let (id, key) = (&self.key.application_key_id, &self.application_key);
        Credentials::new(id.as_str(), key.expose())
    }
}

impl CreateKey {
    /// A key with this name and these capabilities, for all buckets and without expiration.
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

    /// Creates the key through this version of the API, whatever version the session speaks. A key
    /// for a single bucket that was created through v3 works for programs that speak v2, v3 or v4.
    #[must_use]
    pub const fn api_version(mut self, version: ApiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Restricts the key to files whose names begin with this.
    #[must_use]
    pub fn name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name_prefix = Some(prefix.into());
        self
    }

    /// How long the key is valid.
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
            return Err(Error::invalid("the key would have no capability"));
        }
        // B2 doesn't say what an empty list means, and it must not be "all buckets".
        if self.bucket_ids.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("the key would be restricted to no bucket"));
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
                    "a key for {} buckets needs version v4 of the API, and this is made through \
                     {version}",
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
            // A key that may do less or more than asked for is another's.
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

    /// A key whose secret was lost with the answer is of no use, but it is alive. Names need not be
    /// unique, so a key of this name may as well be an older one: it is left alone, and no second
    /// one is made. Nor is one made while the first may yet come.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<CreatedKey> {
        if lost.may_still_execute {
            return Reconciliation::Unknown;
        }
        let (mut list, mut passed) = (ListKeys::new().max_key_count(1_000), Vec::new());
        // Who has more keys than this can't be told.
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
            // B2 leads in a circle.
            if passed.contains(&next) {
                return Reconciliation::Unknown;
            }
            list = list.start_application_key_id(&next);
            passed.push(next);
        }
        Reconciliation::Unknown
    }
}
