//! [`Failure`]: why an operation failed, before it becomes an error of either version of `object_store`.

use b2kit::ErrorKind;

use crate::config::ConfigError;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What b2kit reports, about this path.
    B2 { path: String, error: b2kit::Error },
    /// There is no such object.
    NotFound {
        path: String,
        error: Option<b2kit::Error>,
    },
    /// There is an object of this path already.
    AlreadyExists { path: String, error: b2kit::Error },
    /// The path is that of a stage: nothing to be read or written.
    Reserved { path: String },
    /// B2 can't do it, or this store was not set up for it. Nothing was sent.
    NotImplemented { operation: &'static str },
    /// B2 has no place for what was given. Nothing was sent.
    Unsupported(String),
    /// The store can't be set up.
    Config(ConfigError),
    /// What was asked for makes no sense, or what arrived doesn't.
    Other { path: String, what: String },
}

impl Failure {
    pub(crate) fn b2(path: &str, error: b2kit::Error) -> Self {
        Self::B2 {
            path: path.into(),
            error,
        }
    }

    /// Of a call about one object: that it is not found means that there is no such object.
    pub(crate) fn about_object(path: &str, error: b2kit::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound {
                path: path.into(),
                error: Some(error),
            },
            _ => Self::b2(path, error),
        }
    }

    /// Of a create: a conflict means that there is such an object, and nothing else does.
    pub(crate) fn of_create(path: &str, error: b2kit::Error) -> Self {
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

    pub(crate) fn other(path: &str, what: impl Into<String>) -> Self {
        Self::Other {
            path: path.into(),
            what: what.into(),
        }
    }
}
