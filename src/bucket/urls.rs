//! URLs for browsers and other programs: [`public_url`](BucketHandle::public_url) and
//! [`presigned_url`](BucketHandle::presigned_url).

use std::future::IntoFuture;
use std::time::Duration;

use futures_core::future::BoxFuture;

use crate::api::{DownloadLink, GetDownloadAuthorization, Overrides, overrides};
use crate::client::BucketHandle;
use crate::error::Error;
use crate::types::{DownloadDuration, FileName};

/// A URL for a private file, requested when it is awaited. Made by [`BucketHandle::presigned_url`].
///
/// Headers that are set here, such as `Content-Disposition`, are part of the URL: B2 sends them
/// with the file instead of the file's own, and refuses the URL if they are changed.
#[derive(Debug, Clone)]
#[must_use = "nothing is authorized until it is awaited"]
pub struct PresignedUrl {
    bucket: BucketHandle,
    name: Result<FileName, Error>,
    duration: Duration,
    overrides: Overrides,
}

impl BucketHandle {
    /// The URL of a file in a public bucket. Anyone can download from it as long as the bucket is
    /// [`AllPublic`](crate::types::BucketType::AllPublic) and the file exists; neither is checked.
    /// For a file in a private bucket B2 responds with 401: use
    /// [`presigned_url`](Self::presigned_url).
    ///
    /// Makes no request if the account is authorized already. The URL is at the [download
    /// origin](crate::ClientBuilder::download_origin), if the client has one.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// # async fn url(bucket: BucketHandle) -> Result<(), Error> {
    /// let url = bucket.public_url("2026/cat & dog.jpg").await?;
    /// assert!(url.ends_with("/file/holiday-photos/2026/cat%20%26%20dog.jpg"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if no file can have this name, or if it has `.` or
    /// `..` between its slashes, since browsers would request another file. If the account has to be
    /// authorized first: [`Credentials`](crate::ErrorKind::Credentials),
    /// [`Untrusted`](crate::ErrorKind::Untrusted), [`Http`](crate::ErrorKind::Http),
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or
    /// [`TooManyRequests`](crate::ErrorKind::TooManyRequests).
    pub async fn public_url<N>(&self, name: N) -> Result<String, Error>
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let session = self.client().session().await?;
        session.public_url(self.name(), &name)
    }

    /// A URL with which anyone can download a file from a private bucket for a limited time: 1
    /// second to a week.
    ///
    /// **It also opens every other file whose name begins with this one's**: a URL for `a` opens
    /// `a.bak` and `a/b`, since B2 authorizes a prefix, and anyone with the URL can change the rest
    /// of the name. For a secret file choose a name that is not a prefix of another. The file need
    /// not exist yet. The only way to revoke a URL before it expires is to delete the application
    /// key.
    ///
    /// Makes one `b2_get_download_authorization` (class C), which needs `shareFiles`. Each use of
    /// the URL is a download (class B) and download traffic at the bucket owner's expense.
    ///
    /// ```
    /// # use b2kit::{BucketHandle, Error};
    /// use std::time::Duration;
    /// # async fn url(bucket: BucketHandle) -> Result<(), Error> {
    /// let link = bucket
    ///     .presigned_url("2026/cat.jpg", Duration::from_secs(3_600))
    ///     .b2_content_disposition("attachment; filename=\"cat.jpg\"")
    ///     .await?;
    /// let url = link.url_with_token(); // prints as [redacted]
    /// let to_send = url.expose();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a duration that is too short or too long, an
    /// invalid header value, or a name that no file can have or that has `.` or `..` between its
    /// slashes; [`Unauthorized`](crate::ErrorKind::Unauthorized) without `shareFiles`, or if the
    /// key is restricted to other names.
    #[doc(alias = "presign")]
    #[doc(alias = "signed_url")]
    pub fn presigned_url<N>(&self, name: N, duration: Duration) -> PresignedUrl
    where
        N: TryInto<FileName>,
        N::Error: Into<Error>,
    {
        PresignedUrl {
            bucket: self.clone(),
            name: name.try_into().map_err(Into::into),
            duration,
            overrides: Overrides::default(),
        }
    }
}

overrides!(PresignedUrl, overrides);

impl PresignedUrl {
    async fn run(self) -> Result<DownloadLink, Error> {
        let (name, bucket) = (self.name?, self.bucket);
        let duration = DownloadDuration::new(self.duration)?;
        let client = bucket.client();
        let session = client.session().await?;
        // Refuses a name that has no URL before anything is authorized.
        session.public_url(bucket.name(), &name)?;
        let call = GetDownloadAuthorization::new(bucket.id(), name.as_str(), duration);
        let authorization = client.call(call.overrides(self.overrides)).await?;
        authorization.link(&session, bucket.name(), &name)
    }
}

impl IntoFuture for PresignedUrl {
    type Output = Result<DownloadLink, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
