//! Replays a recorded response.

use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::http::header::CONTENT_LENGTH;
use b2kit_core::http::{HeaderMap, HeaderValue, Method};
use b2kit_core::{HttpError, HttpErrorKind, Phase, Response, ResponseBody};
use bytes::Bytes;
use futures_core::Stream;

use crate::interaction::{RecordedResponse, is_bodiless};
use crate::secret_fields::is_placeholder;

/// The recorded response, for a request with this method and these headers.
pub(crate) fn replay(recorded: &RecordedResponse, method: &Method, sent: &HeaderMap) -> Response {
    let bytes = recorded.body.as_bytes().cloned().unwrap_or_default();
    let mut headers = recorded.headers.clone();
    for (name, value) in &mut headers {
        // A header that echoes the request, such as the MD5 of an encryption key, echoes this request.
        if value.to_str().is_ok_and(is_placeholder)
            && let Some(echo) = sent.get(name)
        {
            *value = echo.clone();
        }
    }
    let mut length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let bodiless = is_bodiless(method, recorded.status);
    if length.is_some() && !recorded.cut && !bodiless {
        // The body may have been edited by hand.
        length = Some(bytes.len() as u64);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    let body = match recorded.cut {
        true => ResponseBody::new(length, Cut(Some(bytes), false)),
        false if length.is_none() && !bodiless => ResponseBody::new(None, Whole(Some(bytes))),
        false => bytes.into(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = recorded.status;
    if let Some(version) = recorded.version {
        *response.version_mut() = version;
    }
    *response.headers_mut() = headers;
    response
}

/// A body without a known length.
struct Whole(Option<Bytes>);

impl Stream for Whole {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(Ok))
    }
}

/// A body that is cut short: the bytes, then the error, then the end.
struct Cut(Option<Bytes>, bool);

impl Stream for Cut {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(bytes) = self.0.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(bytes)));
        }
        if std::mem::replace(&mut self.1, true) {
            return Poll::Ready(None);
        }
        let error = HttpError::new(HttpErrorKind::Closed, Phase::ResponseBegun)
            .with_source("the recorded response ends here");
        Poll::Ready(Some(Err(error)))
    }
}
