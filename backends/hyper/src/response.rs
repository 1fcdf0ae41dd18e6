//! Converts hyper's responses.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use b2kit_core::adapter::check_framing;
use b2kit_core::{Bytes, HttpError, Response, ResponseBody};
use futures_core::Stream;
use http_body::Body as _;
use hyper::body::Incoming;

use crate::connection::CloseHandle;
use crate::error::receive_error;
use crate::runtime::Runtime;

/// Converts a response. Its body keeps the connection and the runtime alive.
pub(crate) fn into_response(
    response: http::Response<Incoming>,
    close_handle: CloseHandle,
    runtime: Arc<Runtime>,
) -> Result<Response, HttpError> {
    let (mut head, incoming) = response.into_parts();
    if let Err(error) = check_framing(&head.headers) {
        close_handle.do_not_reuse();
        return Err(error);
    }
    head.extensions.clear();
    let len = incoming.size_hint().exact();
    let body = ReceivedBody {
        close_handle,
        incoming: Some(incoming),
        _runtime: runtime,
    };
    Ok(Response::from_parts(head, ResponseBody::new(len, body)))
}

/// A response's body.
struct ReceivedBody {
    close_handle: CloseHandle,
    /// `None` after the end or an error.
    incoming: Option<Incoming>,
    /// The client may be dropped before the body is read.
    _runtime: Arc<Runtime>,
}

impl Stream for ReceivedBody {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(incoming) = &mut self.incoming else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(incoming).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => return Poll::Ready(Some(Ok(chunk))),
                    // Trailers are ignored.
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => {
                    self.incoming = None;
                    return Poll::Ready(Some(Err(receive_error(
                        error,
                        self.close_handle.upload(),
                    ))));
                }
                None => self.incoming = None,
            }
        }
    }
}
