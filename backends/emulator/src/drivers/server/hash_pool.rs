//! [`HashPool`]: hashes uploads beside the thread that receives them, so that a large upload takes as long as its slowest
//! checksum or as all the rest, and not as long as both together.

use std::sync::Arc;

use b2kit_core::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::drivers::host::{Hasher, Host};
use crate::model::checksums::Hashes;

/// How many uploads are hashed elsewhere at a time; the others are where they are received, which is as fast when all
/// processors are busy.
const MAX_JOBS: usize = 4;

/// Uploads below this are hashed before anybody could be asked.
const MIN_UPLOAD: u64 = 1 << 20;

/// How many bytes are handed over at once: to wake a thread for each piece would cost more than it brings.
const BATCH: usize = 256 * 1024;

/// How many armfuls wait for the other thread at most.
const MAX_QUEUED: usize = 4;

/// Threads for hashing.
pub(super) struct HashPool {
    room: Arc<Semaphore>,
}

/// The checksums of one upload: the slowest on a thread of its own, the other where the bytes are received.
struct PooledHasher {
    local: Hashes,
    offloaded: JoinHandle<Hashes>,
    full: Sender<Vec<u8>>,
    /// Armfuls that were hashed. The same few go round, which is all the memory that an upload takes.
    empty: Receiver<Vec<u8>>,
    batch: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl HashPool {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(MAX_JOBS)),
        }
    }
}

impl Host for HashPool {
    /// A socket makes requests wait often enough. To be woken at once, maybe on another thread, would cost as much as a
    /// small call.
    fn yields(&self) -> bool {
        false
    }

    fn hasher(&self, hashes: Hashes, len: u64) -> Box<dyn Hasher> {
        if len < MIN_UPLOAD || hashes.are_none() {
            return Box::new(hashes);
        }
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
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

/// Until there is no more, or nobody who wants to know.
fn hash(mut hashes: Hashes, mut waiting: Receiver<Vec<u8>>, done: &Sender<Vec<u8>>) -> Hashes {
    while let Some(mut batch) = waiting.blocking_recv() {
        hashes.add(&batch);
        batch.clear();
        // there is room for all that go round
        done.try_send(batch).ok();
    }
    hashes
}

impl PooledHasher {
    async fn hand_over(&mut self) {
        let next = self.empty.try_recv();
        let next = next.unwrap_or_else(|_| Vec::with_capacity(BATCH));
        let batch = std::mem::replace(&mut self.batch, next);
        // it is taken until the last
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

    async fn finish(mut self: Box<Self>) -> (Option<String>, Option<String>) {
        self.hand_over().await;
        let Self {
            local,
            offloaded,
            full,
            ..
        } = *self;
        drop(full);
        // it neither panics nor is it stopped before the runtime is
        let slowest = offloaded.await.unwrap_or_default();
        let (local, slowest) = (local.hex(), slowest.hex());
        (local.0.or(slowest.0), local.1.or(slowest.1))
    }
}
