//! Private functions that `crate::fuzzing` re-exports.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::redaction::Redactor;
use super::retry::retry_after;
use crate::types::Secret;

/// The text, as a client shows it in an error whose secrets these are.
pub fn redacted(secrets: &[Secret], text: &str) -> String {
    let redactor = Redactor::default();
    for secret in secrets {
        redactor.learn(secret);
    }
    redactor.redacted(text)
}

/// See `retry_after::retry_after`.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry_after::retry_after(headers)
}

/// See `retry_after::server_time`.
pub fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    retry_after::server_time(headers)
}
