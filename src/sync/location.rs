//! [`Location`]: one side of a sync as text, on a command line or in a configuration file.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Synchronizer;
use crate::client::Client;
use crate::error::Error;
use crate::types::B2Uri;

/// A local path, or `b2://BUCKET/PREFIX`.
///
/// ```
/// use b2kit::sync::Location;
///
/// let photos: Location = "/home/me/photos".parse()?;
/// let backup: Location = "b2://backup/photos".parse()?;
/// assert!(!photos.is_remote() && backup.is_remote());
/// # Ok::<(), b2kit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// A local path.
    Local(PathBuf),
    /// A bucket, and a name or prefix in it.
    Remote(B2Uri),
}

impl Location {
    /// Whether it is at B2.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

/// What begins with `b2://` is at B2, and everything else is a local path, which need not be UTF-8.
///
/// [`Invalid`](crate::ErrorKind::Invalid) for an empty text, for `b2://` without the name of a bucket, and for a name at
/// B2 that is not UTF-8.
impl TryFrom<OsString> for Location {
    type Error = Error;

    fn try_from(text: OsString) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::invalid("it is empty"));
        }
        if !text.as_encoded_bytes().starts_with(b"b2://") {
            return Ok(Self::Local(text.into()));
        }
        let uri = text.to_str();
        let uri = uri.ok_or_else(|| Error::invalid("names at B2 are UTF-8, and it is not"))?;
        uri.parse().map(Self::Remote)
    }
}

/// As from an [`OsString`].
impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(OsString::from(text))
    }
}

/// Formats as the text from which it is parsed.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote(uri) => uri.fmt(f),
        }
    }
}

impl Synchronizer {
    /// A sync between two locations, of which at least one is at B2. Looks up the buckets, with a `b2_list_buckets`
    /// (class C) each.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for two local paths, and those of [`Client::bucket`].
    pub async fn between(client: &Client, from: &Location, to: &Location) -> Result<Self, Error> {
        let bucket = async |at: &B2Uri| client.bucket(&at.bucket).await;
        Ok(match (from, to) {
            (Location::Local(from), Location::Remote(to)) => {
                Self::up(from, &bucket(to).await?, &to.name)
            }
            (Location::Remote(from), Location::Local(to)) => {
                Self::down(&bucket(from).await?, &from.name, to)
            }
            (Location::Remote(from), Location::Remote(to)) => {
                let source = bucket(from).await?;
                Self::copy(&source, &from.name, &bucket(to).await?, &to.name)
            }
            (Location::Local(_), Location::Local(_)) => {
                return Err(Error::invalid(
                    "a sync needs b2://BUCKET/PREFIX on at least one side",
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_parsed_as_it_is_printed() {
        for (text, location) in [
            ("-", Location::Local("-".into())),
            ("a/b", Location::Local("a/b".into())),
            ("./b2://a", Location::Local("./b2://a".into())),
            ("b2:/a", Location::Local("b2:/a".into())),
            (
                "b2://photos/2026/",
                Location::Remote(B2Uri::new("photos", "2026/")),
            ),
        ] {
            assert_eq!(text.parse::<Location>().unwrap(), location);
            assert_eq!(location.to_string(), text);
        }
        for text in ["", "b2://", "b2:///name"] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_may_be_any_bytes_but_a_name_at_b2_is_utf_8() {
        use std::os::unix::ffi::OsStringExt as _;
        let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let path = bytes(b"a\xff");
        assert_eq!(
            Location::try_from(path.clone()).unwrap(),
            Location::Local(path.into())
        );
        let error = Location::try_from(bytes(b"b2://photos/a\xff")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Invalid);
    }
}
