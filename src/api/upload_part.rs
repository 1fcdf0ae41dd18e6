//! [`UploadPart`].

use b2kit_core::{Body, Request};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::call::{Call, CallMetadata, Subject, UploadTarget};
use super::content::{Content, Digest};
use super::reply::Reply;
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::types::{CustomerKey, FileId, Part, PartNumber, Sha1};

/// Uploads one part of a large file: `b2_upload_part`. Replaces an earlier part with the same
/// number.
///
/// Parts may be uploaded in any order. Each has at most 5,000,000,000 bytes, and all but the last
/// at least [`absolute_minimum_part_size`](super::Session::absolute_minimum_part_size), which B2
/// only checks when the file is finished.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-upload-part)
///
/// The client obtains upload URLs automatically, reuses them, and replaces them after a failure.
///
/// # Cancellation
/// B2 does not store an incomplete part. If the future is dropped after the last byte was sent, B2
/// may still store the part; uploading it again replaces it.
///
/// # Errors
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is reached;
/// [`Rejected`](crate::ErrorKind::Rejected) with `bad_request` if the large file was finished or
/// cancelled.
#[derive(Debug, Clone)]
pub struct UploadPart {
    file_id: FileId,
    part_number: PartNumber,
    content: Content,
    customer_key: Option<CustomerKey>,
}

impl UploadPart {
    /// Uploads `body` as the part with this number of this unfinished large file.
    pub fn new(file_id: impl Into<FileId>, part_number: PartNumber, body: impl Into<Body>) -> Self {
        Self {
            file_id: file_id.into(),
            part_number,
            content: Content::new(body.into()),
            customer_key: None,
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

    /// Sends no SHA-1. Corruption in transit is not detected, and after a lost response the part is
    /// uploaded again.
    #[must_use]
    pub fn do_not_verify(mut self) -> Self {
        self.content.do_not_verify();
        self
    }

    /// Sets the customer-managed key (SSE-C) that the large file was started with.
    #[must_use]
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        self.customer_key = Some(key);
        self
    }
}

impl Call for UploadPart {
    const METADATA: CallMetadata = CallMetadata::upload("b2_upload_part");
    type Output = Part;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id).part(self.part_number)
    }

    fn check(&self) -> Result<(), Error> {
        self.content.check_len()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        let mut request = target.upload_request()?;
        let headers = request.headers_mut();
        // B2 ignores it, but some proxies mishandle a POST without a content type.
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        headers.insert(
            "x-bz-part-number",
            HeaderValue::from(self.part_number.as_u16()),
        );
        if let Some(key) = &self.customer_key {
            key.add_headers(headers);
        }
        self.content.apply_to(&mut request);
        Ok(request)
    }

    fn read(&self, reply: Reply) -> Result<Part, Error> {
        let part: Part = reply.json()?;
        if part.file_id != self.file_id || part.part_number != u32::from(self.part_number.as_u16())
        {
            return Err(Error::new(
                ErrorKind::Integrity,
                "the response is about a different part than the one sent",
            )
            .with_effect(true));
        }
        self.content
            .check(part.content_length, &part.content_sha1)?;
        Ok(part)
    }

    fn upload_target(&self) -> Option<UploadTarget> {
        Some(UploadTarget::LargeFile(self.file_id.clone()))
    }

    fn is_body_consumed(&self) -> bool {
        self.content.is_spent()
    }
}
