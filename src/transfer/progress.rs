//! [`Progress`]: how far a transfer is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// How far a transfer is. Clones share it: one goes into the transfer, another is looked at as often as one likes.
///
/// It is a handful of counters, so leaving it on costs nothing, and no code of the program runs within the transfer.
///
/// ```
/// # use b2kit::transfer::Progress;
/// let progress = Progress::new();
/// let now = progress.now();
/// assert_eq!((now.bytes, now.total_bytes), (0, None));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    stage: AtomicU8,
    bytes: AtomicU64,
    /// One more than the number; 0 while it isn't known.
    total_bytes: AtomicU64,
    parts: AtomicU32,
    total_parts: AtomicU32,
    reused_parts: AtomicU32,
    retries: AtomicU32,
}

/// A moment of a [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgressNow {
    /// What it is at.
    pub stage: Stage,
    /// The bytes that are over: handed to the network or arrived from it, and those that were there before. What has to be
    /// sent or fetched again is taken off.
    pub bytes: u64,
    /// All there are; `None` while nobody knows.
    pub total_bytes: Option<u64>,
    /// The parts that are over; a file that goes in one piece has none.
    pub parts: u32,
    /// All there are, as far as is known.
    pub total_parts: u32,
    /// Those of them that were there from an earlier transfer.
    pub reused_parts: u32,
    /// How often something was sent or fetched again.
    pub retries: u32,
}

/// What a transfer is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Looking what there is to do.
    Planning,
    /// Bytes move.
    Moving,
    /// All bytes are over; the whole is checked, put together or put in its place.
    Finishing,
    /// It has ended well.
    Done,
}

impl Progress {
    /// Of a transfer that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it is.
    #[must_use]
    pub fn now(&self) -> ProgressNow {
        let Counters {
            stage,
            bytes,
            total_bytes,
            parts,
            total_parts,
            reused_parts,
            retries,
        } = &*self.0;
        ProgressNow {
            stage: match stage.load(Ordering::Relaxed) {
                0 => Stage::Planning,
                1 => Stage::Moving,
                2 => Stage::Finishing,
                _ => Stage::Done,
            },
            bytes: bytes.load(Ordering::Relaxed),
            total_bytes: total_bytes.load(Ordering::Relaxed).checked_sub(1),
            parts: parts.load(Ordering::Relaxed),
            total_parts: total_parts.load(Ordering::Relaxed),
            reused_parts: reused_parts.load(Ordering::Relaxed),
            retries: retries.load(Ordering::Relaxed),
        }
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Ordering::Relaxed);
    }

    pub(super) fn expect_bytes(&self, total: u64) {
        let total = total.saturating_add(1);
        self.0.total_bytes.store(total, Ordering::Relaxed);
    }

    pub(super) fn expect_parts(&self, total: u32) {
        self.0.total_parts.store(total, Ordering::Relaxed);
    }

    /// Bytes are over.
    pub(super) fn add(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were over have to go again.
    pub(super) fn take_back(&self, bytes: u64) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// All that is over has to go again.
    #[cfg(feature = "fs")]
    pub(super) fn start_over(&self) {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.parts.store(0, Ordering::Relaxed);
        self.0.reused_parts.store(0, Ordering::Relaxed);
        self.retried();
    }

    pub(super) fn part_done(&self) {
        self.0.parts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn part_reused(&self, bytes: u64) {
        self.part_done();
        self.add(bytes);
        self.0.reused_parts.fetch_add(1, Ordering::Relaxed);
    }

    /// A part that was over has to go again.
    pub(super) fn part_again(&self, bytes: u64) {
        self.0.parts.fetch_sub(1, Ordering::Relaxed);
        self.take_back(bytes);
        self.retried();
    }

    pub(super) fn retried(&self) {
        self.0.retries.fetch_add(1, Ordering::Relaxed);
    }
}
