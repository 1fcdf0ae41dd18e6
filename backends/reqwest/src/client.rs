//! [`ReqwestClient`]: the backend.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use b2kit_core::adapter::{GiveUp, checked, pieces, same_target};
use b2kit_core::{HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, async_trait};
use reqwest::{ClientBuilder, Url, redirect, retry};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::error::send_error;
use crate::response::received;
use crate::runtime::{Inside, Runtime};

/// B2 closes an idle connection after about 4 s. The protocol's bound is 3 s; the rest is for the way there.
const IDLE: Duration = Duration::from_millis(2500);

/// A backend over a [`reqwest::Client`]. A clone is cheap and shares the connections.
///
/// The crate's documentation says which runtime it runs on.
#[derive(Clone)]
pub struct ReqwestClient {
    client: reqwest::Client,
    runtime: Arc<Runtime>,
}

impl ReqwestClient {
    /// A client with the [`defaults`](Self::defaults).
    ///
    /// # Errors
    /// If the client can't be made, or the thread for its own runtime can't be started.
    pub fn new() -> io::Result<Self> {
        Self::from_client(Self::defaults().build().map_err(io::Error::other)?)
    }

    /// A client of your own. See the crate's documentation for what it should be like.
    ///
    /// # Errors
    /// If the thread for its own runtime can't be started.
    pub fn from_client(client: reqwest::Client) -> io::Result<Self> {
        let runtime = Arc::new(Runtime::ambient_or_own()?);
        Ok(Self { client, runtime })
    }

    /// What the protocol asks for, as a builder to go on with: proxies, addresses, certificates.
    ///
    /// For roots of your own replace the TLS configuration, with
    /// [`tls_backend_preconfigured`](ClientBuilder::tls_backend_preconfigured).
    pub fn defaults() -> ClientBuilder {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        // Named, with no regard to the process's default provider: that may be none, or anybody's.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = ClientBuilder::new()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .http1_max_headers(256)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // The program may have the features for other clients of its own.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .pool_idle_timeout(IDLE)
            .connect_timeout(Duration::from_secs(10));
        #[cfg(target_os = "linux")]
        let builder = builder.tcp_user_timeout(Duration::from_secs(30));
        builder
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (head, body) = checked(request)?.into_parts();
        let url = Url::parse(&head.uri.to_string()).map_err(HttpError::invalid)?;
        same_target(&head.uri, url.path(), url.query())?;

        let mut request = reqwest::Request::new(head.method, url.clone());
        *request.headers_mut() = head.headers;
        let (pieces, upload) = pieces(body);
        if pieces.remaining() > 0 {
            *request.body_mut() = Some(reqwest::Body::wrap(pieces));
        }
        let upload = GiveUp(upload);
        let executing = Box::pin(self.client.execute(request));
        let response = Inside(self.runtime.handle(), executing)
            .await
            .map_err(|error| send_error(error, &upload.0))?;
        if *response.url() != url {
            let why = "the client followed a redirect, which a backend must not: build it with redirect::Policy::none()";
            return Err(
                HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why),
            );
        }
        received(response, upload, Arc::clone(&self.runtime))
    }
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestClient").finish_non_exhaustive()
    }
}
