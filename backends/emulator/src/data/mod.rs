//! [`DataDir`]: an account on disk, so that gigabytes fit and a restart finds everything again.
//!
//! ```text
//! DIR/lock       held by the one emulator that uses it
//! DIR/journal    what there is: see journal
//! DIR/blobs/     the bytes: see blob::disk
//! ```
//!
//! Before an answer leaves, what it says is in the journal, and the bytes that it speaks of are in their files. So a crash
//! of the program loses nothing that was answered. A crash of the whole computer may, unless everything is synced: the
//! next start says what.

mod journal;
mod record;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blob::DiskStore;
use crate::state::State;
use crate::state::file::{Kind, Version};

use journal::Journal;
use record::Reading;

/// A directory that holds an account.
pub(crate) struct DataDir {
    journal: Mutex<Journal>,
    store: DiskStore,
    /// As long as it is open, the directory is ours.
    _lock: File,
}

impl DataDir {
    /// Opens the directory, which is made if it isn't there, and puts what it holds into the state. Also says in words
    /// what was lost.
    pub(crate) fn open(
        directory: &Path,
        state: &mut State,
        cap: u64,
        syncs: bool,
    ) -> io::Result<(Self, Vec<String>)> {
        make(directory)?;
        let lock = lock(directory)?;
        let read = Journal::read(directory)?;
        if read.is_none() {
            must_be_empty(directory)?;
        }
        let mut losses = Vec::new();
        let store = DiskStore::open(&directory.join("blobs"), cap, syncs)?;
        let blobs = store.found()?;
        if let Some(read) = read {
            let mut reading = Reading {
                state,
                blobs: &blobs,
            };
            for record in read.records {
                reading.apply(record).map_err(|problem| {
                    let problem = format!("{}: {problem}", directory.display());
                    io::Error::new(io::ErrorKind::InvalidData, problem)
                })?;
            }
            losses.extend(read.loss);
            losses.extend(drop_lost(state));
        }
        state.changes.are_kept = true;
        state.tokens.keep_changes();
        let journal = Journal::create(directory, &record::all(state), syncs)?;
        let this = Self {
            journal: Mutex::new(journal),
            store,
            _lock: lock,
        };
        // whatever the journal doesn't speak of goes now
        this.store.unshut();
        drop(blobs);
        Ok((this, losses))
    }

    pub(crate) fn store(&self) -> DiskStore {
        self.store.clone()
    }

    /// Writes down what has changed. If that fails, it is tried again with the next change.
    ///
    /// The journal is locked before the state, here as everywhere.
    pub(crate) fn keep<'a>(&self, state: impl Fn() -> MutexGuard<'a, State>) -> io::Result<()> {
        let mut journal = self.journal();
        if !journal.is_long() {
            let mut locked = state();
            let changes = locked.changes.take();
            let records = record::of_changes(&mut locked, &changes);
            drop(locked);
            journal.add(&records, changes.retired);
            return journal.write();
        }
        let mut locked = state();
        let changes = locked.changes.take();
        locked.tokens.take_changed();
        let records = record::all(&locked);
        drop(locked);
        journal.add(&[], changes.retired);
        journal.replace(&records)
    }

    /// Writes down all there is, once the state has been replaced by `replace`.
    pub(crate) fn keep_instead<'a>(
        &self,
        replace: impl FnOnce() -> MutexGuard<'a, State>,
    ) -> io::Result<()> {
        let mut journal = self.journal();
        let records = record::all(&replace());
        journal.replace(&records)
    }

    /// From now on, the bytes stay when what they belong to is dropped.
    pub(crate) fn shut(&self) {
        self.store.shut();
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Somebody else's directory is not to be filled with our files.
fn must_be_empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if !["lock", "journal.new", "blobs"]
            .iter()
            .any(|ours| name == *ours)
        {
            let directory = directory.display();
            let message = format!("{directory} holds other things than an emulator's: {name:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(())
}

fn lock(directory: &Path) -> io::Result<File> {
    let path: PathBuf = directory.join("lock");
    let file = File::create(&path)?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => {
            let message = format!("{} is in use by another emulator", directory.display());
            io::Error::new(io::ErrorKind::AddrInUse, message)
        }
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// Takes out what has lost its bytes, and says so.
fn drop_lost(state: &mut State) -> Vec<String> {
    let mut losses = Vec::new();
    let mut lost_files = Vec::new();
    for bucket in state.buckets.values_mut() {
        for version in bucket.versions.values_mut() {
            let Version { name, kind, .. } = version;
            match kind {
                Kind::File(stored) if stored.content.numbered().is_none() => {
                    lost_files.push(version.file_id.clone());
                    losses.push(format!("the bytes of {name:?} in {} are lost", bucket.name));
                }
                Kind::Unfinished(parts) => parts.retain(|number, part| {
                    let is_there = part.content.numbered().is_some();
                    if !is_there {
                        losses.push(format!(
                            "the bytes of part {number} of {name:?} in {} are lost",
                            bucket.name
                        ));
                    }
                    is_there
                }),
                Kind::File(_) | Kind::Hide => {}
            }
        }
    }
    for file_id in lost_files {
        state.remove(&file_id);
    }
    losses
}
