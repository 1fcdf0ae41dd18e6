//! [`UploadCounter`]: reports the sent bytes of a body to the progress, across attempts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes};
use futures_core::Stream;

use crate::transfer::progress::Progress;

/// Counts the bytes of one body. The count is reset when the body is opened again, and when the
/// counter is dropped before [`commit`](Self::commit).
#[derive(Debug)]
pub(crate) struct UploadCounter {
    counter: Arc<Counter>,
    is_committed: bool,
}

#[derive(Debug)]
struct Counter {
    progress: Progress,
    /// One more than the bytes of this attempt; 0 before the first.
    bytes: AtomicU64,
}

impl UploadCounter {
    pub(crate) fn new(progress: &Progress) -> Self {
        Self {
            counter: Arc::new(Counter {
                progress: progress.clone(),
                bytes: AtomicU64::new(0),
            }),
            is_committed: false,
        }
    }

    /// Wraps a body to count its bytes.
    pub(crate) fn count(&self, body: &Body) -> Body {
        let (inner, counter) = (body.clone(), Arc::clone(&self.counter));
        Body::replay(body.len(), move || {
            let source = inner.open()?;
            counter.begin();
            Ok(CountedBody {
                source,
                counter: Arc::clone(&counter),
            })
        })
    }

    /// Keeps the count: the upload succeeded.
    pub(crate) fn commit(mut self) {
        self.is_committed = true;
    }
}

impl Counter {
    /// Starts an attempt.
    fn begin(&self) {
        let before = self.bytes.swap(1, Ordering::Relaxed);
        if let Some(bytes) = before.checked_sub(1) {
            self.progress.subtract(bytes);
            self.progress.retried();
        }
    }
}

impl Drop for UploadCounter {
    fn drop(&mut self) {
        if !self.is_committed {
            let bytes = self.counter.bytes.swap(0, Ordering::Relaxed);
            self.counter.progress.subtract(bytes.saturating_sub(1));
        }
    }
}

struct CountedBody {
    source: BodyStream,
    counter: Arc<Counter>,
}

impl Stream for CountedBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.source.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &next {
            let bytes = bytes.len() as u64;
            self.counter.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.counter.progress.add(bytes);
        }
        next
    }
}
