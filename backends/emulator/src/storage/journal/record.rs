//! What a line of the journal contains: the present state of some objects, by name. A later record
//! of a name replaces an earlier one, so reading can start from any complete state.
//!
//! The structure of these types, and of the model types in them, is the format: changing it changes
//! [`VERSION`](super::log::VERSION). A test reads a journal of each version.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::content::{Blob, Content};
use crate::model::bucket::{Bucket, VersionPosition};
use crate::model::changes::Changes;
use crate::model::encryption::Encryption;
use crate::model::file::{Kind, Part, Replication, Sha1, Stored, Version};
use crate::model::ids::Ids;
use crate::model::key::Key;
use crate::model::lock::{DefaultRetention, Lock};
use crate::model::notification::NotificationRule;
use crate::model::rules::{CorsRule, LifecycleRule};
use crate::model::state::State;
use crate::model::token::{AccountToken, DownloadToken, Issued};
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
    NoVersion(String),
    NoKey(String),
    NoToken(String),
    /// Numbers of blobs that no record needs any more, though their files may still exist. Since
    /// format 2.
    Superseded(Vec<u64>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BucketRecord {
    id: String,
    name: String,
    kind: String,
    info: BTreeMap<String, String>,
    cors_rules: Vec<CorsRule>,
    lifecycle_rules: Vec<LifecycleRule>,
    encrypts: bool,
    /// Missing in older records, whose buckets have the old rules.
    #[serde(default = "yes")]
    legacy_encryption: bool,
    file_lock: bool,
    default_retention: Option<DefaultRetention>,
    replication: Value,
    notification_rules: Vec<NotificationRule>,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionRecord {
    id: String,
    bucket_id: String,
    name: String,
    uploaded: u64,
    number: u64,
    content_type: String,
    info: BTreeMap<String, String>,
    lock: Lock,
    encryption: Encryption,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replication: Option<Replication>,
    kind: KindRecord,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum KindRecord {
    File {
        content: Pieces,
        sha1: Option<Sha1>,
        md5: Option<String>,
    },
    Hide,
    /// The parts have records of their own.
    Unfinished,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartRecord {
    file_id: String,
    number: u64,
    content: Pieces,
    sha1: Sha1,
    md5: Option<String>,
    encryption: Encryption,
    uploaded: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyRecord {
    id: String,
    secret: String,
    name: String,
    capabilities: Vec<String>,
    buckets: Option<Vec<String>>,
    /// Missing in older records.
    #[serde(default)]
    needs_v4: bool,
    name_prefix: Option<String>,
    expires: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountTokenRecord {
    public: String,
    secret: String,
    key_id: String,
    expires: u64,
    uses_left: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadTokenRecord {
    public: String,
    secret: String,
    key_id: String,
    bucket_id: String,
    prefix: String,
    overrides: BTreeMap<String, String>,
    expires: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counters {
    seed: u64,
    keys_created: u64,
    versions_made: u64,
    last_day: Option<u64>,
}

/// The default of a field that older records lack.
const fn yes() -> bool {
    true
}

/// Number of the blob, start of the piece in it, and its length.
type Pieces = Vec<(u64, u64, u64)>;

/// The state of reading a journal.
pub(super) struct Replay<'a> {
    pub(super) state: &'a mut State,
    pub(super) blobs: &'a HashMap<u64, Arc<dyn Blob>>,
    /// Blobs that any record refers to.
    pub(super) known: BTreeSet<u64>,
    /// Blobs that are shorter than a record says.
    pub(super) short: BTreeSet<u64>,
}

/// Records of the whole state.
pub(super) fn all(state: &State) -> Vec<Record> {
    let mut records = vec![Record::Counters(Counters::of(state))];
    for bucket in state.buckets.values() {
        records.push(Record::Bucket(BucketRecord::of(bucket)));
        for (position, version) in &bucket.versions {
            records.push(Record::Version(VersionRecord::of(version, position)));
            for (number, part) in version.parts().into_iter().flatten() {
                records.push(Record::Part(PartRecord::of(
                    &version.file_id,
                    *number,
                    part,
                )));
            }
        }
    }
    let keys = state.keys.values().filter(|key| !key.is_master);
    records.extend(keys.map(|key| Record::Key(KeyRecord::of(key))));
    for public in state
        .tokens
        .account
        .keys()
        .chain(state.tokens.download.keys())
    {
        records.push(token(state, public));
    }
    records
}

/// The blobs that the state needs.
pub(super) fn blobs(state: &State) -> BTreeSet<u64> {
    let versions = state.buckets.values().flat_map(|it| it.versions.values());
    let contents = versions.flat_map(|version| {
        let stored = match &version.kind {
            Kind::File(stored) => Some(&stored.content),
            Kind::Hide | Kind::Unfinished(_) => None,
        };
        let parts = version.parts().into_iter().flatten();
        stored
            .into_iter()
            .chain(parts.map(|(_, part)| &part.content))
    });
    contents.flat_map(Content::numbers).collect()
}

/// Records of what has changed.
pub(super) fn of_changes(state: &mut State, changes: &Changes) -> Vec<Record> {
    let mut records = Vec::new();
    let (mut no_buckets, mut parts) = (Vec::new(), Vec::new());
    for id in &changes.buckets {
        match state.buckets.get(id) {
            Some(bucket) => records.push(Record::Bucket(BucketRecord::of(bucket))),
            None => no_buckets.push(Record::NoBucket(id.clone())),
        }
    }
    for id in &changes.versions {
        let position = state.files.get(id).map(|(_, position)| position);
        let found = state.version(id).map(|(_, version)| version).zip(position);
        records.push(match found {
            Some((version, position)) => Record::Version(VersionRecord::of(version, position)),
            None => Record::NoVersion(id.clone()),
        });
    }
    for (id, number) in &changes.parts {
        let version = state.version(id).map(|(_, version)| version);
        let part = version.and_then(|version| version.parts()?.get(number));
        parts.extend(part.map(|part| Record::Part(PartRecord::of(id, *number, part))));
    }
    for id in &changes.keys {
        records.push(match state.keys.get(id) {
            Some(key) => Record::Key(KeyRecord::of(key)),
            None => Record::NoKey(id.clone()),
        });
    }
    let tokens = state.tokens.take_changed();
    records.extend(tokens.iter().map(|public| token(state, public)));
    // parts after their file, buckets after the files in them
    records.extend(parts);
    records.extend(no_buckets);
    if !records.is_empty() {
        records.push(Record::Counters(Counters::of(state)));
    }
    records
}

fn token(state: &State, public: &str) -> Record {
    if let Some(found) = state.tokens.account.get(public) {
        return Record::AccountToken(AccountTokenRecord {
            public: public.to_owned(),
            secret: found.secret.clone(),
            key_id: found.token.key_id.clone(),
            expires: found.token.expires,
            uses_left: found.token.uses_left,
        });
    }
    if let Some(found) = state.tokens.download.get(public) {
        let overrides = found.token.overrides.iter();
        return Record::DownloadToken(DownloadTokenRecord {
            public: public.to_owned(),
            secret: found.secret.clone(),
            key_id: found.token.key_id.clone(),
            bucket_id: found.token.bucket_id.clone(),
            prefix: found.token.prefix.clone(),
            overrides: overrides
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            expires: found.token.expires,
        });
    }
    Record::NoToken(public.to_owned())
}

impl Replay<'_> {
    /// Applies a record to the state.
    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        let state = &mut *self.state;
        match record {
            Record::Bucket(record) => record.apply(state),
            Record::Version(record) => return self.version(record),
            Record::Part(record) => return self.part(record),
            Record::Key(record) => record.apply(state),
            Record::AccountToken(record) => {
                let token = AccountToken {
                    key_id: record.key_id,
                    expires: record.expires,
                    uses_left: record.uses_left,
                };
                let secret = record.secret;
                state
                    .tokens
                    .account
                    .insert(record.public, Issued { secret, token });
            }
            Record::DownloadToken(record) => {
                let (public, secret) = record.into_token();
                state.tokens.download.insert(public, secret);
            }
            Record::Counters(counters) => counters.apply(state),
            Record::NoBucket(id) => {
                state.remove_bucket(&id);
            }
            Record::NoVersion(id) => {
                state.remove(&id);
            }
            Record::NoKey(id) => state.remove_key(&id),
            Record::NoToken(public) => {
                state.tokens.account.remove(&public);
                state.tokens.download.remove(&public);
            }
            Record::Superseded(numbers) => self.known.extend(numbers),
        }
        Ok(())
    }

    fn version(&mut self, record: VersionRecord) -> Result<(), String> {
        let kind = match record.kind {
            KindRecord::File { content, sha1, md5 } => Kind::File(Stored {
                content: self.content(&content),
                sha1,
                md5,
            }),
            KindRecord::Hide => Kind::Hide,
            KindRecord::Unfinished => {
                let before = self.state.remove(&record.id).map(|version| version.kind);
                match before {
                    Some(unfinished @ Kind::Unfinished(_)) => unfinished,
                    _ => Kind::Unfinished(BTreeMap::new()),
                }
            }
        };
        self.state.remove(&record.id);
        let version = Version {
            file_id: record.id,
            bucket_id: record.bucket_id,
            name: record.name,
            uploaded: record.uploaded,
            content_type: record.content_type,
            info: record.info,
            lock: record.lock,
            encryption: record.encryption,
            replication: record.replication,
            kind,
        };
        // the number decides the position, so the version is made as that number
        let made = self.state.versions_made;
        self.state.versions_made = record.number.saturating_sub(1);
        let inserted = self.state.insert(version).map(|_| ());
        self.state.versions_made = made.max(record.number);
        inserted.map_err(|error| error.message)
    }

    fn part(&mut self, record: PartRecord) -> Result<(), String> {
        let part = Part {
            content: self.content(&record.content),
            sha1: record.sha1,
            md5: record.md5,
            encryption: record.encryption,
            uploaded: record.uploaded,
        };
        if self.state.put_part(&record.file_id, record.number, part) {
            Ok(())
        } else {
            Err(format!("there is no unfinished file {}", record.file_id))
        }
    }

    /// The content of a record. Missing pieces have their length, and can't be read.
    fn content(&mut self, pieces: &Pieces) -> Content {
        self.known.extend(pieces.iter().map(|(number, ..)| *number));
        let pieces = pieces.iter().map(|(number, start, len)| {
            let is_there =
                |blob: &Arc<dyn Blob>| start.checked_add(*len).is_some_and(|end| end <= blob.len());
            let blob = match self.blobs.get(number) {
                Some(blob) if is_there(blob) => Arc::clone(blob),
                Some(_) => {
                    self.short.insert(*number);
                    Arc::new(Lost) as Arc<dyn Blob>
                }
                None => Arc::new(Lost),
            };
            (blob, *start, *len)
        });
        Content::of_pieces(pieces)
    }
}

impl BucketRecord {
    fn of(bucket: &Bucket) -> Self {
        Self {
            id: bucket.id.clone(),
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

    fn apply(self, state: &mut State) {
        let bucket = state
            .buckets
            .entry(self.id.clone())
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
    fn of(version: &Version, position: &VersionPosition) -> Self {
        Self {
            id: version.file_id.clone(),
            bucket_id: version.bucket_id.clone(),
            name: version.name.clone(),
            uploaded: version.uploaded,
            number: position.number(),
            content_type: version.content_type.clone(),
            info: version.info.clone(),
            lock: version.lock,
            encryption: version.encryption.clone(),
            replication: version.replication,
            kind: match &version.kind {
                Kind::File(stored) => KindRecord::File {
                    content: pieces(&stored.content),
                    sha1: stored.sha1.clone(),
                    md5: stored.md5.clone(),
                },
                Kind::Hide => KindRecord::Hide,
                Kind::Unfinished(_) => KindRecord::Unfinished,
            },
        }
    }
}

impl PartRecord {
    fn of(file_id: &str, number: u64, part: &Part) -> Self {
        Self {
            file_id: file_id.to_owned(),
            number,
            content: pieces(&part.content),
            sha1: part.sha1.clone(),
            md5: part.md5.clone(),
            encryption: part.encryption.clone(),
            uploaded: part.uploaded,
        }
    }
}

fn pieces(content: &Content) -> Pieces {
    content
        .numbered()
        .expect("only a DiskStore is journaled, and its blobs have numbers")
}

impl KeyRecord {
    fn of(key: &Key) -> Self {
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

    fn apply(self, state: &mut State) {
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
    fn into_token(self) -> (String, Issued<DownloadToken>) {
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
    fn of(state: &State) -> Self {
        Self {
            seed: state.ids.seed(),
            keys_created: state.keys_created,
            versions_made: state.versions_made,
            last_day: state.last_day,
        }
    }

    fn apply(self, state: &mut State) {
        state.ids = Ids::new(self.seed);
        state.keys_created = self.keys_created;
        state.versions_made = self.versions_made;
        state.last_day = self.last_day;
    }
}

/// A blob whose bytes are missing.
struct Lost;

impl Blob for Lost {
    fn reader(self: Arc<Self>) -> std::io::Result<Box<dyn crate::content::BlobReader>> {
        Err(std::io::Error::other("the bytes are lost"))
    }

    fn len(&self) -> u64 {
        0
    }
}
