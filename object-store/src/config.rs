//! Stores from URLs and options, as `object_store` makes its own.

use std::error::Error as StdError;
use std::fmt;

use b2kit::types::BucketName;
use b2kit::{Client, ClientBuilder, Credentials};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::bucket::LazyBucket;
use crate::store::{B2StoreBuilder, Deletion, InvalidNames};

/// A store can't be set up like this. Nothing was sent.
#[derive(Debug)]
pub struct ConfigError {
    what: String,
    key: Option<String>,
    source: Option<b2kit::Error>,
}

impl ConfigError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            key: None,
            source: None,
        }
    }

    fn of(what: impl Into<String>, source: b2kit::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(what)
        }
    }

    fn unknown_key(key: &str) -> Self {
        let what = format!(
            "there is no option {key:?}; there are {}",
            OPTIONS.join(", ")
        );
        Self {
            key: Some(key.to_owned()),
            ..Self::new(what)
        }
    }

    /// The option that is unknown, where that is the reason.
    #[must_use]
    pub fn unknown_option(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// The options that a URL can be accompanied by. Case doesn't matter, so the first two are also the environment
/// variables of B2's own tools.
///
/// | | |
/// |---|---|
/// | `b2_application_key_id`, `b2_application_key` | the application key |
/// | `b2_endpoint` | where to authorize, instead of B2 itself: an emulator |
/// | `b2_coordinate_creates` | the name of the bucket whose slot [coordinates creates](B2StoreBuilder::coordinate_creates) |
/// | `b2_deletion` | `hide` or `all_versions`: [`Deletion`] |
/// | `b2_invalid_names` | `skip` or `report`: [`InvalidNames`] |
/// | `b2_concurrency` | see [`B2StoreBuilder::concurrency`] |
pub const OPTIONS: [&str; 7] = [
    "b2_application_key_id",
    "b2_application_key",
    "b2_endpoint",
    "b2_coordinate_creates",
    "b2_deletion",
    "b2_invalid_names",
    "b2_concurrency",
];

/// What the options say.
#[derive(Default)]
struct Settings {
    key_id: Option<String>,
    key: Option<String>,
    endpoint: Option<String>,
    coordinate_creates: Option<String>,
    deletion: Deletion,
    invalid_names: InvalidNames,
    concurrency: Option<usize>,
}

impl Settings {
    /// A key in lower case is meant for us if it begins with `b2_`, and has to be known then. One in capitals may be
    /// any variable of the environment.
    fn read<K, V>(options: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut settings = Self::default();
        for (key, value) in options {
            let (key, value) = (key.as_ref(), value.into());
            match key.to_ascii_lowercase().as_str() {
                "b2_application_key_id" => settings.key_id = Some(value),
                "b2_application_key" => settings.key = Some(value),
                "b2_endpoint" => settings.endpoint = Some(value),
                "b2_coordinate_creates" => settings.coordinate_creates = Some(value),
                "b2_deletion" => settings.deletion = deletion(&value)?,
                "b2_invalid_names" => settings.invalid_names = invalid_names(&value)?,
                "b2_concurrency" => {
                    let number = value.parse();
                    settings.concurrency = Some(number.map_err(|_| {
                        ConfigError::new(format!("the b2_concurrency {value:?} is no number"))
                    })?);
                }
                _ if key.starts_with("b2_") => return Err(ConfigError::unknown_key(key)),
                _ => {}
            }
        }
        Ok(settings)
    }

    fn client(&self, defaults: ClientBuilder) -> Result<Client, ConfigError> {
        let missing = |key| ConfigError::new(format!("the option {key} is missing"));
        let key_id = self
            .key_id
            .clone()
            .ok_or_else(|| missing("b2_application_key_id"))?;
        let key = self
            .key
            .clone()
            .ok_or_else(|| missing("b2_application_key"))?;
        let refused = |error| ConfigError::of("the client can't be set up", error);
        let mut builder = defaults.credentials(Credentials::new(key_id, key).map_err(refused)?);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint(endpoint);
        }
        builder.build().map_err(refused)
    }
}

fn deletion(value: &str) -> Result<Deletion, ConfigError> {
    match value {
        "hide" => Ok(Deletion::Hide),
        "all_versions" => Ok(Deletion::AllVersions),
        _ => Err(ConfigError::new(format!(
            "b2_deletion is {value:?}; it can be hide or all_versions"
        ))),
    }
}

fn invalid_names(value: &str) -> Result<InvalidNames, ConfigError> {
    match value {
        "skip" => Ok(InvalidNames::Skip),
        "report" => Ok(InvalidNames::Report),
        _ => Err(ConfigError::new(format!(
            "b2_invalid_names is {value:?}; it can be skip or report"
        ))),
    }
}

