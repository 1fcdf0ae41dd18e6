//! [`RequestBody`]: a request's body, which tells its connection when there are bytes to flush.

use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::Bytes;
use b2kit_core::adapter::{Aborted, BodyChunks};
use http_body::{Body, Frame, SizeHint};

use crate::connection::CloseSwitch;

/// A request's body, on the connection that it is sent on.
pub(crate) struct RequestBody {
    chunks: BodyChunks,
    connection: Option<CloseSwitch>,
}

impl RequestBody {
    pub(crate) const fn new(chunks: BodyChunks) -> Self {
        Self {
            chunks,
            connection: None,
        }
    }

    /// Sets the connection.
    pub(crate) fn send_on(&mut self, connection: CloseSwitch) {
        self.connection = Some(connection);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        // Marked before the body counts as sent. hyper flushes after the last frame in any case.
        if let Some(connection) = &self.connection {
            connection.mark_unflushed();
        }
        Pin::new(&mut self.chunks).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.chunks.size_hint()
    }
}
