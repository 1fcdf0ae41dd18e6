//! [`DataDir`]: an account in a directory.
//!
//! ```text
//! DIR/lock       held by the emulator that uses it
//! DIR/journal    everything but the bytes of files: see `log`
//! DIR/head       where the journal ends: see `head`
//! DIR/blobs/     the bytes of files: see `blobs::disk`
//! DIR/lost/      what a start could not account for, if anything: see `salvage`
//! ```
//!
//! Before a response is sent, what it says is in the journal, and the bytes it refers to are in
//! their files. So a crash of the process loses nothing that was answered. A crash of the machine
//! may, unless everything is synced; the next start reports what.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::content::Content;
use crate::model::file::Kind;
use crate::model::file_id::FileId;
use crate::model::state::State;
use crate::model::versions::VersionPosition;
use crate::storage::blobs::disk::{DiskStore, FoundBlobs};

use super::directory::{lock, make};
use super::head::{Found, Head};
use super::line::Position;
use super::log::Journal;
use super::reader;
use super::record::Record;
use super::replay::Replay;
use super::salvage::{self, JournaledBlobs};
use super::snapshot;

/// The directory of an account.
pub(crate) struct DataDir {
    journal: Mutex<Journal>,
    store: DiskStore,
    /// Keeps other emulators out.
    _lock: File,
}

impl DataDir {
    /// Opens the directory, creating it if it is missing, and loads it into the state. Also returns
    /// what was lost, in words.
    pub(crate) fn open(
        directory: &Path,
        state: &mut State,
        cap: u64,
        syncs: bool,
    ) -> io::Result<(Self, Vec<String>)> {
        make(directory)?;
        // before anything is created in it
        if !reader::is_in(directory)? {
            refuse_foreign_files(directory)?;
        }
        let lock = lock(directory)?;
        let store = DiskStore::open(&directory.join("blobs"), cap, syncs)?;
        let found = store.found()?;
        let mut replay = Replay::new(state, &found);
        let read = reader::read(directory, &mut |record| replay.apply(record))?;
        let Replay {
            known,
            short,
            incomplete,
            ..
        } = replay;
        if read.is_none() {
            refuse_orphaned_blobs(directory, &found)?;
        }
        salvage::skip_numbers(directory, &store)?;
        // records of earlier blobs would prove new ones superseded
        if let Some(number) = known.iter().max() {
            store.skip(*number);
        }
        let mut recovery_warnings = Vec::new();
        let mut after = Position::start();
        let (mut size, mut superseded) = (None, Vec::new());
        if let Some(read) = read {
            (after, size) = (read.position, read.size);
            recovery_warnings = read.recovery_warnings;
            let lost = remove_versions_without_bytes(state, incomplete);
            recovery_warnings.extend(lost.recovery_warnings);
            let journaled = JournaledBlobs {
                is_whole: read.is_whole,
                known: known.into_iter().collect(),
                needed: found.in_use(),
                wanted: short.into_iter().chain(lost.blobs).collect(),
            };
            superseded = salvage::salvage(
                directory,
                &store,
                &found,
                &journaled,
                &mut recovery_warnings,
            )?;
            if !recovery_warnings.is_empty() {
                salvage::preserve_journal(directory, &mut recovery_warnings)?;
            }
        }
        state.changes.enabled = true;
        state.tokens.track_changes();
        let mut journal = match size.filter(|_| recovery_warnings.is_empty()) {
            // the journal already contains the superseded blobs
            Some(size) => Journal::resume(directory, size, after, syncs)?,
            None => {
                let state: &State = state;
                Journal::create(directory, || all(state, &superseded), &after, syncs)?
            }
        };
        journal.supersede(superseded);
        let this = Self {
            journal: Mutex::new(journal),
            store,
            _lock: lock,
        };
        // deletes what is superseded
        this.store.delete_unused_files();
        drop(found);
        Ok((this, recovery_warnings))
    }

    pub(crate) fn store(&self) -> DiskStore {
        self.store.clone()
    }

