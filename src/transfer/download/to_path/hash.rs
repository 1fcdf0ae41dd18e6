//! Hashes a file from its first byte to its last while its ranges arrive in any order.

use std::fs::File;
use std::future::poll_fn;
use std::ops::Range;
use std::task::{Context, Poll};

use b2kit_core::Bytes;

use super::shared_state::{Landing, refused, wake};
use crate::error::Error;
use crate::transfer::disk::hash_at;
use crate::transfer::download::background_hash::update_hasher;
use crate::types::{Sha1, Sha1Hasher};

/// So many are read back at once for the hash.
const READ_BACK: u64 = 4 << 20;

/// What the hash gets next.
enum Next {
    Bytes(Vec<Bytes>),
    ReadBack(Range<u64>),
    End,
}

impl Landing<'_> {
    /// Hashes the file from its first byte to its last, as soon as they are there.
    pub(super) async fn hash_behind(&self) -> Result<Sha1, Error> {
        let mut hasher = Sha1Hasher::default();
        loop {
            hasher = match poll_fn(|cx| self.poll_next_to_hash(cx)).await {
                Next::Bytes(bytes) => update_hasher(hasher, bytes).await,
                Next::ReadBack(range) => {
                    let (at, len) = (range.start - self.wanted.start, range.end - range.start);
                    let read_back = move |file: &File| {
                        hash_at(file, at, len, &mut hasher)?;
                        Ok(hasher)
                    };
                    self.temp
                        .job(read_back)
                        .await
                        .map_err(|error| refused(self.target, error))?
                }
                Next::End => return Ok(hasher.finish()),
            };
        }
    }

    fn poll_next_to_hash(&self, cx: &Context<'_>) -> Poll<Next> {
        let mut tail = self.tail();
        if let Some(bytes) = tail.next.take() {
            wake([tail.piece.take()], tail);
            return Poll::Ready(Next::Bytes(bytes));
        }
        let at = tail.hashed;
        if at == self.wanted.end {
            return Poll::Ready(Next::End);
        }
        let end = tail.done.contiguous_end(at).min(at.saturating_add(READ_BACK));
        if end > at {
            tail.hashed = end;
            return Poll::Ready(Next::ReadBack(at..end));
        }
        tail.hash = Some(cx.waker().clone());
        Poll::Pending
    }
}
