//! Event notifications: verifies the signature of a webhook's body and parses it into typed events.
//!
//! A server that receives a webhook passes the raw body and the header [`SIGNATURE_HEADER`] to
//! [`verify`], and gets the events only if B2 has signed exactly these bytes with a secret that
//! both sides know. It has to respond with 200 within three seconds, or B2 sends the events again.
//!
//! B2 delivers each event at least once and in no particular order. A program that must act on an
//! event only once has to remember the [`event_id`](Event::event_id)s that it has seen, which also
//! protects it from replayed requests.
//!
//! ```
//! use b2kit::types::Secret;
//! use b2kit::webhook;
//!
//! let secret = Secret::new("3XDfkdQte2OgA78qCtSD17LAzpj6ay9H");
//! let body = br#"{"events":[]}"#; // as it came, byte for byte
//! let header = Some("v1=c8a2772124a93762fec96147690e81237c5af4fae95ede2255e2b73eb8c62218");
//! match webhook::verify(body, header, &[secret]) {
//!     Ok(notification) => assert!(notification.events.is_empty()),
//!     Err(error) => panic!("to be answered with {}: {error}", error.status()),
//! }
//! ```

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::types::json_path::{self, path_of_error};
use crate::types::{
    AccountId, BucketId, BucketName, EventType, FileId, FileName, Quoted, Secret, Timestamp, hex,
};

/// The header in which B2 sends the signature. If a server splits it into several headers, join
/// their values with commas.
pub const SIGNATURE_HEADER: &str = "X-Bz-Event-Notification-Signature";

/// The maximum size of a body. B2's bodies are far smaller, with at most 50 events.
pub const MAX_BODY: usize = 1 << 20;

/// The maximum size of the header: room for more than a hundred signatures.
const MAX_HEADER: usize = 8 << 10;

/// The content of one POST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notification {
    /// The events, in no particular order.
    pub events: Vec<Event>,
}

/// An event in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// The account that owns the bucket.
    pub account_id: AccountId,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The bucket's name.
    pub bucket_name: BucketName,
    /// The event's id. A redelivered event has the same id.
    pub event_id: Box<str>,
    /// When it happened.
    pub event_timestamp: Timestamp,
    /// The type of event.
    pub event_type: EventType,
    /// The version of the event's format: 1 so far.
    pub event_version: u32,
    /// The name of the rule that matched the event.
    pub matched_rule_name: Box<str>,
    /// The file's name; `None` for a test event.
    pub object_name: Option<FileName>,
    /// The file's size in bytes, if B2 says it.
    pub object_size: Option<u64>,
    /// The version's id; `None` for a test event.
    pub object_version_id: Option<FileId>,
}

/// Why a body was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is no secret to verify with, or an empty one: the receiver is misconfigured.
    NoSecret,
    /// The body is larger than [`MAX_BODY`]. It was not read.
    TooLarge,
    /// The signature is missing.
    MissingSignature,
    /// The header has no signature of the known format: `v1=` and 64 lower-case hexadecimal digits.
    MalformedSignature,
    /// The body was not signed with any of the secrets, or was changed after it was signed.
    WrongSignature,
    /// The body is not a notification; with the path of the invalid field.
    NotANotification(String),
}

impl WebhookError {
    /// The HTTP status to respond with. B2 treats them all alike: after anything but 200 it sends
    /// the events again.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoSecret => 500,
            Self::TooLarge => 413,
            Self::MissingSignature | Self::MalformedSignature | Self::WrongSignature => 401,
            Self::NotANotification(_) => 400,
        }
    }
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSecret => "no secret was given to verify the webhook's signature with",
            Self::TooLarge => "the webhook's body has more than 1 MiB",
            Self::MissingSignature => "the webhook has no signature",
            Self::MalformedSignature => "the webhook's signature has an unknown format",
            Self::WrongSignature => "the webhook's signature doesn't match its body",
            Self::NotANotification(place) => {
                return write!(f, "the webhook's body is not a notification: {place}");
            }
        })
    }
}

impl std::error::Error for WebhookError {}

/// Verifies B2's signature of this body, and parses it.
///
/// `raw_body` is the body as received, byte for byte; `signature_header` is the value of
/// [`SIGNATURE_HEADER`]. With several secrets, a signature with any one of them is valid, so
/// secrets can be rotated. The comparison takes constant time.
///
/// # Errors
/// See [`WebhookError`]. Except for [`NotANotification`](WebhookError::NotANotification), the body
/// was not parsed.
pub fn verify(
    raw_body: &[u8],
    signature_header: Option<&str>,
    secrets: &[Secret],
) -> Result<Notification, WebhookError> {
    // An empty secret was never filled in, and anybody can sign with it.
    if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().is_empty()) {
        return Err(WebhookError::NoSecret);
    }
    if raw_body.len() > MAX_BODY {
        return Err(WebhookError::TooLarge);
    }
    let header = signature_header
        .filter(|header| !header.trim().is_empty())
        .ok_or(WebhookError::MissingSignature)?;
    let signatures = signatures(header);
    if signatures.is_empty() {
        return Err(WebhookError::MalformedSignature);
    }
    let mut signed = false;
    for secret in secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(raw_body);
        for signature in &signatures {
            signed |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    if !signed {
        return Err(WebhookError::WrongSignature);
    }
    read(raw_body)
}

/// The signatures of version `v1` in a list that may contain others.
fn signatures(header: &str) -> Vec<[u8; 32]> {
    if header.len() > MAX_HEADER {
        return Vec::new();
    }
    let entries = header.split(',');
    entries
        .filter_map(|entry| signature(entry.trim().strip_prefix("v1=")?))
        .collect()
}

/// A signature of 64 digits in lower case, as B2 writes them.
fn signature(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let is_lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_lower && hex::decode(digits.as_bytes(), &mut bytes)).then_some(bytes)
}

/// The document on the wire. The public types are not `Deserialize`, so events can't be parsed
/// without verifying the signature.
#[derive(Deserialize)]
struct Wire {
    events: Vec<WireEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEvent {
    account_id: AccountId,
    bucket_id: BucketId,
    bucket_name: Box<str>,
    event_id: Box<str>,
    event_timestamp: Timestamp,
    event_type: EventType,
    event_version: u32,
    matched_rule_name: Box<str>,
    object_name: Option<Box<str>>,
    object_size: Option<u64>,
    object_version_id: Option<FileId>,
}

fn read(raw_body: &[u8]) -> Result<Notification, WebhookError> {
    let mut json = serde_json::Deserializer::from_slice(raw_body);
    let wire = Wire::deserialize(&mut json).map_err(|error| {
        let path = match json_path::text(&path_of_error(&error, raw_body), |key| key) {
            document if document.is_empty() => ".".to_owned(),
            path => path,
        };
        let (line, column) = (error.line(), error.column());
        WebhookError::NotANotification(format!("{} at line {line} column {column}", Quoted(&path)))
    })?;
    json.end()
        .map_err(|_| WebhookError::NotANotification("there is more text after it".to_owned()))?;
    let event = |event: WireEvent| Event {
        account_id: event.account_id,
        bucket_id: event.bucket_id,
        bucket_name: BucketName::new_unchecked(event.bucket_name),
        event_id: event.event_id,
        event_timestamp: event.event_timestamp,
        event_type: event.event_type,
        event_version: event.event_version,
        matched_rule_name: event.matched_rule_name,
        object_name: event.object_name.map(FileName::new_unchecked),
        object_size: event.object_size,
        object_version_id: event.object_version_id,
    };
    Ok(Notification {
        events: wire.events.into_iter().map(event).collect(),
    })
}
