//! [`Ring`]: the latest calls in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::{Entry, Recorded};
use super::filter::Filter;

/// Maximum number of calls.
const MAX_CALLS: usize = 10_000;

/// Maximum size of all requests and responses. Older calls lose theirs first.
const MAX_RECORDED: usize = 16 * 1024 * 1024;

/// The latest calls, numbered from 1.
#[derive(Default)]
pub(super) struct Ring {
    slots: VecDeque<Slot>,
    /// How many of the oldest have lost their requests and responses.
    stripped: usize,
    /// The size of all requests and responses.
    recorded: usize,
    /// The id of the last call.
    last: u64,
    /// The id of the last call that was cleared.
    cleared: u64,
    totals: Totals,
}

/// What the log has seen, including calls that it no longer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::drivers) struct Totals {
    pub(in crate::drivers) calls: u64,
    pub(in crate::drivers) received: u64,
    pub(in crate::drivers) sent: u64,
}

/// A call.
#[derive(Clone)]
pub(in crate::drivers) struct Slot {
    pub(super) id: u64,
    pub(super) entry: Arc<Entry>,
    /// `None` once it was dropped for later calls.
    pub(super) recorded: Option<Arc<Recorded>>,
}

/// Calls from the log.
pub(in crate::drivers) struct Page {
    pub(in crate::drivers) slots: Vec<Slot>,
    /// Where the next page starts.
    pub(in crate::drivers) last: u64,
    /// Number of calls after the requested id that the log no longer has.
    pub(in crate::drivers) missed: u64,
}

impl Ring {
    pub(super) fn push(&mut self, entry: Entry, recorded: Recorded) {
        self.last += 1;
        self.totals.calls += 1;
        self.totals.received += entry.received;
        self.totals.sent += entry.sent;
        self.recorded += recorded.weight();
        self.slots.push_back(Slot {
            id: self.last,
            entry: Arc::new(entry),
            recorded: Some(Arc::new(recorded)),
        });
        if self.slots.len() > MAX_CALLS {
            self.drop_oldest();
        }
        // the last one stays, whatever its size
        while self.recorded > MAX_RECORDED && self.stripped + 1 < self.slots.len() {
            self.strip_next();
        }
    }

    fn strip_next(&mut self) {
        let slot = self.slots.get_mut(self.stripped);
        if let Some(recorded) = slot.and_then(|slot| slot.recorded.take()) {
            self.recorded -= recorded.weight();
        }
        self.stripped += 1;
    }

    fn drop_oldest(&mut self) {
        if self.stripped == 0 {
            self.strip_next();
        }
        self.slots.pop_front();
        self.stripped -= 1;
    }

    pub(super) fn page(&self, after: u64, limit: usize, filter: &Filter) -> Page {
        let first = self.slots.front().map_or(self.last + 1, |slot| slot.id);
        let known = after.max(self.cleared);
        let skipped =
            usize::try_from(after.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        let mut last = after.max(first - 1);
        let mut slots = Vec::new();
        for slot in self.slots.iter().skip(skipped) {
            if slots.len() == limit {
                break;
            }
            last = slot.id;
            if filter.matches(&slot.entry) {
                slots.push(slot.clone());
            }
        }
        Page {
            slots,
            last,
            missed: (first - 1).saturating_sub(known),
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<Slot> {
        let first = self.slots.front()?.id;
        let at = usize::try_from(id.checked_sub(first)?).ok()?;
        self.slots.get(at).cloned()
    }

    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn clear(&mut self) {
        *self = Self {
            last: self.last,
            cleared: self.last,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::super::entry::{Capture, Message};
    use super::*;

    fn push(ring: &mut Ring, body: usize) {
        let entry = Entry {
            at: 0,
            duration: Duration::ZERO,
            method: http::Method::GET,
            path: "/".into(),
            call: None,
            key_id: None,
            file_name: None,
            status: None,
            received: 1,
            sent: 2,
            is_complete: true,
            faults: Vec::new(),
        };
        let mut capture = Capture::up_to(usize::MAX);
        capture.push(&Bytes::from(vec![0; body]));
        let recorded = Recorded {
            request: Message {
                body: capture,
                ..Message::default()
            },
            ..Recorded::default()
        };
        ring.push(entry, recorded);
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.slots.iter().map(|slot| slot.id).collect()
    }

    #[test]
    fn pages_continue_where_the_last_one_ended() {
        let mut ring = Ring::default();
        let all = Filter::default();
        assert_eq!(ring.page(0, 2, &all).last, 0);
        (0..3).for_each(|_| push(&mut ring, 0));
        let page = ring.page(0, 2, &all);
        assert_eq!((ids(&page), page.last, page.missed), (vec![1, 2], 2, 0));
        let page = ring.page(page.last, 2, &all);
        assert_eq!((ids(&page), page.last, page.missed), (vec![3], 3, 0));
        let page = ring.page(page.last, 2, &all);
        assert_eq!((ids(&page), page.last, page.missed), (vec![], 3, 0));
        ring.clear();
        push(&mut ring, 0);
        let page = ring.page(1, 9, &all);
        assert_eq!((ids(&page), page.last, page.missed), (vec![4], 4, 0));
        assert_eq!(ring.totals().calls, 1);
        assert!(ring.get(3).is_none() && ring.get(4).is_some() && ring.get(5).is_none());
    }

    #[test]
    fn the_oldest_calls_are_dropped_and_reported_as_missed() {
        let mut ring = Ring::default();
        (0..MAX_CALLS + 5).for_each(|_| push(&mut ring, 0));
        assert_eq!(ring.slots.len(), MAX_CALLS);
        let page = ring.page(2, 1, &Filter::default());
        assert_eq!((ids(&page), page.missed), (vec![6], 3));
        assert_eq!(ring.totals().calls, MAX_CALLS as u64 + 5);
    }

    #[test]
    fn the_oldest_requests_and_responses_make_room_for_new_ones() {
        let mut ring = Ring::default();
        (0..40).for_each(|_| push(&mut ring, 1 << 20));
        assert_eq!(ring.slots.len(), 40);
        assert!(ring.recorded <= MAX_RECORDED, "{}", ring.recorded);
        assert!(ring.get(24).unwrap().recorded.is_none());
        assert!(ring.get(25).unwrap().recorded.is_some());
        push(&mut ring, 2 * MAX_RECORDED);
        assert!(ring.get(41).unwrap().recorded.is_some(), "the last stays");
        push(&mut ring, 1);
        assert_eq!(ring.recorded, 1);
        (0..MAX_CALLS).for_each(|_| push(&mut ring, 1));
        assert_eq!((ring.stripped, ring.recorded), (0, MAX_CALLS));
    }
}
