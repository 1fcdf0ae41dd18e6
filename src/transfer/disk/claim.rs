//! Claims partial files: one is created, taken over or removed only by the process that has locked
//! it, and only if it is its own.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;

use super::dir::{Dir, FileStatus};

/// What is at a name.
#[derive(Debug)]
pub(super) enum Claim {
    /// Nothing.
    Missing,
    /// A regular file of this user with no other name, which no process has locked: now open and
    /// locked.
    Claimed(File, FileStatus),
    /// A file that another process has locked.
    Locked,
    /// Something else, which is left alone.
    NotOurs,
}

/// What is at a name, opened for reading and writing.
#[derive(Debug)]
pub(super) enum Opened {
    /// Nothing.
    Missing,
    /// A regular file of this user with no other name.
    Ours(File, FileStatus),
    /// A file that another process has opened for itself alone, as on Windows.
    InUse,
    /// Something else, which is left alone.
    NotOurs,
}

/// Opens what is at this name, if it is this user's.
///
/// # Errors
/// If it is this user's and can't be opened all the same, say because no descriptor is free. That
/// says nothing about the file, so nobody may discard it.
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

/// Claims what is at this name, if it is this user's and not locked.
///
/// # Errors
/// Those of [`open_ours`].
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
    // The process that had it locked may have renamed or changed it before this lock.
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

/// Creates a file with this name in place of one that an earlier process left. `None` if the name
/// is not free.
pub(super) fn recreate_locked(dir: &Dir, name: &OsStr) -> io::Result<Option<(File, FileStatus)>> {
    if let Some(made) = create_locked(dir, name)? {
        return Ok(Some(made));
    }
    remove_abandoned(dir, name)?;
    create_locked(dir, name)
}

/// Removes what an earlier process left at this name.
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
