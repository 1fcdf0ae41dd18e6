//! The permissions of a finished file.

use std::ffi::OsStr;
use std::fs::File;
use std::io;

use b2kit_core::adapter::is_exhaustion;

use super::dir::{Dir, FileKind, FileStatus};

/// Accessible only to the owner.
const PRIVATE: u32 = 0o600;

/// Gives a file the mode of the file that it replaces, or the default mode of a new file. Until
/// then only its owner can open it.
pub(super) fn apply_final_mode(
    dir: &Dir,
    file: &File,
    target: &OsStr,
    empty: &OsStr,
) -> io::Result<()> {
    let replaced = dir.status_of(target)?;
    let usual = if keeps_mode(replaced) {
        0
    } else {
        match dir.default_mode(empty) {
            // The caller retries.
            Err(error) if is_exhaustion(&error) => return Err(error),
            // If the default mode can't be determined, keep the file private.
            usual => usual.unwrap_or(PRIVATE),
        }
    };
    let mode = final_mode(replaced, usual);
    if Dir::file_status(file)?.mode == mode {
        return Ok(());
    }
    match Dir::set_mode(file, mode) {
        // Some file systems have one mode for all files.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        set => set,
    }
}

/// Makes a file private again after a failed rename, unless other users may write to it.
pub(super) fn make_private(file: &File) {
    if Dir::file_status(file).is_ok_and(|status| status.mode & 0o022 == 0) {
        let _ = Dir::set_mode(file, PRIVATE);
    }
}

/// Whether the replaced file's mode is kept. A link's own mode is meaningless.
fn keeps_mode(replaced: Option<FileStatus>) -> bool {
    replaced.is_some_and(|status| status.kind == FileKind::File && status.is_ours)
}

/// The mode of a finished file. `usual` is the default mode of a new file.
///
/// If the replaced file is another user's, only permissions that both modes grant are granted.
fn final_mode(replaced: Option<FileStatus>, usual: u32) -> u32 {
    match replaced {
        // Without the set-user-ID and set-group-ID bits.
        Some(status) if keeps_mode(replaced) => status.mode & 0o777,
        Some(status) if status.kind == FileKind::File => status.mode & usual,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::super::dir::FileIdentity;
    use super::*;

    #[test]
    fn a_replaced_file_of_this_user_keeps_its_mode_and_a_foreign_one_grants_no_more() {
        let there = |mode, is_ours, kind| {
            Some(FileStatus {
                kind,
                is_ours,
                links: 1,
                mode,
                identity: FileIdentity { device: 0, file: 0 },
            })
        };
        for (replaced, usual, expected) in [
            (None, 0o644, 0o644),
            (None, 0o600, 0o600),
            (there(0o755, true, FileKind::File), 0, 0o755),
            (there(0o400, true, FileKind::File), 0, 0o400),
            (there(0o6755, true, FileKind::File), 0, 0o755),
            (there(0o666, false, FileKind::File), 0o644, 0o644),
            (there(0o600, false, FileKind::File), 0o644, 0o600),
            (there(0o777, true, FileKind::Link), 0o640, 0o640),
        ] {
            assert_eq!(
                final_mode(replaced, usual),
                expected,
                "{replaced:?} {usual:o}"
            );
        }
    }
}
