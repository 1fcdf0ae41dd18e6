//! [`Body`] of a request, which has an exact length, and [`ResponseBody`], which is a stream. Neither buffers a whole
//! body.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::empty_chunks::{EmptyChunkCounter, NextStep};
use crate::error::{HttpError, HttpErrorKind, Phase};

/// The chunks of a request's body. The stream ends after exactly [`Body::len`] bytes, or yields an error.
pub type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The body of a request, of known length: B2 requires `Content-Length` and refuses chunked uploads.
///
/// A clone is cheap and shares the source. [`open`](Self::open) starts reading. A body made of bytes or by
/// [`replay`](Self::replay) can be opened and sent any number of times; one made by [`once`](Self::once) can't, and a
/// second `open` is an error. [`is_replayable`](Self::is_replayable) tells which it is.
#[derive(Clone)]
pub struct Body {
    len: u64,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    Replay(Arc<dyn Fn() -> io::Result<BodyStream> + Send + Sync>),
    Once(Arc<Mutex<Option<BodyStream>>>),
}

impl Body {
    /// An empty body.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            len: 0,
            source: Source::Bytes(Bytes::new()),
        }
    }

    /// A replayable body of `len` bytes: each attempt calls `open`.
    ///
    /// Every stream that `open` returns must have the same content and a cursor of its own, since parts are sent
    /// concurrently. `open` must not block; a source that has to wait does so in the stream's first poll.
    pub fn replay<F, S>(len: u64, open: F) -> Self
    where
        F: Fn() -> io::Result<S> + Send + Sync + 'static,
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        Self {
            len,
            source: Source::Replay(Arc::new(move || {
                Ok(Box::pin(NonEmptyChunks::new(open()?)) as BodyStream)
            })),
        }
    }

    /// A non-replayable body of `len` bytes, which can be opened once.
    pub fn once(len: u64, stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let stream: BodyStream = Box::pin(NonEmptyChunks::new(stream));
        Self {
            len,
            source: Source::Once(Arc::new(Mutex::new(Some(stream)))),
        }
    }

    /// The exact length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the length is 0.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether [`open`](Self::open) works more than once.
    #[must_use]
    pub const fn is_replayable(&self) -> bool {
        !matches!(self.source, Source::Once(_))
    }

    /// Whether it is a non-replayable body that was opened already.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        match &self.source {
            Source::Once(stream) => stream
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .is_none(),
            Source::Bytes(_) | Source::Replay(_) => false,
        }
    }

    /// The bytes, if they are all in memory.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Bytes(bytes) => Some(bytes),
            Source::Replay(_) | Source::Once(_) => None,
        }
    }

    /// Starts reading from the first byte. The stream has no empty chunks: they are skipped, and a source that yields
    /// ten thousand of them in a row fails.
    ///
    /// # Errors
    /// If the source can't be opened, or if it is not replayable and was opened before.
    pub fn open(&self) -> io::Result<BodyStream> {
        match &self.source {
            Source::Bytes(bytes) => Ok(Box::pin(Whole(Some(bytes.clone())))),
            Source::Replay(open) => open(),
            Source::Once(stream) => {
                let taken = stream
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .take();
                taken.ok_or_else(|| io::Error::other("a one-shot body can be sent only once"))
            }
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self {
            len: bytes.len() as u64,
            source: Source::Bytes(bytes),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Bytes(_) => "bytes",
            Source::Replay(_) => "replay",
            Source::Once(_) => "once",
        };
        f.debug_struct("Body")
            .field("len", &self.len)
            .field("source", &source)
            .finish()
    }
}

pin_project! {
    /// A stream without its empty chunks. After skipping a few within one poll, it yields to other tasks; after ten
    /// thousand in a row, it fails.
    pub struct NonEmptyChunks<S = BodyStream> {
        #[pin]
        source: S,
        empty_chunks: EmptyChunkCounter,
    }
}

impl<S: Stream<Item = io::Result<Bytes>>> NonEmptyChunks<S> {
    /// Wraps a stream.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self {
            source,
            empty_chunks: EmptyChunkCounter::default(),
        }
    }
}

impl<S: Stream<Item = io::Result<Bytes>>> Stream for NonEmptyChunks<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let next = this.source.as_mut().poll_next(cx);
            if !matches!(&next, Poll::Ready(Some(Ok(chunk))) if chunk.is_empty()) {
                this.empty_chunks.reset();
                return next;
            }
            match this.empty_chunks.count() {
                NextStep::PollAgain => {}
                NextStep::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                NextStep::TooMany => {
                    let why = "the source yields empty chunks endlessly";
                    return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, why))));
                }
            }
        }
    }
}

