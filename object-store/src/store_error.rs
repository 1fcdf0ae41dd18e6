//! [`StoreError`]: an error before it is converted to that of a version of `object_store`.

use b2kit::ErrorKind;

use crate::config_error::ConfigError;
use crate::invalid_name_error::InvalidNameError;
use crate::limit::Limit;
use crate::limit_error::LimitError;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// An error of b2kit.
    B2 { path: String, error: b2kit::Error },
    /// There is no such object.
    NotFound {
        path: String,
        error: Option<b2kit::Error>,
    },
    /// There already is an object of this path.
    AlreadyExists { path: String, error: b2kit::Error },
    /// The path is reserved for unfinished creates.
    Reserved { path: String },
    /// B2 can't do this, or the store is not configured for it. Nothing was sent.
    NotImplemented { operation: &'static str },
    /// B2 can't store this. Nothing was sent.
    Unsupported(String),
    /// A limit that only this operation meets. Nothing was sent.
    Limit(LimitError),
    /// A listing found a name that is not a path.
    InvalidName(InvalidNameError),
    /// The configuration is invalid.
    Config(ConfigError),
    /// Any other invalid request, or invalid response.
    Other { path: String, what: String },
}

impl StoreError {
    pub(crate) fn b2(path: &str, error: b2kit::Error) -> Self {
        Self::B2 {
            path: path.into(),
            error,
        }
    }

    /// The error of a call about one object: not found means that there is no such object.
    pub(crate) fn from_object_call(path: &str, error: b2kit::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound {
                path: path.into(),
                error: Some(error),
            },
            _ => Self::b2(path, error),
        }
    }

    /// The error of a create: only a conflict means that there is such an object.
    pub(crate) fn from_create(path: &str, error: b2kit::Error) -> Self {
        match error.kind() {
            ErrorKind::Conflict => Self::AlreadyExists {
                path: path.into(),
                error,
            },
            _ => Self::b2(path, error),
        }
    }

    pub(crate) fn not_found(path: &str) -> Self {
        Self::NotFound {
            path: path.into(),
            error: None,
        }
    }

    pub(crate) const fn unsupported(what: String) -> Self {
        Self::Unsupported(what)
    }

    pub(crate) fn limit(path: &str, limit: Limit, what: &'static str) -> Self {
        Self::Limit(LimitError::new(path.into(), limit, what))
    }

    pub(crate) fn other(path: &str, what: impl Into<String>) -> Self {
        Self::Other {
            path: path.into(),
            what: what.into(),
        }
    }
}
