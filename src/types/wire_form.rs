//! [`WireForm`]: how B2 wrote a value, for serializing it in the same way.

use serde::{Deserialize, Deserializer};

/// How B2 wrote a value, such as which fields it left out. It has no influence on the value's meaning, so any two are
/// equal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WireForm<T>(pub(crate) T);

impl<T> PartialEq for WireForm<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for WireForm<T> {}

/// Reads a field that may be null; with `#[serde(default)]`, `None` means that the field is absent.
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a field in which null stands for the default.
pub(crate) fn null_is_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
