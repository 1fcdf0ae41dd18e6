//! [`ConfigError`]: why a store could not be set up.

use std::error::Error as StdError;
use std::fmt;

/// Why a store could not be set up. Nothing was sent.
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

    pub(crate) fn of(what: impl Into<String>, source: b2kit::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(what)
        }
    }

    pub(crate) fn unknown_key(key: &str, known: &[&str]) -> Self {
        let what = format!("there is no option {key:?}; there are {}", known.join(", "));
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
