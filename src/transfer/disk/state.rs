//! [`StateFile`]: the file in which the state of a partial download is written.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dir::{Dir, FileStatus};
use super::partial::{LIMIT, PartialDownload, SavedState};
use super::target::{TargetPath, new_state_name, state_name};

/// The state of a file that may be resumed.
#[derive(Debug)]
pub(super) struct StateFile {
    name: OsString,
    new_name: OsString,
    kept: Mutex<StateStatus>,
}

#[derive(Debug, Default)]
pub(super) struct StateStatus {
    /// The newest checkpoint that is not written.
    pub(super) now: Option<Checkpoint>,
    /// Whether a state is on disk.
    pub(super) is_on_disk: bool,
    /// A flush has failed: the disk might not report it again.
    pub(super) is_doubtful: bool,
}

/// Which bytes are in a partial file.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) partial: PartialDownload,
    /// A SHA-1 will verify the bytes. Otherwise they count only once they are flushed.
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

    /// Reads the state of this file. Neither file may be accessible to anybody but this user.
    pub(super) fn read(
        &self,
        target: &TargetPath,
        part: &File,
        of: FileStatus,
    ) -> Option<SavedState> {
        if !of.is_private() {
            return None;
        }
        let file = target.dir.open_file(&self.name).ok()?;
        let status = Dir::file_status(&file).ok()?;
        if !status.is_exclusively_ours() || !status.is_private() {
            return None;
        }
        let mut document = Vec::new();
        file.take(LIMIT).read_to_end(&mut document).ok()?;
        let length = part.metadata().ok()?.len();
        SavedState::read(&document, length, of.identity, &target.key)
    }

    /// Writes the whole state or nothing.
    pub(super) fn write(
        &self,
        target: &TargetPath,
        part: FileStatus,
        partial: &PartialDownload,
    ) -> io::Result<()> {
        let dir = &target.dir;
        dir.remove(&self.new_name)?;
        let mut file = dir.create(&self.new_name)?;
        let written = file.write_all(&partial.write(part.identity, &target.key));
        drop(file);
        let written = written.and_then(|()| dir.rename(&self.new_name, &self.name));
        if written.is_err() {
            // It would only take up space.
            let _ = dir.remove(&self.new_name);
        }
        written
    }

    pub(super) fn remove(&self, target: &TargetPath) -> io::Result<()> {
        target.dir.remove(&self.new_name)?;
        target.dir.remove(&self.name)
    }
}
