//! Paths of `object_store` and file names of B2: which are which, and below which prefix.

use b2kit::transfer::is_create_stage;
use b2kit::types::FileName;

use crate::failure::Failure;

/// The prefix of a store: empty, or a path without slashes at its ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl Prefix {
    /// Slashes at its ends are dropped. `None` if the rest is no path.
    pub(crate) fn parse(prefix: &str) -> Option<Self> {
        let prefix = prefix.trim_matches('/');
        (prefix.is_empty() || is_path(prefix)).then(|| Self(prefix.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the names of all files in this store begin with.
    pub(crate) fn root(&self) -> String {
        self.join("")
    }

    /// The name, or the beginning of names, that this text stands for.
    pub(crate) fn join(&self, text: &str) -> String {
        match self.0.as_str() {
            "" => text.to_owned(),
            prefix => format!("{prefix}/{text}"),
        }
    }

    /// What the names below this directory begin with.
    pub(crate) fn directory(&self, path: &str) -> String {
        match path {
            "" => self.root(),
            path => self.join(&format!("{path}/")),
        }
    }

    /// The name without the prefix; `None` for one that is not in this store.
    pub(crate) fn strip<'a>(&self, name: &'a str) -> Option<&'a str> {
        match self.0.as_str() {
            "" => Some(name),
            prefix => name.strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// The file name of an object that is to be read or changed.
    pub(crate) fn file_name(&self, path: &str) -> Result<FileName, Failure> {
        if path.is_empty() {
            return Err(Failure::unsupported(
                "the root of a store is no object".to_owned(),
            ));
        }
        let name = FileName::new(self.join(path));
        let name = name.map_err(|error| Failure::b2(path, error))?;
        if is_create_stage(name.as_str()) {
            return Err(Failure::Reserved { path: path.into() });
        }
        Ok(name)
    }
}

/// Whether a file of this name can be an object: both versions of `object_store` read the path as it is, without
/// dropping or changing anything.
pub(crate) fn is_path(name: &str) -> bool {
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    name.split('/').all(is_segment) && !name.chars().any(|c| c.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_put_before_paths_and_taken_off_names() {
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
    fn names_that_no_path_can_have_are_no_objects() {
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
    fn stages_and_the_root_are_no_objects() {
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
