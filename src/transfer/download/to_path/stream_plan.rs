//! [`StreamPlan`]: which byte ranges a download to a path requests, and in how many streams. Pure.

use std::ops::Range;

use crate::transfer::download::builder::PathOptions;
use crate::transfer::range_set::MissingRanges;

/// The ratio of the largest adaptive range to the smallest.
const TAPER: u64 = 8;

/// How the missing bytes are divided into ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeSize {
    /// Not at all: there is one stream.
    Whole,
    /// Into ranges of this many bytes, chosen by the caller.
    Fixed(u64),
    /// Into ranges of about this many bytes, while the download waits for the network, and into
    /// smaller ones towards the end of the file, so that no stream has to wait for another.
    Adaptive(u64),
}

/// The ranges to request, and the number of streams.
#[derive(Debug)]
pub(super) struct StreamPlan {
    size: RangeSize,
    max_streams: usize,
    /// The current number of streams.
    streams: usize,
    /// The end of the first stream, if it may be cut off.
    end_of_first: Option<u64>,
    /// The bytes not yet assigned to a stream.
    ahead: MissingRanges,
    /// The number of ranges that are done or in progress.
    begun: u64,
}

impl PathOptions {
    /// The size of the first range of a resumed download. How the others are divided depends on
    /// the response.
    pub(super) fn first_range_size(&self) -> u64 {
        self.range_size
            .filter(|_| self.concurrency > 1)
            .unwrap_or(u64::MAX)
    }
}

impl RangeSize {
    /// The size of ranges with these options; `adaptive` if the caller did not choose one. A client
    /// with a bandwidth limit (`is_limited`) gains nothing from more streams.
    pub(super) fn new(options: &PathOptions, is_limited: bool, adaptive: u64) -> Self {
        match options.range_size {
            _ if options.concurrency == 1 => Self::Whole,
            Some(bytes) => Self::Fixed(bytes),
            None if is_limited => Self::Whole,
            None => Self::Adaptive(adaptive.max(1)),
        }
    }
}

impl StreamPlan {
    /// The plan in which the first stream downloads `first`, `ahead` is missing, and `done` ranges
    /// are on disk.
    pub(super) fn new(
        size: RangeSize,
        concurrency: usize,
        first: &Range<u64>,
        ahead: MissingRanges,
        done: u64,
    ) -> Self {
        let (streams, max_streams) = match size {
            RangeSize::Whole => (1, 1),
            RangeSize::Fixed(_) => (concurrency, concurrency),
            RangeSize::Adaptive(_) => (1, concurrency),
        };
        Self {
            size,
            max_streams,
            streams,
            end_of_first: (streams < max_streams && !first.is_empty()).then_some(first.end),
            ahead,
            begun: done + 1,
        }
    }

    /// The next range to request, if there are fewer streams than planned.
    pub(super) fn next_range(&mut self, streams: usize) -> Option<Range<u64>> {
        if streams >= self.streams {
            return None;
        }
        let range = self.ahead.take(self.range_len(self.ahead.total_bytes()))?;
        self.begun += 1;
        Some(range)
    }

    /// Whether streams may be added to the running ones: if all planned streams are running, or if
    /// the rest of the first stream can still be divided.
    pub(super) fn may_add(&self, streams: usize) -> bool {
        streams < self.max_streams && (streams == self.streams || self.end_of_first.is_some())
    }

    /// Plans twice as many streams. If all ranges are assigned, the rest of the first stream, which
    /// is at this offset, is divided, at most once: returns the offset at which that stream has to
    /// end.
    pub(super) fn add_streams(&mut self, streams: usize, first_stream_at: u64) -> Option<u64> {
        if streams == self.streams {
            self.streams = streams.saturating_mul(2).min(self.max_streams);
        }
        if !self.ahead.is_empty() {
            return None;
        }
        let end = self.end_of_first.take()?;
        let left = end.saturating_sub(first_stream_at);
        let cut = first_stream_at.saturating_add(self.range_len(left));
        if cut >= end {
            return None;
        }
        self.ahead.push(cut..end);
        Some(cut)
    }

