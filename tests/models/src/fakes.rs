//! The few types of other modules that the shared pieces name, as little as they need.

use std::time::{Duration, Instant};

pub type AccountId = String;
pub type BucketId = String;
pub type FileId = String;
pub type Secret = String;

/// A time: no model looks at it.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

#[must_use]
pub fn saturating_add(now: Instant, by: Duration) -> Instant {
    now + by
}

#[must_use]
pub fn fraction(of: Duration, _: f64) -> Duration {
    of
}

#[derive(Debug, Clone, Copy)]
pub enum CallKind {
    Authorize,
    Read,
    Write,
    Upload,
    Download,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UploadTarget {
    Bucket(BucketId),
}

/// The number of an upload URL.
pub type UploadAddress = usize;

#[derive(Debug, Clone, Copy)]
pub struct ApiVersion;

#[derive(Debug, Clone)]
pub struct Credentials;

#[derive(Debug, Clone)]
pub struct DownloadOrigin;

pub struct AuthorizeAccount;

impl AuthorizeAccount {
    #[must_use]
    pub fn new(_: Credentials) -> Self {
        Self
    }
}

#[derive(Debug, Clone)]
pub struct Session {
    pub version: ApiVersion,
    pub download_origin: Option<DownloadOrigin>,
    account_id: AccountId,
}

impl Session {
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: ApiVersion,
            download_origin: None,
            account_id: "a".to_owned(),
        }
    }

    #[must_use]
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

pub struct Target<'a>(pub &'a str);

impl<'a> Target<'a> {
    #[must_use]
    pub fn realm(realm: &'a str, _: ApiVersion) -> Self {
        Self(realm)
    }
}

#[derive(Debug)]
pub struct RetryPolicy;

impl RetryPolicy {
    #[must_use]
    pub fn outlasts(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Credentials,
    Http,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryStopReason {
    Deadline,
    Attempts,
}

#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    reason: Option<RetryStopReason>,
}

impl Error {
    #[must_use]
    pub fn new(kind: ErrorKind, _: &str) -> Self {
        Self { kind, reason: None }
    }

    #[must_use]
    pub fn http(_: HttpError) -> Self {
        Self::new(ErrorKind::Http, "")
    }

    #[must_use]
    pub fn with_retry_stop_reason(self, reason: Option<RetryStopReason>) -> Self {
        Self { reason, ..self }
    }

    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    #[must_use]
    pub fn retry_stop_reason(&self) -> Option<RetryStopReason> {
        self.reason
    }
}

pub enum HttpErrorKind {
    Timeout,
}

pub enum Phase {
    NotSent,
}

pub struct HttpError;

impl HttpError {
    #[must_use]
    pub fn new(_: HttpErrorKind, _: Phase) -> Self {
        Self
    }

    #[must_use]
    pub fn with_source(self, _: &str) -> Self {
        self
    }
}
