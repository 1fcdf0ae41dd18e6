//! Bodies that are captured while they stream through.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes, HttpError, ResponseBody};
use futures_core::Stream;

use crate::capture::BodyCapture;
use crate::interaction::RecordedBody;
use crate::sync::lock;

/// The same body; the bytes that are read go into `capture` too.
pub(crate) fn tee_request(body: Body, capture: Arc<Mutex<BodyCapture>>, limit: usize) -> Body {
    let length = body.len();
    if body.is_replayable() {
        return Body::replay(length, move || {
            let inner = body.open()?;
            *lock(&capture) = BodyCapture::new(limit);
            let capture = Arc::clone(&capture);
            Ok(RequestTee { inner, capture })
        });
    }
    match body.open() {
        Ok(inner) => Body::once(length, RequestTee { inner, capture }),
        // The body was opened before, so the backend gets the same error.
        Err(_) => body,
    }
}

struct RequestTee {
    inner: BodyStream,
    capture: Arc<Mutex<BodyCapture>>,
}

impl Stream for RequestTee {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.inner.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            lock(&self.capture).push(chunk);
        }
        next
    }
}

/// The same body, which should have `declared` bytes. At its end, `on_end` is called with the bytes that were read, and
/// with whether the body was cut short.
pub(crate) fn tee_response(
    body: ResponseBody,
    declared: Option<u64>,
    limit: usize,
    on_end: impl FnOnce(RecordedBody, bool) + Send + 'static,
) -> ResponseBody {
    let length = body.len();
    let mut tee = ResponseTee {
        body,
        declared,
        capture: BodyCapture::new(limit),
        on_end: Some(Box::new(on_end)),
    };
    if declared == Some(0) {
        tee.finish(false);
    }
    ResponseBody::new(length, tee)
}

struct ResponseTee {
    body: ResponseBody,
    /// The number of bytes that the body should have.
    declared: Option<u64>,
    capture: BodyCapture,
    /// `None` once the body has ended.
    on_end: Option<Box<dyn FnOnce(RecordedBody, bool) + Send>>,
}

impl ResponseTee {
    fn finish(&mut self, cut: bool) {
        if let Some(on_end) = self.on_end.take() {
            let capture = std::mem::replace(&mut self.capture, BodyCapture::new(0));
            on_end(capture.finish(), cut);
        }
    }
}

impl Stream for ResponseTee {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.body).poll_next(cx);
        match &next {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(chunk))) => self.capture.push(chunk),
            Poll::Ready(Some(Err(_))) => self.finish(true),
            Poll::Ready(None) => {
                let read = self.capture.len();
                let cut = self.declared.is_some_and(|declared| read < declared);
                self.finish(cut);
            }
        }
        next
    }
}

impl Drop for ResponseTee {
    /// A reader that knows the length may stop before it polls the end.
    fn drop(&mut self) {
        let cut = self.declared != Some(self.capture.len());
        self.finish(cut);
    }
}
