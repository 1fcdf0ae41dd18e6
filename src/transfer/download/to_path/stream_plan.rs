//! [`StreamPlan`]: which byte ranges a download to a path requests, and in how many streams. Pure.

use std::ops::Range;

use crate::transfer::download::builder::PathOptions;
use crate::transfer::range_set::MissingRanges;

/// By how much the number of streams is multiplied while a download waits for the network.
const GROWTH: usize = 4;

/// The ratio of the largest adaptive range to the smallest.
const TAPER: u64 = 16;

/// A stream takes its whole share of the missing bytes if that is at most so many times the
/// smallest range.
const WHOLE_SHARE: u64 = 4;

/// The rest of the first stream is not divided if it is less than so many times the smallest range.
const SHORT_REST: u64 = 4;

/// How the missing bytes are divided into ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeSize {
    /// Not at all: there is one stream.
    Whole,
    /// Into ranges of this many bytes, chosen by the caller.
    Fixed(u64),
    /// Into ranges of about this many bytes, while the download waits for the network, and into
    /// smaller ones towards the end of the file, so that all streams end at about the same time.
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

    /// The next range to request, if there are fewer streams than planned. So many bytes have not
    /// arrived yet, including those that running streams will receive.
    pub(super) fn next_range(&mut self, streams: usize, missing: u64) -> Option<Range<u64>> {
        if streams >= self.streams {
            return None;
        }
        let (unassigned, len) = (self.ahead.total_bytes(), self.range_len(missing));
        // A short rest is not worth another call.
        let len = match self.size {
            RangeSize::Adaptive(max) if unassigned.saturating_sub(len) < smallest(max) / 2 => {
                unassigned
            }
            _ => len,
        };
        let range = self.ahead.take(len)?;
        self.begun += 1;
        Some(range)
    }

    /// Whether streams may be added to the running ones: if all planned streams are running, or if
    /// the rest of the first stream can still be divided.
    pub(super) fn may_add(&self, streams: usize) -> bool {
        streams < self.max_streams && (streams == self.streams || self.end_of_first.is_some())
    }

    /// Plans four times as many streams. If all ranges are assigned, the rest of the first stream, which
    /// is at this offset, is divided, at most once, unless it is short: returns the offset at which
    /// that stream has to end.
    pub(super) fn add_streams(&mut self, streams: usize, first_stream_at: u64) -> Option<u64> {
        if streams == self.streams {
            self.streams = streams.saturating_mul(GROWTH).min(self.max_streams);
        }
        if !self.ahead.is_empty() {
            return None;
        }
        let end = self.end_of_first.take()?;
        let left = end.saturating_sub(first_stream_at);
        let is_short = match self.size {
            RangeSize::Adaptive(max) => left < smallest(max).saturating_mul(SHORT_REST),
            RangeSize::Fixed(_) | RangeSize::Whole => true,
        };
        if is_short {
            return None;
        }
        let cut = first_stream_at.saturating_add(self.range_len(left));
        self.ahead.push(cut..end);
        Some(cut)
    }

    /// The number of ranges, done or not, as far as it is known; 0 if there is only one stream.
    pub(super) fn total_parts(&self, missing: u64) -> u32 {
        let total = self.begun + self.ahead.count_ranges(self.range_len(missing));
        let parts = if total > 1 { total } else { 0 };
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    /// The length of the next range, if so many bytes have not arrived yet.
    ///
    /// If all streams are equally fast, they end at the same time if each takes an equal share of
    /// the missing bytes, those that are under way included. They are only about equally fast: so
    /// a stream takes three quarters of its share while a share is large.
    fn range_len(&self, missing: u64) -> u64 {
        let max = match self.size {
            RangeSize::Whole => return u64::MAX,
            RangeSize::Fixed(bytes) => return bytes,
            RangeSize::Adaptive(max) => max,
        };
        let (min, share) = (smallest(max), missing.div_ceil(self.max_streams as u64));
        let len = if share <= min.saturating_mul(WHOLE_SHARE) {
            share
        } else {
            share - share / 4
        };
        len.clamp(min, max)
    }
}

