//! [`CopyFile`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{
    BillingClass, Call, CallExecutor, CallMetadata, LostResponse, Reconciliation, Subject,
};
use super::get_file_info::GetFileInfo;
use super::lost_version::{Likeness, Newest};
use super::reply::Reply;
use super::response_match::{Attributes, not_a_file};
use super::target::Target;
use crate::error::Error;
use crate::types::{
    BucketId, ByteRange, Capability, ContentType, EncryptionSetting, FileId, FileInfo,
    FileInfoLimit, FileName, FileRetention, FileVersion, LegalHold, Secret,
};

/// Copies a file or a byte range of it within B2: `b2_copy_file`. At most 5,000,000,000 bytes.
///
/// The copy does not inherit the source's retention or legal hold. It has those of the call, or the
/// bucket's default.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-copy-file)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the source does not exist;
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) with `access_denied` if the customer-managed
/// key is wrong; [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is
/// reached; [`Rejected`](crate::ErrorKind::Rejected) with `source_too_large` (use
/// [`CopyPart`](super::CopyPart)), `range_not_satisfiable`, `bucket_missing_file_lock` or
/// `retain_until_timestamp_must_be_in_future`.
///
/// # Cancellation
/// B2 may still make the copy after the future is dropped.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyFile {
    source_file_id: FileId,
    file_name: FileName,
    metadata_directive: MetadataDirective,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<ContentType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_info: Option<FileInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_bucket_id: Option<BucketId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<ByteRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_retention: Option<FileRetention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_hold: Option<LegalHold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_server_side_encryption: Option<EncryptionSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_server_side_encryption: Option<EncryptionSetting>,
    #[serde(skip)]
    file_info_limit: FileInfoLimit,
}

/// Where a copy's content type and file info come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MetadataDirective {
    /// From the source.
    Copy,
    /// From the call.
    Replace,
}

impl CopyFile {
    /// Copies a file version to this name in the same bucket.
    pub fn new(source_file_id: impl Into<FileId>, file_name: FileName) -> Self {
        Self {
            source_file_id: source_file_id.into(),
            file_name,
            metadata_directive: MetadataDirective::Copy,
            content_type: None,
            file_info: None,
            destination_bucket_id: None,
            range: None,
            file_retention: None,
            legal_hold: None,
            source_server_side_encryption: None,
            destination_server_side_encryption: None,
            file_info_limit: FileInfoLimit::default(),
        }
    }

    /// Gives the copy this content type and file info instead of the source's.
    #[must_use]
    pub fn replace_metadata(mut self, content_type: ContentType, info: FileInfo) -> Self {
        self.metadata_directive = MetadataDirective::Replace;
        self.content_type = Some(content_type);
        self.file_info = Some(info);
        self
    }

    /// Copies to another bucket of the same account.
    #[must_use]
    pub fn destination_bucket_id(mut self, bucket_id: impl Into<BucketId>) -> Self {
        self.destination_bucket_id = Some(bucket_id.into());
        self
    }

    /// Copies only this byte range.
    #[must_use]
    pub fn range(mut self, range: impl Into<ByteRange>) -> Self {
        self.range = Some(range.into());
        self
    }

    /// Sets the retention of the copy, until which it can't be deleted. Needs
    /// `writeFileRetentions`.
    #[must_use]
    pub fn file_retention(mut self, retention: FileRetention) -> Self {
        self.file_retention = Some(retention);
        self
    }

    /// Sets whether the copy is under legal hold. Needs `writeFileLegalHolds`.
    #[must_use]
    pub fn legal_hold(mut self, hold: LegalHold) -> Self {
        self.legal_hold = Some(hold);
        self
    }

