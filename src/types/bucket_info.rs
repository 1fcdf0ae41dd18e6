//! [`BucketInfo`]: what a bucket's owner noted about it.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::rules::Shown;
use crate::error::Error;

/// The notes that go with a bucket: at most ten, with keys of 50 and values of 10,000 bytes.
///
/// `Cache-Control` is the one key that B2 understands: it holds for the bucket's downloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BucketInfo(BTreeMap<String, String>);

impl BucketInfo {
    /// No notes.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a note, or replaces the one with this key.
    ///
    /// # Errors
    /// If the key has no or more than 50 bytes, the value more than 10,000, or it would be the eleventh.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Result<Self, Error> {
        let (key, value) = (key.into(), value.into());
        let broken = if !(1..=50).contains(&key.len()) {
            format!("has {} bytes; a key has 1 to 50", key.len())
        } else if value.len() > 10_000 {
            let excess = value.len() - 10_000;
            format!(
                "has a value of {} bytes, {excess} more than the 10,000 that B2 takes",
                value.len()
            )
        } else if self.0.len() >= 10 && !self.0.contains_key(&key) {
            "would be one too many; a bucket has at most 10".to_owned()
        } else {
            self.0.insert(key, value);
            return Ok(self);
        };
        let key = Shown(&key);
        Err(Error::invalid(format!(
            "the bucket info key {key} {broken}"
        )))
    }

    /// Takes notes unchecked, for where B2 allows more than this version of the crate knows.
    #[must_use]
    pub const fn unchecked(notes: BTreeMap<String, String>) -> Self {
        Self(notes)
    }

    /// The notes without the one with this key.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.0.remove(key);
        self
    }
}

impl Deref for BucketInfo {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for BucketInfo {
    /// What B2 has is taken as it comes; `null` is no notes.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buckets_notes_keep_within_b2s_limits() {
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
