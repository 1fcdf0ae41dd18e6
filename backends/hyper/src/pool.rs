//! [`Pool`]: connections that have finished one exchange and can take the next.
//!
//! hyper-util's pooled client is not used, since it races a new connection against one that is about to become free,
//! and then keeps both. Here a connection is free as soon as the caller sees the end of a response. The next request
//! prefers one that is ready; otherwise it waits until a free one is, which usually takes one turn of its task, and at
//! most a second. So there are never more connections than there were concurrent requests.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::connection::CloseSwitch;
use crate::request_body::RequestBody;

/// The origin that a connection leads to. Ordered, because hashing an [`Authority`] takes longer than comparing two
/// texts.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// `None` for a URI without a scheme and a host.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        Some(Self {
            scheme: uri.scheme()?.clone(),
            authority: uri.authority()?.clone(),
        })
    }

    fn texts(&self) -> (&str, &str) {
        (self.authority.as_str(), self.scheme.as_str())
    }
}

impl Ord for Origin {
    fn cmp(&self, other: &Self) -> Ordering {
        self.texts().cmp(&other.texts())
    }
}

impl PartialOrd for Origin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.texts() == other.texts()
    }
}

impl Eq for Origin {}

/// A connection that takes one exchange at a time. Dropping it closes it.
pub(crate) struct Pooled {
    pub(crate) sender: SendRequest<RequestBody>,
    pub(crate) switch: CloseSwitch,
    /// The value of `Host`.
    pub(crate) host: Option<HeaderValue>,
    /// Whether it leads to a proxy, which needs absolute URIs.
    pub(crate) is_proxied: bool,
    /// Whether it accepts responses with many headers.
    pub(crate) many_headers: bool,
}

/// Closes the connection at once: hyper would first flush its buffer, which never ends if the server has stopped
/// reading.
impl Drop for Pooled {
    fn drop(&mut self) {
        self.switch.close();
    }
}

/// The idle connections of one client.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    idle: Mutex<Idle>,
    limits: PoolLimits,
    runtime: Handle,
}

/// How many idle connections are kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLimits {
    pub(crate) idle_timeout: Duration,
    pub(crate) max_idle_per_host: usize,
}

#[derive(Default)]
struct Idle {
    /// The idle connections by origin. In each list, the one that became idle last is at the end.
    connections: Vec<(Origin, Vec<IdleConnection>)>,
    /// The origins of files, sorted. Their responses may have many headers.
    many_headers: Vec<Origin>,
    /// Whether a [task](sweep) closes connections at their idle timeout. It ends with the last of them.
    is_swept: bool,
}

impl Idle {
    /// The index of the connections to an origin, or the index at which to insert them.
    fn find(&self, origin: &Origin) -> Result<usize, usize> {
        self.connections
            .binary_search_by(|(known, _)| known.cmp(origin))
    }
}

struct IdleConnection {
    since: Instant,
    pooled: Pooled,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits, runtime: Handle) -> Self {
        Self(Arc::new(Shared {
            idle: Mutex::default(),
            limits,
            runtime,
        }))
    }

    /// Whether a connection to `origin` has to accept responses with many headers: if this response may have them, or
    /// an earlier one from there might. So an origin of both kinds of requests does not need connections of both kinds.
    pub(crate) fn many_headers(&self, origin: &Origin, this_response: bool) -> bool {
        let mut idle = self.0.lock();
        match idle.many_headers.binary_search(origin) {
            Ok(_) => return true,
            Err(at) if this_response => idle.many_headers.insert(at, origin.clone()),
            Err(_) => {}
        }
        this_response
    }

    /// The connection to `origin` that became idle last, of those that are ready if there are any. Those that can't
    /// accept many headers are closed if that is needed.
    pub(crate) fn take(&self, origin: &Origin, many_headers: bool) -> Option<Pooled> {
        let mut idle = self.0.lock();
        let at = idle.find(origin).ok()?;
        let (_, connections) = idle.connections.get_mut(at)?;
        self.0.prune(connections);
        connections.retain(|it| it.pooled.many_headers || !many_headers);
        let ready = connections
            .iter()
            .rposition(|it| it.pooled.sender.is_ready());
        let last = connections.len().checked_sub(1)?;
        Some(connections.remove(ready.unwrap_or(last)).pooled)
    }

    /// Keeps an idle connection for the next request to `origin`.
    pub(crate) fn give_back(&self, origin: &Origin, pooled: Pooled) {
        let mut idle = self.0.lock();
        let at = match idle.find(origin) {
            Ok(at) => at,
            Err(at) => {
                idle.connections.insert(at, (origin.clone(), Vec::new()));
                at
            }
        };
        let (_, connections) = &mut idle.connections[at];
        let since = self.0.prune(connections);
        if connections.len() >= self.0.limits.max_idle_per_host {
            return;
        }
        connections.push(IdleConnection { since, pooled });
        if !idle.is_swept {
            idle.is_swept = true;
            drop(idle);
            self.0.runtime.spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes connections that the server has closed or that have been idle for too long. Returns the time.
    fn prune(&self, connections: &mut Vec<IdleConnection>) -> Instant {
        // Within the runtime, whose clock may be paused.
        let _context = self.runtime.enter();
        let (now, timeout) = (Instant::now(), self.limits.idle_timeout);
        connections
            .retain(|it| !it.pooled.sender.is_closed() && now.duration_since(it.since) < timeout);
        now
    }

    /// Prunes all connections. Returns when the next one expires, if any is left.
    fn prune_all(&self) -> Option<Instant> {
        let mut idle = self.lock();
        idle.connections.retain_mut(|(_, connections)| {
            self.prune(connections);
            !connections.is_empty()
        });
        let all = idle.connections.iter();
        let all = all.flat_map(|(_, connections)| connections);
        let oldest = all.map(|it| it.since);
        let timeout = self.limits.idle_timeout;
        let next = oldest.min().and_then(|since| since.checked_add(timeout));
        idle.is_swept = next.is_some();
        next
    }
}

async fn sweep(pool: Weak<Shared>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.prune_all()) {
        tokio::time::sleep_until(next).await;
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.0.limits).finish()
    }
}
