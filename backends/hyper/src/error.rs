//! Converts hyper's errors.

use std::error::Error as StdError;

use b2kit_core::adapter::{Upload, exchange_kind, find, is_exhaustion};
use b2kit_core::{HttpError, HttpErrorKind, Phase};
use hyper_util::client::legacy;
use rustls::pki_types::InvalidDnsNameError;

use crate::connection::CloseHandle;
use crate::connector::{ConnectTimeout, ResolveError, RuntimeError};

/// The error of a request without a response.
pub(crate) fn send_error(error: legacy::Error, close_handle: &CloseHandle) -> HttpError {
    if let Some(source) = close_handle.upload().take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    if error.is_connect() {
        return HttpError::new(connect_kind(&error), Phase::NotSent).with_source(error);
    }
    // hyper reports a request as canceled only if nothing of it was sent.
    let untouched = find::<hyper::Error>(&error).is_some_and(hyper::Error::is_canceled);
    let phase = if untouched || !close_handle.has_connection() {
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
    } else if find::<rustls::Error>(error).is_some() {
        HttpErrorKind::Tls
    } else {
        // Includes a socket that closes during the handshake: a retry may succeed.
        HttpErrorKind::Connect
    }
}
