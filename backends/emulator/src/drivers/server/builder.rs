//! [`ServerBuilder`]: where and how to serve an emulator.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::serve::Server;
use super::settings::Settings;
#[cfg(feature = "tls")]
use super::tls::TlsAuthority;
use crate::drivers::in_process::Emulator;

/// Settings of a [`Server`]. Created by [`Server::builder`].
#[derive(Clone)]
#[must_use]
pub struct ServerBuilder {
    settings: Settings,
}

impl Server {
    /// Serves an emulator on a free port of `127.0.0.1`.
    ///
    /// # Errors
    /// If no port is free, or the server's threads can't be started.
    pub fn start(emulator: &Emulator) -> io::Result<Self> {
        Self::start_on(emulator, 0)
    }

    /// Serves an emulator on this port of `127.0.0.1`.
    ///
    /// # Errors
    /// If the port is in use, or the server's threads can't be started.
    pub fn start_on(emulator: &Emulator, port: u16) -> io::Result<Self> {
        Self::builder().port(port).start(emulator)
    }

    /// Serves HTTPS on a free port of `127.0.0.1`, with a new certificate.
    ///
    /// # Errors
    /// If no port is free, or the server's threads can't be started.
    #[cfg(feature = "tls")]
    pub fn start_tls(emulator: &Emulator) -> io::Result<Self> {
        Self::builder().tls().start(emulator)
    }

    /// Settings other than the defaults of [`start`](Self::start).
    pub const fn builder() -> ServerBuilder {
        ServerBuilder {
            settings: Settings::new(),
        }
    }
}

impl ServerBuilder {
    /// The port. Defaults to 0: a free one.
    pub const fn port(mut self, port: u16) -> Self {
        self.settings.address.set_port(port);
        self
    }

    /// The address to listen on. Defaults to `127.0.0.1`. With any address but loopback, anyone on
    /// the network can try keys; the default key is public, and without a
    /// [secret](crate::Builder::token_secret) tokens can be computed from ids.
    pub const fn bind(mut self, address: IpAddr) -> Self {
        self.settings.address.set_ip(address);
        self
    }

    /// Serves HTTPS with a new certificate for loopback, the address, the host of
    /// [`url`](Self::url) and [`only_hosts`](Self::only_hosts). Clients have to trust
    /// [`Server::root_certificate_pem`].
    #[cfg(feature = "tls")]
    pub const fn tls(mut self) -> Self {
        self.settings.tls = true;
        self
    }

    /// Serves HTTPS with a persistent authority, which clients trust once.
    #[cfg(feature = "tls")]
    pub fn tls_authority(mut self, authority: TlsAuthority) -> Self {
        self.settings.tls = true;
        self.settings.authority = Some(authority);
        self
    }

    /// Serves uploads and downloads on ports of their own, as B2 has separate hosts for them; a
    /// request sent to the wrong one gets 421 `misdirected_request`, but downloads by id are also
    /// accepted by the API's. They are the two ports after [`port`](Self::port), or free ones.
    /// [`url`](Self::url) is that of the API; the others have the same host. Defaults to one port
    /// for everything.
    pub const fn separate_origins(mut self, separate: bool) -> Self {
        self.settings.separate_origins = separate;
        self
    }

    /// The URL that responses point to, without a slash at the end. Defaults to scheme, address and
    /// port; with an unspecified address (`0.0.0.0`), to the host of each request.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.settings.url = Some(url.into());
        self
    }

    /// Answers 421 unless the request's host is `localhost`, an IP address, that of
    /// [`url`](Self::url), or one of these. Protects against DNS rebinding: a page in a browser can
    /// make its own name resolve to this computer, but can't hide that name. Defaults to any host.
    /// The control endpoint always checks the host.
    pub fn only_hosts<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.settings.hosts = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Serves the control endpoint below `/b2kit-emulator/v1`, for requests with this token as
    /// `Authorization: Bearer`. `CONTROL.md` documents it. Defaults to none.
    pub fn control(mut self, token: impl Into<String>) -> Self {
        self.settings.control = Some(token.into());
        self
    }

    /// Sends signed webhooks to receivers at `http://` and a loopback address, never to others.
    /// [`Emulator::drain_webhooks`] then returns none. Defaults to false.
    pub const fn webhooks(mut self, sent: bool) -> Self {
        self.settings.webhooks = sent;
        self
    }

    /// Maximum number of connections; more get 503. Defaults to 512.
    pub const fn connections(mut self, most: usize) -> Self {
        let largest = tokio::sync::Semaphore::MAX_PERMITS;
        self.settings.limits.connections = if most < largest { most } else { largest };
        self
    }

    /// Timeout for the head of a request, which also limits how long a connection may be idle.
    /// Defaults to 30 s.
    pub const fn head_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.head = timeout;
        self
    }

    /// How long the body of a request or response may stall, and a response to a client that has
    /// closed its side of the connection. Defaults to 30 s.
    pub const fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.stall = timeout;
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    /// If the port is in use, or the server's threads can't be started.
    pub fn start(self, emulator: &Emulator) -> io::Result<Server> {
        Server::start_with(self.settings, emulator)
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("address", &self.settings.address)
            .field("tls", &self.settings.tls)
            .field("url", &self.settings.url)
            .field("limits", &self.settings.limits)
            .finish_non_exhaustive()
    }
}
