//! [`Place`]: where a file goes, and what lies beside it meanwhile.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use super::dir::{Dir, Kind};
use crate::client::SigningKey;
use crate::transfer::reserved::{MARK, is_reserved};
use crate::types::Sha1;

/// A directory that is held open, and the name that a file gets in it.
#[derive(Debug)]
pub(in crate::transfer) struct Place {
    pub(super) dir: Dir,
    pub(super) target: OsString,
    pub(super) key: SigningKey,
}

impl Place {
    /// At a path of the caller's own: links in it are followed, but for the last name.
    pub(in crate::transfer) fn at(path: &Path, key: SigningKey) -> io::Result<Self> {
        let target = path.file_name().ok_or_else(no_file)?.to_owned();
        let dir = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Dir::open(parent)?,
            _ => Dir::open(Path::new("."))?,
        };
        Self { dir, target, key }.checked()
    }

    /// Below a directory of the caller's own. Beneath that no link is followed; directories that are missing are made.
    pub(in crate::transfer) fn below(root: &Path, path: &Path, key: SigningKey) -> io::Result<Self> {
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
                "the path does not stay below the directory",
            )
        })?;
        let (target, directories) = names.split_last().ok_or_else(no_file)?;
        let mut dir = Dir::open(root)?;
        for name in directories {
            dir = dir.enter_or_make(name).map_err(|error| {
                let what = "can't be gone through, for it is a link or no directory, or is closed";
                io::Error::new(error.kind(), format!("{name:?} {what}: {error}"))
            })?;
        }
        let target = (*target).to_owned();
        Self { dir, target, key }.checked()
    }

    /// A file may be replaced, and a link to one; a directory, a pipe or a device may not.
    fn checked(self) -> io::Result<Self> {
        match self.dir.look(&self.target)?.map(|found| found.kind) {
            None | Some(Kind::File | Kind::Link) => Ok(self),
            Some(Kind::Directory | Kind::Other) => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "what is there is no regular file",
            )),
        }
    }

    /// What a later process finds, which goes on with it.
    pub(super) fn resumable(&self) -> OsString {
        self.signed("resumable")
    }

    /// What a later process finds, which removes it.
    pub(super) fn passing(&self, number: u64) -> OsString {
        self.signed(&format!("passing {number}"))
    }

    /// What is there for a moment and empty.
    pub(super) fn empty(&self) -> OsString {
        self.signed("empty")
    }

    /// What versions before the first release left.
    pub(super) fn unsigned(&self) -> OsString {
        let sha1 = Sha1::of(self.target.as_encoded_bytes()).to_string();
        self.beside(&sha1[..TAG])
    }

    /// A name that follows from the target's name, and that nobody else can coin.
    fn signed(&self, what: &str) -> OsString {
        let mut message = format!("name\n{what}\n").into_bytes();
        message.extend_from_slice(self.target.as_encoded_bytes());
        self.beside(&self.key.sign(&message)[..TAG])
    }

    /// A hidden name of the target's (as far as there is room) and a tag.
    fn beside(&self, tag: &str) -> OsString {
        let name = self.target.to_string_lossy();
        // 255 bytes is what most file systems allow, and a state's name is longer.
        let mut end = name.len().min(180);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!(".{}.{tag}{MARK}", &name[..end]).into()
    }
}

/// The hexadecimal digits of a tag.
const TAG: usize = 16;

/// Where the state of a partial download is.
pub(super) fn state_of(part: &OsStr) -> OsString {
    with(part, ".json")
}

/// Where it is written before it takes the place of an older one.
pub(super) fn new_state_of(part: &OsStr) -> OsString {
    with(part, ".json.new")
}

fn with(part: &OsStr, extension: &str) -> OsString {
    let mut name = part.to_owned();
    name.push(extension);
    name
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")
}

/// Whether the last name of this path is kept for downloads that are not finished.
pub(in crate::transfer) fn is_kept(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| is_reserved(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::safe_local_path;
    use crate::types::Secret;

    fn place(target: &str, key: &str) -> Place {
        Place {
            dir: Dir::open(Path::new(".")).unwrap(),
            target: target.into(),
            key: SigningKey::derived_from(&Secret::new(key)),
        }
    }

    #[test]
    fn every_name_beside_a_target_is_one_that_no_remote_file_gets() {
        for target in ["f", ".f", "ü", "F.TXT", &"🦀".repeat(63)] {
            let place = place(target, "key");
            let parts = [
                place.resumable(),
                place.passing(0),
                place.empty(),
                place.unsigned(),
            ];
            for part in parts {
                for name in [state_of(&part), new_state_of(&part), part] {
                    let name = name.to_str().unwrap();
                    assert!(is_reserved(name) && name.len() <= 255, "{name}");
                    assert!(safe_local_path(name).is_err(), "{name}");
                    assert!(safe_local_path(&format!("{name}/x")).is_err(), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_names_of_two_targets_two_uses_and_two_keys_differ() {
        let mut names = Vec::new();
        for target in ["f", "g"] {
            for key in ["key", "other"] {
                let place = place(target, key);
                names.extend([
                    place.resumable(),
                    place.passing(0),
                    place.passing(1),
                    place.empty(),
                ]);
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(
            place("f", "key").unsigned(),
            ".f.4a0a19218e082a34.b2part",
            "what older versions left is found"
        );
    }
}
