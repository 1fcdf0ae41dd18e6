//! Stores from URLs and options.

use b2kit::types::BucketName;
use b2kit::{Client, ClientBuilder, Credentials};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::bucket::LazyBucket;
use crate::config_error::ConfigError;
use crate::store::{B2StoreBuilder, Deletion, InvalidNames};

/// The options of [`from_url`](B2StoreBuilder::from_url). Case is ignored, so the first two can also be the environment
/// variables of B2's own tools.
///
/// | | |
/// |---|---|
/// | `b2_application_key_id`, `b2_application_key` | the application key |
/// | `b2_endpoint` | the URL to authorize at, for an emulator |
/// | `b2_coordinate_creates` | name of the bucket to [coordinate creates](B2StoreBuilder::coordinate_creates) with |
/// | `b2_deletion` | `hide` or `all_versions`: [`Deletion`] |
/// | `b2_invalid_names` | `skip` or `report`: [`InvalidNames`] |
/// | `b2_concurrency` | see [`B2StoreBuilder::concurrency`] |
///
/// Creates are coordinated with the same application key, which then needs `writeBuckets` and can't be restricted to a
/// bucket. For another key, call [`coordinate_creates`](B2StoreBuilder::coordinate_creates).
pub const OPTIONS: [&str; 7] = [
    "b2_application_key_id",
    "b2_application_key",
    "b2_endpoint",
    "b2_coordinate_creates",
    "b2_deletion",
    "b2_invalid_names",
    "b2_concurrency",
];

/// The parsed options.
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
    /// Parses the options. An unknown `b2_…` in lower case is an error; in upper case it may be any environment
    /// variable, and is ignored.
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
                        ConfigError::new(format!("b2_concurrency must be a number, not {value:?}"))
                    })?);
                }
                _ if key.starts_with("b2_") => return Err(ConfigError::unknown_key(key, &OPTIONS)),
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
        let invalid = |error| ConfigError::with_source("the client can't be built", error);
        let mut builder = defaults.credentials(Credentials::new(key_id, key).map_err(invalid)?);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint(endpoint);
        }
        builder.build().map_err(invalid)
    }
}

fn deletion(value: &str) -> Result<Deletion, ConfigError> {
    match value {
        "hide" => Ok(Deletion::Hide),
        "all_versions" => Ok(Deletion::AllVersions),
        _ => Err(ConfigError::new(format!(
            "b2_deletion must be hide or all_versions, not {value:?}"
        ))),
    }
}

fn invalid_names(value: &str) -> Result<InvalidNames, ConfigError> {
    match value {
        "skip" => Ok(InvalidNames::Skip),
        "report" => Ok(InvalidNames::Report),
        _ => Err(ConfigError::new(format!(
            "b2_invalid_names must be skip or report, not {value:?}"
        ))),
    }
}

fn bucket_name(name: &str) -> Result<BucketName, ConfigError> {
    BucketName::new(name).map_err(|error| {
        ConfigError::with_source(format!("{name:?} is not a valid bucket name"), error)
    })
}

impl B2StoreBuilder {
    /// Configures a store for `b2://bucket/prefix`, with these [options](OPTIONS). Nothing is sent: the first operation
    /// looks up the bucket.
    ///
    /// An unknown option that begins with `b2_` (in lower case) is an error; all other options are ignored, so
    /// `std::env::vars()` can be passed.
    ///
    /// # Errors
    /// If the URL is not a `b2://` URL with a bucket, or an option is missing, unknown or invalid.
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

    /// Like [`from_url`](Self::from_url), with further settings of the client, such as its backend or retry policy.
    ///
    /// # Errors
    /// If the URL is not a `b2://` URL with a bucket, an option is missing, unknown or invalid, or the client can't be
    /// built. [`ConfigError::unknown_option`] names an unknown option.
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
        let mut builder =
            Self::from_bucket(LazyBucket::from_name(client.clone(), bucket)).prefix(prefix);
        if let Some(slot) = &settings.coordinate_creates {
            builder.slot = Some(LazyBucket::from_name(client, bucket_name(slot)?));
        }
        if let Some(requests) = settings.concurrency {
            builder = builder.concurrency(requests);
        }
        Ok(builder
            .deletion(settings.deletion)
            .invalid_names(settings.invalid_names))
    }
}

/// The bucket and the path in a URL.
fn parts(url: &Url) -> Result<(BucketName, String), ConfigError> {
    let bucket = match (url.scheme(), url.host_str()) {
        ("b2", Some(bucket)) => bucket_name(bucket)?,
        _ => {
            return Err(ConfigError::new(format!(
                "the URL must be like b2://bucket/prefix, not {}:",
                url.scheme()
            )));
        }
    };
    let has_login = !url.username().is_empty() || url.password().is_some();
    if has_login || url.port().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigError::new(
            "a b2:// URL has only a bucket and a path; keys are options, and ? and # in a path are \
             written %3F and %23",
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
    fn a_url_has_a_bucket_and_a_path_and_nothing_else() {
        let is = |bucket: &str, path: &str| Ok((bucket.to_owned(), path.to_owned()));
        assert_eq!(read("b2://holiday-photos"), is("holiday-photos", ""));
        assert_eq!(read("b2://holiday-photos/"), is("holiday-photos", ""));
        assert_eq!(read("b2://Holiday-1/a/b%20c/"), is("Holiday-1", "a/b c"));
        assert_eq!(read("b2://holiday-1/a%3Fb%23"), is("holiday-1", "a?b#"));
        for bad in [
            "s3://bucket",
            "b2:bucket",
            "b2://a/b",
            "b2://key@bucket-1/",
            "b2://bucket-1:80/a",
            "b2://bucket-1/%ff",
            "b2://bucket-1/a?b",
            "b2://bucket-1/a#b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_ignore_case_and_unknown_b2_options_are_errors() {
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
    fn errors_do_not_contain_the_key() {
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
