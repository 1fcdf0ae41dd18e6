//! [`Bucket`]: a bucket and its settings, as B2 shows them.

use serde::{Deserialize, Serialize};

use super::bucket_info::BucketInfo;
use super::cors::CorsRules;
use super::encryption::Encryption;
use super::ids::{AccountId, BucketId};
use super::lifecycle::LifecycleRules;
use super::names::BucketName;
use super::open_enum::open_enum;
use super::readable::Readable;
use super::replication::ReplicationConfiguration;
use super::retention::DefaultRetention;

open_enum! {
    /// Who may download a bucket's files.
    BucketType {
        /// Everybody.
        AllPublic = "allPublic",
        /// Who has a key or a download authorization.
        AllPrivate = "allPrivate",
        /// A snapshot, made in Backblaze's web interface.
        Snapshot = "snapshot",
        /// Restricted.
        Restricted = "restricted",
        /// Shared.
        Shared = "shared",
    }
}

/// A bucket and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Bucket {
    /// The account that owns it.
    pub account_id: AccountId,
    /// Its id.
    pub bucket_id: BucketId,
    /// Its name.
    pub bucket_name: Box<str>,
    /// Who may download its files; a word of no letters where B2 doesn't say.
    #[serde(default = "unsaid", skip_serializing_if = "is_unsaid")]
    pub bucket_type: BucketType,
    /// What its owner noted about it.
    #[serde(default)]
    pub bucket_info: BucketInfo,
    /// Rules for browsers.
    #[serde(default)]
    pub cors_rules: CorsRules,
    /// Rules for what happens to files with time.
    #[serde(default)]
    pub lifecycle_rules: LifecycleRules,
    /// As `s3`: the bucket can be used through the S3 API.
    #[serde(default)]
    pub options: Vec<String>,
    /// Counts the changes of its settings.
    pub revision: u64,
    /// How files are encrypted that don't say how.
    #[serde(default = "unauthorized")]
    pub default_server_side_encryption: Readable<Encryption>,
    /// Object Lock.
    #[serde(default = "unauthorized")]
    pub file_lock_configuration: Readable<FileLockConfiguration>,
    /// Replication.
    #[serde(default = "unauthorized")]
    pub replication_configuration: Readable<ReplicationConfiguration>,
}

impl Bucket {
    /// The name, for other calls. It is B2's own, so it is not checked again.
    #[must_use]
    pub fn name(&self) -> BucketName {
        BucketName::new_unchecked(&*self.bucket_name)
    }
}

/// A bucket's Object Lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileLockConfiguration {
    /// Whether files can be locked. It can't be switched off again.
    #[serde(default)]
    pub is_file_lock_enabled: bool,
    /// The retention of files that come without one.
    #[serde(default)]
    pub default_retention: DefaultRetention,
}

fn unsaid() -> BucketType {
    BucketType::from("")
}

fn is_unsaid(bucket_type: &BucketType) -> bool {
    bucket_type.as_str().is_empty()
}

/// A setting that B2 doesn't mention is one that it doesn't show.
fn unauthorized<T>() -> Readable<T> {
    Readable::Unauthorized
}
