//! [`GetUploadUrl`].

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::reply::Reply;
use super::target::Target;
use crate::error::Error;
use crate::types::{BucketId, Capability, Secret};

/// Gets a URL to upload files to: `b2_get_upload_url`.
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-get-upload-url)
///
/// # Errors
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account's storage cap is reached;
/// [`Unavailable`](crate::ErrorKind::Unavailable) if B2 has no free upload server.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetUploadUrl {
    bucket_id: BucketId,
}

/// A URL and token for uploading files to one bucket, one at a time. Valid for 24 hours, or until
/// an upload to it fails.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadUrl {
    pub(crate) bucket_id: BucketId,
    pub(crate) upload_url: String,
    pub(crate) authorization_token: Secret,
}

impl UploadUrl {
    /// The bucket that the files are stored in.
    #[must_use]
    pub const fn bucket_id(&self) -> &BucketId {
        &self.bucket_id
    }

    /// The URL to `POST` the content to. A browser can upload with this URL and the token, if the
    /// bucket has [CORS rules](crate::types::CorsRule) that allow `b2_upload_file`.
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

impl std::fmt::Debug for UploadUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadUrl")
            .field("bucket_id", &self.bucket_id)
            .finish_non_exhaustive()
    }
}

impl GetUploadUrl {
    /// Gets an upload URL for files of this bucket.
    pub fn new(bucket_id: impl Into<BucketId>) -> Self {
        Self {
            bucket_id: bucket_id.into(),
        }
    }
}

impl Call for GetUploadUrl {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_get_upload_url", Capability::WriteFiles, BillingClass::A);
    type Output = UploadUrl;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<UploadUrl, Error> {
        reply.json_about(|url: &UploadUrl| url.bucket_id == self.bucket_id)
    }

    fn secrets_in_output(url: &UploadUrl) -> Vec<Secret> {
        vec![url.authorization_token.clone()]
    }
}
