//! The interface between `b2kit` and HTTP libraries.
//!
//! A *backend* sends one HTTP request and returns its response. It knows nothing about B2. This crate defines backends:
//! [`HttpClient`], a trait with one method, over the types of the [`http`] crate.
//!
//! # The protocol
//! What the caller of a backend does and what the backend must do, in order:
//!
//! 1. **The caller calls [`send`](HttpClient::send)** with a [`Request`]: method, absolute URI, headers, [`Body`]. If
//!    there is a `Content-Length` header, it equals [`Body::len`]; [`CheckedClient`] adds one to each body.
//! 2. **The URI is sent unchanged.** `a/../b`, `a//b`, `%2e` and `%2F` arrive exactly as given; another path is another
//!    object. If the library would rewrite the URI, the backend refuses the request with [`HttpErrorKind::Invalid`]
//!    before anything is sent.
//! 3. **Headers are sent as given**, with repeated values in order. Only `Host` is added, and headers that the library
//!    always adds; no cookies, no authentication, no `Accept-Encoding`.
//! 4. **The body is opened once** ([`Body::open`]) when there is a connection, sent with a `Content-Length` (which the
//!    backend adds if it is missing, also `0` of a POST or PUT) and never chunked, and polled only as fast as the
//!    server reads: the next chunk when the last one was written or buffered, with at most about a megabyte buffered.
//!    If the stream yields an error, the request is aborted and its connection closed; the stream's error is the
//!    source of the [`HttpError`].
//! 5. **An early response** (such as an error status while the body is still being sent) is returned at once.
//! 6. **`send` resolves at the response's head**, regardless of its status. Interim responses (100, 103) are skipped.
//!    No redirect is followed, and nothing is retried once a byte was sent.
//! 7. **The response's body is a stream** of the bytes as they arrive: no decompression, no buffering of the whole
//!    body. If it ends before the length that its framing declares, the last item is an error.
//! 8. **Dropping** the future of `send`, or the response's body before its end, closes the connection: no byte is sent
//!    after that, and a connection with unread bytes is never reused. Neither is one that was idle for 3 s: B2 closes
//!    idle connections after about 4 s, and the request could be lost.
//! 9. **Errors say how far the request got** ([`Phase`]); when in doubt, the later phase.
//! 10. **Timeouts.** The adapter has a connect timeout (10 s by default), since only the library sees when it connects,
//!     and no other.
//!
//! [`CheckedClient`] wraps any backend and enforces what libraries get wrong: exact lengths of both bodies, and the
//! [`Deadlines`] of each request.
//!
//! Closures and `Arc`s of backends are backends too, so a wrapper that records, counts or injects faults takes a few
//! lines.
//!
//! # A complete backend
//! `examples/threaded.rs`, which is tested by `tests/worked_backend.rs`. It leaves out what is optional: HTTPS,
//! connection reuse, and chunked responses, which it refuses.
//!
//! ```
#![doc = include_str!("../examples/threaded.rs")]
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // of time: see clippy.toml

pub mod adapter;
mod body;
mod checked_client;
mod deadlines;
mod empty_chunks;
mod error;
mod has_host;
mod http_client;
mod manual_timer;
mod throughput_monitor;
pub mod time;
mod timer;

pub use body::{Body, BodyStream, NonEmptyChunks, ResponseBody};
pub use checked_client::CheckedClient;
pub use deadlines::{Deadlines, Throughput};
pub use error::{HttpError, HttpErrorKind, Phase};
pub use http_client::{HttpClient, Request, Response};
pub use manual_timer::ManualTimer;
pub use timer::{Sleep, SystemTimer, Timer};

pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use http;
