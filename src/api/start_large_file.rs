//! [`StartLargeFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{Ask, BillingClass, Call, Facts, Finding, Lost};
use super::list_unfinished_large_files::ListUnfinishedLargeFiles;
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{
    BucketId, Capability, ContentType, EncryptionSetting, FileInfo, FileName, FileRetention,
    FileVersion, LegalHold, RetentionMode, Secret, Timestamp,
};

/// The note by which a large file is found again.
const UPLOAD_ID: &str = "b2kit-upload-id";

/// Starts a large file: `b2_start_large_file`. It has two to 10,000 parts and at most 10 TB.
///
/// When the answer is lost, the file may have been started, and a second one is started in its place: the first is left
/// behind. With an [`upload_id`](Self::upload_id) it is found and taken up instead.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-start-large-file)
///
/// # Errors
/// As [`UploadFile`](super::UploadFile) where the file is locked or has a time of its own.
///
/// # Cancellation
/// A large file that was started costs money until it is finished or cancelled, and it is started as soon as the
/// request has left. [`ListUnfinishedLargeFiles`](super::ListUnfinishedLargeFiles) finds those that were forgotten.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartLargeFile {
    bucket_id: BucketId,
    file_name: FileName,
    content_type: ContentType,
    #[serde(skip_serializing_if = "FileInfo::is_empty")]
    file_info: FileInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_upload_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_retention: Option<FileRetention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_hold: Option<LegalHold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_side_encryption: Option<EncryptionSetting>,
}

impl StartLargeFile {
    /// Starts a large file with this name.
    pub fn new(bucket_id: impl Into<BucketId>, file_name: FileName) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            file_name,
            content_type: ContentType::auto(),
            file_info: FileInfo::new(),
            custom_upload_timestamp: None,
            file_retention: None,
            legal_hold: None,
            server_side_encryption: None,
        }
    }

    /// The MIME type. Without it B2 goes by the ending of the name.
    #[must_use]
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// Notes that go with the file.
    #[must_use]
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.file_info = info;
        self
    }

    /// Notes an id of the caller's own choice with the file, by which the client finds it again when B2's answer is
    /// lost. It has to be one that no other upload has, as a random number is.
    ///
    /// # Errors
    /// If there are ten notes already.
    pub fn upload_id(mut self, id: impl AsRef<str>) -> Result<Self, Error> {
        self.file_info = self.file_info.with(UPLOAD_ID, id)?;
        Ok(self)
    }

    /// A time of upload other than now; B2 has to allow it for the account.
    #[must_use]
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// Until when the file can't be deleted. Needs `writeFileRetentions`.
    #[must_use]
    pub fn file_retention(mut self, mode: RetentionMode, retain_until: Timestamp) -> Self {
        self.file_retention = Some(FileRetention {
            mode: Some(mode),
            retain_until_timestamp: Some(retain_until),
        });
        self
    }

    /// Whether the file is held regardless of time. Needs `writeFileLegalHolds`.
    #[must_use]
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.legal_hold = Some(hold);
        self
    }

    /// How the file is to be encrypted. With a key of the customer's, every part has to come with the same key.
    #[must_use]
    pub fn server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.server_side_encryption = Some(encryption);
        self
    }
}

impl Call for StartLargeFile {
    const FACTS: Facts = Facts::write(
        "b2_start_large_file",
        Capability::WriteFiles,
        BillingClass::A,
    );
    type Output = FileVersion;

    fn check(&self) -> Result<(), Error> {
        let limited = self
            .server_side_encryption
            .as_ref()
            .is_some_and(EncryptionSetting::encrypts)
            || self.file_retention.is_some()
            || self.legal_hold.is_some();
        self.file_info
            .check_size(self.file_name.as_str(), limited)?;
        Ok(())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::FACTS, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_about(|file: &FileVersion| {
            *file.file_name == *self.file_name.as_str() && file.bucket_id == self.bucket_id
        })
    }

    /// Only a file with our own id is surely ours: another program may have started one of the same name.
    async fn settle(&self, ask: &impl Ask, _: &Lost) -> Finding<FileVersion> {
        let Some(id) = self.file_info.get(UPLOAD_ID) else {
            return Finding::NotDone;
        };
        let mut list =
            ListUnfinishedLargeFiles::new(&self.bucket_id).name_prefix(self.file_name.as_str());
        // The oldest come first; a bucket with more than this of one name has other troubles.
        for _ in 0..100 {
            let Ok(page) = ask.ask(list.clone()).await else {
                break;
            };
            if let Some(ours) = page.files.into_iter().find(|file| {
                let its = file.file_info.get(UPLOAD_ID);
                *file.file_name == *self.file_name.as_str() && its.is_some_and(|its| its == id)
            }) {
                return Finding::Done(ours);
            }
            let Some(next) = page.next_file_id else { break };
            list = list.start_file_id(next);
        }
        Finding::NotDone
    }

    fn secrets(&self) -> Vec<Secret> {
        EncryptionSetting::secrets([&self.server_side_encryption])
    }

    fn also_needs(&self) -> Vec<Capability> {
        Capability::for_lock(self.file_retention.is_some(), self.legal_hold.is_some())
    }
}
