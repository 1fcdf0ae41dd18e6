//! Claims partial files: a file is created, taken over or removed only by the process that has
//! locked it, and only if it belongs to this user.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;

use super::dir::{Dir, FileStatus};

/// The result of claiming a name.
#[derive(Debug)]
pub(super) enum Claim {
    /// There is no such file.
    Missing,
    /// A regular file of this user without other hard links, not locked by another process. It is
    /// now open and locked.
    Claimed(File, FileStatus),
    /// A file that another process has locked.
    Locked,
    /// Something else, which must not be touched.
    NotOurs,
}

/// The result of opening a name for reading and writing.
#[derive(Debug)]
pub(super) enum Opened {
    /// There is no such file.
    Missing,
    /// A regular file of this user without other hard links.
    Ours(File, FileStatus),
    /// A file that another process has opened exclusively, as on Windows.
    InUse,
    /// Something else, which must not be touched.
    NotOurs,
}

/// Opens the file of this name, if it belongs to this user.
///
/// # Errors
/// Fails if the file belongs to this user but can't be opened, for example because the process has
/// no free descriptors. The file must not be discarded then.
pub(super) fn open_ours(dir: &Dir, name: &OsStr) -> io::Result<Opened> {
    let error = match dir.open_file(name) {
        Ok(file) => {
            let status = Dir::file_status(&file)?;
            return Ok(if status.is_exclusively_ours() {
                Opened::Ours(file, status)
            } else {
                Opened::NotOurs
            });
        }
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound => Ok(Opened::Missing),
        io::ErrorKind::PermissionDenied => Ok(Opened::NotOurs),
        _ if is_in_use(&error) => Ok(Opened::InUse),
        _ => Ok(match dir.status_of(name)? {
            Some(there) if there.is_exclusively_ours() => return Err(error),
            // A link, a directory or a socket.
            Some(_) => Opened::NotOurs,
            None => Opened::Missing,
        }),
    }
}

/// `ERROR_SHARING_VIOLATION` or `ERROR_LOCK_VIOLATION`.
fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33))
}

/// Claims the file of this name, if it belongs to this user and is not locked.
///
/// # Errors
/// As [`open_ours`].
pub(super) fn claim(dir: &Dir, name: &OsStr) -> io::Result<Claim> {
    let file = match open_ours(dir, name)? {
        Opened::Ours(file, _) => file,
        Opened::Missing => return Ok(Claim::Missing),
        Opened::InUse => return Ok(Claim::Locked),
        Opened::NotOurs => return Ok(Claim::NotOurs),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Claim::Locked),
        // Without locks it is unknown whether the file is in use.
        Err(TryLockError::Error(_)) => return Ok(Claim::NotOurs),
    }
    // The process that had locked it may have renamed or changed it in the meantime.
    let status = Dir::file_status(&file)?;
    if !name_refers_to(dir, name, status)? {
        return Ok(Claim::Locked);
    }
    Ok(if status.is_exclusively_ours() {
        Claim::Claimed(file, status)
    } else {
        Claim::NotOurs
    })
}

/// Creates a file with this name, and locks it if the file system has locks. `None` if the name is
/// taken, or another process locked the file first.
pub(super) fn create_locked(dir: &Dir, name: &OsStr) -> io::Result<Option<(File, FileStatus)>> {
    let file = match dir.create(name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        made => made?,
    };
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Ok(None);
    }
    let status = Dir::file_status(&file)?;
    Ok(name_refers_to(dir, name, status)?.then_some((file, status)))
}

/// Creates a file with this name, and first removes one abandoned by an earlier process. `None` if
/// the name is taken.
pub(super) fn recreate_locked(dir: &Dir, name: &OsStr) -> io::Result<Option<(File, FileStatus)>> {
    if let Some(made) = create_locked(dir, name)? {
        return Ok(Some(made));
    }
    remove_abandoned(dir, name)?;
    create_locked(dir, name)
}

/// Removes a file of this name abandoned by an earlier process.
pub(super) fn remove_abandoned(dir: &Dir, name: &OsStr) -> io::Result<()> {
    if let Claim::Claimed(_locked, _) = claim(dir, name)? {
        dir.remove(name)?;
    }
    Ok(())
}

/// Whether the name still refers to this file.
pub(super) fn name_refers_to(dir: &Dir, name: &OsStr, file: FileStatus) -> io::Result<bool> {
    let there = dir.status_of(name)?;
    Ok(there.is_some_and(|there| there.identity == file.identity))
}
