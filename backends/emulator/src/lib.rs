//! Backblaze B2 on this computer, for tests: in memory or on disk, in-process or over HTTP.
//!
//! An [`Emulator`] is a B2 account that exists as long as its handles, or in a directory. It
//! implements B2's native API, v1 to v4, as B2's documentation and recordings show it, down to the
//! indentation of the JSON. So clients can be tested without a network or an account, and with a
//! clock that is advanced manually:
//!
//! ```
//! use std::time::Duration;
//!
//! use b2kit_core::{Body, HttpClient, http};
//! use b2kit_emulator::{Emulator, ManualClock};
//! use base64::{Engine as _, engine::general_purpose::STANDARD};
//!
//! # futures::executor::block_on(async {
//! let clock = ManualClock::default();
//! let emulator = Emulator::builder().clock(clock.clone()).build();
//!
//! let pair = format!("{}:{}", emulator.key_id(), emulator.key());
//! let authorize = http::Request::get("https://api.backblazeb2.com/b2api/v4/b2_authorize_account")
//!     .header("authorization", format!("Basic {}", STANDARD.encode(pair)))
//!     .body(Body::empty())
//!     .unwrap();
//! let response = emulator.send(authorize).await.unwrap().into_body();
//! let response = response.collect(10_000).await.unwrap();
//! let session: serde_json::Value = serde_json::from_slice(&response).unwrap();
//!
//! clock.advance(Duration::from_secs(24 * 60 * 60));
//! let list = http::Request::get(format!("{}/b2api/v4/b2_list_buckets", emulator.url()))
//!     .header("authorization", session["authorizationToken"].as_str().unwrap())
//!     .body(Body::empty())
//!     .unwrap();
//! let response = emulator.send(list).await.unwrap();
//! assert_eq!(response.status(), 401);
//! let response = response.into_body().collect(10_000).await.unwrap();
//! assert!(response.starts_with(b"{\n  \"code\": \"expired_auth_token\","));
//! assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 1);
//! # });
//! ```
//!
//! A client authorizes with [`key_id`](Emulator::key_id) and [`key`](Emulator::key). With the
//! feature `server`, `Server::start` serves the same account on a port of the loopback interface;
//! with `tls`, `Server::start_tls` serves HTTPS and returns the root certificate to trust. With
//! `cli` there is a program, `b2kit-emulator`, for every language.
//!
//! [`Builder::open`] keeps the account in a directory, [`Emulator::save`] and [`Emulator::restore`]
//! return to an earlier state, and [`Emulator::faults`] injects faults. `README.md`, `CONTROL.md`
//! and `FIDELITY.md` beside the source describe the use from other languages, and how faithful the
//! emulator is.
//!
//! # Layout
//! Each layer depends only on those listed after it; a test in the workspace checks that.
//!
//! - `bin/b2kit-emulator`: the program: its options, and what it prints.
//! - `drivers`: all I/O. `in_process` and `server` answer requests, `control` is for tests in other
//!   languages, `webhook_sender` sends webhooks. Every request goes through `exchange`.
//! - `faults`: which requests fail, and how: [`Emulator::faults`] and `X-Bz-Test-Mode`.
//! - `machine`: `state_machine` takes a request and returns the next step, `lifecycle` applies
//!   lifecycle rules, `events` makes webhooks. No I/O, no clock, no threads, no bytes of files.
//! - `calls`: the functions of all calls, listed in `table`. **To add a call, start there.**
//! - `storage`: where an account is kept: `blobs` for the bytes of files, `journal` for the rest.
//! - `model`: the account, its keys, tokens, buckets and files: plain data.
//! - `protocol`: how requests are read and responses written.
//! - `content`: the bytes of a file as extents of blobs.
//! - [`behavior`](UndocumentedBehavior): behavior that B2's documentation leaves open. Check it
//!   before you rely on a detail.
//!
//! Not emulated: replication is checked and stored, but not carried out; webhooks are created and
//! signed, but sent only by a server that is configured for it, and only to this computer. Files
//! are not encrypted; the emulator only requires the key.

#![cfg_attr(docsrs, feature(doc_cfg))]

/// The README's program, tested.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod behavior;
mod calls;
mod content;
mod drivers;
mod faults;
mod machine;
mod model;
mod protocol;
mod storage;

/// Whether B2 has a call of this name. Downloads by name are `b2_download_file_by_name`.
#[must_use]
pub fn is_call(name: &str) -> bool {
    calls::table::is_call(name)
}

pub use behavior::{Cursor, UndocumentedBehavior};
pub use drivers::builder::Builder;
pub use drivers::clock::{Clock, ManualClock, OffsetClock, SystemClock};
pub use drivers::in_process::{Emulator, Saved, Snapshot};
#[cfg(feature = "tls")]
pub use drivers::server::TlsAuthority;
#[cfg(feature = "server")]
pub use drivers::server::{Server, ServerBuilder};
pub use faults::fault::Fault;
pub use faults::kind::{ErrorResponse, FaultKind};
pub use faults::latch::Latch;
pub use faults::plan::FaultId;
pub use faults::rules::Faults;
pub use machine::events::Webhook;
pub use model::checksums::Checksums;
