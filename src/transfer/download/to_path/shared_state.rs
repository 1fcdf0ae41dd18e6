//! [`ActiveDownload`]: the state shared by the writers, the hash and the flush of a download.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use b2kit_core::Bytes;

use super::stream_controller::StreamController;
use crate::error::Error;
use crate::transfer::disk::{PartialDownload, TempFile};
use crate::transfer::download::reader::PinnedVersion;
use crate::transfer::range_set::RangeSet;

/// The file is synced after this many bytes.
const FLUSH: u64 = 64 << 20;

/// A download in progress.
pub(super) struct ActiveDownload<'a> {
    pub(super) temp: &'a Arc<TempFile>,
    pub(super) target: &'a Path,
    pub(super) version: Arc<PinnedVersion>,
    pub(super) wanted: Range<u64>,
    pub(super) is_checked: bool,
    pub(super) state: Mutex<SharedState>,
}

/// The state shared by the writers, the hash and the flush.
pub(super) struct SharedState {
    /// The ranges that are on disk.
    pub(super) written: RangeSet,
    /// The number of bytes that have not arrived yet.
    pub(super) missing: u64,
    /// The end of the bytes that an earlier download left.
    pub(super) resumed_end: u64,
    /// The offset up to which bytes have been given to the hash.
    pub(super) hashed: u64,
    /// The next bytes for the hash, if they needn't be read back from disk.
    pub(super) hash_input: Option<Vec<Bytes>>,
    pub(super) hash_waker: Option<Waker>,
    pub(super) writer_waker: Option<Waker>,
    pub(super) flush_waker: Option<Waker>,
    pub(super) unflushed: u64,
    pub(super) unsaved: u64,
    pub(super) is_saving: bool,
    /// The first stream's current offset, and where it has to end.
    pub(super) first_stream_at: u64,
    pub(super) first_stream_end: u64,
    /// The number of running write jobs.
    pub(super) writes: usize,
    pub(super) is_hashing: bool,
    pub(super) controller: StreamController,
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

    /// Records that a write job begins or has ended.
    pub(super) fn count_write(&self, begins: bool) {
        let now = self.version.client.now();
        let mut state = self.lock();
        if begins {
            state.writes += 1;
        } else {
            state.writes -= 1;
        }
        state.observe(now);
    }

    /// Records whether the hash is busy or waiting.
    pub(super) fn set_hashing(&self, state: &mut SharedState, is_hashing: bool) {
        if state.is_hashing != is_hashing {
            state.is_hashing = is_hashing;
            state.observe(self.version.client.now());
        }
    }

    /// Records bytes that have arrived.
    pub(super) fn record_arrived(&self, by_first_stream: bool, range: Range<u64>) {
        let mut state = self.lock();
        if by_first_stream {
            state.first_stream_at = range.end;
        }
        let bytes = range.end - range.start;
        state.missing = state.missing.saturating_sub(bytes);
        state.controller.record_bytes(bytes);
    }

    /// Whether to add to the current number of streams.
    pub(super) fn wants_more_streams(&self, streams: usize) -> bool {
        let now = self.version.client.now();
        self.lock().controller.wants_more(streams, now)
    }

    pub(super) fn is_all_there(&self, state: &SharedState) -> bool {
        state.written.contiguous_end(self.wanted.start) >= self.wanted.end
    }
}

impl SharedState {
    pub(super) fn new(written: RangeSet, wanted: &Range<u64>, now: Instant) -> Self {
        let start = wanted.start;
        Self {
            missing: (wanted.end - start).saturating_sub(written.total_bytes()),
            resumed_end: written.contiguous_end(start),
            written,
            hashed: start,
            hash_input: None,
            hash_waker: None,
            writer_waker: None,
            flush_waker: None,
            unflushed: 0,
            unsaved: 0,
            is_saving: false,
            first_stream_at: start,
            first_stream_end: u64::MAX,
            writes: 0,
            is_hashing: false,
            controller: StreamController::new(now),
        }
    }

    /// Tells the controller whether the download is only waiting for the network.
    fn observe(&mut self, now: Instant) {
        let is_waiting = self.writes == 0 && !self.is_hashing && self.hash_input.is_none();
        self.controller.set_waiting(is_waiting, now);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use b2kit_core::{ManualTimer, Timer as _};

    use super::*;

    /// Whether a download that is in such a state for a while wants more streams.
    fn wants_more(change: impl FnOnce(&mut SharedState)) -> bool {
        let timer = ManualTimer::new();
        let mut state = SharedState::new(RangeSet::default(), &(0..100), timer.now());
        change(&mut state);
        state.observe(timer.now());
        timer.advance(Duration::from_secs(1));
        state.controller.wants_more(1, timer.now())
    }

    #[test]
    fn streams_are_added_only_while_nothing_is_written_or_hashed() {
        assert!(wants_more(|_| {}));
        assert!(!wants_more(|state| state.writes = 1));
        assert!(!wants_more(|state| state.is_hashing = true));
        assert!(!wants_more(|state| state.hash_input = Some(Vec::new())));
    }
}
