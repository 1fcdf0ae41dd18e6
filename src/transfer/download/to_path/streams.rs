//! The streams of a download to a path: one at first, unless the caller chose a range size, and
//! more while it is waiting for the network.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream as _;
use futures_util::stream::FuturesUnordered;

use super::shared_state::ActiveDownload;
use crate::error::Error;
use crate::transfer::download::builder::{PathOptions, RANGE_SIZE};
use crate::transfer::download::reader::ResumingReader;
use crate::transfer::progress::Progress;
use crate::transfer::range_set::MissingRanges;

/// Which ranges are downloaded, and how many in parallel.
pub(super) struct StreamPlan {
    max_streams: usize,
    /// The current number of streams.
    streams: usize,
    /// The end of the first stream, if it may be shortened.
    end_of_first: Option<u64>,
    /// The ranges not yet assigned to a stream.
    ahead: MissingRanges,
    /// The number of ranges that are done or in progress.
    begun: u64,
}

impl PathOptions {
    /// The size of a range other than the first.
    pub(super) fn max_range_size(&self) -> u64 {
        match self.concurrency {
            1 => u64::MAX,
            _ => self.range_size.unwrap_or(RANGE_SIZE),
        }
    }

    /// The size of the first range.
    pub(super) fn first_range_size(&self) -> u64 {
        self.range_size
            .filter(|_| self.concurrency > 1)
            .unwrap_or(u64::MAX)
    }
}

impl StreamPlan {
    /// The plan in which the first stream downloads `first`, `ahead` is missing, and `done` ranges
    /// are on disk. A client with a bandwidth limit (`is_limited`) gains nothing from more streams.
    pub(super) fn new(
        options: &PathOptions,
        is_limited: bool,
        first: &Range<u64>,
        ahead: MissingRanges,
        done: u64,
    ) -> Self {
        let max_streams = match options.range_size {
            None if is_limited => 1,
            _ => options.concurrency,
        };
        let is_adaptive = options.range_size.is_none() && max_streams > 1;
        Self {
            max_streams,
            streams: if is_adaptive { 1 } else { max_streams },
            end_of_first: (is_adaptive && !first.is_empty()).then_some(first.end),
            ahead,
            begun: done + 1,
        }
    }

    /// Reports the number of parts: 0 if there is only one stream.
    pub(super) fn report(&self, progress: &Progress) {
        let parts = if self.is_multi_range() {
            self.begun + self.ahead.count_ranges()
        } else {
            0
        };
        progress.expect_parts(u32::try_from(parts).unwrap_or(u32::MAX));
    }

    /// Whether there may be more streams than so many: also fewer than there were, once there are
    /// no ranges for them but the rest of the first.
    fn may_add(&self, under_way: usize) -> bool {
        under_way < self.max_streams && (under_way == self.streams || self.end_of_first.is_some())
    }

    fn is_multi_range(&self) -> bool {
        self.begun + self.ahead.count_ranges() > 1
    }
}

impl ActiveDownload<'_> {
    /// Downloads all ranges to disk.
    pub(super) async fn write_ranges(
        &self,
        first: ResumingReader,
        mut plan: StreamPlan,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut is_multi_range = plan.is_multi_range();
        let mut under_way = FuturesUnordered::new();
        under_way.push(self.write_range(first, true));
        loop {
            while under_way.len() < plan.streams
                && let Some(range) = plan.ahead.next()
            {
                plan.begun += 1;
                let reader = ResumingReader::lazy(Arc::clone(&self.version), range);
                under_way.push(self.write_range(reader, false));
            }
            let may_add = plan.may_add(under_way.len());
            let event = std::future::poll_fn(|cx| self.poll_streams(&mut under_way, may_add, cx));
            match event.await {
                StreamEvent::Ended(outcome) => {
                    outcome?;
                    if is_multi_range {
                        progress.part_done();
                    }
                }
                StreamEvent::AllEnded => return Ok(()),
                StreamEvent::AnotherWanted => {
                    if self.cut_first_stream(&mut plan) {
                        is_multi_range = true;
                        plan.report(progress);
                    }
                    if plan.ahead.count_ranges() > 0 && under_way.len() == plan.streams {
                        plan.streams += 1;
                    }
                }
            }
        }
    }

    fn poll_streams<F>(
        &self,
        under_way: &mut FuturesUnordered<F>,
        may_add: bool,
        cx: &mut Context<'_>,
    ) -> Poll<StreamEvent>
    where
        F: Future<Output = Result<(), Error>>,
    {
        match std::pin::Pin::new(&mut *under_way).poll_next(cx) {
            Poll::Ready(Some(outcome)) => Poll::Ready(StreamEvent::Ended(outcome)),
            Poll::Ready(None) => Poll::Ready(StreamEvent::AllEnded),
            Poll::Pending if may_add && self.wants_another_stream(under_way.len()) => {
                Poll::Ready(StreamEvent::AnotherWanted)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// If all ranges are in progress, shortens the first stream to the next multiple of the range
    /// size, and leaves the rest to other streams. Happens at most once.
    fn cut_first_stream(&self, plan: &mut StreamPlan) -> bool {
        if plan.ahead.count_ranges() > 0 {
            return false;
        }
        let Some(end) = plan.end_of_first.take() else {
            return false;
        };
        let mut state = self.lock();
        let ranges = (state.first_stream_at - self.wanted.start) / RANGE_SIZE + 1;
        let cut = self.wanted.start + ranges * RANGE_SIZE;
        if cut >= end {
            return false;
        }
        state.first_stream_end = cut;
        plan.ahead.push(cut..end);
        true
    }
}

enum StreamEvent {
    Ended(Result<(), Error>),
    AllEnded,
    AnotherWanted,
}
