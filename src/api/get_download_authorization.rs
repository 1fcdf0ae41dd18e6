//! [`GetDownloadAuthorization`], and download links.

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, Call, CallMetadata, Subject};
use super::file_url::browser_url;
use super::overrides::{Overrides, overrides};
use super::reply::Reply;
use super::session::Session;
use super::target::Target;
use crate::error::Error;
use crate::types::{
    BucketId, BucketName, Capability, DownloadDuration, FileName, Secret, percent_encode,
};

/// Creates a token that authorizes downloads from a private bucket for a limited time:
/// `b2_get_download_authorization`.
///
/// It is valid for all files whose names start with a prefix, including files uploaded later: a
/// token for `a` also authorizes `a.bak`. It can't be revoked before it expires, except by deleting
/// the key that created it. Response header overrides set here are part of the authorization: each
/// download has to request exactly the same ones, as the links from [`DownloadAuthorization::link`]
/// do.
///
/// ```
/// # use b2kit::api::{DownloadAuthorization, GetDownloadAuthorization, Session};
/// # use b2kit::types::{BucketId, BucketName, DownloadDuration, FileName};
/// # fn ask(bucket_id: BucketId) -> Result<GetDownloadAuthorization, b2kit::Error> {
/// let ask = GetDownloadAuthorization::new(bucket_id, "albums/", DownloadDuration::from_secs(3_600)?)
///     .b2_content_disposition("attachment");
/// # Ok(ask)
/// # }
/// # fn link(authorization: DownloadAuthorization, session: &Session) -> Result<String, b2kit::Error> {
/// // … and with what `client.call(ask)` gives:
/// let (bucket, file) = (BucketName::new("holiday-photos")?, FileName::new("albums/1.jpg")?);
/// let link = authorization.link(session, &bucket, &file)?;
/// let to_be_sent_to_a_friend = link.url_with_token().expose().to_owned();
/// # Ok(to_be_sent_to_a_friend)
/// # }
/// ```
///
/// [B2's page](https://www.backblaze.com/apidocs/b2-get-download-authorization)
#[doc(alias = "presigned_url")]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GetDownloadAuthorization {
    bucket_id: BucketId,
    file_name_prefix: String,
    valid_duration_in_seconds: DownloadDuration,
    #[serde(flatten)]
    overrides: Overrides,
}

/// A token for downloads from a private bucket.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DownloadAuthorization {
    /// The value of the `Authorization` header.
    /// [`ClientBuilder::download_authorization`](crate::ClientBuilder::download_authorization)
    /// creates a client with it.
    pub authorization_token: Secret,
    /// The bucket that it is for.
    pub bucket_id: BucketId,
    /// The file name prefix; empty for all files.
    pub file_name_prefix: Box<str>,
    /// The response header overrides that each download has to request.
    #[serde(skip)]
    overrides: Overrides,
}

/// A link to a file in a private bucket. `Debug` doesn't show the token.
#[derive(Debug, Clone)]
pub struct DownloadLink {
    url: String,
    authorization_token: Secret,
}

impl GetDownloadAuthorization {
    /// Authorizes downloads of the files in this bucket whose names start with this prefix. An
    /// empty prefix means all files.
    pub fn new(
        bucket_id: impl Into<BucketId>,
        file_name_prefix: impl Into<String>,
        valid_duration: DownloadDuration,
    ) -> Self {
        Self {
            bucket_id: bucket_id.into(),
            file_name_prefix: file_name_prefix.into(),
            valid_duration_in_seconds: valid_duration,
            overrides: Overrides::default(),
        }
    }

    pub(crate) fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }
}

overrides!(GetDownloadAuthorization, overrides);

impl Call for GetDownloadAuthorization {
    const METADATA: CallMetadata = CallMetadata::read(
        "b2_get_download_authorization",
        Capability::ShareFiles,
        BillingClass::C,
    );
    type Output = DownloadAuthorization;

    fn subject(&self) -> Subject<'_> {
        Subject::of_bucket(self.bucket_id.as_str())
    }

    fn check(&self) -> Result<(), Error> {
        self.overrides.check()
    }

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post(&Self::METADATA, self)
    }

    fn read(&self, reply: Reply) -> Result<DownloadAuthorization, Error> {
        let mut authorization = reply.json_about(|given: &DownloadAuthorization| {
            given.bucket_id == self.bucket_id && *given.file_name_prefix == *self.file_name_prefix
        })?;
        authorization.overrides = self.overrides.clone();
        Ok(authorization)
    }

    fn secrets_in_output(authorization: &DownloadAuthorization) -> Vec<Secret> {
        vec![authorization.authorization_token.clone()]
    }
}

impl DownloadAuthorization {
    /// Creates a link to a file. `bucket_name` has to be the name of the authorization's bucket.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the authorization does not cover this file name,
    /// or if the name has a `.` or `..` segment, which browsers would normalize to another file's
    /// URL.
    #[doc(alias = "presigned_url")]
    pub fn link(
        &self,
        session: &Session,
        bucket_name: &BucketName,
        file_name: &FileName,
    ) -> Result<DownloadLink, Error> {
        let name = file_name.as_str();
        if !name.starts_with(&*self.file_name_prefix) {
            return Err(Error::invalid(format!(
                "the download authorization is for names that begin with {:?}, but {name:?} \
                 doesn't",
                self.file_name_prefix
            )));
        }
        Ok(DownloadLink {
            url: browser_url(session.download_url(), bucket_name, file_name)?
                + &self.overrides.query('?'),
            authorization_token: self.authorization_token.clone(),
        })
    }
}

impl DownloadLink {
    /// The link without the token, which has to be sent in the `Authorization` header.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The value of the `Authorization` header.
    #[must_use]
    pub const fn authorization_token(&self) -> &Secret {
        &self.authorization_token
    }

    /// The link including the token. Anyone with it can download the file, and all others with the
    /// same prefix. Servers and proxies log URLs; if the recipient can send a header, use
    /// [`url`](Self::url) instead.
    #[must_use]
    pub fn url_with_token(&self) -> Secret {
        let lead = if self.url.contains('?') { '&' } else { '?' };
        let token = percent_encode(self.authorization_token.expose());
        Secret::new(format!("{}{lead}Authorization={token}", self.url))
    }
}
