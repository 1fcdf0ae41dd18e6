//! [`IsahcClient`]: the backend over isahc.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use b2kit_core::adapter::{
    AbortOnDrop, BodyChunks, ClientPool, Exchange, PooledClient, body_chunks, checked,
    is_exhaustion, same_to_curl,
};
use b2kit_core::{HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, async_trait};
use http::{HeaderMap, Method};
use isahc::config::{Configurable as _, ExpectContinue, RedirectPolicy, VersionNegotiation};
use isahc::{AsyncBody, HttpClientBuilder};

use crate::error::send_error;
use crate::response::into_response;

/// How long an idle connection is kept. B2 closes it after about 4 s, and the protocol's limit is 3 s; libcurl counts
/// whole seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A backend over isahc. Clones are cheap and share connections.
///
/// The documentation of the [crate] says why it uses a client of isahc for each exchange.
#[derive(Clone)]
pub struct IsahcClient(Source);

#[derive(Clone)]
enum Source {
    Pooled {
        clients: ClientPool<isahc::HttpClient>,
        make: Arc<dyn Fn() -> Result<isahc::HttpClient, isahc::Error> + Send + Sync>,
    },
    Shared(isahc::HttpClient),
}

impl IsahcClient {
    /// A backend with clients built from the [`defaults`](Self::defaults).
    #[must_use]
    pub fn new() -> Self {
        Self::with_factory(|| Self::defaults().build())
    }

    /// A backend whose clients are made by `make`, one for each concurrent exchange.
    ///
    /// If `make` fails, the request fails and nothing was sent.
    pub fn with_factory(
        make: impl Fn() -> Result<isahc::HttpClient, isahc::Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Source::Pooled {
            clients: ClientPool::new(),
            make: Arc::new(make),
        })
    }

    /// A backend with one client for all exchanges. The documentation of the [crate] lists the disadvantages.
    #[must_use]
    pub const fn from_client(client: isahc::HttpClient) -> Self {
        Self(Source::Shared(client))
    }

    /// A builder with the settings that the protocol requires, to which proxies, addresses and certificates can be
    /// added.
    pub fn defaults() -> HttpClientBuilder {
        isahc::HttpClient::builder()
            .proxy(None)
            .tcp_nodelay()
            .connect_timeout(Duration::from_secs(10))
            .connection_cache_ttl(IDLE_TIMEOUT)
    }

    /// Takes a client for a request from the pool.
    fn client_for(&self, request: &Request) -> Result<PooledClient<isahc::HttpClient>, HttpError> {
        let (clients, make) = match &self.0 {
            Source::Shared(client) => return Ok(PooledClient::shared(client.clone())),
            Source::Pooled { clients, make } => (clients, &**make),
        };
        // libcurl would repeat a request without a body if its reused connection is closed.
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
        let client = if request.body().is_empty() && !is_safe {
            clients.lease_new(make)
        } else {
            clients.get(make)
        };
        client.map_err(|error| {
            // Making a client needs file descriptors too.
            let kind = match is_exhaustion(&error) {
                true => HttpErrorKind::Exhausted,
                false => HttpErrorKind::Other,
            };
            HttpError::new(kind, Phase::NotSent).with_source(error)
        })
    }
}

impl Default for IsahcClient {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl HttpClient for IsahcClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let request = checked(request)?;
        same_to_curl(request.uri())?;
        refuse_non_ascii(request.headers())?;
        let client = self.client_for(&request)?;

        let (head, body) = request.into_parts();
        let (chunks, upload) = body_chunks(body);
        let upload = AbortOnDrop(upload);
        let request = configured(head, chunks)?;
        let response = client
            .send_async(request)
            .await
            .map_err(|error| send_error(error, &upload.0))?;
        into_response(response, Exchange { upload, client })
    }
}

/// The request for isahc, with settings that override those of its client.
fn configured(
    head: http::request::Parts,
    chunks: BodyChunks,
) -> Result<isahc::Request<AsyncBody>, HttpError> {
    let body = match chunks.remaining() {
        0 => AsyncBody::empty(),
        len => AsyncBody::from_reader_sized(chunks, len),
    };
    let mut builder = isahc::Request::builder()
        .method(head.method)
        .uri(head.uri)
        .version_negotiation(VersionNegotiation::http11())
        .redirect_policy(RedirectPolicy::None)
        .automatic_decompression(false)
        .expect_continue(ExpectContinue::disabled())
        // No timeout, so a timeout of libcurl can only be the connect timeout.
        .timeout(Duration::ZERO)
        .low_speed_timeout(0, Duration::ZERO);
    if let Some(headers) = builder.headers_mut() {
        *headers = head.headers;
    }
    builder.body(body).map_err(HttpError::invalid)
}

/// isahc panics at header values that are not ASCII.
fn refuse_non_ascii(headers: &HeaderMap) -> Result<(), HttpError> {
    if headers.values().any(|value| value.to_str().is_err()) {
        return Err(HttpError::invalid(
            "isahc can't send a header value that is not ASCII",
        ));
    }
    Ok(())
}

impl fmt::Debug for IsahcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Pooled { clients, .. } => f.debug_tuple("IsahcClient").field(clients).finish(),
            Source::Shared(client) => f.debug_tuple("IsahcClient").field(client).finish(),
        }
    }
}
