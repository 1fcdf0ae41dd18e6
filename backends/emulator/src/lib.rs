//! Backblaze B2 on this computer: in memory or on disk, in-process or behind a port.
//!
//! An [`Emulator`] is one B2 account that lives as long as its handles, or as its directory. It speaks B2's native API (v1 to v4) as B2's
//! documents and recordings show it, down to the indentation of its JSON, so that a client can be tested without a
//! network, without an account, and with a clock in the test's hand:
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
//! let answer = emulator.send(authorize).await.unwrap().into_body();
//! let answer = answer.collect(10_000).await.unwrap();
//! let session: serde_json::Value = serde_json::from_slice(&answer).unwrap();
//!
//! clock.advance(Duration::from_secs(24 * 60 * 60));
//! let list = http::Request::get(format!("{}/b2api/v4/b2_list_buckets", emulator.url()))
//!     .header("authorization", session["authorizationToken"].as_str().unwrap())
//!     .body(Body::empty())
//!     .unwrap();
//! let answer = emulator.send(list).await.unwrap();
//! assert_eq!(answer.status(), 401);
//! let answer = answer.into_body().collect(10_000).await.unwrap();
//! assert!(answer.starts_with(b"{\n  \"code\": \"expired_auth_token\","));
//! assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 1);
//! # });
//! ```
//!
//! A client authorizes with [`key_id`](Emulator::key_id) and [`key`](Emulator::key). With the feature `server`,
//! `Server::start` puts the same account on a port of the loopback interface; with `tls`, `Server::start_tls` does so in
//! HTTPS and hands out the root certificate to trust. With `cli` there is a program, `b2kit-emulator`, for every language.
//!
//! [`Builder::open`] keeps the account in a directory, [`Emulator::save`] and [`Emulator::restore`] take it back to an
//! earlier moment, [`Emulator::faults`] makes trouble. `README.md`, `CONTROL.md` and `FIDELITY.md` beside the source say
//! how it is used from other languages, and what it is faithful to.
//!
//! # Layout
//! From the outside in:
//!
//! - `bin/b2kit-emulator`: the program: options, and what it prints.
//! - `emulator`, `server`: the shells. They move bytes and decide nothing about B2. `server/control` is for tests in other
//!   languages, `server/webhooks` brings events to receivers.
//! - `exchange`: what every request passes, whatever its shell.
//! - `faults`: what goes wrong with which requests, if you ask for it: [`Emulator::faults`]. `exchange` lets it happen.
//! - `heart`: request in, next step out. No I/O, no clock, no threads, and it never sees the bytes of a file.
//! - `calls`: what each call does; its table says which calls there are. **To add a call, start there.**
//! - `shape`, `response`: the JSON, and how it is written. `args`, `range`, `percent`, `names`: how requests are read.
//! - `state`: the account, its keys, tokens, buckets and files: plain data.
//! - `blob`, `receive`: where bytes lie, and how they get there: a blob is in memory, in a file, or nowhere.
//! - `data`: the account on disk: what changed is in the journal before anybody is told.
//! - `shell`: what an exchange asks of its shell.
//! - [`guesses`](UndocumentedBehavior): all that B2's documents leave open. Look there before you trust an answer to the letter.
//! - `lifecycle`, `events`: what happens by itself, and who is told.
//!
//! Not emulated: replication is checked and kept, but not carried out; webhooks are made and signed, and sent only by a
//! server that was told to, to receivers on this computer; there is none that only tests its target.
//! Encrypted files are not encrypted: what is emulated is who needs which key.

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

/// Whether B2 has a call of this name; downloads by name are `b2_download_file_by_name`.
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
pub use faults::kind::{ErrorReply, FaultKind};
pub use faults::latch::Latch;
pub use faults::rules::{FaultId, Faults};
pub use machine::events::Webhook;
pub use model::checksums::Checksums;
