//! [`Progress`]: the progress of a transfer.

use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

/// The progress of a transfer. Clones share their state: pass one to the transfer, and
/// [poll](Self::now) or [watch](Self::changes) another.
///
/// It consists of a few atomic counters, so its cost is negligible, and the transfer calls no user
/// code.
///
/// ```
/// # use b2kit::transfer::Progress;
/// let progress = Progress::new();
/// let now = progress.now();
/// assert_eq!((now.bytes, now.total_bytes), (0, None));
/// ```
#[derive(Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// The number of clones besides the original. Streams of changes don't count.
    clones: AtomicUsize,
    listeners: Listeners,
    stage: AtomicU8,
    bytes: AtomicU64,
    /// The total plus one; 0 while unknown.
    total_bytes: AtomicU64,
    parts: AtomicU32,
    total_parts: AtomicU32,
    reused_parts: AtomicU32,
    retries: AtomicU32,
    hashed_bytes: AtomicU64,
}

/// A snapshot of a [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgressNow {
    /// The current stage.
    pub stage: Stage,
    /// The bytes transferred: sent to or received from the network, or reused from an earlier
    /// transfer. Bytes that have to be transferred again are subtracted, so this can decrease.
    pub bytes: u64,
    /// The total number of bytes; `None` while it is unknown.
    pub total_bytes: Option<u64>,
    /// The number of completed parts; 0 for a file that is sent in one call.
    pub parts: u32,
    /// The total number of parts, as far as it is known.
    pub total_parts: u32,
    /// The number of completed parts reused from an earlier transfer.
    pub reused_parts: u32,
    /// The number of times that something was sent or requested again.
    pub retries: u32,
    /// The bytes hashed before anything is sent.
    pub hashed_bytes: u64,
}

/// A stage of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Determining what has to be transferred.
    Planning,
    /// Reading and hashing the source before it is sent: see [`ProgressNow::hashed_bytes`].
    Hashing,
    /// Sending or receiving bytes.
    Transferring,
    /// All bytes are transferred: verifying, finishing the large file, or renaming the local file.
    Finishing,
    /// Completed successfully.
    Done,
}

impl Progress {
    /// Creates the progress for a new transfer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the current progress.
    #[must_use]
    pub fn now(&self) -> ProgressNow {
        self.0.now()
    }

    /// Returns a stream of the progress: its current state, and again after each change.
    ///
    /// Changes between two polls are merged, so a slow reader only misses intermediate states. The
    /// stream ends after [`Stage::Done`], or when all clones of the progress are dropped; a
    /// transfer drops its own when it fails or is dropped.
    ///
    /// ```
    /// # use b2kit::transfer::{Progress, Stage};
    /// # use b2kit::{BucketHandle, Error};
    /// # use futures::StreamExt;
    /// # async fn shown(bucket: &BucketHandle, video: &[u8]) -> Result<(), Error> {
    /// let progress = Progress::new();
    /// let mut changes = progress.changes();
    /// let upload = bucket.upload("video.mp4", video.to_vec()).progress(&progress);
    /// drop(progress);
    /// let showing = async {
    ///     while let Some(now) = changes.next().await {
    ///         println!("{} of {:?} bytes", now.bytes, now.total_bytes);
    ///     }
    /// };
    /// let (uploaded, ()) = futures::join!(upload.into_future(), showing);
    /// # uploaded.map(drop) }
    /// ```
    pub fn changes(&self) -> impl Stream<Item = ProgressNow> + Send + Unpin + use<> {
        Changes {
            counters: Arc::clone(&self.0),
            last: None,
        }
    }

    fn change(&self, change: impl FnOnce(&Counters)) {
        change(&self.0);
        self.0.listeners.notify();
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.change(|counters| counters.stage.store(stage as u8, SeqCst));
    }

    pub(super) fn expect_bytes(&self, total: u64) {
        let total = total.saturating_add(1);
        self.change(|counters| counters.total_bytes.store(total, SeqCst));
    }

    pub(super) fn expect_parts(&self, total: u32) {
        self.change(|counters| counters.total_parts.store(total, SeqCst));
    }

    /// Counts bytes that were hashed before anything is sent.
    pub(super) fn hashed(&self, bytes: u64) {
        self.change(|counters| {
            counters.hashed_bytes.fetch_add(bytes, SeqCst);
        });
    }

