//! From isahc's response to ours.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use b2kit_core::adapter::{check_framing, reading};
use b2kit_core::{Bytes, HttpError, Response, ResponseBody};
use futures_core::Stream;
use http::StatusCode;
use http::header::TRANSFER_ENCODING;
use isahc::AsyncBody;

use crate::client::{Client, GiveUp};
use crate::error::receive_error;

/// The response, with a body that keeps its client until it is read.
pub(crate) fn received(
    response: isahc::Response<AsyncBody>,
    upload: GiveUp,
    client: Client,
) -> Result<Response, HttpError> {
    let (mut head, body) = response.into_parts();
    check_framing(&head.headers)?;
    head.extensions.clear();
    let has_none = matches!(
        head.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    let len = if has_none {
        Some(0)
    } else if head.headers.contains_key(TRANSFER_ENCODING) {
        None
    } else {
        body.len()
    };
    let body = Receiving {
        chunks: Some(Box::pin(reading(body))),
        upload,
        client: Some(client),
    };
    Ok(Response::from_parts(head, ResponseBody::new(len, body)))
}

/// A response's body.
struct Receiving {
    /// `None` after the end or an error.
    chunks: Option<Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>>,
    upload: GiveUp,
    /// `None` after the end.
    client: Option<Client>,
}

impl Stream for Receiving {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunks) = &mut self.chunks else {
            return Poll::Ready(None);
        };
        match ready!(chunks.as_mut().poll_next(cx)) {
            Some(Ok(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some(Err(error)) => {
                self.chunks = None;
                Poll::Ready(Some(Err(receive_error(error, &self.upload.0))))
            }
            None => {
                self.chunks = None;
                if self.upload.0.is_sent()
                    && let Some(client) = self.client.take()
                {
                    client.done();
                }
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        // Nobody may have asked for the end of a body that is at its end.
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut *self).poll_next(&mut cx);
        // The body holds its client too, and goes first.
        self.chunks = None;
    }
}