    /// Persists what has changed. A failure is retried with the next change.
    ///
    /// Locks the journal before the state, like every method here.
    pub(crate) fn persist<'a>(&self, state: impl Fn() -> MutexGuard<'a, State>) -> io::Result<()> {
        let mut journal = self.journal();
        let mut locked = state();
        let changes = locked.changes.take();
        let records = snapshot::of_changes(&mut locked, &changes);
        let needs_copy = journal.is_stale() || journal.has_grown();
        // shares the versions, so the state is not locked until all of them are written
        let copy = needs_copy.then(|| locked.clone());
        drop(locked);
        journal.add(&records, changes.retired);
        journal.mark_unwritten(changes.buckets, changes.versions);
        let Some(copy) = copy else {
            return journal.write();
        };
        if journal.is_stale() {
            let superseded = self.superseded(&mut journal, &copy);
            return journal.replace(|| all(&copy, &superseded));
        }
        journal.write()?;
        let superseded = self.superseded(&mut journal, &copy);
        journal.compact(|| all(&copy, &superseded));
        Ok(())
    }

    /// Whether a restart would find this version as it is now, even if other changes are not
    /// persisted; with a name, whether it would also be the current version of that name.
    pub(crate) fn is_persisted(&self, file_id: FileId, current_of: Option<&str>) -> bool {
        self.journal().is_persisted(file_id, current_of)
    }

    /// Replaces the state and persists all of it. Returns the state before.
    pub(crate) fn persist_replacement<'a>(
        &self,
        state: impl FnOnce() -> MutexGuard<'a, State>,
        replacement: &State,
    ) -> io::Result<State> {
        let mut journal = self.journal();
        let new = replacement.clone();
        let before = std::mem::replace(&mut *state(), new);
        journal.mark_all_unwritten();
        let retired = before.changes.retired.iter().flat_map(Content::numbers);
        journal.supersede(snapshot::blobs(&before).into_iter().chain(retired));
        let superseded = self.superseded(&mut journal, replacement);
        let written = journal.replace(|| all(replacement, &superseded));
        if let Err(error) = written {
            // the journal still refers to these files, so they must not be deleted
            std::mem::forget(before);
            return Err(error);
        }
        Ok(before)
    }

    /// Blobs that the journal refers to and that this state doesn't need, though their files are
    /// still there.
    fn superseded(&self, journal: &mut Journal, state: &State) -> Vec<u64> {
        let needed = snapshot::blobs(state);
        journal.superseded(|number| !needed.contains(&number) && self.store.has(number))
    }

    /// From now on, bytes stay when their content is dropped.
    pub(crate) fn retain_files(&self) {
        self.store.retain_files();
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records of everything, and of the blobs that are superseded.
fn all(state: &State, superseded: &[u64]) -> impl Iterator<Item = Record> {
    let superseded = (!superseded.is_empty()).then(|| Record::Superseded(superseded.to_vec()));
    snapshot::all(state).chain(superseded)
}

/// Refuses a directory with foreign files.
fn refuse_foreign_files(directory: &Path) -> io::Result<()> {
    let ours = ["lock", "head", "journal.new", "blobs", salvage::LOST];
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if !ours.iter().any(|ours| name == *ours) {
            let directory = directory.display();
            let message = format!(
                "{directory} contains {name:?}, which is not an emulator's: \
                 choose an empty directory"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(())
}

/// Without a journal there must be no blobs and no head.
fn refuse_orphaned_blobs(directory: &Path, found: &FoundBlobs) -> io::Result<()> {
    let blobs = found.len();
    if blobs == 0 && Head::read(directory)? == Found::Nothing {
        return Ok(());
    }
    let directory = directory.display();
    let message = format!(
        "the journal of {directory} is missing, but {blobs} blobs are there: restore it, or start \
         with another directory"
    );
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

/// Content that the journal refers to and that is missing.
struct Removed {
    recovery_warnings: Vec<String>,
    /// What is left of its blobs.
    blobs: BTreeSet<u64>,
}

/// Removes those of these files and parts whose bytes are missing; no others can be affected.
fn remove_versions_without_bytes(state: &mut State, incomplete: BTreeSet<FileId>) -> Removed {
    let mut lost = Removed {
        recovery_warnings: Vec::new(),
        blobs: BTreeSet::new(),
    };
    let incomplete = incomplete.into_iter();
    let mut incomplete: Vec<_> = incomplete.filter_map(|id| state.version_of(id)).collect();
    incomplete
        .sort_by_cached_key(|(bucket, version)| (bucket.hex_id, VersionPosition::of(version)));
    let (mut lost_files, mut lost_parts) = (Vec::new(), Vec::new());
    for (bucket, version) in incomplete {
        let (id, name) = (version.file_id, &version.name);
        if let Some(stored) = version.stored().filter(|it| is_lost(&it.content)) {
            lost_files.push(id);
            lost.blobs.extend(stored.content.numbers());
            let loss = format!("the bytes of {name:?} in {} are lost", bucket.name);
            lost.recovery_warnings.push(loss);
        }
        for (number, part) in version.parts().into_iter().flatten() {
            if is_lost(&part.content) {
                lost_parts.push((id, *number));
                lost.blobs.extend(part.content.numbers());
                lost.recovery_warnings.push(format!(
                    "the bytes of part {number} of {name:?} in {} are lost",
                    bucket.name
                ));
            }
        }
    }
    for file_id in lost_files {
        state.remove(file_id);
    }
    for (file_id, number) in lost_parts {
        let version = state.version_mut(file_id);
        if let Some(Kind::Unfinished(parts)) = version.map(|version| &mut version.kind) {
            parts.remove(&number);
        }
    }
    lost
}

/// Whether a blob is missing or too short.
fn is_lost(content: &Content) -> bool {
    !content.is_numbered()
}
