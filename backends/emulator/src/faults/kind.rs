//! [`FaultKind`]: what can go wrong with a request.

use std::time::Duration;

use b2kit_core::Phase;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::latch::Latch;

/// What goes wrong with a request; a [`Fault`](super::Fault) says with which.
///
/// *Before the effect* means that nothing has happened yet, and nothing will: no file is stored, no key is made.
/// *After the effect* means that it has happened, and only the news of it goes wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FaultKind {
    /// An error of B2's. Of an upload it takes the upload URL along, as B2 does, unless it is a 429.
    Error(ErrorReply),
    /// An answer that isn't B2's: a page of a load balancer, half a JSON.
    Respond {
        /// The status.
        status: StatusCode,
        /// `Content-Type`.
        content_type: HeaderValue,
        /// All of it.
        body: Bytes,
    },
    /// Nothing for so long, by the emulator's [`Clock`](crate::Clock); then what would have been.
    Delay(Duration),
    /// Nothing until the latch opens; then what would have been.
    Wait(Latch),
    /// The token that the request brings expires now: this request and all others with it get `expired_auth_token`.
    ExpireToken,
    /// The token that the request brings is unknown from now on: `bad_auth_token`.
    ForgetToken,
    /// The connection is reset before the effect. In-process the error has this [`Phase`]; through a server, the client
    /// decides what it thinks of it.
    LoseRequest(Phase),
    /// The connection closes after the effect, and before the first byte of the answer.
    LoseReply,
    /// The connection closes after so many bytes of the answer's body.
    CutResponse {
        /// How many bytes arrive. If there aren't more, nothing happens.
        after: u64,
    },
    /// The connection is reset after so many bytes of the answer's body. Not all of them may be read: a reset overtakes
    /// what is on its way.
    ResetResponse {
        /// How many bytes are sent. If there aren't more, nothing happens.
        after: u64,
    },
    /// Nothing comes after so many bytes of the answer's body, and nothing ever will.
    StallResponse {
        /// How many bytes arrive. If there aren't more, nothing happens.
        after: u64,
    },
    /// The connection closes after so many bytes of an upload's body.
    CutUpload {
        /// How many bytes are taken at least. If there are fewer, nothing happens.
        after: u64,
    },
    /// The connection is reset after so many bytes of an upload's body.
    ResetUpload {
        /// How many bytes are taken at least. If there are fewer, nothing happens.
        after: u64,
    },
    /// Nothing is read after so many bytes of an upload's body. A server can't see that a client has gone whose bytes it
    /// doesn't read, so after an hour of the emulator's clock the connection closes.
    StallUpload {
        /// How many bytes are taken at least. If there are fewer, nothing happens.
        after: u64,
    },
    /// One bit of an upload's body is wrong when it arrives, so that its SHA-1 doesn't match.
    CorruptUpload {
        /// The place of its byte, from 0. If there are fewer bytes, nothing happens.
        at: u64,
    },
    /// One bit of the answer's body is wrong.
    CorruptByte {
        /// The place of its byte, from 0. If there are fewer bytes, nothing happens.
        at: u64,
    },
    /// `contentSha1` of the answer's JSON, or the header of a download, is that of other bytes.
    WrongSha1,
    /// `contentLength` of the answer's JSON is one too many.
    WrongLength,
    /// A header of the answer has this value.
    SetHeader(HeaderName, HeaderValue),
    /// A header of the answer is missing.
    RemoveHeader(HeaderName),
}

/// An error of B2's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorReply {
    /// The status, which the JSON repeats.
    pub status: StatusCode,
    /// What programs read.
    pub code: String,
    /// What people read.
    pub message: String,
    /// `Retry-After`, if any.
    pub retry_after: Option<HeaderValue>,
}

impl FaultKind {
    /// An error of B2's.
    pub fn error(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Error(ErrorReply {
            status,
            code: code.into(),
            message: message.into(),
            retry_after: None,
        })
    }

    /// 500 `internal_error`.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "An internal error occurred",
        )
    }

    /// 503 `service_unavailable`, as an upload URL says it whose pod is full.
    #[must_use]
    pub fn service_unavailable() -> Self {
        Self::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "service_unavailable",
            "No uploads available in vault",
        )
    }

    /// 408 `request_timeout`.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::error(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The service timed out reading the uploaded file",
        )
    }

    /// 429 `too_many_requests`.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self::error(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests",
        )
    }

    /// 403 `storage_cap_exceeded`.
    #[must_use]
    pub fn storage_cap_exceeded() -> Self {
        Self::error(
            StatusCode::FORBIDDEN,
            "storage_cap_exceeded",
            "Cannot upload files, storage cap exceeded",
        )
    }

    /// 403 `download_cap_exceeded`.
    #[must_use]
    pub fn download_cap_exceeded() -> Self {
        Self::error(
            StatusCode::FORBIDDEN,
            "download_cap_exceeded",
            "Cannot download file, download bandwidth or transaction (Class B) cap exceeded",
        )
    }

    /// 403 `transaction_cap_exceeded`.
    #[must_use]
    pub fn transaction_cap_exceeded() -> Self {
        Self::error(
            StatusCode::FORBIDDEN,
            "transaction_cap_exceeded",
            "Transaction cap exceeded",
        )
    }

    /// A page in HTML, as load balancers answer with 502 and 504.
    #[must_use]
    pub fn html(status: StatusCode) -> Self {
        Self::Respond {
            status,
            content_type: HeaderValue::from_static("text/html"),
            body: format!("<html><body><h1>{status}</h1></body></html>\n").into(),
        }
    }

    /// 200, and half a JSON object.
    #[must_use]
    pub fn garbage() -> Self {
        Self::Respond {
            status: StatusCode::OK,
            content_type: HeaderValue::from_static("application/json;charset=UTF-8"),
            body: Bytes::from_static(b"{\n  \"accountId\": \"e0b2"),
        }
    }

    /// The same error with `Retry-After`; other troubles stay as they are.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<HeaderValue>) -> Self {
        if let Self::Error(response) = &mut self {
            response.retry_after = Some(value.into());
        }
        self
    }
}
