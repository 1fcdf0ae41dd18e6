//! [`Entry`]: one name on one side of a sync.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::reason::Reason;
use crate::types::{FileId, FileVersion, Sha1, Timestamp};

/// A file on one side of a sync.
///
/// A stream of entries can be a side of a [`plan`](super::Synchronizer::plan_entries) if the paths
/// are in strictly ascending order of their UTF-8 bytes. That is the order of B2's listings, and of
/// a walk of a directory tree in which directories sort as `name/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the root or the prefix of its side, with `/` between its parts.
    pub(super) path: Box<str>,
    pub(super) state: State,
    /// Versions of a bucket that are no longer needed: see [`Extras::KeepDays`](super::Extras::KeepDays).
    pub(super) history: Option<Box<History>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Local(LocalFile),
    Remote(Box<RemoteFile>),
    /// A hidden file of a bucket.
    Hidden,
    /// Something that is not synchronized. If the path ends in `/`, neither is anything below it.
    Opaque(Reason),
}

/// Versions of one name, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct History {
    pub(super) versions: Vec<OldVersion>,
    /// Whether one has an unknown action: then it is unknown which versions are visible.
    pub(super) has_unknown_actions: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldVersion {
    pub(super) file_id: FileId,
    pub(super) uploaded: Timestamp,
    pub(super) is_hide_marker: bool,
    /// Then its upload may have ended, and hidden the version beneath it, at any time since.
    pub(super) may_be_large: bool,
}

/// A file of the local tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LocalFile {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last modified, truncated to the milliseconds that B2 stores.
    pub modified: Timestamp,
    /// The nanoseconds that were truncated.
    pub nanos: u32,
}

/// The current version of a file in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RemoteFile {
    /// The id of the version.
    pub file_id: FileId,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-1 of its content, if B2 or its uploader has stored one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Sha1>,
    /// When the file was last modified before its upload, if its uploader stored that (`src_last_modified_millis`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_modified: Option<Timestamp>,
    /// When its upload began.
    pub uploaded: Timestamp,
    #[serde(skip)]
    pub(super) requested: RequestTime,
}

/// The time at which the listing that shows a version was requested, if it is known. It is no property of the version,
/// so any two are equal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestTime(pub(super) Option<Instant>);

impl PartialEq for RequestTime {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for RequestTime {}

impl RemoteFile {
    /// A version with this id, size and upload time, without a SHA-1 or a modification time.
    #[must_use]
    pub const fn new(file_id: FileId, bytes: u64, uploaded: Timestamp) -> Self {
        Self {
            file_id,
            bytes,
            sha1: None,
            source_modified: None,
            uploaded,
            requested: RequestTime(None),
        }
    }

    /// When it was last modified, or when its upload began if its uploader did not store that.
    #[must_use]
    pub fn modified(&self) -> Timestamp {
        self.source_modified.unwrap_or(self.uploaded)
    }
}

impl From<&FileVersion> for RemoteFile {
    fn from(version: &FileVersion) -> Self {
        Self {
            file_id: version.file_id.clone(),
            bytes: version.content_length,
            sha1: version.expected_sha1(),
            source_modified: version.last_modified(),
            uploaded: version.upload_timestamp,
            requested: RequestTime(None),
        }
    }
}

impl LocalFile {
    /// A file with this size and modification time.
    #[must_use]
    pub const fn new(bytes: u64, modified: Timestamp) -> Self {
        Self {
            bytes,
            modified,
            nanos: 0,
        }
    }
}

impl Entry {
    /// A file of the local tree.
    pub fn local(path: impl Into<Box<str>>, file: LocalFile) -> Self {
        Self::new(path, State::Local(file))
    }

    /// The current version of a file in a bucket.
    pub fn remote(path: impl Into<Box<str>>, file: RemoteFile) -> Self {
        Self::new(path, State::Remote(Box::new(file)))
    }

    /// Something that is not synced and never counts as missing.
    pub(super) fn opaque(path: impl Into<Box<str>>, reason: Reason) -> Self {
        Self::new(path, State::Opaque(reason))
    }

    pub(super) fn new(path: impl Into<Box<str>>, state: State) -> Self {
        Self {
            path: path.into(),
            state,
            history: None,
        }
    }

    /// Relative to the root or the prefix of its side.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is a file that a sync would transfer; a folder marker is not.
    pub(super) fn is_content(&self) -> bool {
        self.is_file() && !self.path.is_empty() && !self.path.ends_with('/')
    }

    pub(super) const fn is_file(&self) -> bool {
        matches!(self.state, State::Local(_) | State::Remote(_))
    }
}
