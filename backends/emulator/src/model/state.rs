//! [`State`]: an account with its keys, tokens, buckets and files. Plain data; the calls that use
//! it are in [`calls`](crate::calls).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::behavior::UndocumentedBehavior;
use crate::model::ids::Ids;
use crate::protocol::api_error::ApiError;

use super::bucket::{Bucket, VersionPosition};
use super::changes::Changes;
use super::event::{Event, EventObject, EventType};
use super::file::{Kind, Part, Version};
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
    /// Bucket id and position of each file version.
    pub(crate) files: HashMap<String, (String, VersionPosition)>,
    /// Number of versions ever made.
    pub(crate) versions_made: u64,
    /// Events that are not in a webhook yet.
    pub(crate) events: VecDeque<Event>,
    /// The last day on which lifecycle rules ran, counted from the epoch.
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
        let (bucket, position) = self.files.get(file_id)?;
        let bucket = self.buckets.get(bucket)?;
        Some((bucket, bucket.versions.get(position)?))
    }

    pub(crate) fn add_bucket(&mut self, bucket: Bucket) {
        self.changes.bucket(&bucket.id);
        self.buckets.insert(bucket.id.clone(), bucket);
    }

    /// Removes a bucket with all that is in it.
    pub(crate) fn remove_bucket(&mut self, id: &str) -> Option<Bucket> {
        let bucket = self.buckets.remove(id)?;
        self.changes.bucket(id);
        for version in bucket.versions.values() {
            self.files.remove(&version.file_id);
            self.changes.version(&version.file_id);
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
    pub(crate) fn version_mut(&mut self, file_id: &str) -> Option<&mut Version> {
        self.changes.version(file_id);
        let (bucket, position) = self.files.get(file_id)?;
        self.buckets.get_mut(bucket)?.versions.get_mut(position)
    }

    /// Adds a version. Its position follows from name, timestamp and number.
    pub(crate) fn insert(&mut self, version: Version) -> Result<&Version, ApiError> {
        self.versions_made += 1;
        let position = VersionPosition::new(&version.name, version.uploaded, self.versions_made);
        let at = (version.bucket_id.clone(), position.clone());
        let file_id = version.file_id.clone();
        let bucket = self
            .buckets
            .get_mut(&version.bucket_id)
            .ok_or_else(|| ApiError::no_such_bucket(&version.bucket_id))?;
        self.changes.version(&file_id);
        self.files.insert(file_id, at);
        Ok(bucket.insert(position, version))
    }

    /// Removes a version.
    pub(crate) fn remove(&mut self, file_id: &str) -> Option<Version> {
        let (bucket, position) = self.files.remove(file_id)?;
        let version = self.buckets.get_mut(&bucket)?.remove(&position)?;
        self.changes.version(file_id);
        self.changes.retire(&version.kind);
        Some(version)
    }

    /// Adds a part to an unfinished large file, or replaces the one with its number. False if there
    /// is no such file.
    pub(crate) fn put_part(&mut self, file_id: &str, number: u64, part: Part) -> bool {
        let Some((bucket, position)) = self.files.get(file_id) else {
            return false;
        };
        let version = self.buckets.get_mut(bucket);
        let version = version.and_then(|bucket| bucket.versions.get_mut(position));
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
    pub(crate) fn finish(&mut self, file_id: &str, kind: Kind) -> Option<&Version> {
        let (bucket, position) = self.files.get(file_id)?;
        self.changes.version(file_id);
        let (version, before) = self.buckets.get_mut(bucket)?.finish(position, kind)?;
        self.changes.retire(&before);
        Some(version)
    }

    /// Records an event, if a notification rule matches it.
    pub(crate) fn record_event(&mut self, version: &EventObject, event_type: EventType, now: u64) {
        let Some(bucket) = self.buckets.get(&version.bucket_id) else {
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
