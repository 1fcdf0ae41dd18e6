//! The directory of an account: for its owner only, and locked by one emulator at a time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub(super) fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.create(directory);
    if made.is_err() && fs::metadata(directory).is_ok_and(|it| !it.is_dir()) {
        let message = "not a directory";
        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
    }
    made
}

pub(super) fn lock(directory: &Path) -> io::Result<File> {
    let path: PathBuf = directory.join("lock");
    let file = File::create(&path)?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => {
            let message = format!("{} is in use by another emulator", directory.display());
            io::Error::new(io::ErrorKind::AddrInUse, message)
        }
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}
