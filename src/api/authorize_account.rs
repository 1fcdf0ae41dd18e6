//! [`AuthorizeAccount`]: exchanges an application key for a session.

use b2kit_core::Request;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::call::{Call, CallMetadata};
use super::reply::Reply;
use super::session::{Allowed, AllowedBucket, ApiVersion, Session, origin};
use super::target::{Target, authorization, request};
use crate::error::{Error, ErrorKind};
use crate::types::{AccountId, ApplicationKeyId, BucketId, Capability, Secret, Timestamp};

/// An application key: its id and its secret.
///
/// The key is never printed, and its memory is zeroed when the last copy is dropped.
///
/// ```
/// use b2kit::Credentials;
///
/// let credentials = Credentials::new("0012345", "K001abcdefghijklmnop")?;
/// assert!(!format!("{credentials:?}").contains("K001"));
/// assert!(Credentials::new("0012345", "K001 copied with a space").is_err());
/// # Ok::<(), b2kit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Credentials {
    application_key_id: ApplicationKeyId,
    application_key: Secret,
}

impl Credentials {
    /// Creates credentials from a key's id and secret.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if either is empty or contains whitespace, control or
    /// non-ASCII characters, or if the id contains a `:`. The error doesn't show the key.
    pub fn new(
        application_key_id: impl Into<String>,
        application_key: impl Into<String>,
    ) -> Result<Self, Error> {
        let (id, key) = (application_key_id.into(), Secret::new(application_key));
        for (name, text) in [
            ("application key id", id.as_str()),
            ("application key", key.expose()),
        ] {
            if text.is_empty() {
                return Err(Error::invalid(format!("the {name} is empty")));
            }
            if let Some(at) = text.chars().position(|c| !c.is_ascii_graphic()) {
                let at = at + 1;
                return Err(Error::invalid(format!(
                    "the {name} has whitespace or an invalid character at position {at}; was it \
                     copied completely?",
                )));
            }
        }
        if id.contains(':') {
            return Err(Error::invalid(
                "the application key id contains a ':', which no key id does",
            ));
        }
        Ok(Self {
            application_key_id: id.into(),
            application_key: key,
        })
    }

    /// Reads the environment variables `B2_APPLICATION_KEY_ID` and `B2_APPLICATION_KEY`, which B2's
    /// official tools use too.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if one of them is not set, or [`new`](Self::new) rejects its
    /// value.
    pub fn from_env() -> Result<Self, Error> {
        let key_id = Secret::from_env("B2_APPLICATION_KEY_ID")?;
        let key = Secret::from_env("B2_APPLICATION_KEY")?;
        Self::new(key_id.expose(), key.expose())
    }

    #[cfg(feature = "fs")]
    pub(crate) const fn application_key(&self) -> &Secret {
        &self.application_key
    }

    /// The key's id.
    #[must_use]
    pub const fn application_key_id(&self) -> &ApplicationKeyId {
        &self.application_key_id
    }

    /// The secrets to redact: the key, and the `Authorization` header value with it.
    pub(crate) fn secrets(&self) -> [Secret; 2] {
        [self.application_key.clone(), self.basic()]
    }

    /// The `Authorization` header value (Basic).
    fn basic(&self) -> Secret {
        let (id, key) = (&self.application_key_id, self.application_key.expose());
        let pair = Zeroizing::new(format!("{id}:{key}"));
        Secret::new(format!("Basic {}", BASE64_STANDARD.encode(&*pair)))
    }
}

/// Authorizes the account: `b2_authorize_account`. The client makes this call automatically when it
/// needs a session.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-authorize-account)
///
/// # Errors
/// [`Credentials`](crate::ErrorKind::Credentials) if B2 rejects the key, or rejects it for this API
/// version: a bucket-restricted key created through v4 only works with v4, unless it was [created
/// for older programs](super::CreateKey::api_version).
#[derive(Debug, Clone)]
pub struct AuthorizeAccount {
    credentials: Credentials,
}

impl AuthorizeAccount {
    /// Authorizes with these credentials.
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials }
    }
}

impl Call for AuthorizeAccount {
    const METADATA: CallMetadata = CallMetadata::authorization("b2_authorize_account");
    type Output = Session;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        let basic = self.credentials.basic();
        request(
            Method::GET,
            &target.realm_url(&Self::METADATA),
            &authorization(&basic)?,
        )
    }

    fn read(&self, reply: Reply) -> Result<Session, Error> {
        reply.json::<Wire>()?.session()
    }

    fn secrets(&self) -> Vec<Secret> {
        vec![self.credentials.application_key.clone()]
    }

    fn secrets_in_output(session: &Session) -> Vec<Secret> {
        vec![session.authorization_token.clone()]
    }
}

