//! [`BucketInfo`]: custom metadata of a bucket.

use std::collections::BTreeMap;
use std::ops::Index;

use serde::{Deserialize, Serialize};

use super::rules::{Quoted, is_reserved};
use crate::error::Error;

/// Bucket info: custom metadata of a bucket. At most ten entries, with keys of up to 50 and values
/// of up to 10,000 bytes.
///
/// Keys are stored in lower case, as in B2, and looked up regardless of case. B2 interprets one
/// key: `cache-control` becomes a header of the bucket's downloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BucketInfo(BTreeMap<String, String>);

impl BucketInfo {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an entry, or replaces the one with this key.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the key is not 1 to 50 bytes long or begins with
    /// `b2-`, which B2 reserves, the value is longer than 10,000 bytes, or it would be the eleventh
    /// entry.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Result<Self, Error> {
        let (key, value) = (folded(key.into()), value.into());
        let broken = if is_reserved(&key) {
            "begins with \"b2-\", which is reserved by B2".to_owned()
        } else if !(1..=50).contains(&key.len()) {
            format!("has {} bytes; a key has 1 to 50", key.len())
        } else if value.len() > 10_000 {
            let excess = value.len() - 10_000;
            format!(
                "has a value of {} bytes, {excess} more than the 10,000 that B2 allows",
                value.len()
            )
        } else if self.0.len() >= 10 && !self.0.contains_key(&key) {
            "would be one too many; a bucket has at most 10".to_owned()
        } else {
            self.0.insert(key, value);
            return Ok(self);
        };
        let key = Quoted(&key);
        Err(Error::invalid(format!(
            "the bucket info key {key} {broken}"
        )))
    }

    /// Takes entries unchecked, in case B2 allows more than this version of the crate knows. Keys
    /// are changed to lower case; of two that differ only in case, the one in lower case wins, or
    /// the last.
    #[must_use]
    pub fn unchecked(entries: BTreeMap<String, String>) -> Self {
        // Upper case sorts before lower case, so the lower-case key comes last and wins.
        let folded = entries.into_iter().map(|(key, value)| (folded(key), value));
        Self(folded.collect())
    }

    /// The value of the key, regardless of case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.find(key).map(String::as_str)
    }

    /// All keys with their values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, key: &str) -> Option<&String> {
        match self.0.get(key) {
            None if key.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.0.get(&key.to_ascii_lowercase())
            }
            found => found,
        }
    }

    /// Removes the entry with this key, regardless of case.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.0.remove(&key.to_ascii_lowercase());
        self
    }
}

/// The value of the key, regardless of case.
///
/// # Panics
/// If there is no such key.
impl Index<&str> for BucketInfo {
    type Output = String;

    fn index(&self, key: &str) -> &String {
        self.find(key).expect("the bucket info has this key")
    }
}

impl<'de> Deserialize<'de> for BucketInfo {
    /// Does not check B2's entries; `null` means none.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries: Option<BTreeMap<_, _>> = Option::deserialize(deserializer)?;
        Ok(Self::unchecked(entries.unwrap_or_default()))
    }
}

/// B2 keeps keys in lower case.
fn folded(mut key: String) -> String {
    key.make_ascii_lowercase();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_case_insensitive_and_reserved_ones_are_refused() {
        let info = BucketInfo::new().with("Cache-Control", "a").unwrap();
        let info = info.with("cache-CONTROL", "b").unwrap();
        assert_eq!(
            serde_json::to_string(&info).unwrap(),
            r#"{"cache-control":"b"}"#
        );
        for key in ["Cache-Control", "cache-control", "CACHE-CONTROL"] {
            assert_eq!(info.get(key), Some("b"));
            assert!(info.clone().without(key).is_empty());
        }
        assert_eq!(info.get("cache"), None);
        let read: BucketInfo = serde_json::from_str(r#"{"A":"1","a":"2","B":"3"}"#).unwrap();
        assert_eq!(
            (read.get("A"), read.get("b"), read.len()),
            (Some("2"), Some("3"), 2)
        );
        for key in ["b2-x", "B2-x"] {
            let error = BucketInfo::new().with(key, "v").unwrap_err().to_string();
            assert!(error.contains("begins with \"b2-\""), "{error}");
        }
    }

    #[test]
    fn bucket_info_beyond_b2s_limits_is_refused() {
        let info = BucketInfo::new()
            .with("k".repeat(50), "v".repeat(10_000))
            .unwrap();
        for (error, told) in [
            (info.clone().with("", "v"), "has 0 bytes"),
            (info.clone().with("k".repeat(51), "v"), "has 51 bytes"),
            (
                info.with("k", "v".repeat(10_002)),
                "a value of 10002 bytes, 2 more than the 10,000",
            ),
        ] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(told) && error.len() < 200, "{error}");
        }
        let ten = (0..10).try_fold(BucketInfo::new(), |info, key| {
            info.with(key.to_string(), "")
        });
        let ten = ten.unwrap();
        assert!(ten.clone().with("10", "").is_err());
        assert_eq!(ten.clone().with("9", "new").unwrap()["9"], "new");
        assert!(ten.without("3").with("10", "").is_ok());
    }
}
