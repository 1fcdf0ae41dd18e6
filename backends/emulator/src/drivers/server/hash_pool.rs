//! [`Crew`]: hashes uploads beside the thread that receives them, so that a large upload takes as long as its slowest
//! checksum or as all the rest, and not as long as both together.

use std::sync::Arc;

use b2kit_core::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::drivers::host::{Hasher, Shell};
use crate::model::checksums::Hashes;

/// How many uploads are hashed elsewhere at a time; the others are where they are received, which is as fast when all
/// processors are busy.
const SHIFTS: usize = 4;

/// Uploads below this are hashed before anybody could be asked.
const WORTHWHILE: u64 = 1 << 20;

/// How many bytes are handed over at once: to wake a thread for each piece would cost more than it brings.
const ARMFUL: usize = 256 * 1024;

/// How many armfuls wait for the other thread at most.
const WAITING: usize = 4;

/// Threads for hashing.
pub(super) struct Crew {
    room: Arc<Semaphore>,
}

/// The checksums of one upload: the slowest on a thread of its own, the other where the bytes are received.
struct Shift {
    here: Hashes,
    elsewhere: JoinHandle<Hashes>,
    full: Sender<Vec<u8>>,
    /// Armfuls that were hashed. The same few go round, which is all the memory that an upload takes.
    empty: Receiver<Vec<u8>>,
    armful: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl Crew {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(SHIFTS)),
        }
    }
}

impl Shell for Crew {
    /// A socket makes requests wait often enough. To be woken at once, maybe on another thread, would cost as much as a
    /// small call.
    fn takes_turns(&self) -> bool {
        false
    }

    fn hasher(&self, hashes: Hashes, len: u64) -> Box<dyn Hasher> {
        if len < WORTHWHILE || hashes.are_none() {
            return Box::new(hashes);
        }
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            return Box::new(hashes);
        };
        let (slowest, here) = hashes.apart();
        let (full, waiting) = channel(WAITING);
        let (done, empty) = channel(WAITING + 1);
        Box::new(Shift {
            here,
            elsewhere: spawn_blocking(move || hash(slowest, waiting, &done)),
            full,
            empty,
            armful: Vec::with_capacity(ARMFUL),
            _permit: permit,
        })
    }
}

/// Until there is no more, or nobody who wants to know.
fn hash(mut hashes: Hashes, mut waiting: Receiver<Vec<u8>>, done: &Sender<Vec<u8>>) -> Hashes {
    while let Some(mut armful) = waiting.blocking_recv() {
        hashes.add(&armful);
        armful.clear();
        // there is room for all that go round
        done.try_send(armful).ok();
    }
    hashes
}

impl Shift {
    async fn hand_over(&mut self) {
        let next = self.empty.try_recv();
        let next = next.unwrap_or_else(|_| Vec::with_capacity(ARMFUL));
        let armful = std::mem::replace(&mut self.armful, next);
        // it is taken until the last
        self.full.send(armful).await.ok();
    }
}

#[async_trait]
impl Hasher for Shift {
    async fn update(&mut self, bytes: &Bytes) {
        self.here.add(bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(ARMFUL - self.armful.len()));
            self.armful.extend_from_slice(now);
            if self.armful.len() == ARMFUL {
                self.hand_over().await;
            }
            rest = later;
        }
    }

    async fn finish(mut self: Box<Self>) -> (Option<String>, Option<String>) {
        self.hand_over().await;
        let Self {
            here,
            elsewhere,
            full,
            ..
        } = *self;
        drop(full);
        // it neither panics nor is it stopped before the runtime is
        let slowest = elsewhere.await.unwrap_or_default();
        let (here, slowest) = (here.hex(), slowest.hex());
        (here.0.or(slowest.0), here.1.or(slowest.1))
    }
}
