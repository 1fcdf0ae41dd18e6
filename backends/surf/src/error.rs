//! Converts surf's errors, which are boxed errors of isahc 0.9.

use std::io;

use b2kit_core::adapter::{Upload, find};
use b2kit_core::{HttpError, HttpErrorKind, Phase};
use isahc_0_9::Error;

/// The error of a request without a response.
pub(crate) fn send_error(error: surf::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    let (kind, phase) = match error.downcast_ref::<Error>() {
        // Only connecting has a timeout, unless a custom client has another.
        Some(Error::Timeout) if !upload.is_sent() && !upload.was_polled() => {
            (HttpErrorKind::Connect, Phase::NotSent)
        }
        Some(error) => kind_and_phase(error),
        None => (HttpErrorKind::Other, Phase::MaybeReceived),
    };
    HttpError::new(kind, phase).with_source(error.into_inner())
}

/// The error of a response's body.
pub(crate) fn receive_error(error: io::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::ResponseBegun).with_source(source);
    }
    let kind = find::<Error>(&error).map_or(HttpErrorKind::Closed, |error| kind_and_phase(error).0);
    HttpError::new(kind, Phase::ResponseBegun).with_source(error)
}

fn kind_and_phase(error: &Error) -> (HttpErrorKind, Phase) {
    use HttpErrorKind as K;
    match error {
        Error::CouldntResolveHost | Error::CouldntResolveProxy => (K::Resolve, Phase::NotSent),
        // The second is a failed handshake, where a retry may succeed.
        Error::ConnectFailed | Error::SSLConnectFailed(_) => (K::Connect, Phase::NotSent),
        Error::BadServerCertificate(_)
        | Error::BadClientCertificate(_)
        | Error::SSLEngineError(_) => (K::Tls, Phase::NotSent),
        Error::InvalidHttpFormat(_) | Error::InvalidUtf8 => (K::Invalid, Phase::NotSent),
        Error::Timeout => (K::Timeout, Phase::MaybeReceived),
        Error::InvalidContentEncoding(_) => (K::Protocol, Phase::MaybeReceived),
        // All failures of an established connection: closed, reset, or a malformed response.
        _ => (K::Closed, Phase::MaybeReceived),
    }
}
