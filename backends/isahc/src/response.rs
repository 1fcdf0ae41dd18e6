//! Converts isahc's responses.

use b2kit_core::adapter::{Exchange, check_framing, receiving};
use b2kit_core::{HttpError, Response, ResponseBody};
use http::StatusCode;
use http::header::TRANSFER_ENCODING;
use isahc::AsyncBody;

use crate::error::receive_error;

/// Converts a response. Its body keeps the client until it has been read.
pub(crate) fn into_response(
    response: isahc::Response<AsyncBody>,
    exchange: Exchange<isahc::HttpClient>,
) -> Result<Response, HttpError> {
    let (mut head, body) = response.into_parts();
    check_framing(&head.headers)?;
    head.extensions.clear();
    let has_none = matches!(
        head.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    let len = if has_none {
        Some(0)
    } else if head.headers.contains_key(TRANSFER_ENCODING) {
        None
    } else {
        body.len()
    };
    let body = receiving(body, exchange, receive_error);
    Ok(Response::from_parts(head, ResponseBody::new(len, body)))
}
