//! [`Secret`]: a string that is never printed.

use std::env;
use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::error::Error;

/// A secret string, such as a key or a token. `Debug` prints `[redacted]`, there is no `Display`,
/// it is not serialized, and its memory is zeroed when the last copy is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps this string.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The value of an environment variable. An error doesn't contain it.
    pub(crate) fn from_env(variable: &str) -> Result<Self, Error> {
        let why = match env::var(variable) {
            Ok(secret) => return Ok(Self::new(secret)),
            Err(env::VarError::NotPresent) => "not set",
            Err(env::VarError::NotUnicode(_)) => "not valid UTF-8",
        };
        Err(Error::invalid(format!(
            "the environment variable {variable} is {why}"
        )))
    }

    /// The string itself, unprotected from here on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
