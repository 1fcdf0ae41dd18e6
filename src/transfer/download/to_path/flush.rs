//! Flushes and checkpoints a file while its bytes arrive.

use std::fs::File;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::shared_state::{ActiveDownload, write_error};
use crate::error::Error;

/// So many more, and what is there is written down.
const CHECKPOINT: u64 = 16 << 20;

impl ActiveDownload<'_> {
    pub(super) async fn checkpoint_if_due(&self) -> Result<(), Error> {
        let partial = {
            let mut state = self.lock();
            if !self.temp.is_resumable() || state.is_saving || state.unsaved < CHECKPOINT {
                return Ok(());
            }
            state.is_saving = true;
            state.unsaved = 0;
            self.partial(&state)
        };
        let saved = self.temp.write_checkpoint(partial, !self.is_checked).await;
        self.lock().is_saving = false;
        saved.map_err(|error| write_error(self.target, error))
    }

    /// Has the disk take the bytes while others still arrive. SavedState alone, they would all wait in the system's memory, and
    /// the end of the download for them.
    pub(super) async fn flush_periodically(&self) -> Result<(), Error> {
        if !self.is_checked && self.temp.is_resumable() {
            // A checkpoint brings the bytes to the disk before it says that they are there. A disk tells of a failure once:
            // whoever asks beside it could be the one who is told.
            return Ok(());
        }
        while poll_fn(|cx| self.poll_flush(cx)).await {
            self.temp
                .run_job(File::sync_data)
                .await
                .map_err(|error| write_error(self.target, error))?;
        }
        Ok(())
    }

    /// Whether to flush; not any more when all bytes are there.
    fn poll_flush(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if !self.is_flush_due(&state) {
            state.flush_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.unflushed = 0;
        Poll::Ready(!self.is_all_there(&state))
    }
}
