//! [`ServerBuilder`]: where and how to serve.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Server;
use crate::emulator::Emulator;

/// Where and how an emulator is served. Made by [`Server::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ServerBuilder {
    pub(super) address: SocketAddr,
    pub(super) tls: bool,
}

impl ServerBuilder {
    pub(super) const fn new() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: false,
        }
    }

    /// The port. Defaults to 0: one that the system chooses.
    pub const fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The address to listen on. Defaults to `127.0.0.1`.
    pub const fn bind(mut self, address: IpAddr) -> Self {
        self.address.set_ip(address);
        self
    }

    /// HTTPS instead of HTTP, with a certificate that is made now: see [`Server::root_certificate_pem`].
    #[cfg(feature = "tls")]
    pub const fn tls(mut self) -> Self {
        self.tls = true;
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
