//! [`SurfClient`]: the backend.

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
use crate::response::received;

/// B2 closes an idle connection after about 4 s. The protocol's bound is 3 s; libcurl counts whole ones.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A backend over surf. A clone is cheap and shares the connections.
///
/// The crate's documentation says why it has a client of surf for each exchange.
#[derive(Clone)]
pub struct SurfClient(Source);

#[derive(Clone)]
enum Source {
    Made {
        clients: ClientPool<surf::Client>,
        make: Arc<dyn Fn() -> Result<surf::Client, surf::Error> + Send + Sync>,
    },
    Shared(surf::Client),
}

impl SurfClient {
    /// A backend whose clients have the [`defaults`](Self::defaults).
    #[must_use]
    pub fn new() -> Self {
        Self::over_isahc(|| Self::defaults().build())
    }

    /// A backend whose clients are made by `make`: one for each exchange that is under way at the same time.
    ///
    /// Where `make` fails, so does the request, and nothing was sent.
    pub fn with_factory(
        make: impl Fn() -> Result<surf::Client, surf::Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Source::Made {
            clients: ClientPool::new(),
            make: Arc::new(make),
        })
    }

    /// As [`with_factory`](Self::with_factory), for plain clients of surf over what `make` makes.
    pub fn over_isahc(
        make: impl Fn() -> Result<isahc_0_9::HttpClient, isahc_0_9::Error> + Send + Sync + 'static,
    ) -> Self {
        Self::with_factory(move || {
            let client = IsahcClient::from_client(make()?);
            Ok(surf::Client::with_http_client(client))
        })
    }

    /// A backend with this one client for all exchanges. See the crate's documentation for what that costs.
    #[must_use]
    pub const fn from_client(client: surf::Client) -> Self {
        Self(Source::Shared(client))
    }

    /// What the protocol asks for, as a builder of the client beneath to go on with: proxies, certificates.
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

    /// The client for a request, and what gives it back.
    fn client_for(&self, request: &Request) -> Result<PooledClient<surf::Client>, HttpError> {
        let (clients, make) = match &self.0 {
            Source::Shared(client) => return Ok(PooledClient::shared(client.clone())),
            Source::Made { clients, make } => (clients, &**make),
        };
        // libcurl would repeat what has no body and finds its used connection closed.
        let lease = if request.body().is_empty() && request.method() != Method::GET {
            clients.lease_new(make)
        } else {
            clients.lease(make)
        };
        lease.map_err(|error| {
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
        // It panics at what it doesn't know in a response: a status, a header that is not ASCII.
        let response = AssertUnwindSafe(sending).catch_unwind().await;
        let response = response.map_err(|_| {
            HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun)
                .with_source("surf panicked at the response's head")
        })?;
        let response = response.map_err(|error| send_error(error, &upload.0))?;
        received(response.into(), Exchange { upload, client })
    }
}

impl fmt::Debug for SurfClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Made { clients, .. } => f.debug_tuple("SurfClient").field(clients).finish(),
            Source::Shared(client) => f.debug_tuple("SurfClient").field(client).finish(),
        }
    }
}
