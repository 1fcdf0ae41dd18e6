//! Raw requests to an emulator in-process: tests see requests and responses, and nothing else.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "only tests are here, and each of them uses its own part"
)]

use b2kit_core::{Body, CheckedClient, HttpClient, ManualTimer, Request, http};
use b2kit_emulator::{Builder, Emulator, ManualClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::executor::block_on;
use http::{HeaderMap, StatusCode};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sha1::Sha1;

/// An emulator and a session.
pub struct RawClient {
    pub emulator: Emulator,
    pub clock: ManualClock,
    pub version: &'static str,
    pub token: String,
}

/// A response, read completely.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl RawClient {
    pub fn new() -> Self {
        Self::of(Emulator::builder())
    }

    pub fn of(builder: Builder) -> Self {
        let clock = ManualClock::default();
        Self::with(builder.clock(clock.clone()).build(), clock)
    }

    /// A session with this emulator, which uses this clock.
    pub fn with(emulator: Emulator, clock: ManualClock) -> Self {
        let (id, key) = (emulator.key_id().to_owned(), emulator.key().to_owned());
        let mut client = Self {
            emulator,
            clock,
            version: "v4",
            token: String::new(),
        };
        client.token = client.authorize(&id, &key).json()["authorizationToken"]
            .as_str()
            .unwrap()
            .to_owned();
        client
    }

    /// The same emulator with another key.
    pub fn as_key(&self, key: &Value) -> Self {
        let id = key["applicationKeyId"].as_str().unwrap();
        let secret = key["applicationKey"].as_str().unwrap();
        Self {
            emulator: self.emulator.clone(),
            clock: self.clock.clone(),
            version: self.version,
            token: self.authorize(id, secret).json()["authorizationToken"]
                .as_str()
                .unwrap()
                .to_owned(),
        }
    }

    pub fn in_version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    pub fn authorize(&self, id: &str, key: &str) -> Response {
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{key}")));
        self.send(
            http::Request::get(self.url("b2_authorize_account"))
                .header("authorization", basic)
                .body(Body::empty())
                .unwrap(),
        )
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/b2api/{}/{path}", self.emulator.url(), self.version)
    }

    /// Through `CheckedClient`, which checks all lengths.
    pub fn send(&self, request: Request) -> Response {
        block_on(async {
            let guard = CheckedClient::new(self.emulator.clone(), ManualTimer::new());
            let response = guard.send(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect(usize::MAX).await.unwrap();
            Response {
                status: head.status,
                headers: head.headers,
                body,
            }
        })
    }

    /// A call with POST.
    pub fn post(&self, call: &str, body: &Value) -> Response {
        self.send(
            http::Request::post(self.url(call))
                .header("authorization", &self.token)
                .body(Body::from(body.to_string()))
                .unwrap(),
        )
    }

    /// A call with GET; `path` includes its query.
    pub fn get(&self, path: &str) -> Response {
        self.send(
            http::Request::get(self.url(path))
                .header("authorization", &self.token)
                .body(Body::empty())
                .unwrap(),
        )
    }

    pub fn create_bucket(&self, name: &str, kind: &str) -> String {
        let account = self.emulator.account_id();
        let response = self.post(
            "b2_create_bucket",
            &json!({"accountId": account, "bucketName": name, "bucketType": kind}),
        );
        response.ok()["bucketId"].as_str().unwrap().to_owned()
    }

    /// Creates a bucket with these fields besides the required ones.
    pub fn create_bucket_with(&self, name: &str, fields: &Value) -> String {
        let mut body = json!({"accountId": self.emulator.account_id(), "bucketName": name,
            "bucketType": "allPrivate"});
        merge(&mut body, fields);
        let response = self.post("b2_create_bucket", &body);
        response.ok()["bucketId"].as_str().unwrap().to_owned()
    }

    pub fn update_bucket(&self, bucket: &str, fields: &Value) -> Response {
        let mut body = json!({"accountId": self.emulator.account_id(), "bucketId": bucket});
        merge(&mut body, fields);
        self.post("b2_update_bucket", &body)
    }

    /// A session with a new key with these capabilities and fields.
    pub fn with_key(&self, capabilities: &[&str], fields: &Value) -> Self {
        let mut body = json!({"accountId": self.emulator.account_id(), "keyName": "a-key",
            "capabilities": capabilities});
        merge(&mut body, fields);
        self.as_key(&self.post("b2_create_key", &body).ok())
    }

    /// `uploadUrl` and `authorizationToken`.
    pub fn upload_url(&self, bucket: &str) -> (String, String) {
        url_and_token(&self.post("b2_get_upload_url", &json!({"bucketId": bucket})))
    }

    pub fn upload_part_url(&self, file: &str) -> (String, String) {
        url_and_token(&self.post("b2_get_upload_part_url", &json!({"fileId": file})))
    }

    pub fn upload(&self, bucket: &str, name: &str, content: &[u8]) -> Value {
        self.upload_with(bucket, name, content, &[]).ok()
    }

    pub fn upload_with(
        &self,
        bucket: &str,
        name: &str,
        content: &[u8],
        headers: &[(&str, &str)],
    ) -> Response {
        let url = self.upload_url(bucket);
        self.send(upload_request(&url, name, content, headers))
    }

    pub fn start(&self, bucket: &str, name: &str) -> String {
        let response = self.post(
            "b2_start_large_file",
            &json!({"bucketId": bucket, "fileName": name, "contentType": "b2/x-auto"}),
        );
        response.ok()["fileId"].as_str().unwrap().to_owned()
    }

    pub fn upload_part(&self, file: &str, number: u64, content: &[u8]) -> Response {
        let url = self.upload_part_url(file);
        self.send(part_request(&url, number, content, &sha1(content)))
    }

    /// A download by name with the session's token.
    pub fn download(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = http::Request::get(format!("{}/file/{path}", self.emulator.url()))
            .header("authorization", &self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap())
    }

    /// The names and actions of a listing.
    pub fn listed(&self, call: &str, body: &Value) -> Vec<(String, String)> {
        names_of(&self.post(call, body).ok())
    }
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The JSON of a response that must be a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Requires this error.
    #[track_caller]
    pub fn is_error(&self, status: u16, code: &str, message: &str) {
        self.has_code(status, code);
        assert_eq!(self.json()["message"], message);
    }

    /// Requires an error with this code, whatever its message.
    #[track_caller]
    pub fn has_code(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        assert_eq!(json["code"], code, "{json}");
        assert_eq!(json["status"], status);
        assert_eq!(json.as_object().unwrap().len(), 3);
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Copies the fields of one object into another.
pub fn merge(into: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        into[name] = value.clone();
    }
}

/// The three headers or fields for an SSE-C key of 32 equal bytes.
pub fn customer_key(byte: u8) -> (String, String) {
    let key = [byte; 32];
    (STANDARD.encode(key), STANDARD.encode(Md5::digest(key)))
}

pub fn upload_request(
    (url, token): &(String, String),
    name: &str,
    content: &[u8],
    headers: &[(&str, &str)],
) -> Request {
    let mut request = http::Request::post(url)
        .header("authorization", token)
        .header("x-bz-file-name", name)
        .header("content-type", "b2/x-auto");
    if !headers.iter().any(|(name, _)| *name == "x-bz-content-sha1") {
        request = request.header("x-bz-content-sha1", sha1(content));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(content.to_vec())).unwrap()
}

pub fn part_request(
    (url, token): &(String, String),
    number: u64,
    content: &[u8],
    sha1: &str,
) -> Request {
    http::Request::post(url)
        .header("authorization", token)
        .header("x-bz-part-number", number)
        .header("x-bz-content-sha1", sha1)
        .body(Body::from(content.to_vec()))
        .unwrap()
}

pub fn url_and_token(response: &Response) -> (String, String) {
    let response = response.ok();
    let text = |name: &str| response[name].as_str().unwrap().to_owned();
    (text("uploadUrl"), text("authorizationToken"))
}

pub fn names_of(listing: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = listing["files"].as_array().unwrap().iter();
    files
        .map(|file| (text(&file["fileName"]), text(&file["action"])))
        .collect()
}

pub fn sha1(content: &[u8]) -> String {
    let digest = Sha1::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
