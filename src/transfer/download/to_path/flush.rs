//! Syncs the file and writes checkpoints while its bytes arrive.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::shared_state::{ActiveDownload, write_error};
use crate::error::Error;

/// A resumable download saves its state after this many bytes.
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

    /// Syncs the file while more bytes arrive. Otherwise they would accumulate in the page cache,
    /// and the end of the download would have to wait for them.
    pub(super) async fn flush_periodically(&self) -> Result<(), Error> {
        if !self.is_checked && self.temp.is_resumable() {
            // Checkpoints already sync the file. The system reports a failed write only once, and a
            // second sync could consume the error.
            return Ok(());
        }
        while poll_fn(|cx| self.poll_flush(cx)).await {
            let synced = self.temp.sync().await;
            synced.map_err(|error| write_error(self.target, error))?;
        }
        Ok(())
    }

    /// Ready when a sync is due: `true` to sync, `false` once all bytes have arrived.
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
