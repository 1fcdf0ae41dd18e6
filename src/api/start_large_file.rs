//! [`StartLargeFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::list_unfinished_large_files::ListUnfinishedLargeFiles;
use super::reply::Reply;
use super::response_match::Attributes;
use super::target::Target;
use crate::error::Error;
use crate::types::{
    Action, BucketId, Capability, ContentType, CustomerKey, EncryptionMode, EncryptionSetting,
    FileInfo, FileInfoLimit, FileName, FileRetention, FileVersion, LegalHold, Restricted,
    RetentionMode, Secret, Timestamp,
};

/// The key in the file info by which an upload recognizes its own large file.
pub(crate) const UPLOAD_ID: &str = "b2kit-upload-id";

/// Starts a large file: `b2_start_large_file`. A large file has 2 to 10,000 parts and at most 10
/// TB.
///
/// If the response is lost, the client starts a second large file: the first may be left behind,
/// and [`possible_duplicate`](FileVersion::possible_duplicate) says so. With an
/// [`upload_id`](Self::upload_id) the client finds the first one and uses it.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-start-large-file)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `bucket_missing_file_lock` if the bucket's files
/// can't be locked, `retain_until_timestamp_must_be_in_future`, `custom_timestamp_not_allowed` or
/// `custom_timestamp_invalid`; [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account may
/// store no more.
///
/// # Cancellation
/// Once the request was sent, the large file may be started although the future was dropped. B2
/// charges for its parts until it is finished or cancelled;
/// [`ListUnfinishedLargeFiles`](super::ListUnfinishedLargeFiles) finds it.
#[doc(alias = "multipart")]
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
    #[serde(skip)]
    file_info_limit: FileInfoLimit,
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
            file_info_limit: FileInfoLimit::default(),
        }
    }

    /// The MIME type. By default B2 derives it from the name's extension.
    #[must_use]
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// The file info: custom metadata of the file.
    #[must_use]
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.file_info = info;
        self
    }

    /// Adds an id of the caller's choice to the file info, by which the client finds the large file
    /// if the response is lost. No other upload may have it: use a random one.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the file info has ten entries already.
    pub fn upload_id(mut self, id: impl AsRef<str>) -> Result<Self, Error> {
        self.file_info = self.file_info.with(UPLOAD_ID, id)?;
        Ok(self)
    }

    /// A custom upload time instead of now. B2 has to enable this for the account.
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

    /// Whether the file is under legal hold. Needs `writeFileLegalHolds`.
    #[must_use]
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.legal_hold = Some(hold);
        self
    }

    /// How the file is to be encrypted. With a customer's key (SSE-C), every part needs the same
    /// key.
    #[must_use]
    pub fn server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.server_side_encryption = Some(encryption);
        self
    }

    /// How many bytes the name and the file info may have together. Defaults to what B2 accepts in
    /// every bucket; old buckets without encryption accept [`FileInfoLimit::Unencrypted`].
    #[must_use]
    pub const fn file_info_limit(mut self, limit: FileInfoLimit) -> Self {
        self.file_info_limit = limit;
        self
    }
}

impl StartLargeFile {
    fn limit(&self) -> FileInfoLimit {
        self.file_info_limit.of_file(
            self.server_side_encryption.as_ref(),
            self.file_retention.is_some() || self.legal_hold.is_some(),
        )
    }

    /// Notes an id as [`upload_id`](Self::upload_id) does, if there is room for it.
    pub(crate) fn noting_upload_id(self, id: &str) -> Self {
        let limit = self.limit();
        match self.clone().upload_id(id) {
            Ok(noted) if noted.file_info.surely_fits(noted.file_name.as_str(), limit) => noted,
            _ => self,
        }
    }

    pub(crate) fn noted_upload_id(&self) -> Option<&str> {
        self.file_info.get(UPLOAD_ID)
    }

