//! The rules of a bucket: for browsers, and for what happens to files with time.

use serde::{Deserialize, Serialize};

/// What scripts from elsewhere may do with a bucket's files from within a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CorsRule {
    /// The rule's name: 6 to 50 letters, digits and `-`, unique in the bucket.
    pub cors_rule_name: String,
    /// The origins it is for, as `https://example.com`, `https://*.example.com`, `https` or `*`.
    pub allowed_origins: Vec<String>,
    /// The operations it allows, as `b2_download_file_by_name` or `s3_get`.
    pub allowed_operations: Vec<String>,
    /// The request headers it allows.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub allowed_headers: Vec<String>,
    /// The response headers that scripts may see.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub expose_headers: Vec<String>,
    /// How long a browser may remember the answer: 0 to 86,400 seconds.
    pub max_age_seconds: u32,
}

/// What B2 does with files whose names have a prefix as they grow old. Days count from 1; `None` is never.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecycleRule {
    /// The prefix of the names; empty is all files.
    pub file_name_prefix: String,
    /// Hides a file this many days after its upload.
    pub days_from_uploading_to_hiding: Option<u32>,
    /// Deletes a version this many days after it was hidden or replaced.
    pub days_from_hiding_to_deleting: Option<u32>,
    /// Cancels a large file that was started this many days ago and never finished.
    pub days_from_starting_to_canceling_unfinished_large_files: Option<u32>,
}

/// B2 shows `null` for a list that was not set.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}
