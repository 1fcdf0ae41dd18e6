//! [`Interaction`]: one request and its response, as they stand in a recording.

use std::fmt;

use b2kit_core::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use bytes::Bytes;

use crate::digest::sha1_of;

/// One request and its response.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// What was sent.
    pub request: RecordedRequest,
    /// What came back.
    pub response: RecordedResponse,
}

/// A request as it stands in a recording.
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

/// A response as it stands in a recording.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The status.
    pub status: StatusCode,
    /// The version of HTTP, where it was noted.
    pub version: Option<Version>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: all of it, or as much as was read if the response is [`cut`](Self::cut).
    pub body: RecordedBody,
    /// Whether the body ended early: the connection broke, or the reader stopped reading.
    pub cut: bool,
}

/// A body as it stands in a recording: the bytes, or only their number and SHA-1.
#[derive(Clone, PartialEq, Eq)]
pub enum RecordedBody {
    /// The bytes themselves.
    Bytes(Bytes),
    /// The bytes were too many to keep. A request with such a body still replays; a response doesn't.
    Omitted {
        /// How many bytes there were.
        length: u64,
        /// Their SHA-1, where it is known.
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

    /// With one header more.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// With this body.
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

    /// With one header more.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<RecordedBody>) -> Self {
        self.body = body.into();
        self
    }
}

impl RecordedBody {
    /// How many bytes there were.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Omitted { length, .. } => *length,
        }
    }

    /// Whether there were no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their SHA-1, where it is known.
    #[must_use]
    pub fn sha1(&self) -> Option<[u8; 20]> {
        match self {
            Self::Bytes(bytes) => Some(sha1_of(bytes)),
            Self::Omitted { sha1, .. } => *sha1,
        }
    }

    /// The bytes, where the recording holds them.
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

// What is being recorded holds secrets until it is redacted, so Debug shows the shape and never a value.
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
