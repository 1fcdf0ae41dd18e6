//! [`Call`]: a call of the log as it is read, and [`Recorded`]: its request and response.

use http::HeaderMap;

use super::entry::{Entry, Lengths, Messages, Texts};

/// A call of the log.
#[derive(Debug, Clone, Copy)]
pub(in crate::drivers) struct Call<'a> {
    pub(super) id: u64,
    pub(super) entry: &'a Entry,
    /// Without the query.
    pub(super) path: &'a str,
    /// The key that was presented or that the token was made for.
    pub(super) key_id: Option<&'a str>,
    pub(super) file_name: Option<&'a str>,
    /// `None` once later calls needed the room.
    pub(super) recorded: Option<Recorded<'a>>,
}

/// A request and its response, with their secrets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded<'a> {
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) request: Message<'a>,
    pub(super) response: Message<'a>,
}

/// Headers and body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) headers: Headers<'a>,
    /// `None` if it was longer than the limit.
    pub(super) body: Option<&'a [u8]>,
    /// Length of the body.
    pub(super) len: u64,
    pub(super) is_request: bool,
    /// Whether the body is the content of a file.
    pub(super) is_content: bool,
    /// The token of the request that a response is to, which B2 repeats in some error messages.
    pub(super) repeats: Option<&'a str>,
}

/// Recorded headers: `name:value`, each followed by a line break, which neither names nor values contain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Headers<'a>(&'a [u8]);

impl<'a> Call<'a> {
    /// `text` and `recorded` have the lengths of the entry.
    pub(super) fn new(
        id: u64,
        entry: &'a Entry,
        text: &'a [u8],
        recorded: Option<&'a [u8]>,
    ) -> Self {
        let Texts {
            path,
            key_id,
            file_name,
        } = entry.texts;
        let mut text = std::str::from_utf8(text).unwrap_or_default();
        let mut next = |len| {
            let (this, rest) = text.split_at_checked(len).unwrap_or((text, ""));
            text = rest;
            this
        };
        Self {
            id,
            entry,
            path: next(path),
            key_id: key_id.map(&mut next),
            file_name: file_name.map(&mut next),
            recorded: recorded.map(|bytes| Recorded::new(&entry.messages, bytes)),
        }
    }
}

impl<'a> Recorded<'a> {
    fn new(lengths: &Messages, bytes: &'a [u8]) -> Self {
        let (target, rest) = split(bytes, lengths.target);
        let (request, rest) = Message::split_off(&lengths.request, rest);
        let (response, _) = Message::split_off(&lengths.response, rest);
        Self {
            target: std::str::from_utf8(target).unwrap_or_default(),
            request: Message {
                is_request: true,
                ..request
            },
            response: Message {
                repeats: request.headers.text("authorization"),
                ..response
            },
        }
    }
}

impl<'a> Message<'a> {
    /// The message at the beginning, and what comes after it.
    fn split_off(lengths: &Lengths, bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let (headers, rest) = split(bytes, lengths.headers);
        let (body, rest) = split(rest, lengths.recorded);
        let this = Self {
            headers: Headers(headers),
            body: (lengths.body == body.len() as u64).then_some(body),
            len: lengths.body,
            is_request: false,
            is_content: lengths.is_content,
            repeats: None,
        };
        (this, rest)
    }
}

fn split(bytes: &[u8], len: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(len).unwrap_or((bytes, &[]))
}

impl<'a> Headers<'a> {
    /// Records headers. Returns their length.
    pub(super) fn record(headers: &HeaderMap, into: &mut Vec<u8>) -> usize {
        let before = into.len();
        for (name, value) in headers {
            into.extend_from_slice(name.as_str().as_bytes());
            into.push(b':');
            into.extend_from_slice(value.as_bytes());
            into.push(b'\n');
        }
        into.len() - before
    }

    /// Names, in lower case, and values.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            // names have no colon
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            Some((name, &line[colon + 1..]))
        })
    }

    /// The first value of a header, if it is text.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        let (_, value) = self.iter().find(|(it, _)| *it == name)?;
        std::str::from_utf8(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_were() {
        let mut headers = HeaderMap::new();
        headers.append("a", http::HeaderValue::from_static("x: y"));
        headers.append("b", http::HeaderValue::from_bytes(b"\xff").unwrap());
        headers.append("a", http::HeaderValue::from_static(""));
        let mut recorded = b"before".to_vec();
        let len = Headers::record(&headers, &mut recorded);
        let copy = Headers(&recorded[6..]);
        assert_eq!(copy.0.len(), len);
        let mut read: Vec<_> = copy.iter().collect();
        read.sort_unstable();
        assert_eq!(read, [("a", &b""[..]), ("a", b"x: y"), ("b", b"\xff")]);
        assert_eq!(copy.text("a"), Some("x: y"));
        assert_eq!(copy.text("b"), None);
    }

    #[test]
    fn texts_and_messages_are_taken_apart_by_their_lengths() {
        let mut entry = Entry::begin(0, http::Method::GET);
        entry.texts = Texts {
            path: 2,
            key_id: None,
            file_name: Some(3),
        };
        entry.messages.target = 4;
        entry.messages.request.headers = 4;
        entry.messages.response.recorded = 2;
        entry.messages.response.body = 2;
        let call = Call::new(1, &entry, "/aätz".as_bytes(), Some(b"/a?ba:b\nok"));
        assert_eq!(
            (call.path, call.key_id, call.file_name),
            ("/a", None, Some("ät"))
        );
        let recorded = call.recorded.unwrap();
        assert_eq!(recorded.target, "/a?b");
        assert_eq!(recorded.request.headers.text("a"), Some("b"));
        assert_eq!(recorded.request.body, Some(&b""[..]));
        assert_eq!(recorded.response.body, Some(&b"ok"[..]));
        assert!(recorded.request.is_request && !recorded.response.is_request);
    }
}
