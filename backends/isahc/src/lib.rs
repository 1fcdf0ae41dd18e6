//! A backend of `b2kit` over [isahc] 2, which is libcurl, on any async executor.
//!
//! ```no_run
//! # fn main() -> Result<(), isahc::Error> {
//! use b2kit_isahc::IsahcClient;
//! use isahc::config::Configurable as _;
//!
//! let plain = IsahcClient::new();
//! let proxy: isahc::http::Uri = "http://proxy.example:3128".parse().expect("a URI");
//! let mine = IsahcClient::with_factory(move || IsahcClient::defaults().proxy(proxy.clone()).build());
//! let shared = IsahcClient::from_client(IsahcClient::defaults().build()?);
//! # Ok(()) }
//! ```
//!
//! [`IsahcClient`] implements the protocol of [`b2kit_core`], whose documentation says what every backend guarantees.
//! This page covers what is specific to this one.
//!
//! # Which runtime it runs on
//! None: isahc has its own threads. Futures and streams can be polled on any executor, including a plain `block_on`.
//!
//! # A client for each exchange
//! An isahc client is one thread that runs all of its transfers, including TLS and the reading of request bodies, and a
//! transfer whose future was dropped continues until libcurl has an event for it, which may be never. So this backend
//! uses one client for each concurrent exchange, up to 32, each with its thread and connection, and a dropped exchange
//! ends together with its client. Beyond 32, exchanges share clients, except that a request without a body, unless it
//! is a GET or HEAD, always has a new client. [`IsahcClient::with_factory`] takes a closure that makes the clients.
//!
//! [`IsahcClient::from_client`] takes one client for all exchanges. Then sources of bodies must not block, and a
//! dropped exchange keeps its connection until the server sends something or closes it; nothing more of its body is
//! sent. Build such a client from [`IsahcClient::defaults`], or set its `connect_timeout` (300 s by default) and a
//! `connection_cache_ttl` of 2 s: B2 closes idle connections after about 4 s.
//!
//! # What it does on the wire
//! - With any client: HTTP/1.1, no redirects, no decompression, no `Expect: 100-continue`, and only a connect timeout;
//!   other deadlines are enforced by `CheckedClient`.
//! - [`IsahcClient::defaults`] ignores proxies in the environment, has a connect timeout of 10 s, and doesn't reuse a
//!   connection that was idle for more than 2 s. Idle clients and their threads are kept until a later exchange begins
//!   or the backend is dropped.
//! - TLS is rustls with *aws-lc*, compiled into libcurl; it trusts the system's root certificates by default.
//!
//! # Limitations
//! - libcurl resolves `a/../b`. A URI that would be changed is refused as
//!   [`Invalid`](b2kit_core::HttpErrorKind::Invalid), and so are header values that are not ASCII. Files with such
//!   names can be downloaded by id.
//! - `send` resolves with the first byte of the response's body, not with its head.
//! - More connections may be opened than there are concurrent requests: on a busy machine, libcurl's thread reports the
//!   end of a transfer after the next request has begun.
//! - libcurl repeats a GET or HEAD if its reused connection turns out to be closed. It can't replay a body, and other
//!   requests without one get a new connection, unless the client is your own
//!   ([`from_client`](IsahcClient::from_client)): libcurl then repeats these, too, so an empty file may be uploaded
//!   twice.
//! - libcurl reports only error codes: a reset, an early close and a malformed response are not always distinguished,
//!   and a server without TLS is reported as unreachable. It accepts some malformed response heads.
//! - libcurl can't connect with a file descriptor above 1023. A program with that many open files gets connect errors.
//! - It adds `Accept: */*` if there is no `Accept`.
//! - If a program logs the target `isahc::wire` at level `trace`, isahc logs all traffic, including tokens.
//!
//! [isahc]: https://docs.rs/isahc

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod response;

pub use client::IsahcClient;
