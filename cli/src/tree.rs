//! What is in a directory and those below it.

use std::fs::{self, DirEntry, ReadDir};
use std::path::{Path, PathBuf};

/// Something that was come upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file, and its path below the directory, with `/` between the parts.
    File(PathBuf, String),
    /// What is not copied, and why.
    Skipped(PathBuf, &'static str),
    /// What could not be looked at, and why.
    Failed(PathBuf, String),
}

/// All that is in a directory, one after the other. Links are not followed, so there is no circle.
pub(crate) struct Tree {
    /// The directories that are being read, each with the path of what is in it.
    open: Vec<(ReadDir, PathBuf, String)>,
    /// That the first could not be read.
    failed: Option<Found>,
}

impl Tree {
    pub(crate) fn below(directory: &Path) -> Self {
        let mut tree = Self {
            open: Vec::new(),
            failed: None,
        };
        tree.failed = tree.enter(directory.to_owned(), String::new());
        tree
    }

    fn enter(&mut self, directory: PathBuf, inside: String) -> Option<Found> {
        match fs::read_dir(&directory) {
            Ok(entries) => {
                self.open.push((entries, directory, inside));
                None
            }
            Err(error) => Some(Found::Failed(directory, format!("can't be read: {error}"))),
        }
    }

    /// What an entry is; `None` for a directory, which comes next.
    fn look(&mut self, entry: &DirEntry, inside: &str) -> Option<Found> {
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return Some(Found::Failed(path, format!("can't be read: {error}"))),
        };
        if kind.is_symlink() {
            return Some(Found::Skipped(path, "it is a link"));
        }
        if !kind.is_dir() && !kind.is_file() {
            return Some(Found::Skipped(
                path,
                "it is no file, but a pipe, socket or device",
            ));
        }
        let own = entry.file_name();
        let Some(own) = own.to_str() else {
            let why = "its name is no text, which B2's names are";
            return Some(Found::Failed(path, why.to_owned()));
        };
        let name = format!("{inside}{own}");
        if kind.is_dir() {
            return self.enter(path, name + "/");
        }
        if own.starts_with('.') && own.to_ascii_lowercase().contains(".b2part") {
            return Some(Found::Skipped(path, "it is part of a download"));
        }
        Some(Found::File(path, name))
    }
}

impl Iterator for Tree {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(failed) = self.failed.take() {
            return Some(failed);
        }
        loop {
            let (entries, directory, inside) = self.open.last_mut()?;
            let found = match entries.next() {
                Some(Ok(entry)) => {
                    let inside = inside.clone();
                    self.look(&entry, &inside)
                }
                Some(Err(error)) => {
                    let directory = directory.clone();
                    self.open.pop();
                    Some(Found::Failed(directory, format!("can't be read: {error}")))
                }
                None => {
                    self.open.pop();
                    None
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}
