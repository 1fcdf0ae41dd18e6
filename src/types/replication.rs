//! Replication: which files are copied to which other bucket, and how far that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{ApplicationKeyId, BucketId};

/// A bucket's part in replication, as source, destination or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationConfiguration {
    /// Files are copied from this bucket.
    pub as_replication_source: Option<AsReplicationSource>,
    /// Files are copied to this bucket.
    pub as_replication_destination: Option<AsReplicationDestination>,
}

/// How files leave a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsReplicationSource {
    /// Which files go where; at most two rules.
    pub replication_rules: Vec<ReplicationRule>,
    /// The key that reads the files.
    pub source_application_key_id: ApplicationKeyId,
}

/// Which files are copied where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationRule {
    /// The bucket they go to.
    pub destination_bucket_id: BucketId,
    /// The prefix of the names; empty is all files.
    pub file_name_prefix: String,
    /// Whether files that were there before the rule are copied too.
    pub include_existing_files: bool,
    /// Whether the rule is in force.
    pub is_enabled: bool,
    /// The rule with the larger number wins.
    pub priority: u32,
    /// 1 to 64 letters, digits, `-` and `_`.
    pub replication_rule_name: String,
}

/// How files arrive in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsReplicationDestination {
    /// From the key that reads the source to the key that writes here.
    pub source_to_destination_key_mapping: BTreeMap<ApplicationKeyId, ApplicationKeyId>,
}

/// How far the replication of a version is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplicationStatus {
    /// It will be copied.
    Pending,
    /// It was copied.
    Completed,
    /// It could not be copied.
    Failed,
    /// It is itself a copy.
    Replica,
    /// A word that this version of the crate doesn't know.
    Other(Box<str>),
}

impl<'de> Deserialize<'de> for ReplicationStatus {
    /// B2's pages print the words in capitals, its SDKs read them in small letters: either is taken.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(match word.to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "replica" => Self::Replica,
            _ => Self::Other(word.into()),
        })
    }
}
