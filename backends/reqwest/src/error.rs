//! What reqwest's errors mean: kind and phase.

use std::error::Error as StdError;
use std::iter::successors;

use b2kit_core::adapter::{Upload, exchange_kind, find, is_exhaustion};
use b2kit_core::{HttpError, HttpErrorKind, Phase};

/// No response came.
pub(crate) fn send_error(error: reqwest::Error, upload: &Upload) -> HttpError {
    // reqwest's errors name the URL, which may hold a token.
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
    // hyper calls a request canceled only if it can give it back untouched.
    let untouched = find::<hyper::Error>(&error).is_some_and(hyper::Error::is_canceled);
    let phase = if untouched {
        Phase::NotSent
    } else {
        Phase::MaybeReceived
    };
    let kind = kind(&error).unwrap_or(HttpErrorKind::Protocol);
    HttpError::new(kind, phase).with_source(error)
}

/// The response's body broke off.
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
    // hyper-util gives no other sign; its type for this is private.
    let is_dns = |error: &(dyn StdError + 'static)| error.to_string() == "dns error";
    let first: &(dyn StdError + 'static) = error;
    if is_exhaustion(error) {
        // Also of a resolver that could not open its socket.
        HttpErrorKind::Exhausted
    } else if successors(Some(first), |&error| error.source()).any(is_dns) {
        HttpErrorKind::Resolve
    } else if find::<rustls::Error>(error).is_some() {
        HttpErrorKind::Tls
    } else {
        // Also a timeout, and a socket that closes in the middle of the handshake: that may be better next time.
        HttpErrorKind::Connect
    }
}
