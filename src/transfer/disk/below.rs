//! [`PathBelow`]: a path below a directory, resolved without following symbolic links.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Component, Path};

use super::dir::Dir;
use crate::transfer::commit::EntryMetadata;

/// A name in a directory that is held open. Renaming directories of the path, or replacing them by
/// links, does not redirect operations.
#[derive(Debug)]
pub(crate) struct PathBelow {
    dir: Dir,
    name: OsString,
}

impl PathBelow {
    /// Opens the parent directory of this path; `None` if it is missing. `root` may be a link or
    /// contain links.
    ///
    /// Fails with [`NotADirectory`](io::ErrorKind::NotADirectory) if a component is something else,
    /// such as a link, and with [`InvalidInput`](io::ErrorKind::InvalidInput) if the path does not
    /// stay below `root`.
    pub(crate) fn find(root: &Path, path: &Path) -> io::Result<Option<Self>> {
        let names: Option<Vec<&OsStr>> = path
            .components()
            .map(|part| match part {
                Component::Normal(name) => Some(name),
                _ => None,
            })
            .collect();
        let names = names.unwrap_or_default();
        let (name, directories) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let enter = |dir: Dir, name: &&OsStr| dir.open_dir(name);
        let entered = Dir::open(root).and_then(|root| directories.iter().try_fold(root, enter));
        match entered {
            Ok(dir) => Ok(Some(Self {
                dir,
                name: (*name).to_owned(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The metadata of the entry; `None` if it is missing.
    pub(crate) fn metadata(&self) -> io::Result<Option<EntryMetadata>> {
        self.dir.metadata_of(&self.name)
    }

    /// Opens a regular file for reading. Follows no link, and never blocks on a pipe.
    pub(crate) fn open(&self) -> io::Result<File> {
        let there = self.metadata()?.ok_or(io::ErrorKind::NotFound)?;
        if !there.is_file {
            return Err(not_regular());
        }
        let file = self.dir.open_to_read(&self.name)?;
        // It may have been replaced in between.
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(not_regular()),
        }
    }

    /// Removes the file, if it exists.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.dir.remove(&self.name)
    }

    /// Removes a directory tree that contains only directories. Otherwise fails and removes
    /// nothing.
    pub(crate) fn remove_empty_directories(&self) -> io::Result<()> {
        let directory = self.dir.open_dir(&self.name)?;
        if !holds_only_directories(&directory)? {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_directories(&directory)?;
        drop(directory);
        self.dir.remove_dir(&self.name)
    }
}

fn holds_only_directories(dir: &Dir) -> io::Result<bool> {
    for name in dir.names()? {
        let is_directory = dir
            .metadata_of(&name)?
            .is_some_and(|there| there.is_directory);
        if !is_directory || !holds_only_directories(&dir.open_dir(&name)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remove_directories(dir: &Dir) -> io::Result<()> {
    for name in dir.names()? {
        remove_directories(&dir.open_dir(&name)?)?;
        dir.remove_dir(&name)?;
    }
    Ok(())
}

fn not_regular() -> io::Error {
    io::Error::other("it is not a regular file")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_through_a_link_is_not_a_directory_and_one_through_nothing_is_missing() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("real/d")).unwrap();
        fs::write(root.path().join("real/d/x"), "x").unwrap();
        symlink("real", root.path().join("link")).unwrap();
        let find = |path: &str| PathBelow::find(root.path(), Path::new(path));
        assert!(find("real/d/x").unwrap().unwrap().open().is_ok());
        assert!(find("missing/x").unwrap().is_none());
        for path in ["link/d/x", "real/d/x/y"] {
            assert_eq!(
                find(path).unwrap_err().kind(),
                io::ErrorKind::NotADirectory,
                "{path}"
            );
        }
        for path in ["", "../x", "/x", "real/../x"] {
            assert_eq!(
                find(path).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{path}"
            );
        }
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("d")).unwrap();
        symlink("/etc/hostname", root.path().join("link")).unwrap();
        for path in ["d", "link", "none"] {
            let there = PathBelow::find(root.path(), Path::new(path))
                .unwrap()
                .unwrap();
            assert!(there.open().is_err(), "{path}");
        }
    }

    #[test]
    fn directories_are_removed_if_there_is_nothing_else_in_them() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        fs::create_dir_all(root.path().join("a/d")).unwrap();
        fs::write(root.path().join("a/d/x"), "x").unwrap();
        let there = PathBelow::find(root.path(), Path::new("a"))
            .unwrap()
            .unwrap();
        assert!(there.remove_empty_directories().is_err());
        assert!(root.path().join("a/b/c").exists());
        fs::remove_file(root.path().join("a/d/x")).unwrap();
        there.remove_empty_directories().unwrap();
        assert!(!root.path().join("a").exists());
    }
}
