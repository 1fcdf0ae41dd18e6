//! [`GetUploadPartUrl`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{Capability, FileId, Secret};

/// Gets a URL to upload parts of a large file to: `b2_get_upload_part_url`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-get-upload-part-url)
///
/// # Errors
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is reached;
/// [`Unavailable`](crate::ErrorKind::Unavailable) if B2 has no free upload server.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetUploadPartUrl {
    file_id: FileId,
}

/// A URL and token for uploading parts of one large file, one at a time. Valid for 24 hours, or
/// until an upload to it fails.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadPartUrl {
    pub(crate) file_id: FileId,
    pub(crate) upload_url: String,
    pub(crate) authorization_token: Secret,
}

impl UploadPartUrl {
    /// The large file that the parts belong to.
    #[must_use]
    pub const fn file_id(&self) -> &FileId {
        &self.file_id
    }

    /// The URL to `POST` the content to. A browser can upload with this URL and the token, if the
    /// bucket has [CORS rules](crate::types::CorsRule) that allow `b2_upload_part`.
    #[must_use]
    pub fn upload_url(&self) -> &str {
        &self.upload_url
    }

    /// The value of the `Authorization` header. It authorizes only uploads to this URL, for 24
    /// hours.
    #[must_use]
    pub const fn authorization_token(&self) -> &Secret {
        &self.authorization_token
    }
}

impl std::fmt::Debug for UploadPartUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadPartUrl")
            .field("file_id", &self.file_id)
            .finish_non_exhaustive()
    }
}

impl GetUploadPartUrl {
    /// Gets an upload URL for parts of this unfinished large file.
    pub fn new(file_id: impl Into<FileId>) -> Self {
        Self {
            file_id: file_id.into(),
        }
    }
}

impl Call for GetUploadPartUrl {
    const METADATA: CallMetadata = CallMetadata::read(
        "b2_get_upload_part_url",
        Capability::WriteFiles,
        BillingClass::A,
    );
    type Output = UploadPartUrl;

    fn subject(&self) -> Subject<'_> {
        Subject::of_id(&self.file_id)
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<UploadPartUrl, Error> {
        reply.json_about(|url: &UploadPartUrl| url.file_id == self.file_id)
    }

    fn secrets_in_output(url: &UploadPartUrl) -> Vec<Secret> {
        vec![url.authorization_token.clone()]
    }
}
