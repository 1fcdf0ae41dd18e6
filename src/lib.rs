//! A client for Backblaze B2's native API, over any HTTP library and async runtime: checked,
//! resumable transfers of any size.
//!
//! ```
//! # use b2kit::backend::emulator::Emulator;
//! use b2kit::types::BucketType;
//! use b2kit::{Client, DeleteScope};
//! # use b2kit::Credentials;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # futures::executor::block_on(async {
//! # /*
//! let b2 = Client::from_env()?; // B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY
//! # */
//! # let emulator = Emulator::new();
//! # let credentials = Credentials::new(emulator.key_id(), emulator.key())?;
//! # let b2 = Client::builder().credentials(credentials).endpoint(emulator.url());
//! # let b2 = b2.backend(emulator).build()?;
//! let bucket = b2.get_or_create_bucket("holiday-photos", BucketType::AllPrivate).await?;
//!
//! // Any size, from memory, a path, a reader or a stream.
//! bucket.upload("2026/cat.txt", "meow").await?;
//! // Checked against its SHA-1.
//! let text = bucket.download("2026/cat.txt").text(1_000).await?;
//! assert_eq!(text, "meow");
//!
//! bucket.delete("2026/cat.txt", DeleteScope::AllVersions).await?;
//! # Ok(()) }) }
//! ```
//!
//! [`BucketHandle`] has what most programs need, in the order in which they need it. What it lacks
//! is in [`api`]: every call of B2's as a value, for [`Client::call`] and [`Client::paginate`].
//!
//! # How do I …
//!
//! | | |
//! |---|---|
//! | list files | [`list`], [`list_folder`], [`versions`] |
//! | get a file's metadata | [`stat`], [`exists`] |
//! | upload, and resume an upload | [`upload`], [`Upload::resume`](transfer::Upload::resume) |
//! | create a file only if there is none | [`create`] |
//! | download | [`download`], then [`bytes`], [`text`], [`stream`], [`to_writer`] or `to_path` |
//! | delete a file | [`delete`], or [`hide`] it and keep its versions |
//! | delete many files | [`delete_prefix`], [`delete_many`]; old versions: [`prune_versions`] |
//! | upload or download many files | [`upload_many`], [`download_many`] |
//! | make a directory and a bucket equal | feature `sync`: `sync::Synchronizer` |
//! | rename, copy or append | [`rename`], [`copy`], [`compose`] |
//! | give somebody a link | [`public_url`], [`presigned_url`] |
//! | let a browser upload | [`GetUploadUrl`](api::GetUploadUrl), [`CorsRules`](types::CorsRules) |
//! | change a bucket's settings | [`update`] |
//! | show progress | [`Progress`](transfer::Progress) |
//! | use tokio | nothing to set up; its readers and writers: see [`reader`](transfer::Source::reader) |
//! | spawn a transfer | `tokio::spawn(upload.into_future())` |
//! | serve files with axum | `axum::body::Body::from_stream` takes a [`DownloadStream`] |
//! | use it from blocking code | `futures::executor::block_on`, but not on a thread of tokio |
//! | upload a request's body | [`Source::stream`](transfer::Source::stream) |
//! | test my program | feature `emulator`: B2 in memory, on [`ManualTimer`]; feature `cassette`: recordings |
//! | configure retries | [`RetryPolicy`] |
//! | handle errors | [`Error::kind`], [`Error::is_not_found`], [`Error::is_retryable`] |
//!
//! [`list`]: BucketHandle::list
//! [`list_folder`]: BucketHandle::list_folder
//! [`versions`]: BucketHandle::versions
//! [`stat`]: BucketHandle::stat
//! [`exists`]: BucketHandle::exists
//! [`upload`]: BucketHandle::upload
//! [`create`]: BucketHandle::create
//! [`download`]: BucketHandle::download
//! [`bytes`]: transfer::FileDownload::bytes
//! [`text`]: transfer::FileDownload::text
//! [`stream`]: transfer::FileDownload::stream
//! [`to_writer`]: transfer::FileDownload::to_writer
//! [`delete`]: BucketHandle::delete
//! [`hide`]: BucketHandle::hide
//! [`delete_prefix`]: BucketHandle::delete_prefix
//! [`delete_many`]: BucketHandle::delete_many
//! [`prune_versions`]: BucketHandle::prune_versions
//! [`upload_many`]: BucketHandle::upload_many
//! [`download_many`]: BucketHandle::download_many
//! [`rename`]: BucketHandle::rename
//! [`copy`]: BucketHandle::copy
//! [`compose`]: BucketHandle::compose
//! [`public_url`]: BucketHandle::public_url
//! [`presigned_url`]: BucketHandle::presigned_url
//! [`update`]: BucketHandle::update
//! [`DownloadStream`]: transfer::DownloadStream
//!
//! The folder `recipes` of the source has programs for several of these; its tests run them.
//!
//! # Glossary
//! - **Backend**: sends one HTTP request to a server and returns the response, as an HTTP library
//!   does. It knows nothing of B2. [`HttpClient`] is its trait.
//! - **Call**: one of B2's operations, such as `b2_list_file_names`, as a value: [`api`] has them
//!   all. The [`Client`] makes calls through a backend: it authorizes, retries and checks.
//! - **Transfer**: an upload, download or copy of one file of any size, made of as many calls as it
//!   takes: [`transfer`].
//! - **Source**: where the bytes of an upload come from: [`transfer::Source`].
//! - **Part**: a section of a large file. Files of more than 5 GB have to be sent in parts; smaller
//!   ones may be.
//! - **Version**: what an upload makes. B2 keeps every version of a name until it is deleted, and
//!   shows the newest: [`types::FileVersion`].
//! - **Hide marker**: a version without bytes, which hides the older versions of its name:
//!   [`types::Action::Hide`].
//! - **File info**: custom metadata of a file, up to ten keys and values: [`types::FileInfo`].
//! - **Cassette**: a recorded HTTP session without its secrets. The backend in `backend::cassette`
//!   replays it.
//! - **Emulator**: B2 in memory, in `backend::emulator`: a backend, or a server on a local port.
//!
//! # Layers
//! Each depends only on those below it.
//! ```text
//! sync        a local tree and a bucket, or two buckets, made equal
//! bucket      what a program does with a bucket
//! transfer    files of any size, from any source, up and down
//! client      authorization, retries, limits, and the loop through which every call goes
//! webhook     event notifications, read only if B2 has signed them
//! api         one value for each of B2's calls: to a request, from a reply
//! types       names, ids, digests, settings: checked once, trusted after
//! error
//! ----------------------------------------------------------------------
//! b2kit-core  the interface of backends: HttpClient, Request, Response, Body, HttpError
//! backends    hyper, isahc, reqwest, surf, cassette, emulator, or your own
//! ```
//!
//! # Billing classes
//! B2 charges for calls by class: A is free, B is for reading files, C costs ten times what B does.
//! Each method of [`BucketHandle`] says what it costs, and [`Client::call_counts`] counts.
//!
//! # Features
//! - `hyper` (default): the backend over hyper 1 and rustls, in `backend::hyper`.
//! - `fs` (default): local files as sources and destinations of transfers.
//! - `isahc`: the backend over isahc 2 and libcurl, in `backend::isahc`; it needs no runtime.
//! - `reqwest`: the backend over a reqwest client, in `backend::reqwest`.
//! - `surf`: the backend over a surf client, in `backend::surf`, for programs that have one; surf
//!   is unmaintained.
//! - `cassette`: record and replay, in `backend::cassette`.
//! - `emulator`: B2 in memory, in `backend::emulator`; `emulator-server` puts it behind a local
//!   port as well, and `emulator-tls` adds HTTPS.
//! - `partner`: the calls of B2's Partner API, in `api::partner`.
//! - `sync`: a local tree and a bucket, or two buckets, made equal, in `sync`.
//! - `chrono`, `jiff`: conversions between [`types::Timestamp`] and the types of these crates.
//! - `webhook`: verify and parse the event notifications that B2 sends, in `webhook`.
//!
//! Without features there is no HTTP library, no runtime and no TLS; bring an [`HttpClient`] of
//! your own. Features are additive.
//!
//! # Cancellation
//! The library never spawns tasks, so a call makes progress only while its future is polled, and
//! dropping the future closes its connection. B2 may still carry out what it had received by then;
//! each page says what that leaves behind.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // of time: see clippy.toml
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;

// The documentation lists the methods of a type by the order of the modules that they are in; blank
// lines keep it.
mod bucket;

mod client;

mod error;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "sync")]
pub mod sync;
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
pub use bucket::{BucketHandle, Delete, DeleteMode, DeleteScope, PresignedUrl, PruneRule, Renamed};
pub use client::{
    CallCounts, Client, ClientBuilder, RetryPolicy, TestMode, Unfinished, UnfinishedState,
};
pub use error::{B2Error, Error, ErrorKind, NonB2Response, RetryStopReason};

pub use b2kit_core::{
    Body, BodyStream, Bytes, CheckedClient, Deadlines, HttpClient, HttpError, HttpErrorKind,
    ManualTimer, Phase, Request, Response, ResponseBody, SystemTimer, Throughput, Timer,
    async_trait, http,
};

/// The README's program runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
