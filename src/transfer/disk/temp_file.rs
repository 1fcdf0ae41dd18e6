//! [`TempFile`]: a file that is written beside its target, and takes the target's place when it is whole.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use blocking::Task;

use super::claim::{self, Claim};
use super::dir::FileStatus;
use super::jobs::{ActiveJobs, JobGuard, on_pool};
use super::mode;
use super::partial::{PartialDownload, SavedState};
use super::state::{Checkpoint, StateFile, StateStatus};
use super::target::TargetPath;
use crate::transfer::commit::Commit;

/// So many names are tried for a file that is not gone on with, which is so many downloads to one target at once. What
/// was left at them is removed.
const TEMPORARY_NAMES: u64 = 4;

/// What is given up of a file's end to have room for its state on a full disk: nothing but what is not noted, at first.
const TRUNCATIONS: [u64; 4] = [0, 64 << 10, 1 << 20, 16 << 20];

/// A file beside its target. Unless it is put in the target's place it is removed on drop, or kept where it may be gone
/// on with.
///
/// All of this blocks, but for the drop, which takes as long as the removal of a file.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: Arc<File>,
    /// What it was when it was made or status.
    status: FileStatus,
    place: Arc<TargetPath>,
    name: OsString,
    /// Where its state is written, if it may be gone on with.
    state: Option<StateFile>,
    /// It is in the target's place, or given up.
    is_done: AtomicBool,
    work: Arc<ActiveJobs>,
}

/// What became of the wish to go on with a file.
#[derive(Debug)]
pub(crate) enum ResumeOutcome {
    /// It is there, and perhaps some of the bytes are.
    Ready(Arc<TempFile>, Option<SavedState>),
    /// Somebody works on it.
    Locked,
    /// Something else has its name.
    Unavailable,
}

impl TempFile {
    /// A file of its own.
    pub(crate) fn create(place: &Arc<TargetPath>) -> io::Result<Self> {
        for number in 0..TEMPORARY_NAMES {
            let name = place.temporary_name(number);
            if let Some((file, status)) = claim::recreate_locked(&place.dir, &name)? {
                return Ok(Self::new(file, status, place, name, None));
            }
        }
        loop {
            let name = place.temporary_name(fastrand::u64(TEMPORARY_NAMES..));
            if let Some((file, status)) = claim::create_locked(&place.dir, &name)? {
                return Ok(Self::new(file, status, place, name, None));
            }
        }
    }

    /// The file that an earlier download to this target has left, or one that a later download finds.
    pub(crate) fn resume(place: &Arc<TargetPath>) -> io::Result<ResumeOutcome> {
        let name = place.resumable_name();
        let (file, status) = match claim::claim(&place.dir, &name)? {
            Claim::Claimed(file, status) => (file, status),
            Claim::Locked => return Ok(ResumeOutcome::Locked),
            Claim::NotOurs => return Ok(ResumeOutcome::Unavailable),
            Claim::Missing => {
                if let Some((temp, left)) = Self::unsigned(place)? {
                    return Ok(ResumeOutcome::Ready(Arc::new(temp), Some(left)));
                }
                return Self::resumable(place, name);
            }
        };
        let state = StateFile::of(&name);
        match state.read(place, &file, status) {
            Some(left) => {
                state.lock().is_on_disk = true;
                let temp = Self::new(file, status, place, name, Some(state));
                Ok(ResumeOutcome::Ready(Arc::new(temp), Some(left)))
            }
            None => {
                // Only this user's key leads to that name, so it is this user's to remove.
                place.dir.remove(&name)?;
                Self::resumable(place, name)
            }
        }
    }

    /// What a version that signed nothing has left. Without a state it may be anything.
    fn unsigned(place: &Arc<TargetPath>) -> io::Result<Option<(Self, SavedState)>> {
        let name = place.unsigned_name();
        let Claim::Claimed(file, status) = claim::claim(&place.dir, &name)? else {
            return Ok(None);
        };
        let state = StateFile::of(&name);
        Ok(state.read(place, &file, status).map(|left| {
            state.lock().is_on_disk = true;
            (Self::new(file, status, place, name, Some(state)), left)
        }))
    }

    /// A file that a later download finds.
    fn resumable(place: &Arc<TargetPath>, name: OsString) -> io::Result<ResumeOutcome> {
        // Somebody may have been faster.
        let Some((file, status)) = claim::create_locked(&place.dir, &name)? else {
            return Ok(ResumeOutcome::Locked);
        };
        let state = StateFile::of(&name);
        // There may be one that is about another file; or something else, which is left alone.
        if state.remove(place).is_err() {
            place.dir.remove(&name)?;
            return Ok(ResumeOutcome::Unavailable);
        }
        let temp = Self::new(file, status, place, name, Some(state));
        Ok(ResumeOutcome::Ready(Arc::new(temp), None))
    }

    fn new(
        file: File,
        status: FileStatus,
        place: &Arc<TargetPath>,
        name: OsString,
        state: Option<StateFile>,
    ) -> Self {
        Self {
            file: Arc::new(file),
            status,
            place: Arc::clone(place),
            name,
            state,
            is_done: AtomicBool::new(false),
            work: Arc::default(),
        }
    }

    /// Does something to the file, on the pool.
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

    /// Whether it may be gone on with later.
    pub(crate) const fn is_resumable(&self) -> bool {
        self.state.is_some()
    }

