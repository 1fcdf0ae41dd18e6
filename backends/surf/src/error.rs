//! What surf's errors mean: kind and phase. They are those of isahc 0.9, in a box.

use std::io;

use b2kit_core::adapter::{Upload, find};
use b2kit_core::{HttpError, HttpErrorKind, Phase};
use isahc_0_9::Error;

/// No response came.
pub(crate) fn send_error(error: surf::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    let (kind, phase) = match error.downcast_ref::<Error>() {
        // Nothing but the time to connect has a limit, unless a user's own client has another.
        Some(Error::Timeout) if !upload.is_sent() && !upload.was_polled() => {
            (HttpErrorKind::Connect, Phase::NotSent)
        }
        Some(error) => judged(error),
        None => (HttpErrorKind::Other, Phase::MaybeReceived),
    };
    HttpError::new(kind, phase).with_source(error.into_inner())
}

/// The response's body broke off.
pub(crate) fn receive_error(error: io::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::ResponseBegun).with_source(source);
    }
    let kind = find::<Error>(&error).map_or(HttpErrorKind::Closed, |error| judged(error).0);
    HttpError::new(kind, Phase::ResponseBegun).with_source(error)
}

fn judged(error: &Error) -> (HttpErrorKind, Phase) {
    use HttpErrorKind as K;
    match error {
        Error::CouldntResolveHost | Error::CouldntResolveProxy => (K::Resolve, Phase::NotSent),
        // The second is the handshake, which may be better next time.
        Error::ConnectFailed | Error::SSLConnectFailed(_) => (K::Connect, Phase::NotSent),
        Error::BadServerCertificate(_)
        | Error::BadClientCertificate(_)
        | Error::SSLEngineError(_) => (K::Tls, Phase::NotSent),
        Error::InvalidHttpFormat(_) | Error::InvalidUtf8 => (K::Invalid, Phase::NotSent),
        Error::Timeout => (K::Timeout, Phase::MaybeReceived),
        Error::InvalidContentEncoding(_) => (K::Protocol, Phase::MaybeReceived),
        // Everything that happens to a connection that was there: closed, reset, or nonsense.
        _ => (K::Closed, Phase::MaybeReceived),
    }
}
