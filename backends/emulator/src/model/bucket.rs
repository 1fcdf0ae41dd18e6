//! [`Bucket`]: its settings and its file versions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::encryption::Encryption;
use super::file_id::BucketId;
use super::lock::DefaultRetention;
use super::notification::NotificationRule;
use super::rules::{CorsRule, LifecycleRule};
use super::versions::Versions;
use crate::model::names::{INFO_LIMIT, REDUCED_INFO_LIMIT};

/// A bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) id: String,
    /// The same, as bytes.
    pub(crate) hex_id: BucketId,
    pub(crate) name: String,
    /// `allPublic` or `allPrivate`.
    pub(crate) kind: String,
    pub(crate) info: BTreeMap<String, String>,
    pub(crate) cors_rules: Vec<CorsRule>,
    pub(crate) lifecycle_rules: Vec<LifecycleRule>,
    /// Whether new files are encrypted with B2's key (SSE-B2) by default.
    pub(crate) encrypts: bool,
    /// Whether the encryption rules from before September 2026 apply: no encryption by default, and
    /// `none` is accepted.
    pub(crate) legacy_encryption: bool,
    /// Whether Object Lock is enabled. It can't be disabled again.
    pub(crate) file_lock: bool,
    pub(crate) default_retention: Option<DefaultRetention>,
    /// In the JSON of responses; null if there is none.
    pub(crate) replication: Value,
    /// Sorted by name.
    pub(crate) notification_rules: Vec<NotificationRule>,
    pub(crate) revision: u64,
    pub(crate) versions: Versions,
}

impl Bucket {
    /// An empty bucket with no setting but B2's default encryption.
    pub(crate) fn new(id: BucketId, name: &str, legacy_encryption: bool) -> Self {
        Self {
            id: id.to_string(),
            hex_id: id,
            name: name.to_owned(),
            kind: String::new(),
            info: BTreeMap::new(),
            cors_rules: Vec::new(),
            lifecycle_rules: Vec::new(),
            encrypts: !legacy_encryption,
            legacy_encryption,
            file_lock: false,
            default_retention: None,
            replication: Value::Null,
            notification_rules: Vec::new(),
            revision: 2,
            versions: Versions::default(),
        }
    }

    /// Whether this is its name, ignoring case: B2 has no two buckets whose names differ only in
    /// case.
    pub(crate) fn is_named_any_case(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub(crate) fn is_public(&self) -> bool {
        self.kind == "allPublic"
    }

    /// The encryption of new files that don't ask for another.
    pub(crate) const fn encryption(&self) -> Encryption {
        if self.encrypts {
            Encryption::Managed
        } else {
            Encryption::None
        }
    }

    /// Switches between today's encryption rules (`false`) and those from before September 2026,
    /// and to the default encryption that comes with them.
    pub(crate) const fn set_legacy_encryption(&mut self, legacy: bool) {
        if self.legacy_encryption != legacy {
            self.legacy_encryption = legacy;
            self.encrypts = !legacy;
        }
    }

    /// The maximum size in bytes of a new file's name and info.
    pub(crate) fn info_limit(&self, encryption: &Encryption) -> usize {
        if self.file_lock || *encryption != Encryption::None {
            REDUCED_INFO_LIMIT
        } else {
            INFO_LIMIT
        }
    }
}
