//! [`Versions`]: the file versions of a bucket, by id and in the order of a listing.

use std::cmp::Reverse;
use std::collections::btree_map::{BTreeMap, Range};
use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, RangeBounds as _};
use std::sync::Arc;

use super::file::{Kind, Version};
use super::file_id::FileId;

/// All versions, including hide markers and unfinished large files.
///
/// A clone shares them until they are changed, so that a saved state takes little memory.
#[derive(Clone, Default)]
pub(crate) struct Versions {
    /// By the unique digits of their ids.
    by_id: HashMap<u64, Arc<Version>>,
    /// The unique digits, in the order of a listing.
    order: BTreeMap<VersionPosition, u64>,
    /// The unfinished large files, oldest first.
    unfinished: BTreeSet<(Age, u64)>,
}

/// Sorts versions by age: timestamp, then number.
pub(crate) type Age = (u64, u64);

/// The position of a version in a listing: by name, newest first, the last made first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VersionPosition {
    name: Arc<str>,
    uploaded: Reverse<u64>,
    number: Reverse<u64>,
}

impl VersionPosition {
    /// `number` counts versions from 1.
    pub(crate) fn new(name: impl Into<Arc<str>>, uploaded: u64, number: u64) -> Self {
        Self {
            name: name.into(),
            uploaded: Reverse(uploaded),
            number: Reverse(number),
        }
    }

    /// The position of a version.
    pub(crate) fn of(version: &Version) -> Self {
        Self::new(Arc::clone(&version.name), version.uploaded, version.number)
    }

    /// Before every version of this name.
    pub(crate) fn first_of(name: impl Into<Arc<str>>) -> Self {
        Self::new(name, u64::MAX, u64::MAX)
    }

    /// After every version of this name.
    pub(crate) fn after_all_of(name: impl Into<Arc<str>>) -> Self {
        Self::new(name, 0, 0)
    }
}

impl Versions {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn unfinished_len(&self) -> usize {
        self.unfinished.len()
    }

    /// In the order of a listing.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Version> {
        self.order.values().filter_map(|unique| self.at(*unique))
    }

    /// Those whose names have this prefix, in the order of a listing.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Version> {
        let from = self.order.range(VersionPosition::first_of(prefix)..);
        from.filter_map(|(_, unique)| self.at(*unique))
            .take_while(move |version| version.name.starts_with(prefix))
    }

    /// Whether an id has these unique digits.
    pub(crate) fn has_unique(&self, unique: u64) -> bool {
        self.by_id.contains_key(&unique)
    }

    pub(crate) fn get(&self, id: FileId) -> Option<&Version> {
        self.at(id.unique()).filter(|version| version.file_id == id)
    }

    /// Mutable access to a version, whose name, time and number must not be changed.
    pub(super) fn get_mut(&mut self, id: FileId) -> Option<&mut Version> {
        let found = self.by_id.get_mut(&id.unique());
        found
            .filter(|version| version.file_id == id)
            .map(Arc::make_mut)
    }

    /// The current version of a name: the newest that is no unfinished large file. May be a hide
    /// marker.
    pub(crate) fn current(&self, name: &str) -> Option<&Version> {
        let first = VersionPosition::first_of(name);
        let end = VersionPosition::after_all_of(Arc::clone(&first.name));
        self.order
            .range(first..end)
            .filter_map(|(_, unique)| self.at(*unique))
            .find(|version| !version.is_unfinished())
    }

    /// The unfinished large files that are not older than this, oldest first.
    pub(crate) fn unfinished_from(&self, age: Age) -> impl Iterator<Item = &Version> {
        let from = self.unfinished.range((age, 0)..);
        from.filter_map(|(_, unique)| self.at(*unique))
    }

    /// Walks through the listing.
    pub(crate) fn scan(&self) -> Scan<'_> {
        Scan {
            versions: self,
            range: self.order.range::<VersionPosition, _>(..),
        }
    }

    /// Adds a version. The caller makes sure that the unique digits of its id are unique.
    pub(super) fn insert(&mut self, version: Version) -> &Version {
        let unique = version.file_id.unique();
        if version.is_unfinished() {
            self.unfinished.insert((version.age(), unique));
        }
        self.order.insert(VersionPosition::of(&version), unique);
        self.by_id.entry(unique).or_insert(Arc::new(version))
    }

    pub(super) fn remove(&mut self, id: FileId) -> Option<Arc<Version>> {
        self.get(id)?;
        let version = self.by_id.remove(&id.unique())?;
        self.unfinished.remove(&(version.age(), id.unique()));
        self.order.remove(&VersionPosition::of(&version));
        Some(version)
    }

    /// Turns an unfinished large file into a file at the same position. Returns what it was before.
    pub(super) fn finish(&mut self, id: FileId, kind: Kind) -> Option<Kind> {
        let age = self.get(id)?.age();
        self.unfinished.remove(&(age, id.unique()));
        let version = self.get_mut(id)?;
        Some(std::mem::replace(&mut version.kind, kind))
    }

    fn at(&self, unique: u64) -> Option<&Version> {
        self.by_id.get(&unique).map(|version| &**version)
    }
}

