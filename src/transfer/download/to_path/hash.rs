//! Hashes a file sequentially while its ranges arrive in any order.

use std::fs::File;
use std::future::poll_fn;
use std::ops::Range;
use std::task::{Context, Poll};

use b2kit_core::Bytes;

use super::shared_state::{ActiveDownload, wake, write_error};
use crate::error::Error;
use crate::transfer::disk::hash_at;
use crate::transfer::download::background_hash::update_hasher;
use crate::types::{Sha1, Sha1Hasher};

/// The number of bytes read back from disk in one job.
const READ_BACK: u64 = 4 << 20;

/// The next input of the hash.
enum HashInput {
    Bytes(Vec<Bytes>),
    ReadBack(Range<u64>),
    End,
}

impl ActiveDownload<'_> {
    /// Hashes the file sequentially, as its bytes become available.
    pub(super) async fn hash_in_order(&self) -> Result<Sha1, Error> {
        let mut hasher = Sha1Hasher::default();
        loop {
            hasher = match poll_fn(|cx| self.poll_next_to_hash(cx)).await {
                HashInput::Bytes(bytes) => update_hasher(hasher, bytes).await,
                HashInput::ReadBack(range) => {
                    let (at, len) = (range.start - self.wanted.start, range.end - range.start);
                    let read_back = move |file: &File| {
                        hash_at(file, at, len, &mut hasher)?;
                        Ok(hasher)
                    };
                    self.temp
                        .run_job(read_back)
                        .await
                        .map_err(|error| write_error(self.target, error))?
                }
                HashInput::End => return Ok(hasher.finish()),
            };
        }
    }

    fn poll_next_to_hash(&self, cx: &Context<'_>) -> Poll<HashInput> {
        let mut state = self.lock();
        if let Some(bytes) = state.hash_input.take() {
            self.set_hashing(&mut state, true);
            wake([state.writer_waker.take()], state);
            return Poll::Ready(HashInput::Bytes(bytes));
        }
        let at = state.hashed;
        if at == self.wanted.end {
            self.set_hashing(&mut state, false);
            return Poll::Ready(HashInput::End);
        }
        let end = state
            .written
            .contiguous_end(at)
            .min(at.saturating_add(READ_BACK));
        if end > at {
            state.hashed = end;
            // Reading back the bytes of an earlier download must not delay adding streams.
            let is_of_this_run = at >= state.resumed_end;
            self.set_hashing(&mut state, is_of_this_run);
            return Poll::Ready(HashInput::ReadBack(at..end));
        }
        self.set_hashing(&mut state, false);
        state.hash_waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
