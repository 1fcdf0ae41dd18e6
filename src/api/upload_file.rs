//! [`UploadFile`].

use b2kit_core::{Body, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use super::call::{
    Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject, UploadTarget,
};
use super::content::{Content, Digest};
use super::header_names::FILE_NAME;
use super::lost_version::{Likeness, Newest};
use super::reply::Reply;
use super::response_match::{Attributes, not_a_file};
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::types::{
    Action, BucketId, Capability, ContentType, EncryptionSetting, FileInfo, FileInfoLimit,
    FileName, FileRetention, FileVersion, LegalHold, RetentionMode, Sha1, Timestamp,
};

/// Uploads a file in one request: `b2_upload_file`. At most 5,000,000,000 bytes.
///
/// The content is hashed while it is sent, B2 verifies the SHA-1, and the client verifies B2's
/// response. If the name exists, it gets a new version.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-upload-file)
///
/// The client obtains upload URLs automatically, reuses them, and replaces them after a failure.
///
/// # Errors
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is reached;
/// [`Source`](crate::ErrorKind::Source) if the body can't be read.
/// [`Rejected`](crate::ErrorKind::Rejected) with `bucket_missing_file_lock` if Object Lock is not
/// enabled for the bucket, `retain_until_timestamp_must_be_in_future`,
/// `custom_timestamp_not_allowed` if custom timestamps are not enabled for the account, or
/// `custom_timestamp_invalid` if it is in the future.
///
/// # Cancellation
/// B2 does not store an incomplete file. If the future is dropped after the last byte was sent, B2
/// may still store the file.
#[doc(alias = "put_object")]
#[derive(Debug, Clone)]
pub struct UploadFile {
    bucket_id: BucketId,
    file_name: FileName,
    content: Content,
    content_type: ContentType,
    file_info: FileInfo,
    custom_upload_timestamp: Option<Timestamp>,
    file_retention: Option<(RetentionMode, Timestamp)>,
    legal_hold: Option<LegalHold>,
    server_side_encryption: Option<EncryptionSetting>,
    file_info_limit: FileInfoLimit,
}

impl UploadFile {
    /// Uploads `body` to this bucket as a file of this name.
    pub fn new(bucket_id: impl Into<BucketId>, file_name: FileName, body: impl Into<Body>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            file_name,
            content: Content::new(body.into()),
            content_type: ContentType::auto(),
            file_info: FileInfo::new(),
            custom_upload_timestamp: None,
            file_retention: None,
            legal_hold: None,
            server_side_encryption: None,
            file_info_limit: FileInfoLimit::default(),
        }
    }

    /// Sets the SHA-1 of the body, if you already know it. Otherwise it is computed while the body
    /// is sent.
    #[must_use]
    pub fn content_sha1(mut self, sha1: Sha1) -> Self {
        self.content.known(sha1);
        self
    }

    /// Uses the SHA-1 that the source computes while it is read.
    pub(crate) fn hashed_by_source(mut self, digest: Option<Digest>) -> Self {
        if let Some(digest) = digest {
            self.content.hashed_by_source(digest);
        }
        self
    }

    /// Sends no SHA-1. Corruption in transit is not detected, and after a lost response the client
    /// can't recognize the upload, so it uploads again.
    #[must_use]
    pub fn do_not_verify(mut self) -> Self {
        self.content.do_not_verify();
        self
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
        self.file_retention = Some((mode, retain_until));
        self
    }

    /// Sets whether the file is under legal hold. Needs `writeFileLegalHolds`.
    #[must_use]
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.legal_hold = Some(hold);
        self
    }

    /// Sets the encryption of the file. [`EncryptionSetting::None`] is not supported for uploads.
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

impl Call for UploadFile {
    const METADATA: CallMetadata = CallMetadata::upload("b2_upload_file");
    type Output = FileVersion;

