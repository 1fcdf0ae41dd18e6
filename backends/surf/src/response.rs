//! Converts surf's responses.

use b2kit_core::adapter::{Exchange, check_framing, receiving};
use b2kit_core::{HttpError, HttpErrorKind, Phase, Response, ResponseBody};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::error::receive_error;

/// Converts a response. Its body keeps the client until it has been read.
pub(crate) fn into_response(
    mut response: surf::http::Response,
    exchange: Exchange<surf::Client>,
) -> Result<Response, HttpError> {
    let protocol = || HttpError::new(HttpErrorKind::Protocol, Phase::ResponseBegun);
    let status = StatusCode::from_u16(response.status().into()).map_err(|_| protocol())?;
    let mut headers = HeaderMap::new();
    for (name, values) in response.iter() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| protocol())?;
        for value in values {
            let value = HeaderValue::from_str(value.as_str()).map_err(|_| protocol())?;
            headers.append(name.clone(), value);
        }
    }
    check_framing(&headers)?;
    let body = receiving(response.take_body(), exchange, receive_error);
    let body = ResponseBody::new(length(status, &headers), body);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The length of the body by its framing.
fn length(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Some(0);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
