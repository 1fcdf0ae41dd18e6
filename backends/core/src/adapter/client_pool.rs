//! [`ClientPool`]: a client of an HTTP library for each concurrent exchange.

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::timer::{SystemTimer, Timer as _};

/// How long an idle client is kept. B2 closes an idle connection after about 4 s, and the protocol's limit is 3 s; the
/// difference allows for latency.
const IDLE_TIMEOUT: Duration = Duration::from_millis(2500);

/// The number of clients from which [`ClientPool::get`] shares them: each has threads and file descriptors of its own.
const MAX_CLIENTS: usize = 32;

/// A pool of clients, for libraries that stop a transfer at once only when its client is dropped.
///
/// Each of up to 32 concurrent exchanges has a client of its own, so dropping one affects no other exchange. Further
/// exchanges share these clients, except those that [must not reuse a connection](Self::lease_new). A shared client is
/// dropped after the last of its exchanges. A client whose exchanges succeeded is kept with its connection for 2.5 s;
/// older ones are dropped when the next exchange begins.
pub struct ClientPool<C: Clone + Send + 'static>(Arc<Shared<C>>);

struct Shared<C> {
    state: Mutex<State<C>>,
    /// Held while a client is made, so that concurrent exchanges don't make more than they need.
    making: Mutex<()>,
}

struct State<C> {
    next_id: u64,
    idle: Vec<(C, Instant)>,
    busy: Vec<InUse<C>>,
}

struct InUse<C> {
    id: u64,
    client: C,
    exchanges: usize,
}

impl<C: Clone + Send + 'static> ClientPool<C> {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                next_id: 0,
                idle: Vec::new(),
                busy: Vec::new(),
            }),
            making: Mutex::new(()),
        }))
    }

    /// The client that became idle last, or a new one from `make`.
    ///
    /// # Errors
    /// The error of `make`, which is called only if a client has to be made.
    pub fn get<E>(&self, make: impl FnOnce() -> Result<C, E>) -> Result<PooledClient<C>, E> {
        let mut state = self.0.state();
        let expired = state.take_expired();
        let found = state.find();
        drop(state);
        if !expired.is_empty() {
            drop_on_thread(expired);
        }
        if let Some((id, client)) = found {
            return Ok(self.leased(id, client));
        }
        let _alone = self.0.making.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.0.state().find();
        match found {
            Some((id, client)) => Ok(self.leased(id, client)),
            None => self.lease_new(make),
        }
    }

    /// A new client, however many there are, for a request that the library might repeat on a reused connection. It
    /// replaces an idle one.
    ///
    /// # Errors
    /// The error of `make`, which is called only if a client has to be made.
    pub fn lease_new<E>(&self, make: impl FnOnce() -> Result<C, E>) -> Result<PooledClient<C>, E> {
        let client = make()?;
        let mut state = self.0.state();
        let mut replaced = state.take_expired();
        replaced.extend(state.idle.pop());
        let (id, client) = state.enter(client);
        drop(state);
        if !replaced.is_empty() {
            drop_on_thread(replaced);
        }
        Ok(self.leased(id, client))
    }

    fn leased(&self, id: u64, client: C) -> PooledClient<C> {
        PooledClient {
            id,
            client: Some(client),
            pool: Some(Arc::clone(&self.0)),
        }
    }
}

impl<C: Clone + Send + 'static> Clone for ClientPool<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Clone + Send + 'static> Default for ClientPool<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clone + Send + 'static> fmt::Debug for ClientPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("ClientPool")
            .field("idle", &state.idle.len())
            .field("busy", &state.busy.len())
            .finish()
    }
}

impl<C> Shared<C> {
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clone> State<C> {
    fn enter(&mut self, client: C) -> (u64, C) {
        let id = self.next_id;
        self.next_id += 1;
        self.busy.push(InUse {
            id,
            client: client.clone(),
            exchanges: 1,
        });
        (id, client)
    }

    /// Removes the clients that have been idle for too long.
    fn take_expired(&mut self) -> Vec<(C, Instant)> {
        let now = SystemTimer.now();
        let since = |idle: &(C, Instant)| now.duration_since(idle.1);
        let old = self
            .idle
            .partition_point(|idle| since(idle) >= IDLE_TIMEOUT);
        self.idle.drain(..old).collect()
    }

    /// An existing client that can take an exchange.
    fn find(&mut self) -> Option<(u64, C)> {
        if let Some((client, _)) = self.idle.pop() {
            return Some(self.enter(client));
        }
        if self.busy.len() < MAX_CLIENTS {
            return None;
        }
        // The client with the fewest exchanges.
        let busy = self.busy.iter_mut().min_by_key(|busy| busy.exchanges)?;
        busy.exchanges += 1;
        Some((busy.id, busy.client.clone()))
    }

    /// Records the success of one of its exchanges.
    fn leave(&mut self, id: u64) {
        let Some(at) = self.busy.iter().position(|busy| busy.id == id) else {
            return;
        };
        self.busy[at].exchanges -= 1;
        if self.busy[at].exchanges == 0 {
            let client = self.busy.swap_remove(at).client;
            self.idle.push((client, SystemTimer.now()));
        }
    }

    /// Removes a client, so that it takes no further exchange.
    fn abort(&mut self, id: u64) -> Option<C> {
        let at = self.busy.iter().position(|busy| busy.id == id)?;
        Some(self.busy.swap_remove(at).client)
    }
}

/// A client that is used by an exchange. Dropping it drops the client, unless it is [given back](Self::give_back).
pub struct PooledClient<C: Clone + Send + 'static> {
    id: u64,
    client: Option<C>,
    /// `None` if the client is not the pool's.
    pool: Option<Arc<Shared<C>>>,
}

