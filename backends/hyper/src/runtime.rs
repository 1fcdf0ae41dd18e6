//! [`Runtime`]: the tokio runtime that drives the connections.

use std::fmt;

use tokio::runtime::{self, Handle};

use crate::build_error::BuildError;

/// A handle to the program's tokio runtime, or a dedicated runtime, which ends with this value.
///
/// Clients and response bodies hold this to keep the runtime alive; the pool and the connector, which run on it, hold
/// only a [`Handle`].
pub(crate) struct Runtime {
    handle: Handle,
    dedicated: Option<runtime::Runtime>,
}

impl Runtime {
    pub(crate) fn current() -> Option<Self> {
        let handle = Handle::try_current().ok()?;
        Some(Self {
            handle,
            dedicated: None,
        })
    }

    pub(crate) fn dedicated() -> Result<Self, BuildError> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("b2kit-hyper")
            .enable_all()
            .build()
            .map_err(|e| BuildError::because("the client's own runtime can't be started", e))?;
        Ok(Self {
            handle: runtime.handle().clone(),
            dedicated: Some(runtime),
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Runtime {
    /// Does not block: the last clone of a client may be dropped in async code, or on the runtime's own thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.dedicated.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.dedicated {
            Some(_) => "dedicated",
            None => "current",
        })
    }
}
