//! A directory identified by its path, almost only with the standard library.
//!
//! The standard library reports neither the owner nor the number of hard links of a file. So a file
//! is resumed only if a signed state matches this very file (see `temp_file`). There is less
//! protection than on Unix against other users who can write to the directory.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::status::{FileIdentity, FileKind, FileStatus};
use crate::transfer::commit::EntryMetadata;

/// See [the module](super).
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
    /// While these are open, the directory and its parents can't be renamed.
    held: Vec<std::sync::Arc<File>>,
}

impl Dir {
    /// Opens the directory at a path of the caller's, following links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path: path.to_owned(),
            held: hold(path).into_iter().collect(),
        })
    }

    /// Opens a subdirectory, creating it if it is missing. Links are rejected.
    pub(crate) fn open_or_create_dir(&self, name: &OsStr) -> io::Result<Self> {
        match fs::create_dir(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.open_dir(name),
        }
    }

    /// Opens a subdirectory. Anything else, even a link to a directory, fails with
    /// [`NotADirectory`](io::ErrorKind::NotADirectory).
    pub(crate) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        let mut held = self.held.clone();
        held.extend(hold(&path));
        // Check after opening, so that it can't be replaced in between.
        match fs::symlink_metadata(&path)? {
            there if kind(&there) == FileKind::Directory => Ok(Self { path, held }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Lists the names in this directory.
    #[cfg(feature = "sync")]
    pub(crate) fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    /// Opens the file of this name for reading. Links are rejected.
    #[cfg(feature = "sync")]
    pub(crate) fn open_to_read(&self, name: &OsStr) -> io::Result<File> {
        // Not as a reparse point, which would bypass what supplies the bytes of a file that is
        // deduplicated or in the cloud.
        let file = File::open(self.path.join(name))?;
        // Check after opening, so that it can't be replaced by a link in between.
        let opened = Self::file_status(&file)?.identity;
        match self.status_of(name)? {
            Some(there) if there.kind != FileKind::Link && there.identity == opened => Ok(file),
            _ => Err(io::Error::other("it was replaced while it was opened")),
        }
    }

    /// Removes an empty directory.
    #[cfg(feature = "sync")]
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    /// The metadata of the entry of this name. Links are not followed.
    pub(crate) fn metadata_of(&self, name: &OsStr) -> io::Result<Option<EntryMetadata>> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(there) => Ok(Some(EntryMetadata {
                is_file: kind(&there) == FileKind::File,
                is_directory: kind(&there) == FileKind::Directory,
                len: there.len(),
                modified: there.modified().ok(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The status of the entry of this name. Links are not followed.
    pub(crate) fn status_of(&self, name: &OsStr) -> io::Result<Option<FileStatus>> {
        match status_at(&self.path.join(name)) {
            Ok(status) => Ok(Some(status)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the file of this name for reading and writing. The caller has to check its
    /// [status](Self::file_status).
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        options().open(self.path.join(name))
    }

    /// Creates a new file.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        options().create_new(true).open(self.path.join(name))
    }

    /// No-op: there are no modes here, and permissions come from the directory.
    pub(crate) fn default_mode(&self, _: &OsStr) -> io::Result<u32> {
        Ok(0)
    }

    /// The status of an open file.
    pub(crate) fn file_status(file: &File) -> io::Result<FileStatus> {
        Ok(status_from(&file.metadata()?, identity(file)?))
    }

    /// No-op: there are no modes here.
    pub(crate) fn set_mode(_: &File, _: u32) -> io::Result<()> {
        Ok(())
    }

    /// Renames a file in this directory, replacing any existing one.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// No-op: directories can't be synced here, so a crash may undo the last renames.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        options.custom_flags(OPEN_REPARSE_POINT);
    }
    options
}

/// `FILE_FLAG_OPEN_REPARSE_POINT`: opens a link or other reparse point itself.
#[cfg(windows)]
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// `FILE_FLAG_BACKUP_SEMANTICS`: required to open a directory.
#[cfg(windows)]
const BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// Opens a directory so that it can't be renamed or removed. `None` if it can't be opened.
#[cfg(windows)]
fn hold(path: &Path) -> Option<std::sync::Arc<File>> {
    use std::os::windows::fs::OpenOptionsExt as _;
    /// Others may read and write, but neither delete nor rename.
    const SHARE_READ_AND_WRITE: u32 = 0x3;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(BACKUP_SEMANTICS | OPEN_REPARSE_POINT)
        .share_mode(SHARE_READ_AND_WRITE);
    options.open(path).ok().map(std::sync::Arc::new)
}

#[cfg(not(windows))]
fn hold(_: &Path) -> Option<std::sync::Arc<File>> {
    None
}

/// Only links are followed, so no other reparse point counts as one: a file that is deduplicated or in the cloud is a
/// file like any other.
fn kind(there: &Metadata) -> FileKind {
    match there.file_type() {
        // On Windows a junction, too.
        kind if kind.is_symlink() => FileKind::Link,
        kind if kind.is_file() => FileKind::File,
        kind if kind.is_dir() => FileKind::Directory,
        _ => FileKind::Other,
    }
}

/// The kind of what may be a file of ours. No reparse point is, since [`options`] opens it without the bytes that it
/// stands for.
fn own_kind(there: &Metadata) -> FileKind {
    #[cfg(windows)]
    {
        use std::os::windows::fs::MetadataExt as _;
        const REPARSE_POINT: u32 = 0x400;
        if kind(there) == FileKind::File && there.file_attributes() & REPARSE_POINT != 0 {
            return FileKind::Other;
        }
    }
    kind(there)
}

fn status_from(there: &Metadata, identity: FileIdentity) -> FileStatus {
    FileStatus {
        kind: own_kind(there),
        // The standard library reports neither the owner nor the number of hard links.
        is_ours: true,
        links: 1,
        mode: 0,
        identity,
    }
}

/// The status of the entry at a path. Links are not followed.
#[cfg(windows)]
fn status_at(path: &Path) -> io::Result<FileStatus> {
    use std::os::windows::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    // Without access to the content, so that it may be in use.
    options
        .access_mode(0)
        .custom_flags(BACKUP_SEMANTICS | OPEN_REPARSE_POINT);
    Dir::file_status(&options.open(path)?)
}

#[cfg(not(windows))]
fn status_at(path: &Path) -> io::Result<FileStatus> {
    Ok(status_from(&fs::symlink_metadata(path)?, NO_IDENTITY))
}

/// The creation time alone is not enough: NTFS gives a new file that of one which had the same name until 15 seconds
/// ago. Nor is the index, which some network file systems lack.
#[cfg(windows)]
fn identity(file: &File) -> io::Result<FileIdentity> {
    let information = winapi_util::file::information(file)?;
    Ok(FileIdentity {
        device: information.creation_time().unwrap_or_default(),
        file: information.file_index(),
    })
}

#[cfg(not(windows))]
fn identity(_: &File) -> io::Result<FileIdentity> {
    Ok(NO_IDENTITY)
}

#[cfg(not(windows))]
const NO_IDENTITY: FileIdentity = FileIdentity { device: 0, file: 0 };
