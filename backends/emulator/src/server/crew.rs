//! [`Crew`]: hashes uploads beside the thread that receives them, so that a large upload takes as long as its slowest
//! checksum, and not as long as all of them and the socket together.

use std::sync::Arc;

use b2kit_core::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::receive::Hashes;
use crate::shell::{Hasher, Shell};

/// How many uploads are hashed elsewhere at a time; the others are where they are received, which is as fast when all
/// processors are busy.
const SHIFTS: usize = 4;

/// Uploads below this are hashed before anybody could be asked.
const WORTHWHILE: u64 = 1 << 20;

/// How many bytes are handed over at once, at least: to wake a thread for each piece would cost more than it brings.
const ARMFUL: usize = 256 * 1024;

/// How many armfuls wait for a checksum at most.
const WAITING: usize = 4;

/// Threads for hashing.
pub(super) struct Crew {
    room: Arc<Semaphore>,
}

/// The checksums of one upload, each on a thread of its own.
struct Shift {
    sha1: Option<Task>,
    md5: Option<Task>,
    /// What is to be handed over.
    armful: Vec<Bytes>,
    armful_len: usize,
    _permit: OwnedSemaphorePermit,
}

struct Task {
    pieces: Sender<Vec<Bytes>>,
    done: JoinHandle<Hashes>,
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
        let (sha1, md5) = hashes.apart();
        Box::new(Shift {
            sha1: sha1.map(Task::begin),
            md5: md5.map(Task::begin),
            armful: Vec::new(),
            armful_len: 0,
            _permit: permit,
        })
    }
}

impl Task {
    fn begin(hashes: Hashes) -> Self {
        let (pieces, waiting) = channel(WAITING);
        Self {
            pieces,
            done: spawn_blocking(move || hash(hashes, waiting)),
        }
    }

    async fn end(self) -> Option<Hashes> {
        drop(self.pieces);
        // it neither panics nor is it stopped before the runtime is
        self.done.await.ok()
    }
}

/// Until there is no more, or nobody who wants to know.
fn hash(mut hashes: Hashes, mut waiting: Receiver<Vec<Bytes>>) -> Hashes {
    while let Some(armful) = waiting.blocking_recv() {
        for bytes in armful {
            hashes.add(&bytes);
        }
    }
    hashes
}

impl Shift {
    async fn hand_over(&mut self) {
        self.armful_len = 0;
        let armful = std::mem::take(&mut self.armful);
        for task in [&self.sha1, &self.md5].into_iter().flatten() {
            // it takes armfuls until the last
            task.pieces.send(armful.clone()).await.ok();
        }
    }
}

#[async_trait]
impl Hasher for Shift {
    async fn update(&mut self, bytes: &Bytes) {
        self.armful.push(bytes.clone());
        self.armful_len += bytes.len();
        if self.armful_len >= ARMFUL {
            self.hand_over().await;
        }
    }

    async fn finish(mut self: Box<Self>) -> (Option<String>, Option<String>) {
        self.hand_over().await;
        let mut found = (None, None);
        if let Some(task) = self.sha1 {
            found.0 = task.end().await.and_then(|hashes| hashes.hex().0);
        }
        if let Some(task) = self.md5 {
            found.1 = task.end().await.and_then(|hashes| hashes.hex().1);
        }
        found
    }
}
