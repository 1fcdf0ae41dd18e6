//! Local files, read and written on a thread pool so that executors never block on the disk.
//!
//! - `open`: opens sources; `read`: reads them by jobs; `cached`: small ones that are in memory, on the calling thread
//! - `below`: a path below a directory, without symbolic links
//! - `target`: the destination of a download, and the names of its partial files
//! - `temp_file`: the partial file, locked by `claim`
//! - `state`, `partial`: the saved state of a resumable download
//! - `mode`: the permissions of the finished file
//! - `dir`: a directory held open; `jobs`: the pool; `positioned_io`: reads and writes at an offset

#[cfg(feature = "sync")]
mod below;
#[cfg(target_os = "linux")]
mod cached;
mod claim;
mod dir;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod jobs;
mod mode;
mod open;
mod partial;
mod positioned_io;
mod read;
mod state;
mod target;
mod temp_file;

#[cfg(feature = "sync")]
pub(crate) use self::below::PathBelow;
pub(super) use self::jobs::on_pool;
pub(super) use self::open::open;
#[cfg(feature = "sync")]
pub(super) use self::open::open_below;
pub(super) use self::partial::{PartialDownload, SavedState};
pub(super) use self::positioned_io::{hash_at, write_at};
#[cfg(feature = "sync")]
pub(crate) use self::read::open_nonblocking;
pub(super) use self::read::{OpenedFile, SMALL_FILE, SourceFile, read};
pub(super) use self::target::{TargetPath, is_reserved_path};
pub(super) use self::temp_file::{ResumeOutcome, TempFile};
