//! Converts a state, or its changes, into records.

use super::record::{
    AccountTokenRecord, BucketRecord, Counters, DownloadTokenRecord, KeyRecord, PartRecord, Record,
    VersionRecord,
};
use crate::content::Content;
use crate::model::changes::Changes;
use crate::model::file::{Kind, Version};
use crate::model::state::State;
use std::collections::BTreeSet;

/// Records of the whole state, made one by one.
pub(super) fn all(state: &State) -> impl Iterator<Item = Record> {
    let buckets = state.buckets.values().flat_map(|bucket| {
        let record = Record::Bucket(BucketRecord::of(bucket));
        std::iter::once(record).chain(bucket.versions.iter().flat_map(of_version))
    });
    let keys = state.keys.values().filter(|key| !key.is_master);
    let keys = keys.map(|key| Record::Key(KeyRecord::of(key)));
    let tokens = &state.tokens;
    let tokens = tokens.account.keys().chain(tokens.download.keys());
    std::iter::once(Record::Counters(Counters::of(state)))
        .chain(buckets)
        .chain(keys)
        .chain(tokens.map(|public| token(state, public)))
}

/// A version, and its parts.
fn of_version(version: &Version) -> impl Iterator<Item = Record> {
    let parts = version.parts().into_iter().flatten();
    let parts = parts.map(|(number, part)| PartRecord::of(version.file_id, *number, part));
    std::iter::once(Record::Version(VersionRecord::of(version))).chain(parts.map(Record::Part))
}

/// The blobs that the state needs.
pub(super) fn blobs(state: &State) -> BTreeSet<u64> {
    let versions = state.buckets.values().flat_map(|it| it.versions.iter());
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
    for id in changes.versions.keys() {
        records.push(match state.version_of(*id) {
            Some((_, version)) => Record::Version(VersionRecord::of(version)),
            None => Record::NoVersion(*id),
        });
    }
    for (id, number) in &changes.parts {
        let version = state.version_of(*id).map(|(_, version)| version);
        let part = version.and_then(|version| version.parts()?.get(number));
        parts.extend(part.map(|part| Record::Part(PartRecord::of(*id, *number, part))));
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
