//! The streams of a download to a path: one at first, unless the caller chose a range size, and
//! more while it is waiting for the network.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream as _;
use futures_util::stream::FuturesUnordered;

use super::shared_state::ActiveDownload;
use super::stream_plan::StreamPlan;
use crate::error::Error;
use crate::transfer::download::reader::ResumingReader;
use crate::transfer::progress::Progress;

impl ActiveDownload<'_> {
    /// Downloads all ranges to disk.
    pub(super) async fn write_ranges(
        &self,
        first: ResumingReader,
        mut plan: StreamPlan,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut under_way = FuturesUnordered::new();
        under_way.push(self.write_range(first, true));
        loop {
            let missing = self.lock().missing;
            while let Some(range) = plan.next_range(under_way.len(), missing) {
                let reader = ResumingReader::lazy(Arc::clone(&self.version), range);
                under_way.push(self.write_range(reader, false));
                progress.expect_parts(plan.total_parts(missing));
            }
            let may_add = plan.may_add(under_way.len());
            let event = std::future::poll_fn(|cx| self.poll_streams(&mut under_way, may_add, cx));
            match event.await {
                StreamEvent::Ended(outcome) => {
                    outcome?;
                    if plan.total_parts(missing) > 0 {
                        progress.part_done();
                    }
                }
                StreamEvent::AllEnded => return Ok(()),
                StreamEvent::MoreWanted => {
                    self.add_streams(under_way.len(), &mut plan);
                    progress.expect_parts(plan.total_parts(missing));
                }
            }
        }
    }

    /// Plans more streams, and cuts off the first one if necessary.
    fn add_streams(&self, streams: usize, plan: &mut StreamPlan) {
        let mut state = self.lock();
        if let Some(cut) = plan.add_streams(streams, state.first_stream_at) {
            state.first_stream_end = cut;
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
            Poll::Pending if may_add && self.wants_more_streams(under_way.len()) => {
                Poll::Ready(StreamEvent::MoreWanted)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

enum StreamEvent {
    Ended(Result<(), Error>),
    AllEnded,
    MoreWanted,
}
