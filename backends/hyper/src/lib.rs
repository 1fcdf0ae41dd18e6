//! The default backend of `b2kit`: [hyper] 1 with [rustls], on any async executor.
//!
//! ```no_run
//! # fn main() -> Result<(), b2kit_hyper::BuildError> {
//! let backend = b2kit_hyper::HyperClient::new()?;
//! # Ok(()) }
//! ```
//!
//! [`HyperClient`] follows the protocol of [`b2kit_core`], which is where to read what a backend promises. This page
//! says what is particular to this one.
//!
//! # Which runtime it runs on
//! hyper needs tokio for its sockets and timers, so connections live as tasks on a tokio runtime; the futures and
//! streams that a caller polls touch tokio nowhere and work on any executor. Two runtimes are to choose from:
//!
//! - **the ambient one**, in whose context the client was built. Nothing else is started. When that runtime is shut
//!   down, the client is of no use any more: what is in flight fails, and each further request fails with
//!   [`HttpErrorKind::Other`](b2kit_core::HttpErrorKind::Other) and nothing sent. A current-thread runtime moves the
//!   client's connections only while somebody is inside its `block_on`; a paused tokio clock lets the connect timeout
//!   run out at once.
//! - **its own**, one thread named `b2kit-hyper` that ends with the last clone of the client and the last body into_response
//!   through it. Choose it for smol, async-std, `block_on`, and for a client that outlives runtimes, such as one in a
//!   `static` that many `#[tokio::test]`s share.
//!
//! [`HyperClient::new`] takes the ambient runtime where there is one and its own where there is none;
//! [`Builder::current_runtime`] and [`Builder::dedicated_runtime`] decide it.
//!
//! # What it does on the wire
//! - HTTP/1.1 only, over http and https. One request at a time on each connection, so that parts sent side by side have
//!   a TCP stream each; `TCP_NODELAY` is on; IPv6 and IPv4 are raced as in RFC 6555.
//! - Adds `Host`, and `Content-Length` where the caller left it out of a request that has or could have a body.
//! - Keeps idle connections for 2.5 s. A connection is free for the next request as soon as the caller has its response's
//!   last byte, so calls one after the other take one connection, and no more are open than there were requests at once.
//!   A request that finds its idle connection closed before a single byte of it was written goes to another connection;
//!   its body was not opened yet. Nothing else is retried.
//! - Trusts the roots of Mozilla's programme (as compiled into `webpki-roots`) unless told otherwise; TLS 1.2 or 1.3
//!   with *ring*. The process-wide default provider of rustls is neither used nor set.
//! - No proxy, and no environment variable is read.
//! - A response's head may have 256 headers and about 400 KiB.
//!
//! # A client of your own
//! [`Builder::connector`] takes any connector that a client of hyper-util can have, and [`Builder::configure`] hyper's own
//! settings. A finished client is not taken: its requests would need this crate's type of body, so that no other
//! part of a program could use it, and a connection that was not made through here could not be closed at once.
//!
//! # Cancellation
//! Dropping the future of `send` closes the connection, also in the middle of connecting and also when the server has
//! stopped reading. A response may come before the request's body is sent whole: then the rest goes on being sent while
//! the caller reads, and dropping the response's body ends it and closes the connection.
//!
//! [hyper]: https://docs.rs/hyper
//! [rustls]: https://docs.rs/rustls

#![cfg_attr(docsrs, feature(doc_cfg))]

mod build_error;
mod builder;
mod client;
mod connection;
mod connector;
mod error;
mod exchange;
mod pool;
mod response;
mod runtime;
mod tls;

pub use build_error::BuildError;
pub use builder::Builder;
pub use client::HyperClient;
