//! The errors whose status, code or message B2 does not document.

use super::api_error::ApiError;
use super::version::ApiVersion;

/// `Authorization` is missing on an API call. Older documents have `missing_auth_token`, and before
/// that a 400.
pub(crate) fn no_authorization() -> ApiError {
    ApiError::new(401, "bad_auth_token", "No Authorization header")
}

/// A private file is requested without a token, or with one that does not give access to it.
pub(crate) fn private_download() -> ApiError {
    ApiError::unauthorized("")
}

/// `accountId` is not the account of the token. Older documents have 400 "Account … does not
/// exist".
pub(crate) fn wrong_account() -> ApiError {
    ApiError::unauthorized("accountId does not belong to this authorization token")
}

/// There is no such call or API version.
pub(crate) fn unknown_call(path: &str) -> ApiError {
    ApiError::not_found(format!("Unknown path: {path}"))
}

/// The method is not allowed. The code is documented, the message is not.
pub(crate) fn wrong_method(allowed: &str) -> ApiError {
    ApiError::method_not_allowed(format!("Only {allowed} is supported"))
}

/// The body is not a JSON object. The code is in the SDKs' lists, the message is ours.
pub(crate) fn bad_json() -> ApiError {
    ApiError::new(
        400,
        "bad_json",
        "The body of the request is not a JSON object",
    )
}

/// The JSON body exceeds the limit.
pub(crate) fn body_too_large() -> ApiError {
    ApiError::bad_request("The body of the request is too large")
}

/// A required field is missing.
pub(crate) fn missing_field(name: &str) -> ApiError {
    ApiError::bad_request(format!("required field {name} is missing"))
}

/// A field has the wrong type.
pub(crate) fn wrong_type(name: &str, wanted: &str) -> ApiError {
    ApiError::bad_request(format!("{name} must be {wanted}"))
}

/// A required header is missing.
pub(crate) fn missing_header(name: &str) -> ApiError {
    ApiError::bad_request(format!("Missing header: {name}"))
}

/// An upload without `Content-Length`. The documents rule out chunked uploads, but not how B2
/// answers one.
pub(crate) fn chunked_upload() -> ApiError {
    ApiError::bad_request("Chunked uploads are not supported: Content-Length is required")
}

/// An upload or copy exceeds the maximum size.
pub(crate) fn upload_too_large(len: u64) -> ApiError {
    ApiError::bad_request(format!("Upload too large: {len} bytes"))
}

/// A part other than the last is below the minimum size. Status and code are documented.
pub(crate) fn part_too_small(number: u64, len: u64, least: u64) -> ApiError {
    ApiError::bad_request(format!(
        "part number {number} is too small: {len} bytes, but the minimum is {least}"
    ))
}

/// `b2_finish_large_file` lists fewer parts than were uploaded. Not documented; an error loses no
/// bytes.
pub(crate) fn more_parts_than_named(uploaded: usize, named: usize) -> ApiError {
    ApiError::bad_request(format!(
        "partSha1Array has {named} parts, but {uploaded} were uploaded"
    ))
}

/// A handler panicked: a bug of the emulator, answered like any server's.
#[cfg(feature = "server")]
pub(crate) fn panicked() -> ApiError {
    ApiError::new(
        500,
        "internal_error",
        "Internal error of the emulator: see its log",
    )
}

/// The maximum number of connections is reached.
#[cfg(feature = "server")]
pub(crate) fn full() -> ApiError {
    ApiError::new(503, "service_unavailable", "too many connections")
}

/// The request's `Host` is not this server's. B2 has no such error.
#[cfg(feature = "server")]
pub(crate) fn other_host() -> ApiError {
    ApiError::new(
        421,
        "misdirected_request",
        "The Host of the request is not this server's: --url or only_hosts names others",
    )
}

/// The request was sent to the origin of another role.
#[cfg(feature = "server")]
pub(crate) fn other_origin(origin: &str) -> ApiError {
    ApiError::new(
        421,
        "misdirected_request",
        format!("API, uploads and downloads have different origins here: send this to {origin}"),
    )
}

/// The emulator's own storage failed.
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

/// The state that a download would show can't be persisted, so a restart would show another.
pub(crate) fn not_persisted(error: &std::io::Error) -> ApiError {
    ApiError::new(
        503,
        "service_unavailable",
        format!("The emulator's own storage failed: {error}"),
    )
}

/// The content has no SHA-1. Unreachable: content without one is hashed.
pub(crate) fn unhashed() -> ApiError {
    ApiError::new(500, "internal_error", "The content was not hashed")
}

/// A key made with `bucketIds` is used with an older API version. The message is the one reported
/// for `b2_authorize_account`; for `b2_delete_key`, documented to fail too, none is on record.
pub(crate) fn not_in_this_version(version: ApiVersion) -> ApiError {
    let number = version.segment().trim_start_matches('v');
    ApiError::bad_request(format!(
        "This request is not currently supported on API version number {number}"
    ))
}

/// `startFileId` without `startFileName`. Documented as required together, without the error.
pub(crate) fn start_id_without_name() -> ApiError {
    ApiError::bad_request("startFileName must be provided if startFileId is provided")
}

/// Object Lock protects the version. The tests of the `b2` CLI expect this message.
pub(crate) fn locked() -> ApiError {
    ApiError::new(401, "access_denied", "Access Denied")
}

/// The wrong customer key. Seen for downloads; assumed for copies and parts.
pub(crate) fn wrong_customer_key() -> ApiError {
    ApiError::new(403, "access_denied", "The wrong customer key was given")
}

/// A customer key for a file that is not encrypted with one. Not recorded; S3 refuses it as well.
pub(crate) fn key_without_need() -> ApiError {
    ApiError::bad_request("A customer key was given, but the file is not encrypted with one")
}

/// The encryption stated for a part or a copy's source is not the actual one.
pub(crate) fn other_encryption(name: &str) -> ApiError {
    ApiError::bad_request(format!("{name} doesn't match the file's encryption"))
}

/// `none` where B2 encrypts everything. Known to be refused; the message is ours.
pub(crate) fn no_encryption(name: &str) -> ApiError {
    ApiError::bad_request(format!(
        "Invalid {name}: the mode none is no longer supported"
    ))
}

/// The call has no such field. The message is as seen, except for the names of B2's own classes.
pub(crate) fn unknown_field(place: &str, name: &str) -> ApiError {
    ApiError::bad_request(format!("unknown field in {place}: {name}"))
}

/// A download states another override than its download authorization. Documented as an error, but
/// not which one.
pub(crate) fn other_override(parameter: &str) -> ApiError {
    let message = format!("The download authorization doesn't allow this {parameter}");
    ApiError::unauthorized(message)
}

/// No CORS rule allows a preflight. Documented as refused, without the response.
pub(crate) fn preflight_denied() -> ApiError {
    ApiError::new(403, "access_denied", "No CORS rule allows this request")
}

/// Two notification rules cover the same events of the same names. Documented as forbidden, without
/// the code.
pub(crate) fn overlapping_notifications(one: &str, other: &str) -> ApiError {
    ApiError::bad_request(format!(
        "The event notification rules {one} and {other} overlap"
    ))
}
