//! [`Space`]: how many bytes a store holds, and how many it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The space of a store.
pub(super) struct Space {
    used: Arc<AtomicU64>,
    cap: u64,
}

/// Space that is taken as long as this lives.
pub(super) struct Taken {
    used: Arc<AtomicU64>,
    len: u64,
}

impl Space {
    pub(super) fn new(cap: u64) -> Self {
        Self {
            used: Arc::new(AtomicU64::new(0)),
            cap,
        }
    }

    /// Takes so much, if there is so much.
    pub(super) fn take(&self, len: u64) -> Option<Taken> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(len).filter(|total| *total <= self.cap)
            })
            .ok()?;
        Some(self.taken(len))
    }

    /// What was there before anyone asked counts, whatever the cap says.
    pub(super) fn take_anyway(&self, len: u64) -> Taken {
        self.used.fetch_add(len, Ordering::Relaxed);
        self.taken(len)
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn taken(&self, len: u64) -> Taken {
        Taken {
            used: Arc::clone(&self.used),
            len,
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.used.fetch_sub(self.len, Ordering::Relaxed);
    }
}
