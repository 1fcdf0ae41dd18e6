//! Reads headers of requests.

use http::header::AsHeaderName;
use http::request::Parts;

/// The value of a header; `None` if it is missing or not plain text.
pub(crate) fn text_of(head: &Parts, name: impl AsHeaderName) -> Option<&str> {
    head.headers.get(name)?.to_str().ok()
}
