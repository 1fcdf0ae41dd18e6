//! A backend of `b2kit` over a [`surf::Client`], for programs that are built on surf already. **surf is unmaintained**
//! (RUSTSEC-2025-0036, RUSTSEC-2026-0169), and so are most of the crates beneath it; this backend is never a default, and
//! whoever has the choice takes another.
//!
//! ```no_run
//! use b2kit_surf::{SurfClient, isahc};
//!
//! let plain = SurfClient::new();
//! let mine = SurfClient::over_isahc(|| SurfClient::defaults().build());
//! let shared = SurfClient::from_client(surf::Client::new());
//! ```
//!
//! [`SurfClient`] follows the protocol of [`b2kit_core`], which is where to read what a backend promises. This page says
//! what is particular to this one.
//!
//! # Which client of surf
//! surf with its feature `curl-client`, which is isahc 0.9 and libcurl. Its others are worse: `h1-client` takes a response
//! that was cut for a whole one and mixes responses up; `hyper-client` holds a whole upload in memory.
//!
//! # Which runtime it runs on
//! None: isahc has threads of its own. Its futures and streams can be polled on any executor, also by a plain `block_on`.
//!
//! # A client for each exchange
//! As in the backend over isahc 2: a transfer that was dropped ends only with its client. [`SurfClient::with_factory`] takes a
//! closure that makes clients of surf, [`SurfClient::over_isahc`] one that makes those of [`isahc`] beneath.
//! [`SurfClient::from_client`] takes one client for all; then the sources of bodies must not block, and a dropped
//! exchange holds its connection until the server says something or closes it. A client of your own must not follow
//! redirects, decompress, have a timeout, or keep idle connections for more than 2 s: surf can't be told so for each
//! request.
//!
//! # TLS
//! OpenSSL, from the system: building needs its headers (`libssl-dev`). In a program that has isahc 2 as well libcurl is
//! built with rustls, and both use that.
//!
//! # What it can't do
//! - URIs that the crate `url` or libcurl would change, and headers that are not ASCII or have several values, are refused as
//!   [`Invalid`](b2kit_core::HttpErrorKind::Invalid) before anything is sent, and so is HEAD. Objects with such names can
//!   be had by their id.
//! - A response with a header that is not ASCII, or a status that surf doesn't know, is a
//!   [`Protocol`](b2kit_core::HttpErrorKind::Protocol) error. (surf panics at them; the panic is caught, and shows on
//!   stderr. A program that is built to abort at a panic ends.)
//! - Uploads of more than a megabyte wait for `100 Continue`, for a second at most.
//! - `send` resolves with the first byte of the response's body, not with its head.
//! - libcurl sends a GET again whose used connection turns out to be closed. Other requests are kept from that.
//! - Failures are told apart less well than elsewhere, also a connection that is not there in time from a silent server
//!   where the request has no body; and heads that are not quite HTTP are taken.
//! - libcurl can't use a file descriptor beyond 1023 to connect.
//! - Where a program logs the target `isahc::wire` at the level trace, isahc writes there what goes over the wire, tokens
//!   included.
//! - It adds `Accept: */*`, and `Content-Length: 0` to a GET; and `Content-Type: application/octet-stream` to a response
//!   that has none.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod request;
mod response;

pub use client::SurfClient;
/// The version of isahc that is beneath surf.
pub use isahc_0_9 as isahc;
#[doc(no_inline)]
pub use {http_client, surf};