    /// In what the answer is about another file than this starts.
    fn mismatch(&self, file: &FileVersion) -> Option<&'static str> {
        if file.file_name != *self.file_name.as_str() {
            return Some("it has another name");
        }
        if file.bucket_id != self.bucket_id {
            return Some("it is in another bucket");
        }
        // B2 need not say what it must be.
        if file.action != Action::Start && !file.action.as_str().is_empty() {
            return Some("it is no unfinished large file");
        }
        let wanted = Attributes {
            file_info: Some(&self.file_info),
            content_type: Some(&self.content_type),
            encryption: self.server_side_encryption.as_ref(),
            retention: self.file_retention.clone(),
            legal_hold: self.legal_hold.as_ref(),
            upload_timestamp: self.custom_upload_timestamp,
        };
        wanted.difference(file)
    }

    /// In what an unfinished large file is another than this would start, if it is. What the bucket
    /// gives by default is not asked about; what the key may not read is taken for another.
    pub(crate) fn differs_from(&self, file: &FileVersion) -> Option<String> {
        let others = |info: &FileInfo| -> Vec<_> {
            let but_ours = info.iter().filter(|(key, _)| *key != UPLOAD_ID);
            but_ours
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        };
        let mode = self
            .server_side_encryption
            .as_ref()
            .map(EncryptionSetting::mode);
        let retention = self.file_retention.clone().map(Restricted::Value);
        let hold = self
            .legal_hold
            .clone()
            .map(|hold| Restricted::Value(Some(hold)));
        let auto = self.content_type == ContentType::auto();
        let what = if file.bucket_id != self.bucket_id {
            "bucket"
        } else if others(&file.file_info) != others(&self.file_info) {
            "file info"
        } else if !auto && file.content_type.as_ref() != Some(&self.content_type) {
            "content type"
        } else if mode.is_some_and(|mode| file.server_side_encryption.mode != mode)
            || (self.customer_key().is_none()
                && file.server_side_encryption.mode == Some(EncryptionMode::SseC))
        {
            "encryption"
        } else if retention.is_some_and(|retention| file.file_retention != retention) {
            "retention"
        } else if hold.is_some_and(|hold| file.legal_hold != hold) {
            "legal hold"
        } else {
            return None;
        };
        Some(format!("it has another {what}"))
    }

    /// The key that every part has to come with.
    pub(crate) fn customer_key(&self) -> Option<CustomerKey> {
        match &self.server_side_encryption {
            Some(EncryptionSetting::SseC(key)) => Some(key.clone()),
            _ => None,
        }
    }
}

impl Call for StartLargeFile {
    const METADATA: CallMetadata = CallMetadata::write(
        "b2_start_large_file",
        Capability::WriteFiles,
        BillingClass::A,
    );
    type Output = FileVersion;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(self.file_name.as_str()).in_bucket(self.bucket_id.as_str())
    }

    fn check(&self) -> Result<(), Error> {
        self.file_info
            .check_size(self.file_name.as_str(), self.limit())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_like(|file: &FileVersion| self.mismatch(file))
    }

    /// Only a file with our own id is surely ours: another program may have started one of the same
    /// name.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<FileVersion> {
        let Some(id) = self.file_info.get(UPLOAD_ID) else {
            return Reconciliation::Unclear;
        };
        let mut list =
            ListUnfinishedLargeFiles::new(&self.bucket_id).name_prefix(self.file_name.as_str());
        // The oldest come first; a bucket with more than this of one name has other troubles.
        for _ in 0..100 {
            let Ok(page) = executor.execute(list.clone()).await else {
                return Reconciliation::Unclear;
            };
            if let Some(ours) = page.files.into_iter().find(|file| {
                let its = file.file_info.get(UPLOAD_ID);
                file.file_name == *self.file_name.as_str() && its.is_some_and(|its| its == id)
            }) {
                // One that was started otherwise than asked for can't be taken up.
                return match self.mismatch(&ours) {
                    None => Reconciliation::Done(ours),
                    Some(_) => Reconciliation::Unclear,
                };
            }
            let Some(next) = page.next_file_id else {
                return match lost.may_still_execute {
                    true => Reconciliation::Unclear,
                    false => Reconciliation::NotDone,
                };
            };
            list = list.start_file_id(next);
        }
        Reconciliation::Unclear
    }

    fn mark_possible_duplicate(file: &mut FileVersion) {
        file.possible_duplicate = true;
    }

    fn secrets(&self) -> Vec<Secret> {
        EncryptionSetting::secrets([&self.server_side_encryption])
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        Capability::for_lock(self.file_retention.is_some(), self.legal_hold.is_some())
    }
}
