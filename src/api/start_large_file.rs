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
    Action, BucketId, Capability, ContentType, CustomerKey, EncryptionSetting, FileInfo,
    FileInfoLimit, FileName, FileRetention, FileVersion, LARGE_FILE_SHA1, LegalHold, RetentionMode,
    Secret, Timestamp,
};

/// The key in the file info by which an upload recognizes its own large file.
pub(crate) const UPLOAD_ID: &str = "b2kit-upload-id";

/// File info copied from another file, without the id of that file's upload: two large files with
/// one id could be mistaken for each other.
pub(crate) fn without_upload_id(info: &FileInfo) -> FileInfo {
    FileInfo::unchecked(info.iter().filter(|(key, _)| *key != UPLOAD_ID))
}

/// Starts a large file: `b2_start_large_file`. A large file has 2 to 10,000 parts and a size of at
/// most 10 TB.
///
/// If the response is lost, the client starts a second large file and sets
/// [`possible_duplicate`](FileVersion::possible_duplicate), since the first one may be left behind.
/// With an [`upload_id`](Self::upload_id), the client finds and uses the first one instead.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-start-large-file)
///
/// # Errors
/// [`Rejected`](crate::ErrorKind::Rejected) with `bucket_missing_file_lock` if Object Lock is not
/// enabled for the bucket, `retain_until_timestamp_must_be_in_future`,
/// `custom_timestamp_not_allowed` or `custom_timestamp_invalid`;
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is reached.
///
/// # Cancellation
/// B2 may still start the large file after the future is dropped, and charges for its parts until
/// it is finished or cancelled. [`ListUnfinishedLargeFiles`](super::ListUnfinishedLargeFiles) lists
/// it.
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

    /// Sets the MIME type. By default B2 derives it from the name's extension.
    #[must_use]
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = content_type;
        self
    }

    /// Sets the file info: custom metadata of the file.
    #[must_use]
    pub fn file_info(mut self, info: FileInfo) -> Self {
        self.file_info = info;
        self
    }

    /// Adds an id of the caller's choice to the file info, by which the client finds the large file
    /// if the response is lost. It has to be unique: use a random one.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the file info already has ten entries.
    pub fn upload_id(mut self, id: impl AsRef<str>) -> Result<Self, Error> {
        self.file_info = self.file_info.with(UPLOAD_ID, id)?;
        Ok(self)
    }

    /// Sets a custom upload timestamp. B2 has to enable this for the account.
    #[must_use]
    pub const fn custom_upload_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.custom_upload_timestamp = Some(timestamp);
        self
    }

    /// Sets the retention of the file, until which it can't be deleted. Needs
    /// `writeFileRetentions`.
    #[must_use]
    pub fn file_retention(mut self, mode: RetentionMode, retain_until: Timestamp) -> Self {
        self.file_retention = Some(FileRetention {
            mode: Some(mode),
            retain_until_timestamp: Some(retain_until),
        });
        self
    }

    /// Sets whether the file is under legal hold. Needs `writeFileLegalHolds`.
    #[must_use]
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.legal_hold = Some(hold);
        self
    }

    /// Sets the encryption of the file. With a customer-managed key (SSE-C), every part needs the
    /// same key.
    #[must_use]
    pub fn server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.server_side_encryption = Some(encryption);
        self
    }

    /// Sets the limit on the size of name and file info together. Defaults to what B2 accepts for
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

    /// Adds an [upload id](Self::upload_id), if there is room. An id that is there already is that
    /// of another upload, whose file info was copied, and is removed.
    pub(crate) fn noting_upload_id(mut self, id: &str) -> Self {
        self.file_info = without_upload_id(&self.file_info);
        let limit = self.limit();
        match self.clone().upload_id(id) {
            Ok(noted) if noted.file_info.surely_fits(noted.file_name.as_str(), limit) => noted,
            _ => self,
        }
    }

    pub(crate) const fn has_custom_upload_timestamp(&self) -> bool {
        self.custom_upload_timestamp.is_some()
    }

    /// Whether its file info says which upload it belongs to, so that it can be resumed.
    pub(crate) fn is_recognizable(&self) -> bool {
        let has = |key| self.file_info.get(key).is_some();
        has(UPLOAD_ID) || has(LARGE_FILE_SHA1)
    }

    pub(crate) fn noted_upload_id(&self) -> Option<&str> {
        self.file_info.get(UPLOAD_ID)
    }

    /// How the response differs from the request, if it does.
    fn mismatch(&self, file: &FileVersion) -> Option<&'static str> {
        if file.file_name != *self.file_name.as_str() {
            return Some("its name differs");
        }
        if file.bucket_id != self.bucket_id {
            return Some("it is in a different bucket");
        }
        // B2 may omit the action, which is implied.
        if file.action != Action::Start && !file.action.as_str().is_empty() {
            return Some("it is not an unfinished large file");
        }
        self.attributes().difference(file)
    }

    fn attributes(&self) -> Attributes<'_> {
        Attributes {
            file_info: Some(&self.file_info),
            content_type: Some(&self.content_type),
            encryption: self.server_side_encryption.as_ref(),
            retention: self.file_retention.clone(),
            legal_hold: self.legal_hold.as_ref(),
            upload_timestamp: self.custom_upload_timestamp,
        }
    }

    /// How an unfinished large file differs from the one that this call would start, if it does.
    /// Attributes left to the bucket's defaults are not compared; attributes that the key may not
    /// read count as different.
    pub(crate) fn differs_from(&self, file: &FileVersion) -> Option<String> {
        let others = |info: &FileInfo| -> Vec<_> {
            let but_ours = info.iter().filter(|(key, _)| *key != UPLOAD_ID);
            but_ours
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        };
        let auto = self.content_type == ContentType::auto();
        let unreadable_retention =
            self.file_retention.is_some() && file.file_retention.value().is_none();
        let unreadable_hold = self.legal_hold.is_some() && file.legal_hold.value().is_none();
        let what = if file.bucket_id != self.bucket_id {
            "bucket"
        } else if others(&file.file_info) != others(&self.file_info) {
            "file info"
        } else if !auto && file.content_type.as_ref() != Some(&self.content_type) {
            "content type"
        } else if unreadable_retention {
            "retention"
        } else if unreadable_hold {
            "legal hold"
        } else {
            // It keeps the key and the timestamp that it was started with.
            let wanted = Attributes {
                file_info: None,
                content_type: None,
                ..self.attributes()
            };
            let encryption = &file.server_side_encryption;
            let has_unknown_key =
                self.customer_key().is_some() && encryption.customer_key_md5.is_none();
            let difference = wanted.difference(file);
            return difference
                .or_else(|| has_unknown_key.then_some("its customer-managed key can't be compared"))
                .map(str::to_owned);
        };
        Some(format!("its {what} differs"))
    }

    /// The customer-managed key that every part needs.
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

    /// Looks for a large file with our upload id: without one, another program may have started it.
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
        // The listing is oldest first. Give up after 100 pages.
        for _ in 0..100 {
            let Ok(page) = executor.execute(list.clone()).await else {
                return Reconciliation::Unclear;
            };
            if let Some(ours) = page.files.into_iter().find(|file| {
                let its = file.file_info.get(UPLOAD_ID);
                file.file_name == *self.file_name.as_str() && its.is_some_and(|its| its == id)
            }) {
                // It can't be used if it differs from the request.
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
