//! [`TempFile`]: a partial file, written next to its target and renamed when complete.

mod keep;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use b2kit_core::adapter::is_exhaustion;
use blocking::Task;

use super::claim::{self, Claim};
use super::dir::{FileStatus, KNOWS_OWNERS_AND_LINKS};
use super::jobs::{ActiveJobs, JobGuard, on_pool};
use super::mode;
use super::partial::{PartialDownload, SavedState};
use super::state::{Checkpoint, StateFile, StateStatus};
use super::target::TargetPath;
use crate::transfer::commit::Commit;

/// The number of fixed names for files that are not resumable. Abandoned files of these names are
/// removed. Further concurrent downloads to the same target get random names.
const TEMPORARY_NAMES: u64 = 4;

/// A partial file next to its target. Unless renamed to the target, it is removed on drop, or kept
/// if it is resumable.
///
/// All methods block. Dropping it takes as long as removing a file.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: Arc<File>,
    /// The status when it was created or opened.
    status: FileStatus,
    target: Arc<TargetPath>,
    name: OsString,
    /// The state file, if it is resumable.
    state: Option<StateFile>,
    /// Whether it was renamed to the target or abandoned.
    is_done: AtomicBool,
    work: Arc<ActiveJobs>,
}

/// The result of [`TempFile::resume`].
#[derive(Debug)]
pub(crate) enum ResumeOutcome {
    /// The file, and the saved state of an earlier download.
    Ready(Arc<TempFile>, Option<SavedState>),
    /// Another download has locked it.
    Locked,
    /// Something else has the name of the partial file.
    Unavailable,
}

impl TempFile {
    /// Creates a file that is not resumable.
    pub(crate) fn create(target: &Arc<TargetPath>) -> io::Result<Self> {
        for number in 0..TEMPORARY_NAMES {
            let name = target.temporary_name(number);
            if let Some((file, status)) = claim::recreate_locked(&target.dir, &name)? {
                return Ok(Self::new(file, status, target, name, None));
            }
        }
        loop {
            let name = target.temporary_name(fastrand::u64(TEMPORARY_NAMES..));
            if let Some((file, status)) = claim::create_locked(&target.dir, &name)? {
                return Ok(Self::new(file, status, target, name, None));
            }
        }
    }

    /// Opens the partial file of an earlier download to this target, or creates a resumable one.
    pub(crate) fn resume(target: &Arc<TargetPath>) -> io::Result<ResumeOutcome> {
        let name = target.resumable_name();
        let (file, status) = match claim::claim(&target.dir, &name)? {
            Claim::Claimed(file, status) => (file, status),
            Claim::Locked => return Ok(ResumeOutcome::Locked),
            Claim::NotOurs => return Ok(ResumeOutcome::Unavailable),
            Claim::Missing => {
                if let Some((temp, left)) = Self::unsigned(target)? {
                    return Ok(ResumeOutcome::Ready(Arc::new(temp), Some(left)));
                }
                return Self::resumable(target, name);
            }
        };
        let state = StateFile::of(&name);
        match state.read(target, &file, status)? {
            Some(left) if is_surely_ours(&left) => {
                state.lock().is_on_disk = true;
                let temp = Self::new(file, status, target, name, Some(state));
                Ok(ResumeOutcome::Ready(Arc::new(temp), Some(left)))
            }
            _ => {
                // The name depends on this user's key, so the file may be removed.
                target.dir.remove(&name)?;
                // On Windows the name may stay in use until the file is closed.
                drop(file);
                Self::resumable(target, name)
            }
        }
    }

    /// Opens a partial file with an unsigned name. `None` unless it has a state: without one it
    /// could be any file.
    fn unsigned(target: &Arc<TargetPath>) -> io::Result<Option<(Self, SavedState)>> {
        if !KNOWS_OWNERS_AND_LINKS {
            return Ok(None);
        }
        let name = target.unsigned_name();
        let Claim::Claimed(file, status) = claim::claim(&target.dir, &name)? else {
            return Ok(None);
        };
        let state = StateFile::of(&name);
        Ok(state.read(target, &file, status)?.map(|left| {
            state.lock().is_on_disk = true;
            (Self::new(file, status, target, name, Some(state)), left)
        }))
    }

