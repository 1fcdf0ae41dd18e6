//! A backend of `b2kit` over a [`reqwest::Client`], for programs that have one, on any async executor.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use b2kit_reqwest::ReqwestClient;
//!
//! let plain = ReqwestClient::new()?;
//! let proxy = reqwest::Proxy::all("http://proxy.example:3128")?;
//! let mine = ReqwestClient::from_client(ReqwestClient::defaults().proxy(proxy).build()?)?;
//! # Ok(()) }
//! ```
//!
//! [`ReqwestClient`] follows the protocol of [`b2kit_core`], which is where to read what a backend promises. This page
//! says what is particular to this one.
//!
//! # A client of your own
//! [`ReqwestClient::defaults`] is the builder to start from: no redirects, no retries, no decompression whatever features
//! the program has, no proxy of the environment, HTTP/1.1, idle connections for 2.5 s, 10 s to connect, Mozilla's roots and
//! TLS with *ring*. A client that was made otherwise works too, with what it was made with; of its settings only these can
//! break the protocol: a timeout (leave it out, the deadlines are the guard's), decompression (on wherever its features
//! are), HTTP/2, and redirects, of which the backend takes notice afterwards and makes an error.
//!
//! # Which runtime it runs on
//! reqwest needs tokio. Where the client is made inside a tokio runtime it lives on that one, and is of no use after its
//! end; elsewhere it lives on one of its own, a thread named `b2kit-reqwest`. Its futures and streams can be polled on
//! any executor.
//!
//! # What it can't do
//! - reqwest takes URIs apart with the crate `url`, which resolves `a/../b` and encodes `"` and `{`. What would not
//!   arrive as it was given is refused as [`Invalid`](b2kit_core::HttpErrorKind::Invalid). Objects with such names can
//!   be had by their id.
//! - It adds `Accept: */*` where no `Accept` was given.
//! - An upload that is dropped while its server has stopped reading sends no more bytes, but its socket stays open until
//!   the server reads on or TCP gives up, 30 s with [`ReqwestClient::defaults`] on Linux.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod response;
mod runtime;

pub use client::ReqwestClient;
