//! A backend of `b2kit` over a [`surf::Client`], for programs that are built on surf already. **surf is unmaintained**
//! (RUSTSEC-2025-0036, RUSTSEC-2026-0169), and so are most of its dependencies. This backend is never a default; if you
//! have the choice, use another.
//!
//! ```no_run
//! # fn main() -> Result<(), b2kit_surf::isahc::Error> {
//! use b2kit_surf::SurfClient;
//! use b2kit_surf::http_client::isahc::IsahcClient;
//!
//! let plain = SurfClient::new();
//! let mine = SurfClient::over_isahc(|| SurfClient::defaults().build());
//! let one = IsahcClient::from_client(SurfClient::defaults().build()?);
//! let shared = SurfClient::from_client(surf::Client::with_http_client(one));
//! # Ok(()) }
//! ```
//!
//! [`SurfClient`] implements the protocol of [`b2kit_core`], whose documentation says what every backend guarantees.
//! This page covers what is specific to this one.
//!
//! # Which client of surf
//! surf with its feature `curl-client`, which is isahc 0.9 and libcurl. The others are unsuitable: `h1-client` takes a
//! truncated response for a complete one and mixes up responses; `hyper-client` buffers a whole upload in memory.
//!
//! # Which runtime it runs on
//! None: isahc has its own threads. Futures and streams can be polled on any executor, including a plain `block_on`.
//!
//! # A client for each exchange
//! As in the backend over isahc 2, a dropped transfer ends only when its client is dropped.
//! [`SurfClient::with_factory`] takes a closure that makes surf clients, [`SurfClient::over_isahc`] one that makes the
//! underlying clients of [`isahc`]. [`SurfClient::from_client`] takes one client for all exchanges; then sources of
//! bodies must not block, and a dropped exchange keeps its connection until the server sends something or closes it. A
//! client of your own must not follow redirects, decompress, have a timeout, or keep idle connections for more than 2
//! s: surf has no such settings for a single request. So `surf::Client::new()` is unsuitable; build the client from
//! [`SurfClient::defaults`].
//!
//! # TLS
//! The system's OpenSSL: building needs its headers (`libssl-dev`). In a program that also uses isahc 2, libcurl is
//! built with rustls, and both use that.
//!
//! # Limitations
//! - URIs that the crate `url` or libcurl would change, headers that are not ASCII or have several values, and HEAD are
//!   refused as [`Invalid`](b2kit_core::HttpErrorKind::Invalid) before anything is sent. Files with such names can be
//!   downloaded by id.
//! - A response with a header that is not ASCII, or a status that surf doesn't know, is a
//!   [`Protocol`](b2kit_core::HttpErrorKind::Protocol) error. (surf panics; the panic is caught, and its
//!   message goes to stderr. A program that is built with `panic = "abort"` ends.)
//! - Uploads over a megabyte wait for `100 Continue`, for at most a second.
//! - `send` resolves with the first byte of the response's body, not with its head.
//! - More connections may be opened than there are concurrent requests: on a busy machine, libcurl's thread reports the
//!   end of a transfer after the next request has begun.
//! - libcurl repeats a GET if its reused connection turns out to be closed. It repeats no other request, unless the
//!   client is your own: libcurl then repeats those without a body, too, so an empty file may be uploaded twice.
//! - Kinds of failures are distinguished less well than in other backends; for a request without a body, a connect
//!   timeout can't be distinguished from a silent server. Some malformed response heads are accepted.
//! - libcurl can't connect with a file descriptor above 1023.
//! - If a program logs the target `isahc::wire` at level `trace`, isahc logs all traffic, including tokens.
//! - It adds `Accept: */*`, and `Content-Length: 0` to a GET; and `Content-Type: application/octet-stream` to a
//!   response that has none.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod request;
mod response;

pub use client::SurfClient;
/// The version of isahc that surf uses.
pub use isahc_0_9 as isahc;
#[doc(no_inline)]
pub use {http_client, surf};
