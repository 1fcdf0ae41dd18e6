//! Converts hyper's errors.

use std::error::Error as StdError;

use b2kit_core::adapter::{Upload, exchange_kind, find, handshake_kind, is_exhaustion};
use b2kit_core::{HttpError, HttpErrorKind, Phase};
use rustls::pki_types::InvalidDnsNameError;

use crate::connector::{BoxError, ConnectTimeout, ResolveError, RuntimeError};

/// The error if no connection could be made.
pub(crate) fn connect_error(error: BoxError) -> HttpError {
    HttpError::new(connect_kind(&*error), Phase::NotSent).with_source(error)
}

/// The error if no response arrived on a connection. `untouched` means that hyper returned the request before a byte of
/// it was written.
pub(crate) fn send_error(error: hyper::Error, untouched: bool, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    let phase = if untouched {
        Phase::NotSent
    } else {
        Phase::MaybeReceived
    };
    // All other errors: unexpected bytes on the connection before the request.
    let kind = exchange_kind(&error).unwrap_or(HttpErrorKind::Protocol);
    HttpError::new(kind, phase).with_source(error)
}

/// The error of a response's body.
pub(crate) fn receive_error(error: hyper::Error, upload: &Upload) -> HttpError {
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::ResponseBegun).with_source(source);
    }
    // All other errors: the connection failed while sending.
    let kind = exchange_kind(&error).unwrap_or(HttpErrorKind::Closed);
    HttpError::new(kind, Phase::ResponseBegun).with_source(error)
}

fn connect_kind(error: &(dyn StdError + 'static)) -> HttpErrorKind {
    if find::<ConnectTimeout>(error).is_some() {
        HttpErrorKind::Connect
    } else if find::<RuntimeError>(error).is_some() {
        HttpErrorKind::Other
    } else if is_exhaustion(error) {
        // Includes a resolver that could not open its socket.
        HttpErrorKind::Exhausted
    } else if find::<ResolveError>(error).is_some() {
        HttpErrorKind::Resolve
    } else if find::<InvalidDnsNameError>(error).is_some() {
        HttpErrorKind::Invalid
    } else if let Some(error) = find::<rustls::Error>(error) {
        handshake_kind(error)
    } else {
        // Includes a socket that closes during the handshake: a retry may succeed.
        HttpErrorKind::Connect
    }
}
