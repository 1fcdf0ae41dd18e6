//! [`parse_url_opts`].

use ::url::Url;
use b2kit::Client;

use super::error::into_error;
use super::{Error, ObjectStore, Path, Result};
use crate::config::ConfigError;
use crate::store::B2StoreBuilder;
use crate::store_error::StoreError;

/// The bucket of a `b2://bucket/path` as a store, and the path: `object_store::parse_url_opts` for B2's scheme.
///
/// The options are [`OPTIONS`](crate::OPTIONS). Nothing is sent. [`B2StoreBuilder::from_url`] makes a store of only the
/// files below the path.
///
/// # Errors
/// If the URL is not a `b2://` URL with a bucket, or an option is missing or invalid; `UnknownConfigurationKey` for an
/// unknown option that begins with `b2_`.
pub fn parse_url_opts<I, K, V>(url: &Url, options: I) -> Result<(Box<dyn ObjectStore>, Path)>
where
    I: IntoIterator<Item = (K, V)>,
    K: AsRef<str>,
    V: Into<String>,
{
    let builder = B2StoreBuilder::from_url_with(url, options, Client::builder());
    let builder = builder.map_err(from_config)?;
    let path = Path::parse(&builder.prefix)?;
    let store = builder.prefix("").build().map_err(from_config)?;
    Ok((Box::new(store), path))
}

fn from_config(error: ConfigError) -> Error {
    match error.unknown_option() {
        Some(key) => Error::UnknownConfigurationKey {
            store: "B2",
            key: key.to_owned(),
        },
        None => into_error(StoreError::Config(error)),
    }
}
