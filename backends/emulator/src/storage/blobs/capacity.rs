//! [`Capacity`]: how many bytes a store holds, and how many it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The space of a store.
pub(super) struct Capacity {
    used: Arc<AtomicU64>,
    cap: u64,
}

/// Capacity that is reservation as long as this lives.
pub(super) struct Reservation {
    used: Arc<AtomicU64>,
    len: u64,
}

impl Capacity {
    pub(super) fn new(cap: u64) -> Self {
        Self {
            used: Arc::new(AtomicU64::new(0)),
            cap,
        }
    }

    /// Takes so much, if there is so much.
    pub(super) fn reserve(&self, len: u64) -> Option<Reservation> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(len).filter(|total| *total <= self.cap)
            })
            .ok()?;
        Some(self.reservation(len))
    }

    /// What was there before anyone asked counts, whatever the cap says.
    pub(super) fn reserve_unchecked(&self, len: u64) -> Reservation {
        self.used.fetch_add(len, Ordering::Relaxed);
        self.reservation(len)
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn reservation(&self, len: u64) -> Reservation {
        Reservation {
            used: Arc::clone(&self.used),
            len,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.used.fetch_sub(self.len, Ordering::Relaxed);
    }
}
