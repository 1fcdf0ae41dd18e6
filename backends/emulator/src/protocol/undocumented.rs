//! The errors whose status, code or message B2 does not document.

use super::api_error::ApiError;
use super::version::ApiVersion;

/// `Authorization` is missing on an API call: older documents have `missing_auth_token`, and before that a 400.
pub(crate) fn no_authorization() -> ApiError {
    ApiError::new(401, "bad_auth_token", "No Authorization header")
}

/// A private file without a token, or with one that doesn't reach it.
pub(crate) fn private_download() -> ApiError {
    ApiError::unauthorized("")
}

/// `accountId` in the request is not the account of the token: older documents say 400 "Account … does not exist".
pub(crate) fn wrong_account() -> ApiError {
    ApiError::unauthorized("accountId does not belong to this authorization token")
}

/// No call of this name, or no such version.
pub(crate) fn unknown_call(path: &str) -> ApiError {
    ApiError::not_found(format!("Unknown path: {path}"))
}

/// The code is documented, the message isn't.
pub(crate) fn wrong_method(allowed: &str) -> ApiError {
    ApiError::method_not_allowed(format!("Only {allowed} is supported"))
}

/// The body isn't a JSON object. The code stands in the lists of the SDKs, the message is ours.
pub(crate) fn bad_json() -> ApiError {
    ApiError::new(
        400,
        "bad_json",
        "The body of the request is not a JSON object",
    )
}

/// A body that is larger than any honest call's.
pub(crate) fn body_too_large() -> ApiError {
    ApiError::bad_request("The body of the request is too large")
}

/// A field that must be there isn't.
pub(crate) fn missing_field(name: &str) -> ApiError {
    ApiError::bad_request(format!("required field {name} is missing"))
}

/// A field has the wrong type.
pub(crate) fn wrong_type(name: &str, wanted: &str) -> ApiError {
    ApiError::bad_request(format!("{name} must be {wanted}"))
}

/// A header that must be there isn't.
pub(crate) fn missing_header(name: &str) -> ApiError {
    ApiError::bad_request(format!("Missing header: {name}"))
}

/// Uploads need `Content-Length`; chunked ones are not supported, say the documents, without the answer.
pub(crate) fn chunked_upload() -> ApiError {
    ApiError::bad_request("Chunked uploads are not supported: Content-Length is required")
}

/// The length is beyond what one upload or copy may have.
pub(crate) fn upload_too_large(len: u64) -> ApiError {
    ApiError::bad_request(format!("Upload too large: {len} bytes"))
}

/// A part, but the last, is smaller than the least size. The status and code are documented.
pub(crate) fn part_too_small(number: u64, len: u64, least: u64) -> ApiError {
    ApiError::bad_request(format!(
        "part number {number} is too small: {len} bytes, but the minimum is {least}"
    ))
}

/// `b2_finish_large_file` names fewer parts than were uploaded: undefined; a error loses nobody's bytes.
pub(crate) fn more_parts_than_named(uploaded: usize, named: usize) -> ApiError {
    ApiError::bad_request(format!(
        "partSha1Array has {named} parts, but {uploaded} were uploaded"
    ))
}

/// A handler panicked: an error of ours, answered as any server's.
#[cfg(feature = "server")]
pub(crate) fn panicked() -> ApiError {
    ApiError::new(
        500,
        "internal_error",
        "The emulator made a mistake: see its log",
    )
}

/// There are as many connections as there may be.
#[cfg(feature = "server")]
pub(crate) fn full() -> ApiError {
    ApiError::new(503, "service_unavailable", "too many connections")
}

/// The request names a host that isn't ours: nothing that B2 has to answer.
#[cfg(feature = "server")]
pub(crate) fn other_host() -> ApiError {
    ApiError::new(
        421,
        "misdirected_request",
        "The Host of the request is not this server's: --url or only_hosts names others",
    )
}

/// The request came to the origin of something else.
#[cfg(feature = "server")]
pub(crate) fn other_origin(origin: &str) -> ApiError {
    ApiError::new(
        421,
        "misdirected_request",
        format!("API, uploads and downloads have different origins here: this belongs to {origin}"),
    )
}

/// The emulator's own store or journal doesn't work, as for any server that breaks.
pub(crate) fn storage_failed(error: &std::io::Error) -> ApiError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        return ApiError::storage_cap_exceeded();
    }
    ApiError::new(
        500,
        "internal_error",
        format!("The emulator's own storage failed: {error}"),
    )
}

/// What a download would say can't be written down, and a restart would say something else.
pub(crate) fn not_persisted(error: &std::io::Error) -> ApiError {
    ApiError::new(
        503,
        "service_unavailable",
        format!("The emulator's own storage failed: {error}"),
    )
}

/// Content without a SHA-1: what nobody has claimed is hashed, so nobody sees this.
pub(crate) fn unhashed() -> ApiError {
    ApiError::new(500, "internal_error", "The content was not hashed")
}

/// A key that was made with `bucketIds` meets an older version. This is what authorizing says, by many reports from the
/// field; nobody has recorded what deleting such a key says, which is documented to fail.
pub(crate) fn not_in_this_version(version: ApiVersion) -> ApiError {
    let number = version.segment().trim_start_matches('v');
    ApiError::bad_request(format!(
        "This request is not currently supported on API version number {number}"
    ))
}

/// `startFileId` without `startFileName`: documented as required together, without the answer.
pub(crate) fn start_id_without_name() -> ApiError {
    ApiError::bad_request("startFileName must be provided if startFileId is provided")
}

/// A version that Object Lock keeps. The `b2` CLI's tests wait for this message.
pub(crate) fn locked() -> ApiError {
    ApiError::new(401, "access_denied", "Access Denied")
}

/// The wrong key for an encrypted file: seen for downloads; the same here for copies and parts.
pub(crate) fn wrong_customer_key() -> ApiError {
    ApiError::new(403, "access_denied", "The wrong customer key was given")
}

/// A key for what isn't encrypted with one: nobody has recorded it; S3 refuses it too.
pub(crate) fn key_without_need() -> ApiError {
    ApiError::bad_request("A customer key was given, but none is needed")
}

/// A part or the source of a copy is said to be encrypted in another way than it is: parts follow their large file.
pub(crate) fn other_encryption(name: &str) -> ApiError {
    ApiError::bad_request(format!("{name} is not how this is encrypted"))
}

/// `none` where B2 encrypts everything: that it is refused is known, the message isn't.
pub(crate) fn no_encryption(name: &str) -> ApiError {
    ApiError::bad_request(format!(
        "Invalid {name}: the mode none is no longer supported"
    ))
}

/// A field that this call doesn't know. The message is as seen in the field, but for the names of B2's own classes.
pub(crate) fn unknown_field(place: &str, name: &str) -> ApiError {
    ApiError::bad_request(format!("unknown field in {place}: {name}"))
}

/// A download authorization fixes its overrides: the documents say that they must be the same, without the answer.
pub(crate) fn other_override(parameter: &str) -> ApiError {
    let message = format!("{parameter} is not what the download authorization allows");
    ApiError::unauthorized(message)
}

/// A preflight that no rule allows: that it is refused is documented, the answer isn't.
pub(crate) fn preflight_denied() -> ApiError {
    ApiError::new(403, "access_denied", "No CORS rule allows this")
}

/// Two notification rules want the same events of the same names: forbidden, by a code that isn't written down.
pub(crate) fn overlapping_notifications(one: &str, other: &str) -> ApiError {
    ApiError::bad_request(format!(
        "The event notification rules {one} and {other} overlap"
    ))
}
