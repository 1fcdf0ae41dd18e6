//! [`Location`]: a local path, standard input or output, or a file or prefix at B2.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use b2kit::{BucketHandle, Client, Error};

const NOT_A_FILE: &str = "it has to be the name of a file: b2://BUCKET/NAME";

/// `b2://BUCKET/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) bucket: String,
    /// A file name, or a prefix if it is empty or ends in `/`.
    pub(crate) name: String,
}

impl Remote {
    /// Parses the location of a single file.
    pub(crate) fn file(text: &str) -> Result<Self, String> {
        let at: Self = text.parse()?;
        match at.is_prefix() {
            true => Err(NOT_A_FILE.to_owned()),
            false => Ok(at),
        }
    }

    /// Whether this stands for all files whose names begin with it.
    pub(crate) fn is_prefix(&self) -> bool {
        self.name.is_empty() || self.name.ends_with('/')
    }

    pub(crate) async fn bucket(&self, client: &Client) -> Result<BucketHandle, Error> {
        client.bucket(&self.bucket).await
    }
}

impl FromStr for Remote {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let there = text
            .strip_prefix("b2://")
            .ok_or("it is not b2://BUCKET/NAME")?;
        let (bucket, name) = there.split_once('/').unwrap_or((there, ""));
        if bucket.is_empty() {
            return Err("there is no bucket in it; it is b2://BUCKET/NAME".to_owned());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            name: name.to_owned(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Remote(Remote),
    Local(PathBuf),
    /// `-`: standard input or output.
    Stdio,
}

impl Location {
    pub(crate) fn parse(text: OsString) -> Result<Self, String> {
        match text.to_str() {
            Some("") => Err("it is empty".to_owned()),
            Some("-") => Ok(Self::Stdio),
            Some(word) if word.starts_with("b2://") => Ok(Self::Remote(word.parse()?)),
            // Paths need not be UTF-8.
            _ => Ok(Self::Local(text.into())),
        }
    }

    /// Parses the location of a single file, local or at B2.
    pub(crate) fn file(text: OsString) -> Result<Self, String> {
        match Self::parse(text)? {
            Self::Stdio => Err("it has to be a path, or b2://BUCKET/NAME".to_owned()),
            Self::Remote(at) if at.is_prefix() => Err(NOT_A_FILE.to_owned()),
            location => Ok(location),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(at) => write!(f, "b2://{}/{}", at.bucket, at.name),
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Stdio => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_as_it_is_written() {
        let there = |bucket: &str, name: &str| {
            Location::Remote(Remote {
                bucket: bucket.to_owned(),
                name: name.to_owned(),
            })
        };
        for (text, location) in [
            ("-", Location::Stdio),
            ("./-", Location::Local("./-".into())),
            ("a/b", Location::Local("a/b".into())),
            ("b2:/a", Location::Local("b2:/a".into())),
            ("b2://photos", there("photos", "")),
            ("b2://photos/", there("photos", "")),
            ("b2://photos//a", there("photos", "/a")),
            ("b2://photos/2026/", there("photos", "2026/")),
        ] {
            assert_eq!(Location::parse(text.into()), Ok(location), "{text}");
        }
        assert!(Location::parse("b2:///name".into()).is_err());
        assert!(Location::parse("".into()).is_err());
        assert!("./a".parse::<Remote>().is_err());
        for text in ["b2://photos", "b2://photos/2026/", "-"] {
            assert!(Remote::file(text).is_err() && Location::file(text.into()).is_err());
        }
    }
}
