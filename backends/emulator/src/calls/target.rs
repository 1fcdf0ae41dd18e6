//! [`Target`]: a new version or a part, made from uploaded or copied content.

use crate::model::encryption::Encryption;
use crate::model::file::{Kind, Version};
use crate::model::lock::Lock;
use crate::model::names::FileInfo;

/// The thing that content is stored as.
#[derive(Debug)]
pub(crate) enum Target {
    /// A new file version.
    File(NewFile),
    /// A part of an unfinished large file.
    Part {
        file_id: String,
        number: u64,
        encryption: Encryption,
    },
}

/// A new version without its content.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) bucket_id: String,
    pub(crate) name: String,
    /// In milliseconds.
    pub(crate) uploaded: u64,
    pub(crate) content_type: String,
    pub(crate) info: FileInfo,
    pub(crate) lock: Lock,
    pub(crate) encryption: Encryption,
}

impl NewFile {
    pub(crate) fn into_version(self, file_id: String, kind: Kind) -> Version {
        Version {
            file_id,
            bucket_id: self.bucket_id,
            name: self.name,
            uploaded: self.uploaded,
            content_type: self.content_type,
            info: self.info,
            lock: self.lock,
            encryption: self.encryption,
            replication: None,
            kind,
        }
    }
}
