//! [`Reply`]: a response, and how it is parsed.

use std::fmt;

use b2kit_core::{Bytes, ResponseBody};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, SERVER};
use http::response::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{B2Error, Error, ErrorKind, NonB2Response};
use crate::types::json_path::{self, Segment, path_at, path_of_error};

/// A response: its head, and its body as bytes or, for a download, as a stream.
///
/// It is not `Sync`, since the stream is read by one task.
pub struct Reply {
    head: Parts,
    body: Content,
}

/// Without headers and body, since a body may have a token or a key in it.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

enum Content {
    Whole(Bytes),
    Stream(ResponseBody),
}

impl Reply {
    /// A reply with status 200 and this body, for unit tests of [`Call::read`](super::Call::read).
    ///
    /// ```
    /// use b2kit::api::{Call, ListBuckets, Reply};
    ///
    /// let listed = ListBuckets::new().read(Reply::ok(r#"{"buckets": []}"#))?;
    /// assert!(listed.buckets.is_empty());
    /// # Ok::<(), b2kit::Error>(())
    /// ```
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        let (head, ()) = http::Response::new(()).into_parts();
        Self::whole(head, body.into())
    }

    /// A reply whose body is in memory.
    #[must_use]
    pub const fn whole(head: Parts, body: Bytes) -> Self {
        Self {
            head,
            body: Content::Whole(body),
        }
    }

    /// A reply whose body is a stream.
    #[must_use]
    pub const fn stream(head: Parts, body: ResponseBody) -> Self {
        Self {
            head,
            body: Content::Stream(body),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The body as a stream.
    #[must_use]
    pub fn into_body(self) -> ResponseBody {
        self.into_headers_and_body().1
    }

    pub(super) fn into_headers_and_body(self) -> (HeaderMap, ResponseBody) {
        let body = match self.body {
            Content::Whole(bytes) => bytes.into(),
            Content::Stream(stream) => stream,
        };
        (self.head.headers, body)
    }

    /// Parses the body as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`], with the path of the invalid field in the document.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let text = self.utf8()?;
        serde_json::from_str(text).map_err(|error| unreadable(text, &error))
    }

    /// The body as text. Validating it once is faster than validating each string in it.
    fn utf8(&self) -> Result<&str, Error> {
        let text = self.text();
        std::str::from_utf8(text).map_err(|error| {
            let path = path_at(text, error.valid_up_to());
            unreadable_at(&path, "it is not UTF-8")
        })
    }

    /// Parses the body, and checks that it matches the call: otherwise a mixed-up response would go
    /// unnoticed.
    pub(super) fn json_about<T: DeserializeOwned>(
        &self,
        same: impl FnOnce(&T) -> bool,
    ) -> Result<T, Error> {
        self.json_like(|document| (!same(document)).then_some(""))
    }

    /// Like `json_about`, with the difference between the document and the request.
    pub(super) fn json_like<T: DeserializeOwned, D: AsRef<str>>(
        &self,
        difference: impl FnOnce(&T) -> Option<D>,
    ) -> Result<T, Error> {
        let document = self.json()?;
        match difference(&document) {
            None => Ok(document),
            Some(difference) => Err(different(difference.as_ref())),
        }
    }

    /// Parses an error response. It is B2's only if it has B2's error document, which repeats the
    /// status; B2 never redirects. Any other response says nothing about what B2 did. The response
    /// to `HEAD` has no document, so its status is sufficient.
    pub(crate) fn error(&self, to_head: bool) -> Result<B2Error, NonB2Response> {
        #[derive(Deserialize)]
        struct Document {
            code: String,
            message: String,
            status: u16,
        }
        let status = self.status();
        let text = self.text();
        if status >= 400 {
            let utf8 = std::str::from_utf8(text).ok();
            let document = utf8.and_then(|text| serde_json::from_str::<Document>(text).ok());
            let document =
                document.filter(|document| document.status == status && is_code(&document.code));
            if let Some(Document { code, message, .. }) = document {
                return Ok(B2Error {
                    status,
                    code,
                    message,
                });
            }
            if to_head && text.is_empty() {
                let (code, message) = (String::new(), String::new());
                return Ok(B2Error {
                    status,
                    code,
                    message,
                });
            }
        }
        Err(self.not_b2s())
    }

    /// Describes a response that is not B2's. For a success status without the body: it may be B2's
    /// response after all and contain a secret.
    pub(crate) fn not_b2s(&self) -> NonB2Response {
        let header = |name| {
            let value = self.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let text = match self.status() {
            ..300 => &[],
            _ => self.text(),
        };
        NonB2Response {
            status: self.status(),
            server: header(SERVER),
            content_type: header(CONTENT_TYPE),
            body_start: String::from_utf8_lossy(&text[..text.len().min(BODY_START)]).into_owned(),
        }
    }

    fn text(&self) -> &[u8] {
        let bytes: &[u8] = match &self.body {
            Content::Whole(bytes) => bytes,
            Content::Stream(_) => &[],
        };
        bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
    }
}

/// How much of the body is kept. More than is displayed, since a secret has to be complete to be
/// redacted.
const BODY_START: usize = 8 << 10;

/// Whether this looks like an error code of B2, such as `bad_request`.
fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The error for a response that doesn't match its request.
fn different(difference: &str) -> Error {
    let mut what = "the response doesn't match the request".to_owned();
    if !difference.is_empty() {
        what = format!("{what}: {difference}");
    }
    Error::new(ErrorKind::Integrity, what).with_effect(true)
}

/// The error for a document that can't be parsed.
fn unreadable(text: &str, error: &serde_json::Error) -> Error {
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        let what = "the response is empty where a JSON document was expected";
        return Error::new(ErrorKind::Protocol, what);
    }
    let path = path_of_error(error, text.as_bytes());
    unreadable_at(&path, &without_values(&error.to_string()))
}

