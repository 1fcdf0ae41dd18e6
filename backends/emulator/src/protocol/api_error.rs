//! [`ApiError`]: an error response of B2.

use std::borrow::Cow;

use http::StatusCode;

/// An error of B2: a status, a code for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("written here as a literal"),
            code: code.into(),
            message: message.into(),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    pub(crate) fn no_such_bucket(id: &str) -> Self {
        Self::new(400, "bad_bucket_id", format!("Bucket {id} does not exist"))
    }

    /// Documented for listings only.
    pub(crate) fn out_of_range(name: &str, value: impl std::fmt::Display) -> Self {
        Self::new(400, "out_of_range", format!("{name} out of range: {value}"))
    }

    pub(crate) fn bad_auth_token() -> Self {
        Self::new(401, "bad_auth_token", "Invalid authorization token")
    }

    pub(crate) fn expired_auth_token() -> Self {
        Self::new(401, "expired_auth_token", "Authorization token has expired")
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "unauthorized", message)
    }

    pub(crate) fn storage_cap_exceeded() -> Self {
        let message = "Cannot upload files, storage cap exceeded";
        Self::new(403, "storage_cap_exceeded", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "not_found", message)
    }

    pub(crate) fn file_not_present(name: &str, id: &str) -> Self {
        let message = format!("File not present: {name} {id}");
        Self::new(400, "file_not_present", message)
    }

    pub(crate) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(405, "method_not_allowed", message)
    }

    /// B2's response if the body of an upload stalls.
    #[cfg(feature = "server")]
    pub(crate) fn request_timeout() -> Self {
        let message = "The service timed out reading the uploaded file";
        Self::new(408, "request_timeout", message)
    }

    pub(crate) fn range_not_satisfiable() -> Self {
        let message = "The Range in the request is outside the size of the file";
        Self::new(416, "range_not_satisfiable", message)
    }
}
