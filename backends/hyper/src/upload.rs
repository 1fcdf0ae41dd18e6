//! [`SendBody`]: a request's body as hyper pulls it.

use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::Bytes;
use b2kit_core::adapter::{Pieces, Stopped};
use futures_core::Stream as _;
use http_body::{Frame, SizeHint};

/// The pieces of a body, for hyper.
pub(crate) struct SendBody(pub(crate) Pieces);

impl http_body::Body for SendBody {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let piece = Pin::new(&mut self.0).poll_next(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.remaining())
    }
}
