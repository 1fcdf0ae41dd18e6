//! Opens files for uploads: on this thread if they are small and in memory, otherwise by a job.

use std::path::PathBuf;

use blocking::unblock;

use super::read::{OpenedFile, SourceFile};
use crate::error::Error;

/// Opens a file. If it is small and `read_small` is set, it is also read and hashed: at once if it
/// is in memory already, otherwise in the same job, since a second job would cost more than the
/// read.
pub(crate) async fn open(path: PathBuf, read_small: bool) -> Result<OpenedFile, Error> {
    #[cfg(target_os = "linux")]
    if read_small && let Some(file) = super::cached::read(&path) {
        return Ok(OpenedFile::Read(file));
    }
    unblock(move || OpenedFile::new(SourceFile::open(&path)?, read_small, &path)).await
}

/// Like `open`, for a path below `root`. Links in the path are rejected.
#[cfg(feature = "sync")]
pub(crate) async fn open_below(
    root: PathBuf,
    path: PathBuf,
    read_small: bool,
) -> Result<OpenedFile, Error> {
    #[cfg(target_os = "linux")]
    if read_small && let Some(file) = super::cached::read_below(&root, &path) {
        return Ok(OpenedFile::Read(file));
    }
    unblock(move || {
        let file = SourceFile::open_below(&root, &path)?;
        OpenedFile::new(file, read_small, &root.join(path))
    })
    .await
}
