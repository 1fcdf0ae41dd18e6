//! [`parse_url_opts`].

use ::url::Url;
use b2kit::Client;

use super::error::failed;
use super::{Error, ObjectStore, Path, Result};
use crate::config_error::ConfigError;
use crate::failure::Failure;
use crate::store::B2StoreBuilder;

/// The store for the bucket of a `b2://bucket/path`, and the path in it: what `object_store::parse_url_opts` is to
/// other schemes, which knows a closed list of them.
///
/// The options are [`OPTIONS`](crate::OPTIONS). Nothing is sent. For a store that has only what is below the path
/// there is [`B2StoreBuilder::from_url`].
///
/// # Errors
/// If the URL is none of B2's; `UnknownConfigurationKey` for an option that begins with `b2_` and is none.
pub fn parse_url_opts<I, K, V>(url: &Url, options: I) -> Result<(Box<dyn ObjectStore>, Path)>
where
    I: IntoIterator<Item = (K, V)>,
    K: AsRef<str>,
    V: Into<String>,
{
    let builder = B2StoreBuilder::from_url_with(url, options, Client::builder());
    let builder = builder.map_err(of_config)?;
    let path = Path::parse(&builder.prefix)?;
    let store = builder.prefix("").build().map_err(of_config)?;
    Ok((Box::new(store), path))
}

fn of_config(error: ConfigError) -> Error {
    match error.unknown_option() {
        Some(key) => Error::UnknownConfigurationKey {
            store: "B2",
            key: key.to_owned(),
        },
        None => failed(Failure::Config(error)),
    }
}
