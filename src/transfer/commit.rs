//! [`Commit`]: the rules by which a completed download replaces the existing file.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use futures_core::future::BoxFuture;

use crate::types::Timestamp;

type PreCommitCheck = Arc<dyn Fn(Option<EntryMetadata>) -> io::Result<()> + Send + Sync>;
type Barrier = Arc<dyn Fn() -> BoxFuture<'static, io::Result<()>> + Send + Sync>;

/// The metadata of a directory entry. Symbolic links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryMetadata {
    pub(crate) is_file: bool,
    pub(crate) is_directory: bool,
    pub(crate) len: u64,
    /// `None` if the system can't represent it.
    pub(crate) modified: Option<SystemTime>,
}

/// The rules by which a completed download replaces the existing file.
#[derive(Clone)]
pub(crate) struct Commit {
    check: Option<PreCommitCheck>,
    barrier: Option<Barrier>,
    modified: Option<Timestamp>,
    flush: bool,
    flushed_device: Option<u64>,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            check: None,
            barrier: None,
            modified: None,
            flush: true,
            flushed_device: None,
        }
    }
}

impl Commit {
    /// Renames the file only if `check` accepts the existing entry of that name. `check` is called
    /// right before the rename, on a thread that may block.
    #[cfg(feature = "sync")]
    pub(crate) fn new(
        check: impl Fn(Option<EntryMetadata>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            check: Some(Arc::new(check)),
            ..Self::default()
        }
    }

    /// Sets a future to await after all bytes are written and before the rename. Its error fails
    /// the download.
    #[cfg(feature = "sync")]
    pub(crate) fn barrier(
        mut self,
        barrier: impl Fn() -> BoxFuture<'static, io::Result<()>> + Send + Sync + 'static,
    ) -> Self {
        self.barrier = Some(Arc::new(barrier));
        self
    }

    /// Sets the modification time of the file.
    #[cfg(feature = "sync")]
    pub(crate) const fn modified(mut self, modified: Timestamp) -> Self {
        self.modified = Some(modified);
        self
    }

    /// Sets whether the file and its directory are synced to disk. Defaults to true.
    #[cfg(feature = "sync")]
    pub(crate) const fn flush(mut self, flush: bool) -> Self {
        self.flush = flush;
        self
    }

    /// The device that the barrier flushes. A file on another, such as one that is mounted below the root, is flushed
    /// like any other.
    #[cfg(feature = "sync")]
    pub(crate) const fn flushed_device(mut self, device: u64) -> Self {
        (self.flush, self.flushed_device) = (false, Some(device));
        self
    }

    /// Whether a file on this device, and its directory, are to be flushed.
    pub(in crate::transfer) fn flushes(&self, device: u64) -> bool {
        self.flush || self.flushed_device.is_some_and(|flushed| flushed != device)
    }

    pub(in crate::transfer) const fn modification_time(&self) -> Option<Timestamp> {
        self.modified
    }

    pub(in crate::transfer) const fn has_barrier(&self) -> bool {
        self.barrier.is_some()
    }

    pub(in crate::transfer) async fn pass_barrier(&self) -> io::Result<()> {
        match &self.barrier {
            Some(barrier) => barrier().await,
            None => Ok(()),
        }
    }

    /// Runs the check. `there` looks up the current entry of that name.
    pub(in crate::transfer) fn check(
        &self,
        there: impl FnOnce() -> io::Result<Option<EntryMetadata>>,
    ) -> io::Result<()> {
        self.check.as_ref().map_or(Ok(()), |check| check(there()?))
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("modified", &self.modified)
            .field("flush", &self.flush)
            .field("flushed_device", &self.flushed_device)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "sync"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_on_another_device_than_the_flushed_one_is_flushed_itself() {
        let commit = Commit::default();
        assert!(commit.flushes(1));
        let commit = commit.flushed_device(1);
        assert!(!commit.flushes(1) && commit.flushes(2));
        let commit = Commit::default().flush(false);
        assert!(!commit.flushes(1));
    }
}
