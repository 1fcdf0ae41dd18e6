//! [`Ring`]: the latest calls in bounded memory.

use std::collections::VecDeque;
use std::ops::Range;

use super::byte_ring::{ByteRing, Position};
use super::call::Call;
use super::entry::Entry;
use super::filter::Filter;

/// Maximum number of calls: those of three seconds, at 10,000 a second.
pub(in crate::drivers) const MAX_CALLS: usize = 30_000;

/// Room for the paths, file names and key ids of all calls: about 139 bytes for each. Longer ones leave room for fewer.
const TEXT_CAPACITY: usize = 4 * 1024 * 1024;

/// Room for all requests and responses; those of the oldest calls are dropped first.
const RECORDED_CAPACITY: usize = 16 * 1024 * 1024;

/// The latest calls, numbered from 1.
pub(super) struct Ring {
    slots: VecDeque<Slot>,
    texts: ByteRing,
    recorded: ByteRing,
    /// The id of the last call.
    last: u64,
    /// The id of the last call that was cleared.
    cleared: u64,
    totals: Totals,
}

/// A call, and where its bytes are.
struct Slot {
    id: u64,
    entry: Entry,
    text: Position,
    recorded: Position,
}

/// Totals of all calls, including those that the log no longer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::drivers) struct Totals {
    pub(in crate::drivers) calls: u64,
    pub(in crate::drivers) received: u64,
    pub(in crate::drivers) sent: u64,
}

/// Calls copied from the log.
#[derive(Default)]
pub(in crate::drivers) struct Page {
    copies: Vec<Copied>,
    bytes: Vec<u8>,
    /// Where the next page starts.
    pub(in crate::drivers) last: u64,
    /// Number of calls after the requested id that the log no longer has.
    pub(in crate::drivers) missed: u64,
}

/// A call, and which bytes of the page it has.
struct Copied {
    id: u64,
    entry: Entry,
    text: Range<usize>,
    recorded: Option<Range<usize>>,
}

/// Whether requests and responses are copied, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Entries,
    Messages,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            texts: ByteRing::new(TEXT_CAPACITY),
            recorded: ByteRing::new(RECORDED_CAPACITY),
            last: 0,
            cleared: 0,
            totals: Totals::default(),
        }
    }
}

impl Ring {
    /// `text` and `recorded` have the lengths of the entry.
    pub(super) fn push(&mut self, entry: Entry, text: &str, recorded: &[u8]) {
        self.last += 1;
        self.totals.calls += 1;
        self.totals.received += entry.received();
        self.totals.sent += entry.sent();
        if self.slots.len() == MAX_CALLS {
            self.slots.pop_front();
        }
        self.slots.push_back(Slot {
            id: self.last,
            entry,
            text: self.texts.push(text.as_bytes()),
            recorded: self.recorded.push(recorded),
        });
        while let Some(oldest) = self.slots.front()
            && self.texts.get(oldest.text).is_none()
        {
            self.slots.pop_front();
        }
    }

