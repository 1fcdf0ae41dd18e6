//! Converts the errors of isahc and libcurl.

use std::io;

use b2kit_core::adapter::{Upload, find};
use b2kit_core::{HttpError, HttpErrorKind, Phase};

/// The error of a request without a response.
pub(crate) fn send_error(error: isahc::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    let (kind, phase) = match find::<curl::Error>(&error) {
        Some(curl) => kind_and_phase(curl),
        None if *error.kind() == isahc::error::ErrorKind::InvalidRequest => {
            (HttpErrorKind::Invalid, Phase::NotSent)
        }
        // A line of the head that isahc could not parse.
        None => (HttpErrorKind::Protocol, Phase::MaybeReceived),
    };
    HttpError::new(kind, phase).with_source(error)
}

/// The error of a response's body.
pub(crate) fn receive_error(error: io::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::ResponseBegun).with_source(source);
    }
    let kind =
        find::<curl::Error>(&error).map_or(HttpErrorKind::Closed, |curl| kind_and_phase(curl).0);
    HttpError::new(kind, Phase::ResponseBegun).with_source(error)
}

/// The meaning of libcurl's codes, which say what it was doing rather than what happened.
fn kind_and_phase(error: &curl::Error) -> (HttpErrorKind, Phase) {
    use HttpErrorKind as K;
    if error.is_couldnt_resolve_host() || error.is_couldnt_resolve_proxy() {
        (K::Resolve, Phase::NotSent)
    } else if error.is_couldnt_connect()
        || error.is_interface_failed()
        // Only connecting has a timeout.
        || error.is_operation_timedout()
        // In the handshake. It may also be a server without TLS, where a retry will not help.
        || error.is_ssl_connect_error()
    {
        (K::Connect, Phase::NotSent)
    } else if error.is_peer_failed_verification()
        || error.is_ssl_cacert()
        || error.is_ssl_certproblem()
        || error.is_ssl_cipher()
        || error.is_ssl_cacert_badfile()
        || error.is_ssl_issuer_error()
        || error.is_ssl_engine_initfailed()
    {
        (K::Tls, Phase::NotSent)
    } else if error.is_url_malformed() {
        (K::Invalid, Phase::NotSent)
    } else if error.is_got_nothing() || error.is_partial_file() || error.is_send_fail_rewind() {
        (K::Closed, Phase::MaybeReceived)
    } else if error.is_send_error() || error.is_recv_error() {
        (K::Reset, Phase::MaybeReceived)
    } else {
        (K::Protocol, Phase::MaybeReceived)
    }
}
