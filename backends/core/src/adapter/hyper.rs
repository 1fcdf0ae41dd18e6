//! Errors and bodies for HTTP libraries that use hyper.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream as _;
use http_body::{Body, Frame, SizeHint};

use super::body_chunks::{Aborted, BodyChunks};
use super::find::find;
use crate::error::HttpErrorKind;

impl Body for BodyChunks {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let chunk = self.poll_next(cx);
        chunk.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}

/// The kind of an error on an established connection; `None` if hyper's error doesn't tell.
#[must_use]
pub fn exchange_kind(error: &(dyn StdError + 'static)) -> Option<HttpErrorKind> {
    if let Some(hyper) = find::<hyper::Error>(error) {
        if hyper.is_parse() {
            return Some(HttpErrorKind::Protocol);
        }
        // A user error here means that the connection's task ended with its runtime.
        if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_user() {
            return Some(HttpErrorKind::Closed);
        }
    }
    if let Some(io) = find::<io::Error>(error) {
        return Some(match HttpErrorKind::of_io(io) {
            // The connection was established.
            HttpErrorKind::Connect => HttpErrorKind::Reset,
            // hyper's error for an invalid chunk size.
            HttpErrorKind::Other if io.kind() == io::ErrorKind::InvalidInput => {
                HttpErrorKind::Protocol
            }
            kind => kind,
        });
    }
    find::<hyper::Error>(error)
        .filter(|hyper| hyper.is_canceled())
        .map(|_| HttpErrorKind::Closed)
}