impl<S> fmt::Debug for NonEmptyChunks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonEmptyChunks").finish_non_exhaustive()
    }
}

/// A stream of one chunk.
struct Whole(Option<Bytes>);

impl Stream for Whole {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(Ok))
    }
}

/// The body of a response: a stream of chunks, in order.
///
/// The stream ends cleanly only if the body is complete; otherwise its last item is an error. Dropping it before the
/// end closes the connection. After an error or the end it keeps returning `None`.
pub struct ResponseBody {
    len: Option<u64>,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, HttpError>> + Send>>,
}

impl ResponseBody {
    /// A body read from `stream`; `len` is its exact length, if the response's framing gives one.
    pub fn new(
        len: Option<u64>,
        stream: impl Stream<Item = Result<Bytes, HttpError>> + Send + 'static,
    ) -> Self {
        Self {
            len,
            stream: Box::pin(stream),
        }
    }

    /// An empty body.
    #[must_use]
    pub fn empty() -> Self {
        Bytes::new().into()
    }

    /// The exact length, if the response's framing gives one.
    #[must_use]
    pub const fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether the length is known to be 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Reads the rest into memory, at most `limit` bytes.
    ///
    /// # Errors
    /// [`HttpErrorKind::TooLarge`] as soon as the body is known to exceed `limit`, and the errors of the stream itself.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, HttpError> {
        let too_large = || {
            HttpError::new(HttpErrorKind::TooLarge, Phase::ResponseBegun)
                .with_source(format!("the body exceeds the limit of {limit} bytes"))
        };
        if self.len.is_some_and(|len| len > limit as u64) {
            return Err(too_large());
        }
        let Some(first) = self.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(too_large());
        }
        let Some(second) = self.next().await.transpose()? else {
            return Ok(first);
        };
        // A wrong length must not reserve memory: for a large body, never more than twice what has arrived.
        let length = self
            .len
            .map_or(0, |len| usize::try_from(len).unwrap_or(limit));
        let mut whole = Vec::with_capacity(length.min(1 << 20).max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        let mut chunk = second;
        loop {
            let needed = whole.len() + chunk.len();
            if needed > limit {
                return Err(too_large());
            }
            if needed > whole.capacity() {
                let twice = needed.max(whole.capacity() * 2);
                let enough = if needed > length {
                    twice
                } else {
                    twice.min(length)
                };
                whole.reserve_exact(enough - whole.len());
            }
            whole.extend_from_slice(&chunk);
            match self.next().await.transpose()? {
                Some(next) => chunk = next,
                None => return Ok(whole.into()),
            }
        }
    }

    /// The next chunk, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, HttpError>> {
        std::future::poll_fn(|cx| self.stream.as_mut().poll_next(cx)).await
    }
}

impl Stream for ResponseBody {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

impl<T: Into<Bytes>> From<T> for ResponseBody {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self {
            len: Some(bytes.len() as u64),
            stream: Box::pin(WholeResponse(Whole(Some(bytes)))),
        }
    }
}

struct WholeResponse(Whole);

impl Stream for WholeResponse {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.0.take().filter(|bytes| !bytes.is_empty()).map(Ok))
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::stream;

    use super::*;

    const CHUNK: usize = 100_000;

    /// The memory that a body of this many bytes takes if it declares `length`.
    fn taken(length: Option<u64>, bytes: usize) -> usize {
        let chunks = (0..bytes / CHUNK).map(|_| Ok(Bytes::from(vec![7; CHUNK])));
        let body = ResponseBody::new(length, stream::iter(chunks));
        let whole = block_on(body.collect(1 << 30)).unwrap();
        assert_eq!(whole.len(), bytes);
        whole.try_into_mut().unwrap().capacity()
    }

    #[test]
    fn a_body_of_known_length_allocates_its_length() {
        for bytes in [2 * CHUNK, 10 * CHUNK, 11 * CHUNK, 100 * CHUNK] {
            assert_eq!(taken(Some(bytes as u64), bytes), bytes);
        }
    }

    #[test]
    fn a_false_length_allocates_little_memory() {
        assert_eq!(taken(Some(1 << 30), 2 * CHUNK), 1 << 20);
        for length in [None, Some(3), Some(1 << 30)] {
            assert!(taken(length, 100 * CHUNK) <= 2 * 100 * CHUNK, "{length:?}");
        }
    }
}
