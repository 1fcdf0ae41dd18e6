//! Queries about single files of the local side.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{self, Path};
use std::time::SystemTime;

use super::entry::LocalFile;
use super::names::{are_one_text, folded};
use super::policy::SyncPolicy;
use super::reason::Reason;
use crate::transfer::{EntryMetadata, PathBelow, open_nonblocking};
use crate::types::{Sha1, Timestamp};

/// A regular file, from its metadata.
pub(super) fn found_file(metadata: &Metadata) -> io::Result<LocalFile> {
    local_file(metadata.len(), metadata.modified()?)
}

fn local_file(bytes: u64, modified: SystemTime) -> io::Result<LocalFile> {
    let too_far = || io::Error::other("its modification time is out of range");
    let millis = Timestamp::from_system_time(modified).ok_or_else(too_far)?;
    let cut = millis.to_system_time().ok_or_else(too_far)?;
    let rest = modified
        .duration_since(cut)
        .or_else(|_| cut.duration_since(modified));
    Ok(LocalFile {
        bytes,
        modified: millis,
        nanos: rest.map_or(0, |rest| rest.subsec_nanos()),
    })
}

/// Whether the path still has what the plan found there. No link is followed below the root.
pub(super) fn is_unchanged(
    root: &Path,
    path: &Path,
    planned: Option<LocalFile>,
) -> io::Result<bool> {
    let there = match PathBelow::find(root, path) {
        Ok(Some(there)) => there.metadata()?,
        Ok(None) => None,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(error),
    };
    is_as_planned(there, planned)
}

/// The regular file at the path, if there is one. No link is followed below the root.
pub(super) fn file_at(root: &Path, path: &Path) -> Option<LocalFile> {
    let there = PathBelow::find(root, path).ok()??.metadata().ok()??;
    let modified = there.modified.filter(|_| there.is_file)?;
    local_file(there.len, modified).ok()
}

/// Whether there is anything but a directory at the path.
pub(super) fn is_file_there(path: &Path) -> io::Result<bool> {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match fs::symlink_metadata(path) {
        Ok(there) => Ok(!there.is_dir()),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether this is what the plan found.
pub(super) fn is_as_planned(
    there: Option<EntryMetadata>,
    planned: Option<LocalFile>,
) -> io::Result<bool> {
    let (there, planned) = match (there, planned) {
        (None, planned) => return Ok(planned.is_none()),
        (Some(_), None) => return Ok(false),
        (Some(there), Some(planned)) => (there, planned),
    };
    match there.modified.filter(|_| there.is_file) {
        Some(modified) => Ok(local_file(there.len, modified)? == planned),
        None => Ok(false),
    }
}

/// Deletes a file if it is still the one that the plan found. Returns whether it was.
pub(super) fn delete_unchanged(root: &Path, path: &Path, planned: LocalFile) -> io::Result<bool> {
    let there = match PathBelow::find(root, path) {
        Ok(Some(there)) => there,
        Ok(None) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(error),
    };
    let found = there.metadata()?;
    if found.is_none() || !is_as_planned(found, Some(planned))? {
        return Ok(false);
    }
    there.remove()?;
    Ok(true)
}

/// What is in the way of a file that is to be downloaded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Directory,
    /// A file that the plan did not find.
    File,
    /// A file that the plan may have found at this path, which the file system doesn't distinguish.
    Collision(String),
    /// A file or a link that would be one of its directories, and why it is refused.
    Above(Reason),
    /// Something that is no file, in a destination that is ignored.
    NotAFile,
}

impl Obstacle {
    /// What is at the path, or above it. If `may_remove` is set, a directory that contains nothing but
    /// directories is removed. A file counts only if the path `is_new` and collisions are refused.
    pub(super) fn find(
        root: &Path,
        path: &str,
        policy: &SyncPolicy,
        is_new: bool,
        may_remove: bool,
    ) -> Option<Self> {
        let there = match PathBelow::find(root, Path::new(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Self::above(root, path);
            }
            there => there.ok()??,
        };
        let found = there.metadata().ok()??;
        if found.is_directory {
            let is_removed = may_remove && there.remove_empty_directories().is_ok();
            return (!is_removed).then_some(Self::Directory);
        }
        if policy.ignore_destination {
            return (!found.is_file).then_some(Self::NotAFile);
        }
        let collides = is_new && policy.refuse_collisions;
        collides.then(|| other_path(root, path).map_or(Self::File, Self::Collision))
    }

    /// The first of the path's directories that is none.
    fn above(root: &Path, path: &str) -> Option<Self> {
        path.match_indices('/').find_map(|(end, _)| {
            let above = &path[..end];
            let there = fs::symlink_metadata(root.join(above)).ok()?;
            let reason = match there.is_file() {
                true => Reason::ParentIsFile(above.to_owned()),
                false => Reason::BelowSkipped,
            };
            (!there.is_dir()).then_some(Self::Above(reason))
        })
    }

    /// Whether the file can have its path once extra files are deleted.
    pub(super) fn may_be_extra(&self, path: &str) -> bool {
        let directory = |path: &str| path.rfind('/').map(|end| path[..end].to_owned());
        match self {
            Self::Directory | Self::File => true,
            Self::Above(_) | Self::NotAFile => false,
            // A directory stays, and with it the difference; as does the normal form that a file
            // system gives all names.
            Self::Collision(other) => {
                directory(other) == directory(path) && !are_one_text(other, path)
            }
        }
    }

    /// Why the file is refused. `None` if something has changed since the plan was made.
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Directory => Some(Reason::DirectoryInTheWay),
            Self::File => None,
            Self::Collision(other) => Some(Reason::Collision(other)),
            Self::Above(reason) => Some(reason),
            Self::NotAFile => Some(Reason::DestinationNotAFile),
        }
    }
}

