//! [`Progress`]: how far a transfer is.

use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

/// How far a transfer is. Clones share it: one goes into the transfer, another is [looked at](Self::now) as often as one
/// likes, or [listened to](Self::changes).
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
pub struct Progress(Arc<Shared>);

/// What ends with the last [`Progress`], while streams of its changes may still be there.
#[derive(Debug, Default)]
struct Shared(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    watch: Watch,
    stage: AtomicU8,
    bytes: AtomicU64,
    /// One more than the number; 0 while it isn't known.
    total_bytes: AtomicU64,
    parts: AtomicU32,
    total_parts: AtomicU32,
    reused_parts: AtomicU32,
    retries: AtomicU32,
    hashed_bytes: AtomicU64,
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
    /// The bytes that were hashed before anything was sent.
    pub hashed_bytes: u64,
}

/// What a transfer is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Looking what there is to do.
    Planning,
    /// The source is read and hashed before it is sent: see [`ProgressNow::hashed_bytes`].
    Hashing,
    /// Bytes move.
    Transferring,
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
        self.0.0.now()
    }

    /// How far it is now, and again whenever that has changed since it was last told.
    ///
    /// What changes between two polls is told once: who takes his time misses nothing but what is over. The stream ends
    /// after [`Stage::Done`], or when nobody has the progress any more: a transfer that fails or is dropped lets go of its
    /// own.
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
            counters: Arc::clone(&self.0.0),
            told: None,
        }
    }

    fn change(&self, change: impl FnOnce(&Counters)) {
        change(&self.0.0);
        self.0.0.watch.tell();
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

    /// Bytes were hashed, before anything is sent.
    pub(super) fn hashed(&self, bytes: u64) {
        self.change(|counters| {
            counters.hashed_bytes.fetch_add(bytes, SeqCst);
        });
    }

    /// Bytes are over.
    pub(super) fn add(&self, bytes: u64) {
        self.change(|counters| {
            counters.bytes.fetch_add(bytes, SeqCst);
        });
    }

    /// Bytes that were over have to go again.
    pub(super) fn take_back(&self, bytes: u64) {
        self.change(|counters| {
            counters.bytes.fetch_sub(bytes, SeqCst);
        });
    }

    /// All that is over has to go again.
    #[cfg(feature = "fs")]
    pub(super) fn start_over(&self) {
        self.change(|counters| {
            counters.bytes.store(0, SeqCst);
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

    /// A part that was over has to go again.
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

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.watch.is_over.store(true, SeqCst);
        self.0.watch.tell();
    }
}

/// Who is to be told of changes. Where nobody is, telling costs a look.
///
/// Here and in the counters all is in one order: either who changes something sees that there is somebody to tell, or who
/// begins to listen sees the change.
#[derive(Debug, Default)]
struct Watch {
    is_over: AtomicBool,
    is_watched: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Watch {
    fn listen(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        self.is_watched.store(true, SeqCst);
    }

    fn tell(&self) {
        if !self.is_watched.load(SeqCst) {
            return;
        }
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_watched.store(false, SeqCst);
        let told = std::mem::take(&mut *wakers);
        drop(wakers);
        told.into_iter().for_each(Waker::wake);
    }
}

struct Changes {
    counters: Arc<Counters>,
    told: Option<ProgressNow>,
}

impl Stream for Changes {
    type Item = ProgressNow;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ProgressNow>> {
        if self.told.is_some_and(|told| told.stage == Stage::Done) {
            return Poll::Ready(None);
        }
        self.counters.watch.listen(cx.waker());
        // In this order: what is over does not change any more.
        let is_over = self.counters.watch.is_over.load(SeqCst);
        let now = self.counters.now();
        if self.told != Some(now) {
            self.told = Some(now);
            return Poll::Ready(Some(now));
        }
        if is_over {
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