impl<C: Clone + Send + 'static> PooledClient<C> {
    /// A client outside any pool, which all exchanges share.
    #[must_use]
    pub const fn shared(client: C) -> Self {
        Self {
            id: 0,
            client: Some(client),
            pool: None,
        }
    }

    /// Returns the client after a successful exchange, so that another can reuse its connection.
    pub fn give_back(mut self) {
        self.client = None;
        if let Some(pool) = &self.pool {
            pool.state().leave(self.id);
        }
    }
}

impl<C: Clone + Send + 'static> Deref for PooledClient<C> {
    type Target = C;

    fn deref(&self) -> &C {
        let client = self.client.as_ref();
        client.expect("taken only when this is consumed or dropped")
    }
}

impl<C: Clone + Send + 'static> Drop for PooledClient<C> {
    fn drop(&mut self) {
        if let (Some(client), Some(pool)) = (self.client.take(), &self.pool) {
            let other = pool.state().abort(self.id);
            drop_on_thread((client, other));
        }
    }
}

impl<C: Clone + Send + 'static> fmt::Debug for PooledClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PooledClient")
    }
}

impl<C> Drop for Shared<C> {
    fn drop(&mut self) {
        // On this thread, since idle clients don't block when they are dropped.
        mem::take(&mut self.state().idle).clear();
    }
}

/// Drops clients on a new thread, since that may wait for a name resolution.
fn drop_on_thread(client: impl Send + 'static) {
    let thread = thread::Builder::new().name("b2kit-drop".to_owned());
    // If no thread can be started, the closure is dropped here, and the client with it.
    let _ = thread.spawn(move || drop(client));
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

    use super::*;

    /// Signals its drop.
    #[derive(Clone)]
    struct Client(Arc<Sender<()>>);

    fn made(sender: &Sender<()>) -> Result<Client, Infallible> {
        Ok(Client(Arc::new(sender.clone())))
    }

    fn same(one: &PooledClient<Client>, other: &PooledClient<Client>) -> bool {
        Arc::ptr_eq(&one.0, &other.0)
    }

    /// Waits until all clients, and so all senders, are dropped.
    fn wait_until_dropped(all: &Receiver<()>) {
        let end = all.recv_timeout(Duration::from_secs(30));
        assert_eq!(end, Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_client_that_is_given_back_is_reused() {
        let (sender, _all) = channel();
        let clients = ClientPool::new();
        let first = clients.get(|| made(&sender)).unwrap();
        let made_first = Arc::clone(&first.0);
        let second = clients.get(|| made(&sender)).unwrap();
        assert!(!same(&first, &second));
        first.give_back();
        let third = clients.get(|| made(&sender)).unwrap();
        assert!(Arc::ptr_eq(&third.0, &made_first));
        let fourth = clients.lease_new(|| made(&sender)).unwrap();
        assert!(!same(&third, &fourth));
    }

    #[test]
    fn new_clients_replace_idle_ones() {
        let (sender, _all) = channel();
        let clients = ClientPool::new();
        for _ in 0..100 {
            let client = clients.lease_new(|| made(&sender)).unwrap();
            client.give_back();
        }
        assert_eq!(format!("{clients:?}"), "ClientPool { idle: 1, busy: 0 }");
    }

    #[test]
    fn a_client_that_is_not_given_back_is_dropped() {
        let (sender, all) = channel();
        let clients = ClientPool::new();
        let client = clients.get(|| made(&sender)).unwrap();
        drop(sender);
        drop(client);
        wait_until_dropped(&all);
        assert_eq!(format!("{clients:?}"), "ClientPool { idle: 0, busy: 0 }");
    }

    #[test]
    fn beyond_the_limit_exchanges_share_clients_which_are_dropped_with_the_last() {
        let (sender, all) = channel();
        let clients = ClientPool::new();
        let client = || clients.get(|| made(&sender)).unwrap();
        let pooled: Vec<_> = (0..MAX_CLIENTS).map(|_| client()).collect();
        let shared = client();
        let with = pooled
            .iter()
            .position(|other| same(other, &shared))
            .unwrap();
        for (at, client) in pooled.into_iter().enumerate() {
            if at == with {
                drop(client);
            } else {
                client.give_back();
            }
        }
        // Its other exchange continues, but it takes no new one.
        let made_shared = Arc::clone(&shared.0);
        let fresh: Vec<_> = (0..MAX_CLIENTS).map(|_| client()).collect();
        assert!(
            fresh
                .iter()
                .all(|client| !Arc::ptr_eq(&client.0, &made_shared))
        );
        shared.give_back();
        drop((fresh, made_shared, sender));
        wait_until_dropped(&all);
    }
}
