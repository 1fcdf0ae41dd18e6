//! [`BackgroundHasher`]: computes the SHA-1 of a stream on another thread.
//!
//! Hashing costs about as much as the network I/O. With the thread pool (feature `fs`), it doesn't
//! delay the task that moves the bytes; without, bytes are hashed inline.

use std::task::{Context, Poll, ready};

use b2kit_core::Bytes;
use futures_core::future::BoxFuture;

use crate::types::{Sha1, Sha1Hasher};

/// The minimum number of bytes worth waking another thread for.
const MIN_BACKGROUND: usize = 64 << 10;

/// The number of bytes that start a hashing job.
const BATCH: usize = 256 << 10;

/// The maximum number of bytes waiting to be hashed. The reader holds them for some time anyway.
const MAX_WAITING: usize = 1 << 20;

/// The minimum that each chunk counts, so that many small ones don't accumulate.
const MIN_CHUNK_COST: usize = 128;

/// Computes the SHA-1 of a stream on another thread.
pub(super) struct BackgroundHasher {
    state: State,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
}

enum State {
    Idle(Sha1Hasher),
    Running(BoxFuture<'static, Sha1Hasher>),
}

impl BackgroundHasher {
    pub(super) fn new() -> Self {
        Self {
            state: State::Idle(Sha1Hasher::default()),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// Ready when more bytes can be pushed.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_back = self.poll_idle(cx).is_ready();
        if self.waiting_bytes >= BATCH && is_back {
            self.hash();
            // The job starts with its first poll.
            let _ = self.poll_idle(cx);
        }
        if self.waiting_bytes >= MAX_WAITING {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Adds the next bytes.
    pub(super) fn push(&mut self, bytes: &Bytes) {
        self.waiting_bytes += bytes.len().max(MIN_CHUNK_COST);
        self.waiting.push(bytes.clone());
    }

    /// The SHA-1 of all bytes.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Sha1> {
        loop {
            ready!(self.poll_idle(cx));
            if let (State::Idle(hasher), true) = (&mut self.state, self.waiting.is_empty()) {
                return Poll::Ready(std::mem::take(hasher).finish());
            }
            self.hash();
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Running(away) = &mut self.state {
            self.state = State::Idle(ready!(away.as_mut().poll(cx)));
        }
        Poll::Ready(())
    }

    fn hash(&mut self) {
        if let State::Idle(hasher) = &mut self.state {
            if !is_worth_a_job(self.waiting_bytes) {
                let chunks = self.waiting.drain(..);
                chunks.for_each(|chunk| hasher.update(&chunk));
                self.waiting_bytes = 0;
                return;
            }
            let (hasher, chunks) = (std::mem::take(hasher), std::mem::take(&mut self.waiting));
            self.waiting_bytes = 0;
            self.state = State::Running(Box::pin(update_hasher(hasher, chunks)));
        }
    }
}

/// Whether so many bytes are worth waking another thread for.
const fn is_worth_a_job(bytes: usize) -> bool {
    cfg!(feature = "fs") && bytes >= MIN_BACKGROUND
}

/// Hashes bytes: inline if they are few, otherwise on another thread.
pub(super) async fn update_hasher(mut hasher: Sha1Hasher, chunks: Vec<Bytes>) -> Sha1Hasher {
    #[cfg(feature = "fs")]
    let is_worth_it = is_worth_a_job(chunks.iter().map(Bytes::len).sum());
    let update = move || {
        chunks.iter().for_each(|chunk| hasher.update(chunk));
        hasher
    };
    #[cfg(feature = "fs")]
    if is_worth_it {
        return blocking::unblock(update).await;
    }
    update()
}

#[cfg(all(test, feature = "fs"))]
mod tests {
    use std::task::Waker;

    use super::*;

    impl BackgroundHasher {
        /// Adds bytes, in chunks of this many, and says whether more can be pushed.
        fn push_all(&mut self, bytes: &[u8], chunk: usize) -> bool {
            for chunk in bytes.chunks(chunk) {
                self.push(&Bytes::copy_from_slice(chunk));
            }
            self.is_ready()
        }

        fn is_ready(&mut self) -> bool {
            let mut cx = Context::from_waker(Waker::noop());
            self.poll_ready(&mut cx).is_ready()
        }

        fn is_running(&self) -> bool {
            matches!(self.state, State::Running(_))
        }

        fn finish(mut self) -> Sha1 {
            futures::executor::block_on(std::future::poll_fn(|cx| self.poll_finish(cx)))
        }
    }

    fn sha1(bytes: &[u8]) -> Sha1 {
        let mut hasher = Sha1Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn fewer_bytes_than_a_batch_wait_for_the_end() {
        let bytes = vec![7; BATCH - 1];
        let mut hasher = BackgroundHasher::new();
        assert!(hasher.push_all(&bytes, 100_000));
        assert!(!hasher.is_running());
        assert_eq!(hasher.waiting_bytes, bytes.len());
        assert_eq!(hasher.finish(), sha1(&bytes));
    }

    #[test]
    fn a_batch_is_hashed_by_a_job_and_the_next_bytes_are_accepted() {
        let bytes = vec![7; BATCH + 1];
        let mut hasher = BackgroundHasher::new();
        assert!(hasher.push_all(&bytes[..BATCH], BATCH));
        // What waited is with the job, however soon that ends.
        assert_eq!(hasher.waiting_bytes, 0);
        assert!(hasher.push_all(&bytes[BATCH..], 1));
        assert_eq!(hasher.finish(), sha1(&bytes));
    }

    #[test]
    fn only_as_many_bytes_as_are_worth_it_are_hashed_by_a_job() {
        for (len, is_job) in [
            (0, false),
            (MIN_BACKGROUND - 1, false),
            (MIN_BACKGROUND, true),
        ] {
            let mut hasher = BackgroundHasher::new();
            hasher.push_all(&vec![7; len], len.max(1));
            hasher.hash();
            assert_eq!(hasher.is_running(), is_job, "{len}");
            assert_eq!(hasher.waiting_bytes, 0);
            assert_eq!(hasher.finish(), sha1(&vec![7; len]));
        }
    }

    #[test]
    fn no_bytes_are_accepted_while_a_job_runs_and_a_mebibyte_waits_however_small_its_chunks() {
        for (chunk, count) in [(MAX_WAITING / 4, 4), (1, MAX_WAITING / MIN_CHUNK_COST)] {
            let mut hasher = BackgroundHasher::new();
            hasher.state = State::Running(Box::pin(std::future::pending()));
            assert!(hasher.push_all(&vec![7; chunk * (count - 1)], chunk));
            assert!(!hasher.push_all(&vec![7; chunk], chunk));
            assert_eq!(hasher.waiting.len(), count);
        }
    }
}
