//! [`Entry`]: a call that has ended, and [`Recorded`]: its request and response.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::faults::plan::Hit;

/// A call that has ended.
#[derive(Debug)]
pub(in crate::drivers) struct Entry {
    /// When it began, in milliseconds of the emulator's clock.
    pub(super) at: u64,
    /// Until the last byte of the response was passed on.
    pub(super) duration: Duration,
    pub(super) method: http::Method,
    /// Without the query.
    pub(super) path: Box<str>,
    /// `None` if B2 has no such call.
    pub(super) call: Option<&'static str>,
    /// The key that was presented or that the token was made for.
    pub(super) key_id: Option<String>,
    pub(super) file_name: Option<String>,
    /// `None` if there was no response.
    pub(super) status: Option<u16>,
    /// Bytes of the request's body.
    pub(super) received: u64,
    /// Bytes of the response's body.
    pub(super) sent: u64,
    /// Whether the response was sent completely.
    pub(super) is_complete: bool,
    pub(super) faults: Vec<Hit>,
}

/// A request and its response, with their secrets.
#[derive(Debug, Default)]
pub(in crate::drivers) struct Recorded {
    /// Path and query.
    pub(super) target: Box<str>,
    pub(super) request: Message,
    pub(super) response: Message,
}

/// Headers and body.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) headers: Headers,
    pub(super) body: Capture,
    pub(super) is_request: bool,
    /// Whether the body is the content of a file.
    pub(super) is_content: bool,
}

/// Headers in one allocation: a copy, since those of a request keep the buffer alive into which
/// they were read.
#[derive(Debug, Default)]
pub(super) struct Headers(Box<[u8]>);

/// The beginning of a body, or only its length if it is longer than the limit.
#[derive(Debug, Default)]
pub(super) struct Capture {
    kept: Vec<u8>,
    len: u64,
    limit: usize,
}

impl Recorded {
    /// The memory that it takes.
    pub(super) fn weight(&self) -> usize {
        let of = |message: &Message| message.headers.0.len() + message.body.kept.capacity();
        self.target.len() + of(&self.request) + of(&self.response)
    }
}

impl Headers {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.iter();
        let len = lines.map(|(name, value)| name.as_str().len() + value.len() + 2);
        let mut bytes = Vec::with_capacity(len.sum());
        for (name, value) in headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(b'\n');
        }
        Self(bytes.into())
    }

    /// Names, in lower case, and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // neither names nor values have line breaks, and names have no colon
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            Some((name, &line[colon + 1..]))
        })
    }

    /// The first value of a header, if it is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut headers = self.iter();
        let (_, value) = headers.find(|(it, _)| *it == name)?;
        std::str::from_utf8(value).ok()
    }
}

impl Capture {
    pub(super) const fn up_to(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            len: 0,
            limit,
        }
    }

    pub(super) fn push(&mut self, chunk: &Bytes) {
        self.len += chunk.len() as u64;
        if self.len > self.limit as u64 {
            self.kept = Vec::new();
        } else {
            self.kept.reserve_exact(chunk.len());
            self.kept.extend_from_slice(chunk);
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The whole body, if it is not longer than the limit.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        (self.len == self.kept.len() as u64).then_some(&self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_keeps_a_body_up_to_its_limit_and_counts_the_rest() {
        let mut capture = Capture::up_to(4);
        assert_eq!(capture.bytes(), Some(&b""[..]));
        capture.push(&Bytes::from_static(b"ab"));
        capture.push(&Bytes::from_static(b"cd"));
        assert_eq!((capture.len(), capture.bytes()), (4, Some(&b"abcd"[..])));
        capture.push(&Bytes::from_static(b"e"));
        capture.push(&Bytes::from_static(b"f"));
        assert_eq!((capture.len(), capture.bytes()), (6, None));
    }

    #[test]
    fn headers_are_read_as_they_were() {
        let mut headers = HeaderMap::new();
        headers.append("a", http::HeaderValue::from_static("x: y"));
        headers.append("b", http::HeaderValue::from_bytes(b"\xff").unwrap());
        headers.append("a", http::HeaderValue::from_static(""));
        let copy = Headers::of(&headers);
        let mut read: Vec<_> = copy.iter().collect();
        read.sort_unstable();
        assert_eq!(read, [("a", &b""[..]), ("a", b"x: y"), ("b", b"\xff")]);
        assert_eq!(copy.text("a"), Some("x: y"));
        assert_eq!(copy.text("b"), None);
    }
}
