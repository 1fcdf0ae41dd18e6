//! [`Reason`]: why a path is skipped or refused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a path is skipped or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Reason {
    /// Both sides are equal, as far as they were compared.
    Same,
    /// The modification times differ, but the SHA-1 is the same.
    SameSha1,
    /// It is only at the destination, where extra files are kept.
    Extra,
    /// The destination was modified later than the source.
    DestinationNewer,
    /// It is a symbolic link.
    Symlink,
    /// It is a symbolic link to a directory that contains it.
    SymlinkLoop,
    /// It is a pipe, a socket or a device.
    SpecialFile,
    /// It belongs to an unfinished download.
    PartialDownload,
    /// It is a folder marker: an empty file whose name ends with `/`.
    FolderMarker,
    /// It is below something that is skipped.
    BelowSkipped,
    /// The file name in the bucket can't be a local path.
    NotAPath(String),
    /// The local path can't be a B2 file name.
    NotAName(String),
    /// A file system that ignores case or Unicode normalization doesn't distinguish it from this
    /// path.
    Collision(String),
    /// This path, which would be its directory, is a file.
    ParentIsFile(String),
    /// There is a local directory of this name, which is not empty or is kept.
    DirectoryInTheWay,
    /// The destination's entry is not a regular file.
    DestinationNotAFile,
    /// It can't be read.
    Unreadable(String),
    /// B2 lists it with an action that this version of the crate does not know.
    UnknownAction(String),
    /// The source has no file, which [the policy](super::SyncPolicy::allow_empty_source) does not allow.
    SourceEmpty,
}

impl Reason {
    /// Whether there may be unknown files behind it, so that none may count as missing.
    pub(super) const fn hides_files(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::UnknownAction(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "both sides are the same",
            Self::SameSha1 => "both sides have the same SHA-1",
            Self::Extra => "it is not at the source, and is kept",
            Self::DestinationNewer => "the destination is newer",
            Self::Symlink => "it is a symbolic link",
            Self::SymlinkLoop => "it is a symbolic link to a directory that contains it",
            Self::SpecialFile => "it is a pipe, a socket or a device",
            Self::PartialDownload => "it belongs to an unfinished download",
            Self::FolderMarker => "it is a folder marker",
            Self::BelowSkipped => "it is below something that is skipped",
            Self::DirectoryInTheWay => "a directory is in the way",
            Self::DestinationNotAFile => "the destination's entry is not a regular file",
            Self::NotAPath(why) => return write!(f, "the name can't be a local path: {why}"),
            Self::NotAName(why) => return write!(f, "the path can't be a B2 file name: {why}"),
            Self::Collision(with) => {
                return write!(f, "a file system may not distinguish it from {with:?}");
            }
            Self::ParentIsFile(parent) => return write!(f, "{parent:?} is a file"),
            Self::Unreadable(why) => return write!(f, "it can't be read: {why}"),
            Self::UnknownAction(action) => {
                return write!(f, "B2 lists it with the unknown action {action:?}");
            }
            Self::SourceEmpty => "there is no file at the source",
        })
    }
}
