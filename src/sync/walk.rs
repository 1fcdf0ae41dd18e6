//! [`Walk`]: a sorted walk through a local tree.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::OsString;
use std::fs::{self, File, FileType};
use std::io;
use std::iter;
use std::path::{self, Path, PathBuf};
use std::vec;

use futures_core::Stream;

use super::entry::{Entry, State};
use super::filter::Filter;
use super::local::found_file;
use super::policy::Links;
use super::reason::Reason;
use crate::transfer::is_reserved;

/// The number of entries handed over at once, since a hand-over costs more than an entry.
const CHUNK: usize = 256;

/// The maximum number of chunks that the walk is ahead of the plan.
const AHEAD: usize = 4;

/// A finding of a walk: an entry in order, or something without a place in the order.
pub(super) enum Found {
    Entry(Entry),
    /// A file whose name is not valid Unicode, so it can't be compared.
    NoText(String),
    /// The root can't be read, and why: the walk ends.
    NoRoot(String),
    /// This directory was replaced by a different one while it was walked: its disk may have been
    /// unmounted. The path of the root is empty.
    Replaced(String),
}

/// A walk on a thread of its own, in chunks.
pub(super) fn chunks(mut walk: Walk) -> impl Stream<Item = Vec<Found>> + Send + Unpin {
    let chunk = move || {
        let chunk: Vec<_> = walk.by_ref().take(CHUNK).collect();
        (!chunk.is_empty()).then_some(chunk)
    };
    blocking::Unblock::with_capacity(AHEAD, iter::from_fn(chunk))
}

/// A walk through a tree, in the order in which B2 would list its files. It holds in memory only
/// the entries of the directories between the root and the current path.
pub(super) struct Walk {
    root: PathBuf,
    filter: Filter,
    follow: bool,
    may_be_missing: bool,
    has_begun: bool,
    /// The directories from the root to the one that is read.
    directories: Vec<Directory>,
}

/// A directory as the walk found it. If another one is at its path later, for example because a disk was unmounted, the
/// files that are missing then were not deleted.
struct Directory {
    path: PathBuf,
    /// From before its entries were read, so that they can't be those of another directory unnoticed.
    identity: Identity,
    /// Kept open if that is possible: some file systems, such as FAT, give a directory another inode number once nobody
    /// uses it.
    _open: Option<File>,
    /// Those that are still to be visited, in order.
    entries: vec::IntoIter<DirEntry>,
}

/// An entry of a directory, as it was when the directory was read.
struct DirEntry {
    name: OsString,
    kind: io::Result<FileType>,
    sorts_as_directory: bool,
}

/// The identity of a directory.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = bool;

fn identity(directory: &Path) -> io::Result<Identity> {
    let metadata = directory.metadata()?;
    if !metadata.is_dir() {
        let why = "it is not a directory";
        return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
    }
    #[cfg(unix)]
    return Ok((
        std::os::unix::fs::MetadataExt::dev(&metadata),
        std::os::unix::fs::MetadataExt::ino(&metadata),
    ));
    #[cfg(not(unix))]
    Ok(true)
}

impl Directory {
    /// A directory whose entries are still to be read.
    fn new(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            _open: File::open(&path).ok(),
            identity: identity(&path)?,
            path,
            entries: Vec::new().into_iter(),
        })
    }

    /// Reads all entries at once.
    fn read(mut self, follow: bool) -> io::Result<Self> {
        let entries = fs::read_dir(&self.path)?;
        let entries = entries.map(|entry| Ok(DirEntry::new(&entry?, follow)));
        let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by(DirEntry::order);
        self.entries = entries.into_iter();
        Ok(self)
    }

    fn is_still_there(&self) -> bool {
        identity(&self.path).is_ok_and(|now| now == self.identity)
    }

    /// Whether this path leads to the directory.
    fn is_at(&self, path: &Path) -> bool {
        #[cfg(unix)]
        return identity(path).is_ok_and(|its| its == self.identity);
        #[cfg(not(unix))]
        matches!((path.canonicalize(), self.path.canonicalize()), (Ok(a), Ok(b)) if a == b)
    }
}

impl DirEntry {
    fn new(entry: &fs::DirEntry, follow: bool) -> Self {
        let kind = entry.file_type();
        Self {
            sorts_as_directory: kind.as_ref().is_ok_and(|kind| {
                kind.is_dir() || follow && kind.is_symlink() && entry.path().is_dir()
            }),
            name: entry.file_name(),
            kind,
        }
    }

