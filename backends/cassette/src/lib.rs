//! Record HTTP sessions with B2 as YAML, and replay them without a network or a key.
//!
//! [`Recorder`] is a backend that passes each request on to another backend and writes down what was said. [`Player`] is
//! a backend that answers from such a recording. What stands above them can't tell them from the real thing.
//!
//! # Recording
//! ```
//! use b2kit_cassette::Recorder;
//! use b2kit_core::{Body, HttpClient, Request, Response, http};
//! # let server = async |_: Request| Ok(Response::new(r#"{"accountId":"d2e6b27577ea","buckets":[]}"#.into()));
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("buckets.yaml");
//!
//! let recorder = Recorder::new(server, &path); // `server` is any backend
//! # futures::executor::block_on(async {
//! let request = http::Request::post("https://api002.backblazeb2.com/b2api/v4/b2_list_buckets")
//!     .header("authorization", "4_002d2e6b27577ea0000000001_acct")
//!     .body(Body::from(r#"{"accountId":"d2e6b27577ea"}"#))?;
//! let response = recorder.send(request).await?;
//! response.into_body().collect(1 << 20).await?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! recorder.save()?;
//!
//! let text = std::fs::read_to_string(&path)?;
//! assert!(text.contains(r#"- "hidden-authorization-token""#));
//! assert!(text.contains(r#"body: "{\"accountId\":\"hidden-account-id\"}""#));
//! assert!(!text.contains("d2e6b27577ea"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//! [`Recorder`] says what is hidden and how to hide more.
//!
//! # Replaying
//! ```
//! use b2kit_cassette::Player;
//! use b2kit_core::{Body, HttpClient, http};
//!
//! let player = Player::parse(r#"
//! - Request:
//!     method: POST
//!     url: https://api002.backblazeb2.com/b2api/v4/b2_list_buckets
//!     headers: ~
//!     body: '{"accountId": "hidden-account-id", "bucketName": null}'
//! - Response:
//!     status: 200
//!     version: ~
//!     headers:
//!       content-type: [application/json]
//!     body: '{"buckets": []}'
//! "#)?; // or Player::open(path)
//! # futures::executor::block_on(async {
//! let request = || {
//!     http::Request::post("https://api002.backblazeb2.com/b2api/v4/b2_list_buckets")
//!         .body(Body::from(r#"{"accountId":"d2e6b27577ea"}"#))
//! };
//! let response = player.send(request()?).await?;
//! assert_eq!(response.status(), 200);
//!
//! let error = player.send(request()?).await.unwrap_err(); // each answer plays once
//! let miss = std::error::Error::source(&error).unwrap().to_string();
//! assert!(miss.contains("already played: request 1 (line 2)"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! player.finish()?; // all was played
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//! [`Player`] says when a request is the recorded one, and [`Miss`] what a report looks like.
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

mod error;
mod hex;
mod interaction;
mod json;
mod matching;
mod miss;
mod places;
mod player;
mod read;
mod recorder;
mod redaction;
mod reel;
mod replay;
mod sample;
mod search;
mod secrets;
mod tee;
mod text_secrets;
mod tree;
mod views;
mod write;

pub use error::CassetteError;
pub use interaction::{Interaction, RecordedBody, RecordedRequest, RecordedResponse};
pub use miss::{Miss, Summary, Unplayed};
pub use player::Player;
pub use recorder::Recorder;

/// The size of a recording that is read or written unless told otherwise: 16 MiB.
pub const DEFAULT_FILE_LIMIT: u64 = 16 << 20;
