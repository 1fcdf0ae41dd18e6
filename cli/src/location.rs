//! [`Location`]: a source or destination on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// `b2://BUCKET/NAME`.
    Remote {
        bucket: String,
        /// A file name, or a prefix if it is empty or ends in `/`.
        name: String,
    },
    Local(PathBuf),
    /// `-`: standard input or output.
    Stdio,
}

impl Location {
    pub(crate) fn parse(text: OsString) -> Result<Self, String> {
        let Some(word) = text.to_str() else {
            // Paths need not be UTF-8.
            return Ok(Self::Local(text.into()));
        };
        if word.is_empty() {
            return Err("it is empty".to_owned());
        }
        if word == "-" {
            return Ok(Self::Stdio);
        }
        let Some(remote) = word.strip_prefix("b2://") else {
            return Ok(Self::Local(text.into()));
        };
        let (bucket, name) = remote.split_once('/').unwrap_or((remote, ""));
        if bucket.is_empty() {
            return Err("there is no bucket in it; it is b2://BUCKET/NAME".to_owned());
        }
        Ok(Self::Remote {
            bucket: bucket.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Whether a name is a prefix, which selects all files whose names begin with it.
pub(crate) fn is_prefix(name: &str) -> bool {
    name.is_empty() || name.ends_with('/')
}

/// `b2://BUCKET/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) bucket: String,
    /// A file name, or a prefix.
    pub(crate) name: String,
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Location::parse(text.into())? {
            Location::Remote { bucket, name } => Ok(Self { bucket, name }),
            _ => Err("it is not b2://BUCKET/NAME".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_b2_url_a_path_or_standard_input() {
        let remote = |bucket: &str, name: &str| Location::Remote {
            bucket: bucket.to_owned(),
            name: name.to_owned(),
        };
        for (text, location) in [
            ("-", Location::Stdio),
            ("./-", Location::Local("./-".into())),
            ("a/b", Location::Local("a/b".into())),
            ("b2:/a", Location::Local("b2:/a".into())),
            ("b2://photos", remote("photos", "")),
            ("b2://photos/", remote("photos", "")),
            ("b2://photos//a", remote("photos", "/a")),
            ("b2://photos/2026/", remote("photos", "2026/")),
        ] {
            assert_eq!(Location::parse(text.into()), Ok(location), "{text}");
        }
        assert!(Location::parse("b2:///name".into()).is_err());
        assert!(Location::parse("".into()).is_err());
        assert!("./a".parse::<Remote>().is_err());
    }
}
