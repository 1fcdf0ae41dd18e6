//! [`CatchPanics`]: a source whose panic is an error of its own upload, and of nothing else.
//!
//! A source is the program's code. Where its panic went on, it would take with it whatever polls
//! it: the caller's task in one backend, a connection's task or the thread of all transfers in
//! another.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes};
use futures_core::Stream;

/// A stream that ends with an error where the source panics, and is never polled again after it.
pub(crate) struct CatchPanics(Option<BodyStream>);

impl CatchPanics {
    /// Opens the body.
    pub(crate) fn open(body: &Body) -> io::Result<Self> {
        caught(|| body.open())?.map(Self::new)
    }

    pub(crate) const fn new(stream: BodyStream) -> Self {
        Self(Some(stream))
    }
}

impl Stream for CatchPanics {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match caught(|| stream.as_mut().poll_next(cx)) {
            Ok(next) => next,
            Err(panicked) => {
                // What it was doing when it panicked may be half done.
                self.0 = None;
                Poll::Ready(Some(Err(panicked)))
            }
        }
    }
}

/// What the program's code gives, or an error that says that it panicked.
fn caught<T>(code: impl FnOnce() -> T) -> io::Result<T> {
    // Nothing that it could have left half done is used again.
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| panicked(&*panic))
}

/// The error for a panic with this payload.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> io::Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let what = said.map_or_else(
        || "the source panicked".to_owned(),
        |said| {
            let said: String = said.chars().take(200).collect();
            format!("the source panicked: {said}")
        },
    );
    io::Error::other(what)
}
