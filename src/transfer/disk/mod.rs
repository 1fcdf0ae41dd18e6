//! Files of the local disk, read and written on a small pool of threads, so that no executor waits
//! for a disk.
//!
//! - `read`: reads sources
//! - `below`: what is at a path below a directory, with no link on the way
//! - `target`: where a downloaded file goes, and the names of partial files beside it
//! - `temp_file`: the partial file, under a name that `claim` has locked
//! - `state`, `partial`: what a resumable download leaves for a later process
//! - `mode`: the permissions of the finished file
//! - `dir`: a directory held open; `jobs`: the pool; `positioned_io`: reads and writes at an offset

#[cfg(feature = "sync")]
mod below;
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

#[cfg(feature = "sync")]
pub(crate) use self::below::PathBelow;
pub(super) use self::jobs::on_pool;
pub(super) use self::partial::{PartialDownload, SavedState};
pub(super) use self::positioned_io::{hash_at, write_at};
#[cfg(feature = "sync")]
pub(super) use self::read::open_below;
pub(super) use self::read::{CHUNK, OpenedFile, SourceFile, open, read};
pub(super) use self::target::{TargetPath, is_reserved_path};
pub(super) use self::temp_file::{ResumeOutcome, TempFile};
