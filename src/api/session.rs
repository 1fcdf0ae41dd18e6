//! [`Session`]: what B2 said when the account was authorized, and what the calls after it need.

use std::fmt;

use crate::types::{AccountId, BucketId, Capability, Secret, Timestamp};

/// The version of B2's native API to speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// An authorized account: its token, where its calls go, and what its key may do.
///
/// A client makes one by itself. Making one by hand is for tests, and for tokens that come from elsewhere.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) version: ApiVersion,
    pub(crate) account_id: AccountId,
    pub(crate) authorization_token: Secret,
    pub(crate) api_url: String,
    pub(crate) download_url: String,
    pub(crate) s3_api_url: Option<String>,
    pub(crate) groups_api_url: Option<String>,
    pub(crate) backup_api_url: Option<String>,
    pub(crate) absolute_minimum_part_size: u64,
    pub(crate) recommended_part_size: u64,
    pub(crate) allowed: Allowed,
    pub(crate) application_key_expiration_timestamp: Option<Timestamp>,
}

/// What a session's key may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowed {
    /// Its capabilities.
    pub capabilities: Vec<Capability>,
    /// The buckets it is restricted to; `None` is all.
    pub buckets: Option<Vec<AllowedBucket>>,
    /// What the file names have to begin with; `None` is anything.
    pub name_prefix: Option<String>,
}

/// A bucket that a key is restricted to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[non_exhaustive]
pub struct AllowedBucket {
    /// Its id.
    pub id: BucketId,
    /// Its name; `None` once the bucket was deleted.
    pub name: Option<String>,
}

impl Session {
    /// A session with this token, for the origins of the API and of downloads, as `https://api002.backblazeb2.com`.
    ///
    /// It may do everything, as far as the client knows, and has B2's usual part sizes.
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
            groups_api_url: None,
            backup_api_url: None,
            absolute_minimum_part_size: 5_000_000,
            recommended_part_size: 100_000_000,
            allowed: Allowed {
                capabilities: Capability::KNOWN.to_vec(),
                buckets: None,
                name_prefix: None,
            },
            application_key_expiration_timestamp: None,
        }
    }

    /// The version that its calls speak.
    #[must_use]
    pub const fn version(&self) -> ApiVersion {
        self.version
    }

    /// The account's id.
    #[must_use]
    pub const fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The token that goes with every call; B2 accepts it for at most 24 hours.
    #[must_use]
    pub const fn authorization_token(&self) -> &Secret {
        &self.authorization_token
    }

    /// The origin of the API's calls.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// The origin of downloads.
    #[must_use]
    pub fn download_url(&self) -> &str {
        &self.download_url
    }

    /// The origin of the S3-compatible API, which this crate doesn't use.
    #[must_use]
    pub fn s3_api_url(&self) -> Option<&str> {
        self.s3_api_url.as_deref()
    }

    /// The origin of the Partner API; only for the administrator of a group, and not in v2.
    #[must_use]
    pub fn groups_api_url(&self) -> Option<&str> {
        self.groups_api_url.as_deref()
    }

    /// The origin of the Computer Backup API; only for the administrator of a group, and not in v2.
    #[must_use]
    pub fn backup_api_url(&self) -> Option<&str> {
        self.backup_api_url.as_deref()
    }

    /// The least bytes that a part may have, the last one apart.
    #[must_use]
    pub const fn absolute_minimum_part_size(&self) -> u64 {
        self.absolute_minimum_part_size
    }

    /// The bytes that a part should have for speed.
    #[must_use]
    pub const fn recommended_part_size(&self) -> u64 {
        self.recommended_part_size
    }

    /// What its key may do.
    #[must_use]
    pub const fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// When its key stops working; `None` is never.
    #[must_use]
    pub const fn application_key_expiration_timestamp(&self) -> Option<Timestamp> {
        self.application_key_expiration_timestamp
    }
}

/// Without the slash that a hand may have put at its end.
pub(crate) fn origin(mut url: String) -> String {
    url.truncate(url.trim_end_matches('/').len());
    url
}