/// The path by which the system knows a file, if it differs only in what some file systems ignore.
fn other_path(root: &Path, path: &str) -> Option<String> {
    let there = fs::canonicalize(root.join(path)).ok()?;
    let there = there.strip_prefix(fs::canonicalize(root).ok()?).ok()?;
    let there = there.to_str()?.replace(path::MAIN_SEPARATOR, "/");
    (there != path && folded(&there) == folded(path)).then_some(there)
}

/// The SHA-1 of a file below the root.
pub(super) fn hash(root: &Path, path: &str, follow_links: bool) -> io::Result<Sha1> {
    Sha1::of_reader(open(root, Path::new(path), follow_links)?)
}

fn open(root: &Path, path: &Path, follow_links: bool) -> io::Result<File> {
    if !follow_links {
        let there = PathBelow::find(root, path)?;
        return there.ok_or(io::ErrorKind::NotFound)?.open();
    }
    let path = root.join(path);
    let is_regular = |metadata: Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is no longer a regular file")),
    };
    // Opening alone wakes the writer of a pipe.
    is_regular(fs::metadata(&path)?)?;
    let file = open_nonblocking(&path)?;
    // It may have been replaced in between.
    is_regular(file.metadata()?)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The link stands for a name that differs only in case.
    #[cfg(unix)]
    #[test]
    fn a_file_in_the_way_is_a_collision_if_the_system_knows_it_by_a_name_in_another_case() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("D")).unwrap();
        fs::write(root.path().join("D/Photo.jpg"), "x").unwrap();
        symlink("Photo.jpg", root.path().join("D/photo.JPG")).unwrap();
        symlink("Photo.jpg", root.path().join("D/another")).unwrap();
        symlink("D", root.path().join("d")).unwrap();
        let policy = SyncPolicy::new().refuse_collisions(true);
        let find = |path| Obstacle::find(root.path(), path, &policy, true, false);
        let collision = Obstacle::Collision("D/Photo.jpg".to_owned());
        assert_eq!(find("D/photo.JPG"), Some(collision));
        for path in ["D/Photo.jpg", "D/another"] {
            assert_eq!(find(path), Some(Obstacle::File), "{path}");
        }
        assert_eq!(find("D"), Some(Obstacle::Directory));
        assert_eq!(find("none"), None);
        let known = |path| Obstacle::find(root.path(), path, &policy, false, false);
        assert_eq!(known("D/Photo.jpg"), None);
        let other = other_path(root.path(), "d/Photo.jpg").unwrap();
        assert_eq!(other, "D/Photo.jpg");
        // Deleting the file would leave the directory.
        assert!(!Obstacle::Collision(other).may_be_extra("d/Photo.jpg"));
        assert!(Obstacle::Collision("a/B".to_owned()).may_be_extra("a/b"));
        // Otherwise it would be deleted and downloaded in each run.
        assert!(!Obstacle::Collision("e\u{301}".to_owned()).may_be_extra("\u{e9}"));
    }

    #[test]
    fn a_file_is_unchanged_while_size_and_time_are_those_of_the_plan() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("d/x");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let is_unchanged = |planned| is_unchanged(root.path(), Path::new("d/x"), planned).unwrap();
        assert!(is_unchanged(None));
        fs::write(&path, "x").unwrap();
        let planned = found_file(&fs::metadata(&path).unwrap()).unwrap();
        assert!(is_unchanged(Some(planned)) && !is_unchanged(None));
        fs::write(&path, "xy").unwrap();
        assert!(!is_unchanged(Some(planned)));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(!is_unchanged(Some(planned)) && !is_unchanged(None));
    }
}
