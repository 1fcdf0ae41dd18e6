//! Bodies that are noted while they stream by.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes, HttpError, ResponseBody};
use futures_core::Stream;

use crate::interaction::RecordedResponse;
use crate::reel::{Pending, lock};
use crate::sample::Sample;

/// The same body; what is read of it is noted as well.
pub(crate) fn teed(body: Body, sample: Arc<Mutex<Sample>>, limit: usize) -> Body {
    let length = body.len();
    if body.is_replayable() {
        return Body::replay(length, move || {
            let inner = body.open()?;
            *lock(&sample) = Sample::new(limit);
            let sample = Arc::clone(&sample);
            Ok(RequestTee { inner, sample })
        });
    }
    match body.open() {
        Ok(inner) => Body::once(length, RequestTee { inner, sample }),
        // Opened before: it will say so again.
        Err(_) => body,
    }
}

struct RequestTee {
    inner: BodyStream,
    sample: Arc<Mutex<Sample>>,
}

impl Stream for RequestTee {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.inner.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            lock(&self.sample).push(chunk);
        }
        next
    }
}

/// The same body; what is read of it is noted, and the interaction counts from its end.
pub(crate) struct ResponseTee {
    body: ResponseBody,
    sample: Sample,
    open: Option<(Pending, RecordedResponse)>,
}

impl ResponseTee {
    pub(crate) fn new(
        body: ResponseBody,
        limit: usize,
        pending: Pending,
        response: RecordedResponse,
    ) -> Self {
        let mut tee = Self {
            sample: Sample::new(limit),
            body,
            open: Some((pending, response)),
        };
        if tee.body.len() == Some(0) {
            tee.finish(false);
        }
        tee
    }

    fn finish(&mut self, cut: bool) {
        if let Some((pending, mut response)) = self.open.take() {
            let sample = std::mem::replace(&mut self.sample, Sample::new(0));
            response.body = sample.finish();
            response.cut = cut;
            pending.finish(response);
        }
    }
}

impl Stream for ResponseTee {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.body).poll_next(cx);
        match &next {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(chunk))) => self.sample.push(chunk),
            Poll::Ready(Some(Err(_))) => self.finish(true),
            Poll::Ready(None) => self.finish(false),
        }
        next
    }
}

impl Drop for ResponseTee {
    /// Who knows the length needs not ask for the end.
    fn drop(&mut self) {
        let cut = self.body.len() != Some(self.sample.len());
        self.finish(cut);
    }
}
