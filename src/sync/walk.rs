//! [`Walk`]: a sorted walk through a local tree.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fs;
use std::io;
use std::iter;
use std::path::{self, Path, PathBuf};

use futures_core::Stream;
use walkdir::{DirEntry, WalkDir};

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
    /// The root was replaced by a different directory after the walk began: its disk may have been
    /// unmounted.
    RootGone,
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
    entries: walkdir::IntoIter,
    filter: Filter,
    may_be_missing: bool,
    has_begun: bool,
    /// The directories from the root to the one that is read.
    directories: Vec<Directory>,
}

/// A directory as the walk found it. If another one is at its path later, for example because a disk was unmounted, the
/// files that are missing then were not deleted.
struct Directory {
    path: PathBuf,
    identity: Option<Identity>,
}

impl Directory {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            identity: identity(path),
        }
    }

    fn is_still_there(&self) -> bool {
        self.identity.is_some() && identity(&self.path) == self.identity
    }
}

/// The identity of a directory.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = bool;

fn identity(directory: &Path) -> Option<Identity> {
    let metadata = directory.metadata().ok()?;
    #[cfg(unix)]
    return Some((
        std::os::unix::fs::MetadataExt::dev(&metadata),
        std::os::unix::fs::MetadataExt::ino(&metadata),
    ));
    #[cfg(not(unix))]
    return metadata.is_dir().then_some(true);
}

