//! [`Dir`]: a directory held open, and operations on the files in it by name.
//!
//! Renaming directories on the way to it can't redirect these operations: on Unix they go through
//! the descriptor. Elsewhere they go through paths, and the system is asked to keep the directory
//! in place.

#[cfg(not(unix))]
mod other;
mod status;
#[cfg(unix)]
mod unix;

/// Whether the owner of a file and the number of its names are known. Elsewhere every file is taken
/// for this user's, with one name.
pub(super) const KNOWS_OWNERS_AND_LINKS: bool = cfg!(unix);

#[cfg(not(unix))]
pub(super) use self::other::Dir;
pub(super) use self::status::{FileIdentity, FileKind, FileStatus};
#[cfg(unix)]
pub(super) use self::unix::Dir;
