//! [`Host`]: what an exchange needs from the driver that a request came through.

use std::future::poll_fn;
use std::task::Poll;

use b2kit_core::async_trait;
use bytes::Bytes;

use crate::model::checksums::{Digests, Hashes};

/// The driver of a request.
pub(crate) trait Host: Send + Sync {
    /// Whether to yield between steps, so that concurrent requests interleave as over a network.
    fn yields(&self) -> bool;

    /// Computes the checksums of an upload of `len` bytes.
    fn hasher(&self, hashes: Hashes, len: u64) -> Box<dyn Hasher>;
}

/// Computes checksums incrementally.
#[async_trait]
pub(crate) trait Hasher: Send {
    /// Adds bytes.
    async fn update(&mut self, bytes: &Bytes);

    async fn finish(self: Box<Self>) -> Digests;
}

/// In-process, on any executor: yields itself, and has no threads for hashing.
pub(crate) struct InProcessHost;

impl Host for InProcessHost {
    fn yields(&self) -> bool {
        true
    }

    fn hasher(&self, hashes: Hashes, _: u64) -> Box<dyn Hasher> {
        Box::new(hashes)
    }
}

#[async_trait]
impl Hasher for Hashes {
    async fn update(&mut self, bytes: &Bytes) {
        self.add(bytes);
    }

    async fn finish(self: Box<Self>) -> Digests {
        Self::finish(*self)
    }
}

/// Yields to the executor once.
///
/// In memory nothing ever waits, so concurrent requests of a client would run one after the other,
/// and never expose races between them.
pub(crate) async fn yield_now() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
