//! The default backend of `b2kit`: [hyper] 1 with [rustls], on any async executor.
//!
//! ```no_run
//! # fn main() -> Result<(), b2kit_hyper::BuildError> {
//! let backend = b2kit_hyper::HyperClient::new()?;
//! # Ok(()) }
//! ```
//!
//! [`HyperClient`] implements the protocol of [`b2kit_core`], whose documentation says what every backend guarantees.
//! This page covers what is specific to this one.
//!
//! # Which runtime it runs on
//! hyper needs tokio for its sockets and timers, so connections are tasks on a tokio runtime. The futures and streams
//! that the caller polls don't use tokio and work on any executor. There are two choices of runtime:
//!
//! - **the current one**, in which the client is built. Nothing else is started. When that runtime is shut down,
//!   requests in flight fail, and every further request fails with
//!   [`HttpErrorKind::Other`](b2kit_core::HttpErrorKind::Other) and nothing sent. A current-thread runtime drives the
//!   client's connections only while a thread is in its `block_on`; a paused tokio clock makes the connect timeout
//!   expire at once.
//! - **a dedicated one**: one thread named `b2kit-hyper`, which ends with the last clone of the client and the last
//!   body received through it. Use it with smol, async-std or `block_on`, and for a client that outlives runtimes, such
//!   as one in a `static` that several `#[tokio::test]`s share.
//!
//! [`HyperClient::new`] uses the current runtime if there is one and a dedicated one otherwise;
//! [`Builder::current_runtime`] and [`Builder::dedicated_runtime`] choose explicitly.
//!
//! # What it does on the wire
//! - HTTP/1.1 only, over http and https, with one request at a time per connection, so that parts sent concurrently
//!   have a TCP stream each. `TCP_NODELAY` is on; IPv6 and IPv4 are raced as in RFC 6555.
//! - `Host` is added, and `Content-Length` if it is missing from a request that has or could have a body.
//! - Idle connections are kept for 2.5 s. A connection is free for the next request as soon as the caller has the last
//!   byte of its response, so sequential requests use one connection, and no more are open than there were concurrent
//!   requests. If an idle connection turns out to be closed before any byte of the request was written, the request is
//!   sent on another one; its body was not opened yet. Nothing else is retried.
//! - Mozilla's root certificates (compiled in with `webpki-roots`) are trusted by default; TLS 1.2 or 1.3 with *ring*.
//!   The process-wide default provider of rustls is neither used nor set.
//! - No proxy is used and no environment variable is read.
//! - The head of a response may have about 400 KiB, and up to 256 headers if the request was a `GET` or `HEAD`, whose
//!   response may describe a file; otherwise up to 100. Each response with the larger limit costs two allocations of 8
//!   KiB, so a connection gets it only if its host has been sent such a request.
//!
//! # Customizing the client
//! [`Builder::connector`] takes any connector for clients of hyper-util, and [`Builder::configure`] changes hyper's
//! own settings. A finished client can't be passed in: it would need this crate's type of request bodies, so no other
//! part of the program could use it, and the backend could not close its connections.
//!
//! # Cancellation
//! Dropping the future of `send` closes the connection, even while it is being made and even if the server has stopped
//! reading. If a response arrives before the request's body has been sent, the rest is sent while the caller reads the
//! response; dropping the response's body stops that and closes the connection.
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
mod http1_settings;
mod pool;
mod request_body;
mod response;
mod runtime;
mod tls;

pub use build_error::BuildError;
pub use builder::Builder;
pub use client::HyperClient;
