//! Converts errors to those of `object_store`, with b2kit's error as the source.

use b2kit::ErrorKind;

use super::Error;
use crate::store_error::StoreError;

const STORE: &str = "B2";

/// The error that engines expect. If B2 or the network caused it, its source is b2kit's error:
/// `downcast_ref::<b2kit::Error>()`.
pub(super) fn into_error(error: StoreError) -> Error {
    match error {
        StoreError::B2 { path, error } => match error.kind() {
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
        StoreError::NotFound { path, error } => Error::NotFound {
            path,
            source: error.map_or_else(|| "the file doesn't exist".into(), Into::into),
        },
        StoreError::AlreadyExists { path, error } => Error::AlreadyExists {
            path,
            source: error.into(),
        },
        StoreError::Reserved { path } => Error::NotSupported {
            source: format!(
                "{path}: names below .b2kit-create/ are reserved for unfinished creates"
            )
            .into(),
        },
        StoreError::NotImplemented { operation } => Error::NotImplemented {
            operation: operation.into(),
            implementer: "B2Store".into(),
        },
        StoreError::Unsupported(what) => Error::NotSupported {
            source: what.into(),
        },
        StoreError::Limit(error) => Error::NotSupported {
            source: error.into(),
        },
        StoreError::InvalidName(error) => Error::Generic {
            store: STORE,
            source: error.into(),
        },
        StoreError::Config(error) => Error::Generic {
            store: STORE,
            source: error.into(),
        },
        StoreError::Other { path, what } => Error::Generic {
            store: STORE,
            source: format!("{path}: {what}").into(),
        },
    }
}