    /// The order of the bytes of the names, with a `/` after a directory's name.
    fn order(&self, other: &Self) -> Ordering {
        let [x, y] = [self, other].map(|entry| entry.name.as_encoded_bytes());
        let common = x.len().min(y.len());
        x[..common].cmp(&y[..common]).then_with(|| {
            let end = |entry: &Self| entry.sorts_as_directory.then_some(&b'/');
            let [x, y] = [x, y].map(|name| name[common..].iter());
            x.chain(end(self)).cmp(y.chain(end(other)))
        })
    }
}

impl Walk {
    pub(super) fn new(root: &Path, filter: Filter, links: Links, may_be_missing: bool) -> Self {
        Self {
            root: root.to_owned(),
            filter,
            follow: links == Links::Follow,
            may_be_missing,
            has_begun: false,
            directories: Vec::new(),
        }
    }

    /// Relative to the root, with `/` between the parts. If it is not valid Unicode, the error has replacement
    /// characters. All paths of the walk begin with the root as it was given.
    fn relative(&self, path: &Path) -> Result<String, String> {
        let root = self.root.as_os_str().as_encoded_bytes();
        let path = path.as_os_str().as_encoded_bytes();
        let path = path.strip_prefix(root).unwrap_or(path);
        let text = String::from_utf8_lossy(path);
        let relative = text.trim_start_matches(path::is_separator);
        let relative = match cfg!(windows) {
            true => relative.replace(path::MAIN_SEPARATOR, "/"),
            false => relative.to_owned(),
        };
        match text {
            Cow::Borrowed(_) => Ok(relative),
            Cow::Owned(_) => Err(relative),
        }
    }

    /// Enters a directory, or returns why it can't be read.
    fn enter(&mut self, path: PathBuf) -> io::Result<()> {
        let directory = Directory::new(path)?.read(self.follow)?;
        self.directories.push(directory);
        Ok(())
    }

    fn enter_root(&mut self) -> Option<Found> {
        match self.enter(self.root.clone()) {
            Err(error) if !(self.may_be_missing && is_missing(&error)) => {
                Some(Found::NoRoot(error.to_string()))
            }
            _ => None,
        }
    }

    /// Leaves the directory whose entries were all visited.
    fn leave(&mut self) -> Option<Found> {
        let left = self.directories.pop()?;
        if left.is_still_there() {
            return None;
        }
        let path = self.relative(&left.path).unwrap_or_else(|lossy| lossy);
        Some(Found::Replaced(match path.is_empty() {
            true => path,
            false => path + "/",
        }))
    }

    fn found(&mut self, entry: DirEntry) -> Option<Found> {
        let path = self.directories.last()?.path.join(&entry.name);
        let name = match self.relative(&path) {
            Ok(name) => name,
            Err(name) => {
                let is_seen = match entry.kind.is_ok_and(|kind| kind.is_file()) {
                    true => self.filter.sees(&name),
                    false => self.filter.concerns(&name),
                };
                return is_seen.then(|| Found::NoText(path.display().to_string()));
            }
        };
        let mut kind = match entry.kind {
            Ok(kind) => kind,
            Err(error) => return self.unread(name, &error),
        };
        if self.follow && kind.is_symlink() {
            kind = match fs::metadata(&path) {
                Ok(metadata) => metadata.file_type(),
                Err(error) => return self.not_followed(name, &path, &error),
            };
            if kind.is_dir() && self.directories.iter().any(|above| above.is_at(&path)) {
                let is_seen = self.filter.concerns(&name);
                return is_seen.then(|| opaque(name + "/", Reason::SymlinkLoop));
            }
        }
        if kind.is_dir() {
            if !self.filter.enters(&name) {
                return None;
            }
            let entered = self.enter(path);
            return entered
                .err()
                .map(|error| opaque(name + "/", unreadable(&error)));
        }
        // What is below a skipped link is neither seen nor missing. A broken one may lead to a disk that is unmounted.
        let may_hide_files = || kind.is_symlink() && self.filter.enters(&name) && !path.is_file();
        if !self.filter.sees(&name) && !may_hide_files() {
            return None;
        }
        if entry.name.to_str().is_some_and(is_reserved) {
            return Some(opaque(name, Reason::PartialDownload));
        }
        if kind.is_symlink() {
            return Some(opaque(name, Reason::Symlink));
        }
        if !kind.is_file() {
            return Some(opaque(name, Reason::SpecialFile));
        }
        // Not `DirEntry::metadata`: on Windows it returns what the directory says, and NTFS updates the size and time
        // there only when the file is closed, and only for the name it was opened by.
        let metadata = match self.follow {
            true => fs::metadata(&path),
            false => fs::symlink_metadata(&path),
        };
        match metadata {
            Ok(metadata) => Some(match found_file(&metadata) {
                Ok(file) => Found::Entry(Entry::new(name, State::Local(file))),
                Err(error) => opaque(name, unreadable(&error)),
            }),
            Err(error) => self.unread(name, &error),
        }
    }