    /// Counts transferred bytes.
    pub(super) fn add(&self, bytes: u64) {
        self.change(|counters| {
            counters.bytes.fetch_add(bytes, SeqCst);
        });
    }

    /// Subtracts bytes that have to be transferred again.
    pub(super) fn subtract(&self, bytes: u64) {
        self.change(|counters| {
            counters.bytes.fetch_sub(bytes, SeqCst);
        });
    }

    /// Resets the counters, since everything has to be transferred again.
    pub(super) fn start_over(&self) {
        self.change(|counters| {
            counters.bytes.store(0, SeqCst);
            counters.hashed_bytes.store(0, SeqCst);
            counters.parts.store(0, SeqCst);
            counters.reused_parts.store(0, SeqCst);
            counters.retries.fetch_add(1, SeqCst);
        });
    }

    pub(super) fn part_done(&self) {
        self.change(|counters| {
            counters.parts.fetch_add(1, SeqCst);
        });
    }

    pub(super) fn part_reused(&self, bytes: u64) {
        self.change(|counters| {
            counters.parts.fetch_add(1, SeqCst);
            counters.bytes.fetch_add(bytes, SeqCst);
            counters.reused_parts.fetch_add(1, SeqCst);
        });
    }

    /// Subtracts a completed part that has to be transferred again.
    pub(super) fn part_again(&self, bytes: u64) {
        self.change(|counters| {
            counters.parts.fetch_sub(1, SeqCst);
            counters.bytes.fetch_sub(bytes, SeqCst);
            counters.retries.fetch_add(1, SeqCst);
        });
    }

    pub(super) fn retried(&self) {
        self.change(|counters| {
            counters.retries.fetch_add(1, SeqCst);
        });
    }
}

impl Counters {
    fn now(&self) -> ProgressNow {
        ProgressNow {
            stage: match self.stage.load(SeqCst) {
                0 => Stage::Planning,
                1 => Stage::Hashing,
                2 => Stage::Transferring,
                3 => Stage::Finishing,
                _ => Stage::Done,
            },
            bytes: self.bytes.load(SeqCst),
            total_bytes: self.total_bytes.load(SeqCst).checked_sub(1),
            parts: self.parts.load(SeqCst),
            total_parts: self.total_parts.load(SeqCst),
            reused_parts: self.reused_parts.load(SeqCst),
            retries: self.retries.load(SeqCst),
            hashed_bytes: self.hashed_bytes.load(SeqCst),
        }
    }
}

impl Clone for Progress {
    fn clone(&self) -> Self {
        self.0.clones.fetch_add(1, SeqCst);
        Self(Arc::clone(&self.0))
    }
}

/// Dropping the last one ends all streams of changes.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.0.clones.fetch_sub(1, SeqCst) == 0 {
            self.0.listeners.is_over.store(true, SeqCst);
            self.0.listeners.notify();
        }
    }
}

/// The wakers to notify of changes. Without any, a notification costs one atomic load.
///
/// All operations here and on the counters are sequentially consistent, so either the writer sees
/// the listener, or the listener sees the change.
#[derive(Debug, Default)]
struct Listeners {
    is_over: AtomicBool,
    has_listeners: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Listeners {
    fn listen(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        self.has_listeners.store(true, SeqCst);
    }

    fn notify(&self) {
        if !self.has_listeners.load(SeqCst) {
            return;
        }
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_listeners.store(false, SeqCst);
        let wakers_to_wake = std::mem::take(&mut *wakers);
        drop(wakers);
        wakers_to_wake.into_iter().for_each(Waker::wake);
    }
}

struct Changes {
    counters: Arc<Counters>,
    last: Option<ProgressNow>,
}

impl Stream for Changes {
    type Item = ProgressNow;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ProgressNow>> {
        if self.last.is_some_and(|last| last.stage == Stage::Done) {
            return Poll::Ready(None);
        }
        self.counters.listeners.listen(cx.waker());
        // Load in this order: nothing changes after the end.
        let is_over = self.counters.listeners.is_over.load(SeqCst);
        let now = self.counters.now();
        if self.last != Some(now) {
            self.last = Some(now);
            return Poll::Ready(Some(now));
        }
        if is_over {
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
