//! [`Digest`]: the SHA-1 of bytes that go by, computed beside them.
//!
//! A hash costs about as much as the network. Where there are threads to hash on (feature `fs`), it takes no time from
//! the thread that moves the bytes; otherwise they are hashed as they pass.

use std::task::{Context, Poll, ready};

use b2kit_core::Bytes;
use futures_core::future::BoxFuture;

use crate::types::{Sha1, Sha1Hasher};

/// From so many bytes on it is worth the way to another thread.
#[cfg(feature = "fs")]
const WORTH_IT: usize = 64 << 10;

/// So many go at once.
const BATCH: usize = 256 << 10;

/// So many wait at most. They are bytes that somebody else has too, for some time.
const WAITING: usize = 1 << 20;

/// What a chunk counts at least, so that many small ones don't wait.
const LEAST: usize = 128;

/// The SHA-1 of bytes that go by.
pub(super) struct Digest {
    state: State,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
}

enum State {
    Here(Sha1Hasher),
    Away(BoxFuture<'static, Sha1Hasher>),
}

impl Digest {
    pub(super) fn new() -> Self {
        Self {
            state: State::Here(Sha1Hasher::default()),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// Ready when there is room for more bytes.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_back = self.poll_back(cx).is_ready();
        if self.waiting_bytes >= BATCH && is_back {
            self.hash();
            // It begins when it is asked for the first time.
            let _ = self.poll_back(cx);
        }
        if self.waiting_bytes >= WAITING {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &Bytes) {
        self.waiting_bytes += bytes.len().max(LEAST);
        self.waiting.push(bytes.clone());
    }

    /// The digest of all.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Sha1> {
        loop {
            ready!(self.poll_back(cx));
            if let (State::Here(hasher), true) = (&mut self.state, self.waiting.is_empty()) {
                return Poll::Ready(std::mem::take(hasher).finish());
            }
            self.hash();
        }
    }

    fn poll_back(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Away(away) = &mut self.state {
            self.state = State::Here(ready!(away.as_mut().poll(cx)));
        }
        Poll::Ready(())
    }

    fn hash(&mut self) {
        if let State::Here(hasher) = &mut self.state {
            let (hasher, chunks) = (std::mem::take(hasher), std::mem::take(&mut self.waiting));
            self.waiting_bytes = 0;
            self.state = State::Away(Box::pin(hashed(hasher, chunks)));
        }
    }
}

/// Takes these bytes in: few here, many on another thread.
pub(super) async fn hashed(mut hasher: Sha1Hasher, chunks: Vec<Bytes>) -> Sha1Hasher {
    #[cfg(feature = "fs")]
    let is_worth_it = chunks.iter().map(Bytes::len).sum::<usize>() >= WORTH_IT;
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