fn bucket_name(name: &str) -> Result<BucketName, ConfigError> {
    BucketName::new(name)
        .map_err(|error| ConfigError::of(format!("{name:?} is no name of a bucket"), error))
}

impl B2StoreBuilder {
    /// A store for `b2://bucket/prefix`, with these [options](OPTIONS). Nothing is sent: the bucket is looked up when
    /// the store is first used.
    ///
    /// An option that begins with `b2_`, in lower case, has to be one that there is; all others are ignored, so that
    /// `std::env::vars()` can be given.
    ///
    /// # Errors
    /// The URL is not one of a B2 bucket, or an option is missing, unknown or has an invalid value.
    pub fn from_url<K, V>(
        url: &Url,
        options: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        Self::from_url_with(url, options, Client::builder())
    }

    /// The same, with a client that is set up otherwise as well: another backend, another retry policy.
    ///
    /// # Errors
    /// The URL is not one of a B2 bucket; an option is missing, unknown or has an invalid value; or the client can't be
    /// built. [`ConfigError`] names the option.
    pub fn from_url_with<K, V>(
        url: &Url,
        options: impl IntoIterator<Item = (K, V)>,
        client: ClientBuilder,
    ) -> Result<Self, ConfigError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let (bucket, prefix) = parts(url)?;
        let settings = Settings::read(options)?;
        let client = settings.client(client)?;
        let mut builder = Self::of(LazyBucket::named(client.clone(), bucket)).prefix(prefix);
        if let Some(slot) = &settings.coordinate_creates {
            builder.slot = Some(LazyBucket::named(client, bucket_name(slot)?));
        }
        if let Some(requests) = settings.concurrency {
            builder = builder.concurrency(requests);
        }
        Ok(builder
            .deletion(settings.deletion)
            .invalid_names(settings.invalid_names))
    }
}

/// The bucket and the path that a URL names.
fn parts(url: &Url) -> Result<(BucketName, String), ConfigError> {
    let bucket = match (url.scheme(), url.host_str()) {
        ("b2", Some(bucket)) => bucket_name(bucket)?,
        _ => {
            return Err(ConfigError::new(format!(
                "{} is no URL of B2's, such as b2://bucket/prefix",
                url.scheme()
            )));
        }
    };
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return Err(ConfigError::new(
            "a URL of B2's has a bucket and a path only: keys are options",
        ));
    }
    let path = percent_decode_str(url.path()).decode_utf8();
    let path = path.map_err(|_| ConfigError::new("the URL's path is not UTF-8"))?;
    Ok((bucket, path.trim_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String), String> {
        let parts = parts(&Url::parse(text).unwrap());
        parts
            .map(|(bucket, path)| (bucket.as_str().to_owned(), path))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_names_a_bucket_and_a_path() {
        let is = |bucket: &str, path: &str| Ok((bucket.to_owned(), path.to_owned()));
        assert_eq!(read("b2://holiday-photos"), is("holiday-photos", ""));
        assert_eq!(read("b2://holiday-photos/"), is("holiday-photos", ""));
        assert_eq!(read("b2://Holiday-1/a/b%20c/"), is("Holiday-1", "a/b c"));
        for bad in [
            "s3://bucket",
            "b2:bucket",
            "b2://a/b",
            "b2://key@bucket-1/",
            "b2://bucket-1:80/a",
            "b2://bucket-1/%ff",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_are_read_whatever_their_case_and_unknown_ones_of_ours_are_errors() {
        let settings = Settings::read([
            ("B2_APPLICATION_KEY_ID", "id"),
            ("b2_application_key", "key"),
            ("B2_Deletion", "all_versions"),
            ("b2_invalid_names", "report"),
            ("b2_concurrency", "3"),
            ("B2_ACCOUNT_INFO", "of the b2 program"),
            ("aws_region", "elsewhere"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.key_id.as_deref(), Some("id"));
        assert_eq!(settings.deletion, Deletion::AllVersions);
        assert_eq!(settings.invalid_names, InvalidNames::Report);
        assert_eq!(settings.concurrency, Some(3));
        let unknown = Settings::read([("b2_delete", "hide")]).err().unwrap();
        assert_eq!(unknown.unknown_option(), Some("b2_delete"));
        for (key, value) in [
            ("b2_deletion", "no"),
            ("b2_invalid_names", ""),
            ("b2_concurrency", "-1"),
        ] {
            let error = Settings::read([(key, value)]).err().unwrap();
            assert_eq!(error.unknown_option(), None, "{key}");
        }
    }

    #[test]
    fn no_error_shows_the_key() {
        let settings = Settings::read([
            ("b2_application_key", "K005secret"),
            ("b2_application_key_id", "a:b"),
        ]);
        let error = settings.unwrap().client(Client::builder()).unwrap_err();
        assert!(
            !format!("{error:?} {error}").contains("K005secret"),
            "{error:?}"
        );
    }
}
