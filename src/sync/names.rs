//! Relations between paths: which one is below which, and which ones a file system may not
//! distinguish.

use std::collections::HashMap;
use std::path::PathBuf;

use unicode_normalization::UnicodeNormalization as _;

use crate::transfer::{UnsafeName, safe_local_path};

/// The relative local path of a name.
pub(super) fn local_path(name: &str, portable: bool) -> Result<PathBuf, UnsafeName> {
    #[cfg(unix)]
    if !portable {
        return crate::transfer::unix_safe_local_path(name);
    }
    let _ = portable;
    safe_local_path(name)
}

/// The thing at a path that other paths may be below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    /// A file that is at the destination, or will be.
    File,
    /// A file at the destination that is to be deleted.
    Leaving,
    /// Something that is not synchronized, so nothing is known about what is below it.
    Opaque,
}

/// The last paths that the following ones may be below. Paths have to be in ascending order; then
/// all that begin with the same text come one after the other.
#[derive(Debug, Default)]
pub(super) struct Parents(Vec<(Box<str>, Parent)>);

impl Parents {
    /// The nearest path that this one is below, and what is there.
    pub(super) fn of(&mut self, path: &str) -> Option<(&str, Parent)> {
        while let Some((last, _)) = self.0.last()
            && !path.starts_with(&**last)
        {
            self.0.pop();
        }
        let is_below = |parent: &&(Box<str>, Parent)| {
            let rest = &path[parent.0.len()..];
            let is_directory = parent.0.is_empty() || parent.0.ends_with('/');
            !rest.is_empty() && (rest.starts_with('/') || is_directory)
        };
        let (parent, what) = self.0.iter().rev().find(is_below)?;
        Some((parent.trim_end_matches('/'), *what))
    }

    /// Call it after [`of`](Self::of) for the same path.
    pub(super) fn push(&mut self, path: &str, what: Parent) {
        self.0.push((path.into(), what));
    }
}

/// The names in the directories above the last path, folded as by a file system that ignores case
/// and Unicode normalization.
#[derive(Debug, Default)]
pub(super) struct Collisions(Vec<Directory>);

#[derive(Debug)]
struct Directory {
    /// The path with a `/` at its end; empty for the root.
    path: String,
    names: HashMap<String, Box<str>>,
}

impl Collisions {
    /// The path that a file system may not distinguish from this one or its directory. Paths have
    /// to be in ascending order.
    pub(super) fn with(&mut self, path: &str) -> Option<String> {
        while let Some(last) = self.0.last()
            && !path.starts_with(&last.path)
        {
            self.0.pop();
        }
        let mut start = self.0.last().map_or(0, |last| last.path.len());
        if self.0.is_empty() {
            self.enter("");
        }
        loop {
            let directory = self.0.last_mut()?;
            let rest = &path[start..];
            let (name, is_directory) = match rest.split_once('/') {
                Some((name, _)) => (name, true),
                None => (rest, false),
            };
            let first = directory
                .names
                .entry(folded(name))
                .or_insert_with(|| name.into());
            if **first != *name {
                return Some(format!("{}{first}", directory.path));
            }
            if !is_directory {
                return None;
            }
            start += name.len() + 1;
            self.enter(&path[..start]);
        }
    }

    fn enter(&mut self, path: &str) {
        self.0.push(Directory {
            path: path.to_owned(),
            names: HashMap::new(),
        });
    }
}

/// Whether the texts differ only in their Unicode normal form.
pub(super) fn are_one_text(one: &str, other: &str) -> bool {
    one.nfc().eq(other.nfc())
}

/// Equal for two names that some file system doesn't distinguish.
pub(super) fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let decomposed: String = name.nfd().collect();
    // Via upper case, which makes `ß` equal to `ss`, and `ſ` to `s`.
    let folded = decomposed.to_uppercase().to_lowercase();
    folded.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_nearest_thing_that_was_met() {
        let mut parents = Parents::default();
        assert_eq!(parents.of("a"), None);
        parents.push("a", Parent::File);
        assert_eq!(parents.of("a.txt"), None);
        parents.push("a.txt", Parent::File);
        assert_eq!(parents.of("a/b"), Some(("a", Parent::File)));
        parents.push("a/b", Parent::Leaving);
        assert_eq!(parents.of("a/b/c"), Some(("a/b", Parent::Leaving)));
        assert_eq!(parents.of("a/c"), Some(("a", Parent::File)));
        assert_eq!(parents.of("a0"), None);
        assert_eq!(parents.of("b/"), None);
        parents.push("b/", Parent::Opaque);
        assert_eq!(parents.of("b/x"), Some(("b", Parent::Opaque)));
        assert_eq!(parents.of("b0"), None);
    }

    #[test]
    fn every_path_is_below_a_root_that_is_opaque() {
        let mut parents = Parents::default();
        assert_eq!(parents.of(""), None);
        parents.push("", Parent::Opaque);
        assert_eq!(parents.of("a"), Some(("", Parent::Opaque)));
        assert_eq!(parents.of("b/c"), Some(("", Parent::Opaque)));
    }

    #[test]
    fn names_that_differ_in_case_or_normalization_collide_within_their_directory() {
        let mut collisions = Collisions::default();
        for (path, collides) in [
            ("A/x", None),
            ("A/y", None),
            ("Stra\u{df}e", None),
            ("a/y", Some("A")),
            ("a/z", Some("A")),
            ("b", None),
            ("c/X", None),
            ("c/d/X", None),
            ("c/d/x", Some("c/d/X")),
            ("c/x", Some("c/X")),
            ("e\u{301}", None),
            ("strasse", Some("Stra\u{df}e")),
            ("\u{e9}", Some("e\u{301}")),
        ] {
            assert_eq!(collisions.with(path).as_deref(), collides, "{path}");
        }
    }
}
