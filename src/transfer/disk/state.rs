//! [`StateFile`]: the file that stores the state of a partial download.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use b2kit_core::adapter::is_exhaustion;

use super::claim::{self, Opened};
use super::dir::{Dir, FileStatus};
use super::partial::{LIMIT, PartialDownload, SavedState};
use super::target::{TargetPath, new_state_name, state_name};

/// The state file of a resumable download.
#[derive(Debug)]
pub(super) struct StateFile {
    name: OsString,
    new_name: OsString,
    kept: Mutex<StateStatus>,
}

#[derive(Debug, Default)]
pub(super) struct StateStatus {
    /// The newest checkpoint that is not on disk yet.
    pub(super) now: Option<Checkpoint>,
    /// Whether a state is on disk.
    pub(super) is_on_disk: bool,
    /// Whether a sync has failed: the system may not report the error again.
    pub(super) is_doubtful: bool,
    /// An empty file for the first state, opened in advance: there may be no free descriptor when
    /// the state has to be written.
    reserved: Option<File>,
}

/// The bytes in a partial file at some point.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) partial: PartialDownload,
    /// Whether the bytes will be verified with a SHA-1. Otherwise they count only once they are
    /// synced.
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

    /// Reads the state of this file. Ignored unless both files are accessible to this user only.
    ///
    /// # Errors
    /// Fails if there is a state file of this user that can't be read.
    pub(super) fn read(
        &self,
        target: &TargetPath,
        part: &File,
        of: FileStatus,
    ) -> io::Result<Option<SavedState>> {
        if !of.is_private() {
            return Ok(None);
        }
        let file = match claim::open_ours(&target.dir, &self.name)? {
            Opened::Ours(file, status) if status.is_private() => file,
            // Another process has it open on Windows, which says nothing about the state.
            Opened::InUse => return Err(io::ErrorKind::ResourceBusy.into()),
            _ => return Ok(None),
        };
        let mut document = Vec::new();
        file.take(LIMIT).read_to_end(&mut document)?;
        let length = part.metadata()?.len();
        Ok(SavedState::read(
            &document,
            length,
            of.identity,
            &target.key,
        ))
    }

    /// Opens the file for the first state in advance.
    ///
    /// # Errors
    /// Fails if the process has no free descriptors. After any other failure, the file is created
    /// when it is needed.
    pub(super) fn reserve(&self, target: &TargetPath) -> io::Result<()> {
        let reserved = match target.dir.create(&self.new_name) {
            Err(error) if is_exhaustion(&error) => return Err(error),
            created => created.ok(),
        };
        self.lock().reserved = reserved;
        Ok(())
    }

    /// Removes the file that was opened in advance, if it was not used.
    pub(super) fn release(&self, target: &TargetPath) {
        if self.lock().reserved.take().is_some() {
            let _ = target.dir.remove(&self.new_name);
        }
    }

    /// Writes the state atomically.
    pub(super) fn write(
        &self,
        kept: &mut StateStatus,
        target: &TargetPath,
        part: FileStatus,
        partial: &PartialDownload,
    ) -> io::Result<()> {
        let dir = &target.dir;
        let mut file = match kept.reserved.take() {
            Some(file) if claim::name_refers_to(dir, &self.new_name, Dir::file_status(&file)?)? => {
                file
            }
            _ => {
                dir.remove(&self.new_name)?;
                dir.create(&self.new_name)?
            }
        };
        let written = file.write_all(&partial.write(part.identity, &target.key));
        drop(file);
        let written = written.and_then(|()| dir.rename(&self.new_name, &self.name));
        match &written {
            Ok(()) => kept.is_on_disk = true,
            // Don't leave an incomplete file.
            Err(_) => drop(dir.remove(&self.new_name)),
        }
        written
    }

    pub(super) fn remove(&self, target: &TargetPath) -> io::Result<()> {
        target.dir.remove(&self.new_name)?;
        target.dir.remove(&self.name)
    }
}
