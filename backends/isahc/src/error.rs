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
        None => (HttpErrorKind::Other, Phase::MaybeReceived),
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

/// libcurl has a code for what it was doing; what happened to the connection is often in its text alone.
fn judged(error: &curl::Error) -> (HttpErrorKind, Phase) {
    use HttpErrorKind as K;
    let text = error.extra_description().unwrap_or_default();
    let says = |words: &str| text.contains(words);
    if error.is_couldnt_resolve_host() || error.is_couldnt_resolve_proxy() {
        (K::Resolve, Phase::NotSent)
    } else if error.is_couldnt_connect() || error.is_interface_failed() {
        (K::Connect, Phase::NotSent)
    } else if error.is_operation_timedout() {
        if says("onnection time") || says("Resolving timed out") || says("onnect to") {
            (K::Connect, Phase::NotSent)
        } else {
            (K::Timeout, Phase::MaybeReceived)
        }
    } else if error.is_ssl_connect_error() {
        // Also a socket that closes in the middle of the handshake: that may be better next time.
        if says("EOF") || says("reset") || says("closed") || text.is_empty() {
            (K::Connect, Phase::NotSent)
        } else {
            (K::Tls, Phase::NotSent)
        }
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
    } else {
        (exchange_kind(error, says), Phase::MaybeReceived)
    }
}

/// What went wrong on a connection that was there.
fn exchange_kind(error: &curl::Error, says: impl Fn(&str) -> bool) -> HttpErrorKind {
    if says("reset") || says("Broken pipe") || says("aborted") {
        HttpErrorKind::Reset
    } else if error.is_got_nothing()
        || error.is_partial_file()
        || error.is_send_error()
        || error.is_send_fail_rewind()
        || error.is_recv_error()
    {
        HttpErrorKind::Closed
    } else {
        HttpErrorKind::Protocol
    }
}
