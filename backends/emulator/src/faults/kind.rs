//! [`FaultKind`]: the kinds of faults.

use std::borrow::Cow;
use std::time::Duration;

use b2kit_core::Phase;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::latch::Latch;

/// A way in which a request fails; a [`Fault`](crate::Fault) decides which requests.
///
/// *Before the effect* means that the call does nothing: no file is stored, no key is created.
/// *After the effect* means that the call has taken effect, and only the response fails.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FaultKind {
    /// An error of B2. For an upload it also invalidates the upload URL, unless it is a 429.
    Error(ErrorResponse),
    /// A response that is not B2's: a load balancer's page, truncated JSON.
    Respond {
        /// The status.
        status: StatusCode,
        /// `Content-Type`.
        content_type: HeaderValue,
        /// The whole body.
        body: Bytes,
    },
    /// Waits this long, by the emulator's [`Clock`](crate::Clock), then continues.
    Delay(Duration),
    /// Waits until the latch is opened, then continues.
    Wait(Latch),
    /// Makes the request's token expire: this and all later requests with it get
    /// `expired_auth_token`.
    ExpireToken,
    /// Makes the request's token unknown: `bad_auth_token`.
    ForgetToken,
    /// Resets the connection before the effect. In-process, the error has this [`Phase`]; over a
    /// server, the phase is for the client to determine.
    LoseRequest(Phase),
    /// Closes the connection after the effect, before the first byte of the response.
    LoseResponse,
    /// Closes the connection within the response's body.
    CutResponse {
        /// Number of bytes sent. No effect if the body has no more.
        after: u64,
    },
    /// Resets the connection within the response's body. The client may see fewer bytes: a reset
    /// overtakes what is in transit.
    ResetResponse {
        /// Number of bytes sent. No effect if the body has no more.
        after: u64,
    },
    /// Stops sending within the response's body, for good.
    StallResponse {
        /// Number of bytes sent. No effect if the body has no more.
        after: u64,
    },
    /// Closes the connection within an upload's body.
    CutUpload {
        /// Minimum number of bytes received. No effect if the body has fewer.
        after: u64,
    },
    /// Resets the connection within an upload's body.
    ResetUpload {
        /// Minimum number of bytes received. No effect if the body has fewer.
        after: u64,
    },
    /// Stops reading within an upload's body. A server that does not read can't notice that the
    /// client is gone, so the connection closes after an hour of the emulator's clock.
    StallUpload {
        /// Minimum number of bytes received. No effect if the body has fewer.
        after: u64,
    },
    /// Flips one bit of an upload's body on arrival, so that its SHA-1 does not match.
    CorruptUpload {
        /// The offset of the byte, from 0. No effect beyond the body.
        at: u64,
    },
    /// Flips one bit of the response's body.
    CorruptResponse {
        /// The offset of the byte, from 0. No effect beyond the body.
        at: u64,
    },
    /// Replaces `contentSha1` in the response's JSON, or the header of a download.
    WrongSha1,
    /// Makes `contentLength` in the response's JSON one too large.
    WrongLength,
    /// Sets a header of the response.
    SetHeader(HeaderName, HeaderValue),
    /// Removes a header of the response.
    RemoveHeader(HeaderName),
}

/// An error response of B2.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorResponse {
    /// The HTTP status, repeated in the JSON.
    pub status: StatusCode,
    /// The code, for programs.
    pub code: String,
    /// The message, for people.
    pub message: String,
    /// The `Retry-After` header.
    pub retry_after: Option<HeaderValue>,
}

impl FaultKind {
    /// Its name in the control API; the code of an error.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        let name = match self {
            Self::Error(error) => return error.code.clone().into(),
            Self::Respond { .. } => "respond",
            Self::Delay(_) => "delay",
            Self::Wait(_) => "wait",
            Self::ExpireToken => "expire_token",
            Self::ForgetToken => "forget_token",
            Self::LoseRequest(_) => "lose_request",
            Self::LoseResponse => "lose_response",
            Self::CutResponse { .. } => "cut_response",
            Self::ResetResponse { .. } => "reset_response",
            Self::StallResponse { .. } => "stall_response",
            Self::CutUpload { .. } => "cut_upload",
            Self::ResetUpload { .. } => "reset_upload",
            Self::StallUpload { .. } => "stall_upload",
            Self::CorruptUpload { .. } => "corrupt_upload",
            Self::CorruptResponse { .. } => "corrupt_response",
            Self::WrongSha1 => "wrong_sha1",
            Self::WrongLength => "wrong_length",
            Self::SetHeader(..) => "set_header",
            Self::RemoveHeader(_) => "remove_header",
        };
        name.into()
    }

    /// An error response of B2.
    pub fn error(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Error(ErrorResponse {
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

    /// 503 `service_unavailable`, as from an upload URL whose pod is full.
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

    /// An HTML page, as load balancers send with 502 and 504.
    #[must_use]
    pub fn html(status: StatusCode) -> Self {
        Self::Respond {
            status,
            content_type: HeaderValue::from_static("text/html"),
            body: format!("<html><body><h1>{status}</h1></body></html>\n").into(),
        }
    }

    /// 200 with truncated JSON.
    #[must_use]
    pub fn truncated_json() -> Self {
        Self::Respond {
            status: StatusCode::OK,
            content_type: HeaderValue::from_static("application/json;charset=UTF-8"),
            body: Bytes::from_static(b"{\n  \"accountId\": \"e0b2"),
        }
    }

    /// Adds `Retry-After` to an error of B2. No effect on other kinds.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<HeaderValue>) -> Self {
        if let Self::Error(response) = &mut self {
            response.retry_after = Some(value.into());
        }
        self
    }
}
