//! [`BackgroundHasher`]: the SHA-1 of bytes that pass by.
//!
//! Hashing costs about as much as the network. With threads to hash on (feature `fs`) it takes no
//! time from the task that moves the bytes; without, they are hashed as they pass.

use std::task::{Context, Poll, ready};

use b2kit_core::Bytes;
use futures_core::future::BoxFuture;

use crate::types::{Sha1, Sha1Hasher};

/// From this many bytes on, another thread is worth waking.
#[cfg(feature = "fs")]
const MIN_BACKGROUND: usize = 64 << 10;

/// Hashed in one job.
const BATCH: usize = 256 << 10;

/// Bytes that wait for the hash, at most. The reader holds them for some time anyway.
const MAX_WAITING: usize = 1 << 20;

/// What a chunk counts at least, so that many small ones don't pile up.
const MIN_CHUNK_COST: usize = 128;

/// The SHA-1 of bytes that pass by.
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

    /// Ready when there is room for more bytes.
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

    /// Takes the next bytes.
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
            let (hasher, chunks) = (std::mem::take(hasher), std::mem::take(&mut self.waiting));
            self.waiting_bytes = 0;
            self.state = State::Running(Box::pin(update_hasher(hasher, chunks)));
        }
    }
}

/// Hashes these bytes: few inline, many on another thread.
pub(super) async fn update_hasher(mut hasher: Sha1Hasher, chunks: Vec<Bytes>) -> Sha1Hasher {
    #[cfg(feature = "fs")]
    let is_worth_it = chunks.iter().map(Bytes::len).sum::<usize>() >= MIN_BACKGROUND;
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
