//! [`Commit`]: how a download that is whole takes the place of what is there.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::types::Timestamp;

type PreCommitCheck = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// How a download that is whole takes the place of what is there.
#[derive(Clone)]
pub(crate) struct Commit {
    check: Option<PreCommitCheck>,
    modified: Option<Timestamp>,
    pub(in crate::transfer) flush: bool,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            check: None,
            modified: None,
            flush: true,
        }
    }
}

impl Commit {
    /// Only if this agrees. It is asked on a thread that may block, right before the file gets its name.
    #[cfg(feature = "sync")]
    pub(crate) fn new(check: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            check: Some(Arc::new(check)),
            ..Self::default()
        }
    }

    /// The modification time that the file gets.
    #[cfg(feature = "sync")]
    pub(crate) const fn modified(mut self, modified: Timestamp) -> Self {
        self.modified = Some(modified);
        self
    }

    /// Whether the file and its directory are flushed to the disk. They are by default.
    #[cfg(feature = "sync")]
    pub(crate) const fn flush(mut self, flush: bool) -> Self {
        self.flush = flush;
        self
    }

    pub(in crate::transfer) const fn modification_time(&self) -> Option<Timestamp> {
        self.modified
    }

    pub(in crate::transfer) fn check(&self) -> io::Result<()> {
        self.check.as_ref().map_or(Ok(()), |check| check())
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("modified", &self.modified)
            .field("flush", &self.flush)
            .finish_non_exhaustive()
    }
}
