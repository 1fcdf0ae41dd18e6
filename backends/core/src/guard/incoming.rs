//! The response's body on its way in: exactly as long as promised, and within its deadlines.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::outgoing::AbortOnDrop;
use super::overdue;
use crate::body::ResponseBody;
use crate::deadlines::{Deadlines, Throughput};
use crate::empties::{self, Empties};
use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::timer::{Sleep, Timer};
use crate::waiting::Waiting;

/// The stream that the caller reads.
pub(super) struct Incoming {
    /// `None` once the body is over, for good or ill.
    body: Option<(ResponseBody, AbortOnDrop)>,
    length: Option<u64>,
    received: u64,
    waiting: Waiting<3>,
    empties: Empties,
    /// When it has to be over.
    ends: [Option<Sleep>; 2],
}

impl Incoming {
    pub(super) fn new(
        body: ResponseBody,
        length: Option<u64>,
        deadlines: Deadlines,
        ends: [Option<Sleep>; 2],
        timer: Arc<dyn Timer>,
        upload: AbortOnDrop,
    ) -> Self {
        let stall = deadlines.stall.map(|limit| Throughput::new(1, limit));
        let limits = [stall, deadlines.throughput, deadlines.patience];
        Self {
            body: Some((body, upload)),
            length,
            received: 0,
            waiting: Waiting::new(timer, limits),
            empties: Empties::default(),
            ends,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, HttpError>>> {
        let Some((body, _)) = &mut self.body else {
            return Poll::Ready(None);
        };
        let (empties, mut has_more) = (&mut self.empties, false);
        let polled = self.waiting.poll(cx, |cx| {
            loop {
                let next = Pin::new(&mut *body).poll_next(cx);
                if !matches!(&next, Poll::Ready(Some(Ok(chunk))) if chunk.is_empty()) {
                    empties.reset();
                    return next;
                }
                match empties.another() {
                    empties::Next::Again => {}
                    empties::Next::Yield => {
                        has_more = true;
                        return Poll::Pending;
                    }
                    empties::Next::TooMany => {
                        let why = "empty chunks without end";
                        return Poll::Ready(Some(Err(failure(HttpErrorKind::Protocol, why))));
                    }
                }
            }
        });
        if has_more && polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled.map(|polled| polled.unwrap_or_else(|limit| Some(Err(too_slow(limit)))))
    }
}

/// Which limit was passed.
fn too_slow(limit: usize) -> HttpError {
    match limit {
        0 => failure(HttpErrorKind::Stalled, "the server stopped sending"),
        1 => failure(HttpErrorKind::Stalled, "the server sends too slowly"),
        _ => failure(HttpErrorKind::Timeout, "too few bytes came in time"),
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.body.is_none() {
            return Poll::Ready(None);
        }
        // A response that always has bytes is late all the same.
        let mut ends = this.ends.iter_mut();
        let late = ends.find_map(|end| overdue(end, Phase::ResponseBegun, cx));
        let next = match late {
            Some(error) => Some(Err(error)),
            None => ready!(this.poll_body(cx)),
        };
        let item = match next {
            Some(Ok(chunk)) => {
                let bytes = chunk.len() as u64;
                this.received = this.received.saturating_add(bytes);
                this.waiting.moved(bytes);
                match this.length {
                    Some(length) if this.received > length => Some(Err(failure(
                        HttpErrorKind::Protocol,
                        format!("more than the {length} bytes promised"),
                    ))),
                    _ => return Poll::Ready(Some(Ok(chunk))),
                }
            }
            Some(Err(error)) => Some(Err(error.at_least(Phase::ResponseBegun))),
            None => match this.length {
                Some(length) if this.received < length => Some(Err(failure(
                    HttpErrorKind::Closed,
                    format!(
                        "the response ended after {} of {length} bytes",
                        this.received
                    ),
                ))),
                _ => None,
            },
        };
        this.body = None;
        // Nobody has to be woken any more.
        this.waiting.end();
        this.ends = [None, None];
        Poll::Ready(item)
    }
}

fn failure(kind: HttpErrorKind, why: impl Into<String>) -> HttpError {
    HttpError::new(kind, Phase::ResponseBegun).with_source(why.into())
}
