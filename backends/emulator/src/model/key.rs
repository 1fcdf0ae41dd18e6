//! [`Key`]: an application key and its restrictions.

use std::fmt;
use std::sync::{Arc, LazyLock};

use subtle::ConstantTimeEq as _;

use super::token::DownloadToken;
use crate::protocol::api_error::ApiError;

/// All capabilities.
pub(crate) const CAPABILITIES: [&str; 30] = [
    "listKeys",
    "writeKeys",
    "deleteKeys",
    "listAllBucketNames",
    "listBuckets",
    "readBuckets",
    "writeBuckets",
    "deleteBuckets",
    "readBucketRetentions",
    "writeBucketRetentions",
    "readBucketEncryption",
    "writeBucketEncryption",
    "readBucketReplications",
    "writeBucketReplications",
    "readBucketNotifications",
    "writeBucketNotifications",
    "readBucketLogging",
    "writeBucketLogging",
    "readBucketLifecycleRules",
    "writeBucketLifecycleRules",
    "listFiles",
    "readFiles",
    "shareFiles",
    "writeFiles",
    "deleteFiles",
    "readFileLegalHolds",
    "writeFileLegalHolds",
    "readFileRetentions",
    "writeFileRetentions",
    "bypassGovernance",
];

/// Capabilities that a key restricted to buckets can't have.
pub(crate) const ACCOUNT_WIDE_CAPABILITIES: [&str; 11] = [
    "listKeys",
    "writeKeys",
    "deleteKeys",
    "writeBuckets",
    "deleteBuckets",
    "readBucketReplications",
    "writeBucketReplications",
    "readBucketLogging",
    "writeBucketLogging",
    "readBucketLifecycleRules",
    "writeBucketLifecycleRules",
];

/// An application key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) capabilities: Vec<String>,
    /// The ids of the buckets that it is restricted to.
    pub(crate) buckets: Option<Vec<String>>,
    /// Whether it was restricted by `bucketIds`, which only v4 knows.
    pub(crate) needs_v4: bool,
    pub(crate) name_prefix: Option<String>,
    /// In milliseconds.
    pub(crate) expires: Option<u64>,
    /// The key that the emulator starts with. It is not listed.
    pub(crate) is_master: bool,
}

impl Key {
    /// The key of requests without a token: it has no capability.
    pub(crate) fn anonymous() -> Arc<Self> {
        static ANONYMOUS: LazyLock<Arc<Key>> = LazyLock::new(|| Arc::new(Key::empty()));
        Arc::clone(&ANONYMOUS)
    }

    const fn empty() -> Self {
        Self {
            id: String::new(),
            secret: String::new(),
            name: String::new(),
            capabilities: Vec::new(),
            buckets: None,
            needs_v4: false,
            name_prefix: None,
            expires: None,
            is_master: false,
        }
    }

    /// A key that may do everything.
    #[cfg(feature = "server")]
    pub(crate) fn with_all_capabilities() -> Self {
        Self {
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            ..Self::empty()
        }
    }

    /// A key with the access of a download authorization.
    pub(crate) fn for_download_authorization(authorization: &DownloadToken) -> Self {
        Self {
            id: authorization.key_id.clone(),
            capabilities: vec!["readFiles".to_owned()],
            buckets: Some(vec![authorization.bucket_id.clone()]),
            name_prefix: Some(authorization.prefix.clone()),
            ..Self::empty()
        }
    }

    pub(crate) const fn is_anonymous(&self) -> bool {
        self.id.is_empty()
    }

    /// Compares in constant time.
    pub(crate) fn matches_secret(&self, secret: &str) -> bool {
        self.secret.as_bytes().ct_eq(secret.as_bytes()).into()
    }

    pub(crate) fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|it| it == capability)
    }

    pub(crate) fn require(&self, capability: &str) -> Result<(), ApiError> {
        if self.can(capability) {
            return Ok(());
        }
        Err(unauthorized())
    }

    pub(crate) fn require_bucket(&self, id: &str) -> Result<(), ApiError> {
        match &self.buckets {
            Some(buckets) if !buckets.iter().any(|bucket| bucket == id) => Err(unauthorized()),
            _ => Ok(()),
        }
    }

    /// Requires a file name, or the prefix of a listing, to be within the key's name prefix.
    pub(crate) fn require_name(&self, name: &str) -> Result<(), ApiError> {
        match &self.name_prefix {
            Some(prefix) if !name.starts_with(prefix.as_str()) => Err(unauthorized()),
            _ => Ok(()),
        }
    }

    pub(crate) fn require_access(&self, bucket: &str, name: &str) -> Result<(), ApiError> {
        self.require_bucket(bucket)?;
        self.require_name(name)
    }
}

/// The error of a missing capability has no message: only then b2sdk adds "unauthorized for
/// application key with capabilities …", which B2's own tests expect.
fn unauthorized() -> ApiError {
    ApiError::unauthorized("")
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("secret", &"[redacted]")
            .finish_non_exhaustive()
    }
}
