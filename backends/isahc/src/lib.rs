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
//! let shared = IsahcClient::from_client(isahc::HttpClient::new()?);
//! # Ok(()) }
//! ```
//!
//! [`IsahcClient`] follows the protocol of [`b2kit_core`], which is where to read what a backend promises. This page
//! says what is particular to this one.
//!
//! # Which runtime it runs on
//! None: isahc has threads of its own. Its futures and streams can be polled on any executor, also by a plain `block_on`.
//!
//! # A client for each exchange
//! A client of isahc is one thread, on which all its transfers run, TLS and the reading of request bodies included; and
//! a transfer whose future was dropped goes on until libcurl has something to say, which may be never. So this backend
//! keeps as many clients as there are exchanges at a time, up to 32, each with its thread and its connection; a dropped
//! exchange ends with its client. Beyond 32 they share. [`IsahcClient::with_factory`] takes a closure that makes them as you like.
//!
//! [`IsahcClient::from_client`] takes one client for all. Then the sources of bodies must not block, and a dropped
//! exchange holds its connection until the server says something or closes it; nothing more of its body is sent. Build such
//! a client from [`IsahcClient::defaults`], or give it a `connect_timeout`, which is 300 s otherwise, and a
//! `connection_cache_ttl` of 2 s: B2 closes idle connections after about 4 s.
//!
//! # What it does on the wire
//! - Whatever the client's own settings: HTTP/1.1, no redirects, no decompression, no `Expect: 100-continue`, and no timeout
//!   but that to connect; the deadlines are the guard's.
//! - [`IsahcClient::defaults`] has no proxy of the environment, 10 s to connect, and uses no connection that was idle for
//!   longer than 2 s. Idle clients, with their threads, stay until a later exchange begins or the backend ends.
//! - TLS is rustls with *aws-lc*, compiled into libcurl; it trusts the system's roots unless told otherwise.
//!
//! # What it can't do
//! - libcurl resolves `a/../b`. What would not arrive as it was given is refused as
//!   [`Invalid`](b2kit_core::HttpErrorKind::Invalid). Objects with such names can be had by their id. So are header
//!   values that are not ASCII.
//! - `send` resolves with the first byte of the response's body, not with its head.
//! - libcurl sends a GET again whose used connection turns out to be closed. All other requests are kept from that: with a
//!   body they can't be repeated, and without one they get a connection of their own.
//! - libcurl has a code for a failure, and no words: whether a connection was reset, closed or spoke nonsense is not always
//!   told, and a server that speaks no TLS counts as one that can't be reached. It takes heads that are not quite HTTP.
//! - libcurl can't use a file descriptor beyond 1023 to connect. A program with so many files open gets connect errors.
//! - It adds `Accept: */*` where no `Accept` was given.
//! - Where a program logs the target `isahc::wire` at the level trace, isahc writes there what goes over the wire, tokens
//!   included.
//!
//! [isahc]: https://docs.rs/isahc

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod response;

pub use client::IsahcClient;
