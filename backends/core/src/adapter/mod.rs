//! What adapters to HTTP libraries share. Of no interest to whoever only uses one.
//!
//! - [`checked`]: a request that can be sent as it is, with its `Content-Length`; [`same_target`] and
//!   [`same_to_curl`] for libraries that rewrite URIs;
//! - [`body_chunks`]: a body's bytes as a library pulls them, and the hand that stops them, [`Upload`] and [`AbortOnDrop`];
//! - [`ClientPool`]: one client of the library for each exchange under way, for libraries whose transfers can't be stopped
//!   in any other way than by the end of their client;
//! - [`receiving`], and [`BodyChunks`] as `AsyncRead`, for libraries that speak that (feature `futures-io`);
//! - [`check_framing`]: whether a response says beyond doubt where it ends;
//! - [`exchange_kind`], and [`BodyChunks`] as an `http_body::Body`, for libraries that stand on hyper (feature `hyper`);
//! - [`find`]: an error of a type among all that lies beneath another; [`is_exhaustion`]: whether any of that says that this
//!   machine is full.

mod body_chunks;
mod client_pool;
mod find;
mod framing;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "futures-io")]
mod io;
mod request;

pub use body_chunks::{AbortOnDrop, Aborted, BodyChunks, Upload, body_chunks};
pub use client_pool::{ClientPool, PooledClient};
pub use find::{find, is_exhaustion};
pub use framing::check_framing;
#[cfg(feature = "hyper")]
pub use hyper::exchange_kind;
#[cfg(feature = "futures-io")]
pub use io::{Exchange, receiving};
pub use request::{checked, same_target, same_to_curl};
