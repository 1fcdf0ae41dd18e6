//! [`CallCounts`]: a client's requests by billing class.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::api::BillingClass;

/// The number of requests that a client has completed, by billing class. Failed attempts count too,
/// unless nothing was sent. Requests whose future was dropped don't count, though B2 may bill them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallCounts {
    /// Requests of class A, which are free.
    pub class_a: u64,
    /// Requests of class B: reads of files.
    pub class_b: u64,
    /// Requests of class C: everything else. A page of more than a thousand rows is billed as
    /// several calls, and counted as one.
    pub class_c: u64,
}

impl CallCounts {
    /// Adds calls of this class.
    #[cfg(feature = "sync")]
    pub(crate) const fn add(&mut self, class: BillingClass, calls: u64) {
        let count = match class {
            BillingClass::A => &mut self.class_a,
            BillingClass::B => &mut self.class_b,
            BillingClass::C => &mut self.class_c,
        };
        *count = count.saturating_add(calls);
    }

    /// The requests counted since `earlier` was taken.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            class_a: self.class_a.saturating_sub(earlier.class_a),
            class_b: self.class_b.saturating_sub(earlier.class_b),
            class_c: self.class_c.saturating_sub(earlier.class_c),
        }
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; 3]);

impl Counters {
    pub(super) fn count(&self, class: BillingClass) {
        self.0[index(class)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> CallCounts {
        let [class_a, class_b, class_c] = [BillingClass::A, BillingClass::B, BillingClass::C]
            .map(|class| self.0[index(class)].load(Ordering::Relaxed));
        CallCounts {
            class_a,
            class_b,
            class_c,
        }
    }
}

const fn index(class: BillingClass) -> usize {
    match class {
        BillingClass::A => 0,
        BillingClass::B => 1,
        BillingClass::C => 2,
    }
}
