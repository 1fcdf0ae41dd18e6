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
//! [`ReqwestClient`] implements the protocol of [`b2kit_core`], whose documentation says what every backend guarantees.
//! This page covers what is specific to this one.
//!
//! # A client of your own
//! Start from the builder that [`ReqwestClient::defaults`] returns: HTTP/1.1, no redirects, no retries, no
//! decompression regardless of enabled features, no proxies from the environment, idle connections for 2.5 s, a connect
//! timeout of 10 s, Mozilla's root certificates, and TLS with *ring*. Any other client works too, but these settings
//! break the protocol: a timeout (`CheckedClient` enforces deadlines), decompression (on by default if its features are
//! enabled), HTTP/2, and redirects, which the backend detects afterwards and reports as an error.
//!
//! # Which runtime it runs on
//! reqwest needs tokio. A client that is made within a tokio runtime uses that one and is unusable after its end; any
//! other uses a dedicated runtime, a thread named `b2kit-reqwest`. Futures and streams can be polled on any executor.
//!
//! # Limitations
//! - reqwest parses URIs with the crate `url`, which resolves `a/../b` and encodes `"` and `{`. A URI that would be
//!   changed is refused as [`Invalid`](b2kit_core::HttpErrorKind::Invalid). Files with such names can be downloaded by
//!   id.
//! - It adds `Accept: */*` if there is no `Accept`.
//! - If an upload is dropped while its server has stopped reading, no more bytes are sent, but the socket stays open
//!   until the server reads again or TCP times out, after 30 s with [`ReqwestClient::defaults`] on Linux.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod response;
mod runtime;

pub use client::ReqwestClient;
