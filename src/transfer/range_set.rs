//! [`RangeSet`]: which bytes of a file are available, and which are missing.

use std::collections::VecDeque;
use std::ops::Range;

/// A set of byte offsets, as sorted ranges that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet(Vec<Range<u64>>);

impl RangeSet {
    /// The set of these ranges; `None` unless they are sorted and neither touch nor overlap, as
    /// [`iter`](Self::iter) returns them.
    pub(crate) fn from_sorted(sorted: impl IntoIterator<Item = Range<u64>>) -> Option<Self> {
        let mut ranges = Self::default();
        for range in sorted {
            let apart = ranges.0.last().is_none_or(|last| last.end < range.start);
            if !apart || range.is_empty() {
                return None;
            }
            ranges.0.push(range);
        }
        Some(ranges)
    }

    /// Adds a range.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|other| other.end < range.start);
        let to = self.0.partition_point(|other| other.start <= range.end);
        let merged = self.0[from..to].iter().fold(range, |all, other| {
            all.start.min(other.start)..all.end.max(other.end)
        });
        self.0.splice(from..to, [merged]);
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// The number of bytes in the set.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The end of the contiguous range that contains `start`, or `start` if there is none.
    pub(crate) fn contiguous_end(&self, start: u64) -> u64 {
        let range = self.0.iter().find(|range| range.contains(&start));
        range.map_or(start, |range| range.end)
    }

    /// The missing ranges of `whole`.
    pub(crate) fn missing(&self, whole: Range<u64>) -> MissingRanges {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut at = whole.start;
        let present = self.0.iter().map(|range| (range.start, range.end));
        for (start, end) in present.chain([(whole.end, whole.end)]) {
            let gap = at..start.min(whole.end);
            if !gap.is_empty() {
                gaps.push(gap);
            }
            at = at.max(end);
        }
        MissingRanges(gaps.into())
    }
}

/// Missing ranges, from which shorter ones are taken one by one: the length of a file is reported
/// by a server, and a list of all its short ranges might not fit into memory.
#[derive(Debug, Clone)]
pub(crate) struct MissingRanges(VecDeque<Range<u64>>);

impl MissingRanges {
    /// Appends a range.
    pub(crate) fn push(&mut self, range: Range<u64>) {
        self.0.push_back(range);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of missing bytes.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.0.iter().map(|gap| gap.end - gap.start).sum()
    }

    /// The number of ranges of at most `max_len` bytes.
    pub(crate) fn count_ranges(&self, max_len: u64) -> u64 {
        let ranges = |gap: &Range<u64>| (gap.end - gap.start).div_ceil(max_len.max(1));
        self.0.iter().map(ranges).sum()
    }

    /// Removes the first missing bytes, at most `max_len` of them.
    pub(crate) fn take(&mut self, max_len: u64) -> Option<Range<u64>> {
        let gap = self.0.front_mut()?;
        let end = gap.end.min(gap.start.saturating_add(max_len.max(1)));
        let range = gap.start..end;
        gap.start = end;
        if gap.is_empty() {
            self.0.pop_front();
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::MAX_FILE;

    fn all(mut missing: MissingRanges, max_len: u64) -> Vec<Range<u64>> {
        std::iter::from_fn(|| missing.take(max_len)).collect()
    }

    #[test]
    fn missing_ranges_are_divided_by_the_maximum_length() {
        let ranges = RangeSet::from_sorted([2..4, 6..7]).unwrap();
        for (whole, max_len, expected) in [
            (0..10, 100, &[0..2, 4..6, 7..10][..]),
            (0..10, 2, &[0..2, 4..6, 7..9, 9..10]),
            (3..9, 9, &[4..6, 7..9]),
            (2..4, 9, &[]),
            (0..0, 9, &[]),
        ] {
            let missing = ranges.missing(whole);
            assert_eq!(missing.count_ranges(max_len), expected.len() as u64);
            assert_eq!(all(missing, max_len), expected);
        }
        assert_eq!(
            (
                ranges.contiguous_end(0),
                ranges.contiguous_end(2),
                ranges.contiguous_end(6)
            ),
            (0, 4, 7)
        );
    }

    /// One range per byte would not fit into memory.
    #[test]
    fn missing_ranges_are_made_one_by_one() {
        let mut missing = RangeSet::default().missing(0..MAX_FILE);
        assert_eq!(missing.count_ranges(0), MAX_FILE);
        assert_eq!((missing.take(0), missing.take(1)), (Some(0..1), Some(1..2)));
        assert_eq!(missing.count_ranges(1), MAX_FILE - 2);
        assert_eq!(missing.total_bytes(), MAX_FILE - 2);
    }

    #[test]
    fn from_sorted_refuses_unsorted_or_touching_ranges() {
        for bad in [
            vec![2..2, 4..5],
            vec![0..2, 2..3],
            vec![4..5, 0..1],
            vec![0..5, 3..9],
        ] {
            assert_eq!(RangeSet::from_sorted(bad), None);
        }
    }

    proptest! {
        #[test]
        fn a_range_set_contains_what_was_inserted_and_misses_the_rest(
            inserted in prop::collection::vec((0_u64..60, 0_u64..12), 0..12),
            max_len in 1_u64..20,
        ) {
            let mut ranges = RangeSet::default();
            let mut model = [false; 80];
            for (start, len) in inserted {
                ranges.insert(start..start + len);
                (start..start + len).for_each(|at| model[usize::try_from(at).unwrap()] = true);
            }
            prop_assert_eq!(RangeSet::from_sorted(ranges.iter().cloned()), Some(ranges.clone()));
            let count = model.iter().filter(|there| **there).count();
            prop_assert_eq!(ranges.total_bytes(), count as u64);
            let gaps = ranges.missing(0..80);
            let (count, bytes) = (gaps.count_ranges(max_len), gaps.total_bytes());
            let missing = all(gaps, max_len);
            prop_assert_eq!(count, missing.len() as u64);
            for range in &missing {
                prop_assert!(!range.is_empty() && range.end - range.start <= max_len);
            }
            let missing: Vec<_> = missing.into_iter().flatten().collect();
            prop_assert_eq!(bytes, missing.len() as u64);
            let expected: Vec<_> = (0..80)
                .filter(|at| !model[usize::try_from(*at).unwrap()])
                .collect();
            prop_assert_eq!(missing, expected);
            let contiguous_end = model.iter().position(|there| !there).unwrap() as u64;
            prop_assert_eq!(ranges.contiguous_end(0), contiguous_end);
        }
    }

    #[test]
    fn an_appended_range_is_taken_last() {
        let mut missing = RangeSet::default().missing(0..0);
        assert!(missing.is_empty());
        missing.push(5..9);
        missing.push(20..21);
        assert!(!missing.is_empty());
        let taken = std::iter::from_fn(|| missing.take(3));
        assert_eq!(taken.collect::<Vec<_>>(), [5..8, 8..9, 20..21]);
        assert!(missing.is_empty());
    }
}
