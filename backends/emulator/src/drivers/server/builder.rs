//! [`ServerBuilder`]: where and how to serve.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::serve::Server;
use super::settings::Settings;
#[cfg(feature = "tls")]
use super::tls::TlsAuthority;
use crate::drivers::in_process::Emulator;

/// Where and how an emulator is served. Made by [`Server::builder`].
#[derive(Clone)]
#[must_use]
pub struct ServerBuilder {
    settings: Settings,
}

impl Server {
    /// Starts to serve on a port that the system chooses.
    ///
    /// # Errors
    /// If there is no port, or no thread can be made.
    pub fn start(emulator: &Emulator) -> io::Result<Self> {
        Self::start_on(emulator, 0)
    }

    /// Starts to serve on this port of `127.0.0.1`.
    ///
    /// # Errors
    /// If the port is taken, or no thread can be made.
    pub fn start_on(emulator: &Emulator, port: u16) -> io::Result<Self> {
        Self::builder().port(port).start(emulator)
    }

    /// Starts to serve HTTPS on a port that the system chooses, with a certificate that is made now.
    ///
    /// # Errors
    /// If there is no port, or no thread can be made.
    #[cfg(feature = "tls")]
    pub fn start_tls(emulator: &Emulator) -> io::Result<Self> {
        Self::builder().tls().start(emulator)
    }

    /// Where and how to serve, if not as [`start`](Self::start) does.
    pub const fn builder() -> ServerBuilder {
        ServerBuilder {
            settings: Settings::new(),
        }
    }
}

impl ServerBuilder {
    /// The port. Defaults to 0: one that the system chooses.
    pub const fn port(mut self, port: u16) -> Self {
        self.settings.address.set_port(port);
        self
    }

    /// The address to listen on. Defaults to `127.0.0.1`. At any other than loopback, everybody on the network can try the
    /// keys; the default key is known to all, and [seeded](crate::Builder::seed) tokens can be guessed.
    pub const fn bind(mut self, address: IpAddr) -> Self {
        self.settings.address.set_ip(address);
        self
    }

    /// HTTPS instead of HTTP, with a certificate that is made now, for loopback, the address, the [`url`](Self::url)'s host
    /// and [`only_hosts`](Self::only_hosts): see [`Server::root_certificate_pem`].
    #[cfg(feature = "tls")]
    pub const fn tls(mut self) -> Self {
        self.settings.tls = true;
        self
    }

    /// HTTPS as with [`tls`](Self::tls), but by a certificate authority that is kept: who trusts it once need not do so again.
    #[cfg(feature = "tls")]
    pub fn tls_authority(mut self, authority: TlsAuthority) -> Self {
        self.settings.tls = true;
        self.settings.authority = Some(authority);
        self
    }

    /// Ports of their own for uploads and downloads, as B2 has hosts of their own for them: a client that mixes them up gets
    /// 421 `misdirected_request`. They are the two after the [`port`](Self::port), or what the system chooses. The
    /// [`url`](Self::url) is the API's; those of the others have its host. Defaults to one port for everything.
    pub const fn separate_origins(mut self, separate: bool) -> Self {
        self.settings.separate_origins = separate;
        self
    }

    /// The URL that answers send clients on to, without a slash at the end. Defaults to scheme, address and port; where
    /// the address is "all there are" (`0.0.0.0`), to the host that the request names.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.settings.url = Some(url.into());
        self
    }

    /// Refuses requests that name another host than `localhost`, an IP address, the [`url`](Self::url)'s, or one of these,
    /// with 421: a page in a browser on this computer can make its own name lead here ("DNS rebinding"), but can't hide
    /// that name. Defaults to any host. The control endpoint is always this strict.
    pub fn only_hosts<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.settings.hosts = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Serves the control endpoint below `/b2kit-emulator/v1`, for who sends `Authorization: Bearer` and this token: faults,
    /// the clock, webhooks, reset. What it understands stands in `CONTROL.md`. Defaults to none.
    pub fn control(mut self, token: impl Into<String>) -> Self {
        self.settings.control = Some(token.into());
        self
    }

    /// Sends webhooks, signed, to receivers at `http://` and a loopback address; never to others. They are not left for
    /// [`Emulator::drain_webhooks`] then. Defaults to no.
    pub const fn webhooks(mut self, sent: bool) -> Self {
        self.settings.webhooks = sent;
        self
    }

    /// How many connections there may be; more are answered with 503. Defaults to 512.
    pub const fn connections(mut self, most: usize) -> Self {
        let largest = tokio::sync::Semaphore::MAX_PERMITS;
        self.settings.limits.connections = if most < largest { most } else { largest };
        self
    }

    /// How long the head of a request may take from the moment it is waited for, which is also how long a connection may
    /// idle. Defaults to 30 s.
    pub const fn head_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.head = timeout;
        self
    }

    /// How long the body of a request, or the taking of an answer, may stand still. Defaults to 30 s.
    pub const fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.stall = timeout;
        self
    }

    /// Starts to serve.
    ///
    /// # Errors
    /// If the port is taken, or no thread can be made.
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
