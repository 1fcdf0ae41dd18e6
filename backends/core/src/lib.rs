//! The seam between `b2kit` and the HTTP library that a program already has.
//!
//! A *backend* carries one HTTP request to a server and brings the response back. It knows nothing of B2. This crate
//! says what a backend is: one trait with one method, [`HttpClient`], over the vocabulary of the [`http`] crate.
//!
//! # The protocol
//! What the caller of a backend does, and what the backend must do, in order:
//!
//! 1. **The caller calls [`send`](HttpClient::send)** with a [`Request`]: method, absolute URI, headers, [`Body`]. There
//!    is a `Content-Length` header that agrees with [`Body::len`] wherever there is a body to speak of.
//! 2. **The URI is the URI on the wire.** `a/../b`, `a//b`, `%2e` and `%2F` arrive exactly as they were given; another
//!    path is another object. A library that would rewrite one refuses the request with [`HttpErrorKind::Invalid`]
//!    before anything is sent.
//! 3. **Headers are sent as given**, in the order of their values. Nothing is added but `Host`, and what the library
//!    can't be stopped from adding. No cookies, no authentication, no `Accept-Encoding` of its own.
//! 4. **The body is opened once** ([`Body::open`]) when there is a connection, sent with its `Content-Length` and never
//!    chunked, and pulled only as fast as the server takes it: the next chunk is asked for when the last one was
//!    written or buffered, and no more than about a megabyte is buffered. If the stream gives an error, or blocks for
//!    ever, the request is given up and its connection closed; the stream's error is the source of the [`HttpError`].
//! 5. **A response that comes early** (an error status while the body is still being sent) is returned at once.
//! 6. **`send` resolves at the response's head**, whatever its status. Interim responses (100, 103) are skipped. No
//!    redirect is followed, nothing is retried once a byte has left.
//! 7. **The response's body is a stream**, as it arrived: no decompression, nothing held back, never the whole body in
//!    memory. An end before the length that the framing promised is an error item, never a clean end.
//! 8. **Dropping** the future of `send`, or the response's body before its end, closes the connection: no byte leaves
//!    after that, and a half-read connection is never used again. A connection that was idle for 3 s is not used again
//!    either: B2 closes them after about 4 s, and the request would be lost on the way.
//! 9. **Errors say how far the request got** ([`Phase`]); in doubt, the later phase.
//! 10. **Time.** The adapter bounds the time to connect (10 s unless told otherwise), since nobody else can see it, and
//!     nothing else.
//!
//! What every library gets wrong somewhere is not left to it: [`CheckedClient`] stands between the caller and any backend, and
//! holds exact lengths both ways and the [`Deadlines`] of each request.
//!
//! Closures and `Arc`s of backends are backends, so a wrapper that records, counts or injects trouble is a few lines.
//!
//! # A complete backend
//! `examples/threaded.rs`, which `tests/worked_backend.rs` holds against the protocol. It leaves out what a backend may:
//! https, keeping connections, and chunked responses, which it refuses.
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
