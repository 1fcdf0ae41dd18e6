//! [`Version`]: a file version, a hide marker, or an unfinished large file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::encryption::Encryption;
use super::lock::Lock;
use crate::content::Content;
use crate::model::names::FileInfo;

/// A file version, hide marker or unfinished large file.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) file_id: String,
    pub(crate) bucket_id: String,
    pub(crate) name: String,
    /// Start of the upload, in milliseconds.
    pub(crate) uploaded: u64,
    pub(crate) content_type: String,
    pub(crate) info: FileInfo,
    pub(crate) lock: Lock,
    pub(crate) encryption: Encryption,
    /// `None` if no replication rule applies.
    pub(crate) replication: Option<Replication>,
    pub(crate) kind: Kind,
}

/// The replication status of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Replication {
    /// Not replicated yet.
    Pending,
}

impl Replication {
    /// B2's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
        }
    }
}

/// The kind of a version.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    File(Stored),
    Hide,
    /// An unfinished large file, with its parts by number.
    Unfinished(BTreeMap<u64, Part>),
}

/// The content of a file.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) content: Content,
    /// `None` for large files.
    pub(crate) sha1: Option<Sha1>,
    /// Hexadecimal; `None` for large files.
    pub(crate) md5: Option<String>,
}

/// A part of an unfinished large file.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Content,
    pub(crate) sha1: Sha1,
    /// Hexadecimal.
    pub(crate) md5: Option<String>,
    pub(crate) encryption: Encryption,
    pub(crate) uploaded: u64,
}

/// A SHA-1, and whether it was compared with the client's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sha1 {
    /// Lower-case hexadecimal.
    pub(crate) hex: String,
    pub(crate) verified: bool,
}

impl Sha1 {
    /// As in responses.
    pub(crate) fn json(&self) -> Cow<'_, str> {
        if self.verified {
            Cow::Borrowed(&self.hex)
        } else {
            Cow::Owned(format!("unverified:{}", self.hex))
        }
    }
}

impl Version {
    pub(crate) const fn is_unfinished(&self) -> bool {
        matches!(self.kind, Kind::Unfinished(_))
    }

    pub(crate) const fn is_hide_marker(&self) -> bool {
        matches!(self.kind, Kind::Hide)
    }

    /// The content of a file.
    pub(crate) const fn stored(&self) -> Option<&Stored> {
        match &self.kind {
            Kind::File(stored) => Some(stored),
            Kind::Hide | Kind::Unfinished(_) => None,
        }
    }

    /// Whether it was uploaded in parts.
    pub(crate) const fn is_large(&self) -> bool {
        match &self.kind {
            Kind::Unfinished(_) => true,
            Kind::File(stored) => stored.sha1.is_none(),
            Kind::Hide => false,
        }
    }

    /// The parts of an unfinished large file.
    pub(crate) const fn parts(&self) -> Option<&BTreeMap<u64, Part>> {
        match &self.kind {
            Kind::Unfinished(parts) => Some(parts),
            Kind::File(_) | Kind::Hide => None,
        }
    }
}