impl Walk {
    pub(super) fn new(root: &Path, filter: Filter, links: Links, may_be_missing: bool) -> Self {
        let follow = links == Links::Follow;
        let walk = WalkDir::new(root)
            .min_depth(1)
            .follow_links(follow)
            .sort_by(move |a, b| order(a, b, follow));
        Self {
            root: root.to_owned(),
            entries: walk.into_iter(),
            filter,
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

    fn found(&mut self, entry: &DirEntry) -> Option<Found> {
        let kind = entry.file_type();
        let path = match self.relative(entry.path()) {
            Ok(path) => path,
            Err(path) => {
                if kind.is_dir() {
                    self.entries.skip_current_dir();
                }
                let is_seen = match kind.is_file() {
                    true => self.filter.sees(&path),
                    false => self.filter.concerns(&path),
                };
                return is_seen.then(|| no_text(entry.path()));
            }
        };
        if kind.is_dir() {
            if self.filter.enters(&path) {
                self.directories.truncate(entry.depth());
                self.directories.push(Directory::new(entry.path()));
            } else {
                self.entries.skip_current_dir();
            }
            return None;
        }
        // What is below a skipped link is neither seen nor missing. A broken one may lead to a disk that is unmounted.
        let may_hide_files =
            || kind.is_symlink() && self.filter.enters(&path) && !entry.path().is_file();
        if !self.filter.sees(&path) && !may_hide_files() {
            return None;
        }
        if entry.file_name().to_str().is_some_and(is_reserved) {
            return Some(Found::Entry(Entry::opaque(path, Reason::PartialDownload)));
        }
        let state = if kind.is_symlink() {
            State::Opaque(Reason::Symlink)
        } else if !kind.is_file() {
            State::Opaque(Reason::SpecialFile)
        } else {
            match metadata(entry) {
                Ok(metadata) => match found_file(&metadata) {
                    Ok(file) => State::Local(file),
                    Err(error) => State::Opaque(Reason::Unreadable(error.to_string())),
                },
                // It was removed since its directory was read, if the directory was not.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && self
                            .parent(entry.depth())
                            .is_some_and(Directory::is_still_there) =>
                {
                    return None;
                }
                Err(error) => State::Opaque(Reason::Unreadable(error.to_string())),
            }
        };
        Some(Found::Entry(Entry::new(path, state)))
    }

    /// The directory of the entries at this depth.
    fn parent(&self, depth: usize) -> Option<&Directory> {
        self.directories.get(depth.checked_sub(1)?)
    }

    fn failed(&self, error: &walkdir::Error) -> Option<Found> {
        // An error without a path is one of the directory that is read.
        let directory = || Some(&*self.parent(error.depth())?.path);
        let path = error.path().or_else(directory).unwrap_or(&self.root);
        if path == self.root {
            if self.may_be_missing && is_missing(error) {
                return None;
            }
            return Some(Found::NoRoot(why(error)));
        }
        let mut name = match self.relative(path) {
            Ok(name) => name,
            Err(name) => return self.filter.concerns(&name).then(|| no_text(path)),
        };
        if !self.filter.concerns(&name) {
            return None;
        }
        if error.loop_ancestor().is_some() {
            name.push('/');
            return Some(Found::Entry(Entry::opaque(name, Reason::SymlinkLoop)));
        }
        let is_link = fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
        if is_link && is_missing(error) {
            let reason = Reason::Unreadable("the symbolic link is broken".to_owned());
            return Some(Found::Entry(Entry::opaque(name, reason)));
        }
        // Errors of a directory are reported at its place in the order. A missing directory may be
        // missing together with the disk that it is on.
        let was_entered = self.directories.iter().any(|entered| entered.path == path);
        if was_entered || path.is_dir() || is_missing(error) {
            name.push('/');
        }
        let reason = Reason::Unreadable(why(error));
        Some(Found::Entry(Entry::opaque(name, reason)))
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if !self.has_begun {
            self.has_begun = true;
            self.directories.push(Directory::new(&self.root));
            if self.root.metadata().is_ok_and(|root| !root.is_dir()) {
                return Some(Found::NoRoot("it is not a directory".to_owned()));
            }
        }
        loop {
            let Some(next) = self.entries.next() else {
                // Once.
                let root = self.directories.drain(..).next()?;
                let is_gone = root.identity.is_some() && !root.is_still_there();
                return is_gone.then_some(Found::RootGone);
            };
            let found = match next {
                Ok(entry) => self.found(&entry),
                Err(error) => self.failed(&error),
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

/// Orders the entries of one directory by the bytes of their names, with a `/` after a directory's
/// name.
fn order(a: &DirEntry, b: &DirEntry, follow: bool) -> Ordering {
    // Compares whole paths, since they differ only in the names.
    let [x, y] = [a, b].map(|entry| entry.path().as_os_str().as_encoded_bytes());
    let common = x.len().min(y.len());
    x[..common].cmp(&y[..common]).then_with(|| {
        let end = |entry: &DirEntry| {
            let kind = entry.file_type();
            let is_directory =
                kind.is_dir() || follow && kind.is_symlink() && entry.path().is_dir();
            is_directory.then_some(b'/')
        };
        let [x, y] = [&x[common..], &y[common..]].map(|rest| rest.iter().copied());
        x.chain(end(a)).cmp(y.chain(end(b)))
    })
}

/// The metadata of a regular file. `DirEntry::metadata` is not enough: on Windows it returns what the directory says,
/// and NTFS updates the size and time there only when the file is closed, and only for the name it was opened by.
fn metadata(entry: &DirEntry) -> io::Result<fs::Metadata> {
    match entry.path_is_symlink() {
        true => fs::metadata(entry.path()),
        false => fs::symlink_metadata(entry.path()),
    }
}

fn no_text(path: &Path) -> Found {
    Found::NoText(path.display().to_string())
}

fn is_missing(error: &walkdir::Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn why(error: &walkdir::Error) -> String {
    match error.io_error() {
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(root: &Path, links: Links) -> Vec<String> {
        Walk::new(root, Filter::new(), links, false)
            .map(|found| match found {
                Found::Entry(entry) => match entry.state {
                    State::Opaque(reason) => format!("{} {reason:?}", entry.path),
                    _ => entry.path.into(),
                },
                Found::NoText(path) => format!("no text {path}"),
                Found::NoRoot(why) => format!("no root: {why}"),
                Found::RootGone => "the root is gone".to_owned(),
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
            assert!(matches!(rest.last(), Some(Found::RootGone)), "{replaced}");
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

    #[test]
    fn a_file_that_is_gone_is_not_reported_unless_its_directory_is_gone_too() {
        let parent = tempfile::tempdir().unwrap();
        for directory_is_gone in [false, true] {
            let root = parent.path().join(format!("root-{directory_is_gone}"));
            let directory = root.join("d");
            fs::create_dir_all(&directory).unwrap();
            for name in ["d/a", "d/b", "e"] {
                fs::write(root.join(name), "x").unwrap();
            }
            let mut walk = Walk::new(&root, Filter::new(), Links::Skip, false);
            assert!(matches!(walk.next(), Some(Found::Entry(entry)) if *entry.path == *"d/a"));
            if directory_is_gone {
                // As when a disk is unmounted: its mount point is an empty directory.
                fs::rename(&directory, root.join("z")).unwrap();
                fs::create_dir(&directory).unwrap();
            } else {
                fs::remove_file(root.join("d/b")).unwrap();
            }
            let rest: Vec<_> = walk
                .map(|found| match found {
                    Found::Entry(entry) => (entry.path.into(), entry.state),
                    _ => panic!("the root is still there"),
                })
                .collect();
            let is_unread = |(path, state): &(String, State)| {
                path == "d/b" && matches!(state, State::Opaque(Reason::Unreadable(_)))
            };
            assert_eq!(rest.iter().any(is_unread), directory_is_gone, "{rest:?}");
            assert_eq!(rest.last().unwrap().0, "e");
        }
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
