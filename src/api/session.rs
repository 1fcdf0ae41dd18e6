//! [`Session`]: the result of authorizing the account, which all other calls need.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::types::{
    AccountId, BucketId, BucketName, Capability, FileName, Secret, Timestamp, object_from_str,
};

/// A version of B2's native API.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ApiVersion {
    /// Since 2018.
    V2,
    /// Since 2021.
    V3,
    /// Since 2025: keys may be restricted to several buckets.
    #[default]
    V4,
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        })
    }
}

impl FromStr for ApiVersion {
    type Err = Error;

    /// Parses `v2`, `v3` or `v4`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "v2" => Ok(Self::V2),
            "v3" => Ok(Self::V3),
            "v4" => Ok(Self::V4),
            _ => Err(Error::invalid(format!(
                "{text:?} is not one of the API versions v2, v3 and v4"
            ))),
        }
    }
}

/// Whether the account's token is sent to a custom download origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginToken {
    /// Send it. The operator of the origin can do everything that the key may do, for up to 24
    /// hours.
    Send,
    /// Send neither the token nor a customer-managed key. For public buckets, or an origin with its
    /// own B2 authorization.
    Withhold,
}

/// A custom origin for downloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DownloadOrigin {
    pub(crate) origin: String,
    pub(crate) token: OriginToken,
}

impl DownloadOrigin {
    pub(crate) fn new(text: &str, token: OriginToken) -> Self {
        Self {
            origin: origin(text.to_owned()),
            token,
        }
    }
}

/// An authorized account: its token, its API and download origins, and the permissions of its key.
///
/// The client creates sessions automatically. Create one yourself only for tests, or for a token
/// from another source.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) version: ApiVersion,
    pub(crate) account_id: AccountId,
    pub(crate) authorization_token: Secret,
    pub(crate) api_url: String,
    pub(crate) download_url: String,
    pub(crate) s3_api_url: Option<String>,
    pub(crate) info_type: Option<String>,
    pub(crate) groups_api_url: Option<String>,
    pub(crate) groups_api_capabilities: Vec<Capability>,
    pub(crate) groups_api_info_type: Option<String>,
    pub(crate) backup_api_url: Option<String>,
    pub(crate) backup_api_capabilities: Vec<Capability>,
    pub(crate) backup_api_info_type: Option<String>,
    pub(crate) absolute_minimum_part_size: u64,
    pub(crate) recommended_part_size: u64,
    pub(crate) allowed: Allowed,
    pub(crate) application_key_expiration_timestamp: Option<Timestamp>,
    /// The custom download origin, if the client has one.
    pub(crate) download_origin: Option<DownloadOrigin>,
    /// Whether the token is a download authorization, without an account.
    pub(crate) is_for_downloads_only: bool,
}

/// The permissions of a session's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Allowed {
    /// The key's capabilities.
    pub capabilities: Vec<Capability>,
    /// The buckets that the key is restricted to; `None` for all buckets.
    pub buckets: Option<Vec<AllowedBucket>>,
    /// The required file name prefix; `None` for any name.
    pub name_prefix: Option<String>,
}

/// A bucket that a key is restricted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AllowedBucket {
    /// Its id.
    pub id: BucketId,
    /// Its name; `None` if the bucket was deleted.
    pub name: Option<String>,
}

impl Session {
    /// Creates a session with this token and these API and download origins, such as
    /// `https://api002.backblazeb2.com`.
    ///
    /// The client assumes that its key may do everything, and uses B2's usual part sizes.
    pub fn new(
        version: ApiVersion,
        account_id: impl Into<AccountId>,
        authorization_token: Secret,
        api_url: impl Into<String>,
        download_url: impl Into<String>,
    ) -> Self {
        Self {
            version,
            account_id: account_id.into(),
            authorization_token,
            api_url: origin(api_url.into()),
            download_url: origin(download_url.into()),
            s3_api_url: None,
            info_type: None,
            groups_api_url: None,
            groups_api_capabilities: Vec::new(),
            groups_api_info_type: None,
            backup_api_url: None,
            backup_api_capabilities: Vec::new(),
            backup_api_info_type: None,
            absolute_minimum_part_size: 5_000_000,
            recommended_part_size: 100_000_000,
            allowed: Allowed {
                capabilities: Capability::KNOWN.to_vec(),
                buckets: None,
                name_prefix: None,
            },
            application_key_expiration_timestamp: None,
            download_origin: None,
            is_for_downloads_only: false,
        }
    }

