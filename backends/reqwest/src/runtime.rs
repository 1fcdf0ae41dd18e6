//! [`Runtime`]: the tokio runtime that drives the connections.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::{self, Handle};

/// A handle to the program's tokio runtime, or a dedicated runtime, which ends with this value.
pub(crate) struct Runtime {
    handle: Handle,
    dedicated: Option<runtime::Runtime>,
}

impl Runtime {
    pub(crate) fn current_or_dedicated() -> io::Result<Self> {
        if let Ok(handle) = Handle::try_current() {
            return Ok(Self {
                handle,
                dedicated: None,
            });
        }
        let dedicated = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("b2kit-reqwest")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: dedicated.handle().clone(),
            dedicated: Some(dedicated),
        })
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Runtime {
    /// Does not block: the last clone of a client may be dropped in async code, or on the runtime's own thread.
    fn drop(&mut self) {
        if let Some(dedicated) = self.dedicated.take() {
            dedicated.shutdown_background();
        }
    }
}

/// A future that is polled in the context of a tokio runtime, on any executor.
pub(crate) struct InRuntime<'r, F>(pub(crate) &'r Handle, pub(crate) Pin<Box<F>>);

impl<F: Future> Future for InRuntime<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _inside = self.0.enter();
        self.1.as_mut().poll(cx)
    }
}
