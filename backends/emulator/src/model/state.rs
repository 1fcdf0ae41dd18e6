//! [`State`]: an account with its keys, tokens, buckets and files. Plain data; the calls that use
//! it are in [`calls`](crate::calls).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::behavior::UndocumentedBehavior;
use crate::model::ids::{FileKind, Ids};
use crate::protocol::api_error::ApiError;

use super::bucket::Bucket;
use super::changes::Changes;
use super::event::{Event, EventObject, EventType};
use super::file::{Kind, Part, Version};
use super::file_id::{BucketId, FileId, Pod};
use super::interner::Interner;
use super::key::Key;
use super::notification::{NotificationRule, covers};
use super::token::Tokens;
use serde_json::json;

/// Maximum number of pending events; the oldest are dropped.
const MAX_EVENTS: usize = 10_000;

/// The state of an account.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) account_id: String,
    pub(crate) ids: Ids,
    /// By key id.
    pub(crate) keys: BTreeMap<String, Arc<Key>>,
    /// Number of keys ever made.
    pub(crate) keys_created: u64,
    pub(crate) tokens: Tokens,
    /// By bucket id.
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// The content types of files.
    pub(crate) content_types: Interner,
    /// Number of versions ever made.
    pub(crate) versions_made: u64,
    /// Events that are not in a webhook yet.
    pub(crate) events: VecDeque<Event>,
    /// The day of the last request, counted from the epoch.
    pub(crate) last_day: Option<u64>,
    /// Number of requests of each call, including refused ones.
    pub(crate) calls: BTreeMap<&'static str, u64>,
    /// The changes to be persisted.
    pub(crate) changes: Changes,
}

/// The settings of the builder.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) absolute_minimum_part_size: u64,
    pub(crate) recommended_part_size: u64,
    pub(crate) token_lifetime_millis: u64,
    pub(crate) custom_timestamps: bool,
    /// Whether new buckets have the encryption rules from before September 2026.
    pub(crate) legacy_encryption: bool,
    pub(crate) undocumented: UndocumentedBehavior,
}

impl State {
    pub(crate) fn bucket(&self, id: &str) -> Result<&Bucket, ApiError> {
        self.buckets
            .get(id)
            .ok_or_else(|| ApiError::no_such_bucket(id))
    }

    pub(crate) fn bucket_mut(&mut self, id: &str) -> Result<&mut Bucket, ApiError> {
        self.changes.bucket(id);
        self.buckets
            .get_mut(id)
            .ok_or_else(|| ApiError::no_such_bucket(id))
    }

    pub(crate) fn bucket_by_name(&self, name: &str) -> Option<&Bucket> {
        self.buckets.values().find(|bucket| bucket.name == name)
    }

    /// The bucket with this name, ignoring case.
    pub(crate) fn bucket_by_name_any_case(&self, name: &str) -> Option<&Bucket> {
        self.buckets
            .values()
            .find(|bucket| bucket.is_named_any_case(name))
    }

    /// The file version with this id and its bucket.
    pub(crate) fn version(&self, file_id: &str) -> Option<(&Bucket, &Version)> {
        self.version_of(FileId::parse(file_id)?)
    }

    pub(crate) fn version_of(&self, file_id: FileId) -> Option<(&Bucket, &Version)> {
        let bucket = self.bucket_of(file_id.bucket())?;
        Some((bucket, bucket.versions.get(file_id)?))
    }

    pub(crate) fn require_bucket_of(&self, id: BucketId) -> Result<&Bucket, ApiError> {
        let missing = || ApiError::no_such_bucket(&id.to_string());
        self.bucket_of(id).ok_or_else(missing)
    }

    pub(crate) fn bucket_of(&self, id: BucketId) -> Option<&Bucket> {
        id.with_text(|id| self.buckets.get(id))
    }

    /// An id that no version in the bucket has.
    pub(crate) fn new_file_id(
        &mut self,
        bucket_id: BucketId,
        kind: FileKind,
        pod: Pod,
        now: u64,
    ) -> FileId {
        loop {
            let id = self.ids.file_id(bucket_id, kind, pod, now);
            let bucket = self.bucket_of(bucket_id);
            if bucket.is_none_or(|bucket| !bucket.versions.has_unique(id.unique())) {
                return id;
            }
        }
    }

    pub(crate) fn add_bucket(&mut self, bucket: Bucket) {
        self.changes.bucket(&bucket.id);
        self.buckets.insert(bucket.id.clone(), bucket);
    }

