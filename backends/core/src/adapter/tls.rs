//! Errors of rustls.

use rustls::{AlertDescription, Error};

use crate::HttpErrorKind;

/// The kind of an error of a TLS handshake. A peer that is shutting down or overloaded says so in an alert, which
/// counts as a refused connection: a retry may succeed. Everything else, such as a certificate that isn't trusted, is
/// [`Tls`](HttpErrorKind::Tls).
#[must_use]
pub fn handshake_kind(error: &Error) -> HttpErrorKind {
    match error {
        Error::AlertReceived(
            AlertDescription::CloseNotify
            | AlertDescription::InternalError
            | AlertDescription::HandshakeFailure
            | AlertDescription::UserCanceled
            | AlertDescription::UnrecognisedName,
        ) => HttpErrorKind::Connect,
        _ => HttpErrorKind::Tls,
    }
}
