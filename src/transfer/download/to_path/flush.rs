//! Flushes and checkpoints a file while its bytes arrive.

use std::fs::File;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::shared_state::{Landing, refused};
use crate::error::Error;

/// So many more, and what is there is written down.
const CHECKPOINT: u64 = 16 << 20;

impl Landing<'_> {
    pub(super) async fn save_if_due(&self) -> Result<(), Error> {
        let partial = {
            let mut tail = self.tail();
            if !self.temp.is_resumable() || tail.is_saving || tail.unsaved < CHECKPOINT {
                return Ok(());
            }
            tail.is_saving = true;
            tail.unsaved = 0;
            self.partial(&tail)
        };
        let saved = self.temp.save(partial, !self.is_checked).await;
        self.tail().is_saving = false;
        saved.map_err(|error| refused(self.target, error))
    }

    /// Has the disk take the bytes while others still arrive. Left alone, they would all wait in the system's memory, and
    /// the end of the download for them.
    pub(super) async fn flush_behind(&self) -> Result<(), Error> {
        if !self.is_checked && self.temp.is_resumable() {
            // A checkpoint brings the bytes to the disk before it says that they are there. A disk tells of a failure once:
            // whoever asks beside it could be the one who is told.
            return Ok(());
        }
        while poll_fn(|cx| self.poll_flush(cx)).await {
            self.temp
                .job(File::sync_data)
                .await
                .map_err(|error| refused(self.target, error))?;
        }
        Ok(())
    }

    /// Whether to flush; not any more when all bytes are there.
    fn poll_flush(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut tail = self.tail();
        if !self.is_flush_due(&tail) {
            tail.flush = Some(cx.waker().clone());
            return Poll::Pending;
        }
        tail.unflushed = 0;
        Poll::Ready(!self.is_all_there(&tail))
    }
}
