//! [`Settings`]: the settings of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

#[cfg(feature = "tls")]
use super::tls::TlsAuthority;

/// Where and how an emulator is served.
#[derive(Clone)]
pub(super) struct Settings {
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

/// Limits of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) head: Duration,
    pub(super) stall: Duration,
}

impl Settings {
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
}