    /// Creates a resumable file.
    fn resumable(target: &Arc<TargetPath>, name: OsString) -> io::Result<ResumeOutcome> {
        // Another process may have been faster.
        let Some((file, status)) = claim::create_locked(&target.dir, &name)? else {
            return Ok(ResumeOutcome::Locked);
        };
        let state = StateFile::of(&name);
        // There may be the state of an earlier file, or something else, which must not be touched.
        if state.remove(target).is_err() {
            target.dir.remove(&name)?;
            return Ok(ResumeOutcome::Unavailable);
        }
        if let Err(error) = state.reserve(target) {
            target.dir.remove(&name)?;
            return Err(error);
        }
        let temp = Self::new(file, status, target, name, Some(state));
        Ok(ResumeOutcome::Ready(Arc::new(temp), None))
    }

    fn new(
        file: File,
        status: FileStatus,
        target: &Arc<TargetPath>,
        name: OsString,
        state: Option<StateFile>,
    ) -> Self {
        Self {
            file: Arc::new(file),
            status,
            target: Arc::clone(target),
            name,
            state,
            is_done: AtomicBool::new(false),
            work: Arc::default(),
        }
    }

    /// Runs a job on the file, on the thread pool.
    pub(crate) fn run_job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&File) -> T + Send + 'static,
    ) -> Task<T> {
        let (file, busy) = (Arc::clone(&self.file), JobGuard::begin(&self.work));
        on_pool(move || {
            let _busy = busy;
            job(&file)
        })
    }

    /// Whether a later download can resume it.
    pub(crate) const fn is_resumable(&self) -> bool {
        self.state.is_some()
    }

    /// Discards the content and its state.
    pub(crate) fn reset(&self) -> io::Result<()> {
        if let Some(state) = &self.state {
            *state.lock() = StateStatus::default();
            state.remove(&self.target)?;
            // If this fails, the download continues but may not be resumable.
            let _ = state.reserve(&self.target);
        }
        self.file.set_len(0)
    }

    /// Sets the state to save if the file is abandoned. Unless a SHA-1 will verify the bytes
    /// (`is_checked`), they are synced first.
    pub(crate) fn set_checkpoint(&self, partial: PartialDownload, is_checked: bool) {
        if let Some(state) = &self.state {
            state.lock().now = Some(Checkpoint {
                partial,
                is_checked,
            });
        }
    }

    /// Syncs the bytes, on the thread pool.
    pub(crate) fn sync(self: &Arc<Self>) -> Task<io::Result<()>> {
        let temp = Arc::clone(self);
        self.run_job(move |file| temp.noting_failure(file.sync_data()))
    }

    /// Records that a sync has failed, so that no later download resumes the file: the system
    /// reports a failed write only once, and its cache may have what the disk lacks.
    pub(crate) fn noting_failure(&self, synced: io::Result<()>) -> io::Result<()> {
        if let (Err(_), Some(state)) = (&synced, &self.state) {
            state.lock().is_doubtful = true;
        }
        synced
    }

    /// Saves the state, on the thread pool. If `sync` is set, the bytes are synced first. Without a
    /// free descriptor the earlier state is kept.
    pub(crate) fn write_checkpoint(
        self: &Arc<Self>,
        partial: PartialDownload,
        sync: bool,
    ) -> Task<io::Result<()>> {
        let temp = Arc::clone(self);
        self.run_job(move |file| {
            let Some(state) = &temp.state else {
                return Ok(());
            };
            if sync {
                temp.noting_failure(file.sync_data())?;
            }
            // One checkpoint at a time.
            let mut kept = state.lock();
            match state.write(&mut kept, &temp.target, temp.status, &partial) {
                Err(error) if is_exhaustion(&error) => Ok(()),
                written => written,
            }
        })
    }

    /// Sets the final length and modification time.
    pub(crate) fn complete(&self, len: u64, modified: Option<SystemTime>) -> io::Result<()> {
        if self.file.metadata()?.len() < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // An earlier download may have been longer.
        self.file.set_len(len)?;
        if let Some(modified) = modified {
            // Ignore a time that the file system can't represent.
            let _ = self.file.set_modified(modified);
        }
        Ok(())
    }

    /// Renames the file, of `len` bytes, to its target, durably. Can be retried if it fails for
    /// lack of descriptors.
    pub(crate) fn put_in_place(
        &self,
        len: u64,
        modified: Option<SystemTime>,
        commit: &Commit,
    ) -> io::Result<()> {
        let flush = commit.flushes(self.status.identity.device);
        let flush_directory = || match flush {
            true => self.target.dir.sync(),
            false => Ok(()),
        };
        if self.is_done.load(Ordering::Relaxed) {
            return flush_directory();
        }
        self.complete(len, modified)?;
        if flush {
            self.noting_failure(self.file.sync_all())?;
        }
        let (dir, name) = (&self.target.dir, &self.target.name);
        // From here on the file is no longer private.
        mode::apply_final_mode(dir, &self.file, name, &self.target.mode_probe_name())?;
        if !claim::name_refers_to(dir, &self.name, self.status)? {
            return Err(io::Error::other("the partial file was replaced"));
        }
        let checked = commit.check(|| dir.metadata_of(name));
        let renamed = checked.and_then(|()| dir.rename(&self.name, name));
        if let Err(error) = renamed {
            mode::make_private(&self.file);
            return Err(error);
        }
        // From here on another download may replace the target, which is fine.
        self.is_done.store(true, Ordering::Relaxed);
        self.remove_leftovers();
        flush_directory()
    }

    /// Removes partial files of earlier downloads, unless they are locked. Errors are ignored: the
    /// target is complete.
    fn remove_leftovers(&self) {
        let target = &self.target;
        if let Some(state) = &self.state {
            let _ = state.remove(target);
        } else {
            let name = target.resumable_name();
            if let Ok(Claim::Claimed(_locked, _)) = claim::claim(&target.dir, &name) {
                let _ = StateFile::of(&name).remove(target);
                let _ = target.dir.remove(&name);
            }
        }
        for number in 0..TEMPORARY_NAMES {
            let _ = claim::remove_abandoned(&target.dir, &target.temporary_name(number));
        }
        if let Ok(Some((unsigned, _))) = Self::unsigned(target) {
            let _ = unsigned.reset();
            unsigned.discard_or_keep(false);
        }
    }

    /// Removes the file, or keeps it to be resumed, once no job works on it.
    pub(crate) fn abandon(&self) {
        self.work.wait();
        self.discard_or_keep(true);
    }

    fn discard_or_keep(&self, may_wait: bool) {
        if self.is_done.swap(true, Ordering::Relaxed) {
            return;
        }
        let dir = &self.target.dir;
        // Otherwise the name refers to another file.
        if claim::name_refers_to(dir, &self.name, self.status).unwrap_or(false) {
            let keep = |state: &StateFile| self.keep(state, &mut state.lock(), may_wait);
            if !self.state.as_ref().is_some_and(keep) {
                let _ = dir.remove(&self.name);
            }
        }
        if let Some(state) = &self.state {
            state.release(&self.target);
        }
    }
}

/// Whether the file may be written to. On systems without owners and link counts, only an
/// authenticated state proves that it is not another file of this user.
const fn is_surely_ours(left: &SavedState) -> bool {
    KNOWS_OWNERS_AND_LINKS || left.is_authenticated
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.discard_or_keep(false);
    }
}
