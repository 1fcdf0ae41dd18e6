//! A directory by its path, with what the standard library offers.
//!
//! It tells neither the owner of a file nor the number of its names, and what identifies a file is
//! its creation time, which a program can set. So a file is resumed only if a signed state is about
//! this very file (see `temp_file`), and a neighbour who may write to the directory is not held off
//! as on Unix.

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
    /// While these are open, nobody can rename the directory, or one on the way to it.
    held: Vec<std::sync::Arc<File>>,
}

impl Dir {
    /// The directory at a path of the caller's, in which links are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path: path.to_owned(),
            held: hold(path).into_iter().collect(),
        })
    }

    /// A directory in this one, created if there is none. A link to a directory is refused.
    pub(crate) fn open_or_create_dir(&self, name: &OsStr) -> io::Result<Self> {
        match fs::create_dir(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.open_dir(name),
        }
    }

    /// A directory in this one. What is no directory, such as a link to one, is refused as
    /// [`NotADirectory`](io::ErrorKind::NotADirectory).
    pub(crate) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.path.join(name);
        let mut held = self.held.clone();
        held.extend(hold(&path));
        // Checked once it is held.
        match fs::symlink_metadata(&path)? {
            there if kind(&there) == FileKind::Directory => Ok(Self { path, held }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The names in this directory.
    #[cfg(feature = "sync")]
    pub(crate) fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
        fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    /// Opens what is at this name for reading.
    #[cfg(feature = "sync")]
    pub(crate) fn open_to_read(&self, name: &OsStr) -> io::Result<File> {
        options().write(false).open(self.path.join(name))
    }

    /// Removes an empty directory.
    #[cfg(feature = "sync")]
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    /// The size and modification time of what is at this name; links are not followed.
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

    /// The status of what is at this name; links are not followed.
    pub(crate) fn status_of(&self, name: &OsStr) -> io::Result<Option<FileStatus>> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(there) => Ok(Some(status_from(&there))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens what is at this name for reading and writing. The caller checks its
    /// [status](Self::file_status).
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        options().open(self.path.join(name))
    }

    /// Creates a new file.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        options().create_new(true).open(self.path.join(name))
    }

    /// There are no modes here: permissions come from the directory.
    pub(crate) fn default_mode(&self, _: &OsStr) -> io::Result<u32> {
        Ok(0)
    }

    /// The status of an open file.
    pub(crate) fn file_status(file: &File) -> io::Result<FileStatus> {
        Ok(status_from(&file.metadata()?))
    }

    /// There are no modes here.
    pub(crate) fn set_mode(_: &File, _: u32) -> io::Result<()> {
        Ok(())
    }

    /// Renames a file in this directory, replacing what has the name.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    /// Removes a file, if there is one.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Directories can't be flushed here.
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

/// Opens a link or another reparse point itself.
#[cfg(windows)]
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Opens a directory so that nobody can rename or remove it; if that is refused, it is not held.
#[cfg(windows)]
fn hold(path: &Path) -> Option<std::sync::Arc<File>> {
    use std::os::windows::fs::OpenOptionsExt as _;
    /// Required to open a directory.
    const BACKUP_SEMANTICS: u32 = 0x0200_0000;
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

fn kind(there: &Metadata) -> FileKind {
    #[cfg(windows)]
    {
        use std::os::windows::fs::MetadataExt as _;
        const REPARSE_POINT: u32 = 0x400;
        // A junction is one too.
        if there.file_attributes() & REPARSE_POINT != 0 {
            return FileKind::Link;
        }
    }
    match there.file_type() {
        kind if kind.is_file() => FileKind::File,
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    }
}

fn status_from(there: &Metadata) -> FileStatus {
    #[cfg(windows)]
    let file = std::os::windows::fs::MetadataExt::creation_time(there);
    #[cfg(not(windows))]
    let file = 0;
    FileStatus {
        kind: kind(there),
        // The standard library reports neither the owner nor the number of names.
        is_ours: true,
        links: 1,
        mode: 0,
        identity: FileIdentity { device: 0, file },
    }
}
