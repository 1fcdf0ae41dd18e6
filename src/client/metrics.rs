//! [`CallCounts`]: what a client's calls cost.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::api::BillingClass;

/// How many requests a client has made to an end, by what B2 charges for them. Attempts that failed count too, unless
/// nothing of them was sent; those whose future was dropped do not, though B2 may charge for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallCounts {
    /// Requests of class A: free.
    pub class_a: u64,
    /// Requests of class B: reading files.
    pub class_b: u64,
    /// Requests of class C: the rest. A listing of more than a thousand rows is charged as several, and counted as one.
    pub class_c: u64,
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
