//! [`Action`]: one line of a plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::{LocalFile, RemoteFile};
use super::reason::Reason;
use crate::types::FileId;

/// One line of a plan: what to do with one path, or why nothing has to be done.
///
/// It implements `Display` and serializes to a JSON object, so a plan can be printed, stored and executed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Action {
    /// Upload a local file.
    Upload {
        /// Relative to both sides.
        path: Box<str>,
        /// The local file when the plan was made. What exists at execution is uploaded.
        source: LocalFile,
        /// The current version at the destination. If a different one is current at execution,
        /// nothing is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Box<RemoteFile>>,
    },
    /// Download a version into the local tree.
    Download {
        /// Relative to both sides.
        path: Box<str>,
        /// The version.
        source: Box<RemoteFile>,
        /// The local file that it replaces. If something else is there at execution, nothing is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<LocalFile>,
        /// One of its directories is still a file that this plan deletes, so it is downloaded after the deletions.
        #[serde(default, skip_serializing_if = "is_false")]
        after_removals: bool,
    },
    /// Copy a version into the other bucket, within B2.
    Copy {
        /// Relative to both sides.
        path: Box<str>,
        /// The version.
        source: Box<RemoteFile>,
        /// The current version at the destination. If a different one is current at execution,
        /// nothing is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Box<RemoteFile>>,
    },
    /// Hide a file that is not at the source.
    Hide {
        /// Relative to the destination.
        path: Box<str>,
        /// The current version. If a different one is current at execution, nothing is done.
        current: Box<RemoteFile>,
    },
    /// Delete all versions of a file that is not at the source, the oldest first.
    Delete {
        /// Relative to the destination.
        path: Box<str>,
        /// The current version. If a different one is current at execution, nothing is done.
        current: Box<RemoteFile>,
    },
    /// Delete versions that have been invisible for longer than [`Extras::KeepDays`](super::Extras::KeepDays).
    DeleteVersions {
        /// Relative to the destination.
        path: Box<str>,
        /// The newest version when the plan was made.
        newest: FileId,
        /// The versions, the oldest first.
        versions: Vec<FileId>,
    },
    /// Delete a local file that is not at the source.
    DeleteLocal {
        /// Relative to the destination.
        path: Box<str>,
        /// The file when the plan was made. If something else is there at execution, nothing is done.
        file: LocalFile,
    },
    /// Nothing has to be done.
    Skip {
        /// Relative to both sides.
        path: Box<str>,
        /// Why.
        reason: Reason,
    },
    /// The path can't be synced, so the sync is incomplete.
    Refuse {
        /// Relative to both sides.
        path: Box<str>,
        /// Why.
        reason: Reason,
    },
    /// The end of the plan. Without it nothing is deleted or hidden.
    End(Scan),
}

/// The totals of the scan for a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Scan {
    /// The files at the source.
    pub source_files: u64,
    /// The files at the destination.
    pub destination_files: u64,
    /// The rows of the listings that were made for the plan, including those that the filter leaves
    /// out: names, or versions for [`Extras::KeepDays`](super::Extras::KeepDays).
    pub listed: u64,
    /// Whether everything could be read. If not, nothing is deleted or hidden.
    pub is_complete: bool,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

impl Action {
    /// The path, relative to both sides; empty for the end of a plan, for what concerns the whole
    /// tree, and for a marker of the folder that is synchronized.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Upload { path, .. }
            | Self::Download { path, .. }
            | Self::Copy { path, .. }
            | Self::Hide { path, .. }
            | Self::Delete { path, .. }
            | Self::DeleteVersions { path, .. }
            | Self::DeleteLocal { path, .. }
            | Self::Skip { path, .. }
            | Self::Refuse { path, .. } => path,
            Self::End(_) => "",
        }
    }

    pub(super) fn refused(&self, reason: Reason) -> Self {
        Self::Refuse {
            path: self.path().into(),
            reason,
        }
    }

    /// Whether it transfers bytes.
    #[must_use]
    pub const fn is_transfer(&self) -> bool {
        matches!(
            self,
            Self::Upload { .. } | Self::Download { .. } | Self::Copy { .. }
        )
    }

    /// Whether it deletes or hides something.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::Hide { .. }
                | Self::Delete { .. }
                | Self::DeleteVersions { .. }
                | Self::DeleteLocal { .. }
        )
    }

    /// Whether a plan for people should show it: not that both sides are the same, that an extra file is kept, or the
    /// end of the plan.
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        !matches!(
            self,
            Self::End(_)
                | Self::Skip {
                    reason: Reason::Same | Reason::SameSha1 | Reason::Extra,
                    ..
                }
        )
    }

    /// The bytes that it transfers.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Upload { source, .. } => source.bytes,
            Self::Download { source, .. } | Self::Copy { source, .. } => source.bytes,
            _ => 0,
        }
    }
}

/// One line for people. A name is printed with its control characters escaped.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Self::Upload { .. } => "upload",
            Self::Download { .. } => "download",
            Self::Copy { .. } => "copy",
            Self::Hide { .. } => "hide",
            Self::Delete { .. } | Self::DeleteLocal { .. } => "delete",
            Self::DeleteVersions { .. } => "delete old versions of",
            Self::Skip { .. } => "skip",
            Self::Refuse { .. } => "refuse",
            Self::End(scan) => {
                let whole = if scan.is_complete {
                    ""
                } else {
                    ", not all of it"
                };
                return write!(
                    f,
                    "scanned {} files at the source and {} at the destination{whole}",
                    scan.source_files, scan.destination_files
                );
            }
        };
        write!(f, "{verb} ")?;
        if self.path().is_empty() {
            f.write_str(match self {
                Self::Skip { reason, .. } | Self::Refuse { reason, .. }
                    if matches!(reason, Reason::SourceEmpty | Reason::Unreadable(_)) =>
                {
                    "the whole tree"
                }
                _ => "the folder itself",
            })?;
        }
        for c in self.path().chars() {
            match c.is_control() {
                true => write!(f, "{}", c.escape_debug())?,
                false => fmt::Write::write_char(f, c)?,
            }
        }
        match self {
            Self::Skip { reason, .. } | Self::Refuse { reason, .. } => write!(f, ": {reason}"),
            Self::DeleteVersions { versions, .. } => write!(f, " ({})", versions.len()),
            _ if self.is_transfer() => write!(f, " ({} bytes)", self.bytes()),
            _ => Ok(()),
        }
    }
}
