//! Bodies whose SHA-1 is known before they are sent.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes};
use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::api::CatchPanics;
use crate::transfer::source_error::{CHANGED_SINCE_HASHED, changed};
use crate::types::{Sha1, Sha1Hasher};

/// A body with a known SHA-1. It is not hashed the first time, since B2 gets the SHA-1 and rejects
/// other content. From the second time on it is hashed: it may be a retry because B2 rejected it,
/// and if the source has changed, the body fails before its last byte is sent.
pub(crate) fn with_expected_sha1(body: &Body, sha1: Sha1) -> Body {
    let (inner, is_opened, len) = (body.clone(), AtomicBool::new(false), body.len());
    Body::replay(len, move || {
        let again = is_opened.swap(true, Ordering::Relaxed);
        Ok(ExpectedSha1Stream {
            source: inner.open()?,
            left: len,
            hasher: again.then(Sha1Hasher::default),
            sha1,
        })
    })
}

struct ExpectedSha1Stream {
    source: BodyStream,
    left: u64,
    /// Set while the bytes are hashed.
    hasher: Option<Sha1Hasher>,
    sha1: Sha1,
}

impl Stream for ExpectedSha1Stream {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = this.source.as_mut().poll_next(cx);
        if let (Poll::Ready(Some(Ok(bytes))), Some(hasher)) = (&next, &mut this.hasher) {
            hasher.update(bytes);
            this.left = this.left.saturating_sub(bytes.len() as u64);
            if this.left == 0 {
                let sha1 = this.hasher.take().map(Sha1Hasher::finish);
                if sha1 != Some(this.sha1) {
                    return Poll::Ready(Some(Err(changed(CHANGED_SINCE_HASHED))));
                }
            }
        }
        next
    }
}

/// Reads the body [again](with_expected_sha1), and fails if the source has changed.
pub(crate) async fn check_unchanged(body: &Body) -> io::Result<()> {
    let mut stream = CatchPanics::open(body)?;
    while stream.next().await.transpose()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn bodies_with_an_expected_sha1_are_hashed_from_the_second_opening() {
        for (bytes, good) in [("hello", true), ("hallo", false)] {
            let body = with_expected_sha1(&Body::from(bytes), Sha1::of(b"hello"));
            let read = || block_on(body.open().unwrap().collect::<Vec<_>>());
            assert!(read().iter().all(Result::is_ok), "B2 checks these");
            assert_eq!(read().iter().all(Result::is_ok), good);
            assert_eq!(block_on(check_unchanged(&body)).is_ok(), good);
        }
    }
}
