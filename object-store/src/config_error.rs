//! [`ConfigError`]: why a store could not be set up.

use std::error::Error as StdError;
use std::fmt;

/// The configuration of a store is invalid. Nothing was sent.
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

    pub(crate) fn with_source(what: impl Into<String>, source: b2kit::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(what)
        }
    }

    pub(crate) fn unknown_key(key: &str, known: &[&str]) -> Self {
        let what = format!(
            "unknown option {key:?}; the options are {}",
            known.join(", ")
        );
        Self {
            key: Some(key.to_owned()),
            ..Self::new(what)
        }
    }

    /// The unknown option, if that is the problem.
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
