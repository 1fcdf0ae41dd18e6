//! Reads the bodies of requests.

use std::io;
use std::pin::Pin;

use b2kit_core::BodyStream;
use bytes::{Bytes, BytesMut};

/// The next bytes; `None` at the end.
pub(super) async fn next(body: &mut BodyStream) -> Option<io::Result<Bytes>> {
    std::future::poll_fn(|cx| Pin::as_mut(body).poll_next(cx)).await
}

/// The whole body; `None` if it has more than `limit` bytes.
pub(super) async fn collect(body: &mut BodyStream, limit: usize) -> io::Result<Option<Bytes>> {
    // nearly always one chunk, which is not copied
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = next(body).await {
        let chunk = chunk?;
        if first.len() + rest.len() + chunk.len() > limit {
            return Ok(None);
        }
        if first.is_empty() {
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    if rest.is_empty() {
        return Ok(Some(first));
    }
    Ok(Some([first, rest.freeze()].concat().into()))
}
