//! A directory identified by its descriptor. Links in it are never followed, and opening a file
//! never blocks.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::status::{FileIdentity, FileKind, FileStatus};
use crate::transfer::commit::EntryMetadata;

/// Mode 600.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Mode 666, and 777 for directories, from which the umask is subtracted.
const USUAL: Mode = PRIVATE
    .union(Mode::RGRP)
    .union(Mode::WGRP)
    .union(Mode::ROTH)
    .union(Mode::WOTH);
const USUAL_DIRECTORY: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// See [the module](super).
#[derive(Debug)]
pub(crate) struct Dir {
    directory: OwnedFd,
    is_readable: bool,
}

impl Dir {
    /// Opens the directory at a path of the caller's, following links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::at(CWD, path.as_os_str(), OFlags::empty())
    }

    /// Opens a subdirectory, creating it if it is missing. Links are rejected.
    pub(crate) fn open_or_create_dir(&self, name: &OsStr) -> io::Result<Self> {
        match self.enter(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            entered => return entered,
        }
        match fs::mkdirat(&self.directory, name, USUAL_DIRECTORY) {
            // Another process was faster.
            Ok(()) | Err(Errno::EXIST) => self.enter(name),
            Err(error) => Err(error.into()),
        }
    }

    fn enter(&self, name: &OsStr) -> io::Result<Self> {
        Self::at(&self.directory, name, OFlags::NOFOLLOW)
    }

    fn at(from: impl std::os::fd::AsFd, path: &OsStr, flags: OFlags) -> io::Result<Self> {
        let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = fs::openat(&from, path, flags | OFlags::RDONLY, Mode::empty());
        // The directory may be written to and traversed, but not read.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if matches!(opened, Err(Errno::ACCESS)) {
            return Ok(Self {
                directory: fs::openat(&from, path, flags | OFlags::PATH, Mode::empty())?,
                is_readable: false,
            });
        }
        Ok(Self {
            directory: opened?,
            is_readable: true,
        })
    }

    /// Opens a subdirectory. Anything else, even a link to a directory, fails with
    /// [`NotADirectory`](io::ErrorKind::NotADirectory).
    #[cfg(feature = "sync")]
    pub(crate) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        self.enter(name).map_err(|error| {
            let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
            match is_link {
                true => io::ErrorKind::NotADirectory.into(),
                false => error,
            }
        })
    }

    /// Lists the names in this directory.
    #[cfg(feature = "sync")]
    pub(crate) fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
        use std::os::unix::ffi::OsStrExt as _;
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.directory)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Opens the file of this name for reading.
    #[cfg(feature = "sync")]
    pub(crate) fn open_to_read(&self, name: &OsStr) -> io::Result<File> {
        self.file(name, OFlags::RDONLY, Mode::empty())
    }

    /// Removes an empty directory.
    #[cfg(feature = "sync")]
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.directory, name, AtFlags::REMOVEDIR)?)
    }

    /// The metadata of the entry of this name. Links are not followed.
    pub(crate) fn metadata_of(&self, name: &OsStr) -> io::Result<Option<EntryMetadata>> {
        match fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(metadata_from(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The status of the entry of this name. Links are not followed.
    pub(crate) fn status_of(&self, name: &OsStr) -> io::Result<Option<FileStatus>> {
        match fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(status_from(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the file of this name for reading and writing. The caller has to check its
    /// [status](Self::file_status).
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        self.file(name, OFlags::RDWR, Mode::empty())
    }

    /// Creates a new file that no other user can access.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        self.make(name, PRIVATE)
    }

    /// The mode of new files in this directory, which depends on the umask and the directory's
    /// default ACL. Briefly creates a file with this name to find out.
    pub(crate) fn default_mode(&self, name: &OsStr) -> io::Result<u32> {
        let made = match self.make(name, USUAL) {
            // Left by a process that was killed here.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove(name)?;
                self.make(name, USUAL)?
            }
            made => made?,
        };
        let mode = Self::file_status(&made)?.mode;
        self.remove(name)?;
        Ok(mode & 0o666)
    }

    fn make(&self, name: &OsStr, mode: Mode) -> io::Result<File> {
        self.file(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, mode)
    }

    fn file(&self, name: &OsStr, flags: OFlags, mode: Mode) -> io::Result<File> {
        let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(fs::openat(&self.directory, name, flags | safe, mode)?.into())
    }

    /// The status of an open file.
    pub(crate) fn file_status(file: &File) -> io::Result<FileStatus> {
        Ok(status_from(&fs::fstat(file)?))
    }

    /// Sets the mode of a file.
    pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(mode))
    }

    /// Renames a file in this directory, replacing any existing one.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.directory, from, &self.directory, to)?)
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Syncs the directory to disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if !self.is_readable {
            return Ok(());
        }
        match fs::fsync(&self.directory) {
            // Some network file systems don't support it.
            Ok(()) | Err(Errno::INVAL | Errno::ACCESS | Errno::PERM | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "these numbers have other sizes on other systems"
)]
fn metadata_from(stat: &Stat) -> EntryMetadata {
    let kind = FileType::from_raw_mode(stat.st_mode);
    let (seconds, nanos) = (stat.st_mtime as i64, stat.st_mtime_nsec as u32);
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let modified = match seconds {
        0.. => UNIX_EPOCH.checked_add(whole),
        _ => UNIX_EPOCH.checked_sub(whole),
    };
    EntryMetadata {
        is_file: kind == FileType::RegularFile,
        is_directory: kind == FileType::Directory,
        len: stat.st_size as u64,
        modified: modified
            .and_then(|modified| modified.checked_add(Duration::from_nanos(nanos.into()))),
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "these numbers have other sizes on other systems"
)]
fn status_from(stat: &Stat) -> FileStatus {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    };
    FileStatus {
        kind,
        is_ours: stat.st_uid == rustix::process::geteuid().as_raw(),
        links: stat.st_nlink.into(),
        mode: u32::from(stat.st_mode) & 0o7777,
        identity: FileIdentity {
            device: stat.st_dev as u64,
            file: stat.st_ino,
        },
    }
}
