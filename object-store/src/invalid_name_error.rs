//! [`InvalidNameError`]: a file name in a listing that is not a path.

use std::error::Error as StdError;
use std::fmt;

/// A listing of a store with [`InvalidNames::Report`](crate::InvalidNames::Report) found a file name that is not a
/// valid path.
///
/// It is the source of an `object_store` error of the kind `Generic`.
#[derive(Debug)]
pub struct InvalidNameError {
    file_name: String,
    page_token: Option<String>,
}

impl InvalidNameError {
    pub(crate) const fn new(file_name: String, page_token: Option<String>) -> Self {
        Self {
            file_name,
            page_token,
        }
    }

    /// The name of the file, or of a directory, with a slash at its end.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The token with which `list_paginated` continues after this name. `None` for other listings, which are streams
    /// that continue by themselves, or have no pages.
    #[must_use]
    pub fn page_token(&self) -> Option<&str> {
        self.page_token.as_deref()
    }
}

impl fmt::Display for InvalidNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file name {:?} is not a valid path", self.file_name)
    }
}

impl StdError for InvalidNameError {}
