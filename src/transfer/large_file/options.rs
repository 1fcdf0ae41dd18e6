//! [`FileOptions`] and [`ContentOptions`]: the options shared by uploads, copies, compositions and
//! creates.

use super::on_failure::OnFailure;
use super::part_sizes::PartSizes;
use super::upload_parts::LargeFile;
use crate::api::{CopyFile, StartLargeFile, UPLOAD_ID, UploadFile};
use crate::client::{ActiveTransfer, BucketHandle, Client};
use crate::error::Error;
use crate::transfer::progress::Progress;
use crate::types::{
    ContentType, EncryptionSetting, FileInfo, FileInfoLimit, FileName, FileRetention, FileVersion,
    LegalHold, RetentionMode, Timestamp,
};

/// The default number of parts sent in parallel.
pub(crate) const CONCURRENCY: usize = 4;

/// Lock and encryption of the new file, and how its parts are sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileOptions {
    pub(crate) file_retention: Option<(RetentionMode, Timestamp)>,
    pub(crate) legal_hold: Option<LegalHold>,
    pub(crate) server_side_encryption: Option<EncryptionSetting>,
    pub(crate) file_info_limit: FileInfoLimit,
    pub(crate) concurrency: Option<usize>,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) progress: Progress,
    /// Whether this is a step of another transfer, for which the client's shutdown waits already.
    pub(crate) within_transfer: bool,
}

/// The setters of [`FileOptions`], for a type with these in a field `options`.
macro_rules! file_options {
    ($name:ident) => {
        impl $name {
            /// Locks the new file until `retain_until`. Needs the capability `writeFileRetentions`.
            pub fn file_retention(
                mut self,
                mode: $crate::types::RetentionMode,
                retain_until: $crate::types::Timestamp,
            ) -> Self {
                self.options.file_retention = Some((mode, retain_until));
                self
            }

            /// Sets whether the new file is under legal hold. Needs the capability
            /// `writeFileLegalHolds`.
            pub fn legal_hold(mut self, hold: $crate::types::LegalHold) -> Self {
                self.options.legal_hold = Some(hold);
                self
            }

            /// Sets the encryption of the new file. Defaults to the bucket's default encryption.
            pub fn server_side_encryption(
                mut self,
                encryption: $crate::types::EncryptionSetting,
            ) -> Self {
                self.options.server_side_encryption = Some(encryption);
                self
            }

            /// Sets the limit on the size of file name and file info together. Defaults to what B2
            /// accepts for every bucket; old buckets without encryption accept
            /// [`FileInfoLimit::Unencrypted`](crate::types::FileInfoLimit::Unencrypted).
            pub const fn file_info_limit(mut self, limit: $crate::types::FileInfoLimit) -> Self {
                self.options.file_info_limit = limit;
                self
            }

            /// Sets how many parts are sent in parallel. Defaults to 4. For a non-replayable
            /// stream, this many parts are buffered in memory.
            pub const fn concurrency(mut self, parts: usize) -> Self {
                self.options.concurrency = Some(parts);
                self
            }

            /// Sets what happens to a large file that can't be finished. Defaults to
            /// [`OnFailure::Cancel`](crate::transfer::OnFailure::Cancel).
            pub const fn on_failure(
                mut self,
                on_failure: $crate::transfer::large_file::OnFailure,
            ) -> Self {
                self.options.on_failure = Some(on_failure);
                self
            }

            /// Reports progress to this [`Progress`](crate::transfer::Progress).
            pub fn progress(mut self, progress: &$crate::transfer::progress::Progress) -> Self {
                self.options.progress = progress.clone();
                self
            }
        }
    };
}

pub(crate) use file_options;

/// Content type and file info of a new file, and the size of its parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContentOptions {
    pub(crate) content_type: ContentType,
    pub(crate) file_info: FileInfo,
    pub(crate) part_size: Option<u64>,
}

