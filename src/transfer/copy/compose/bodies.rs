//! Request bodies of composed parts: concatenated segments, and byte ranges downloaded from B2.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes};
use futures_core::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::client::Client;
use crate::transfer::copy::copy_parts::byte_range;
use crate::transfer::source::Segment;
use crate::types::{CustomerKey, FileId};

/// Concatenates segments. The length of each is checked: otherwise a short and a long segment could
/// add up to the right total.
pub(super) fn concatenated(mut segments: Vec<Segment>) -> Segment {
    if segments.len() == 1 {
        return segments.swap_remove(0);
    }
    let bodies: Arc<[Body]> = segments.into_iter().map(|segment| segment.body).collect();
    let len = bodies.iter().map(Body::len).sum();
    let body = Body::replay(len, move || {
        let bodies = Arc::clone(&bodies);
        let each = stream::iter(0..bodies.len()).map(move |at| {
            let source = bodies[at].open()?;
            let left = bodies[at].len();
            Ok::<_, io::Error>(ExactLength { source, left })
        });
        Ok(each.try_flatten())
    });
    body.into()
}

/// A stream that fails unless it yields exactly `left` bytes.
struct ExactLength {
    source: BodyStream,
    left: u64,
}

impl Stream for ExactLength {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.source.as_mut().poll_next(cx);
        let wrong = match &next {
            Poll::Ready(Some(Ok(bytes))) => match self.left.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    self.left = left;
                    return next;
                }
                None => "a source has more bytes than it declared".to_owned(),
            },
            Poll::Ready(None) if self.left > 0 => {
                format!("a source ended {} bytes early", self.left)
            }
            _ => return next,
        };
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, wrong))))
    }
}

/// A byte range of a file in B2, downloaded while it is sent. The download is by file id, which
/// needs the account's token, so it bypasses a download origin that must not see the token.
pub(super) fn downloaded_body(
    client: &Client,
    file_id: &FileId,
    range: Range<u64>,
    key: Option<&CustomerKey>,
) -> Body {
    let mut download = client.download(file_id).with_token();
    download = download.range(byte_range(range.clone()));
    if let Some(key) = key {
        download = download.customer_key(key.clone());
    }
    Body::replay(range.end - range.start, move || {
        let begun = stream::once(download.clone().stream_of_transfer());
        Ok(begun.try_flatten().map_err(io::Error::other))
    })
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    /// A body that declares `promised` bytes and yields the chunks in `has`.
    fn body(promised: u64, has: &'static [&'static str]) -> Segment {
        let open = move || {
            let chunks = has.iter().map(|chunk| Bytes::from_static(chunk.as_bytes()));
            Ok(stream::iter(chunks.map(Ok)))
        };
        Body::replay(promised, open).into()
    }

    fn read(body: &Body) -> io::Result<Vec<u8>> {
        let chunks: Vec<Bytes> = block_on(body.open()?.try_collect())?;
        Ok(chunks.concat())
    }

    #[test]
    fn concatenated_bodies_can_be_opened_repeatedly() {
        let whole = concatenated(vec![
            body(3, &["ab", "c"]),
            Body::empty().into(),
            Body::from("de").into(),
            body(1, &["", "f"]),
        ])
        .body;
        assert_eq!(whole.len(), 6);
        for _ in 0..2 {
            assert_eq!(read(&whole).unwrap(), b"abcdef");
        }
        assert_eq!(concatenated(Vec::new()).body.len(), 0);
    }

    #[test]
    fn a_short_body_is_not_compensated_by_a_long_one() {
        for bodies in [
            vec![body(3, &["ab"]), body(3, &["cdef"])],
            vec![body(3, &["abcd"]), body(3, &["ef"])],
        ] {
            let whole = concatenated(bodies).body;
            assert_eq!(whole.len(), 6);
            assert!(read(&whole).is_err());
        }
    }
}