    /// Removes a bucket with all that is in it.
    pub(crate) fn remove_bucket(&mut self, id: &str) -> Option<Bucket> {
        let bucket = self.buckets.remove(id)?;
        self.changes.bucket(id);
        for version in bucket.versions.iter() {
            self.changes.version(version);
            self.changes.retire(&version.kind);
        }
        Some(bucket)
    }

    pub(crate) fn add_key(&mut self, key: Key) {
        self.changes.key(&key.id);
        self.keys.insert(key.id.clone(), Arc::new(key));
    }

    pub(crate) fn remove_key(&mut self, id: &str) {
        self.changes.key(id);
        self.keys.remove(id);
    }

    /// Mutable access to a version, except to its parts: see [`put_part`](Self::put_part).
    pub(crate) fn version_mut(&mut self, file_id: FileId) -> Option<&mut Version> {
        let bucket = bucket_with(&mut self.buckets, file_id)?;
        let version = bucket.versions.get_mut(file_id)?;
        self.changes.version(version);
        Some(version)
    }

    /// Adds a version. Its position follows from name, timestamp and number.
    pub(crate) fn insert(&mut self, mut version: Version) -> Result<&Version, ApiError> {
        version.number = self.versions_made + 1;
        self.versions_made = version.number;
        self.insert_numbered(version)
    }

    /// Adds a version that has its number.
    pub(crate) fn insert_numbered(&mut self, mut version: Version) -> Result<&Version, ApiError> {
        version.content_type = self.content_types.share(version.content_type);
        let file_id = version.file_id;
        self.changes.version(&version);
        let bucket = bucket_with(&mut self.buckets, file_id);
        let missing = || ApiError::no_such_bucket(&file_id.bucket().to_string());
        Ok(bucket.ok_or_else(missing)?.versions.insert(version))
    }

    /// Removes a version.
    pub(crate) fn remove(&mut self, file_id: FileId) -> Option<Arc<Version>> {
        let bucket = bucket_with(&mut self.buckets, file_id)?;
        let version = bucket.versions.remove(file_id)?;
        self.changes.version(&version);
        self.changes.retire(&version.kind);
        Some(version)
    }

    /// Adds a part to an unfinished large file, or replaces the one with its number. False if there
    /// is no such file.
    pub(crate) fn put_part(&mut self, file_id: FileId, number: u64, part: Part) -> bool {
        let bucket = bucket_with(&mut self.buckets, file_id);
        let version = bucket.and_then(|bucket| bucket.versions.get_mut(file_id));
        let Some(Kind::Unfinished(parts)) = version.map(|version| &mut version.kind) else {
            return false;
        };
        if let Some(replaced) = parts.insert(number, part) {
            self.changes.retire_content(replaced.content);
        }
        self.changes.part(file_id, number);
        true
    }

    /// Turns an unfinished large file into a file at the same position.
    pub(crate) fn finish(&mut self, file_id: FileId, kind: Kind) -> Option<&Version> {
        let bucket = bucket_with(&mut self.buckets, file_id)?;
        let before = bucket.versions.finish(file_id, kind)?;
        self.changes.retire(&before);
        let version = bucket.versions.get(file_id)?;
        self.changes.version(version);
        Some(version)
    }

    /// Records an event, if a notification rule matches it.
    pub(crate) fn record_event(&mut self, version: &EventObject, event_type: EventType, now: u64) {
        let bucket_id = version.file_id.bucket();
        let Some(bucket) = bucket_id.with_text(|id| self.buckets.get(id)) else {
            return;
        };
        let event_type = event_type.name();
        let wants = |rule: &&NotificationRule| {
            let mut types = rule.event_types.iter();
            rule.is_enabled
                && version.name.starts_with(&rule.prefix)
                && types.any(|pattern| covers(pattern, event_type))
        };
        let Some(rule) = bucket.notification_rules.iter().find(wants) else {
            return;
        };
        let event = Event {
            bucket: bucket.id.clone(),
            rule: rule.clone(),
            json: json!({
                "accountId": self.account_id,
                "bucketId": bucket.id,
                "bucketName": bucket.name,
                "eventId": self.ids.event_id(),
                "eventTimestamp": now,
                "eventType": event_type,
                "eventVersion": 1,
                "matchedRuleName": rule.name,
                "objectName": version.name,
                "objectSize": version.size,
                "objectVersionId": version.file_id,
            }),
        };
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// The bucket of a file, when only files in it change.
fn bucket_with(buckets: &mut BTreeMap<String, Bucket>, file_id: FileId) -> Option<&mut Bucket> {
    file_id.bucket().with_text(|id| buckets.get_mut(id))
}