    fn subject(&self) -> Subject<'_> {
        Subject::of_file(self.file_name.as_str()).in_bucket(self.bucket_id.as_str())
    }

    fn check(&self) -> Result<(), Error> {
        let limit = self.file_info_limit.of_file(
            self.server_side_encryption.as_ref(),
            self.file_retention.is_some() || self.legal_hold.is_some(),
        );
        self.file_info.check_size(self.file_name.as_str(), limit)?;
        self.file_info.check_headers()?;
        if let Some(EncryptionSetting::None) = self.server_side_encryption {
            return Err(Error::invalid(
                "an upload can't turn encryption off: B2 encrypts all new files, except in some \
                 old buckets",
            ));
        }
        self.content.check_len()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        let mut request = target.upload_request()?;
        let headers = request.headers_mut();
        headers.insert(&FILE_NAME, value(&self.file_name.encoded())?);
        headers.insert(CONTENT_TYPE, self.content_type.header()?);
        self.file_info.add_headers(headers)?;
        let mut add = |name, text: &str| {
            headers.insert(HeaderName::from_static(name), value(text)?);
            Ok::<_, Error>(())
        };
        if let Some(timestamp) = self.custom_upload_timestamp {
            add(
                "x-bz-custom-upload-timestamp",
                &timestamp.as_millis().to_string(),
            )?;
        }
        if let Some((mode, until)) = &self.file_retention {
            add("x-bz-file-retention-mode", mode.as_str())?;
            add(
                "x-bz-file-retention-retain-until-timestamp",
                &until.as_millis().to_string(),
            )?;
        }
        if let Some(hold) = &self.legal_hold {
            add("x-bz-file-legal-hold", hold.as_str())?;
        }
        if let Some(encryption) = &self.server_side_encryption {
            encryption.add_headers(headers);
        }
        self.content.apply_to(&mut request);
        Ok(request)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        let file: FileVersion = reply.json()?;
        if file.file_name != *self.file_name.as_str() || file.bucket_id != self.bucket_id {
            return Err(Error::new(
                ErrorKind::Integrity,
                "the response is about a different file than the one sent",
            )
            .with_effect(true));
        }
        let held = self.content.check(file.content_length, &file.content_sha1);
        let held = held.and_then(|()| {
            let Some(why) = not_a_file(&file).or_else(|| self.mismatch(&file)) else {
                return Ok(());
            };
            let what = format!("B2 stored something other than what was sent: {why}");
            Err(Error::new(ErrorKind::Integrity, what).with_effect(true))
        });
        held.map_err(|error| {
            // The wrong version is stored, and the caller may want to delete it.
            let id: String = file.file_id.as_str().chars().take(200).collect();
            error.with_note(&id)
        })?;
        Ok(file)
    }

    fn upload_target(&self) -> Option<UploadTarget> {
        Some(UploadTarget::Bucket(self.bucket_id.clone()))
    }

    fn is_body_consumed(&self) -> bool {
        self.content.is_spent()
    }

    /// Checks whether the newest file of this name is this upload: it has the same content and is
    /// not older than the request.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<FileVersion> {
        let Some(sha1) = self.content.sent_sha1() else {
            return if self.content.is_verified() {
                Reconciliation::NotDone
            } else {
                Reconciliation::Unclear
            };
        };
        // The key may not be allowed to list. A duplicate version is the lesser harm.
        let Some(newest) = Newest::of(executor, &self.bucket_id, &self.file_name).await else {
            return Reconciliation::Unclear;
        };
        let looks = |version: &FileVersion| {
            let has_content = version.action == Action::Upload
                && version.content_length == self.content.len()
                && version.content_sha1.sha1() == Some(&sha1);
            match has_content {
                true => self.likeness(version),
                false => Likeness::Different,
            }
        };
        match self.custom_upload_timestamp {
            Some(time) => newest.made_at(time, lost, looks),
            None => newest.made(lost, looks),
        }
    }

    fn mark_possible_duplicate(version: &mut FileVersion) {
        version.possible_duplicate = true;
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        Capability::for_lock(self.file_retention.is_some(), self.legal_hold.is_some())
    }
}

impl UploadFile {
    fn mismatch(&self, file: &FileVersion) -> Option<&'static str> {
        let retention = self.file_retention.as_ref();
        let wanted = Attributes {
            file_info: Some(&self.file_info),
            content_type: Some(&self.content_type),
            encryption: self.server_side_encryption.as_ref(),
            retention: retention.map(|(mode, until)| FileRetention::until(mode.clone(), *until)),
            legal_hold: self.legal_hold.as_ref(),
            upload_timestamp: self.custom_upload_timestamp,
        };
        wanted.difference(file)
    }

    /// Whether a version with the right content has all attributes of this upload, and no other
    /// file info. Attributes left to the bucket's defaults are not compared; those of a lock that
    /// the key may not read can't be.
    fn likeness(&self, version: &FileVersion) -> Likeness {
        let is_unreadable = self.file_retention.is_some()
            && version.file_retention.value().is_none()
            || self.legal_hold.is_some() && version.legal_hold.value().is_none();
        if version.file_info != self.file_info || self.mismatch(version).is_some() {
            Likeness::Different
        } else if is_unreadable {
            Likeness::Unclear
        } else {
            Likeness::Same
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text)
        .map_err(|error| Error::invalid("a value is not a valid header value").with_source(error))
}
