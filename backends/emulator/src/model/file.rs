//! [`Version`]: a file version, a hide marker, or an unfinished large file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::encryption::Encryption;
use super::file_id::{BucketId, FileId};
use super::file_info::FileInfo;
use super::lock::Lock;
use crate::content::Content;
use crate::protocol::hex::Hex;

pub(crate) type Sha1Digest = Hex<20>;
pub(crate) type Md5Digest = Hex<16>;

/// A file version, hide marker or unfinished large file.
///
/// A bucket may have millions of versions, so this takes few bytes for most of them: ids and
/// digests are not stored as text, and rare fields are in a box.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) file_id: FileId,
    /// Its number in the order in which versions were made, from 1 on; 0 before it is inserted.
    pub(crate) number: u64,
    pub(crate) name: Arc<str>,
    /// Start of the upload, in milliseconds.
    pub(crate) uploaded: u64,
    pub(crate) content_type: Arc<str>,
    pub(crate) info: FileInfo,
    lock: Option<Box<Lock>>,
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
    /// `None` for large files.
    pub(crate) md5: Option<Md5Digest>,
}

/// A part of an unfinished large file.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Content,
    pub(crate) sha1: Sha1,
    pub(crate) md5: Option<Md5Digest>,
    pub(crate) encryption: Encryption,
    pub(crate) uploaded: u64,
}

/// A SHA-1, and whether it was compared with the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sha1 {
    #[serde(rename = "hex")]
    pub(crate) digest: Sha1Digest,
    pub(crate) verified: bool,
}

impl Sha1 {
    /// As in responses.
    pub(crate) fn json(&self) -> String {
        let verified = if self.verified { "" } else { "unverified:" };
        self.digest.with_text(|digest| [verified, digest].concat())
    }
}

impl Version {
    /// A version without a lock.
    pub(crate) fn new(
        file_id: FileId,
        name: impl Into<Arc<str>>,
        uploaded: u64,
        kind: Kind,
    ) -> Self {
        Self {
            file_id,
            number: 0,
            name: name.into(),
            uploaded,
            content_type: "".into(),
            info: FileInfo::EMPTY,
            lock: None,
            encryption: Encryption::None,
            replication: None,
            kind,
        }
    }

    pub(crate) const fn bucket_id(&self) -> BucketId {
        self.file_id.bucket()
    }

    /// Sorts versions by age.
    pub(crate) const fn age(&self) -> (u64, u64) {
        (self.uploaded, self.number)
    }

    pub(crate) fn lock(&self) -> Lock {
        self.lock.as_deref().copied().unwrap_or_default()
    }

    pub(crate) fn set_lock(&mut self, lock: Lock) {
        self.lock = (lock != Lock::default()).then(|| Box::new(lock));
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_at_most_208_bytes() {
        assert!(size_of::<Version>() <= 208, "{}", size_of::<Version>());
    }
}
