//! The data to send: one chunk repeated, and one small document.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit::Bytes;
use futures::io::{AsyncBufRead, AsyncRead};
use futures::stream::{self, Stream};

const CHUNK: usize = 128 << 10;

static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// About the size of a small call's request and reply.
pub(crate) const DOCUMENT: &str = "{\"bucketId\":\"4a48fe8875c6214145260818\",\"fileName\":\"2026/\
    some/name.txt\",\"maxFileCount\":100,\"accountId\":\"12f634bf3cbz\"}";

/// `len` bytes as a stream.
pub(crate) fn chunks(bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + Unpin {
    let chunk = move |at| {
        let size = usize::try_from(bytes - at).unwrap_or(CHUNK).min(CHUNK);
        Ok(Bytes::from_static(&ZEROS[..size]))
    };
    stream::iter((0..bytes).step_by(CHUNK).map(chunk))
}

/// `len` bytes as a reader.
pub(crate) struct Reader {
    pub(crate) left: u64,
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let size = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        Poll::Ready(Ok(&ZEROS[..size]))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.left -= amount as u64;
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let size = usize::try_from(self.left)
            .unwrap_or(CHUNK)
            .min(CHUNK)
            .min(buf.len());
        buf[..size].copy_from_slice(&ZEROS[..size]);
        self.left -= size as u64;
        Poll::Ready(Ok(size))
    }
}
