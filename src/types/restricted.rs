//! [`Restricted`]: a setting that the key may or may not be allowed to read.

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::from_object::from_object;

/// A setting that B2 shows only to keys with a capability to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restricted<T> {
    /// The setting's value; the key may read it.
    Value(T),
    /// The key may not read the setting, whether it is set or not.
    Unauthorized,
}

impl<T> Restricted<T> {
    /// The value, if the key may read it.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unauthorized => None,
        }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Restricted<U> {
        match self {
            Self::Value(value) => Restricted::Value(change(value)),
            Self::Unauthorized => Restricted::Unauthorized,
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Restricted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<T> {
            is_client_authorized_to_read: Option<bool>,
            value: Option<T>,
        }
        let wire: Wire<T> = from_object(deserializer)?;
        // If B2 shows a value, the key may read it.
        let authorized = wire.is_client_authorized_to_read;
        Ok(if authorized.unwrap_or(wire.value.is_some()) {
            Self::Value(wire.value.unwrap_or_default())
        } else {
            Self::Unauthorized
        })
    }
}

impl<T: Serialize> Serialize for Restricted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Restricted", 2)?;
        json.serialize_field("isClientAuthorizedToRead", &self.value().is_some())?;
        json.serialize_field("value", &self.value())?;
        json.end()
    }
}
