//! The settings of a [`SyncPolicy`] for single transfers.

use std::path::PathBuf;

use super::names::local_path;
use super::policy::SyncPolicy;
use crate::transfer::{FileCopy, FileDownload, UnsafeName, Upload};

/// Sets the encryption and the Object Lock of a new version, if the policy has any.
macro_rules! protect {
    ($transfer:ident, $policy:ident) => {
        if let Some(encryption) = &$policy.encryption {
            $transfer = $transfer.server_side_encryption(encryption.clone());
        }
        if let Some((mode, until)) = &$policy.file_retention {
            $transfer = $transfer.file_retention(mode.clone(), *until);
        }
        if let Some(hold) = &$policy.legal_hold {
            $transfer = $transfer.legal_hold(hold.clone());
        }
    };
}

impl SyncPolicy {
    /// Applies the policy's settings for uploads to an upload outside a sync: resuming, hashing first, encryption and
    /// Object Lock.
    pub fn apply_to_upload(&self, upload: Upload) -> Upload {
        let mut upload = upload.hash_first(self.hash_first);
        if self.resume {
            upload = upload.resume();
        }
        protect!(upload, self);
        upload
    }

    /// Applies the policy's settings for downloads to a download outside a sync: resuming, and the key of an encrypted
    /// source.
    pub fn apply_to_download(&self, download: FileDownload) -> FileDownload {
        match self.resume {
            true => self.decrypt(download).resume(),
            false => self.decrypt(download),
        }
    }

    /// The relative local path that a sync gives the file of this name, with or without
    /// [portable names](Self::portable_names).
    ///
    /// # Errors
    /// [`UnsafeName`] if no sync would write it.
    pub fn local_path(&self, name: &str) -> Result<PathBuf, UnsafeName> {
        local_path(name, self.portable_names)
    }

    pub(super) fn decrypt(&self, download: FileDownload) -> FileDownload {
        match &self.source_key {
            Some(key) => download.customer_key(key.clone()),
            None => download,
        }
    }

    pub(super) fn apply_to_copy(&self, mut copy: FileCopy) -> FileCopy {
        if let Some(key) = &self.source_key {
            copy = copy.source_customer_key(key.clone());
        }
        protect!(copy, self);
        copy
    }
}
