//! [`CopyPart`].

use b2kit_core::Request;
use serde::Serialize;

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{
    ByteRange, Capability, CustomerKey, EncryptionSetting, FileId, Part, PartNumber, Secret,
};

/// Copies a file or a byte range of it as one part of a large file: `b2_copy_part`. At most
/// 5,000,000,000 bytes.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-copy-part)
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if the source does not exist;
/// [`Unauthorized`](crate::ErrorKind::Unauthorized) with `access_denied` if the customer-managed
/// key is wrong; [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is
/// reached; [`Rejected`](crate::ErrorKind::Rejected) with `range_not_satisfiable`, or with
/// `bad_request` if the large file was finished or cancelled.
///
/// # Cancellation
/// B2 may still copy the part after the future is dropped; copying it again replaces it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyPart {
    source_file_id: FileId,
    large_file_id: FileId,
    part_number: PartNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<ByteRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_server_side_encryption: Option<EncryptionSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_server_side_encryption: Option<EncryptionSetting>,
}

impl CopyPart {
    /// Copies the whole source as the part with this number.
    pub fn new(
        source_file_id: impl Into<FileId>,
        large_file_id: impl Into<FileId>,
        part_number: PartNumber,
    ) -> Self {
        Self {
            source_file_id: source_file_id.into(),
            large_file_id: large_file_id.into(),
            part_number,
            range: None,
            source_server_side_encryption: None,
            destination_server_side_encryption: None,
        }
    }

    /// Copies only this byte range of the source.
    #[must_use]
    pub fn range(mut self, range: impl Into<ByteRange>) -> Self {
        self.range = Some(range.into());
        self
    }

    /// Sets the customer-managed key (SSE-C) that decrypts the source.
    #[must_use]
    pub fn source_customer_key(mut self, key: CustomerKey) -> Self {
        self.source_server_side_encryption = Some(EncryptionSetting::SseC(key));
        self
    }

    /// Sets the customer-managed key (SSE-C) that the large file was started with.
    #[must_use]
    pub fn destination_customer_key(mut self, key: CustomerKey) -> Self {
        self.destination_server_side_encryption = Some(EncryptionSetting::SseC(key));
        self
    }
}

impl Call for CopyPart {
    const METADATA: CallMetadata =
        CallMetadata::write("b2_copy_part", Capability::WriteFiles, BillingClass::C).long_running();
    type Output = Part;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.large_file_id).part(self.part_number)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<Part, Error> {
        reply.json_about(|part: &Part| {
            part.file_id == self.large_file_id
                && part.part_number == u32::from(self.part_number.as_u16())
                // B2 truncates a range at the end of the source.
                && self.range.is_none_or(|range| part.content_length <= range.most())
        })
    }

    fn secrets(&self) -> Vec<Secret> {
        EncryptionSetting::secrets([
            &self.source_server_side_encryption,
            &self.destination_server_side_encryption,
        ])
    }
}