    /// A session with just a download authorization.
    pub(crate) fn for_downloads(
        version: ApiVersion,
        authorization_token: Secret,
        download_url: &str,
    ) -> Self {
        let mut session = Self::new(version, "", authorization_token, download_url, download_url);
        session.allowed.capabilities = vec![Capability::ReadFiles];
        session.is_for_downloads_only = true;
        session
    }

    /// Whether downloads are sent without the token.
    pub(crate) fn withholds_token(&self) -> bool {
        let own = self.download_origin.as_ref();
        own.is_some_and(|own| own.token == OriginToken::Withhold)
    }

    /// The URL of a file in a public bucket, at the download origin if one is set.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the name has a `.` or `..` segment, which browsers
    /// would normalize to another file's URL.
    pub fn public_url(&self, bucket: &BucketName, file: &FileName) -> Result<String, Error> {
        super::file_url::browser_url(self.download_url(), bucket, file)
    }

    /// The API version of the session's calls.
    #[must_use]
    pub const fn version(&self) -> ApiVersion {
        self.version
    }

    /// The account's id.
    #[must_use]
    pub const fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The token that is sent with every call. B2 accepts it for at most 24 hours.
    #[must_use]
    pub const fn authorization_token(&self) -> &Secret {
        &self.authorization_token
    }

    /// The origin of API calls.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// The origin of downloads: B2's own, unless the client has a [custom
    /// one](crate::ClientBuilder::download_origin).
    #[must_use]
    pub fn download_url(&self) -> &str {
        let own = self.download_origin.as_ref();
        own.map_or(&self.download_url, |own| &own.origin)
    }

    /// B2's own origin of downloads.
    pub(crate) fn b2s_download_url(&self) -> &str {
        &self.download_url
    }

    /// The origin of the S3-compatible API, which this crate doesn't use.
    #[must_use]
    pub fn s3_api_url(&self) -> Option<&str> {
        self.s3_api_url.as_deref()
    }

    /// B2's name for the storage API section of the response: `storageApi` in v3, `None` otherwise.
    #[must_use]
    pub fn info_type(&self) -> Option<&str> {
        self.info_type.as_deref()
    }

    /// The origin of the Partner API. Only for the administrator of a group, and not in v2.
    #[must_use]
    pub fn groups_api_url(&self) -> Option<&str> {
        self.groups_api_url.as_deref()
    }

    /// The key's capabilities in the Partner API: `all` in v3, empty otherwise.
    #[must_use]
    pub fn groups_api_capabilities(&self) -> &[Capability] {
        &self.groups_api_capabilities
    }

    /// B2's name for the Partner API section of the response: `groupsApi` in v3, `None` otherwise.
    #[must_use]
    pub fn groups_api_info_type(&self) -> Option<&str> {
        self.groups_api_info_type.as_deref()
    }

    /// The origin of the Computer Backup API. Only for the administrator of a group, and not in v2.
    #[must_use]
    pub fn backup_api_url(&self) -> Option<&str> {
        self.backup_api_url.as_deref()
    }

    /// The key's capabilities in the Computer Backup API: only in v3, empty otherwise.
    #[must_use]
    pub fn backup_api_capabilities(&self) -> &[Capability] {
        &self.backup_api_capabilities
    }

    /// B2's name for the Computer Backup API section of the response: `backupApi` in v3, `None`
    /// otherwise.
    #[must_use]
    pub fn backup_api_info_type(&self) -> Option<&str> {
        self.backup_api_info_type.as_deref()
    }

    /// The minimum size of a part in bytes; the last part may be smaller.
    #[must_use]
    pub const fn absolute_minimum_part_size(&self) -> u64 {
        self.absolute_minimum_part_size
    }

    /// The part size that B2 recommends, in bytes.
    #[must_use]
    pub const fn recommended_part_size(&self) -> u64 {
        self.recommended_part_size
    }

    /// The permissions of its key.
    #[must_use]
    pub const fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// When its key expires; `None` if it doesn't.
    #[must_use]
    pub const fn application_key_expiration_timestamp(&self) -> Option<Timestamp> {
        self.application_key_expiration_timestamp
    }
}

