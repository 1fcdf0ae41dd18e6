//! Bodies: what is sent always has an exact length; what is received is a stream. Nothing here holds a whole body.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

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

    /// Starts reading from the first byte.
    ///
    /// # Errors
    /// If the source can't be opened, or is a one-shot stream that was opened before.
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
        // A length that lies must not make us reserve memory for it.
        let expected = self
            .len
            .map_or(0, |len| usize::try_from(len).unwrap_or(limit))
            .min(1 << 20);
        let mut whole = BytesMut::with_capacity(expected.max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        let mut chunk = second;
        loop {
            if whole.len() + chunk.len() > limit {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
            match self.next().await.transpose()? {
                Some(next) => chunk = next,
                None => return Ok(whole.freeze()),
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
