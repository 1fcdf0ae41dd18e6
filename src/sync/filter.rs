//! [`Filter`]: which paths are synchronized.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::Error;

/// Which paths are synchronized: those that match an include pattern, or all if there is none,
/// except those that match an exclude pattern. All others are neither transferred nor deleted, on
/// either side.
///
/// A pattern is a glob over the whole path relative to the root: `*` and `?` match within one part,
/// `**` across parts, `[ab]` one of several characters, `{a,b}` one of several texts. So `*.jpg`
/// matches only at the top, and `**/*.jpg` everywhere. `?` and `[ab]` match one byte, so they match
/// only ASCII characters. A `/` at the beginning has no effect. An exclude pattern that matches a
/// directory excludes everything below it; an include pattern that ends in `/` includes everything
/// below a directory.
///
/// ```
/// # use b2kit::sync::Filter;
/// let filter = Filter::new().include("2026/**")?.exclude("**/.cache")?;
/// assert!(filter.sees("2026/cat.jpg"));
/// assert!(!filter.sees("2025/cat.jpg"));
/// assert!(!filter.sees("2026/.cache/x"));
/// # Ok::<(), b2kit::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Filter {
    includes: Patterns,
    excludes: Patterns,
}

#[derive(Debug, Clone, Default)]
struct Patterns {
    globs: Vec<Glob>,
    set: GlobSet,
}

impl Filter {
    /// All paths.
    pub fn new() -> Self {
        Self::default()
    }

    /// Includes the paths that match this glob, in addition to those of other include patterns.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is not a valid glob.
    pub fn include(mut self, pattern: &str) -> Result<Self, Error> {
        let pattern = match pattern.strip_suffix('/') {
            Some(directory) => format!("{directory}/**"),
            None => pattern.to_owned(),
        };
        self.includes = self.includes.with(&pattern)?;
        Ok(self)
    }

    /// Excludes the paths that match this glob, and everything below them.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is not a valid glob.
    pub fn exclude(mut self, pattern: &str) -> Result<Self, Error> {
        self.excludes = self.excludes.with(pattern)?;
        Ok(self)
    }

    /// Whether a file with this path is synchronized.
    #[must_use]
    pub fn sees(&self, path: &str) -> bool {
        let is_included = self.includes.globs.is_empty() || self.includes.set.is_match(path);
        is_included && !self.is_excluded(path)
    }

    fn is_excluded(&self, path: &str) -> bool {
        if self.excludes.globs.is_empty() {
            return false;
        }
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        parents
            .chain([path])
            .any(|part| self.excludes.set.is_match(part))
    }

    /// Whether there may be a file below this directory that it sees.
    pub(super) fn enters(&self, directory: &str) -> bool {
        let (prefix, below) = (self.prefix(), format!("{directory}/"));
        let may_match = below.starts_with(&prefix) || prefix.starts_with(&below);
        may_match && !self.is_excluded(directory)
    }

    /// Whether it sees this path, or may see a file below it.
    pub(super) fn concerns(&self, path: &str) -> bool {
        self.sees(path) || self.enters(path)
    }

    /// The common prefix of all paths that it sees.
    pub(super) fn prefix(&self) -> String {
        let mut literals = self.includes.globs.iter().map(|glob| literal(glob.glob()));
        let Some(first) = literals.next() else {
            return String::new();
        };
        literals.fold(first, |common, next| {
            let same = common.chars().zip(next.chars());
            let len = same.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8());
            common[..len.sum()].to_owned()
        })
    }
}

/// The beginning of a pattern that has no special characters.
fn literal(pattern: &str) -> String {
    let special = pattern.find(['*', '?', '[', '{', '\\', '}', ']', '!']);
    pattern[..special.unwrap_or(pattern.len())].to_owned()
}

impl Patterns {
    fn with(mut self, pattern: &str) -> Result<Self, Error> {
        let bad = |error: globset::Error| Error::invalid(format!("invalid pattern: {error}"));
        // Other tools need it for what all patterns do here: to match whole paths.
        let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
        let mut builder = GlobBuilder::new(pattern.trim_end_matches('/'));
        builder.literal_separator(true).backslash_escape(true);
        self.globs.push(builder.build().map_err(bad)?);
        let mut set = GlobSetBuilder::new();
        for glob in &self.globs {
            set.add(glob.clone());
        }
        self.set = set.build().map_err(bad)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(includes: &[&str], excludes: &[&str]) -> Filter {
        let filter = includes
            .iter()
            .fold(Filter::new(), |filter, it| filter.include(it).unwrap());
        excludes
            .iter()
            .fold(filter, |filter, it| filter.exclude(it).unwrap())
    }

    #[test]
    fn a_path_is_seen_if_it_is_included_and_nothing_above_it_is_excluded() {
        let tests: [(&[&str], &[&str], &str, bool); 20] = [
            (&[], &[], "a", true),
            (&["*.jpg"], &[], "a.jpg", true),
            (&["*.jpg"], &[], "a/a.jpg", false),
            (&["**/*.jpg"], &[], "a/b/a.jpg", true),
            (&["**/*.jpg"], &[], "a.jpg", true),
            (&["a/**"], &[], "a/b/c", true),
            (&["a/**"], &[], "ab/c", false),
            (&["a/"], &[], "a/b/c", true),
            (&[], &["a"], "a/b/c", false),
            (&[], &["a/"], "a/b/c", false),
            (&[], &["**/node_modules"], "x/node_modules/y/z", false),
            (&[], &["a"], "ab/c", true),
            (&["*.{jpg,png}", "x/**"], &["x/y"], "x/y/z", false),
            (&[], &["/a"], "a/b", false),
            (&[], &["/a"], "b/a", true),
            (&["/a/"], &[], "a/b", true),
            (&["/"], &[], "a/b", true),
            (&[], &["//a"], "/a/b", false),
            (&[], &["caf?"], "café", true),
            (&[], &["caf*"], "café", false),
        ];
        for (includes, excludes, path, seen) in tests {
            let filter = filter(includes, excludes);
            assert_eq!(filter.sees(path), seen, "{includes:?} {excludes:?} {path}");
        }
    }

    #[test]
    fn the_prefix_is_what_all_included_paths_begin_with() {
        for (includes, prefix) in [
            (&[][..], ""),
            (&["2026/**"], "2026/"),
            (&["2026/a*", "2026/ab/**"], "2026/a"),
            (&["2026/a", "2025/b"], "202"),
            (&["é/x", "è/x"], ""),
            (&["**"], ""),
            (&["a\\*b"], "a"),
            (&["/2026/**"], "2026/"),
        ] {
            assert_eq!(filter(includes, &[]).prefix(), prefix, "{includes:?}");
        }
    }

    #[test]
    fn a_directory_is_entered_if_something_below_it_may_be_seen() {
        let filter = filter(&["2026/a/**", "2026/ab/*"], &["2026/a/skip"]);
        for (directory, entered) in [
            ("2026", true),
            ("202", false),
            ("2025", false),
            ("2026/a", true),
            ("2026/ab", true),
            ("2026/b", false),
            ("2026/a/x", true),
            ("2026/a/skip", false),
        ] {
            assert_eq!(filter.enters(directory), entered, "{directory}");
        }
    }

    #[test]
    fn an_invalid_glob_is_refused() {
        let error = Filter::new().include("a[").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Invalid);
    }
}