/// The setters of [`ContentOptions`], for a type with these in the given field. The documentation
/// of two of them is a parameter.
macro_rules! content_options {
    (
        $name:ident, $($field:ident).+,
        file_info: $(#[$info:meta])+;
        part_size: $(#[$size:meta])+;
    ) => {
        impl $name {
            /// Sets the MIME type. Defaults to
            /// [`ContentType::auto`](crate::types::ContentType::auto): B2 derives it from the file
            /// name's extension.
            pub fn content_type(mut self, content_type: $crate::types::ContentType) -> Self {
                self.$($field).+.content_type = content_type;
                self
            }

            $(#[$info])+
            pub fn file_info(mut self, info: $crate::types::FileInfo) -> Self {
                self.$($field).+.file_info = info;
                self
            }

            $(#[$size])+
            pub const fn part_size(mut self, bytes: u64) -> Self {
                self.$($field).+.part_size = Some(bytes);
                self
            }
        }
    };
}

pub(crate) use content_options;

impl FileOptions {
    /// Begins a transfer, for which the client's shutdown waits until the result is dropped.
    pub(crate) fn begin_transfer(&self, client: &Client) -> Result<Option<ActiveTransfer>, Error> {
        match self.within_transfer {
            true => Ok(None),
            false => client.begin_transfer().map(Some),
        }
    }

    /// The limit on the size of file name and file info together.
    pub(crate) fn info_limit(&self) -> FileInfoLimit {
        self.file_info_limit.of_file(
            self.server_side_encryption.as_ref(),
            self.file_retention.is_some() || self.legal_hold.is_some(),
        )
    }

    pub(crate) fn apply_to_copy(&self, mut copy: CopyFile) -> CopyFile {
        copy = copy.file_info_limit(self.file_info_limit);
        if let Some((mode, until)) = &self.file_retention {
            copy = copy.file_retention(FileRetention::until(mode.clone(), *until));
        }
        if let Some(hold) = &self.legal_hold {
            copy = copy.legal_hold(hold.clone());
        }
        if let Some(encryption) = &self.server_side_encryption {
            copy = copy.destination_server_side_encryption(encryption.clone());
        }
        copy
    }

    pub(crate) fn apply_to_upload(&self, mut upload: UploadFile) -> UploadFile {
        upload = upload.file_info_limit(self.file_info_limit);
        if let Some((mode, until)) = &self.file_retention {
            upload = upload.file_retention(mode.clone(), *until);
        }
        if let Some(hold) = &self.legal_hold {
            upload = upload.legal_hold(hold.clone());
        }
        if let Some(encryption) = &self.server_side_encryption {
            upload = upload.server_side_encryption(encryption.clone());
        }
        upload
    }

    pub(crate) fn apply_to_large_file(&self, mut start: StartLargeFile) -> StartLargeFile {
        start = start.file_info_limit(self.file_info_limit);
        if let Some((mode, until)) = &self.file_retention {
            start = start.file_retention(mode.clone(), *until);
        }
        if let Some(hold) = &self.legal_hold {
            start = start.legal_hold(hold.clone());
        }
        if let Some(encryption) = &self.server_side_encryption {
            start = start.server_side_encryption(encryption.clone());
        }
        start
    }

    /// Starts a large file.
    pub(crate) async fn start<'a>(
        &'a self,
        bucket: &'a BucketHandle,
        name: &FileName,
        start: StartLargeFile,
    ) -> Result<LargeFile<'a>, Error> {
        let start = self.apply_to_large_file(start);
        let client = bucket.client();
        let start = start.noting_upload_id(&client.unique());
        let on_failure = match start.is_recognizable() {
            true => self.on_failure.unwrap_or_default(),
            false => OnFailure::Cancel,
        };
        let mut file = LargeFile::start(client, bucket.id(), name, start, &self.progress).await?;
        file.concurrency = self.concurrency.unwrap_or(CONCURRENCY);
        file.on_failure = on_failure;
        Ok(file)
    }
}

/// The part sizes of the account.
pub(crate) async fn account_part_sizes(client: &Client) -> Result<PartSizes, Error> {
    let session = client.session().await?;
    Ok(PartSizes::new(
        session.absolute_minimum_part_size(),
        session.recommended_part_size(),
    ))
}

/// Adds an entry that the caller did not set, if there is none with this key and there is certainly
/// room.
pub(crate) fn add_info_if_it_fits(
    info: &mut FileInfo,
    name: &FileName,
    limit: FileInfoLimit,
    key: &str,
    value: &str,
) {
    if info.get(key).is_some() {
        return;
    }
    let more = info.clone().with(key, value).ok();
    if let Some(more) = more.filter(|more| more.surely_fits(name.as_str(), limit)) {
        *info = more;
    }
}

/// Whether this crate started the large file.
pub(crate) fn is_ours(file: &FileVersion) -> bool {
    file.file_info.get(UPLOAD_ID).is_some()
}
