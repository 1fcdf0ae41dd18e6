//! Bodies of requests and responses between hyper and the emulator.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit_core::time::saturating_add;
use bytes::Bytes;
use futures_core::Stream;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::idle::Busy;
use super::socket::Reset;
use crate::drivers::call_log::trace::Trace;
use crate::drivers::response_body::ResponseStream;

/// The body of a request. Fails with `TimedOut` if it stalls.
pub(super) struct RequestBytes {
    body: Incoming,
    stall: Duration,
    /// Created on the first wait and reset after that.
    stalled: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl RequestBytes {
    pub(super) const fn new(body: Incoming, stall: Duration) -> Self {
        Self {
            body,
            stall,
            stalled: None,
            is_waiting: false,
        }
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let deadline = || Instant::from_std(saturating_add(Instant::now().into_std(), self.stall));
        let stalled = match &mut self.stalled {
            None => self.stalled.insert(Box::pin(sleep_until(deadline()))),
            Some(stalled) => {
                if !self.is_waiting {
                    stalled.as_mut().reset(deadline());
                }
                stalled
            }
        };
        self.is_waiting = true;
        stalled.as_mut().poll(cx).map(|()| {
            let message = "no byte of the body arrived for too long";
            Some(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
        })
    }
}

impl Stream for RequestBytes {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            if polled.is_pending() {
                return self.poll_stalled(cx);
            }
            self.is_waiting = false;
            return match polled {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(failed(error)))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => continue,
                },
            };
        }
    }
}

/// `InvalidData` for malformed bodies, unlike ones that end early.
fn failed(error: hyper::Error) -> io::Error {
    let below = std::error::Error::source(&error);
    let kind = below
        .and_then(|it| it.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            io::Error::new(io::ErrorKind::InvalidData, error)
        }
        _ => io::Error::other(error),
    }
}

/// The body of a response.
pub(super) struct ResponseBody {
    body: ResponseStream,
    reset: Reset,
    /// If the call is logged.
    trace: Option<Trace>,
    _busy: Busy,
}

impl ResponseBody {
    pub(super) fn new(
        body: ResponseStream,
        reset: Reset,
        busy: Busy,
        trace: Option<Trace>,
    ) -> Self {
        let mut this = Self {
            body,
            reset,
            trace,
            _busy: busy,
        };
        this.log_if_complete();
        this
    }

    /// Logs the call before its last bytes leave, so that a client that has its response finds the
    /// call in the log.
    fn log_if_complete(&mut self) {
        if let Some(trace) = &mut self.trace
            && self.body.left() == 0
        {
            trace.complete();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = self.body.next(cx);
        if let Poll::Ready(Some(Err(error))) = &chunk
            && error.kind() == io::ErrorKind::ConnectionReset
        {
            self.reset.ask();
        }
        if let (Some(trace), Poll::Ready(Some(Ok(chunk)))) = (&mut self.trace, &chunk) {
            trace.sent(chunk);
        }
        self.log_if_complete();
        chunk.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.left())
    }
}
