//! Queries about single files of the local side.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::entry::LocalFile;
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

/// Whether there is a directory at the path of a file. If `may_remove` is set, a directory that
/// contains nothing but directories is removed.
pub(super) fn is_directory_in_the_way(root: &Path, path: &Path, may_remove: bool) -> bool {
    let Ok(Some(there)) = PathBelow::find(root, path) else {
        return false;
    };
    let is_directory = matches!(there.metadata(), Ok(Some(there)) if there.is_directory);
    is_directory && !(may_remove && there.remove_empty_directories().is_ok())
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
