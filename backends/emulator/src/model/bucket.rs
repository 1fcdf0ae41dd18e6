//! [`Bucket`]: its settings, and its file versions in the order of a listing.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use super::encryption::Encryption;
use super::file::{Kind, Version};
use super::lock::DefaultRetention;
use super::notification::NotificationRule;
use super::rules::{CorsRule, LifecycleRule};
use crate::model::names::{INFO_LIMIT, REDUCED_INFO_LIMIT};

/// A bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) id: String,
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
    /// All versions, including hide markers and unfinished large files.
    pub(crate) versions: BTreeMap<VersionPosition, Version>,
    /// The unfinished large files, oldest first: by start, then by number.
    pub(crate) unfinished: BTreeMap<(u64, u64), VersionPosition>,
}

/// The position of a version in a listing: by name, newest first, the last made first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VersionPosition {
    pub(crate) name: String,
    uploaded: Reverse<u64>,
    number: Reverse<u64>,
}

impl VersionPosition {
    /// `number` counts versions from 1.
    pub(crate) fn new(name: &str, uploaded: u64, number: u64) -> Self {
        Self {
            name: name.to_owned(),
            uploaded: Reverse(uploaded),
            number: Reverse(number),
        }
    }

    /// Before every version of this name.
    pub(crate) fn first_of(name: &str) -> Self {
        Self::new(name, u64::MAX, u64::MAX)
    }

    /// After every version of this name.
    pub(crate) fn after_all_of(name: &str) -> Self {
        Self::new(name, 0, 0)
    }

    /// Its number in the order in which versions were made.
    pub(crate) const fn number(&self) -> u64 {
        self.number.0
    }

    /// Sorts versions by age: timestamp, then number.
    pub(crate) const fn age(&self) -> (u64, u64) {
        (self.uploaded.0, self.number.0)
    }
}

impl Bucket {
    /// An empty bucket with no setting but B2's default encryption.
    pub(crate) fn new(id: String, name: &str, legacy_encryption: bool) -> Self {
        Self {
            id,
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
            versions: BTreeMap::new(),
            unfinished: BTreeMap::new(),
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

    /// The current version of a name: the newest that is no unfinished large file. May be a hide
    /// marker.
    pub(crate) fn current(&self, name: &str) -> Option<&Version> {
        self.versions
            .range(VersionPosition::first_of(name)..VersionPosition::after_all_of(name))
            .map(|(_, version)| version)
            .find(|version| !version.is_unfinished())
    }

    /// The first version at or after a bound.
    pub(crate) fn first_from(
        &self,
        from: Bound<VersionPosition>,
    ) -> Option<(&VersionPosition, &Version)> {
        self.versions.range((from, Bound::Unbounded)).next()
    }

    pub(super) fn insert(&mut self, position: VersionPosition, version: Version) -> &Version {
        if version.is_unfinished() {
            self.unfinished.insert(position.age(), position.clone());
        }
        self.versions.entry(position).or_insert(version)
    }

    pub(super) fn remove(&mut self, position: &VersionPosition) -> Option<Version> {
        self.unfinished.remove(&position.age());
        self.versions.remove(position)
    }

    /// Turns an unfinished large file into a file at the same position. Also returns what it was
    /// before.
    pub(super) fn finish(
        &mut self,
        position: &VersionPosition,
        kind: Kind,
    ) -> Option<(&Version, Kind)> {
        self.unfinished.remove(&position.age());
        let version = self.versions.get_mut(position)?;
        let before = std::mem::replace(&mut version.kind, kind);
        Some((version, before))
    }
}
