//! [`Builder`]: what can be chosen about a client.

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
use crate::pool::{Pool, PoolLimits};
use crate::runtime::Runtime;
use crate::tls::RootCertificates;

/// B2 closes an idle connection after about 4 s. The protocol's bound is 3 s; the rest is for the way there.
const IDLE_TIMEOUT: Duration = Duration::from_millis(2500);

/// hyper's own bound is 100.
const MAX_RESPONSE_HEADERS: usize = 256;

/// How a [`HyperClient`] is to be.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    runtime: RuntimeChoice,
    roots: RootCertificates,
    connect_timeout: Duration,
    connector: Option<Connect>,
    limits: PoolLimits,
    http1: http1::Builder,
}

#[derive(Debug, Clone, Copy)]
enum RuntimeChoice {
    CurrentOrDedicated,
    Current,
    Dedicated,
}

impl HyperClient {
    /// A client with the default settings: on the tokio runtime that this is called in, or on a dedicated one where
    /// there is none.
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
            http1: {
                let mut http1 = http1::Builder::new();
                http1.max_headers(MAX_RESPONSE_HEADERS);
                http1
            },
        }
    }

    /// Run on a runtime of the client's own: one thread, which works with every executor.
    pub fn dedicated_runtime(mut self) -> Self {
        self.runtime = RuntimeChoice::Dedicated;
        self
    }

    /// Run on the tokio runtime that [`build`](Self::build) is called in, and nowhere else. It needs its I/O and time
    /// drivers (`enable_all`).
    pub fn current_runtime(mut self) -> Self {
        self.runtime = RuntimeChoice::Current;
        self
    }

    /// Trust these root certificates too: one or more in PEM, as in a `ca.pem`. May be called several times.
    pub fn root_certificates_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.add_pem(pem.as_ref());
        self
    }

    /// Trust none but the [root certificates](Self::root_certificates_pem) given here.
    pub fn without_default_roots(mut self) -> Self {
        self.roots.drop_defaults();
        self
    }

    /// How long it may take until there is a connection: name resolution, TCP and TLS together. Defaults to 10 s.
    ///
    /// Where a name has several addresses, TCP has this time divided among them.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Connect through this, instead of TCP and TLS of the client's own: a proxy's tunnel, a unix socket, another TLS
    /// library. Any connector that a client of hyper-util can have will do.
    ///
    /// TLS is the connector's affair then: the root certificates given here are not for it. It must offer the server no
    /// HTTP/2. The time to connect is still bounded.
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

    /// How long a connection without a request is kept. Defaults to 2.5 s, which is less than the servers of B2 keep it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// How many connections without a request are kept to each host. Defaults to no limit: there are never more than there
    /// were requests at once.
    pub fn max_idle_per_host(mut self, max: usize) -> Self {
        self.limits.max_idle_per_host = max;
        self
    }

    /// Changes how hyper reads and writes HTTP/1.1: buffers, headers.
    pub fn configure(mut self, change: impl FnOnce(&mut http1::Builder)) -> Self {
        change(&mut self.http1);
        self
    }

    /// Makes the client. No connection is made yet.
    ///
    /// # Errors
    /// If a root certificate can't be read, if there is no root certificate at all, if there is no ambient runtime
    /// where one is asked for, or if the thread for the client's own can't be started.
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
    fn without_a_runtime_around_the_ambient_one_is_refused() {
        let error = HyperClient::builder()
            .current_runtime()
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("no tokio runtime"), "{error}");
    }

    #[test]
    fn a_client_that_trusts_nobody_is_refused() {
        let error = HyperClient::builder()
            .without_default_roots()
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("no root certificate"), "{error}");
    }

    #[test]
    fn a_pem_that_holds_no_certificate_is_refused() {
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
