//! [`Replay`]: loads the records of a journal into a state.

use super::record::{Extents, KeyRecord, KindRecord, PartRecord, Record, VersionRecord};
use crate::content::{Blob, Content};
use crate::model::file::{Kind, Part, Stored, Version};
use crate::model::file_id::FileId;
use crate::model::state::State;
use crate::model::token::{AccountToken, Issued};
use crate::storage::blobs::disk::FoundBlobs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of reading a journal.
pub(super) struct Replay<'a> {
    pub(super) state: &'a mut State,
    pub(super) blobs: &'a FoundBlobs,
    /// Blobs that any record refers to, some repeatedly.
    pub(super) known: Vec<u64>,
    /// Blobs that are shorter than a record says.
    pub(super) short: BTreeSet<u64>,
    /// Versions of which a record refers to missing bytes. A later record may have replaced it.
    pub(super) incomplete: BTreeSet<FileId>,
}

impl<'a> Replay<'a> {
    pub(super) const fn new(state: &'a mut State, blobs: &'a FoundBlobs) -> Self {
        Self {
            state,
            blobs,
            known: Vec::new(),
            short: BTreeSet::new(),
            incomplete: BTreeSet::new(),
        }
    }

    /// Applies a record to the state.
    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        let state = &mut *self.state;
        match record {
            Record::Bucket(record) => record.apply(state),
            Record::Version(record) => return self.version(record),
            Record::Part(record) => return self.part(record),
            // the builder's master key may have the id of a key of an earlier start
            Record::Key(KeyRecord { id, .. }) | Record::NoKey(id) if is_master(state, &id) => {}
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
                state.remove(id);
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
        if record.bucket_id != record.id.bucket() {
            return Err(format!("{} is not in its bucket", record.id));
        }
        let before = self.state.remove(record.id);
        let kind = match record.kind {
            KindRecord::File { content, sha1, md5 } => Kind::File(Stored {
                content: self.content(record.id, &content),
                sha1,
                md5,
            }),
            KindRecord::Hide => Kind::Hide,
            KindRecord::Unfinished => {
                match before.map(|before| Arc::unwrap_or_clone(before).kind) {
                    Some(unfinished @ Kind::Unfinished(_)) => unfinished,
                    _ => Kind::Unfinished(BTreeMap::new()),
                }
            }
        };
        let mut version = Version::new(record.id, record.name, record.uploaded, kind);
        version.number = record.number;
        version.content_type = record.content_type;
        version.info = record.info;
        version.set_lock(record.lock);
        version.encryption = record.encryption;
        version.replication = record.replication;
        self.state.versions_made = self.state.versions_made.max(record.number);
        let bucket = self.state.bucket_of(record.bucket_id);
        if bucket.is_some_and(|bucket| bucket.versions.has_unique(record.id.unique())) {
            return Err(format!("another version has the digits of {}", record.id));
        }
        let inserted = self.state.insert_numbered(version).map(|_| ());
        inserted.map_err(|error| error.message)
    }

    fn part(&mut self, record: PartRecord) -> Result<(), String> {
        let part = Part {
            content: self.content(record.file_id, &record.content),
            sha1: record.sha1,
            md5: record.md5,
            encryption: record.encryption,
            uploaded: record.uploaded,
        };
        if self.state.put_part(record.file_id, record.number, part) {
            Ok(())
        } else {
            Err(format!("there is no unfinished file {}", record.file_id))
        }
    }

    /// The content of a record. Missing extents keep their length, but can't be read.
    fn content(&mut self, of: FileId, extents: &Extents) -> Content {
        self.known
            .extend(extents.iter().map(|(number, ..)| *number));
        let extents = extents.iter().map(|(number, start, len)| {
            let is_there =
                |blob: &Arc<dyn Blob>| start.checked_add(*len).is_some_and(|end| end <= blob.len());
            let blob = match self.blobs.get(*number) {
                Some(blob) if is_there(blob) => Arc::clone(blob),
                other => {
                    self.incomplete.insert(of);
                    self.short.extend(other.map(|_| *number));
                    Arc::new(MissingBlob) as Arc<dyn Blob>
                }
            };
            (blob, *start, *len)
        });
        Content::of_extents(extents)
    }
}

fn is_master(state: &State, key_id: &str) -> bool {
    state.keys.get(key_id).is_some_and(|key| key.is_master)
}

/// A blob whose bytes are missing.
struct MissingBlob;

impl Blob for MissingBlob {
    fn reader(self: Arc<Self>) -> std::io::Result<Box<dyn crate::content::BlobReader>> {
        Err(std::io::Error::other("the bytes are lost"))
    }

    fn len(&self) -> u64 {
        0
    }
}
