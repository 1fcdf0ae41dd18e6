//! What becomes of a source that panics: its transfer fails, clears up, and harms no other.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::{BodyStream, Bytes};
use futures_core::Stream;

/// The stream that `open` gives, with an error where it would panic.
pub(super) fn caught(open: impl FnOnce() -> io::Result<BodyStream>) -> io::Result<BodyStream> {
    let opened = catch_unwind(AssertUnwindSafe(open));
    let stream = opened.unwrap_or_else(|panic| Err(told(&*panic)))?;
    Ok(Box::pin(Caught(Some(stream))))
}

/// `None` once it has panicked: who knows what it would do then.
struct Caught(Option<BodyStream>);

impl Stream for Caught {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll_next(cx)));
        polled.unwrap_or_else(|panic| {
            self.0 = None;
            Poll::Ready(Some(Err(told(&*panic))))
        })
    }
}

fn told(panic: &(dyn Any + Send)) -> io::Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    io::Error::other(format!(
        "the source panicked: {}",
        text.unwrap_or("it did not say why")
    ))
}
