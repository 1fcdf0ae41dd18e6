//! [`Interaction`]: a recorded request and its response.

use std::fmt;

use b2kit_core::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use bytes::Bytes;

use crate::digest::sha1_of;

/// One request and its response.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The request.
    pub request: RecordedRequest,
    /// The response.
    pub response: RecordedResponse,
}

/// A recorded request.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: RecordedBody,
}

/// A recorded response.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The status.
    pub status: StatusCode,
    /// The version of HTTP, if it was recorded.
    pub version: Option<Version>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. If the response is [`cut`](Self::cut), only the bytes that were read.
    pub body: RecordedBody,
    /// Whether the body is incomplete: the connection failed, or the caller stopped reading.
    pub cut: bool,
}

/// A recorded body: its bytes, or only their number and SHA-1.
#[derive(Clone, PartialEq, Eq)]
pub enum RecordedBody {
    /// The bytes themselves.
    Bytes(Bytes),
    /// A body over the size limit, or one that could not be redacted. A request with such a body can be replayed; a
    /// response can't.
    Omitted {
        /// The number of bytes.
        length: u64,
        /// Their SHA-1, if it is known.
        sha1: Option<[u8; 20]>,
    },
}

impl RecordedRequest {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Uri) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new().into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<RecordedBody>) -> Self {
        self.body = body.into();
        self
    }
}

impl RecordedResponse {
    /// A response without headers and body.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            version: None,
            headers: HeaderMap::new(),
            body: Bytes::new().into(),
            cut: false,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<RecordedBody>) -> Self {
        self.body = body.into();
        self
    }
}

impl RecordedBody {
    /// The body without its bytes.
    pub(crate) fn omitted(bytes: &[u8]) -> Self {
        Self::Omitted {
            length: bytes.len() as u64,
            sha1: Some(sha1_of(bytes)),
        }
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Omitted { length, .. } => *length,
        }
    }

    /// Whether the body is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their SHA-1, if it is known.
    #[must_use]
    pub fn sha1(&self) -> Option<[u8; 20]> {
        match self {
            Self::Bytes(bytes) => Some(sha1_of(bytes)),
            Self::Omitted { sha1, .. } => *sha1,
        }
    }

    /// The bytes, unless they were omitted.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Omitted { .. } => None,
        }
    }
}

impl<T: Into<Bytes>> From<T> for RecordedBody {
    fn from(bytes: T) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// Whether the response has no body, although its headers may have the length of one.
pub(crate) fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || status == StatusCode::NOT_MODIFIED
}

// An interaction holds secrets until it is redacted, so Debug prints no values.
impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("host", &self.url.host())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RecordedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedResponse")
            .field("status", &self.status)
            .field("version", &self.version)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &self.body)
            .field("cut", &self.cut)
            .finish()
    }
}

impl fmt::Debug for RecordedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Omitted { length, .. } => write!(f, "{length} bytes, omitted"),
        }
    }
}
