//! Converts between paths of `object_store` and file names at B2.

use b2kit::transfer::is_create_stage;
use b2kit::types::FileName;

use crate::store_error::StoreError;

/// The prefix of a store: empty, or a path without slashes at its ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl Prefix {
    /// Removes slashes at either end. `None` if the rest is not a valid path.
    pub(crate) fn parse(prefix: &str) -> Option<Self> {
        let prefix = prefix.trim_matches('/');
        (prefix.is_empty() || is_path(prefix)).then(|| Self(prefix.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The common prefix of all file names in this store.
    pub(crate) fn root(&self) -> String {
        self.join("")
    }

    /// A file name, or a prefix of file names, with the store's prefix.
    pub(crate) fn join(&self, text: &str) -> String {
        match self.0.as_str() {
            "" => text.to_owned(),
            prefix => format!("{prefix}/{text}"),
        }
    }

    /// The common prefix of all file names in a directory.
    pub(crate) fn directory(&self, path: &str) -> String {
        match path {
            "" => self.root(),
            path => self.join(&format!("{path}/")),
        }
    }

    /// The name without the prefix; `None` if it is outside this store.
    pub(crate) fn strip<'a>(&self, name: &'a str) -> Option<&'a str> {
        match self.0.as_str() {
            "" => Some(name),
            prefix => name.strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// The file name of an object.
    ///
    /// # Errors
    /// For the root, names that B2 refuses, and those of unfinished creates.
    pub(crate) fn file_name(&self, path: &str) -> Result<FileName, StoreError> {
        if path.is_empty() {
            return Err(StoreError::unsupported(
                "the root of a store is not an object".to_owned(),
            ));
        }
        let name = FileName::new(self.join(path));
        let name = name.map_err(|error| StoreError::b2(path, error))?;
        if is_create_stage(name.as_str()) {
            return Err(StoreError::Reserved { path: path.into() });
        }
        Ok(name)
    }
}

/// Whether a file name is a valid path, which both versions of `object_store` parse without changing it.
pub(crate) fn is_path(name: &str) -> bool {
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    name.split('/').all(is_segment) && !name.bytes().any(|byte| byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_added_to_paths_and_removed_from_names() {
        let none = Prefix::parse("/").unwrap();
        let lake = Prefix::parse("/data/lake/").unwrap();
        assert_eq!(
            (none.root().as_str(), lake.root().as_str()),
            ("", "data/lake/")
        );
        assert_eq!(none.directory(""), "");
        assert_eq!(none.directory("a/b"), "a/b/");
        assert_eq!(lake.directory(""), "data/lake/");
        assert_eq!(lake.directory("a/b"), "data/lake/a/b/");
        assert_eq!(lake.join("a"), "data/lake/a");
        assert_eq!(lake.strip("data/lake/a/b"), Some("a/b"));
        assert_eq!(lake.strip("data/lakes/a"), None);
        assert_eq!(lake.strip("data/lake"), None);
        assert_eq!(none.strip("a"), Some("a"));
        for bad in ["a//b", "../a", "a/./b", "a\nb"] {
            assert_eq!(Prefix::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_with_empty_or_dot_segments_or_control_characters_are_not_paths() {
        for name in ["a", "a/b", "a b/ü😀", "a%2Fb", ".a/..b/...", "a\\b"] {
            assert!(is_path(name), "{name:?}");
        }
        for name in [
            "", "/a", "a/", "a//b", ".", "a/..", "./a", "a\u{7f}", "a\tb",
        ] {
            assert!(!is_path(name), "{name:?}");
        }
    }

    #[test]
    fn the_root_and_unfinished_creates_are_not_objects() {
        let none = Prefix::default();
        assert!(none.file_name("").is_err());
        assert!(none.file_name(".b2kit-create/a").is_err());
        assert!(none.file_name(&"a".repeat(1_025)).is_err());
        let lake = Prefix::parse("lake").unwrap();
        assert_eq!(lake.file_name("a").unwrap().as_str(), "lake/a");
        assert_eq!(
            lake.file_name(".b2kit-create/a").unwrap().as_str(),
            "lake/.b2kit-create/a"
        );
    }
}
