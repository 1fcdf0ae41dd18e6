//! `Content-Length` of requests and responses: sets, reads and checks it.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::error::{HttpError, HttpErrorKind, Phase};
use crate::has_host::has_host;
use crate::http_client::Request;

/// Sets the `Content-Length` of a request.
///
/// # Errors
/// [`HttpErrorKind::Invalid`] if the URI isn't absolute or the headers contradict the body's length.
pub(super) fn set_content_length(request: &mut Request) -> Result<(), HttpError> {
    if request.uri().scheme().is_none() || !has_host(request.uri()) {
        return Err(HttpError::invalid("the URI has no scheme or no host"));
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return Err(HttpError::invalid(
            "a body is sent with a Content-Length, not with a Transfer-Encoding",
        ));
    }
    let len = request.body().len();
    let says = request
        .headers()
        .get_all(CONTENT_LENGTH)
        .iter()
        .map(|value| parse_length(value.as_bytes()));
    if says.into_iter().any(|said| said != Some(len)) {
        return Err(HttpError::invalid(
            "Content-Length doesn't match the length of the body",
        ));
    }
    if len > 0
        || !matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE
        )
    {
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(len));
    }
    Ok(())
}

/// The length of a response's body as its framing gives it; `None` if it is not known in advance.
///
/// # Errors
/// [`HttpErrorKind::Protocol`] if `Content-Length` is malformed or contradictory.
pub(super) fn body_length(
    head_only: bool,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<u64>, HttpError> {
    if head_only || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Ok(Some(0));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return Ok(None);
    }
    let protocol = |why: &'static str| {
        HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun).with_source(why)
    };
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let said = parse_length(value.as_bytes())
            .ok_or_else(|| protocol("Content-Length is not a number"))?;
        if length.is_some_and(|length| length != said) {
            return Err(protocol("two Content-Length headers with different values"));
        }
        length = Some(said);
    }
    Ok(length)
}

/// Digits only: `str::parse` would accept a sign.
fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}
