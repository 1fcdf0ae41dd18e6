//! Files of the local disk, read and written on a small pool of threads, so that no executor waits for a disk.
//!
//! `read` is the way up. On the way down: `place` is where a file goes, `dir` the directory that is held open for it; `write`
//! brings it there, under a name that `claim` has to itself; `state` keeps for a later process what `partial` says; `mode` is
//! what others may do with it in the end.

mod claim;
mod dir;
mod mode;
pub(super) mod partial;
pub(super) mod place;
mod read;
mod state;
pub(super) mod write;

pub(super) use read::{SourceFile, read};
