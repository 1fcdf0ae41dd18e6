//! Converts reqwest's responses.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use b2kit_core::adapter::{AbortOnDrop, check_framing};
use b2kit_core::{Bytes, HttpError, Response, ResponseBody};
use futures_core::Stream;
use http_body::Body as _;

use crate::error::receive_error;
use crate::runtime::Runtime;

/// Converts a response. Its body keeps the runtime alive.
pub(crate) fn into_response(
    response: reqwest::Response,
    upload: AbortOnDrop,
    runtime: Arc<Runtime>,
) -> Result<Response, HttpError> {
    let (mut head, incoming) = http::Response::<reqwest::Body>::from(response).into_parts();
    check_framing(&head.headers)?;
    head.extensions.clear();
    let len = incoming.size_hint().exact();
    let body = ReceivedBody {
        upload,
        incoming: Some(incoming),
        runtime,
    };
    Ok(Response::from_parts(head, ResponseBody::new(len, body)))
}

/// A response's body.
struct ReceivedBody {
    upload: AbortOnDrop,
    /// `None` after the end or an error.
    incoming: Option<reqwest::Body>,
    /// The client may be dropped before the body is read.
    runtime: Arc<Runtime>,
}

impl Stream for ReceivedBody {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        // A timeout of a custom client is a timer of tokio.
        let _inside = this.runtime.handle().enter();
        loop {
            let Some(incoming) = &mut this.incoming else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(incoming).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => return Poll::Ready(Some(Ok(chunk))),
                    // Trailers are ignored.
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => {
                    this.incoming = None;
                    return Poll::Ready(Some(Err(receive_error(error, &this.upload.0))));
                }
                None => this.incoming = None,
            }
        }
    }
}
