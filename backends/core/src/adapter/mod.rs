//! Building blocks for adapters to HTTP libraries; programs that only use a backend don't need them.
//!
//! - [`checked`]: checks a request and sets its `Content-Length`; [`same_target`] and [`same_to_curl`] are for
//!   libraries that rewrite URIs;
//! - [`body_chunks`]: a body as a stream for the library, and the handles that stop it, [`Upload`] and [`AbortOnDrop`];
//! - [`ClientPool`]: one client of the library for each exchange in flight, for libraries that stop a transfer only
//!   when their client is dropped;
//! - [`receiving`], and [`BodyChunks`] as `AsyncRead`, for libraries with that interface (feature `futures-io`);
//! - [`check_framing`]: refuses a response whose length is ambiguous;
//! - [`exchange_kind`], and [`BodyChunks`] as an `http_body::Body`, for libraries built on hyper (feature `hyper`);
//! - [`handshake_kind`], for libraries with rustls (feature `rustls`);
//! - [`find`]: an error of a given type in a chain of sources; [`is_exhaustion`]: whether a chain says that this
//!   machine has no descriptors, buffers or ports left.

mod body_chunks;
mod client_pool;
mod find;
mod framing;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "futures-io")]
mod io;
mod request;
#[cfg(feature = "rustls")]
mod tls;

pub use body_chunks::{AbortOnDrop, Aborted, BodyChunks, Upload, body_chunks};
pub use client_pool::{ClientPool, PooledClient};
pub use find::{find, is_exhaustion};
pub use framing::check_framing;
#[cfg(feature = "hyper")]
pub use hyper::exchange_kind;
#[cfg(feature = "futures-io")]
pub use io::{Exchange, receiving};
pub use request::{checked, same_target, same_to_curl};
#[cfg(feature = "rustls")]
pub use tls::handshake_kind;