    /// At most `limit` calls after this id that pass the filter, oldest first.
    pub(super) fn page(&self, after: u64, limit: usize, filter: &Filter, depth: Depth) -> Page {
        let first = self.slots.front().map_or(self.last + 1, |slot| slot.id);
        let known = after.max(self.cleared);
        let skipped =
            usize::try_from(after.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        let mut page = Page {
            last: after.max(first - 1),
            missed: (first - 1).saturating_sub(known),
            ..Page::default()
        };
        for slot in self.slots.iter().skip(skipped) {
            if page.copies.len() == limit {
                break;
            }
            page.last = slot.id;
            let text = self.texts.get(slot.text).unwrap_or_default();
            if filter.matches(&Call::new(slot.id, &slot.entry, text, None)) {
                page.copy(slot, text, self.recorded_of(slot, depth));
            }
        }
        page
    }

    /// The call with this id, with its request and response; an empty page if the log no longer has
    /// it.
    pub(super) fn get(&self, id: u64) -> Page {
        let mut page = Page::default();
        let first = self.slots.front().map(|slot| slot.id);
        let at = first.and_then(|first| usize::try_from(id.checked_sub(first)?).ok());
        if let Some(slot) = at.and_then(|at| self.slots.get(at)) {
            let text = self.texts.get(slot.text).unwrap_or_default();
            page.copy(slot, text, self.recorded_of(slot, Depth::Messages));
        }
        page
    }

    fn recorded_of(&self, slot: &Slot, depth: Depth) -> Option<&[u8]> {
        match depth {
            Depth::Entries => None,
            Depth::Messages => self.recorded.get(slot.recorded),
        }
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

impl Page {
    fn copy(&mut self, slot: &Slot, text: &[u8], recorded: Option<&[u8]>) {
        let text = self.append(text);
        let recorded = recorded.map(|bytes| self.append(bytes));
        self.copies.push(Copied {
            id: slot.id,
            entry: slot.entry.clone(),
            text,
            recorded,
        });
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    pub(in crate::drivers) fn calls(&self) -> impl ExactSizeIterator<Item = Call<'_>> {
        self.copies.iter().map(|it| {
            let recorded = it.recorded.clone().map(|range| &self.bytes[range]);
            Call::new(it.id, &it.entry, &self.bytes[it.text.clone()], recorded)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call with a request of this length.
    fn push(ring: &mut Ring, path: &str, request: usize) {
        let mut entry = Entry::begin(0, http::Method::GET);
        entry.texts.path = path.len();
        entry.messages.request.recorded = request;
        entry.messages.request.body = 1;
        entry.messages.response.body = 2;
        ring.push(entry, path, &vec![0; request]);
    }

    fn all(ring: &Ring, after: u64, limit: usize) -> Page {
        ring.page(after, limit, &Filter::default(), Depth::Messages)
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.calls().map(|call| call.id).collect()
    }

    #[test]
    fn pages_continue_where_the_last_one_ended() {
        let mut ring = Ring::default();
        assert_eq!(all(&ring, 0, 2).last, 0);
        (0..3).for_each(|_| push(&mut ring, "/", 0));
        let page = all(&ring, 0, 2);
        assert_eq!((ids(&page), page.last, page.missed), (vec![1, 2], 2, 0));
        let page = all(&ring, page.last, 2);
        assert_eq!((ids(&page), page.last, page.missed), (vec![3], 3, 0));
        let page = all(&ring, page.last, 2);
        assert_eq!((ids(&page), page.last, page.missed), (vec![], 3, 0));
        ring.clear();
        push(&mut ring, "/", 0);
        let page = all(&ring, 1, 9);
        assert_eq!((ids(&page), page.last, page.missed), (vec![4], 4, 0));
        assert_eq!(ring.totals().calls, 1);
        let found = [3, 4, 5].map(|id| ids(&ring.get(id)));
        assert_eq!(found, [vec![], vec![4], vec![]]);
    }

    #[test]
    fn the_oldest_calls_are_dropped_and_reported_as_missed() {
        let mut ring = Ring::default();
        (0..MAX_CALLS + 5).for_each(|_| push(&mut ring, "/", 0));
        assert_eq!(ring.slots.len(), MAX_CALLS);
        let page = all(&ring, 2, 1);
        assert_eq!((ids(&page), page.missed), (vec![6], 3));
        assert_eq!(ring.totals().calls, MAX_CALLS as u64 + 5);
        assert_eq!(ring.totals().received, MAX_CALLS as u64 + 5);
    }

    #[test]
    fn calls_whose_texts_were_overwritten_are_dropped_and_reported_as_missed() {
        let mut ring = Ring::default();
        let paths: Vec<_> = (0..3000).map(|it| format!("/{it:04095}")).collect();
        paths.iter().for_each(|path| push(&mut ring, path, 0));
        let page = all(&ring, 0, usize::MAX);
        assert_eq!(page.calls().len(), 1024);
        assert_eq!(page.missed, 3000 - 1024);
        for (call, path) in page.calls().zip(&paths[3000 - 1024..]) {
            assert_eq!(call.path, path);
        }
    }

    #[test]
    fn the_oldest_requests_and_responses_make_room_for_new_ones() {
        let mut ring = Ring::default();
        (0..40).for_each(|_| push(&mut ring, "/", 1 << 20));
        let page = all(&ring, 0, usize::MAX);
        let has: Vec<_> = page.calls().map(|call| call.recorded.is_some()).collect();
        assert_eq!(has, [[false; 24].as_slice(), &[true; 16]].concat());
        let without = ring.page(0, 99, &Filter::default(), Depth::Entries);
        assert!(without.calls().all(|call| call.recorded.is_none()));
    }
}
