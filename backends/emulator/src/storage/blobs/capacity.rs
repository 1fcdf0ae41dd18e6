//! [`Capacity`]: how many bytes a store holds, and its cap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The capacity of a store.
pub(super) struct Capacity {
    used: Arc<AtomicU64>,
    cap: u64,
}

/// Reserved bytes, released on drop.
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

    /// Reserves bytes; `None` beyond the cap.
    pub(super) fn reserve(&self, len: u64) -> Option<Reservation> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(len).filter(|total| *total <= self.cap)
            })
            .ok()?;
        Some(self.reservation(len))
    }

    /// Reserves bytes that are already stored, regardless of the cap.
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

impl Reservation {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.used.fetch_sub(self.len, Ordering::Relaxed);
    }
}
