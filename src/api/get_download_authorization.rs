//! [`GetDownloadAuthorization`], and the links that are made of one.

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

/// Creates a token with which others can download files from a private bucket for a limited time:
/// `b2_get_download_authorization`.
///
/// It is valid for all files whose names begin with a prefix, later ones included: one for `a`
/// opens `a.bak` too. It can't be revoked before it expires, except by deleting the key that
/// created it. Response headers that are set here are part of it: each download has to ask for
/// exactly these, as the links of [`DownloadAuthorization::link`] do.
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
    /// makes a client with it.
    pub authorization_token: Secret,
    /// The bucket it is for.
    pub bucket_id: BucketId,
    /// The prefix of the files' names; empty is all files.
    pub file_name_prefix: Box<str>,
    /// The response headers that each download has to ask for.
    #[serde(skip)]
    overrides: Overrides,
}

/// A link to a file of a private bucket. It prints without the token.
#[derive(Debug, Clone)]
pub struct DownloadLink {
    url: String,
    authorization_token: Secret,
}

impl GetDownloadAuthorization {
    /// For files of this bucket whose names begin with this prefix, for so long. The empty prefix
    /// is all files.
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
    /// A link to this file of the bucket that the authorization is for, which has this name.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the authorization is not for a file of this name;
    /// or if the name has `.` or `..` between its slashes, since browsers would turn the link into
    /// one to another file.
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
                "the authorization is for names that begin with {:?}, and {name:?} does not",
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

    /// The link with the token in it: whoever has it can download the file, and others with the
    /// same prefix. Servers and proxies log URLs; if the receiver can send a header, use
    /// [`url`](Self::url) instead.
    #[must_use]
    pub fn url_with_token(&self) -> Secret {
        let lead = if self.url.contains('?') { '&' } else { '?' };
        let token = percent_encode(self.authorization_token.expose());
        Secret::new(format!("{}{lead}Authorization={token}", self.url))
    }
}
