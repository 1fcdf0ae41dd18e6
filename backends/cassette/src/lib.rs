//! Record HTTP sessions with B2 as YAML, and replay them without a network or a key.
//!
//! [`Recorder`] is a backend that forwards each request to another backend and records the exchange. [`Player`] is a
//! backend that answers from such a recording.
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
//! [`Recorder`] lists what is redacted, and how to redact more.
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
//!     .session(session) // or credentials, if the authorization was recorded too
//!     .backend(player.clone())
//!     .build()?;
//! let listed = futures::executor::block_on(b2.call(ListBuckets::new()))?;
//! assert!(listed.buckets.is_empty());
//! player.finish()?; // everything was played
//!
//! let error = futures::executor::block_on(b2.call(ListBuckets::new())).unwrap_err(); // each response plays once
//! assert!(format!("{error:#}").contains("already played: request 1 (line 2)"));
//! # Ok(()) }
//! ```
//! [`Player`] says how requests are matched, and [`Mismatch`] shows the report of a request that matches nothing.
//!
//! # The format
//! A recording is a stream of YAML documents, in UTF-8. The first gives the version; each of the others is one
//! interaction:
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
//! - Every scalar is text: `yes`, `1e3` and `0x10` have no special meaning. `~` is null.
//! - A header has one value or a list of values. A value that is not UTF-8 is `{base64: …}`.
//! - A body is text; or `{base64: …}`; or, if it was too large or could not be redacted, `{omitted: {length: …, sha1:
//!   …}}`, where the SHA-1 may be absent. In a request such a body matches any body of that length and SHA-1.
//! - A response with `cut: true` was interrupted or not read to its end. Its replay returns the bytes that were read,
//!   then an error.
//! - Unknown keys, duplicate keys, anchors, aliases and tags are errors.
//!
//! Recordings may be edited by hand. When a response is replayed, its `content-length` is corrected to the length of
//! its body.
//!
//! A recording without the first document has version 0, which other programs wrote. There, a request's body whose
//! length differs from the recorded `content-length` matches any body of that length (and of the SHA-1 in
//! `x-bz-content-sha1`), and a body may be a list of bytes.
//!
//! # What it does not do
//! It has no notion of time: nothing here waits or reads the clock, and the dates in a recording are those of the
//! recorded session. It neither retries nor interprets statuses, which is up to the client. Failed requests are not
//! recorded.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod digest;
mod encodings;
mod error;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod hidden_body;
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
