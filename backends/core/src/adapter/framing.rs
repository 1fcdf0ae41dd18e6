//! Refuses responses with ambiguous framing.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use crate::error::{HttpError, HttpErrorKind, Phase};

/// Checks that the end of a response's body is unambiguous.
///
/// Libraries give `Transfer-Encoding` precedence over `Content-Length`, and read a body with an unknown encoding until
/// the connection closes.
///
/// # Errors
/// [`Protocol`](HttpErrorKind::Protocol) if it is ambiguous.
pub fn check_framing(headers: &HeaderMap) -> Result<(), HttpError> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(());
    };
    if headers.contains_key(CONTENT_LENGTH) {
        return Err(ambiguous(
            "the response has both a Content-Length and a Transfer-Encoding",
        ));
    }
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(ambiguous(
            "the response has a Transfer-Encoding other than chunked",
        ));
    }
    Ok(())
}

fn ambiguous(why: &'static str) -> HttpError {
    HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_framing_is_refused() {
        let te = |value| (TRANSFER_ENCODING, value);
        let cl = |value| (CONTENT_LENGTH, value);
        for (headers, sound) in [
            (vec![], true),
            (vec![cl("5")], true),
            (vec![te("chunked")], true),
            (vec![te("Chunked")], true),
            (vec![te("chunked"), cl("5")], false),
            (vec![te("gzip")], false),
            (vec![te("gzip, chunked")], false),
            (vec![te("gzip"), te("chunked")], false),
            (vec![te("chunked"), te("chunked")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.append(name, value.parse().unwrap());
            }
            assert_eq!(check_framing(&map).is_ok(), sound, "{headers:?}");
        }
    }
}