/// A walk through a listing, which only moves forward.
pub(crate) struct Scan<'a> {
    versions: &'a Versions,
    range: Range<'a, VersionPosition, u64>,
}

impl<'a> Scan<'a> {
    /// Moves to the first version within a bound.
    pub(crate) fn seek(&mut self, from: Bound<VersionPosition>) -> Option<&'a Version> {
        let within = (from, Bound::Unbounded);
        let mut next = self.range.next()?;
        // mostly the next one; otherwise it may be far away
        if !within.contains(next.0) {
            self.range = self.versions.order.range(within);
            next = self.range.next()?;
        }
        self.versions.at(*next.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::file_id::Pod;
    use crate::model::ids::{FileKind, Ids};

    /// Versions with these names and times, in the order in which they are made.
    fn made(files: &[(&str, u64)]) -> Versions {
        let mut ids = Ids::new(1);
        let bucket = ids.bucket_id();
        let mut versions = Versions::default();
        for (number, (name, uploaded)) in (1..).zip(files) {
            let id = ids.file_id(bucket, FileKind::SmallOrHidden, Pod::HIDE, *uploaded);
            let mut version = Version::new(id, *name, *uploaded, Kind::Hide);
            version.number = number;
            versions.insert(version);
        }
        versions
    }

    fn numbers<'a>(versions: impl Iterator<Item = &'a Version>) -> Vec<u64> {
        versions.map(|version| version.number).collect()
    }

    #[test]
    fn versions_are_ordered_by_name_and_the_newest_comes_first() {
        let versions = made(&[("b", 2), ("a", 1), ("b", 3), ("b", 2), ("ab", 9)]);
        assert_eq!(numbers(versions.iter()), [2, 5, 3, 4, 1]);
        assert_eq!(versions.current("b").unwrap().number, 3);
        assert!(versions.current("c").is_none());
    }

    #[test]
    fn versions_with_a_prefix_are_all_whose_names_begin_with_it() {
        let versions = made(&[
            ("a", 1),
            ("ab", 1),
            ("ab", 2),
            ("ab/c", 1),
            ("ac", 1),
            ("b", 1),
        ]);
        let numbers = |prefix: &str| numbers(versions.with_prefix(prefix));
        assert_eq!(numbers("ab"), [3, 2, 4]);
        assert_eq!(numbers("ab/"), [4]);
        assert_eq!(numbers(""), [1, 3, 2, 4, 5, 6]);
        assert!(numbers("abc").is_empty() && numbers("c").is_empty());
    }

    #[test]
    fn a_scan_returns_the_next_version_within_each_bound() {
        let versions = made(&[("a", 1), ("b", 3), ("b", 2), ("b", 1), ("c", 1), ("d", 1)]);
        let mut scan = versions.scan();
        let mut seek = |from| scan.seek(from).map(|version| version.number);
        assert_eq!(
            seek(Bound::Included(VersionPosition::first_of("a"))),
            Some(1)
        );
        assert_eq!(
            seek(Bound::Included(VersionPosition::first_of("b"))),
            Some(2)
        );
        // beyond the next one
        assert_eq!(
            seek(Bound::Excluded(VersionPosition::after_all_of("b"))),
            Some(5)
        );
        assert_eq!(seek(Bound::Included(VersionPosition::first_of("e"))), None);
    }

    #[test]
    fn a_clone_shares_versions_until_one_of_them_changes() {
        let mut versions = made(&[("a", 1), ("b", 2)]);
        let saved = versions.clone();
        let ids: Vec<FileId> = versions.iter().map(|version| version.file_id).collect();
        let address =
            |versions: &Versions, at: usize| std::ptr::from_ref(versions.get(ids[at]).unwrap());
        assert_eq!(address(&versions, 0), address(&saved, 0));
        versions.get_mut(ids[0]).unwrap().encryption =
            super::super::encryption::Encryption::Managed;
        assert_ne!(address(&versions, 0), address(&saved, 0));
        assert_eq!(address(&versions, 1), address(&saved, 1));
        versions.remove(ids[1]).unwrap();
        assert_eq!((versions.len(), saved.len()), (1, 2));
        assert!(versions.get(ids[1]).is_none() && saved.get(ids[1]).is_some());
    }
}