    /// An entry that can't be read. If it is missing, it was removed since its directory was read, unless the directory
    /// was.
    fn unread(&self, name: String, error: &io::Error) -> Option<Found> {
        let directory = self.directories.last()?;
        let is_removed = is_missing(error) && directory.is_still_there();
        let is_seen = self.filter.concerns(&name) && !is_removed;
        is_seen.then(|| opaque(name, unreadable(error)))
    }

    /// A symbolic link that can't be followed.
    fn not_followed(&self, mut name: String, path: &Path, error: &io::Error) -> Option<Found> {
        if !self.filter.concerns(&name) {
            return None;
        }
        if is_missing(error) {
            if fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) {
                let reason = Reason::Unreadable("the symbolic link is broken".to_owned());
                return Some(opaque(name, reason));
            }
            // It may have led to a directory.
            name.push('/');
        }
        Some(opaque(name, unreadable(error)))
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if !self.has_begun {
            self.has_begun = true;
            if let Some(found) = self.enter_root() {
                return Some(found);
            }
        }
        loop {
            let found = match self.directories.last_mut()?.entries.next() {
                Some(entry) => self.found(entry),
                None => self.leave(),
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

fn opaque(path: String, reason: Reason) -> Found {
    Found::Entry(Entry::opaque(path, reason))
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn unreadable(error: &io::Error) -> Reason {
    Reason::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(root: &Path, links: Links) -> Vec<String> {
        told(Walk::new(root, Filter::new(), links, false))
    }

    fn told(walk: Walk) -> Vec<String> {
        walk.map(|found| match found {
            Found::Entry(entry) => match entry.state {
                State::Opaque(reason) => format!("{} {reason:?}", entry.path),
                _ => entry.path.into(),
            },
            Found::NoText(path) => format!("no text {path}"),
            Found::NoRoot(why) => format!("no root: {why}"),
            Found::Replaced(path) => format!("replaced {path:?}"),
        })
        .collect()
    }

    #[test]
    fn a_walk_has_the_order_in_which_b2_lists() {
        let root = tempfile::tempdir().unwrap();
        let names = [
            "a/b",
            "a.txt",
            "a0",
            "a!",
            "a/b.c/d",
            "a/b0",
            "é",
            "z/\u{1f980}",
            "z/\u{fffd}",
            "Z",
        ];
        for name in names {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let mut sorted = names.map(str::to_owned).to_vec();
        sorted.sort();
        assert_eq!(walked(root.path(), Links::Skip), sorted);
    }

    #[test]
    fn a_root_that_is_gone_or_replaced_at_the_end_of_a_walk_is_reported() {
        let parent = tempfile::tempdir().unwrap();
        for replaced in [false, true] {
            let root = parent.path().join(format!("root-{replaced}"));
            fs::create_dir_all(root.join("d")).unwrap();
            fs::write(root.join("a"), "a").unwrap();
            fs::write(root.join("d/b"), "b").unwrap();
            let mut walk = Walk::new(&root, Filter::new(), Links::Skip, false);
            assert!(matches!(walk.next(), Some(Found::Entry(_))));
            fs::rename(&root, parent.path().join(format!("away-{replaced}"))).unwrap();
            if replaced {
                fs::create_dir(&root).unwrap();
            }
            let rest: Vec<_> = walk.by_ref().collect();
            let is_root = |found: &Found| matches!(found, Found::Replaced(path) if path.is_empty());
            assert!(rest.last().is_some_and(is_root), "{replaced}");
            // The directory that could not be opened is told as well.
            let unread = rest.iter().any(|found| {
                let Found::Entry(entry) = found else {
                    return false;
                };
                matches!(entry.state, State::Opaque(Reason::Unreadable(_)))
            });
            assert!(unread, "{replaced}");
            assert!(walk.next().is_none());
        }
    }

    /// As when a disk is unmounted: its mount point is an empty directory.
    fn replace(directory: &Path) {
        fs::rename(directory, directory.with_file_name("z")).unwrap();
        fs::create_dir(directory).unwrap();
    }

    #[test]
    fn a_file_that_is_gone_is_not_reported_unless_its_directory_is_gone_too() {
        for directory_is_gone in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let directory = root.path().join("d");
            fs::create_dir(&directory).unwrap();
            for name in ["d/a", "d/b", "e"] {
                fs::write(root.path().join(name), "x").unwrap();
            }
            let mut walk = Walk::new(root.path(), Filter::new(), Links::Skip, false);
            assert!(matches!(walk.next(), Some(Found::Entry(entry)) if *entry.path == *"d/a"));
            match directory_is_gone {
                true => replace(&directory),
                false => fs::remove_file(directory.join("b")).unwrap(),
            }
            let rest = told(walk);
            match directory_is_gone {
                true => {
                    assert!(rest[0].starts_with("d/b Unreadable"), "{rest:?}");
                    assert_eq!(rest[1..], ["replaced \"d/\"", "e"]);
                }
                false => assert_eq!(rest, ["e"]),
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_is_replaced_before_or_after_its_entries_are_read_is_reported() {
        for before in [true, false] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("d");
            fs::create_dir(&path).unwrap();
            for name in ["a", "d/a"] {
                fs::write(root.path().join(name), "x").unwrap();
            }
            let mut walk = Walk::new(root.path(), Filter::new(), Links::Skip, false);
            assert!(matches!(walk.next(), Some(Found::Entry(entry)) if *entry.path == *"a"));
            if before {
                let directory = Directory::new(path.clone()).unwrap();
                replace(&path);
                walk.directories.push(directory.read(false).unwrap());
            } else {
                assert!(matches!(walk.next(), Some(Found::Entry(entry)) if *entry.path == *"d/a"));
                replace(&path);
            }
            assert_eq!(told(walk), ["replaced \"d/\""], "{before}");
        }
    }

    #[test]
    fn a_filter_leaves_out_what_is_below_a_directory_that_it_does_not_enter() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a/b/c", "a/x", "b/c"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let filter = Filter::new()
            .include("a/**")
            .unwrap()
            .exclude("a/b")
            .unwrap();
        assert_eq!(
            told(Walk::new(root.path(), filter, Links::Skip, false)),
            ["a/x"]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_that_can_not_be_opened_is_reported_in_the_order_of_directories() {
        let root = tempfile::tempdir().unwrap();
        // Paths that are too long to be opened, even by root. `!` is before `/`.
        let deepest = ["a", "b"].map(|top| {
            let mut directory = root.path().join(top);
            for _ in 0..10 {
                directory.push("d".repeat(250));
                fs::create_dir_all(&directory).unwrap();
                fs::create_dir(format!("{}!", directory.display())).unwrap();
            }
            directory
        });
        fs::rename(root.path().join("b"), deepest[0].join("b")).unwrap();
        let paths: Vec<_> = Walk::new(root.path(), Filter::new(), Links::Skip, false)
            .map(|found| match found {
                Found::Entry(entry) => {
                    assert!(matches!(entry.state, State::Opaque(Reason::Unreadable(_))));
                    entry.path
                }
                _ => panic!("everything has a place"),
            })
            .collect();
        assert!(paths.len() == 2 && paths.is_sorted(), "{paths:?}");
        assert!(paths.iter().all(|path| path.ends_with('/')), "{paths:?}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_reported_or_followed_and_loops_end() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("d/e")).unwrap();
        fs::write(root.path().join("d/x"), "x").unwrap();
        symlink("..", root.path().join("d/e/up")).unwrap();
        symlink("d", root.path().join("c")).unwrap();
        symlink("nowhere", root.path().join("n")).unwrap();
        assert_eq!(
            walked(root.path(), Links::Skip),
            ["c Symlink", "d/e/up Symlink", "d/x", "n Symlink"]
        );
        let followed = walked(root.path(), Links::Follow);
        let nowhere = "n Unreadable(\"the symbolic link is broken\")";
        assert_eq!(
            followed,
            [
                "c/e/up/ SymlinkLoop",
                "c/x",
                "d/e/up/ SymlinkLoop",
                "d/x",
                nowhere
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_not_unicode_is_reported_and_its_directory_is_not_entered() {
        use std::os::unix::ffi::OsStrExt as _;
        let root = tempfile::tempdir().unwrap();
        let bad = root.path().join(std::ffi::OsStr::from_bytes(b"b\xff"));
        fs::create_dir(&bad).unwrap();
        fs::write(bad.join("x"), "").unwrap();
        fs::write(root.path().join("c"), "").unwrap();
        let found = walked(root.path(), Links::Skip);
        assert!(
            found.len() == 2 && found[0].starts_with("no text") && found[1] == "c",
            "{found:?}"
        );
    }

    #[test]
    fn a_missing_root_is_empty_only_where_it_may_be() {
        let root = Path::new("/nothing/is/here");
        assert_eq!(Walk::new(root, Filter::new(), Links::Skip, true).count(), 0);
        let found: Vec<_> = Walk::new(root, Filter::new(), Links::Skip, false).collect();
        assert!(matches!(&found[..], [Found::NoRoot(_)]));
    }

    #[test]
    fn a_root_that_is_a_file_is_unreadable_and_not_empty() {
        let root = tempfile::NamedTempFile::new().unwrap();
        let found: Vec<_> = Walk::new(root.path(), Filter::new(), Links::Skip, true).collect();
        assert!(matches!(&found[..], [Found::NoRoot(why)] if why == "it is not a directory"));
    }
}