    /// The number of ranges, done or not; 0 if there is only one stream.
    pub(super) fn total_parts(&self) -> u32 {
        let total = self.begun + self.count_ahead();
        let parts = if total > 1 { total } else { 0 };
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    fn count_ahead(&self) -> u64 {
        match self.size {
            RangeSize::Whole => self.ahead.count_ranges(u64::MAX),
            RangeSize::Fixed(bytes) => self.ahead.count_ranges(bytes),
            RangeSize::Adaptive(_) => {
                let mut left = self.ahead.clone();
                let ranges = std::iter::from_fn(|| left.take(self.range_len(left.total_bytes())));
                ranges.count() as u64
            }
        }
    }

    /// The length of the next range, if `left` bytes are not yet assigned to a stream.
    fn range_len(&self, left: u64) -> u64 {
        let max = match self.size {
            RangeSize::Whole => return u64::MAX,
            RangeSize::Fixed(bytes) => return bytes,
            RangeSize::Adaptive(max) => max,
        };
        let min = max.div_ceil(TAPER);
        let len = match self.streams {
            1 => max,
            _ => left.div_ceil(self.max_streams as u64).clamp(min, max),
        };
        // A smaller remainder is not worth another call.
        if left.saturating_sub(len) < min {
            left.max(1)
        } else {
            len
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::range_set::RangeSet;

    const MB: u64 = 1_000_000;

    fn adaptive(len: u64, streams: usize) -> StreamPlan {
        let ahead = RangeSet::default().missing(len..len);
        StreamPlan::new(RangeSize::Adaptive(100 * MB), streams, &(0..len), ahead, 0)
    }

    /// The lengths of all ranges, if each is assigned to one of so many streams.
    fn ranges(plan: &mut StreamPlan) -> Vec<u64> {
        std::iter::from_fn(|| plan.next_range(0).map(|range| range.end - range.start)).collect()
    }

    /// The ranges of a download that adds streams until it may have no more.
    fn joined(len: u64, streams: usize) -> Vec<u64> {
        let mut plan = adaptive(len, streams);
        let cut = plan.add_streams(1, 0);
        while plan.may_add(plan.streams) {
            assert_eq!(plan.add_streams(plan.streams, 0), None);
        }
        let (first, expected) = (cut.unwrap_or(len), plan.total_parts());
        let mut all = vec![first];
        all.extend(ranges(&mut plan));
        if all.len() > 1 {
            assert_eq!(all.len(), expected as usize);
        }
        assert_eq!(all.iter().sum::<u64>(), len);
        all
    }

    #[test]
    fn a_download_has_one_range_until_a_stream_is_added() {
        let mut plan = adaptive(5_000 * MB, 4);
        assert_eq!((plan.next_range(1), plan.total_parts()), (None, 0));
        assert!(plan.may_add(1));
        assert_eq!(plan.add_streams(1, 7), Some(100 * MB + 7));
        assert_eq!(plan.next_range(1), Some(100 * MB + 7..200 * MB + 7));
        assert_eq!(plan.next_range(2), None);
        assert!(plan.may_add(2));
        assert_eq!(plan.add_streams(2, 50 * MB), None);
        assert_eq!(plan.next_range(2), Some(200 * MB + 7..300 * MB + 7));
        assert!(plan.next_range(3).is_some(), "there are twice as many");
        assert_eq!(plan.next_range(4), None);
    }

    #[test]
    fn no_more_streams_are_added_than_the_caller_allows() {
        let mut plan = adaptive(5_000 * MB, 2);
        assert!(plan.add_streams(1, 0).is_some() && plan.next_range(1).is_some());
        assert!(!plan.may_add(2));
        assert!(!adaptive(5_000 * MB, 1).may_add(1));
    }

    #[test]
    fn ranges_are_smaller_towards_the_end() {
        let all = joined(2_000 * MB, 8);
        let (_, shrinking) = all.split_last().unwrap();
        assert!(shrinking.is_sorted_by(|one, next| one >= next), "{all:?}");
        assert_eq!(all.iter().filter(|&&len| len == 100 * MB).count(), 13);
        // The last stream has at most a quarter of a range to itself.
        assert!(*all.last().unwrap() < 25 * MB, "{all:?}");
        assert!(all.len() < 50, "{all:?}");
        assert_eq!(joined(200 * MB, 4).first(), Some(&(50 * MB)));
    }

    #[test]
    fn a_short_rest_is_not_cut_off() {
        for len in [0, 1, 12 * MB, 24 * MB] {
            assert_eq!(joined(len, 4), [len]);
        }
        assert_eq!(joined(25 * MB, 4), [12_500_000, 12_500_000]);
        let mut plan = adaptive(5_000 * MB, 4);
        assert_eq!(plan.add_streams(1, 4_990 * MB), None);
        assert!(!plan.may_add(1), "it is not asked again");
    }

    #[test]
    fn missing_ranges_of_a_resumed_download_are_requested_before_a_stream_is_cut_off() {
        let done = RangeSet::from_sorted([0..10 * MB, 500 * MB..600 * MB]).unwrap();
        let first = 10 * MB..500 * MB;
        let mut begun = done.clone();
        begun.insert(first.clone());
        let ahead = begun.missing(0..700 * MB);
        let mut plan = StreamPlan::new(RangeSize::Adaptive(100 * MB), 3, &first, ahead, 2);
        assert_eq!(plan.total_parts(), 4);
        assert_eq!(plan.add_streams(1, 20 * MB), None);
        assert_eq!(plan.next_range(1), Some(600 * MB..633_333_334));
        assert_eq!(plan.add_streams(2, 20 * MB), None);
        assert_eq!(ranges(&mut plan).iter().sum::<u64>(), 66_666_666);
        // The others have ended, and the first still has much to do.
        assert!(plan.may_add(1));
        assert_eq!(plan.add_streams(1, 100 * MB), Some(200 * MB));
        assert_eq!(plan.next_range(1), Some(200 * MB..300 * MB));
    }

    #[test]
    fn a_chosen_range_size_is_kept_and_one_stream_is_not_divided() {
        let plan = |size| {
            let ahead = RangeSet::default().missing(10..95);
            StreamPlan::new(size, 4, &(0..10), ahead, 0)
        };
        let mut fixed = plan(RangeSize::Fixed(10));
        assert_eq!((fixed.total_parts(), fixed.may_add(4)), (10, false));
        assert_eq!(ranges(&mut fixed), [10, 10, 10, 10, 10, 10, 10, 10, 5]);
        let mut whole = plan(RangeSize::Whole);
        assert_eq!((whole.next_range(1), whole.may_add(1)), (None, false));
        assert_eq!(ranges(&mut whole), [85]);
    }
}
