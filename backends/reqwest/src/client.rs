//! [`ReqwestClient`]: the backend over reqwest.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use b2kit_core::adapter::{AbortOnDrop, body_chunks, checked, same_target};
use b2kit_core::{HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, async_trait};
use reqwest::{ClientBuilder, Url, redirect, retry};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::send_error;
use crate::response::into_response;
use crate::runtime::{InRuntime, Runtime};

/// How long an idle connection is kept. B2 closes it after about 4 s, and the protocol's limit is 3 s; the difference
/// allows for latency.
const IDLE_TIMEOUT: Duration = Duration::from_millis(2500);

/// A backend over a [`reqwest::Client`]. Clones are cheap and share connections.
///
/// The documentation of the [crate] says on which runtime it runs.
#[derive(Clone)]
pub struct ReqwestClient {
    client: reqwest::Client,
    runtime: Arc<Runtime>,
}

impl ReqwestClient {
    /// A client with the [`defaults`](Self::defaults).
    ///
    /// # Errors
    /// If the client can't be built, or the thread of a dedicated runtime can't be started.
    pub fn new() -> io::Result<Self> {
        Self::from_client(Self::defaults().build().map_err(io::Error::other)?)
    }

    /// Wraps a client of your own. The documentation of the [crate] says which settings it may have.
    ///
    /// # Errors
    /// If the thread of a dedicated runtime can't be started.
    pub fn from_client(client: reqwest::Client) -> io::Result<Self> {
        let runtime = Arc::new(Runtime::current_or_dedicated()?);
        Ok(Self { client, runtime })
    }

    /// A builder with the settings that the protocol requires, to which proxies and addresses can be added.
    ///
    /// TLS is already configured, so `add_root_certificate` and similar methods have no effect: use
    /// [`with_roots`](Self::with_roots) for root certificates, and
    /// [`tls_backend_preconfigured`](ClientBuilder::tls_backend_preconfigured) for other settings of TLS.
    pub fn defaults() -> ClientBuilder {
        Self::with_root_store(web_roots())
    }

    /// A builder with the [`defaults`](Self::defaults) that also trusts these root certificates: one or more in PEM, as
    /// in a `ca.pem`.
    ///
    /// ```
    /// # fn client(pem: &str) -> std::io::Result<b2kit_reqwest::ReqwestClient> {
    /// use b2kit_reqwest::ReqwestClient;
    ///
    /// let client = ReqwestClient::with_roots(pem)?.build().map_err(std::io::Error::other)?;
    /// ReqwestClient::from_client(client)
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the PEM contains no certificate, or an invalid one.
    pub fn with_roots(pem: impl AsRef<[u8]>) -> io::Result<ClientBuilder> {
        let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut roots = web_roots();
        let before = roots.len();
        for root in CertificateDer::pem_slice_iter(pem.as_ref()) {
            let root = root
                .map_err(|error| wrong(&format!("a root certificate is not valid PEM: {error}")))?;
            roots
                .add(root)
                .map_err(|error| wrong(&format!("a root certificate can't be used: {error}")))?;
        }
        if roots.len() == before {
            return Err(wrong("there is no root certificate in the PEM"));
        }
        Ok(Self::with_root_store(roots))
    }

    fn with_root_store(roots: RootCertStore) -> ClientBuilder {
        // *ring* explicitly: the process's default provider may be missing or any other.
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
            // The program may enable these features for other clients.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .connect_timeout(Duration::from_secs(10));
        #[cfg(target_os = "linux")]
        let builder = builder.tcp_user_timeout(Duration::from_secs(30));
        builder
    }
}

fn web_roots() -> RootCertStore {
    RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (head, body) = checked(request)?.into_parts();
        let url = Url::parse(&head.uri.to_string()).map_err(HttpError::invalid)?;
        same_target(&head.uri, url.path(), url.query())?;

        let mut request = reqwest::Request::new(head.method, url.clone());
        *request.headers_mut() = head.headers;
        let (chunks, upload) = body_chunks(body);
        if chunks.remaining() > 0 {
            *request.body_mut() = Some(reqwest::Body::wrap(chunks));
        }
        let upload = AbortOnDrop(upload);
        let executing = {
            // `execute` itself starts the timers of a custom client.
            let _inside = self.runtime.handle().enter();
            Box::pin(self.client.execute(request))
        };
        let response = InRuntime(self.runtime.handle(), executing)
            .await
            .map_err(|error| send_error(error, &upload.0))?;
        if *response.url() != url {
            let why = "the client followed a redirect, which a backend must not do: build it with \
                       redirect::Policy::none()";
            return Err(
                HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why),
            );
        }
        into_response(response, upload, Arc::clone(&self.runtime))
    }
}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pem_without_a_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, why) in [
            ("", "no root certificate"),
            ("hello", "no root certificate"),
            (broken, "can't be used"),
        ] {
            let error = ReqwestClient::with_roots(pem).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
