//! [`CallLog`]: the latest calls that a server received, for its control endpoint.
//!
//! Calls are recorded as they are, and become JSON with their secrets masked ([`masking`]) when
//! they are read, since most are never read. Memory is bounded by [`ring`]: readers ask it for the
//! calls after the last one that they know.

mod buffers;
mod byte_ring;
pub(in crate::drivers) mod call;
pub(in crate::drivers) mod cassette;
mod entry;
pub(in crate::drivers) mod filter;
pub(in crate::drivers) mod json;
mod masking;
mod ring;
pub(in crate::drivers) mod trace;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use buffers::{Buffers, Spares};
use entry::Entry;
use filter::Filter;
use ring::{Depth, Ring};
pub(in crate::drivers) use ring::{MAX_CALLS, Page, Totals};

/// The latest calls.
pub(in crate::drivers) struct CallLog {
    /// `http` or `https`: recordings have absolute URLs.
    scheme: &'static str,
    ring: Mutex<Ring>,
    spares: Spares,
    grown: Notify,
    is_closed: AtomicBool,
}

impl CallLog {
    pub(in crate::drivers) fn new(scheme: &'static str) -> Self {
        Self {
            scheme,
            ring: Mutex::default(),
            spares: Spares::default(),
            grown: Notify::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    fn push(&self, entry: Entry, buffers: Buffers) {
        self.ring().push(entry, &buffers.text, &buffers.recorded);
        self.grown.notify_waiters();
        self.spares.give(buffers);
    }

    /// At most `limit` calls after this id that pass the filter, oldest first.
    pub(in crate::drivers) fn page(&self, after: u64, limit: usize, filter: &Filter) -> Page {
        self.ring().page(after, limit, filter, Depth::Entries)
    }

    /// The call with this id, with its request and response; an empty page if the log no longer has
    /// it.
    pub(in crate::drivers) fn get(&self, id: u64) -> Page {
        self.ring().get(id)
    }

    pub(in crate::drivers) fn totals(&self) -> Totals {
        self.ring().totals()
    }

    /// Removes all calls. Later ones continue the numbering.
    pub(in crate::drivers) fn clear(&self) {
        self.ring().clear();
    }

    /// Waits for a call after this id, at most for `at_most`, or until the log is closed.
    pub(in crate::drivers) async fn wait(&self, after: u64, at_most: Duration) {
        let grown = async {
            loop {
                let notified = self.grown.notified();
                let mut notified = std::pin::pin!(notified);
                // before looking, so that no call is missed in between
                notified.as_mut().enable();
                if self.ring().last() > after || self.is_closed.load(Ordering::Relaxed) {
                    return;
                }
                notified.await;
            }
        };
        // the answer is the same after a timeout: whatever is there
        timeout(at_most, grown).await.ok();
    }

    /// Ends all present and future waits, so that a server can stop.
    pub(in crate::drivers) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.grown.notify_waiters();
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
