//! The fuzz targets, as plain functions: libFuzzer runs them on generated inputs (`fuzz_targets/`), and a test on the
//! corpus (`tests/corpus.rs`). Each has an oracle: it panics if the code contradicts itself or a second implementation
//! of the same rules.

pub mod byte_range;
pub mod cassette;
pub mod download_headers;
pub mod emulator_http;
pub mod error_document;
pub mod error_redaction;
pub mod journal;
pub mod local_path;
pub mod partial_state;
pub mod percent;
pub mod range_set;
pub mod recorder_redaction;
pub mod replies;
pub mod resume_token;
pub mod retry_after;
mod secret_forms;
pub mod session;
pub mod sync_merge;
pub mod webhook;
mod wire;

/// A target's name, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("percent", percent::run),
    ("replies", replies::run),
    ("error_document", error_document::run),
    ("session", session::run),
    ("resume_token", resume_token::run),
    ("partial_state", partial_state::run),
    ("webhook", webhook::run),
    ("download_headers", download_headers::run),
    ("retry_after", retry_after::run),
    ("byte_range", byte_range::run),
    ("range_set", range_set::run),
    ("local_path", local_path::run),
    ("sync_merge", sync_merge::run),
    ("cassette", cassette::run),
    ("recorder_redaction", recorder_redaction::run),
    ("error_redaction", error_redaction::run),
    ("journal", journal::run),
    ("emulator_http", emulator_http::run),
];
