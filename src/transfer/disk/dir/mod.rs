//! [`Dir`]: a directory held open, and operations on the files in it by name.
//!
//! Renaming parent directories does not redirect these operations. On Unix they are relative to the
//! directory's descriptor. Elsewhere they use paths, and the directory is held open so that the
//! system prevents renaming it, where it can.

#[cfg(not(unix))]
mod other;
mod status;
#[cfg(unix)]
mod unix;

/// Whether the owner and the number of hard links of a file are known. Elsewhere every file is
/// assumed to belong to this user and to have one link.
pub(super) const KNOWS_OWNERS_AND_LINKS: bool = cfg!(unix);

#[cfg(not(unix))]
pub(super) use self::other::Dir;
pub(super) use self::status::{FileIdentity, FileKind, FileStatus};
#[cfg(unix)]
pub(super) use self::unix::Dir;
