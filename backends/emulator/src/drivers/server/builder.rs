//! [`ServerBuilder`]: where and how to serve.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Server;
#[cfg(feature = "tls")]
use super::TlsAuthority;
use crate::drivers::in_process::Emulator;

/// Where and how an emulator is served. Made by [`Server::builder`].
#[derive(Clone)]
#[must_use]
pub struct ServerBuilder {
    pub(super) address: SocketAddr,
    pub(super) tls: bool,
    #[cfg(feature = "tls")]
    pub(super) authority: Option<TlsAuthority>,
    pub(super) separate_origins: bool,
    pub(super) url: Option<String>,
    pub(super) hosts: Option<Vec<String>>,
    pub(super) control: Option<String>,
    pub(super) webhooks: bool,
    pub(super) limits: Limits,
}

/// What nobody may exceed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) head: Duration,
    pub(super) stall: Duration,
}

impl ServerBuilder {
    pub(super) const fn new() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: false,
            #[cfg(feature = "tls")]
            authority: None,
            separate_origins: false,
            url: None,
            hosts: None,
            control: None,
            webhooks: false,
            limits: Limits {
                connections: 512,
                head: Duration::from_secs(30),
                stall: Duration::from_secs(30),
            },
        }
    }

    /// The port. Defaults to 0: one that the system chooses.
    pub const fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The address to listen on. Defaults to `127.0.0.1`. At any other than loopback, everybody on the network can try the
    /// keys; the default key is known to all, and [seeded](crate::Builder::seed) tokens can be guessed.
    pub const fn bind(mut self, address: IpAddr) -> Self {
        self.address.set_ip(address);
        self
    }

    /// HTTPS instead of HTTP, with a certificate that is made now, for loopback, the address, the [`url`](Self::url)'s host
    /// and [`only_hosts`](Self::only_hosts): see [`Server::root_certificate_pem`].
    #[cfg(feature = "tls")]
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// HTTPS as with [`tls`](Self::tls), but by a certificate authority that is kept: who trusts it once need not do so again.
    #[cfg(feature = "tls")]
    pub fn tls_authority(mut self, authority: TlsAuthority) -> Self {
        self.tls = true;
        self.authority = Some(authority);
        self
    }

    /// Ports of their own for uploads and downloads, as B2 has hosts of their own for them: a client that mixes them up gets
    /// 421 `misdirected_request`. They are the two after the [`port`](Self::port), or what the system chooses. The
    /// [`url`](Self::url) is the API's; those of the others have its host. Defaults to one port for everything.
    pub const fn separate_origins(mut self, separate: bool) -> Self {
        self.separate_origins = separate;
        self
    }

    /// The URL that answers send clients on to, without a slash at the end. Defaults to scheme, address and port; where
    /// the address is "all there are" (`0.0.0.0`), to the host that the request names.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
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
        self.hosts = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Serves the control endpoint below `/b2kit-emulator/v1`, for who sends `Authorization: Bearer` and this token: faults,
    /// the clock, webhooks, reset. What it understands stands in `CONTROL.md`. Defaults to none.
    pub fn control(mut self, token: impl Into<String>) -> Self {
        self.control = Some(token.into());
        self
    }

    /// Sends webhooks, signed, to receivers at `http://` and a loopback address; never to others. They are not left for
    /// [`Emulator::drain_webhooks`] then. Defaults to no.
    pub const fn webhooks(mut self, sent: bool) -> Self {
        self.webhooks = sent;
        self
    }

    /// How many connections there may be; more are answered with 503. Defaults to 512.
    pub const fn connections(mut self, most: usize) -> Self {
        let largest = tokio::sync::Semaphore::MAX_PERMITS;
        self.limits.connections = if most < largest { most } else { largest };
        self
    }

    /// How long the head of a request may take from the moment it is waited for, which is also how long a connection may
    /// idle. Defaults to 30 s.
    pub const fn head_timeout(mut self, timeout: Duration) -> Self {
        self.limits.head = timeout;
        self
    }

    /// How long the body of a request, or the taking of an answer, may stand still. Defaults to 30 s.
    pub const fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.limits.stall = timeout;
        self
    }

    /// Starts to serve.
    ///
    /// # Errors
    /// If the port is taken, or no thread can be made.
    pub fn start(self, emulator: &Emulator) -> io::Result<Server> {
        Server::start_with(self, emulator)
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .field("url", &self.url)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
