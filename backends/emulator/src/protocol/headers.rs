//! Headers of requests.

use http::header::AsHeaderName;
use http::request::Parts;

/// The value of a header, if there is one and it is plain text.
pub(crate) fn text_of(head: &Parts, name: impl AsHeaderName) -> Option<&str> {
    head.headers.get(name)?.to_str().ok()
}
