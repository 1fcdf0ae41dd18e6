//! The tokio runtime that connections live on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::{self, Handle};

/// A tokio runtime: the one around, or our own, which ends with this value.
pub(crate) struct Runtime {
    handle: Handle,
    own: Option<runtime::Runtime>,
}

impl Runtime {
    pub(crate) fn ambient_or_own() -> io::Result<Self> {
        if let Ok(handle) = Handle::try_current() {
            return Ok(Self { handle, own: None });
        }
        let own = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("b2kit-reqwest")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: own.handle().clone(),
            own: Some(own),
        })
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Runtime {
    /// Waits for nothing: the last clone of a client may go in async code, or on this runtime's own thread.
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

/// A future that is polled inside a tokio runtime, whoever polls it.
pub(crate) struct Inside<'r, F>(pub(crate) &'r Handle, pub(crate) Pin<Box<F>>);

impl<F: Future> Future for Inside<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _inside = self.0.enter();
        self.1.as_mut().poll(cx)
    }
}
