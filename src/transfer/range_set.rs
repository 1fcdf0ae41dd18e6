//! [`Spans`]: which bytes are there, and which are missing.

use std::collections::VecDeque;
use std::ops::Range;

/// A set of bytes, as stretches that neither touch nor overlap, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<Range<u64>>);

impl Spans {
    /// The set of these bytes; `None` unless the stretches are in order and apart, as [`iter`](Self::iter) gives them.
    pub(crate) fn read(stretches: impl IntoIterator<Item = Range<u64>>) -> Option<Self> {
        let mut spans = Self::default();
        for span in stretches {
            let apart = spans.0.last().is_none_or(|last| last.end < span.start);
            if !apart || span.is_empty() {
                return None;
            }
            spans.0.push(span);
        }
        Some(spans)
    }

    /// Adds these bytes.
    pub(crate) fn insert(&mut self, span: Range<u64>) {
        if span.is_empty() {
            return;
        }
        let from = self.0.partition_point(|other| other.end < span.start);
        let to = self.0.partition_point(|other| other.start <= span.end);
        let merged = self.0[from..to].iter().fold(span, |all, other| {
            all.start.min(other.start)..all.end.max(other.end)
        });
        self.0.splice(from..to, [merged]);
    }

    /// The stretches, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|span| span.end - span.start).sum()
    }

    /// Up to where all are there from `start` on.
    pub(crate) fn reach(&self, start: u64) -> u64 {
        let span = self.0.iter().find(|span| span.contains(&start));
        span.map_or(start, |span| span.end)
    }

    /// What is missing of `whole`, in pieces of at most `most` bytes. They are made one by one: how large a file is, a
    /// server says.
    pub(crate) fn missing(&self, whole: Range<u64>, most: u64) -> Missing {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut at = whole.start;
        let stretches = self.0.iter().map(|span| (span.start, span.end));
        for (start, end) in stretches.chain([(whole.end, whole.end)]) {
            let gap = at..start.min(whole.end);
            if !gap.is_empty() {
                gaps.push(gap);
            }
            at = at.max(end);
        }
        Missing {
            gaps: gaps.into(),
            most: most.max(1),
        }
    }
}

/// Stretches that are missing, cut into pieces as they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    gaps: VecDeque<Range<u64>>,
    most: u64,
}

impl Missing {
    /// How many pieces are still to come.
    pub(crate) fn pieces(&self) -> u64 {
        let pieces = |gap: &Range<u64>| (gap.end - gap.start).div_ceil(self.most);
        self.gaps.iter().map(pieces).sum()
    }
}

impl Iterator for Missing {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let gap = self.gaps.front_mut()?;
        let next = gap.end.min(gap.start.saturating_add(self.most));
        let piece = gap.start..next;
        gap.start = next;
        if gap.is_empty() {
            self.gaps.pop_front();
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::MAX_FILE;

    #[test]
    fn what_is_missing_is_cut_into_pieces() {
        let spans = Spans::read([2..4, 6..7]).unwrap();
        for (whole, most, expected) in [
            (0..10, 100, &[0..2, 4..6, 7..10][..]),
            (0..10, 2, &[0..2, 4..6, 7..9, 9..10]),
            (3..9, 9, &[4..6, 7..9]),
            (2..4, 9, &[]),
            (0..0, 9, &[]),
        ] {
            let missing = spans.missing(whole, most);
            assert_eq!(missing.pieces(), expected.len() as u64);
            assert_eq!(missing.collect::<Vec<_>>(), expected);
        }
        assert_eq!((spans.reach(0), spans.reach(2), spans.reach(6)), (0, 4, 7));
    }

    /// With a piece for each byte it would not fit into memory.
    #[test]
    fn of_what_is_missing_only_the_piece_that_is_asked_for_is_made() {
        let mut missing = Spans::default().missing(0..MAX_FILE, 0);
        assert_eq!(missing.pieces(), MAX_FILE);
        assert_eq!((missing.next(), missing.next()), (Some(0..1), Some(1..2)));
        assert_eq!(missing.pieces(), MAX_FILE - 2);
    }

    #[test]
    fn only_what_is_in_order_and_apart_is_read() {
        for bad in [
            vec![2..2, 4..5],
            vec![0..2, 2..3],
            vec![4..5, 0..1],
            vec![0..5, 3..9],
        ] {
            assert_eq!(Spans::read(bad), None);
        }
    }

    proptest! {
        #[test]
        fn a_set_of_bytes_has_what_was_put_in_and_misses_the_rest(
            stretches in prop::collection::vec((0_u64..60, 0_u64..12), 0..12),
            most in 1_u64..20,
        ) {
            let mut spans = Spans::default();
            let mut model = [false; 80];
            for (start, len) in stretches {
                spans.insert(start..start + len);
                (start..start + len).for_each(|at| model[usize::try_from(at).unwrap()] = true);
            }
            prop_assert_eq!(Spans::read(spans.iter().cloned()), Some(spans.clone()));
            prop_assert_eq!(spans.bytes(), model.iter().filter(|there| **there).count() as u64);
            let missing = spans.missing(0..80, most);
            prop_assert_eq!(missing.pieces(), missing.clone().count() as u64);
            for piece in missing.clone() {
                prop_assert!(!piece.is_empty() && piece.end - piece.start <= most);
            }
            let missing: Vec<_> = missing.flatten().collect();
            let expected: Vec<_> = (0..80).filter(|at| !model[usize::try_from(*at).unwrap()]).collect();
            prop_assert_eq!(missing, expected);
            let reach = model.iter().position(|there| !there).unwrap() as u64;
            prop_assert_eq!(spans.reach(0), reach);
        }
    }
}
