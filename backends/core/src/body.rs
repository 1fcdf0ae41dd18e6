//! Bodies: what is sent always has an exact length; what is received is a stream. Nothing here holds a whole body.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::empties::{self, Empties};
use crate::error::{HttpError, HttpErrorKind, Phase};

/// The bytes of a request's body, in order. The stream ends after exactly [`Body::len`] bytes or gives an error.
pub type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The body of a request. Its length is always known: B2 wants `Content-Length` and refuses chunked uploads.
///
/// A clone is cheap and shares the source. [`open`](Self::open) starts reading; whether that works more than once is
/// [`is_replayable`](Self::is_replayable): a body of bytes, or one made by [`replay`](Self::replay), can be sent again
/// from its first byte, one made by [`once`](Self::once) can't, and a second `open` says so instead of sending the rest.
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
    /// No bytes at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            len: 0,
            source: Source::Bytes(Bytes::new()),
        }
    }

    /// A body of `len` bytes that can be read from the start as often as needed: each attempt calls `open`.
    ///
    /// Every stream that `open` gives has a cursor of its own and the same content, so that parts sent side by side
    /// don't disturb each other. If opening needs to wait, let the stream wait in its first poll.
    pub fn replay<F, S>(len: u64, open: F) -> Self
    where
        F: Fn() -> io::Result<S> + Send + Sync + 'static,
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        Self {
            len,
            source: Source::Replay(Arc::new(move || Ok(Box::pin(open()?) as BodyStream))),
        }
    }

    /// A body of `len` bytes that can be read once.
    pub fn once(len: u64, stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self {
            len,
            source: Source::Once(Arc::new(Mutex::new(Some(Box::pin(stream))))),
        }
    }

    /// The exact number of bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether [`open`](Self::open) works any number of times.
    #[must_use]
    pub const fn is_replayable(&self) -> bool {
        !matches!(self.source, Source::Once(_))
    }

    /// Whether it can't be opened any more: a one-shot body that was.
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

    /// The bytes, where they are all in memory already.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Bytes(bytes) => Some(bytes),
            Source::Replay(_) | Source::Once(_) => None,
        }
    }

    /// Starts reading from the first byte. Every chunk of the stream has bytes in it: empty ones are passed over, a few in
    /// one poll, and a source that gives nothing else fails.
    ///
    /// # Errors
    /// If the source can't be opened, or is a one-shot stream that was opened before.
    pub fn open(&self) -> io::Result<BodyStream> {
        match &self.source {
            Source::Bytes(bytes) => Ok(Box::pin(Whole(Some(bytes.clone())))),
            Source::Replay(open) => Ok(Box::pin(Filled::new(open()?))),
            Source::Once(stream) => {
                let taken = stream
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .take();
                let stream = taken
                    .ok_or_else(|| io::Error::other("a one-shot body can be sent only once"))?;
                Ok(Box::pin(Filled::new(stream)))
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

/// A source's chunks, those that have bytes in them. Any stream of a user's goes through it before it is asked for more in
/// one poll.
pub struct Filled {
    source: BodyStream,
    empties: Empties,
}

impl Filled {
    /// The chunks of this source.
    #[must_use]
    pub fn new(source: BodyStream) -> Self {
        Self {
            source,
            empties: Empties::default(),
        }
    }
}

impl Stream for Filled {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let next = this.source.as_mut().poll_next(cx);
            if !matches!(&next, Poll::Ready(Some(Ok(chunk))) if chunk.is_empty()) {
                this.empties.reset();
                return next;
            }
            match this.empties.another() {
                empties::Next::Again => {}
                empties::Next::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                empties::Next::TooMany => {
                    let why = "the source gives empty chunks without end";
                    return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, why))));
                }
            }
        }
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled").finish_non_exhaustive()
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
/// The stream ends cleanly only when the body is complete; an early end is an error, as the last item. Dropping it
/// half way closes the connection. After an error or the end it stays at the end.
pub struct ResponseBody {
    len: Option<u64>,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, HttpError>> + Send>>,
}

impl ResponseBody {
    /// A body read from `stream`; `len` is its exact length where the response's framing tells it.
    pub fn new(
        len: Option<u64>,
        stream: impl Stream<Item = Result<Bytes, HttpError>> + Send + 'static,
    ) -> Self {
        Self {
            len,
            stream: Box::pin(stream),
        }
    }

    /// No bytes at all.
    #[must_use]
    pub fn empty() -> Self {
        Bytes::new().into()
    }

    /// The exact length, where the response's framing tells it.
    #[must_use]
    pub const fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether the body is known to have no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Reads the rest into memory, at most `limit` bytes.
    ///
    /// # Errors
    /// [`HttpErrorKind::TooLarge`] as soon as the body is known to exceed `limit`, or what the stream itself reports.
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
        // A length that lies must not make us reserve memory for it: of a body that is large, never more than as much
        // again as has come.
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

    /// The memory that a body takes which has so many bytes and says that it has `length`.
    fn taken(length: Option<u64>, bytes: usize) -> usize {
        let chunks = (0..bytes / CHUNK).map(|_| Ok(Bytes::from(vec![7; CHUNK])));
        let body = ResponseBody::new(length, stream::iter(chunks));
        let whole = block_on(body.collect(1 << 30)).unwrap();
        assert_eq!(whole.len(), bytes);
        whole.try_into_mut().unwrap().capacity()
    }

    #[test]
    fn a_body_of_known_length_takes_the_memory_of_its_bytes() {
        for bytes in [2 * CHUNK, 10 * CHUNK, 11 * CHUNK, 100 * CHUNK] {
            assert_eq!(taken(Some(bytes as u64), bytes), bytes);
        }
    }

    #[test]
    fn a_length_that_lies_takes_little() {
        assert_eq!(taken(Some(1 << 30), 2 * CHUNK), 1 << 20);
        for length in [None, Some(3), Some(1 << 30)] {
            assert!(taken(length, 100 * CHUNK) <= 2 * 100 * CHUNK, "{length:?}");
        }
    }
}
