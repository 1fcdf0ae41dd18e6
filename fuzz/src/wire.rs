//! Calls to an emulator as JSON, without the client.

use b2kit::http::Request as Builder;
use b2kit::{Body, HttpClient as _};
use b2kit_emulator::Emulator;
use base64::Engine as _;
use futures::executor::block_on;
use serde_json::{Value, json};

/// An emulator, and a token for all calls.
pub struct Wire {
    pub emulator: Emulator,
    pub token: String,
}

impl Wire {
    pub fn new(emulator: Emulator) -> Self {
        let key = format!("{}:{}", emulator.key_id(), emulator.key());
        let basic = format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(key)
        );
        let mut wire = Self {
            emulator,
            token: basic,
        };
        let authorized = wire.call("b2_authorize_account", &json!({}));
        wire.token = text(&authorized["authorizationToken"]);
        wire
    }

    pub fn call(&self, call: &str, body: &Value) -> Value {
        let url = format!("{}/b2api/v4/{call}", self.emulator.url());
        let body = body.to_string();
        self.send(
            Builder::post(url).header("authorization", &self.token),
            body.into(),
        )
    }

    pub fn create_bucket(&self, name: &str) -> String {
        let account = self.emulator.account_id();
        let arguments =
            json!({"accountId": account, "bucketName": name, "bucketType": "allPrivate"});
        text(&self.call("b2_create_bucket", &arguments)["bucketId"])
    }

    pub fn upload(&self, bucket: &str, name: &str, content: &[u8]) -> Value {
        let url = self.call("b2_get_upload_url", &json!({"bucketId": bucket}));
        let request = Builder::post(text(&url["uploadUrl"]))
            .header("authorization", text(&url["authorizationToken"]))
            .header("x-bz-file-name", name)
            .header("content-type", "b2/x-auto")
            .header("x-bz-content-sha1", sha1(content));
        self.send(request, content.to_vec().into())
    }

    pub fn upload_part(&self, file: &str, content: &[u8]) -> Value {
        let url = self.call("b2_get_upload_part_url", &json!({"fileId": file}));
        let request = Builder::post(text(&url["uploadUrl"]))
            .header("authorization", text(&url["authorizationToken"]))
            .header("x-bz-part-number", 1)
            .header("x-bz-content-sha1", sha1(content));
        self.send(request, content.to_vec().into())
    }

    /// Everything that listings show.
    pub fn shown(&self) -> Value {
        let account = json!({"accountId": self.emulator.account_id()});
        let buckets = self.call("b2_list_buckets", &account);
        let mut shown = json!({"keys": self.call("b2_list_keys", &account)});
        for bucket in buckets["buckets"].as_array().expect("a listing") {
            let of = json!({"bucketId": bucket["bucketId"]});
            let unfinished = self.call("b2_list_unfinished_large_files", &of);
            let files = unfinished["files"].as_array().expect("a listing");
            let parts: Vec<_> = files
                .iter()
                .map(|file| self.call("b2_list_parts", &json!({"fileId": file["fileId"]})))
                .collect();
            shown[text(&bucket["bucketId"])] =
                json!([self.call("b2_list_file_versions", &of), unfinished, parts]);
        }
        shown["buckets"] = buckets;
        shown
    }

    fn send(&self, request: b2kit::http::request::Builder, body: Body) -> Value {
        let request = request.body(body).expect("a request");
        let answer = block_on(async {
            let response = self.emulator.send(request).await.expect("an answer");
            let status = response.status();
            let body = response.into_body().collect(1 << 20).await.expect("a body");
            (status, body)
        });
        assert_eq!(answer.0, 200, "{}", String::from_utf8_lossy(&answer.1));
        serde_json::from_slice(&answer.1).expect("JSON")
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn sha1(content: &[u8]) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
