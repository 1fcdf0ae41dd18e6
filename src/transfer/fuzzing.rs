//! Private functions that `crate::fuzzing` re-exports.

use std::ops::Range;

pub use super::disk::fuzzing::{State, read_state, write_state};
use super::range_set;

/// See `range_set::RangeSet`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RangeSet(range_set::RangeSet);

impl RangeSet {
    /// See `range_set::RangeSet::from_sorted`.
    pub fn from_sorted(ranges: Vec<Range<u64>>) -> Option<Self> {
        range_set::RangeSet::from_sorted(ranges).map(Self)
    }

    /// See `range_set::RangeSet::insert`.
    pub fn insert(&mut self, range: Range<u64>) {
        self.0.insert(range);
    }

    /// See `range_set::RangeSet::iter`.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.0.iter().cloned().collect()
    }

    /// See `range_set::RangeSet::total_bytes`.
    pub fn total_bytes(&self) -> u64 {
        self.0.total_bytes()
    }

    /// See `range_set::RangeSet::contiguous_end`.
    pub fn contiguous_end(&self, start: u64) -> u64 {
        self.0.contiguous_end(start)
    }

    /// See `range_set::RangeSet::missing`: their number, and the ranges.
    pub fn missing(&self, whole: Range<u64>, max: u64) -> (u64, impl Iterator<Item = Range<u64>>) {
        let mut missing = self.0.missing(whole);
        let count = missing.count_ranges(max);
        (count, std::iter::from_fn(move || missing.take(max)))
    }
}
