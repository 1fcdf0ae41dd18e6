//! CORS preflight requests, as browsers send them.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_core::{Body, http};
use raw_client::{RawClient, Response};
use serde_json::{Value, json};

fn with_rules(rules: &Value) -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket_with("the-bucket", &json!({"corsRules": rules}));
    (client, bucket)
}

fn send(client: &RawClient, url: &str, origin: &str, method: &str, headers: &str) -> Response {
    let mut request = http::Request::options(url)
        .header("origin", origin)
        .header("access-control-request-method", method);
    if !headers.is_empty() {
        request = request.header("access-control-request-headers", headers);
    }
    client.send(request.body(Body::empty()).unwrap())
}

#[test]
fn the_first_rule_that_allows_everything_answers() {
    let (client, bucket) = with_rules(&json!([
        {"corsRuleName": "uploads", "allowedOrigins": ["https://*.example"],
            "allowedOperations": ["b2_upload_file", "b2_upload_part"], "maxAgeSeconds": 60,
            "allowedHeaders": ["authorization", "x-bz-*", "content-type"]},
        {"corsRuleName": "downloads", "allowedOrigins": ["*"], "maxAgeSeconds": 3600,
            "allowedOperations": ["b2_download_file_by_name", "b2_download_file_by_id"],
            "allowedHeaders": ["range"], "exposeHeaders": ["x-bz-content-sha1", "x-bz-file-id"]},
    ]));
    let file = client.upload(&bucket, "f", b"x");
    let by_name = format!("{}/file/the-bucket/f", client.emulator.url());
    let response = send(&client, &by_name, "http://somewhere", "GET", "Range");
    assert_eq!((response.status.as_u16(), response.body.len()), (200, 0));
    assert_eq!(response.header("access-control-allow-origin"), "*");
    assert_eq!(response.header("access-control-allow-methods"), "GET, HEAD");
    assert_eq!(response.header("access-control-allow-headers"), "Range");
    assert_eq!(response.header("access-control-max-age"), "3600");
    assert_eq!(
        response.header("access-control-expose-headers"),
        "x-bz-content-sha1, x-bz-file-id"
    );
    let id = file["fileId"].as_str().unwrap();
    let by_id = client.url(&format!("b2_download_file_by_id?fileId={id}"));
    assert_eq!(
        send(&client, &by_id, "http://somewhere", "HEAD", "").status,
        200
    );
    let part = client.upload_part_url(&client.start(&bucket, "l")).0;
    for upload in [client.upload_url(&bucket).0, part] {
        let headers = "Authorization, X-Bz-File-Name";
        let response = send(&client, &upload, "https://a.example", "POST", headers);
        assert_eq!(response.status, 200);
        assert_eq!(
            response.header("access-control-allow-origin"),
            "https://a.example"
        );
        for (origin, method, headers) in [
            ("https://a.elsewhere", "POST", headers),
            ("https://a.example", "PUT", headers),
            ("https://a.example", "POST", "x-other"),
        ] {
            send(&client, &upload, origin, method, headers).has_code(403, "access_denied");
        }
    }
    send(
        &client,
        &by_name,
        "http://somewhere",
        "GET",
        "authorization",
    )
    .has_code(403, "access_denied");
}

#[test]
fn responses_have_the_cors_headers_of_the_matching_rule() {
    let (client, bucket) = with_rules(&json!([
        {"corsRuleName": "downloads", "allowedOrigins": ["https"], "maxAgeSeconds": 3600,
            "allowedOperations": ["b2_download_file_by_name", "b2_upload_file"],
            "exposeHeaders": ["x-bz-file-id"]},
    ]));
    let allowed = ("origin", "https://a.example");
    let uploaded = client.upload_with(&bucket, "f", b"x", &[allowed]);
    assert_eq!(
        uploaded.header("access-control-allow-origin"),
        "https://a.example"
    );
    let response = client.download("the-bucket/f", &[allowed]);
    assert_eq!(
        response.header("access-control-allow-origin"),
        "https://a.example"
    );
    assert_eq!(
        response.header("access-control-expose-headers"),
        "x-bz-file-id"
    );
    let response = client.download("the-bucket/f", &[("origin", "http://a.example")]);
    assert_eq!(
        (
            &response.body[..],
            response.header("access-control-allow-origin")
        ),
        (&b"x"[..], "")
    );
}

#[test]
fn a_preflight_without_a_rule_or_for_a_call_with_an_account_token_is_denied() {
    let (client, bucket) = with_rules(&json!([]));
    let by_name = format!("{}/file/the-bucket/f", client.emulator.url());
    for url in [
        by_name,
        format!("{}/file/nobody/f", client.emulator.url()),
        client.upload_url(&bucket).0,
        client.url("b2_list_buckets"),
        client.url("b2_download_file_by_id?fileId=x"),
        format!("{}/", client.emulator.url()),
    ] {
        send(&client, &url, "https://a.example", "GET", "").has_code(403, "access_denied");
    }
}
