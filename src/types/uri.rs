//! [`B2Uri`]: a `b2://` URI, of a file or of all files with a prefix.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::types::BucketName;

/// `b2://BUCKET/NAME`, as B2's official tools write it: a file of a bucket, or all files with a prefix.
///
/// Nothing in it is percent-encoded. B2's rules are checked for the bucket's name when it is parsed, but not for the name
/// in the bucket, which may be a prefix.
///
/// ```
/// use b2kit::types::B2Uri;
///
/// let uri: B2Uri = "b2://holiday-photos/2026/cat.jpg".parse()?;
/// assert_eq!((&*uri.bucket, &*uri.name), ("holiday-photos", "2026/cat.jpg"));
/// assert!(!uri.is_prefix());
/// # Ok::<(), b2kit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct B2Uri {
    /// The name of the bucket.
    pub bucket: String,
    /// A file name, or a prefix of file names.
    pub name: String,
}

impl B2Uri {
    /// A bucket, and a name or prefix in it.
    pub fn new(bucket: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            name: name.into(),
        }
    }

    /// Whether it stands for all files whose names begin with its name: if the name is empty or ends in `/`.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.name.is_empty() || self.name.ends_with('/')
    }

    /// The prefix of the names in the folder: its name, with a `/` after it unless it is a prefix already.
    #[must_use]
    pub fn folder(&self) -> String {
        let slash = if self.is_prefix() { "" } else { "/" };
        format!("{}{slash}", self.name)
    }

    /// Whether the file of this name is the one that it names, or in its [folder](Self::folder). `photos` contains
    /// `photos` and `photos/a`, but not `photos-old/a`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        name == self.name || name.starts_with(&self.folder())
    }
}

/// Formats as the text from which it is parsed.
impl fmt::Display for B2Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b2://{}/{}", self.bucket, self.name)
    }
}

/// [`Invalid`](crate::ErrorKind::Invalid) without `b2://`, without a bucket, or if no bucket can have this name.
impl FromStr for B2Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let there = text
            .strip_prefix("b2://")
            .ok_or_else(|| Error::invalid("it is not b2://BUCKET/NAME"))?;
        let (bucket, name) = there.split_once('/').unwrap_or((there, ""));
        if bucket.is_empty() {
            return Err(Error::invalid(
                "there is no bucket in it; it is b2://BUCKET/NAME",
            ));
        }
        BucketName::new(bucket)?;
        Ok(Self::new(bucket, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_contains_itself_and_its_folder_and_a_prefix_all_that_begins_with_it() {
        let names = [
            "photos",
            "photos-old/a",
            "photos/",
            "photos/a",
            "photos/b/c",
        ];
        for (at, folder, first) in [("photos", "photos/", 0), ("photos/", "photos/", 2)] {
            let at = B2Uri::new("bucket", at);
            let contained: Vec<_> = names.into_iter().filter(|name| at.contains(name)).collect();
            let expected = names
                .into_iter()
                .skip(first)
                .filter(|name| *name != "photos-old/a");
            assert_eq!(contained, expected.collect::<Vec<_>>());
            assert_eq!(at.folder(), folder);
        }
        let all = B2Uri::new("bucket", "");
        assert!(all.folder().is_empty() && names.into_iter().all(|name| all.contains(name)));
    }

    #[test]
    fn a_uri_is_a_bucket_and_what_follows_the_first_slash() {
        for (text, bucket, name, is_prefix) in [
            ("b2://photos", "photos", "", true),
            ("b2://photos/", "photos", "", true),
            ("b2://photos//a", "photos", "/a", false),
            ("b2://photos/2026/", "photos", "2026/", true),
            ("b2://photos/a%2F b", "photos", "a%2F b", false),
        ] {
            let uri: B2Uri = text.parse().unwrap();
            assert_eq!(
                (uri.is_prefix(), &uri),
                (is_prefix, &B2Uri::new(bucket, name))
            );
            assert_eq!(uri.to_string().parse::<B2Uri>().unwrap(), uri);
        }
        for text in [
            "",
            "b2:/photos",
            "B2://photos",
            "b2://",
            "b2:///name",
            "b2://nope/name",
            "./a",
        ] {
            assert!(text.parse::<B2Uri>().is_err(), "{text}");
        }
    }
}
