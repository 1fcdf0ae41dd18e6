//! [`Target`]: the destination and credentials of a request.

use b2kit_core::{Body, Request};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde::Serialize;

use super::metadata::CallMetadata;
use super::session::{ApiVersion, Session};
use crate::error::Error;
use crate::types::{AccountId, Secret};

/// The number of headers that most requests have.
const TYPICAL_HEADERS: usize = 12;

/// The destination and credentials of a request, with which [`Call::request`](super::Call::request)
/// builds it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    realm: &'a str,
    version: ApiVersion,
    session: Option<&'a Session>,
    upload: Option<UploadTo<'a>>,
}

/// The destination of an upload.
#[derive(Clone, Copy)]
enum UploadTo<'a> {
    Url(&'a str, &'a Secret),
    Address(&'a UploadAddress),
}

/// An upload URL and its token, parsed once for all uploads that use it.
#[derive(Clone)]
pub(crate) struct UploadAddress {
    uri: Uri,
    authorization: HeaderValue,
}

impl UploadAddress {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if either can't be sent.
    pub(crate) fn new(url: &str, token: &Secret) -> Result<Self, Error> {
        Ok(Self {
            uri: parsed(url)?,
            authorization: authorization(token)?,
        })
    }

    /// The URL.
    #[cfg(test)]
    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl<'a> Target<'a> {
    /// The target of [`AuthorizeAccount`](super::AuthorizeAccount). `realm` is an origin, such as
    /// `https://api.backblazeb2.com`.
    #[must_use]
    pub const fn realm(realm: &'a str, version: ApiVersion) -> Self {
        Self {
            realm,
            version,
            session: None,
            upload: None,
        }
    }

    /// The target of all calls except authorization and uploads.
    #[must_use]
    pub fn session(session: &'a Session) -> Self {
        Self {
            realm: session.api_url(),
            version: session.version(),
            session: Some(session),
            upload: None,
        }
    }

    /// The target of an upload: this upload URL, with its token.
    #[must_use]
    pub fn upload(session: &'a Session, upload_url: &'a str, token: &'a Secret) -> Self {
        Self {
            upload: Some(UploadTo::Url(upload_url, token)),
            ..Self::session(session)
        }
    }

    /// The same for a parsed URL.
    pub(crate) fn upload_to(session: &'a Session, address: &'a UploadAddress) -> Self {
        Self {
            upload: Some(UploadTo::Address(address)),
            ..Self::session(session)
        }
    }

    /// The same target, with this API version.
    #[must_use]
    pub(crate) const fn in_version(mut self, version: ApiVersion) -> Self {
        self.version = version;
        self
    }

    /// The API version of the request.
    #[must_use]
    pub const fn version(&self) -> ApiVersion {
        self.version
    }

    /// The session.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the target has no session, as for an
    /// authorization.
    pub fn account(&self) -> Result<&'a Session, Error> {
        self.session
            .ok_or_else(|| Error::invalid("the call needs an authorized session"))
    }

    /// Builds the request of most calls: `POST /b2api/VERSION/NAME` with a JSON document and the
    /// account's token.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the target has no session, or the document can't
    /// be serialized as JSON.
    pub fn post(
        &self,
        metadata: &CallMetadata,
        document: &impl Serialize,
    ) -> Result<Request, Error> {
        self.post_call(metadata, serde_json::to_vec(document))
    }

    fn post_call(
        &self,
        metadata: &CallMetadata,
        document: serde_json::Result<Vec<u8>>,
    ) -> Result<Request, Error> {
        let origin = self.account()?.api_url();
        let url = format!("{origin}/b2api/{}/{}", self.version, metadata.name);
        self.post_document(&url, document)
    }

    /// Builds a `POST` request with a JSON document to a URL below one of the session's origins.
    #[cfg(feature = "partner")]
    pub(crate) fn post_to(&self, url: &str, document: &impl Serialize) -> Result<Request, Error> {
        self.post_document(url, serde_json::to_vec(document))
    }

    fn post_document(
        &self,
        url: &str,
        document: serde_json::Result<Vec<u8>>,
    ) -> Result<Request, Error> {
        let mut request = self.request(Method::POST, url)?;
        let document = document.map_err(|error| {
            Error::invalid("the arguments can't be serialized as JSON").with_source(error)
        })?;
        *request.body_mut() = Body::from(document);
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    /// Like [`post`](Self::post), with the account's id added to the document as `accountId`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the target has no session, or the document can't
    /// be serialized as a JSON object.
    pub fn post_for_account(
        &self,
        metadata: &CallMetadata,
        document: &impl Serialize,
    ) -> Result<Request, Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct WithAccountId<'a, T> {
            account_id: &'a AccountId,
            #[serde(flatten)]
            document: &'a T,
        }
        let account_id = self.account()?.account_id();
        self.post(
            metadata,
            &WithAccountId {
                account_id,
                document,
            },
        )
    }

    /// Builds a request without a body, with the session's token. `url` has to be below one of the
    /// session's origins, since the client sends the token nowhere else.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the target has no session, or `url` is not a URL.
    pub fn request(&self, method: Method, url: &str) -> Result<Request, Error> {
        request(
            method,
            url,
            &authorization(self.account()?.authorization_token())?,
        )
    }

    /// Builds an upload request to the target's upload URL.
    pub(crate) fn upload_request(&self) -> Result<Request, Error> {
        let address = match self.upload {
            Some(UploadTo::Address(address)) => address.clone(),
            Some(UploadTo::Url(url, token)) => UploadAddress::new(url, token)?,
            None => return Err(Error::invalid("the call needs an upload URL")),
        };
        Ok(empty_request(
            Method::POST,
            address.uri,
            address.authorization,
        ))
    }

    pub(crate) fn realm_url(&self, metadata: &CallMetadata) -> String {
        format!("{}/b2api/{}/{}", self.realm, self.version, metadata.name)
    }
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("realm", &self.realm)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Builds a request with this `Authorization` header and an empty body.
pub(crate) fn request(
    method: Method,
    url: &str,
    authorization: &HeaderValue,
) -> Result<Request, Error> {
    Ok(empty_request(method, parsed(url)?, authorization.clone()))
}

fn parsed(url: &str) -> Result<Uri, Error> {
    // The URL may contain a token, so the error doesn't show it.
    Uri::try_from(url).map_err(|error| Error::invalid("the URL is invalid").with_source(error))
}

fn empty_request(method: Method, uri: Uri, authorization: HeaderValue) -> Request {
    // Enough for an upload, including `Content-Length` and the like, so the map never grows.
    let mut headers = HeaderMap::with_capacity(TYPICAL_HEADERS);
    headers.insert(AUTHORIZATION, authorization);
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// The `Authorization` header value of a token, marked as sensitive.
pub(crate) fn authorization(token: &Secret) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(token.expose())
        .map_err(|_| Error::invalid("the token is not a valid header value"))?;
    value.set_sensitive(true);
    Ok(value)
}
