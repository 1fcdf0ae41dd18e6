//! Whether a response says beyond doubt where it ends.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use crate::error::{HttpError, HttpErrorKind, Phase};

/// Whether it is beyond doubt where the body ends.
///
/// Libraries let `Transfer-Encoding` win over `Content-Length`, and take an encoding that they don't know for "until
/// the connection closes".
///
/// # Errors
/// [`Protocol`](HttpErrorKind::Protocol) if it isn't.
pub fn check_framing(headers: &HeaderMap) -> Result<(), HttpError> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(());
    };
    if headers.contains_key(CONTENT_LENGTH) {
        return Err(doubt(
            "the response has both a Content-Length and a Transfer-Encoding",
        ));
    }
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(doubt(
            "the response has a Transfer-Encoding other than chunked",
        ));
    }
    Ok(())
}

fn doubt(why: &'static str) -> HttpError {
    HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_framing_beyond_doubt_is_sound() {
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
