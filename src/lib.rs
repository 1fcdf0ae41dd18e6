//! The client for Backblaze B2's native API: any HTTP library, any async runtime, no byte lost.
//!
//! ```
//! use b2kit::{Client, Credentials};
//! # use b2kit::backend::emulator::Emulator;
//! # use b2kit::types::{BucketName, BucketType};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures::executor::block_on(async {
//! # /*
//! let b2 = Client::builder().credentials(Credentials::from_env()?).build()?;
//! # */
//! # let emulator = Emulator::new();
//! # let credentials = Credentials::new(emulator.key_id(), emulator.key())?;
//! # let b2 = Client::builder().credentials(credentials).endpoint(emulator.url()).backend(emulator).build()?;
//! # let name = BucketName::new("holiday-photos")?;
//! # b2.call(b2kit::api::CreateBucket::new(name, BucketType::AllPrivate)).await?;
//! let bucket = b2.bucket("holiday-photos").await?;
//!
//! bucket.upload("2026/cat.txt", "meow").await?; // any size, from memory, a path, a reader or a stream
//!
//! let cat = bucket.download("2026/cat.txt").stream().await?;
//! assert_eq!(cat.collect(1_000).await?, b"meow"); // checked against its SHA-1
//! # Ok(()) }) }
//! ```
//!
//! # How do I …
//!
//! | | |
//! |---|---|
//! | list files | [`ListFileNames`](api::ListFileNames), page by page or as one [stream](Client::paginate) |
//! | create a file only if there is none | [`BucketHandle::create`] |
//! | get a file's metadata | [`DownloadFileByName::head`](api::DownloadFileByName::head) by its name, [`GetFileInfo`](api::GetFileInfo) by its id |
//! | delete | [`hide`](Client::hide) it, delete [one version](api::DeleteFileVersion) or [all there are](Client::delete_all_versions) |
//! | give somebody a link | [`GetDownloadAuthorization`](api::GetDownloadAuthorization), then [`link`](api::DownloadAuthorization::link) |
//! | let a browser upload | [`GetUploadUrl`](api::GetUploadUrl), and [CORS rules](types::CorsRules) for the bucket |
//! | resume | [`Upload::resume`](transfer::Upload::resume), and `FileDownload::resume` for a path |
//! | many files at once | [`upload_many`](BucketHandle::upload_many), [`download_many`](BucketHandle::download_many) |
//! | show progress | [`Progress`](transfer::Progress) |
//! | use tokio | nothing to set up; `tokio::spawn(upload.into_future())`, and `.compat()` for [tokio's readers](transfer::Source::reader) |
//! | serve files with axum | [`DownloadStream`](transfer::DownloadStream) is a body: `axum::body::Body::from_stream` |
//! | use it from blocking code | `futures::executor::block_on`; the default backend brings a thread of its own |
//! | test my program | feature `emulator`: B2 in memory, which can inject faults; feature `cassette`: recordings |
//! | configure retries | [`RetryPolicy`] |
//! | handle errors | [`Error::kind`] says what a program can do about one; errors convert to `std::io::Error` |
//!
//! The folder `recipes` of the source has programs for most of these; its tests run them.
//!
//! # Terms
//! - A *backend* sends one HTTP request to a server and returns the response. It knows nothing of B2.
//! - A *call* is one of B2's operations as a value; [`api`] has them all.
//! - The [`Client`] makes calls through a backend: it authorizes, retries and checks.
//! - A *cassette* is a recorded HTTP session; an *emulator* is B2 in memory. Both are backends.
//!
//! # The layers
//! Each depends only on those below it.
//! ```text
//! transfer    files of any size, from any source, up and down
//! client      authorization, the loop through which every call goes, listings as streams
//! webhook     event notifications, read only where B2 has signed them
//! api         one value for each of B2's calls: to a request, from a reply
//! types       names, ids, digests, settings: checked once, trusted after
//! error
//! ----------------------------------------------------------------------
//! b2kit-core  the seam: HttpClient, Request, Response, Body, HttpError
//! backends    hyper, isahc, reqwest, surf, cassette, emulator, or your own
//! ```
//!
//! # Features
//! - `hyper` (default): the backend over hyper 1 and rustls, in `backend::hyper`.
//! - `fs` (default): files of the local disk as sources and destinations of transfers.
//! - `isahc`: the backend over isahc 2 and libcurl, in `backend::isahc`; it needs no runtime.
//! - `reqwest`: the backend over a reqwest client, in `backend::reqwest`.
//! - `surf`: the backend over a surf client, in `backend::surf`, for programs that have one; surf is unmaintained.
//! - `cassette`: record and replay, in `backend::cassette`.
//! - `emulator`: B2 in memory, in `backend::emulator`; `emulator-server` puts it behind a port as well,
//!   and `emulator-tls` lets that speak HTTPS.
//! - `partner`: the calls of B2's Partner API, in `api::partner`.
//! - `chrono`, `jiff`: conversions between [`types::Timestamp`] and the types of these crates.
//! - `webhook`: verify and parse the event notifications that B2 sends, in `webhook`.
//!
//! Without features there is no HTTP library, no runtime and no TLS; bring an [`HttpClient`] of your own. Features are
//! additive.
//!
//! # Cancellation
//! The library never spawns, so a call makes progress only while its future is polled, and dropping the future closes
//! its connection. B2 may still act on what it had received by then; each call's page says what that leaves behind.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // of time: see clippy.toml
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;
mod client;
mod error;
pub mod transfer;
pub mod types;
#[cfg(feature = "webhook")]
pub mod webhook;

/// The backends that come with the crate, each behind the feature of its name.
pub mod backend {
    #[cfg(feature = "cassette")]
    pub use b2kit_cassette as cassette;
    #[cfg(feature = "emulator")]
    pub use b2kit_emulator as emulator;
    #[cfg(feature = "hyper")]
    pub use b2kit_hyper as hyper;
    #[cfg(feature = "isahc")]
    pub use b2kit_isahc as isahc;
    #[cfg(feature = "reqwest")]
    pub use b2kit_reqwest as reqwest;
    #[cfg(feature = "surf")]
    pub use b2kit_surf as surf;
}

pub use api::{ApiVersion, Credentials, OriginToken, Session};
pub use client::{
    CallCounts, Client, ClientBuilder, DeleteMode, UnfinishedState, RetryPolicy, TestMode, Unfinished,
};
pub use error::{B2Error, Error, ErrorKind, RetryStopReason, NonB2Response};
pub use transfer::BucketHandle;

pub use b2kit_core::{
    Body, BodyStream, Bytes, Deadlines, CheckedClient, HttpClient, HttpError, HttpErrorKind, ManualTimer,
    Phase, Request, Response, ResponseBody, SystemTimer, Throughput, Timer, async_trait, http,
};

/// The README's program runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
