//! Private functions that `crate::fuzzing` re-exports.

use std::ops::Range;

use super::dir::FileIdentity;
use super::partial::{PartialDownload, SavedState};
use crate::client::SigningKey;
use crate::transfer::range_set::RangeSet;
use crate::types::Secret;

/// The state of a partial download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The version.
    pub file_id: String,
    /// The length of the whole file.
    pub content_length: u64,
    /// The requested range.
    pub wanted: Range<u64>,
    /// The ranges that are on disk, sorted and apart.
    pub done: Vec<Range<u64>>,
}

/// The state as it is saved for the file with this inode; `None` if the ranges are not sorted.
pub fn write_state(state: &State, inode: u64, key: &Secret) -> Option<Vec<u8>> {
    let partial = PartialDownload {
        file_id: state.file_id.as_str().into(),
        content_length: state.content_length,
        wanted: state.wanted.clone(),
        done: RangeSet::from_sorted(state.done.iter().cloned())?,
    };
    Some(partial.write(identity(inode), &SigningKey::derived_from(key)))
}

/// The state in this document, and whether it is authenticated.
pub fn read_state(document: &[u8], length: u64, inode: u64, key: &Secret) -> Option<(State, bool)> {
    let key = SigningKey::derived_from(key);
    let saved = SavedState::read(document, length, identity(inode), &key)?;
    let state = State {
        file_id: saved.partial.file_id.as_str().to_owned(),
        content_length: saved.partial.content_length,
        wanted: saved.partial.wanted,
        done: saved.partial.done.iter().cloned().collect(),
    };
    Some((state, saved.is_authenticated))
}

const fn identity(inode: u64) -> FileIdentity {
    FileIdentity {
        device: 1,
        file: inode,
    }
}
