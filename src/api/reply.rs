//! [`Reply`]: what came back, and how it becomes a value.

use b2kit_core::{Bytes, ResponseBody};
use http::HeaderMap;
use http::response::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{B2Error, Error, ErrorKind};
use crate::types::Shown;

/// A response of B2's: its head, and its body as bytes or, for a download, as a stream.
#[derive(Debug)]
pub struct Reply {
    head: Parts,
    body: Content,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Stream(ResponseBody),
}

impl Reply {
    /// A reply with the status 200 and this body, for tests of calls: a call and its reading are plain values.
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

    /// A reply whose body was read.
    #[must_use]
    pub const fn whole(head: Parts, body: Bytes) -> Self {
        Self {
            head,
            body: Content::Whole(body),
        }
    }

    /// A reply whose body is still to be read.
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
        match self.body {
            Content::Whole(bytes) => bytes.into(),
            Content::Stream(stream) => stream,
        }
    }

    /// The body as a document.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`], with the place in the document where it is not what it should be.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let text = self.text();
        // Checked for UTF-8 once and not string by string, which takes longer.
        let document = std::str::from_utf8(text).ok().map(serde_json::from_str);
        document
            .and_then(Result::ok)
            .ok_or_else(|| explain::<T>(text))
    }

    /// The body as a document, which has to be about what the call was about: an answer that was mixed up with another's
    /// would be believed otherwise.
    pub(super) fn json_about<T: DeserializeOwned>(
        &self,
        same: impl FnOnce(&T) -> bool,
    ) -> Result<T, Error> {
        let document = self.json()?;
        if !same(&document) {
            let what = "B2 answers about something else than what was asked for";
            return Err(Error::new(ErrorKind::Integrity, what).with_effect(true));
        }
        Ok(document)
    }

    /// The error that the reply is. Proxies answer without B2's document, so the status decides and the rest is taken
    /// where it is there.
    pub(crate) fn error(&self) -> B2Error {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Document {
            code: String,
            message: String,
        }
        let document: Document = serde_json::from_slice(self.text()).unwrap_or_default();
        B2Error {
            status: self.status(),
            code: document.code,
            message: document.message,
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

/// Reads the document once more, slowly, to find where it is wrong.
fn explain<T: DeserializeOwned>(text: &[u8]) -> Error {
    let wrong = |what: String| Error::new(ErrorKind::Protocol, what);
    if text.iter().all(u8::is_ascii_whitespace) {
        return wrong("the answer is empty, where a document should be".to_owned());
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let result = serde_path_to_error::deserialize::<_, T>(&mut json);
    let (place, error) = match result.map(|_| json.end()) {
        Err(error) => (error.path().to_string(), error.into_inner()),
        Ok(Err(error)) => (".".to_owned(), error),
        Ok(Ok(())) => return wrong("the answer can't be read".to_owned()),
    };
    let place = if place == "." {
        "the answer".to_owned()
    } else {
        format!("{} in the answer", Shown(&place))
    };
    wrong(format!(
        "{place} is not what it should be: {}",
        without_values(&error.to_string())
    ))
}

/// serde quotes the strings that it finds in the wrong place, and they may be anything: a token, for one.
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
    fn what_is_wrong_with_a_document_is_told_with_its_place_and_without_its_values() {
        let misplaced = r#"{"files":[{"action":"upload","bucketId":"b","uploadTimestamp":"4_secret_acct_xyz"}]}"#;
        let told = explained(misplaced);
        assert!(
            told.starts_with("\"files[0].uploadTimestamp\" in the answer is not what it should be"),
            "{told}"
        );
        assert!(!told.contains("secret"), "{told}");
        assert!(explained(r#"{"nextFileName":null}"#).contains("missing field `files`"));
        assert!(explained("<html>no</html>").starts_with("the answer is not what it should be"));
        assert!(explained("  ").contains("empty"));
        assert!(explained(r#"{"files":["#).contains("EOF"));
        assert!(explained(r#"{"files":[],"nextFileName":null} x"#).contains("trailing"));
        assert!(explained("[".repeat(100_000)).len() < 300);
        assert!(
            explained(r#"{"files":"a\"4_secret"}"#)
                .find("secret")
                .is_none()
        );
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let document = "\u{feff}{\"files\":[],\"nextFileName\":null}";
        assert!(reply(document).json::<FileNames>().is_ok());
    }

    #[test]
    fn an_error_without_b2s_document_is_its_status() {
        for body in [
            "",
            "<html>",
            "null",
            r#"{"code":7}"#,
            r#"{"code":"a","code":"b"}"#,
        ] {
            let error = reply(body.to_owned()).error();
            assert_eq!((error.status, error.code.as_str()), (400, ""), "{body}");
        }
        let error =
            reply(r#"{"code":"bad_request","message":"no","status":503.0,"new":1}"#).error();
        assert_eq!(
            (error.status, &*error.code, &*error.message),
            (400, "bad_request", "no")
        );
    }
}
