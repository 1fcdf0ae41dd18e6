//! Writes the ranges of a download side by side into one file.

use std::future::{Future as _, poll_fn};
use std::io;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::Bytes;
use blocking::Task;
use futures_core::Stream as _;

use super::shared_state::{Landing, refused, wake};
use crate::error::Error;
use crate::transfer::disk::write_at;
use crate::transfer::download::reader::ResumingReader;

/// So many bytes go to the disk at once, while as many are gathered.
const BATCH: u64 = 512 << 10;

/// So many chunks at most, however small a server makes them: each takes memory of its own.
const BATCH_CHUNKS: usize = 4_096;

/// A piece of the file on its way to the disk.
struct ComposeSource {
    reader: ResumingReader,
    /// Where the gathered bytes begin.
    start: u64,
    gathered: Vec<Bytes>,
    writing: Option<(Range<u64>, Task<io::Result<()>>)>,
}

impl Landing<'_> {
    /// Brings a piece to the disk: while some bytes are written, the next are gathered.
    pub(super) async fn piece(&self, reader: ResumingReader) -> Result<(), Error> {
        let mut piece = ComposeSource {
            start: reader.at(),
            reader,
            gathered: Vec::new(),
            writing: None,
        };
        loop {
            let gathered = poll_fn(|cx| self.poll_gather(&mut piece, cx)).await?;
            self.save_if_due().await?;
            if gathered.is_empty() {
                return Ok(());
            }
            let range = mem::replace(&mut piece.start, piece.reader.at())..piece.reader.at();
            let at = range.start - self.wanted.start;
            let mut next = self.is_checked.then(|| gathered.clone());
            let job = self.temp.job(move |file| write_at(file, &gathered, at));
            piece.writing = Some((range.clone(), job));
            poll_fn(|cx| self.poll_offer(&range, &mut next, cx)).await;
        }
    }

    /// The next bytes, once those before are on the disk; none at the end.
    fn poll_gather(
        &self,
        piece: &mut ComposeSource,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Bytes>, Error>> {
        if let Some((range, job)) = &mut piece.writing
            && let Poll::Ready(written) = Pin::new(job).poll(cx)
        {
            written.map_err(|error| refused(self.target, error))?;
            self.is_on_disk(range.clone());
            piece.writing = None;
        }
        let mut is_over = false;
        while !is_over
            && piece.reader.at() - piece.start < BATCH
            && piece.gathered.len() < BATCH_CHUNKS
        {
            match Pin::new(&mut piece.reader).poll_next(cx)? {
                Poll::Ready(Some(bytes)) => piece.gathered.push(bytes),
                Poll::Ready(None) => is_over = true,
                Poll::Pending => break,
            }
        }
        if piece.writing.is_some() || (piece.gathered.is_empty() && !is_over) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(mem::take(&mut piece.gathered)))
    }

    /// Gives the hash the bytes that come next in the file, and waits until it has taken those before. It reads back what
    /// comes too early.
    fn poll_offer(
        &self,
        range: &Range<u64>,
        bytes: &mut Option<Vec<Bytes>>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut tail = self.tail();
        if bytes.is_none() || tail.hashed != range.start {
            return Poll::Ready(());
        }
        if tail.next.is_some() {
            tail.piece = Some(cx.waker().clone());
            return Poll::Pending;
        }
        tail.next = bytes.take();
        tail.hashed = range.end;
        wake([tail.hash.take()], tail);
        Poll::Ready(())
    }

    fn is_on_disk(&self, range: Range<u64>) {
        let mut tail = self.tail();
        tail.unsaved += range.end - range.start;
        tail.unflushed += range.end - range.start;
        tail.done.insert(range);
        if self.temp.is_resumable() {
            self.temp.note(self.partial(&tail), self.is_checked);
        }
        let flush = if self.is_flush_due(&tail) {
            tail.flush.take()
        } else {
            None
        };
        wake([tail.hash.take(), flush], tail);
    }
}
