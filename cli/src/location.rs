//! [`Location`]: a local path, standard input or output, or a file or prefix at B2.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use b2kit::types::B2Uri;

const NOT_A_FILE: &str = "it has to be the name of a file: b2://BUCKET/NAME";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Remote(B2Uri),
    Local(PathBuf),
    /// `-`: standard input or output.
    Stdio,
}

impl Location {
    pub(crate) fn parse(text: OsString) -> Result<Self, String> {
        match text.to_str() {
            Some("") => Err("it is empty".to_owned()),
            Some("-") => Ok(Self::Stdio),
            Some(uri) if uri.starts_with("b2://") => uri.parse().map(Self::Remote).map_err(text_of),
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

    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

/// Parses the location of a single file at B2.
pub(crate) fn remote_file(text: &str) -> Result<B2Uri, String> {
    let uri: B2Uri = text.parse().map_err(text_of)?;
    match uri.is_prefix() {
        true => Err(NOT_A_FILE.to_owned()),
        false => Ok(uri),
    }
}

fn text_of(error: b2kit::Error) -> String {
    error.to_string()
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(uri) => uri.fmt(f),
            Self::Local(path) => path.display().fmt(f),
            Self::Stdio => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_as_it_is_written() {
        for (text, location) in [
            ("-", Location::Stdio),
            ("./-", Location::Local("./-".into())),
            ("a/b", Location::Local("a/b".into())),
            ("b2:/a", Location::Local("b2:/a".into())),
            (
                "b2://photos/2026/",
                Location::Remote("b2://photos/2026/".parse().unwrap()),
            ),
        ] {
            assert_eq!(Location::parse(text.into()), Ok(location), "{text}");
        }
        assert!(Location::parse("b2:///name".into()).is_err());
        assert!(Location::parse("".into()).is_err());
        for text in ["b2://photos", "b2://photos/2026/", "-"] {
            assert!(remote_file(text).is_err() && Location::file(text.into()).is_err());
        }
    }
}
