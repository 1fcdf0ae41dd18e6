//! [`Target`]: a new version or a part, made from uploaded or copied content.

use crate::model::encryption::Encryption;
use crate::model::file::{Kind, Version};
use crate::model::file_id::{BucketId, FileId};
use crate::model::file_info::FileInfo;
use crate::model::lock::Lock;

/// The thing that content is stored as.
#[derive(Debug)]
pub(crate) enum Target {
    /// A new file version.
    File(NewFile),
    /// A part of an unfinished large file.
    Part {
        file_id: FileId,
        number: u64,
        encryption: Encryption,
    },
}

/// A new version without its content.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) bucket_id: BucketId,
    pub(crate) name: String,
    /// In milliseconds.
    pub(crate) uploaded: u64,
    pub(crate) content_type: String,
    pub(crate) info: FileInfo,
    pub(crate) lock: Lock,
    pub(crate) encryption: Encryption,
}

impl NewFile {
    pub(crate) fn into_version(self, file_id: FileId, kind: Kind) -> Version {
        let mut version = Version::new(file_id, self.name, self.uploaded, kind);
        version.content_type = self.content_type.into();
        version.info = self.info;
        version.set_lock(self.lock);
        version.encryption = self.encryption;
        version
    }
}
