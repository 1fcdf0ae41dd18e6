//! [`Server`]: an emulator over HTTP and HTTPS.

mod answer;
mod body;
mod builder;
mod connection;
mod framing;
mod half_close;
mod hash_pool;
mod host_names;
mod idle;
mod linger;
mod ports;
mod serve;
mod settings;
mod socket;
mod strict;
#[cfg(feature = "tls")]
mod tls;

pub use builder::ServerBuilder;
pub use serve::Server;
#[cfg(feature = "tls")]
pub use tls::TlsAuthority;
