//! What isahc's and libcurl's errors mean: kind and phase.

use std::io;

use b2kit_core::adapter::{Upload, find};
use b2kit_core::{HttpError, HttpErrorKind, Phase};

/// No response came.
pub(crate) fn send_error(error: isahc::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    let (kind, phase) = match find::<curl::Error>(&error) {
        Some(curl) => judged(curl),
        None if *error.kind() == isahc::error::ErrorKind::InvalidRequest => {
            (HttpErrorKind::Invalid, Phase::NotSent)
        }
        // A line of the head that isahc could not read.
        None => (HttpErrorKind::Protocol, Phase::MaybeReceived),
    };
    HttpError::new(kind, phase).with_source(error)
}

/// The response's body broke off.
pub(crate) fn receive_error(error: io::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::ResponseBegun).with_source(source);
    }
    let kind = find::<curl::Error>(&error).map_or(HttpErrorKind::Closed, |curl| judged(curl).0);
    HttpError::new(kind, Phase::ResponseBegun).with_source(error)
}

/// What libcurl's codes mean. They say what it was doing, and not always what happened.
fn judged(error: &curl::Error) -> (HttpErrorKind, Phase) {
    use HttpErrorKind as K;
    if error.is_couldnt_resolve_host() || error.is_couldnt_resolve_proxy() {
        (K::Resolve, Phase::NotSent)
    } else if error.is_couldnt_connect()
        || error.is_interface_failed()
        // Nothing but the time to connect has a limit.
        || error.is_operation_timedout()
        // In the handshake. It may also have been no TLS at all, which will not be better next time.
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