/// The response of all API versions: v2 has all fields at the top level, v3 and v4 have most of
/// them under `apiInfo.storageApi`.
///
/// `#[serde(flatten)]` is not used: it would compile each decoder several times.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    account_id: AccountId,
    authorization_token: Secret,
    application_key_expiration_timestamp: Option<Timestamp>,
    /// v3 and v4.
    api_info: Option<ApiInfo>,
    /// The rest is as in v2.
    absolute_minimum_part_size: Option<u64>,
    recommended_part_size: Option<u64>,
    api_url: Option<String>,
    download_url: Option<String>,
    s3_api_url: Option<String>,
    allowed: Option<WireAllowed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiInfo {
    storage_api: StorageApi,
    groups_api: Option<GroupsApi>,
    backup_api: Option<BackupApi>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupsApi {
    /// v3.
    #[serde(default)]
    capabilities: Vec<Capability>,
    groups_api_url: Option<String>,
    /// v3.
    info_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BackupApi {
    /// v3.
    #[serde(default)]
    capabilities: Vec<Capability>,
    backup_api_url: Option<String>,
    /// v3.
    info_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageApi {
    absolute_minimum_part_size: u64,
    recommended_part_size: u64,
    api_url: String,
    download_url: String,
    s3_api_url: Option<String>,
    /// v4.
    allowed: Option<WireAllowed>,
    /// The rest is as in v3, which has no `allowed`.
    info_type: Option<String>,
    #[serde(default)]
    capabilities: Vec<Capability>,
    bucket_id: Option<BucketId>,
    bucket_name: Option<String>,
    name_prefix: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAllowed {
    #[serde(default)]
    capabilities: Vec<Capability>,
    /// v4.
    buckets: Option<Vec<AllowedBucket>>,
    /// v2 and v3.
    bucket_id: Option<BucketId>,
    bucket_name: Option<String>,
    name_prefix: Option<String>,
}

impl StorageApi {
    /// The API version of the response, and what the key may do.
    fn allowed(&mut self) -> (ApiVersion, WireAllowed) {
        if let Some(allowed) = self.allowed.take() {
            return (ApiVersion::V4, allowed);
        }
        let flat = WireAllowed {
            capabilities: std::mem::take(&mut self.capabilities),
            buckets: None,
            bucket_id: self.bucket_id.take(),
            bucket_name: self.bucket_name.take(),
            name_prefix: self.name_prefix.take(),
        };
        (ApiVersion::V3, flat)
    }
}

/// The fields that v2 has at the top level. `None` if they are missing.
fn version_2(wire: &mut Wire) -> Option<StorageApi> {
    Some(StorageApi {
        absolute_minimum_part_size: wire.absolute_minimum_part_size?,
        recommended_part_size: wire.recommended_part_size?,
        api_url: wire.api_url.take()?,
        download_url: wire.download_url.take()?,
        s3_api_url: wire.s3_api_url.take(),
        allowed: None,
        info_type: None,
        capabilities: Vec::new(),
        bucket_id: None,
        bucket_name: None,
        name_prefix: None,
    })
}

impl Wire {
    fn session(mut self) -> Result<Session, Error> {
        let missing = || {
            Error::new(
                ErrorKind::Protocol,
                "the response has no information about the storage API",
            )
        };
        let (storage, (version, allowed), groups, backup) = match self.api_info.take() {
            Some(mut info) => {
                let allowed = info.storage_api.allowed();
                (info.storage_api, allowed, info.groups_api, info.backup_api)
            }
            None => {
                let storage = version_2(&mut self).ok_or_else(missing)?;
                let allowed = (ApiVersion::V2, self.allowed.unwrap_or_default());
                (storage, allowed, None, None)
            }
        };
        let single = allowed.bucket_id.map(|id| {
            vec![AllowedBucket {
                id,
                name: allowed.bucket_name,
            }]
        });
        let groups = groups.unwrap_or_default();
        let backup = backup.unwrap_or_default();
        Ok(Session {
            version,
            account_id: self.account_id,
            authorization_token: self.authorization_token,
            api_url: origin(storage.api_url),
            download_url: origin(storage.download_url),
            s3_api_url: storage.s3_api_url,
            info_type: storage.info_type,
            groups_api_url: groups.groups_api_url.map(origin),
            groups_api_capabilities: groups.capabilities,
            groups_api_info_type: groups.info_type,
            backup_api_url: backup.backup_api_url.map(origin),
            backup_api_capabilities: backup.capabilities,
            backup_api_info_type: backup.info_type,
            absolute_minimum_part_size: storage.absolute_minimum_part_size,
            recommended_part_size: storage.recommended_part_size,
            allowed: Allowed {
                capabilities: allowed.capabilities,
                buckets: allowed.buckets.or(single),
                name_prefix: allowed.name_prefix,
            },
            application_key_expiration_timestamp: self.application_key_expiration_timestamp,
            download_origin: None,
            is_for_downloads_only: false,
        })
    }
}
