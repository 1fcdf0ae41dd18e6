//! [`Case`]: one named test of the suite. [`Subject`]: the backend as a case sees it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use b2kit_core::{CheckedClient, Deadlines, HttpClient, SystemTimer};

use crate::limit::Limit;
use crate::server::Peer;

/// A backend behind a pointer.
pub type Client = Arc<dyn HttpClient>;

/// How to make the clients of a suite, and the limits of their library.
pub(crate) struct Backend {
    pub(crate) make: Box<dyn Fn() -> Client + Send + Sync>,
    pub(crate) make_trusting: Option<MakeTrusting>,
    pub(crate) limits: BTreeSet<Limit>,
}

/// Makes a client that trusts the root certificate in this PEM text.
pub(crate) type MakeTrusting = Box<dyn Fn(&str) -> Client + Send + Sync>;

/// One test, named after its function.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Subject<'_>),
}

/// The table of a module's cases, each named after its function.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(super) const CASES: &[crate::case::Case] = &[$(crate::case::Case {
            name: stringify!($case),
            run: $case,
        }),*];
    };
}
pub(crate) use cases;

/// The backend under test. It records which limits a case has made use of.
pub(crate) struct Subject<'s> {
    backend: &'s Backend,
    used_limits: RefCell<BTreeSet<Limit>>,
}

/// The panic payload of a case that needs TLS when the suite has no client for that.
pub(crate) struct NoTls;

impl<'s> Subject<'s> {
    pub(crate) fn new(backend: &'s Backend) -> Self {
        Self {
            backend,
            used_limits: RefCell::default(),
        }
    }

    pub(crate) fn into_used_limits(self) -> BTreeSet<Limit> {
        self.used_limits.into_inner()
    }

    /// A client with the default settings.
    pub(crate) fn client(&self) -> Client {
        (self.backend.make)()
    }

    /// A client wrapped in a [`CheckedClient`], as programs use it.
    pub(crate) fn checked_client(&self, deadlines: Deadlines) -> Client {
        let client = CheckedClient::shared(self.client(), Arc::new(SystemTimer));
        Arc::new(client.with_deadlines(deadlines))
    }

    /// A client that trusts only this root certificate. Unwinds with [`NoTls`] if the suite can't make one.
    pub(crate) fn trusting(&self, pem: &str) -> Client {
        match &self.backend.make_trusting {
            Some(make) => make(pem),
            None => std::panic::resume_unwind(Box::new(NoTls)),
        }
    }

    /// Sends a response if the library, such as libcurl, closes a silent connection only when something arrives.
    pub(crate) fn wake_silent_connection(&self, peer: &mut Peer) {
        if self.is_limited(Limit::LingersWhileServerIsSilent) {
            let _ = peer.try_send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!");
        }
    }

    /// Asserts that the client sends nothing more on this connection and closes it.
    pub(crate) fn assert_closes(&self, peer: &mut Peer) {
        self.wake_silent_connection(peer);
        assert_eq!(peer.drain(), 0, "nothing more is sent");
    }

    /// Whether this limit is declared. The case then requires the weaker behavior.
    pub(crate) fn is_limited(&self, limit: Limit) -> bool {
        let limited = self.backend.limits.contains(&limit);
        if limited {
            self.used_limits.borrow_mut().insert(limit);
        }
        limited
    }
}
