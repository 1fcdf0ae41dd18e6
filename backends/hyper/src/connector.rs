//! [`Connector`]: connects to a host, with a timeout.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tower_service::Service;

use crate::connection::{Connection, Io};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Resolves a name, opens a socket, and does the TLS handshake.
///
/// This happens in a task on the client's runtime, because sockets and timers need tokio and the caller may be on
/// another executor. Dropping the future aborts the task.
pub(crate) struct Connector {
    connect: Connect,
    timeout: Duration,
    runtime: Handle,
}

/// A connector of any type.
#[derive(Clone)]
pub(crate) struct Connect(
    Arc<dyn Fn(Uri) -> BoxFuture<Result<Connection, BoxError>> + Send + Sync>,
);

impl Connect {
    /// A custom connector.
    pub(crate) fn through<C>(connector: C) -> Self
    where
        C: Service<Uri, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
        C::Response: Io + 'static,
    {
        Self(Arc::new(move |uri| {
            let mut connector = connector.clone();
            Box::pin(async move {
                poll_fn(|cx| connector.poll_ready(cx))
                    .await
                    .map_err(Into::into)?;
                let io = connector.call(uri).await.map_err(Into::into)?;
                Ok(Connection::new(io))
            })
        }))
    }

    /// TCP, with TLS for https.
    pub(crate) fn directly(tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        let mut http = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        http.enforce_http(false);
        http.set_nodelay(true);
        // Divided among the addresses, so that an unresponsive one leaves time for the next.
        http.set_connect_timeout(Some(timeout));
        Self::through(HttpsConnector::from((http, tls)))
    }
}

impl Connector {
    pub(crate) fn new(connect: Connect, timeout: Duration, runtime: Handle) -> Self {
        Self {
            connect,
            timeout,
            runtime,
        }
    }

    /// Connects, on the runtime. Dropping the future stops this and closes a connection in the making.
    pub(crate) async fn connect(&self, uri: Uri) -> Result<Connection, BoxError> {
        let connecting = (self.connect.0)(uri);
        let timeout = self.timeout;
        let mut task = JoinSet::new();
        task.spawn_on(
            async move {
                tokio::time::timeout(timeout, connecting)
                    .await
                    .unwrap_or_else(|_| Err(ConnectTimeout.into()))
            },
            &self.runtime,
        );
        match task.join_next().await.expect("one task was spawned") {
            Ok(connected) => connected,
            Err(error) if error.is_panic() => Err(RuntimeError::Panicked.into()),
            Err(_) => Err(RuntimeError::ShutDown.into()),
        }
    }
}

/// The system's resolver, with an error type of its own.
#[derive(Clone)]
pub(crate) struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = ResolveError;
    type Future = BoxFuture<Result<GaiAddrs, ResolveError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        self.0.poll_ready(cx).map_err(ResolveError)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move { resolving.await.map_err(ResolveError) })
    }
}

/// The name could not be resolved.
#[derive(Debug)]
pub(crate) struct ResolveError(io::Error);

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the resolver returned no address")
    }
}

impl StdError for ResolveError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// The connect timeout has expired.
#[derive(Debug)]
pub(crate) struct ConnectTimeout;

impl fmt::Display for ConnectTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connect timeout passed")
    }
}

impl StdError for ConnectTimeout {}

/// The runtime that the client was built on can't be used.
#[derive(Debug)]
pub(crate) enum RuntimeError {
    ShutDown,
    Panicked,
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShutDown => "the tokio runtime that the client was built on has been shut down",
            Self::Panicked => {
                "connecting panicked: does the client's tokio runtime have its I/O and time \
                 drivers?"
            }
        })
    }
}

impl StdError for RuntimeError {}
