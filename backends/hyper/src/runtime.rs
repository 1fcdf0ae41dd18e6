//! [`Runtime`]: the tokio runtime that drives the connections.

use std::{fmt, thread};

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use crate::build_error::BuildError;

/// The name of the threads of a dedicated runtime.
const THREAD_NAME: &str = "b2kit-hyper";

/// A handle to the program's tokio runtime, or a dedicated runtime that ends with this value.
///
/// Clients and response bodies hold this to keep the runtime alive; the pool and the connector, which run on it, hold
/// only a [`Handle`].
pub(crate) struct Runtime {
    handle: Handle,
    /// Dropping this shuts the dedicated runtime down without waiting for it to end: the last clone of a client may be
    /// dropped in async code, or on the runtime's own thread.
    dedicated: Option<oneshot::Sender<()>>,
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
        let failed = |e| BuildError::because("the client's own runtime can't be started", e);
        // tokio's other scheduler would double the code that is used of tokio.
        let runtime = runtime::Builder::new_current_thread()
            .thread_name(THREAD_NAME)
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned());
        let run = move || {
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        };
        thread.spawn(run).map_err(failed)?;
        Ok(Self {
            handle,
            dedicated: Some(end),
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
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
