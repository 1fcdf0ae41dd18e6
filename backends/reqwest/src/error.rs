//! Converts reqwest's errors.

use std::error::Error as StdError;
use std::iter::successors;

use b2kit_core::adapter::{Upload, exchange_kind, find, handshake_kind, is_exhaustion};
use b2kit_core::{HttpError, HttpErrorKind, Phase};

/// The error of a request without a response.
pub(crate) fn send_error(error: reqwest::Error, upload: &Upload) -> HttpError {
    // reqwest's errors contain the URL, which may hold a token.
    let error = error.without_url();
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::MaybeReceived).with_source(source);
    }
    if error.is_builder() {
        return HttpError::invalid(error);
    }
    if error.is_connect() {
        return HttpError::new(connect_kind(&error), Phase::NotSent).with_source(error);
    }
    // hyper reports a request as canceled only if nothing of it was sent.
    let untouched = find::<hyper::Error>(&error).is_some_and(hyper::Error::is_canceled);
    let phase = if untouched {
        Phase::NotSent
    } else {
        Phase::MaybeReceived
    };
    let kind = kind(&error).unwrap_or(HttpErrorKind::Protocol);
    HttpError::new(kind, phase).with_source(error)
}

/// The error of a response's body.
pub(crate) fn receive_error(error: reqwest::Error, upload: &Upload) -> HttpError {
    let error = error.without_url();
    if let Some(source) = upload.take_failure() {
        return HttpError::new(HttpErrorKind::Source, Phase::ResponseBegun).with_source(source);
    }
    let kind = kind(&error).unwrap_or(HttpErrorKind::Closed);
    HttpError::new(kind, Phase::ResponseBegun).with_source(error)
}

fn kind(error: &reqwest::Error) -> Option<HttpErrorKind> {
    if error.is_timeout() {
        return Some(HttpErrorKind::Timeout);
    }
    exchange_kind(error)
}

fn connect_kind(error: &reqwest::Error) -> HttpErrorKind {
    // hyper-util's type for this is private; its message is the only sign.
    let is_dns = |error: &(dyn StdError + 'static)| error.to_string() == "dns error";
    let first: &(dyn StdError + 'static) = error;
    if is_exhaustion(error) {
        // Includes a resolver that could not open its socket.
        HttpErrorKind::Exhausted
    } else if successors(Some(first), |&error| error.source()).any(is_dns) {
        HttpErrorKind::Resolve
    } else if let Some(error) = find::<rustls::Error>(error) {
        handshake_kind(error)
    } else {
        // Includes a timeout, and a socket that closes during the handshake: a retry may succeed.
        HttpErrorKind::Connect
    }
}
