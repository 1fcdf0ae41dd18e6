//! Conversions to and from `futures_io::AsyncRead`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_io::AsyncRead;

use super::body_chunks::{AbortOnDrop, BodyChunks, Upload};
use super::client_pool::PooledClient;
use crate::error::HttpError;

impl AsyncRead for BodyChunks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(self.poll_chunk(buf.len(), cx)) {
            None => Poll::Ready(Ok(0)),
            Some(Ok(chunk)) => {
                buf[..chunk.len()].copy_from_slice(&chunk);
                Poll::Ready(Ok(chunk.len()))
            }
            Some(Err(stopped)) => Poll::Ready(Err(io::Error::other(stopped))),
        }
    }
}

/// The parts of an exchange that its response body keeps until it has been read.
#[derive(Debug)]
pub struct Exchange<C: Clone + Send + 'static> {
    /// The upload of the request's body, which may still be in progress.
    pub upload: AbortOnDrop,
    /// The client, which is given back when both bodies are complete.
    pub client: PooledClient<C>,
}

/// A response's body, read from `reader`. `error` converts the reader's errors.
///
/// The stream ends at the end of the reader, or after an error.
pub fn receiving<C: Clone + Send + 'static>(
    reader: impl AsyncRead + Send + 'static,
    exchange: Exchange<C>,
    error: fn(io::Error, &Upload) -> HttpError,
) -> impl Stream<Item = Result<Bytes, HttpError>> + Send + 'static {
    ReceivedBody {
        reader: Some(Box::pin(reader)),
        buffer: Vec::new(),
        exchange: Some(exchange),
        error,
    }
}

/// Size of the read buffer.
const CHUNK: usize = 64 << 10;

struct ReceivedBody<C: Clone + Send + 'static> {
    /// `None` after the end or an error. It may hold the client too, so it is dropped first.
    reader: Option<Pin<Box<dyn AsyncRead + Send>>>,
    buffer: Vec<u8>,
    /// `None` after the end.
    exchange: Option<Exchange<C>>,
    error: fn(io::Error, &Upload) -> HttpError,
}

impl<C: Clone + Send + 'static> Stream for ReceivedBody<C> {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let (Some(reader), Some(exchange)) = (&mut this.reader, &this.exchange) else {
            return Poll::Ready(None);
        };
        this.buffer.resize(CHUNK, 0);
        let read = ready!(reader.as_mut().poll_read(cx, &mut this.buffer));
        let item = match read {
            Ok(0) => None,
            Ok(n) => return Poll::Ready(Some(Ok(Bytes::copy_from_slice(&this.buffer[..n])))),
            Err(error) => Some(Err((this.error)(error, &exchange.upload.0))),
        };
        this.reader = None;
        this.buffer = Vec::new();
        if item.is_none()
            && exchange.upload.0.is_sent()
            && let Some(exchange) = this.exchange.take()
        {
            exchange.client.give_back();
        }
        Poll::Ready(item)
    }
}

impl<C: Clone + Send + 'static> Drop for ReceivedBody<C> {
    fn drop(&mut self) {
        // Callers who know the length may not poll for the end.
        let _ = Pin::new(&mut *self).poll_next(&mut Context::from_waker(Waker::noop()));
        self.reader = None;
    }
}

/// No field is structurally pinned.
impl<C: Clone + Send + 'static> Unpin for ReceivedBody<C> {}
