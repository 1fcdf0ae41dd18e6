//! [`StateFile`]: where it is written what there is of a file.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dir::{Dir, FileStatus};
use super::partial::{LIMIT, PartialDownload, SavedState};
use super::target::{TargetPath, new_state_name, state_name};

/// The state of a file that may be gone on with.
#[derive(Debug)]
pub(super) struct StateFile {
    name: OsString,
    new_name: OsString,
    kept: Mutex<StateStatus>,
}

#[derive(Debug, Default)]
pub(super) struct StateStatus {
    /// What is there now.
    pub(super) now: Option<Checkpoint>,
    /// Whether a state is on the disk.
    pub(super) is_on_disk: bool,
    /// The disk has failed to take bytes, and might not say so again.
    pub(super) is_doubtful: bool,
}

/// What is there of a file.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) partial: PartialDownload,
    /// A SHA-1 will check it. Otherwise it counts only once the disk has it.
    pub(super) is_checked: bool,
}

impl StateFile {
    pub(super) fn of(part: &OsString) -> Self {
        Self {
            name: state_name(part),
            new_name: new_state_name(part),
            kept: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, StateStatus> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state of this file. Nobody but this user may have had a hand in either.
    pub(super) fn read(
        &self,
        place: &TargetPath,
        part: &File,
        of: FileStatus,
    ) -> Option<SavedState> {
        if !of.is_private() {
            return None;
        }
        let file = place.dir.open_file(&self.name).ok()?;
        let status = Dir::file_status(&file).ok()?;
        if !status.is_exclusively_ours() || !status.is_private() {
            return None;
        }
        let mut document = Vec::new();
        file.take(LIMIT).read_to_end(&mut document).ok()?;
        let length = part.metadata().ok()?.len();
        SavedState::read(&document, length, of.identity, &place.key)
    }

    /// All of it or nothing.
    pub(super) fn write(
        &self,
        place: &TargetPath,
        part: FileStatus,
        partial: &PartialDownload,
    ) -> io::Result<()> {
        let dir = &place.dir;
        dir.remove(&self.new_name)?;
        let mut file = dir.create(&self.new_name)?;
        let written = file.write_all(&partial.write(part.identity, &place.key));
        drop(file);
        let written = written.and_then(|()| dir.rename(&self.new_name, &self.name));
        if written.is_err() {
            // It would only take room.
            let _ = dir.remove(&self.new_name);
        }
        written
    }

    pub(super) fn remove(&self, place: &TargetPath) -> io::Result<()> {
        place.dir.remove(&self.new_name)?;
        place.dir.remove(&self.name)
    }
}
