//! Writes the parallel ranges of a download to one file.

use std::future::{Future as _, poll_fn};
use std::io;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::Bytes;
use blocking::Task;
use futures_core::Stream as _;

use super::shared_state::{ActiveDownload, wake, write_error};
use crate::error::Error;
use crate::transfer::disk::write_at;
use crate::transfer::download::reader::ResumingReader;

/// The number of bytes in one write. As many are gathered in the meantime.
const BATCH: u64 = 512 << 10;

/// The maximum number of chunks in one write, since each takes memory, however small.
const BATCH_CHUNKS: usize = 4_096;

/// A range being written to disk.
struct RangeTask {
    reader: ResumingReader,
    /// Whether this is the first stream, which may be shortened.
    is_first: bool,
    /// The offset of the gathered bytes.
    start: u64,
    gathered: Vec<Bytes>,
    writing: Option<(Range<u64>, Task<io::Result<()>>)>,
}

impl ActiveDownload<'_> {
    /// Writes a range. While bytes are being written, the next are gathered.
    pub(super) async fn write_range(
        &self,
        reader: ResumingReader,
        is_first: bool,
    ) -> Result<(), Error> {
        let mut task = RangeTask {
            start: reader.at(),
            reader,
            is_first,
            gathered: Vec::new(),
            writing: None,
        };
        loop {
            let gathered = poll_fn(|cx| self.poll_gather(&mut task, cx)).await?;
            self.checkpoint_if_due().await?;
            if gathered.is_empty() {
                return Ok(());
            }
            let range = mem::replace(&mut task.start, task.reader.at())..task.reader.at();
            let at = range.start - self.wanted.start;
            let mut next = self.is_checked.then(|| gathered.clone());
            self.count_write(true);
            let job = self.temp.run_job(move |file| write_at(file, &gathered, at));
            task.writing = Some((range.clone(), job));
            poll_fn(|cx| self.poll_feed_hash(&range, &mut next, cx)).await;
        }
    }

    /// Returns the next bytes once the previous ones are written; empty at the end.
    fn poll_gather(
        &self,
        task: &mut RangeTask,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Bytes>, Error>> {
        if let Some((range, job)) = &mut task.writing
            && let Poll::Ready(written) = Pin::new(job).poll(cx)
        {
            written.map_err(|error| write_error(self.target, error))?;
            self.count_write(false);
            self.record_written(range.clone());
            task.writing = None;
        }
        if task.is_first {
            task.reader.cut_at(self.lock().first_stream_end);
        }
        let before = task.reader.at();
        let mut is_over = false;
        while !is_over
            && task.reader.at() - task.start < BATCH
            && task.gathered.len() < BATCH_CHUNKS
        {
            match Pin::new(&mut task.reader).poll_next(cx)? {
                Poll::Ready(Some(bytes)) => task.gathered.push(bytes),
                Poll::Ready(None) => is_over = true,
                Poll::Pending => break,
            }
        }
        self.record_arrived(task.is_first, before..task.reader.at());
        if task.writing.is_some() || (task.gathered.is_empty() && !is_over) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(mem::take(&mut task.gathered)))
    }

    /// Gives the hash the bytes if they are next in the file, after waiting until it has taken the
    /// previous ones. Other bytes are read back from disk later.
    fn poll_feed_hash(
        &self,
        range: &Range<u64>,
        bytes: &mut Option<Vec<Bytes>>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.lock();
        if bytes.is_none() || state.hashed != range.start {
            return Poll::Ready(());
        }
        if state.hash_input.is_some() {
            state.writer_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.hash_input = bytes.take();
        state.hashed = range.end;
        wake([state.hash_waker.take()], state);
        Poll::Ready(())
    }

    fn record_written(&self, range: Range<u64>) {
        let mut state = self.lock();
        state.unsaved += range.end - range.start;
        state.unflushed += range.end - range.start;
        state.written.insert(range);
        if self.temp.is_resumable() {
            self.temp
                .set_checkpoint(self.partial(&state), self.is_checked);
        }
        let flush = if self.is_flush_due(&state) {
            state.flush_waker.take()
        } else {
            None
        };
        wake([state.hash_waker.take(), flush], state);
    }
}