    /// Forgets all that is there.
    pub(crate) fn reset(&self) -> io::Result<()> {
        if let Some(state) = &self.state {
            let mut kept = state.lock();
            *kept = StateStatus::default();
            state.remove(&self.place)?;
        }
        self.file.set_len(0)
    }

    /// What is there now: written down when it is given up. Where no SHA-1 will check it, the disk is asked first whether
    /// it has the bytes.
    pub(crate) fn set_checkpoint(&self, partial: PartialDownload, is_checked: bool) {
        if let Some(state) = &self.state {
            state.lock().now = Some(Checkpoint {
                partial,
                is_checked,
            });
        }
    }

    /// Writes down what is there, on the pool. Without a SHA-1 to check it by later, the bytes are on the disk before that
    /// is said.
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
            if sync && let Err(error) = file.sync_data() {
                state.lock().is_doubtful = true;
                return Err(error);
            }
            // Nobody saves while another does.
            let mut kept = state.lock();
            state.write(&temp.place, temp.status, &partial)?;
            kept.is_on_disk = true;
            Ok(())
        })
    }

    /// Puts its `len` bytes in the target's place, for good. Where the machine has no room for that, it can be tried again.
    pub(crate) fn put_in_place(
        &self,
        len: u64,
        modified: Option<SystemTime>,
        commit: &Commit,
    ) -> io::Result<()> {
        let flush_directory = || match commit.flush {
            true => self.place.dir.sync(),
            false => Ok(()),
        };
        if self.is_done.load(Ordering::Relaxed) {
            return flush_directory();
        }
        if self.file.metadata()?.len() < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // An earlier download may have been of more.
        self.file.set_len(len)?;
        if let Some(modified) = modified {
            // A time that this file system can't hold is not worth the file.
            let _ = self.file.set_modified(modified);
        }
        if commit.flush {
            self.file.sync_all()?;
        }
        let (dir, target) = (&self.place.dir, &self.place.target);
        // From here on it is no partial file any more.
        mode::apply_final_mode(dir, &self.file, target, &self.place.mode_probe_name())?;
        if !claim::name_refers_to(dir, &self.name, self.status)? {
            return Err(io::Error::other("somebody has replaced the partial file"));
        }
        let renamed = commit.check().and_then(|()| dir.rename(&self.name, target));
        if let Err(error) = renamed {
            mode::make_private(&self.file);
            return Err(error);
        }
        // Another download may put its own there by now, which is as good.
        self.is_done.store(true, Ordering::Relaxed);
        self.remove_leftovers();
        flush_directory()
    }

    /// What earlier downloads have left is of no use any more, unless somebody works on it. What can't be removed does no
    /// harm: the file is there.
    fn remove_leftovers(&self) {
        let place = &self.place;
        if let Some(state) = &self.state {
            let _ = state.remove(place);
        } else {
            let name = place.resumable_name();
            if let Ok(Claim::Claimed(_locked, _)) = claim::claim(&place.dir, &name) {
                let _ = StateFile::of(&name).remove(place);
                let _ = place.dir.remove(&name);
            }
        }
        for number in 0..TEMPORARY_NAMES {
            let _ = claim::remove_abandoned(&place.dir, &place.temporary_name(number));
        }
        if let Ok(Some((unsigned, _))) = Self::unsigned(place) {
            let _ = unsigned.reset();
            unsigned.discard_or_keep(false);
        }
    }

    /// Removes it or keeps it for later, once nobody works on it any more.
    pub(crate) fn abandon(&self) {
        self.work.wait();
        self.discard_or_keep(true);
    }

    fn discard_or_keep(&self, may_wait: bool) {
        if self.is_done.swap(true, Ordering::Relaxed) {
            return;
        }
        let dir = &self.place.dir;
        if !claim::name_refers_to(dir, &self.name, self.status).unwrap_or(false) {
            // What has its name now is not this one's to remove.
            return;
        }
        if let Some(state) = &self.state
            && self.keep(state, &mut state.lock(), may_wait)
        {
            return;
        }
        let _ = dir.remove(&self.name);
    }

    /// Whether there is a state on the disk by which it may be gone on with.
    fn keep(&self, state: &StateFile, kept: &mut StateStatus, may_wait: bool) -> bool {
        let Some(now) = kept.now.take() else {
            return kept.is_on_disk;
        };
        let is_sure =
            now.is_checked || (may_wait && !kept.is_doubtful && self.file.sync_data().is_ok());
        if !is_sure || now.partial.done.total_bytes() == 0 {
            return kept.is_on_disk;
        }
        let mut partial = now.partial;
        let mut written = state.write(&self.place, self.status, &partial);
        for bytes in TRUNCATIONS {
            match written {
                Err(error) if is_full(&error) => {}
                _ => break,
            }
            if bytes > 0 {
                partial = partial.without_last(bytes);
                // An older state may tell of what is cut away.
                if state.remove(&self.place).is_err() || partial.done.total_bytes() == 0 {
                    return false;
                }
                kept.is_on_disk = false;
            }
            let cut = self.file.set_len(partial.len_on_disk());
            written = cut.and_then(|()| state.write(&self.place, self.status, &partial));
        }
        written.is_ok() || kept.is_on_disk
    }
}

/// There is no room for another file.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.discard_or_keep(false);
    }
}
