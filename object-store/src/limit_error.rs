//! [`LimitError`]: an operation that a limit of the store rules out.

use std::error::Error as StdError;
use std::fmt;

use crate::limit::Limit;

/// An operation failed because of a [`Limit`] that is not known until then. Nothing was sent.
///
/// It is the source of an `object_store` error of the kind `NotSupported`.
#[derive(Debug)]
pub struct LimitError {
    path: String,
    limit: Limit,
    what: &'static str,
}

impl LimitError {
    pub(crate) const fn new(path: String, limit: Limit, what: &'static str) -> Self {
        Self { path, limit, what }
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> Limit {
        self.limit
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

impl StdError for LimitError {}
