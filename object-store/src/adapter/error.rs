//! Failures as errors of `object_store`, with b2kit's own error as the source.

use b2kit::ErrorKind;

use super::Error;
use crate::failure::Failure;

const STORE: &str = "B2";

/// The error that an engine expects for this. What b2kit reports is the source: `downcast_ref::<b2kit::Error>()`.
pub(super) fn failed(failure: Failure) -> Error {
    match failure {
        Failure::B2 { path, error } => match error.kind() {
            ErrorKind::Unauthorized => Error::PermissionDenied {
                path,
                source: error.into(),
            },
            ErrorKind::Credentials => Error::Unauthenticated {
                path,
                source: error.into(),
            },
            _ => Error::Generic {
                store: STORE,
                source: error.into(),
            },
        },
        Failure::NotFound { path, error } => Error::NotFound {
            path,
            source: error.map_or_else(|| "there is no such file".into(), Into::into),
        },
        Failure::AlreadyExists { path, error } => Error::AlreadyExists {
            path,
            source: error.into(),
        },
        Failure::Reserved { path } => Error::NotSupported {
            source: format!("{path}: such names are kept for files that are being created").into(),
        },
        Failure::NotImplemented { operation } => Error::NotImplemented {
            operation: operation.into(),
            implementer: "B2Store".into(),
        },
        Failure::Unsupported(what) => Error::NotSupported {
            source: what.into(),
        },
        Failure::Config(error) => Error::Generic {
            store: STORE,
            source: error.into(),
        },
        Failure::Other { path, what } => Error::Generic {
            store: STORE,
            source: format!("{path}: {what}").into(),
        },
    }
}
