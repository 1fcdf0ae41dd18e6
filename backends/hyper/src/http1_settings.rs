//! [`Http1Settings`]: hyper's settings for connections, with either of two limits on the headers of a response.

use http::Method;
use hyper::client::conn::http1;

/// B2 sends a header for each entry of the file info.
const MAX_HEADERS_WITH_FILE_INFO: usize = 256;

/// hyper's settings for connections.
///
/// With its default limit of 100 headers, hyper parses the head of a response on the stack. With any other limit it
/// allocates 16 KiB for each response, so only connections on which file info can arrive have a larger one.
#[derive(Clone)]
pub(crate) struct Http1Settings {
    /// `None` if the program has changed the settings, which then apply to all connections.
    few_headers: Option<http1::Builder>,
    many_headers: http1::Builder,
}

impl Http1Settings {
    pub(crate) fn new() -> Self {
        let mut many_headers = http1::Builder::new();
        many_headers.max_headers(MAX_HEADERS_WITH_FILE_INFO);
        Self {
            few_headers: Some(http1::Builder::new()),
            many_headers,
        }
    }

    /// The settings of all connections, for the program to change.
    pub(crate) fn customize(&mut self) -> &mut http1::Builder {
        self.few_headers = None;
        &mut self.many_headers
    }

    /// The settings of a connection, which may need the larger limit, and whether they have it.
    pub(crate) const fn of_connection(&self, many_headers: bool) -> (&http1::Builder, bool) {
        match &self.few_headers {
            Some(few_headers) if !many_headers => (few_headers, false),
            _ => (&self.many_headers, true),
        }
    }
}

/// Whether the response may describe a file in its headers.
pub(crate) fn may_have_many_headers(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
