//! Names of buckets, files and keys, checked by B2's documented rules and never more strictly.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::types::percent::percent_encode;
use crate::types::rules::{Quoted, is_reserved};

/// The name of a bucket: 6 to 63 letters, digits and `-`, not beginning with `b2-`.
///
/// Bucket names are unique in all of B2, regardless of case, so two that differ only in case
/// compare as equal. The case is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct BucketName(Box<str>);

impl BucketName {
    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for BucketName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for BucketName {}

/// Compares case-insensitively, as two bucket names do.
impl PartialEq<str> for BucketName {
    fn eq(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl Hash for BucketName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}

impl PartialOrd for BucketName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BucketName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl BucketName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let broken = if !(6..=63).contains(&name.len()) {
            format!("has {} characters; a bucket name has 6 to 63", name.len())
        } else if let Some(other) = name
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && *c != '-')
        {
            format!("has {other:?}; a bucket name has letters, digits and '-' only")
        } else if is_reserved(&name) {
            "begins with \"b2-\", which is reserved by B2".to_owned()
        } else {
            return Ok(Self(name.into()));
        };
        Err(Error::invalid(format!(
            "the bucket name {} {broken}",
            Quoted(&name)
        )))
    }

    /// Takes a name unchecked: for buckets that are older than today's rules.
    pub fn new_unchecked(name: impl Into<String>) -> Self {
        Self(name.into().into())
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a file: 1 to 1,024 bytes of UTF-8 without control characters.
///
/// `/` is a character like any other, and so are `..` and `//`: B2 has no folders, only names that
/// look like paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct FileName(Box<str>);

impl FileName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let broken = if name.is_empty() {
            "is empty; a file name has at least one character".to_owned()
        } else if name.len() > 1024 {
            format!("has {} bytes; a file name has at most 1,024", name.len())
        } else if let Some(control) = name.chars().find(|c| (*c as u32) < 32 || *c as u32 == 127) {
            format!(
                "has the control character {control:?}; a file name has none below 32, and not 127"
            )
        } else {
            return Ok(Self(name.into()));
        };
        Err(Error::invalid(format!(
            "the file name {} {broken}",
            Quoted(&name)
        )))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a name unchecked: B2's own, or one that is older than today's rules. Characters that
    /// are not valid in a URL or a header are still encoded.
    pub fn new_unchecked(name: impl Into<String>) -> Self {
        Self(name.into().into())
    }

    /// The percent-encoded name, for URLs and headers.
    pub(crate) fn encoded(&self) -> std::borrow::Cow<'_, str> {
        percent_encode(&self.0)
    }
}

impl PartialEq<str> for FileName {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

/// The name of an application key: 1 to 100 letters, digits and `-`. Not unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyName(Box<str>);

impl KeyName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the rule that the name breaks.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let broken = if !(1..=100).contains(&name.len()) {
            format!("has {} characters; a key name has 1 to 100", name.len())
        } else if let Some(other) = name
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && *c != '-')
        {
            format!("has {other:?}; a key name has letters, digits and '-' only")
        } else {
            return Ok(Self(name.into()));
        };
        Err(Error::invalid(format!(
            "the key name {} {broken}",
            Quoted(&name)
        )))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for KeyName {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

/// Reads a name in one of B2's documents. It may be older than today's rules, so it is not checked.
pub(crate) fn unchecked<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: FromB2,
{
    Box::<str>::deserialize(deserializer).map(N::from_b2)
}

/// A name from B2, which is not checked again.
pub(crate) trait FromB2 {
    fn from_b2(name: Box<str>) -> Self;
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self == **other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                *self == **other
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl From<&$name> for String {
            fn from(name: &$name) -> Self {
                (*name.0).to_owned()
            }
        }

        impl FromB2 for $name {
            fn from_b2(name: Box<str>) -> Self {
                Self(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(name: &str) -> Result<Self, Error> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(name: String) -> Result<Self, Error> {
                Self::new(name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self, Error> {
                Self::new(name)
            }
        }
    };
}

text!(BucketName);
text!(FileName);
text!(KeyName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_follow_b2s_rule_and_nothing_stricter() {
        let longest = "x".repeat(1024);
        let good = [
            "a", "/", "//", "a//b", "a/../b", "..", ".", "a/", "/a", "a\\b", "%2F", "+", "#?",
            "🦀", "a b", &longest,
        ];
        for name in good {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
        }
        let bad = [
            ("", "is empty"),
            ("a\nb", "control character '\\n'"),
            ("a\0", "control character '\\0'"),
            ("\u{7f}", "control character '\\u{7f}'"),
            (&"x".repeat(1025), "has 1025 bytes"),
            (&"é".repeat(513), "has 1026 bytes"),
        ];
        for (name, rule) in bad {
            let error = FileName::new(name).unwrap_err().to_string();
            assert!(
                error.contains(rule) && error.len() < 200 && !error.contains(char::is_control),
                "{error:?}"
            );
        }
    }

    #[test]
    fn names_are_checked_where_they_are_read() {
        let name: FileName = serde_json::from_str("\"2026/cat.jpg\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"2026/cat.jpg\"");
        assert!(serde_json::from_str::<FileName>("\"a\\nb\"").is_err());
        assert!(serde_json::from_str::<BucketName>("\"holiday-photos\"").is_ok());
        let error = serde_json::from_str::<BucketName>("\"b2-photos\"").unwrap_err();
        assert!(error.to_string().contains("b2-"), "{error}");
        assert!(serde_json::from_str::<KeyName>("\"ü\"").is_err());
    }

    #[test]
    fn bucket_names_compare_case_insensitively() {
        let (a, b) = (
            BucketName::new("Photos-2026").unwrap(),
            BucketName::new("photos-2026").unwrap(),
        );
        let other = BucketName::new("photos-2027").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.as_str(), "Photos-2026");
        assert_eq!(a.cmp(&b), Ordering::Equal);
        assert!(a < other && other > b && a != other);
        let mut set = std::collections::HashSet::from([a]);
        assert!(!set.insert(b));
        assert!(set.insert(other));
    }

    #[test]
    fn bucket_names_follow_b2s_rule_and_nothing_stricter() {
        for name in ["abcdef", "ABC-123", "abcde-", "-abcde", &"x".repeat(63)] {
            assert_eq!(BucketName::new(name).unwrap().as_str(), name);
        }
        let bad = [
            ("abcde", "has 5 characters"),
            (&"x".repeat(64), "has 64 characters"),
            ("abc.def", "has '.'"),
            ("b2-abcdef", "begins with \"b2-\""),
            ("B2-abcdef", "begins with \"b2-\""),
            ("büüücket", "has 'ü'"),
        ];
        for (name, rule) in bad {
            let error = BucketName::new(name).unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
    }
}
