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
/// [`CapExceeded`](crate::ErrorKind::CapExceeded) if the account may store no more;
/// [`Unavailable`](crate::ErrorKind::Unavailable) if B2 has no upload server free.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetUploadUrl {
    bucket_id: BucketId,
}

/// A URL for uploads of files, one at a time. It is valid for 24 hours, or until an upload to it
/// fails: then get another.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadUrl {
    pub(crate) bucket_id: BucketId,
    pub(crate) upload_url: String,
    pub(crate) authorization_token: Secret,
}

impl UploadUrl {
    /// The bucket that its files go to.
    #[must_use]
    pub const fn bucket_id(&self) -> &BucketId {
        &self.bucket_id
    }

    /// The URL to `POST` the bytes to. A browser that is given this and the token can upload, if
    /// the bucket has [CORS rules](crate::types::CorsRule) that allow `b2_upload_file`.
    #[must_use]
    pub fn upload_url(&self) -> &str {
        &self.upload_url
    }

    /// The value of the `Authorization` header. Whoever has it may upload there for 24 hours, and
    /// do nothing else.
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
    /// A URL for files of this bucket.
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