fn unreadable_at(path: &[Segment], why: &str) -> Error {
    let mut what = path_text(path);
    what = match what.is_empty() {
        true => "the response".to_owned(),
        false => format!("{what:?} in the response"),
    };
    Error::new(
        ErrorKind::Protocol,
        format!("{what} can't be parsed: {why}"),
    )
}

/// Formats a path in a document, such as `files[0].fileName`. Keys that don't look like B2's fields
/// are omitted, since they may be secrets.
fn path_text(path: &[Segment]) -> String {
    let mut text = json_path::text(path, |key| if is_field(key) { key } else { "…" });
    if text.len() > json_path::MAX_TEXT {
        text.push('…');
    }
    text
}

/// Whether this looks like a field name of B2: camel case with at most three digits, as in
/// `contentSha1` or `hmacSha256SigningSecret`.
fn is_field(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    key.len() <= 60 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) && digits <= 3
}

/// Removes quoted strings: serde quotes unexpected values, which may be secrets such as a token.
fn without_values(message: &str) -> String {
    let mut quoted = false;
    let mut escaped = false;
    let mut safe = String::with_capacity(message.len());
    for c in message.chars() {
        let quote = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if quote {
            quoted = !quoted;
            if quoted {
                safe.push_str("\"…\"");
            }
        } else if !quoted {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::FileNames;

    fn reply(body: impl Into<Bytes>) -> Reply {
        let (head, ()) = http::Response::builder()
            .status(400)
            .body(())
            .unwrap()
            .into_parts();
        Reply::whole(head, body.into())
    }

    fn explained(body: impl Into<Bytes>) -> String {
        let error = reply(body).json::<FileNames>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        error.to_string()
    }

    #[test]
    fn an_invalid_document_is_reported_with_the_path_but_without_values() {
        let misplaced = r#"{"files":[{"action":"upload","bucketId":"b",
            "uploadTimestamp":"4_secret_acct_xyz"}]}"#;
        let told = explained(misplaced);
        assert!(
            told.starts_with("\"files[0].uploadTimestamp\" in the response can't be parsed"),
            "{told}"
        );
        assert!(!told.contains("secret"), "{told}");
        assert!(explained(r#"{"nextFileName":null}"#).contains("missing field `files`"));
        assert!(explained("<html>no</html>").starts_with("the response can't be parsed"));
        assert!(explained("  ").contains("empty"));
        assert!(explained(r#"{"files":["#).contains("EOF"));
        assert!(explained(r#"{"files":[],"nextFileName":null} x"#).contains("trailing"));
        assert!(explained("[".repeat(100_000)).len() < 300);
        let not_utf8 = explained(&b"{\"files\":[{\"fileName\":\"\xff\"}]}"[..]);
        assert!(not_utf8.starts_with("\"files[0].fileName\""), "{not_utf8}");
        assert!(
            explained(r#"{"files":"a\"4_secret"}"#)
                .find("secret")
                .is_none()
        );
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let document = "\u{feff}{\"files\":[],\"nextFileName\":null}";
        assert!(reply(document).json::<FileNames>().is_ok());
    }

    #[test]
    fn a_map_key_that_is_not_a_field_is_not_reported() {
        let secret = "4_00415f935cf4_secret_acct_x";
        let row = format!(
            r#"{{"files":[{{"action":"upload","bucketId":"b","fileId":"f","fileName":"n",
            "uploadTimestamp":1,"fileInfo":{{"{secret}":7}}}}],"nextFileName":null}}"#
        );
        let told = explained(row);
        assert!(told.starts_with("\"files[0]"), "{told}");
        assert!(!told.contains("secret"), "{told}");
        for (key, shown) in [
            ("hmacSha256SigningSecret", true),
            ("b2Stats", true),
            ("4_0041", false),
            ("K004123abc", false),
        ] {
            assert_eq!(is_field(key), shown, "{key}");
        }
        assert!(!is_field(&"k".repeat(61)));
    }

    #[test]
    fn an_error_response_is_b2s_only_with_b2s_error_document() {
        let own = r#"{"code":"bad_request","message":"no","status":400,"new":1}"#;
        let error = reply(own).error(false).unwrap();
        assert_eq!(
            (error.status, &*error.code, &*error.message),
            (400, "bad_request", "no")
        );
        assert!(reply(format!("\u{feff}{own}")).error(false).is_ok());
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            r#"{"code":7}"#,
            r#"{"code":"bad_request","message":"no"}"#,
            r#"{"code":"bad_request","status":400}"#,
            r#"{"message":"no","status":400}"#,
            r#"{"code":"bad_request","message":"no","status":503}"#,
            r#"{"code":"bad_request","message":"no","status":"400"}"#,
            r#"{"code":"bad_request","message":null,"status":400}"#,
            r#"{"code":"","message":"no","status":400}"#,
            r#"{"code":"two words","message":"no","status":400}"#,
            r#"{"code":"a","code":"b","message":"no","status":400}"#,
            r#"{"code":"bad_request","message":"no","status":400} x"#,
        ] {
            let response = reply(body.to_owned()).error(false).unwrap_err();
            assert_eq!((response.status, &*response.body_start), (400, body));
        }
        let with_status = |status: u16, body: &'static str| {
            let (head, ()) = http::Response::builder()
                .status(status)
                .header("server", "cloudflare")
                .header("content-type", "text/html")
                .body(())
                .unwrap()
                .into_parts();
            Reply::whole(head, Bytes::from(body))
        };
        // The response to HEAD has no document, but B2 never redirects.
        assert_eq!(with_status(404, "").error(true).unwrap().code, "");
        assert!(with_status(404, "x").error(true).is_err());
        let own = r#"{"code":"moved","message":"no","status":302}"#;
        let response = with_status(302, own).error(true).unwrap_err();
        assert_eq!(response.server.as_deref(), Some("cloudflare"));
        assert_eq!(response.content_type.as_deref(), Some("text/html"));
        // A success may have a secret in it.
        assert_eq!(
            with_status(202, "secret")
                .error(false)
                .unwrap_err()
                .body_start,
            ""
        );
    }
}
