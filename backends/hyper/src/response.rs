//! From hyper's response to ours.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use b2kit_core::{Bytes, HttpError, HttpErrorKind, Phase, Response, ResponseBody};
use futures_core::Stream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::connection::Lifeline;
use crate::error::receive_error;
use crate::runtime::Runtime;

/// The response, with a body that keeps alive what it needs.
pub(crate) fn received(
    response: http::Response<Incoming>,
    lifeline: Lifeline,
    runtime: Arc<Runtime>,
) -> Result<Response, HttpError> {
    let (mut head, incoming) = response.into_parts();
    if let Err(why) = check_framing(&head.headers) {
        lifeline.do_not_reuse();
        return Err(HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why));
    }
    head.extensions.clear();
    let len = incoming.size_hint().exact();
    let body = Receiving {
        lifeline,
        incoming: Some(incoming),
        _runtime: runtime,
    };
    Ok(Response::from_parts(head, ResponseBody::new(len, body)))
}

/// Whether it is beyond doubt where the body ends.
///
/// hyper refuses lengths that contradict each other. It lets `Transfer-Encoding` win over `Content-Length`, and takes
/// an encoding that it doesn't know for "until the connection closes".
fn check_framing(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(());
    };
    if headers.contains_key(CONTENT_LENGTH) {
        return Err("the response has both a Content-Length and a Transfer-Encoding");
    }
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err("the response has a Transfer-Encoding other than chunked");
    }
    Ok(())
}

/// A response's body.
struct Receiving {
    lifeline: Lifeline,
    /// `None` after the end or an error.
    incoming: Option<Incoming>,
    /// The client may be gone before the body is read.
    _runtime: Arc<Runtime>,
}

impl Stream for Receiving {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(incoming) = &mut self.incoming else {
                return Poll::Ready(None);
            };
            match ready!(Pin::new(incoming).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => return Poll::Ready(Some(Ok(chunk))),
                    // Trailers, which say nothing about the body's bytes.
                    Ok(_) | Err(_) => {}
                },
                Some(Err(error)) => {
                    self.incoming = None;
                    return Poll::Ready(Some(Err(receive_error(error, self.lifeline.upload()))));
                }
                None => self.incoming = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_framing_beyond_doubt_is_sound() {
        let te = |value| (TRANSFER_ENCODING, value);
        let cl = |value| (CONTENT_LENGTH, value);
        for (headers, sound) in [
            (vec![], true),
            (vec![cl("5")], true),
            (vec![te("chunked")], true),
            (vec![te("Chunked")], true),
            (vec![te("chunked"), cl("5")], false),
            (vec![te("gzip")], false),
            (vec![te("gzip, chunked")], false),
            (vec![te("gzip"), te("chunked")], false),
            (vec![te("chunked"), te("chunked")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.append(name, value.parse().unwrap());
            }
            assert_eq!(check_framing(&map).is_ok(), sound, "{headers:?}");
        }
    }
}