/// The length of the smallest adaptive range. Only the last one may be shorter.
const fn smallest(max: u64) -> u64 {
    max.div_ceil(TAPER)
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

    /// The lengths of the ranges that are assigned before any of their bytes arrive.
    fn ranges(plan: &mut StreamPlan) -> Vec<u64> {
        let missing = plan.ahead.total_bytes();
        std::iter::from_fn(|| {
            plan.next_range(0, missing)
                .map(|range| range.end - range.start)
        })
        .collect()
    }

    #[test]
    fn a_download_has_one_range_until_a_stream_is_added() {
        let mut plan = adaptive(5_000 * MB, 6);
        assert_eq!(plan.next_range(1, 5_000 * MB), None);
        assert_eq!(plan.total_parts(5_000 * MB), 0);
        assert!(plan.may_add(1));
        assert_eq!(plan.add_streams(1, 7), Some(100 * MB + 7));
        let next = |plan: &mut StreamPlan, streams| plan.next_range(streams, 4_000 * MB);
        assert_eq!(next(&mut plan, 1), Some(100 * MB + 7..200 * MB + 7));
        assert_eq!(next(&mut plan, 3), Some(200 * MB + 7..300 * MB + 7));
        assert_eq!(next(&mut plan, 4), None);
        assert!(plan.may_add(4) && !plan.may_add(3));
        assert_eq!(plan.add_streams(4, 50 * MB), None);
        assert!(next(&mut plan, 5).is_some(), "as many as the caller allows");
        assert_eq!(next(&mut plan, 6), None);
    }

    #[test]
    fn no_more_streams_are_added_than_the_caller_allows() {
        let mut plan = adaptive(5_000 * MB, 2);
        assert!(plan.add_streams(1, 0).is_some() && plan.next_range(1, MB).is_some());
        assert!(!plan.may_add(2));
        assert!(!adaptive(5_000 * MB, 1).may_add(1));
    }

    #[test]
    fn a_range_is_three_quarters_of_a_share_of_the_missing_bytes_and_a_short_share_is_whole() {
        let mut plan = adaptive(2_000 * MB, 8);
        assert_eq!(plan.add_streams(1, 0), Some(100 * MB));
        let mut next = |missing| {
            plan.next_range(1, missing)
                .map(|range| range.end - range.start)
        };
        // Also with what other streams have not received yet.
        assert_eq!(next(1_900 * MB), Some(100 * MB));
        assert_eq!(next(800 * MB), Some(75 * MB));
        assert_eq!(next(201 * MB), Some(18_843_750));
        assert_eq!(next(200 * MB), Some(25 * MB));
        assert_eq!(next(MB), Some(6_250_000));
    }

    #[test]
    fn a_short_rest_is_not_left_for_another_range() {
        // Half of the smallest range is not short.
        let half = 100 * MB / TAPER / 2;
        let (whole, divided) = (vec![25 * MB + half - 1], vec![25 * MB, half]);
        for (rest, ranges) in [(half - 1, whole), (half, divided)] {
            let (done, all) = (RangeSet::default(), 25 * MB + rest);
            let ahead = done.missing(0..all);
            let mut plan = StreamPlan::new(RangeSize::Adaptive(100 * MB), 8, &(0..0), ahead, 0);
            let taken = std::iter::from_fn(|| plan.next_range(0, 200 * MB));
            let taken: Vec<_> = taken.map(|range| range.end - range.start).collect();
            assert_eq!(taken, ranges);
        }
    }

    #[test]
    fn a_first_stream_with_less_than_a_quarter_of_a_range_left_is_not_cut_off() {
        for left in [0, 1, 24_999_999] {
            assert_eq!(adaptive(left, 4).add_streams(1, 0), None);
            let mut plan = adaptive(5_000 * MB, 4);
            assert_eq!(plan.add_streams(1, 5_000 * MB - left), None);
            assert!(!plan.may_add(1), "it is not asked again");
        }
        assert_eq!(adaptive(25 * MB, 4).add_streams(1, 0), Some(6_250_000));
        // However few bytes a range may have.
        for (len, streams) in (2..40).flat_map(|len| (2..9).map(move |streams| (len, streams))) {
            let ahead = RangeSet::default().missing(len..len);
            let size = RangeSize::Adaptive(1 + len % 20);
            let mut plan = StreamPlan::new(size, streams, &(0..len), ahead, 0);
            if let Some(cut) = plan.add_streams(1, 0) {
                assert!(0 < cut && cut < len);
                assert_eq!(ranges(&mut plan).iter().sum::<u64>(), len - cut);
            }
        }
    }

    #[test]
    fn missing_ranges_of_a_resumed_download_are_requested_before_a_stream_is_cut_off() {
        let done = RangeSet::from_sorted([0..10 * MB, 500 * MB..600 * MB]).unwrap();
        let first = 10 * MB..500 * MB;
        let mut begun = done.clone();
        begun.insert(first.clone());
        let ahead = begun.missing(0..700 * MB);
        let mut plan = StreamPlan::new(RangeSize::Adaptive(100 * MB), 3, &first, ahead, 2);
        assert_eq!(plan.total_parts(590 * MB), 4);
        assert_eq!(plan.add_streams(1, 20 * MB), None);
        assert_eq!(plan.next_range(1, 120 * MB), Some(600 * MB..630 * MB));
        assert_eq!(plan.add_streams(2, 20 * MB), None);
        assert_eq!(ranges(&mut plan).iter().sum::<u64>(), 70 * MB);
        // The others have ended, and the first still has much to do.
        assert!(plan.may_add(1));
        assert_eq!(plan.add_streams(1, 100 * MB), Some(200 * MB));
        assert_eq!(plan.next_range(1, 400 * MB), Some(200 * MB..300 * MB));
    }

    #[test]
    fn a_chosen_range_size_is_kept_and_one_stream_is_not_divided() {
        let plan = |size| {
            let ahead = RangeSet::default().missing(10..95);
            StreamPlan::new(size, 4, &(0..10), ahead, 0)
        };
        let mut fixed = plan(RangeSize::Fixed(10));
        assert_eq!((fixed.total_parts(95), fixed.may_add(4)), (10, false));
        assert_eq!(ranges(&mut fixed), [10, 10, 10, 10, 10, 10, 10, 10, 5]);
        let mut whole = plan(RangeSize::Whole);
        assert_eq!((whole.next_range(1, 95), whole.may_add(1)), (None, false));
        assert_eq!(ranges(&mut whole), [85]);
    }
}