    /// Sets the customer-managed key (SSE-C) that decrypts the source.
    #[must_use]
    pub fn source_server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.source_server_side_encryption = Some(encryption);
        self
    }

    /// Sets the encryption of the copy.
    #[must_use]
    pub fn destination_server_side_encryption(mut self, encryption: EncryptionSetting) -> Self {
        self.destination_server_side_encryption = Some(encryption);
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

impl CopyFile {
    /// How the response differs from the request, if it does.
    fn mismatch(&self, file: &FileVersion) -> Option<&'static str> {
        let bucket_id = self.destination_bucket_id.as_ref();
        if file.file_name != *self.file_name.as_str() {
            return Some("its name differs");
        }
        if bucket_id.is_some_and(|id| file.bucket_id != *id) {
            return Some("it is in a different bucket");
        }
        if file.file_id == self.source_file_id {
            return Some("it is the source itself");
        }
        // B2 truncates a range at the end of the source, so the copy may be shorter.
        if self
            .range
            .is_some_and(|range| range.most() < file.content_length)
        {
            return Some("it is longer than the range");
        }
        let wanted = Attributes {
            file_info: self.file_info.as_ref(),
            content_type: self.content_type.as_ref(),
            encryption: self.destination_server_side_encryption.as_ref(),
            retention: self.file_retention.clone(),
            legal_hold: self.legal_hold.as_ref(),
            upload_timestamp: None,
        };
        not_a_file(file).or_else(|| wanted.difference(file))
    }
}

impl Call for CopyFile {
    const METADATA: CallMetadata =
        CallMetadata::write("b2_copy_file", Capability::WriteFiles, BillingClass::C).long_running();
    type Output = FileVersion;

    fn subject(&self) -> Subject<'_> {
        let subject = Subject::of_file(self.file_name.as_str());
        match &self.destination_bucket_id {
            Some(bucket) => subject.in_bucket(bucket.as_str()),
            None => subject,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if let Some(info) = &self.file_info {
            let limit = self.file_info_limit.of_file(
                self.destination_server_side_encryption.as_ref(),
                self.file_retention.is_some() || self.legal_hold.is_some(),
            );
            info.check_size(self.file_name.as_str(), limit)?;
        }
        self.file_retention
            .as_ref()
            .map_or(Ok(()), FileRetention::check)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<FileVersion, Error> {
        reply.json_like(|file: &FileVersion| self.mismatch(file))
    }

    /// Checks whether the newest file of this name is the copy: it has the right content and is not
    /// older than the request.
    async fn reconcile(
        &self,
        executor: &impl CallExecutor,
        lost: &LostResponse,
    ) -> Reconciliation<FileVersion> {
        // The key may lack the capability to check. A duplicate version is the lesser harm.
        let Ok(source) = executor
            .execute(GetFileInfo::new(&self.source_file_id))
            .await
        else {
            return Reconciliation::Unclear;
        };
        // If the copy can't be distinguished from another with the same name, copy again: a
        // duplicate version is the lesser harm.
        let special = self.file_retention.is_some()
            || self.legal_hold.is_some()
            || self.destination_server_side_encryption.is_some();
        let Some(sha1) = source
            .content_sha1
            .sha1()
            .copied()
            .filter(|_| self.range.is_none() && !special)
        else {
            return Reconciliation::Unclear;
        };
        let info = self.file_info.as_ref().unwrap_or(&source.file_info);
        // The content type that B2 chooses for `b2/x-auto` is unknown.
        let content_type = self.content_type.as_ref().or(source.content_type.as_ref());
        let content_type = content_type.filter(|wanted| **wanted != ContentType::auto());
        let bucket_id = self
            .destination_bucket_id
            .as_ref()
            .unwrap_or(&source.bucket_id);
        let Some(newest) = Newest::of(executor, bucket_id, &self.file_name).await else {
            return Reconciliation::Unclear;
        };
        let wanted = Attributes {
            content_type,
            ..Attributes::default()
        };
        newest.made(lost, |version| {
            let is_same = version.file_id != self.source_file_id
                && version.content_length == source.content_length
                && version.content_sha1.sha1() == Some(&sha1)
                && version.file_info == *info
                && wanted.difference(version).is_none();
            match is_same {
                true => Likeness::Same,
                false => Likeness::Different,
            }
        })
    }

    fn mark_possible_duplicate(version: &mut FileVersion) {
        version.possible_duplicate = true;
    }

    fn secrets(&self) -> Vec<Secret> {
        EncryptionSetting::secrets([
            &self.source_server_side_encryption,
            &self.destination_server_side_encryption,
        ])
    }

    fn extra_capabilities(&self) -> Vec<Capability> {
        Capability::for_lock(self.file_retention.is_some(), self.legal_hold.is_some())
    }
}
