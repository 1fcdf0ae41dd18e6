//! Files of the local disk, read and written on a small pool of threads, so that no executor waits for a disk.
//!
//! `read` is the way up. On the way down: `target` is where a file goes, `dir` the directory that is held open for it;
//! `temp_file` brings it there, under a name that `claim` has to itself; `state` keeps for a later process what `partial`
//! says; `mode` is what others may do with it in the end. `jobs` run on the pool, `positioned_io` reads and writes.

mod claim;
mod dir;
mod jobs;
mod mode;
mod partial;
mod positioned_io;
mod read;
mod state;
mod target;
mod temp_file;

pub(super) use self::jobs::on_pool;
pub(super) use self::partial::{PartialDownload, SavedState};
pub(super) use self::positioned_io::{hash_at, write_at};
pub(super) use self::read::{SourceFile, read};
pub(super) use self::target::{TargetPath, is_reserved_path};
pub(super) use self::temp_file::{ResumeOutcome, TempFile};
