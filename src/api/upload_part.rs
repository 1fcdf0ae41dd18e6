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

/// Uploads a part of a large file: `b2_upload_part`. A part with this number that was there before is replaced.
///
/// Parts may come in any order. All but the last have at least
/// [`absolute_minimum_part_size`](super::Session::absolute_minimum_part_size) bytes and all at most 5,000,000,000; B2
/// checks the least only when the file is finished.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-upload-part)
///
/// The client gets the upload URL by itself, keeps it for the next part, and gets another when one fails.
///
/// # Cancellation
/// A part that did not arrive whole is not stored. If the future is dropped when the last byte has left, it may be
/// stored all the same; sending it again replaces it.
///
/// # Errors
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage is full, `bad_request` if the large file was
/// finished or cancelled.
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

    /// The SHA-1 of the body, where it is known before; otherwise it is computed while the body is sent.
    #[must_use]
    pub fn content_sha1(mut self, sha1: Sha1) -> Self {
        self.content.known(sha1);
        self
    }

    /// The source computes the SHA-1 while it is read.
    pub(crate) fn hashed_by_source(mut self, digest: Option<Digest>) -> Self {
        if let Some(digest) = digest {
            self.content.hashed_by_source(digest);
        }
        self
    }

    /// Sends no SHA-1: nobody will notice when bytes change on the way, and what was sent can't be told from other bytes
    /// when the answer is lost, so that it is sent again.
    #[must_use]
    pub fn do_not_verify(mut self) -> Self {
        self.content.do_not_verify();
        self
    }

    /// The key that the large file was started with.
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
        // B2 passes it over; a POST without one looks unfinished to some proxies.
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
        self.content.put_into(&mut request);
        Ok(request)
    }

    fn read(&self, reply: Reply) -> Result<Part, Error> {
        let part: Part = reply.json()?;
        if part.file_id != self.file_id || part.part_number != u32::from(self.part_number.as_u16())
        {
            return Err(Error::new(
                ErrorKind::Integrity,
                "B2 answers about another part than the one sent",
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
