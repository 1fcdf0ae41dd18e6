//! Record HTTP sessions with B2 as YAML, and replay them without a network or a key.
//!
//! [`Recorder`] is a backend that passes each request on to another backend and writes down what was said. [`Player`] is
//! a backend that answers from such a recording. What stands above them can't tell them from the real thing.
//!
//! # Recording
//! ```
//! use b2kit::api::ListBuckets;
//! use b2kit::backend::cassette::Recorder;
//! use b2kit::{Client, Credentials};
//! # use b2kit::backend::emulator::Emulator;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("buckets.yaml");
//! # let http = Emulator::new();
//! # let (id, key, url) = (http.key_id().to_owned(), http.key().to_owned(), http.url().to_owned());
//! # let credentials = Credentials::new(id.as_str(), key.as_str())?;
//! // `http` is any backend, such as b2kit::backend::hyper::HyperClient::new()?
//! let recorder = Recorder::new(http, &path);
//! let b2 = Client::builder()
//!     .credentials(credentials)
//!     .backend(recorder.clone())
//! #   .endpoint(&url)
//!     .build()?;
//! futures::executor::block_on(b2.call(ListBuckets::new()))?;
//! recorder.save()?;
//!
//! let text = std::fs::read_to_string(&path)?;
//! assert!(text.contains("b2_list_buckets") && text.contains("hidden-account-id"));
//! assert!(!text.contains(&key));
//! # Ok(()) }
//! ```
//! [`Recorder`] says what is hidden and how to hide more.
//!
//! # Replaying
//! ```
//! use b2kit::api::ListBuckets;
//! use b2kit::backend::cassette::Player;
//! use b2kit::{Client, Credentials};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let player = Player::parse(r#"
//! - Request:
//!     method: POST
//!     url: https://api002.backblazeb2.com/b2api/v4/b2_list_buckets
//!     headers:
//!       content-type: [application/json]
//!     body: '{"accountId": "hidden-account-id"}'
//! - Response:
//!     status: 200
//!     version: ~
//!     headers:
//!       content-type: [application/json]
//!     body: '{"buckets": []}'
//! "#)?; // or Player::open(path)
//! # use b2kit::{ApiVersion, Session, types::Secret};
//! # let (api, files) = ("https://api002.backblazeb2.com", "https://f002.backblazeb2.com");
//! # let session = Session::new(ApiVersion::V4, "d2e6b27577ea", Secret::new("t"), api, files);
//! let b2 = Client::builder()
//!     .session(session) // or credentials, where the login was recorded too
//!     .backend(player.clone())
//!     .build()?;
//! let listed = futures::executor::block_on(b2.call(ListBuckets::new()))?;
//! assert!(listed.buckets.is_empty());
//! player.finish()?; // all was played
//!
//! let error = futures::executor::block_on(b2.call(ListBuckets::new())).unwrap_err(); // each answer plays once
//! assert!(format!("{error:#}").contains("already played: request 1 (line 2)"));
//! # Ok(()) }
//! ```
//! [`Player`] says when a request is the recorded one, and [`Mismatch`] what a report looks like.
//!
//! # The format
//! A recording is a stream of YAML documents, in UTF-8. The first tells the version; each other is one interaction:
//! ```yaml
//! b2kit-cassette: 1
//! ---
//! - Request:
//!     method: "GET"
//!     url: "https://f002.backblazeb2.com/file/photos/cat.jpg"
//!     headers:
//!       range:
//!         - "bytes=0-3"
//!     body: ""
//! - Response:
//!     status: 206
//!     version: "HTTP/1.1"
//!     headers: ~
//!     body:
//!       base64: "/9j/4A=="
//! ```
//! - Every value is text, whatever it looks like: `yes`, `1e3` and `0x10` are themselves. `~` is nothing.
//! - A header has a list of values, or one. What is not UTF-8 is `{base64: …}`.
//! - A body is text; or `{base64: …}`; or, where it was too large or too secret to be kept,
//!   `{omitted: {length: …, sha1: …}}`, of which the SHA-1 may be absent. In a request such a body stands for any of that
//!   length and SHA-1.
//! - A response with `cut: true` broke off, or was not read further. It plays to there and ends with an error.
//! - Keys that are not named here, anchors, aliases, tags and keys that stand twice are errors.
//!
//! Recordings may be edited by hand. A response's `content-length` is corrected to its body when it plays.
//!
//! A recording without the first document is of version 0: recordings that other programs made in this shape. In these, a
//! request's body whose length is not the recorded `content-length` stands for any body of that length (and of the SHA-1
//! in `x-bz-content-sha1`), and a body may be a list of bytes.
//!
//! # What it leaves to others
//! Time: nothing here waits or asks the clock, so a recording's dates are old when it plays. Retries and the meaning of
//! a status are the client's. Failed requests are not recorded.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod digest;
mod encodings;
mod error;
mod format;
mod interaction;
mod json;
mod matching;
mod mismatch;
mod player;
mod read;
mod recorder;
mod redaction;
mod replay;
mod secret_fields;
mod secret_search;
mod secrets;
mod secrets_in_text;
mod session_log;
mod sync;
mod tee;
mod write;
mod yaml;

pub use error::CassetteError;
pub use format::DEFAULT_FILE_LIMIT;
pub use interaction::{Interaction, RecordedBody, RecordedRequest, RecordedResponse};
pub use mismatch::{Mismatch, Summary, Unplayed};
pub use player::Player;
pub use recorder::Recorder;
