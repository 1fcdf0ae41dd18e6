//! [`Clients`]: one client of a library for each exchange under way.

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::timer::{SystemTimer, Timer as _};

/// B2 closes an idle connection after about 4 s. The protocol's bound is 3 s; the rest is for the way there.
const IDLE: Duration = Duration::from_millis(2500);

/// Clients of a library that stops a transfer at once only when its client ends.
///
/// Each exchange has a client to itself, so that ending that one ends nothing else. A client whose exchange went well
/// is kept for 2.5 s, with its connection, for another.
pub struct Clients<C: Send + 'static>(Arc<Shared<C>>);

struct Shared<C> {
    idle: Mutex<Vec<(C, Instant)>>,
}

impl<C: Send + 'static> Clients<C> {
    /// No client yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            idle: Mutex::new(Vec::new()),
        }))
    }

    /// The client that was idle for the shortest time, or what `make` makes where there is none.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn lease<E>(&self, make: impl FnOnce() -> Result<C, E>) -> Result<Lease<C>, E> {
        let now = SystemTimer.now();
        let mut idle = self.0.idle();
        let old = idle.partition_point(|(_, since)| now.duration_since(*since) >= IDLE);
        let gone: Vec<_> = idle.drain(..old).collect();
        let client = idle.pop();
        drop(idle);
        if !gone.is_empty() {
            end(gone);
        }
        let client = match client {
            Some((client, _)) => client,
            None => make()?,
        };
        Ok(self.new_lease(client))
    }

    /// A client that was never used, for a request that the library might repeat on a used connection.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn lease_new<E>(&self, make: impl FnOnce() -> Result<C, E>) -> Result<Lease<C>, E> {
        Ok(self.new_lease(make()?))
    }

    fn new_lease(&self, client: C) -> Lease<C> {
        Lease {
            client: Some(client),
            home: Arc::clone(&self.0),
        }
    }
}

impl<C: Send + 'static> Clone for Clients<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Send + 'static> Default for Clients<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Send + 'static> fmt::Debug for Clients<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("idle", &self.0.idle().len())
            .finish()
    }
}

impl<C> Shared<C> {
    fn idle(&self) -> MutexGuard<'_, Vec<(C, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client while an exchange has it. Unless it is [given back](Self::give_back) its end is that of the client.
pub struct Lease<C: Send + 'static> {
    client: Option<C>,
    home: Arc<Shared<C>>,
}

impl<C: Send + 'static> Lease<C> {
    /// The exchange is over and its connection can be another's.
    pub fn give_back(mut self) {
        if let Some(client) = self.client.take() {
            let now = SystemTimer.now();
            self.home.idle().push((client, now));
        }
    }
}

impl<C: Send + 'static> Deref for Lease<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.client
            .as_ref()
            .expect("it is taken only where the lease ends")
    }
}

impl<C: Send + 'static> Drop for Lease<C> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            end(client);
        }
    }
}

impl<C: Send + 'static> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}

impl<C> Drop for Shared<C> {
    fn drop(&mut self) {
        // On this thread: there is nothing under way that it would have to wait for.
        mem::take(&mut *self.idle()).clear();
    }
}

/// On a thread of its own: the end of a client may wait for a name that is being resolved.
fn end(client: impl Send + 'static) {
    let thread = thread::Builder::new().name("b2kit-hang-up".to_owned());
    // Where there can be no thread the closure, and the client with it, is dropped here.
    let _ = thread.spawn(move || drop(client));
}
