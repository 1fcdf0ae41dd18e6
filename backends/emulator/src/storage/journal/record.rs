//! What a line of the journal contains: the present state of some objects, by name. A later record
//! of a name replaces an earlier one, so reading can start from any complete state.
//!
//! The structure of these types, and of the model types in them, is the format: changing it changes
//! [`VERSION`](super::log::VERSION). A test reads a journal of each version.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::content::Content;
use crate::model::bucket::Bucket;
use crate::model::encryption::Encryption;
use crate::model::file::{Kind, Md5Digest, Part, Replication, Sha1, Version};
use crate::model::file_id::{BucketId, FileId};
use crate::model::file_info::FileInfo;
use crate::model::key::Key;
use crate::model::lock::{DefaultRetention, Lock};
use crate::model::notification::NotificationRule;
use crate::model::rules::{CorsRule, LifecycleRule};
use crate::model::state::State;
use crate::model::token::{DownloadToken, Issued};
use crate::protocol::overrides::OVERRIDES;

/// The state of one object.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Record {
    Bucket(BucketRecord),
    Version(VersionRecord),
    Part(PartRecord),
    Key(KeyRecord),
    AccountToken(AccountTokenRecord),
    DownloadToken(DownloadTokenRecord),
    Counters(Counters),
    NoBucket(String),
    NoVersion(FileId),
    NoKey(String),
    NoToken(String),
    /// Numbers of blobs that no record needs any more, though their files may still exist. Since
    /// format 2.
    Superseded(Vec<u64>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BucketRecord {
    pub(super) id: BucketId,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) info: BTreeMap<String, String>,
    pub(super) cors_rules: Vec<CorsRule>,
    pub(super) lifecycle_rules: Vec<LifecycleRule>,
    pub(super) encrypts: bool,
    /// Missing in older records, whose buckets have the old rules.
    #[serde(default = "default_true")]
    pub(super) legacy_encryption: bool,
    pub(super) file_lock: bool,
    pub(super) default_retention: Option<DefaultRetention>,
    pub(super) replication: Value,
    pub(super) notification_rules: Vec<NotificationRule>,
    pub(super) revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionRecord {
    pub(super) id: FileId,
    /// The one in the id.
    pub(super) bucket_id: BucketId,
    pub(super) name: Arc<str>,
    pub(super) uploaded: u64,
    pub(super) number: u64,
    pub(super) content_type: Arc<str>,
    pub(super) info: FileInfo,
    pub(super) lock: Lock,
    pub(super) encryption: Encryption,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replication: Option<Replication>,
    pub(super) kind: KindRecord,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum KindRecord {
    File {
        content: Extents,
        sha1: Option<Sha1>,
        md5: Option<Md5Digest>,
    },
    Hide,
    /// The parts have records of their own.
    Unfinished,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartRecord {
    pub(super) file_id: FileId,
    pub(super) number: u64,
    pub(super) content: Extents,
    pub(super) sha1: Sha1,
    pub(super) md5: Option<Md5Digest>,
    pub(super) encryption: Encryption,
    pub(super) uploaded: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyRecord {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) name: String,
    pub(super) capabilities: Vec<String>,
    pub(super) buckets: Option<Vec<String>>,
    /// Missing in older records.
    #[serde(default)]
    pub(super) needs_v4: bool,
    pub(super) name_prefix: Option<String>,
    pub(super) expires: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountTokenRecord {
    pub(super) public: String,
    pub(super) secret: String,
    pub(super) key_id: String,
    pub(super) expires: u64,
    pub(super) uses_left: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadTokenRecord {
    pub(super) public: String,
    pub(super) secret: String,
    pub(super) key_id: String,
    pub(super) bucket_id: String,
    pub(super) prefix: String,
    pub(super) overrides: BTreeMap<String, String>,
    pub(super) expires: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counters {
    pub(super) seed: u64,
    pub(super) keys_created: u64,
    pub(super) versions_made: u64,
    pub(super) last_day: Option<u64>,
}

/// The default of a field that older records lack.
const fn default_true() -> bool {
    true
}

/// Number of the blob, start of the extent in it, and its length.
pub(super) type Extents = Vec<(u64, u64, u64)>;

impl BucketRecord {
    pub(super) fn of(bucket: &Bucket) -> Self {
        Self {
            id: bucket.hex_id,
            name: bucket.name.clone(),
            kind: bucket.kind.clone(),
            info: bucket.info.clone(),
            cors_rules: bucket.cors_rules.clone(),
            lifecycle_rules: bucket.lifecycle_rules.clone(),
            encrypts: bucket.encrypts,
            legacy_encryption: bucket.legacy_encryption,
            file_lock: bucket.file_lock,
            default_retention: bucket.default_retention,
            replication: bucket.replication.clone(),
            notification_rules: bucket.notification_rules.clone(),
            revision: bucket.revision,
        }
    }

    pub(super) fn apply(self, state: &mut State) {
        let bucket = state
            .buckets
            .entry(self.id.to_string())
            .or_insert_with(|| Bucket::new(self.id, &self.name, self.legacy_encryption));
        bucket.name = self.name;
        bucket.kind = self.kind;
        bucket.info = self.info;
        bucket.cors_rules = self.cors_rules;
        bucket.lifecycle_rules = self.lifecycle_rules;
        bucket.encrypts = self.encrypts;
        bucket.legacy_encryption = self.legacy_encryption;
        bucket.file_lock = self.file_lock;
        bucket.default_retention = self.default_retention;
        bucket.replication = self.replication;
        bucket.notification_rules = self.notification_rules;
        bucket.revision = self.revision;
    }
}

impl VersionRecord {
    pub(super) fn of(version: &Version) -> Self {
        Self {
            id: version.file_id,
            bucket_id: version.bucket_id(),
            name: Arc::clone(&version.name),
            uploaded: version.uploaded,
            number: version.number,
            content_type: Arc::clone(&version.content_type),
            info: version.info.clone(),
            lock: version.lock(),
            encryption: version.encryption.clone(),
            replication: version.replication,
            kind: match &version.kind {
                Kind::File(stored) => KindRecord::File {
                    content: extents(&stored.content),
                    sha1: stored.sha1,
                    md5: stored.md5,
                },
                Kind::Hide => KindRecord::Hide,
                Kind::Unfinished(_) => KindRecord::Unfinished,
            },
        }
    }
}

impl PartRecord {
    pub(super) fn of(file_id: FileId, number: u64, part: &Part) -> Self {
        Self {
            file_id,
            number,
            content: extents(&part.content),
            sha1: part.sha1,
            md5: part.md5,
            encryption: part.encryption.clone(),
            uploaded: part.uploaded,
        }
    }
}

fn extents(content: &Content) -> Extents {
    content
        .numbered()
        .expect("only accounts with a DiskStore are journaled, and its blobs have numbers")
}

impl KeyRecord {
    pub(super) fn of(key: &Key) -> Self {
        Self {
            id: key.id.clone(),
            secret: key.secret.clone(),
            name: key.name.clone(),
            capabilities: key.capabilities.clone(),
            buckets: key.buckets.clone(),
            needs_v4: key.needs_v4,
            name_prefix: key.name_prefix.clone(),
            expires: key.expires,
        }
    }

    pub(super) fn apply(self, state: &mut State) {
        state.add_key(Key {
            id: self.id,
            secret: self.secret,
            name: self.name,
            capabilities: self.capabilities,
            needs_v4: self.needs_v4 || self.buckets.as_ref().is_some_and(|ids| ids.len() > 1),
            buckets: self.buckets,
            name_prefix: self.name_prefix,
            expires: self.expires,
            is_master: false,
        });
    }
}

impl DownloadTokenRecord {
    pub(super) fn into_token(self) -> (String, Issued<DownloadToken>) {
        let overrides = OVERRIDES.into_iter().filter_map(|(parameter, _)| {
            let value = self.overrides.get(parameter)?;
            Some((parameter, value.clone()))
        });
        let token = DownloadToken {
            key_id: self.key_id,
            bucket_id: self.bucket_id,
            prefix: self.prefix,
            overrides: Arc::new(overrides.collect()),
            expires: self.expires,
        };
        let secret = self.secret;
        (self.public, Issued { secret, token })
    }
}

impl Counters {
    pub(super) fn of(state: &State) -> Self {
        Self {
            seed: state.ids.seed(),
            keys_created: state.keys_created,
            versions_made: state.versions_made,
            last_day: state.last_day,
        }
    }

    pub(super) fn apply(self, state: &mut State) {
        state.ids.resume(self.seed);
        state.keys_created = self.keys_created;
        state.versions_made = self.versions_made;
        state.last_day = self.last_day;
    }
}
