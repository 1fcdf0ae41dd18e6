//! [`Dir`]: a directory that is held open, and what can be done to the files in it, by their names there.
//!
//! Whoever may rename directories on the way to it can't lead what is done in it to elsewhere: on Unix all goes through the
//! descriptor. Elsewhere it goes by paths, and the system is asked to keep the directory where it is.

#[cfg(not(unix))]
mod other;
mod status;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use self::other::Dir;
pub(super) use self::status::{FileIdentity, FileKind, FileStatus};
#[cfg(unix)]
pub(super) use self::unix::Dir;
