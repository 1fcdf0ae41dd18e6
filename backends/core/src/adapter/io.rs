//! To and from `futures_io::AsyncRead`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_io::AsyncRead;

use super::pieces::Pieces;

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(self.poll_piece(buf.len(), cx)) {
            None => Poll::Ready(Ok(0)),
            Some(Ok(piece)) => {
                buf[..piece.len()].copy_from_slice(&piece);
                Poll::Ready(Ok(piece.len()))
            }
            Some(Err(stopped)) => Poll::Ready(Err(io::Error::other(stopped))),
        }
    }
}

/// What is read from `reader`, as chunks. It ends after the end, and after an error.
pub fn reading(
    reader: impl AsyncRead + Send + Unpin + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static {
    Reading {
        reader: Some(reader),
        buffer: Vec::new(),
    }
}

/// As much as is read at once.
const CHUNK: usize = 64 << 10;

struct Reading<R> {
    reader: Option<R>,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Stream for Reading<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(reader) = &mut this.reader else {
            return Poll::Ready(None);
        };
        this.buffer.resize(CHUNK, 0);
        let read = ready!(Pin::new(reader).poll_read(cx, &mut this.buffer));
        let item = match read {
            Ok(0) => None,
            Ok(n) => return Poll::Ready(Some(Ok(Bytes::copy_from_slice(&this.buffer[..n])))),
            Err(error) => Some(Err(error)),
        };
        this.reader = None;
        this.buffer = Vec::new();
        Poll::Ready(item)
    }
}