/// The format of exported sessions.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    #[serde(rename = "b2kitSession")]
    format: u32,
    version: ApiVersion,
    account_id: AccountId,
    /// Named to warn that the whole document is secret.
    secret_authorization_token: String,
    api_url: String,
    download_url: String,
    s3_api_url: Option<String>,
    info_type: Option<String>,
    groups_api_url: Option<String>,
    #[serde(default)]
    groups_api_capabilities: Vec<Capability>,
    groups_api_info_type: Option<String>,
    backup_api_url: Option<String>,
    #[serde(default)]
    backup_api_capabilities: Vec<Capability>,
    backup_api_info_type: Option<String>,
    absolute_minimum_part_size: u64,
    recommended_part_size: u64,
    allowed: Allowed,
    application_key_expiration_timestamp: Option<Timestamp>,
}

impl Session {
    /// Exports the session as JSON, from which [`restore`](Self::restore) recreates it, for example
    /// in another process.
    ///
    /// It contains the account's token, with which anyone can do everything that the key may do,
    /// for up to 24 hours. Protect it like a key.
    #[must_use]
    pub fn export(&self) -> Secret {
        let exported = Exported {
            format: FORMAT,
            version: self.version,
            account_id: self.account_id.clone(),
            secret_authorization_token: self.authorization_token.expose().to_owned(),
            api_url: self.api_url.clone(),
            download_url: self.download_url.clone(),
            s3_api_url: self.s3_api_url.clone(),
            info_type: self.info_type.clone(),
            groups_api_url: self.groups_api_url.clone(),
            groups_api_capabilities: self.groups_api_capabilities.clone(),
            groups_api_info_type: self.groups_api_info_type.clone(),
            backup_api_url: self.backup_api_url.clone(),
            backup_api_capabilities: self.backup_api_capabilities.clone(),
            backup_api_info_type: self.backup_api_info_type.clone(),
            absolute_minimum_part_size: self.absolute_minimum_part_size,
            recommended_part_size: self.recommended_part_size,
            allowed: self.allowed.clone(),
            application_key_expiration_timestamp: self.application_key_expiration_timestamp,
        };
        Secret::new(
            serde_json::to_string(&exported).expect("strings and numbers serialize as JSON"),
        )
    }

    /// Recreates a session that was [exported](Self::export).
    ///
    /// The origins in it are checked like those of a new session, so a tampered export can't
    /// redirect the token.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the text is not an exported session, or has an
    /// unknown format version. The error doesn't show the text.
    pub fn restore(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Format {
            #[serde(rename = "b2kitSession")]
            format: u32,
        }
        let broken = |error: serde_json::Error| {
            Error::invalid(format!(
                "the text is not an exported session (line {}, column {})",
                error.line(),
                error.column()
            ))
        };
        let Format { format } = object_from_str(text).map_err(broken)?;
        if format != FORMAT {
            return Err(Error::invalid(format!(
                "the session was exported in format {format}; this version of b2kit reads format \
                 {FORMAT}"
            )));
        }
        let exported: Exported = object_from_str(text).map_err(broken)?;
        Ok(Self {
            version: exported.version,
            account_id: exported.account_id,
            authorization_token: Secret::new(exported.secret_authorization_token),
            api_url: origin(exported.api_url),
            download_url: origin(exported.download_url),
            s3_api_url: exported.s3_api_url,
            info_type: exported.info_type,
            groups_api_url: exported.groups_api_url,
            groups_api_capabilities: exported.groups_api_capabilities,
            groups_api_info_type: exported.groups_api_info_type,
            backup_api_url: exported.backup_api_url,
            backup_api_capabilities: exported.backup_api_capabilities,
            backup_api_info_type: exported.backup_api_info_type,
            absolute_minimum_part_size: exported.absolute_minimum_part_size,
            recommended_part_size: exported.recommended_part_size,
            allowed: exported.allowed,
            application_key_expiration_timestamp: exported.application_key_expiration_timestamp,
            download_origin: None,
            is_for_downloads_only: false,
        })
    }
}

/// Removes trailing slashes.
pub(crate) fn origin(mut url: String) -> String {
    url.truncate(url.trim_end_matches('/').len());
    url
}
