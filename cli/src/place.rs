//! [`Place`]: where something is copied from, or to.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    There {
        bucket: String,
        /// A name, or a prefix of names if it is empty or ends in `/`.
        name: String,
    },
    Here(PathBuf),
    Standard,
}

impl Place {
    pub(crate) fn parse(text: OsString) -> Result<Self, String> {
        let Some(word) = text.to_str() else {
            // A path may be any bytes.
            return Ok(Self::Here(text.into()));
        };
        if word.is_empty() {
            return Err("it is empty".to_owned());
        }
        if word == "-" {
            return Ok(Self::Standard);
        }
        let Some(there) = word.strip_prefix("b2://") else {
            return Ok(Self::Here(text.into()));
        };
        let (bucket, name) = there.split_once('/').unwrap_or((there, ""));
        if bucket.is_empty() {
            return Err("there is no bucket in it; it is b2://BUCKET/NAME".to_owned());
        }
        Ok(Self::There {
            bucket: bucket.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Whether this stands for all files whose names begin with it.
pub(crate) fn is_prefix(name: &str) -> bool {
    name.is_empty() || name.ends_with('/')
}

/// What is at B2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) bucket: String,
    /// A name, or a prefix of names.
    pub(crate) name: String,
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Place::parse(text.into())? {
            Place::There { bucket, name } => Ok(Self { bucket, name }),
            _ => Err("it is not b2://BUCKET/NAME".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let there = |bucket: &str, name: &str| Place::There {
            bucket: bucket.to_owned(),
            name: name.to_owned(),
        };
        for (text, place) in [
            ("-", Place::Standard),
            ("./-", Place::Here("./-".into())),
            ("a/b", Place::Here("a/b".into())),
            ("b2:/a", Place::Here("b2:/a".into())),
            ("b2://photos", there("photos", "")),
            ("b2://photos/", there("photos", "")),
            ("b2://photos//a", there("photos", "/a")),
            ("b2://photos/2026/", there("photos", "2026/")),
        ] {
            assert_eq!(Place::parse(text.into()), Ok(place), "{text}");
        }
        assert!(Place::parse("b2:///name".into()).is_err());
        assert!(Place::parse("".into()).is_err());
        assert!("./a".parse::<Remote>().is_err());
    }
}
