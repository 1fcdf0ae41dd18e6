//! [`Builder`]: the settings of a client.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect;
use tower_service::Service;

use crate::build_error::BuildError;
use crate::client::{HyperClient, Inner};
use crate::connector::{Connect, Connector};
use crate::http1_settings::Http1Settings;
use crate::pool::{Pool, PoolLimits};
use crate::runtime::Runtime;
use crate::tls::RootCertificates;

/// How long an idle connection is kept. B2 closes it after about 4 s, and the protocol's limit is 3 s; the difference
/// allows for latency.
const IDLE_TIMEOUT: Duration = Duration::from_millis(2500);

/// The settings of a [`HyperClient`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    runtime: RuntimeChoice,
    roots: RootCertificates,
    connect_timeout: Duration,
    connector: Option<Connect>,
    limits: PoolLimits,
    http1: Http1Settings,
}

#[derive(Debug, Clone, Copy)]
enum RuntimeChoice {
    CurrentOrDedicated,
    Current,
    Dedicated,
}

impl HyperClient {
    /// A client with the default settings: on the tokio runtime in which this is called, or on a dedicated one if there
    /// is none.
    ///
    /// # Errors
    /// If the thread of the dedicated runtime can't be started.
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// A builder with the default settings.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    fn new() -> Self {
        Self {
            runtime: RuntimeChoice::CurrentOrDedicated,
            roots: RootCertificates::default(),
            connect_timeout: Duration::from_secs(10),
            connector: None,
            limits: PoolLimits {
                idle_timeout: IDLE_TIMEOUT,
                max_idle_per_host: usize::MAX,
            },
            http1: Http1Settings::new(),
        }
    }

    /// Runs connections on a dedicated runtime of one thread, which works with every executor.
    pub fn dedicated_runtime(mut self) -> Self {
        self.runtime = RuntimeChoice::Dedicated;
        self
    }

    /// Runs connections on the tokio runtime in which [`build`](Self::build) is called; without one, `build` fails. The
    /// runtime needs its I/O and time drivers (`enable_all`).
    pub fn current_runtime(mut self) -> Self {
        self.runtime = RuntimeChoice::Current;
        self
    }

    /// Trusts these root certificates too: one or more in PEM, as in a `ca.pem`. May be called several times.
    pub fn root_certificates_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.add_pem(pem.as_ref());
        self
    }

    /// Trusts only the root certificates added with [`root_certificates_pem`](Self::root_certificates_pem).
    pub fn without_default_roots(mut self) -> Self {
        self.roots.drop_defaults();
        self
    }

    /// Sets the connect timeout, for name resolution, TCP and TLS together. The default is 10 s.
    ///
    /// If a name has several addresses, the time for TCP is divided among them.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Connects with this connector instead of plain TCP and rustls, for example through a proxy's tunnel, over a unix
    /// socket, or with another TLS library. Any connector for clients of hyper-util works.
    ///
    /// The connector is then responsible for TLS: root certificates set here are ignored, and it must not offer HTTP/2.
    /// The connect timeout still applies.
    pub fn connector<C>(mut self, connector: C) -> Self
    where
        C: Service<Uri, Error: Into<Box<dyn StdError + Send + Sync>>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        C::Response: Read + Write + connect::Connection + Send + Unpin + 'static,
    {
        self.connector = Some(Connect::through(connector));
        self
    }

    /// Sets how long an idle connection is kept. Defaults to 2.5 s, which is less than B2's servers keep it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// Sets how many idle connections are kept to each host. Defaults to no limit: there are never more than there were
    /// concurrent requests.
    pub fn max_idle_per_host(mut self, max: usize) -> Self {
        self.limits.max_idle_per_host = max;
        self
    }

    /// Changes how hyper reads and writes HTTP/1.1: buffers, headers.
    ///
    /// The settings then apply to all connections. They start from a limit of 256 headers.
    pub fn configure(mut self, change: impl FnOnce(&mut http1::Builder)) -> Self {
        change(self.http1.customize());
        self
    }

    /// Builds the client. No connection is made yet.
    ///
    /// # Errors
    /// If a root certificate is invalid, if there is no root certificate, if there is no current runtime but
    /// [`current_runtime`](Self::current_runtime) was chosen, or if the thread of a dedicated runtime can't be started.
    pub fn build(self) -> Result<HyperClient, BuildError> {
        let connect = match self.connector {
            Some(connect) => connect,
            None => Connect::directly(self.roots.into_config()?, self.connect_timeout),
        };
        let runtime = Arc::new(match self.runtime {
            RuntimeChoice::Dedicated => Runtime::dedicated()?,
            RuntimeChoice::Current => Runtime::current().ok_or_else(|| {
                BuildError::new("there is no tokio runtime where the client is built")
            })?,
            RuntimeChoice::CurrentOrDedicated => match Runtime::current() {
                Some(current) => current,
                None => Runtime::dedicated()?,
            },
        });
        let connector = Connector::new(connect, self.connect_timeout, runtime.handle().clone());
        let pool = Pool::new(self.limits, runtime.handle().clone());
        Ok(HyperClient::from_parts(Inner {
            connector,
            http1: self.http1,
            pool,
            runtime,
        }))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("runtime", &self.runtime)
            .field("roots", &self.roots)
            .field("connect_timeout", &self.connect_timeout)
            .field("connector", &self.connector.is_some())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_runtime_without_a_runtime_is_refused() {
        let error = HyperClient::builder()
            .current_runtime()
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("no tokio runtime"), "{error}");
    }

    #[test]
    fn a_client_without_root_certificates_is_refused() {
        let error = HyperClient::builder()
            .without_default_roots()
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("no root certificate"), "{error}");
    }

    #[test]
    fn a_pem_without_a_valid_certificate_is_refused() {
        let truncated = "-----BEGIN CERTIFICATE-----\nMIIB";
        let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "no PEM at all", truncated, not_a_certificate] {
            let error = HyperClient::builder()
                .root_certificates_pem(pem)
                .build()
                .unwrap_err();
            assert!(
                error.to_string().contains("root certificate"),
                "{pem:?}: {error}"
            );
        }
    }
}
