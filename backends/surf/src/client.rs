//! [`SurfClient`]: the backend over surf.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use b2kit_core::adapter::{AbortOnDrop, ClientPool, Exchange, PooledClient, checked};
use b2kit_core::{HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, async_trait};
use futures_util::FutureExt as _;
use http::Method;
use http_client::isahc::IsahcClient;
use isahc_0_9::HttpClientBuilder;
use isahc_0_9::config::{Configurable as _, RedirectPolicy, VersionNegotiation};

use crate::error::send_error;
use crate::request::converted;
use crate::response::into_response;

/// How long an idle connection is kept. B2 closes it after about 4 s, and the protocol's limit is 3 s; libcurl counts
/// whole seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A backend over surf. Clones are cheap and share connections.
///
/// The documentation of the [crate] says why it uses a client of surf for each exchange.
#[derive(Clone)]
pub struct SurfClient(Source);

#[derive(Clone)]
enum Source {
    Pooled {
        clients: ClientPool<surf::Client>,
        make: Arc<dyn Fn() -> Result<surf::Client, surf::Error> + Send + Sync>,
    },
    Shared(surf::Client),
}

impl SurfClient {
    /// A backend with clients built from the [`defaults`](Self::defaults).
    #[must_use]
    pub fn new() -> Self {
        Self::over_isahc(|| Self::defaults().build())
    }

    /// A backend whose clients are made by `make`, one for each concurrent exchange.
    ///
    /// If `make` fails, the request fails and nothing was sent.
    pub fn with_factory(
        make: impl Fn() -> Result<surf::Client, surf::Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Source::Pooled {
            clients: ClientPool::new(),
            make: Arc::new(make),
        })
    }

    /// Like [`with_factory`](Self::with_factory), with surf clients over the isahc clients that `make` makes.
    pub fn over_isahc(
        make: impl Fn() -> Result<isahc_0_9::HttpClient, isahc_0_9::Error> + Send + Sync + 'static,
    ) -> Self {
        Self::with_factory(move || {
            let client = IsahcClient::from_client(make()?);
            Ok(surf::Client::with_http_client(client))
        })
    }

    /// A backend with one client for all exchanges. The documentation of the [crate] lists the disadvantages.
    #[must_use]
    pub const fn from_client(client: surf::Client) -> Self {
        Self(Source::Shared(client))
    }

    /// A builder of the underlying client with the settings that the protocol requires, to which proxies and
    /// certificates can be added.
    pub fn defaults() -> HttpClientBuilder {
        isahc_0_9::HttpClient::builder()
            .proxy(None)
            .tcp_nodelay()
            .redirect_policy(RedirectPolicy::None)
            .automatic_decompression(false)
            .version_negotiation(VersionNegotiation::http11())
            .connect_timeout(Duration::from_secs(10))
            .connection_cache_ttl(IDLE_TIMEOUT)
    }

    /// Takes a client for a request from the pool.
    fn client_for(&self, request: &Request) -> Result<PooledClient<surf::Client>, HttpError> {
        let (clients, make) = match &self.0 {
            Source::Shared(client) => return Ok(PooledClient::shared(client.clone())),
            Source::Pooled { clients, make } => (clients, &**make),
        };
        // libcurl would repeat a request without a body if its reused connection is closed.
        let client = if request.body().is_empty() && request.method() != Method::GET {
            clients.lease_new(make)
        } else {
            clients.get(make)
        };
        client.map_err(|error| {
            let source = error.into_inner();
            HttpError::new(HttpErrorKind::Other, Phase::NotSent).with_source(source)
        })
    }
}

impl Default for SurfClient {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl HttpClient for SurfClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let request = checked(request)?;
        let client = self.client_for(&request)?;
        let (request, upload) = converted(request)?;
        let upload = AbortOnDrop(upload);
        let sending = client.send(request);
        // surf panics at responses with an unknown status or a header that is not ASCII.
        let response = AssertUnwindSafe(sending).catch_unwind().await;
        let response = response.map_err(|_| {
            HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun)
                .with_source("surf panicked at the response's head")
        })?;
        let response = response.map_err(|error| send_error(error, &upload.0))?;
        into_response(response.into(), Exchange { upload, client })
    }
}

impl fmt::Debug for SurfClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Pooled { clients, .. } => f.debug_tuple("SurfClient").field(clients).finish(),
            Source::Shared(client) => f.debug_tuple("SurfClient").field(client).finish(),
        }
    }
}
