//! [`Response`]: the state machine's response to a request.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::content::Content;
use crate::protocol::api_error::ApiError;
use crate::protocol::date::http_date;
use crate::protocol::json::{self, Sorted};

/// A response: status, headers and payload.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
}

/// The payload of a response.
#[derive(Debug)]
pub(crate) enum Payload {
    /// JSON or nothing, in memory.
    Bytes(Bytes),
    /// Stored bytes, which the driver reads.
    Content(Content),
}

impl Payload {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Content(content) => content.len(),
        }
    }
}

impl Response {
    /// A 200 with JSON, which ends with a newline.
    pub(crate) fn json(value: &Value) -> Self {
        Self::serialized(&Sorted(value))
    }

    /// Like [`json`](Self::json), for a value whose fields are in B2's order.
    pub(crate) fn serialized(value: &impl Serialize) -> Self {
        let body = json::line(value);
        Self::with_json(StatusCode::OK, "application/json;charset=UTF-8", body)
    }

    /// An error. Its JSON has no newline at the end, and its charset is in lower case, as B2's.
    pub(crate) fn error(error: &ApiError) -> Self {
        #[derive(Serialize)]
        struct Shape<'a> {
            code: &'a str,
            message: &'a str,
            status: u16,
        }
        let body = json::text(&Shape {
            code: &error.code,
            message: &error.message,
            status: error.status.as_u16(),
        });
        let mut response = Self::with_json(error.status, "application/json;charset=utf-8", body);
        if error.status == StatusCode::BAD_REQUEST {
            let close = HeaderValue::from_static("close");
            response.headers.insert(CONNECTION, close);
        }
        response
    }

    /// A response with stored bytes.
    pub(crate) fn content(status: StatusCode, headers: HeaderMap, content: Content) -> Self {
        let mut response = Self {
            status,
            headers,
            payload: Payload::Content(content),
        };
        response.set_length();
        response
    }

    /// A 200 without a body.
    pub(crate) fn empty() -> Self {
        Self::content(StatusCode::OK, HeaderMap::new(), Content::default())
    }

    /// A response with any other body than B2's JSON.
    pub(crate) fn with_body(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type);
        let mut response = Self {
            status,
            headers,
            payload: Payload::Bytes(body),
        };
        response.set_length();
        response
    }

    /// The payload as JSON, if it is JSON.
    pub(crate) fn as_json(&self) -> Option<Value> {
        match &self.payload {
            Payload::Bytes(bytes) => serde_json::from_slice(bytes).ok(),
            Payload::Content(_) => None,
        }
    }

    /// Replaces the payload with this JSON and a newline.
    pub(crate) fn replace_json(&mut self, json: &Value) {
        self.payload = Payload::Bytes(json::line(&Sorted(json)).into());
        self.set_length();
    }

    fn with_json(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        let never_cached = HeaderValue::from_static("max-age=0, no-cache, no-store");
        headers.insert(CACHE_CONTROL, never_cached);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut response = Self {
            status,
            headers,
            payload: Payload::Bytes(body.into()),
        };
        response.set_length();
        response
    }

    fn set_length(&mut self) {
        self.headers
            .insert(CONTENT_LENGTH, self.payload.len().into());
    }

    /// The response to `HEAD`: all headers, no body.
    pub(crate) fn without_body(mut self) -> Self {
        self.payload = Payload::Bytes(Bytes::new());
        self
    }

    /// Adds the `Date` header, which every response has.
    pub(crate) fn with_date(mut self, now: u64) -> Self {
        let date = http_date(now);
        let date = HeaderValue::try_from(date).expect("digits, letters and punctuation");
        self.headers.insert(DATE, date);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn responses_have_the_lengths_of_the_recorded_ones() {
        let file =
            "4_z8d625eb63be2775577c70e1a_f204261ca2ea2c4e1_d20211112_m211109_c002_v0001114_t0054";
        let start = json!({
            "accountId": "000000000000", "action": "start", "bucketId": "8d625eb63be2775577c70e1a",
            "contentLength": 0, "contentMd5": null, "contentSha1": "none",
            "contentType": "application/octet-stream", "fileId": file, "fileInfo": {},
            "fileName": "test-large-file",
            "fileRetention": {"isClientAuthorizedToRead": true,
                "value": {"mode": null, "retainUntilTimestamp": null}},
            "legalHold": {"isClientAuthorizedToRead": true, "value": null},
            "serverSideEncryption": {"algorithm": null, "mode": null},
            "uploadTimestamp": 1_636_751_469_000_u64,
        });
        assert_eq!(Response::json(&start).headers[CONTENT_LENGTH], "688");
        let cancelled = json!({
            "accountId": "000000000000", "bucketId": "8d625eb63be2775577c70e1a", "fileId": file,
            "fileName": "test-large-file",
        });
        assert_eq!(Response::json(&cancelled).headers[CONTENT_LENGTH], "208");
        let part = |number: u64, length: u64, md5: &str, sha1: &str, at: u64| {
            json!({
                "contentLength": length, "contentMd5": md5, "contentSha1": sha1,
                "fileId": file, "partNumber": number,
                "serverSideEncryption": {"algorithm": null, "mode": null}, "uploadTimestamp": at,
            })
        };
        let (md5, sha1) = ("0".repeat(32), "0".repeat(40));
        let parts = json!({
            "nextPartNumber": null,
            "parts": [
                part(1, 5_242_880, &md5, &sha1, 1_643_927_806_000),
                part(2, 3, &md5, &sha1, 1_643_927_827_000),
            ],
        });
        assert_eq!(Response::json(&parts).headers[CONTENT_LENGTH], "880");
        let error = Response::error(&ApiError::bad_request("Invalid fileId: bad-id"));
        assert_eq!(error.headers[CONTENT_LENGTH], "83");
        assert_eq!(error.headers[CONNECTION], "close");
    }
}
