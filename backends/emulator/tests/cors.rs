//! CORS preflight requests, as browsers send them.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use b2kit_core::{Body, http};
use serde_json::{Value, json};
use wire::{Answer, Wire};

fn with_rules(rules: &Value) -> (Wire, String) {
    let wire = Wire::new();
    let bucket = wire.create_bucket_with("the-bucket", &json!({"corsRules": rules}));
    (wire, bucket)
}

fn ask(wire: &Wire, url: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let mut request = http::Request::options(url)
        .header("origin", origin)
        .header("access-control-request-method", method);
    if !headers.is_empty() {
        request = request.header("access-control-request-headers", headers);
    }
    wire.send(request.body(Body::empty()).unwrap())
}

#[test]
fn the_first_rule_that_allows_everything_answers() {
    let (wire, bucket) = with_rules(&json!([
        {"corsRuleName": "uploads", "allowedOrigins": ["https://*.example"],
            "allowedOperations": ["b2_upload_file", "b2_upload_part"], "maxAgeSeconds": 60,
            "allowedHeaders": ["authorization", "x-bz-*", "content-type"]},
        {"corsRuleName": "downloads", "allowedOrigins": ["*"], "maxAgeSeconds": 3600,
            "allowedOperations": ["b2_download_file_by_name", "b2_download_file_by_id"],
            "allowedHeaders": ["range"], "exposeHeaders": ["x-bz-content-sha1", "x-bz-file-id"]},
    ]));
    let file = wire.upload(&bucket, "f", b"x");
    let by_name = format!("{}/file/the-bucket/f", wire.emulator.url());
    let answer = ask(&wire, &by_name, "http://somewhere", "GET", "Range");
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD");
    assert_eq!(answer.header("access-control-allow-headers"), "Range");
    assert_eq!(answer.header("access-control-max-age"), "3600");
    assert_eq!(
        answer.header("access-control-expose-headers"),
        "x-bz-content-sha1, x-bz-file-id"
    );
    let id = file["fileId"].as_str().unwrap();
    let by_id = wire.url(&format!("b2_download_file_by_id?fileId={id}"));
    assert_eq!(
        ask(&wire, &by_id, "http://somewhere", "HEAD", "").status,
        200
    );
    let part = wire.upload_part_url(&wire.start(&bucket, "l")).0;
    for upload in [wire.upload_url(&bucket).0, part] {
        let headers = "Authorization, X-Bz-File-Name";
        let answer = ask(&wire, &upload, "https://a.example", "POST", headers);
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://a.example"
        );
        for (origin, method, headers) in [
            ("https://a.elsewhere", "POST", headers),
            ("https://a.example", "PUT", headers),
            ("https://a.example", "POST", "x-other"),
        ] {
            ask(&wire, &upload, origin, method, headers).has_code(403, "access_denied");
        }
    }
    ask(&wire, &by_name, "http://somewhere", "GET", "authorization").has_code(403, "access_denied");
}

#[test]
fn responses_have_the_cors_headers_of_the_matching_rule() {
    let (wire, bucket) = with_rules(&json!([
        {"corsRuleName": "downloads", "allowedOrigins": ["https"], "maxAgeSeconds": 3600,
            "allowedOperations": ["b2_download_file_by_name", "b2_upload_file"],
            "exposeHeaders": ["x-bz-file-id"]},
    ]));
    let allowed = ("origin", "https://a.example");
    let uploaded = wire.upload_with(&bucket, "f", b"x", &[allowed]);
    assert_eq!(
        uploaded.header("access-control-allow-origin"),
        "https://a.example"
    );
    let answer = wire.download("the-bucket/f", &[allowed]);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://a.example"
    );
    assert_eq!(
        answer.header("access-control-expose-headers"),
        "x-bz-file-id"
    );
    let answer = wire.download("the-bucket/f", &[("origin", "http://a.example")]);
    assert_eq!(
        (
            &answer.body[..],
            answer.header("access-control-allow-origin")
        ),
        (&b"x"[..], "")
    );
}

#[test]
fn a_preflight_without_a_rule_or_for_a_call_with_an_account_token_is_denied() {
    let (wire, bucket) = with_rules(&json!([]));
    let by_name = format!("{}/file/the-bucket/f", wire.emulator.url());
    for url in [
        by_name,
        format!("{}/file/nobody/f", wire.emulator.url()),
        wire.upload_url(&bucket).0,
        wire.url("b2_list_buckets"),
        wire.url("b2_download_file_by_id?fileId=x"),
        format!("{}/", wire.emulator.url()),
    ] {
        ask(&wire, &url, "https://a.example", "GET", "").has_code(403, "access_denied");
    }
}
