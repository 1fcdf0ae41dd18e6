//! [`TargetPath`]: the destination of a download, and the names of its partial files.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use b2kit_core::adapter::is_exhaustion;

use super::dir::{Dir, FileKind};
use crate::client::SigningKey;
use crate::transfer::reserved_names::{MARK, is_reserved};
use crate::types::Sha1;

/// The destination of a download: a directory that is held open, and a file name.
#[derive(Debug)]
pub(crate) struct TargetPath {
    pub(super) dir: Dir,
    pub(super) name: OsString,
    pub(super) key: SigningKey,
}

impl TargetPath {
    /// A path of the caller's. Links in it are followed, except for the last component. A path that
    /// ends with a separator names a directory, so it is refused.
    pub(crate) fn at(path: &Path, key: SigningKey) -> io::Result<Self> {
        let last = path.as_os_str().as_encoded_bytes().last();
        if last.is_some_and(|byte| std::path::is_separator((*byte).into())) {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "the path ends with a separator, so it names a directory, not a file",
            ));
        }
        let name = path.file_name().ok_or_else(no_file_name)?.to_owned();
        let dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Dir::open(parent)?,
            _ => Dir::open(Path::new("."))?,
        };
        Self { dir, name, key }.checked()
    }

    /// A path below a directory of the caller's. Links below it are not followed, and missing
    /// directories are created.
    pub(crate) fn below(root: &Path, path: &Path, key: SigningKey) -> io::Result<Self> {
        let names: Option<Vec<&OsStr>> = path
            .components()
            .map(|part| match part {
                Component::Normal(name) => Some(name),
                _ => None,
            })
            .collect();
        let names = names.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path leads outside of the directory",
            )
        })?;
        let (name, directories) = names.split_last().ok_or_else(no_file_name)?;
        let mut dir = Dir::open(root)?;
        for directory in directories {
            dir = dir.open_or_create_dir(directory).map_err(|error| {
                // The caller retries.
                if is_exhaustion(&error) {
                    return error;
                }
                let what =
                    "can't be entered: it is a symbolic link, not a directory, or not accessible";
                io::Error::new(error.kind(), format!("{directory:?} {what}: {error}"))
            })?;
        }
        let name = (*name).to_owned();
        Self { dir, name, key }.checked()
    }

    /// Checks the existing entry: a file or link may be replaced, a directory, pipe or device may
    /// not.
    fn checked(self) -> io::Result<Self> {
        match self.dir.status_of(&self.name)?.map(|status| status.kind) {
            None | Some(FileKind::File | FileKind::Link) => Ok(self),
            Some(FileKind::Directory | FileKind::Other) => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the path exists and is not a regular file",
            )),
        }
    }

    /// The name of a partial file that a later process resumes.
    pub(super) fn resumable_name(&self) -> OsString {
        self.signed("resumable")
    }

    /// The name of a partial file that a later process removes.
    pub(super) fn temporary_name(&self, number: u64) -> OsString {
        self.signed(&format!("passing {number}"))
    }

    /// The name of a short-lived empty file, to determine the default mode of new files.
    pub(super) fn mode_probe_name(&self) -> OsString {
        self.signed("empty")
    }

    /// The unsigned name of format 1, which is still resumed.
    pub(super) fn unsigned_name(&self) -> OsString {
        let sha1 = Sha1::of(self.name.as_encoded_bytes()).to_string();
        self.hidden_name(&sha1[..TAG])
    }

    /// A name derived from the target's name, which can't be predicted without the key.
    fn signed(&self, what: &str) -> OsString {
        let mut message = format!("name\n{what}\n").into_bytes();
        message.extend_from_slice(self.name.as_encoded_bytes());
        self.hidden_name(&self.key.sign(&message)[..TAG])
    }

    /// A hidden name that consists of the target's name, truncated if necessary, and a tag.
    fn hidden_name(&self, tag: &str) -> OsString {
        let name = self.name.to_string_lossy();
        // Most file systems allow 255 bytes, and state names have an additional suffix.
        let mut end = name.len().min(180);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!(".{}.{tag}{MARK}", &name[..end]).into()
    }
}

/// The number of hexadecimal digits in a tag.
const TAG: usize = 16;

/// The name of a partial file's state file.
pub(super) fn state_name(part: &OsStr) -> OsString {
    with(part, ".json")
}

/// The name under which a new state is written before it replaces the old one.
pub(super) fn new_state_name(part: &OsStr) -> OsString {
    with(part, ".json.new")
}

fn with(part: &OsStr, extension: &str) -> OsString {
    let mut name = part.to_owned();
    name.push(extension);
    name
}

fn no_file_name() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name")
}

/// Whether the file name of this path is reserved for partial files.
pub(crate) fn is_reserved_path(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| is_reserved(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::safe_local_path;
    use crate::types::Secret;

    fn target_path(target: &str, key: &str) -> TargetPath {
        TargetPath {
            dir: Dir::open(Path::new(".")).unwrap(),
            name: target.into(),
            key: SigningKey::derived_from(&Secret::new(key)),
        }
    }

    #[test]
    fn a_path_that_ends_with_a_separator_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("f"), "").unwrap();
        let at = |name| {
            let key = SigningKey::derived_from(&Secret::new("key"));
            TargetPath::at(&directory.path().join(name), key)
        };
        assert!(at("f").is_ok());
        for name in ["f/", "f//", "absent/", "./"] {
            let error = at(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{name}");
        }
    }

    #[test]
    fn names_of_partial_files_are_reserved() {
        for target in ["f", ".f", "ü", "F.TXT", &"🦀".repeat(63)] {
            let target = target_path(target, "key");
            let parts = [
                target.resumable_name(),
                target.temporary_name(0),
                target.mode_probe_name(),
                target.unsigned_name(),
            ];
            for part in parts {
                for name in [state_name(&part), new_state_name(&part), part] {
                    let name = name.to_str().unwrap();
                    assert!(is_reserved(name) && name.len() <= 255, "{name}");
                    assert!(safe_local_path(name).is_err(), "{name}");
                    assert!(safe_local_path(&format!("{name}/x")).is_err(), "{name}");
                }
            }
        }
    }

    #[test]
    fn names_of_partial_files_differ_by_target_use_and_key() {
        let mut names = Vec::new();
        for target in ["f", "g"] {
            for key in ["key", "other"] {
                let target = target_path(target, key);
                names.extend([
                    target.resumable_name(),
                    target.temporary_name(0),
                    target.temporary_name(1),
                    target.mode_probe_name(),
                ]);
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(
            target_path("f", "key").unsigned_name(),
            ".f.4a0a19218e082a34.b2part",
            "what older versions left is found"
        );
    }
}
