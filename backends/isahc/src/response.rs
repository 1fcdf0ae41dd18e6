//! From isahc's response to ours.

use b2kit_core::adapter::{Exchange, check_framing, receiving};
use b2kit_core::{HttpError, Response, ResponseBody};
use http::StatusCode;
use http::header::TRANSFER_ENCODING;
use isahc::AsyncBody;

use crate::error::receive_error;

/// The response, with a body that keeps its client until it is read.
pub(crate) fn received(
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
