//! [`Host`]: what an exchange gets from the shell that it came through: turns for others, and hands for hashing.

use std::future::poll_fn;
use std::task::Poll;

use b2kit_core::async_trait;
use bytes::Bytes;

use crate::model::checksums::Hashes;

/// The shell that a request came through.
pub(crate) trait Host: Send + Sync {
    /// Whether requests wait for others between their steps, where a network would make them wait.
    fn yields(&self) -> bool;

    /// Who computes the checksums of an upload of `len` bytes.
    fn hasher(&self, hashes: Hashes, len: u64) -> Box<dyn Hasher>;
}

/// Computes checksums while bytes pass.
#[async_trait]
pub(crate) trait Hasher: Send {
    /// Takes the next bytes.
    async fn update(&mut self, bytes: &Bytes);

    /// SHA-1 and MD5, as far as they were wanted.
    async fn finish(self: Box<Self>) -> (Option<String>, Option<String>);
}

/// No network, and whatever executor: nothing else makes requests wait, and there is nobody to help.
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

    async fn finish(self: Box<Self>) -> (Option<String>, Option<String>) {
        self.hex()
    }
}

/// Waits for one turn of the executor.
///
/// With everything in memory nothing would ever have to wait, and requests that a client sends side by side would run
/// one after the other: what goes wrong between them would never show.
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
