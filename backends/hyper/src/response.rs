//! Converts hyper's responses.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use b2kit_core::adapter::check_framing;
use b2kit_core::{Bytes, HttpError, Response, ResponseBody};
use futures_core::Stream;
use http_body::Body as _;
use hyper::body::Incoming;

use crate::error::receive_error;
use crate::exchange::Exchange;
use crate::runtime::Runtime;

/// Converts a response. Its body keeps the connection and the runtime alive.
pub(crate) fn into_response(
    response: http::Response<Incoming>,
    mut exchange: Exchange,
    runtime: Arc<Runtime>,
) -> Result<Response, HttpError> {
    let (mut head, incoming) = response.into_parts();
    check_framing(&head.headers)?;
    head.extensions.clear();
    if incoming.is_end_stream() {
        exchange.finish();
    }
    let len = incoming.size_hint().exact();
    let body = ReceivedBody {
        exchange,
        incoming: Some(incoming),
        _runtime: runtime,
    };
    Ok(Response::from_parts(head, ResponseBody::new(len, body)))
}

/// A response's body.
struct ReceivedBody {
    exchange: Exchange,
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
            let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
            let is_over = match &frame {
                // Callers who know the length may not poll for the end.
                Some(Ok(_)) => incoming.is_end_stream(),
                Some(Err(_)) => false,
                None => true,
            };
            if is_over {
                self.exchange.finish();
            }
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => return Poll::Ready(Some(Ok(chunk))),
                    // Trailers are ignored.
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => {
                    self.incoming = None;
                    return Poll::Ready(Some(Err(receive_error(error, self.exchange.upload()))));
                }
                None => self.incoming = None,
            }
        }
    }
}
