//! [`HashPool`]: computes the slowest checksum of a large upload on another thread, in parallel
//! with everything else.

use std::sync::Arc;

use b2kit_core::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::drivers::host::{Hasher, Host};
use crate::model::checksums::{Digests, Hashes};

/// Maximum number of uploads that use another thread. Others are hashed where they are received,
/// which is as fast when all processors are busy.
const MAX_JOBS: usize = 4;

/// Smaller uploads are hashed before another thread could start.
const MIN_UPLOAD: u64 = 1 << 20;

/// Bytes handed over at once: waking a thread for every chunk would cost more than it saves.
const BATCH: usize = 256 * 1024;

/// Maximum number of batches that wait for the other thread.
const MAX_QUEUED: usize = 4;

/// Threads for hashing.
pub(super) struct HashPool {
    slots: Arc<Semaphore>,
}

/// The checksums of an upload: the slowest on another thread, the rest where it is received.
struct PooledHasher {
    local: Hashes,
    offloaded: JoinHandle<Hashes>,
    full: Sender<Vec<u8>>,
    /// Batches to reuse: the same few circulate, so an upload needs no more memory.
    empty: Receiver<Vec<u8>>,
    batch: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl HashPool {
    pub(super) fn new() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(MAX_JOBS)),
        }
    }
}

impl Host for HashPool {
    /// Sockets make requests wait often enough, and an extra wake-up would cost as much as a small
    /// call.
    fn yields(&self) -> bool {
        false
    }

    fn hasher(&self, hashes: Hashes, len: u64) -> Box<dyn Hasher> {
        if len < MIN_UPLOAD || hashes.are_none() {
            return Box::new(hashes);
        }
        let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Box::new(hashes);
        };
        let (slowest, local) = hashes.split_slowest();
        let (full, waiting) = channel(MAX_QUEUED);
        let (done, empty) = channel(MAX_QUEUED + 1);
        Box::new(PooledHasher {
            local,
            offloaded: spawn_blocking(move || hash(slowest, waiting, &done)),
            full,
            empty,
            batch: Vec::with_capacity(BATCH),
            _permit: permit,
        })
    }
}

/// Hashes batches until there are no more.
fn hash(mut hashes: Hashes, mut waiting: Receiver<Vec<u8>>, done: &Sender<Vec<u8>>) -> Hashes {
    while let Some(mut batch) = waiting.blocking_recv() {
        hashes.add(&batch);
        batch.clear();
        // the channel has room for all batches
        done.try_send(batch).ok();
    }
    hashes
}

impl PooledHasher {
    async fn hand_over(&mut self) {
        let next = self.empty.try_recv();
        let next = next.unwrap_or_else(|_| Vec::with_capacity(BATCH));
        let batch = std::mem::replace(&mut self.batch, next);
        // the receiver exists until all batches are sent
        self.full.send(batch).await.ok();
    }
}

#[async_trait]
impl Hasher for PooledHasher {
    async fn update(&mut self, bytes: &Bytes) {
        self.local.add(bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BATCH - self.batch.len()));
            self.batch.extend_from_slice(now);
            if self.batch.len() == BATCH {
                self.hand_over().await;
            }
            rest = later;
        }
    }

    async fn finish(mut self: Box<Self>) -> Digests {
        self.hand_over().await;
        let Self {
            local,
            offloaded,
            full,
            ..
        } = *self;
        drop(full);
        // the task neither panics nor is canceled before the runtime
        let slowest = offloaded.await.unwrap_or_default();
        let (local, slowest) = (local.finish(), slowest.finish());
        (local.0.or(slowest.0), local.1.or(slowest.1))
    }
}
