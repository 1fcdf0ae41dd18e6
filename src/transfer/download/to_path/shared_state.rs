//! [`ActiveDownload`]: what the writers, the hash and the flush of one download share.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use b2kit_core::Bytes;

use crate::error::Error;
use crate::transfer::disk::{PartialDownload, TempFile};
use crate::transfer::download::reader::PinnedVersion;
use crate::transfer::range_set::RangeSet;

/// After this many bytes, the disk is asked to flush.
const FLUSH: u64 = 64 << 20;

/// A download whose bytes are arriving.
pub(super) struct ActiveDownload<'a> {
    pub(super) temp: &'a Arc<TempFile>,
    pub(super) target: &'a Path,
    pub(super) version: Arc<PinnedVersion>,
    pub(super) wanted: Range<u64>,
    pub(super) is_checked: bool,
    pub(super) state: Mutex<SharedState>,
}

/// What the writers, the hash and the flush tell each other.
pub(super) struct SharedState {
    /// The ranges that are on disk.
    pub(super) written: RangeSet,
    /// The hash has the bytes up to here, or is getting them.
    pub(super) hashed: u64,
    /// The next bytes for the hash, if they need not be read back.
    pub(super) hash_input: Option<Vec<Bytes>>,
    pub(super) hash_waker: Option<Waker>,
    pub(super) writer_waker: Option<Waker>,
    pub(super) flush_waker: Option<Waker>,
    pub(super) unflushed: u64,
    pub(super) unsaved: u64,
    pub(super) is_saving: bool,
}

impl ActiveDownload<'_> {
    pub(super) fn partial(&self, state: &SharedState) -> PartialDownload {
        PartialDownload {
            file_id: self.version.file_id.clone(),
            content_length: self.version.content_length,
            wanted: self.wanted.clone(),
            done: state.written.clone(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_flush_due(&self, state: &SharedState) -> bool {
        state.unflushed >= FLUSH || self.is_all_there(state)
    }

    pub(super) fn is_all_there(&self, state: &SharedState) -> bool {
        state.written.contiguous_end(self.wanted.start) >= self.wanted.end
    }
}

impl SharedState {
    pub(super) const fn new(written: RangeSet, start: u64) -> Self {
        Self {
            written,
            hashed: start,
            hash_input: None,
            hash_waker: None,
            writer_waker: None,
            flush_waker: None,
            unflushed: 0,
            unsaved: 0,
            is_saving: false,
        }
    }
}

/// Releases the lock, then wakes.
pub(super) fn wake<const N: usize>(wakers: [Option<Waker>; N], state: MutexGuard<'_, SharedState>) {
    drop(state);
    wakers.into_iter().flatten().for_each(Waker::wake);
}

pub(super) fn write_error(target: &Path, error: io::Error) -> Error {
    Error::destination(format!("{target:?} could not be written"), error)
}
