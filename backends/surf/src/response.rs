//! From surf's response to ours.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use b2kit_core::adapter::{check_framing, reading};
use b2kit_core::{Bytes, HttpError, HttpErrorKind, Phase, Response, ResponseBody};
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::client::{Client, GiveUp};
use crate::error::receive_error;

/// The response, with a body that keeps its client until it is read.
pub(crate) fn received(
    mut response: surf::http::Response,
    upload: GiveUp,
    client: Client,
) -> Result<Response, HttpError> {
    let protocol = || HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun);
    let status = StatusCode::from_u16(response.status().into()).map_err(|_| protocol())?;
    let mut headers = HeaderMap::new();
    for (name, values) in response.iter() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| protocol())?;
        for value in values {
            let value = HeaderValue::from_str(value.as_str()).map_err(|_| protocol())?;
            headers.append(name.clone(), value);
        }
    }
    check_framing(&headers)?;
    let body = Receiving {
        chunks: Some(Box::pin(reading(response.take_body()))),
        upload,
        client: Some(client),
    };
    let body = ResponseBody::new(length(status, &headers), body);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The length that the framing tells.
fn length(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Some(0);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
