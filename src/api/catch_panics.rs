//! [`CatchPanics`]: turns a panic of a source into an error of its upload.
//!
//! A source is user code. If its panic unwound further, it would take down whatever polls it:
//! depending on the backend, the caller's task, a connection's task, or the thread of all
//! transfers.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use b2kit_core::{Body, BodyStream, Bytes};
use futures_core::Stream;

/// A stream that ends with an error if the source panics; the source is not polled again.
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
                // Its state may be inconsistent after the panic.
                self.0 = None;
                Poll::Ready(Some(Err(panicked)))
            }
        }
    }
}

/// Runs user code, and turns a panic into an error.
fn caught<T>(code: impl FnOnce() -> T) -> io::Result<T> {
    // The source is dropped after a panic, so no inconsistent state is used.
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
