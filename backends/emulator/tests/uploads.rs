//! Uploads: what is checked and stored, and what happens to the upload token.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use b2kit_core::{Body, HttpClient, http};
use b2kit_emulator::Emulator;
use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt as _, stream};
use raw_client::{RawClient, sha1, upload_request};
use serde_json::{Value, json};

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("uploads", "allPrivate");
    (client, bucket)
}

#[test]
fn an_uploaded_file_has_the_documented_json() {
    let (client, bucket) = with_bucket();
    let file = client.upload(&bucket, "typing_test.txt", b"hello");
    let id = file["fileId"].as_str().unwrap();
    let expected = json!({
        "accountId": client.emulator.account_id(), "action": "upload", "bucketId": bucket,
        "contentLength": 5, "contentMd5": "5d41402abc4b2a76b9719d911017c592",
        "contentSha1": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d", "contentType": "text/plain",
        "fileId": id, "fileInfo": {}, "fileName": "typing_test.txt",
        "fileRetention": {"isClientAuthorizedToRead": true,
            "value": {"mode": null, "retainUntilTimestamp": null}},
        "legalHold": {"isClientAuthorizedToRead": true, "value": null},
        "serverSideEncryption": {"algorithm": "AES256", "mode": "SSE-B2"},
        "uploadTimestamp": 1_770_334_812_998_u64,
    });
    assert_eq!(file, expected);
    let shape =
        "4_z000000000000000000000000_f4_d20260205_m234012_c004_v0402033_t0052_u01770334812998";
    assert_eq!(id.len(), shape.len() + 15);
    assert!(id.starts_with(&format!("4_z{bucket}_f4")));
    assert!(id.ends_with("_u01770334812998"));
}

#[test]
fn upload_urls_have_the_format_of_real_ones() {
    let (client, bucket) = with_bucket();
    let (url, token) = client.upload_url(&bucket);
    let prefix = format!(
        "{}/b2api/v4/b2_upload_file/{bucket}/c004_v0402",
        client.emulator.url()
    );
    assert!(url.starts_with(&prefix), "{url}");
    assert!(token.contains("_upld_"));
    let unknown = client.post("b2_get_upload_url", &json!({"bucketId": "1234567"}));
    unknown.is_error(400, "bad_bucket_id", "Bucket 1234567 does not exist");
}

#[test]
fn the_sha1_is_verified_from_the_header_the_end_or_not_at_all() {
    let (client, bucket) = with_bucket();
    let sha = |value: &'static str, body: &[u8]| {
        client.upload_with(&bucket, "f", body, &[("x-bz-content-sha1", value)])
    };
    let right = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    assert_eq!(
        sha("AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D", b"hello").ok()["contentSha1"],
        right
    );
    let at_end = sha("hex_digits_at_end", format!("hello{right}").as_bytes()).ok();
    assert_eq!(
        (&at_end["contentSha1"], &at_end["contentLength"]),
        (&json!(right), &json!(5))
    );
    let nothing = sha("hex_digits_at_end", sha1(b"").as_bytes()).ok();
    assert_eq!(nothing["contentLength"], 0);
    let unverified = sha("do_not_verify", b"hello").ok();
    assert_eq!(unverified["contentSha1"], format!("unverified:{right}"));
    let download = client.download("uploads/f", &[]);
    assert_eq!(
        download.header("x-bz-content-sha1"),
        format!("unverified:{right}")
    );
    let stored = client.emulator.snapshot().stored_bytes;
    let mismatch = "Sha1 did not match data received";
    sha(right, b"hullo").is_error(400, "bad_request", mismatch);
    sha("hex_digits_at_end", format!("hullo{right}").as_bytes()).is_error(
        400,
        "bad_request",
        mismatch,
    );
    sha(
        "hex_digits_at_end",
        format!("hello{}", "ü".repeat(20)).as_bytes(),
    )
    .is_error(400, "bad_request", mismatch);
    sha("hex_digits_at_end", b"short").has_code(400, "bad_request");
    sha("aaf4", b"hello").has_code(400, "bad_request");
    sha("", b"hello").has_code(400, "bad_request");
    assert_eq!(
        client.emulator.snapshot().stored_bytes,
        stored,
        "nothing is left of failures"
    );
    assert_eq!(client.emulator.snapshot().versions, 4);
}

#[test]
fn an_upload_url_works_until_an_upload_fails() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    for _ in 0..3 {
        client.send(upload_request(&url, "f", b"x", &[])).ok();
    }
    let wrong = [(
        "x-bz-content-sha1",
        "0000000000000000000000000000000000000000",
    )];
    client
        .send(upload_request(&url, "f", b"x", &wrong))
        .has_code(400, "bad_request");
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
    let url = client.upload_url(&bucket);
    client
        .send(upload_request(&url, "", b"x", &[]))
        .has_code(400, "bad_request");
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
}

#[test]
fn an_upload_token_works_for_one_url_until_it_expires() {
    let (client, bucket) = with_bucket();
    let (url, token) = client.upload_url(&bucket);
    let (other, _) = client.upload_url(&bucket);
    client
        .send(upload_request(&(other, token.clone()), "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
    client
        .send(upload_request(
            &(url.clone(), client.token.clone()),
            "f",
            b"x",
            &[],
        ))
        .has_code(401, "bad_auth_token");
    let good = (url, token);
    client.send(upload_request(&good, "f", b"x", &[])).ok();
    client.clock.advance(Duration::from_secs(24 * 60 * 60));
    client
        .send(upload_request(&good, "f", b"x", &[]))
        .has_code(401, "expired_auth_token");
    let get = http::Request::get(&good.0).body(Body::empty()).unwrap();
    client
        .send(get)
        .is_error(405, "method_not_allowed", "Only POST is supported");
}

/// An upload whose body never continues after its first bytes.
fn stuck(url: &(String, String)) -> b2kit_core::Request {
    let request = upload_request(url, "f", b"xy", &[]);
    let first = stream::iter([Ok(Bytes::from_static(b"x"))]);
    let never = stream::poll_fn(|_| Poll::Pending);
    request.map(|_| Body::once(2, futures::StreamExt::chain(first, never)))
}

#[test]
fn a_second_concurrent_upload_with_a_token_is_refused() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    let mut first = client.emulator.send(stuck(&url));
    while client.emulator.snapshot().stored_bytes == 0 {
        assert!((&mut first).now_or_never().is_none(), "under way");
    }
    let message = format!("more than one upload using auth token {}", url.1);
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .is_error(400, "auth_token_limit", &message);
    assert_eq!(client.emulator.snapshot().stored_bytes, 2, "reserved");
    drop(first);
    assert_eq!(client.emulator.snapshot().stored_bytes, 0);
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
}

#[test]
fn concurrent_requests_interleave() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    let send = || client.emulator.send(upload_request(&url, "f", b"x", &[]));
    let (first, second) = block_on(async { futures::join!(send(), send()) });
    let status = |response: Result<b2kit_core::Response, _>| response.unwrap().status().as_u16();
    assert_eq!(
        (status(first), status(second)),
        (200, 400),
        "one token, two uploads"
    );
}

#[test]
fn an_upload_whose_body_fails_or_has_the_wrong_length_stores_nothing() {
    let (client, bucket) = with_bucket();
    let chunk = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    let bodies = [
        vec![chunk("x"), Err(std::io::Error::other("broken"))],
        vec![chunk("x")],
        vec![chunk("x"), chunk("yz")],
    ];
    for body in bodies {
        let url = client.upload_url(&bucket);
        let request = upload_request(&url, "f", b"xy", &[]);
        let request = request.map(|_| Body::once(2, stream::iter(body)));
        assert!(block_on(client.emulator.send(request)).is_err());
        client
            .send(upload_request(&url, "f", b"x", &[]))
            .has_code(401, "bad_auth_token");
    }
    let snapshot = client.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
}

#[test]
fn an_upload_into_a_bucket_that_is_deleted_meanwhile_fails() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    let emulator = client.emulator.clone();
    let delete = json!({"accountId": emulator.account_id(), "bucketId": bucket});
    let client = Arc::new(client);
    let within = Arc::clone(&client);
    // the body's first poll comes after the head was accepted
    let body = stream::once(async move {
        within.post("b2_delete_bucket", &delete).ok();
        Ok(Bytes::from_static(b"x"))
    });
    let request = upload_request(&url, "f", b"x", &[]).map(|_| Body::once(1, body));
    assert_eq!(poll_by_hand(&emulator, request), 400);
    assert_eq!(client.emulator.snapshot().stored_bytes, 0);
}

/// The body blocks on another request, which `block_on` refuses inside another `block_on`.
fn poll_by_hand(emulator: &Emulator, request: b2kit_core::Request) -> u16 {
    let mut send = emulator.send(request);
    loop {
        if let Some(response) = (&mut send).now_or_never() {
            return response.unwrap().status().as_u16();
        }
    }
}

#[test]
fn file_info_is_decoded_and_its_keys_are_lower_case() {
    let (client, bucket) = with_bucket();
    let headers = [
        ("X-Bz-Info-Author", "%E8%87%AA+%2B"),
        ("x-bz-info-src_last_modified_millis", "1"),
        ("X-Bz-Info-b2-cache-control", "max-age=5"),
    ];
    let file = client.upload_with(&bucket, "f", b"x", &headers).ok();
    assert_eq!(
        file["fileInfo"],
        json!({"author": "自 +", "b2-cache-control": "max-age=5", "src_last_modified_millis": "1"})
    );
    for headers in [
        [("X-Bz-Info-b2-else", "x")],
        [("X-Bz-Info-a", "%zz")],
        [("X-Bz-Info-a", "%FF")],
    ] {
        client
            .upload_with(&bucket, "f", b"x", &headers)
            .has_code(400, "bad_request");
    }
    let eleven: Vec<String> = (0..11).map(|at| format!("x-bz-info-k{at}")).collect();
    let eleven: Vec<(&str, &str)> = eleven.iter().map(|name| (name.as_str(), "v")).collect();
    client.upload_with(&bucket, "f", b"x", &eleven[..10]).ok();
    client
        .upload_with(&bucket, "f", b"x", &eleven)
        .has_code(400, "bad_request");
    let value = "v".repeat(2048 - "f".len() - "key".len());
    client
        .upload_with(&bucket, "f", b"x", &[("x-bz-info-key", &value)])
        .ok();
    client
        .upload_with(&bucket, "ff", b"x", &[("x-bz-info-key", &value)])
        .has_code(400, "bad_request");
}

#[test]
fn uploads_with_missing_or_invalid_headers_are_refused() {
    let (client, bucket) = with_bucket();
    for missing in ["x-bz-file-name", "content-type", "x-bz-content-sha1"] {
        let mut request = upload_request(&client.upload_url(&bucket), "f", b"x", &[]);
        request.headers_mut().remove(missing);
        client.send(request).has_code(400, "bad_request");
    }
    let mut request = upload_request(&client.upload_url(&bucket), "f", b"x", &[]);
    request.headers_mut().remove("authorization");
    client.send(request).has_code(401, "bad_auth_token");
    for (header, status, code) in [
        ("x-bz-server-side-encryption", 400, "bad_request"),
        (
            "x-bz-server-side-encryption-customer-key",
            400,
            "bad_request",
        ),
        ("x-bz-file-retention-mode", 400, "bucket_missing_file_lock"),
        ("x-bz-file-legal-hold", 400, "bucket_missing_file_lock"),
        (
            "x-bz-custom-upload-timestamp",
            400,
            "custom_timestamp_not_allowed",
        ),
    ] {
        client
            .upload_with(&bucket, "f", b"x", &[(header, "1")])
            .has_code(status, code);
    }
    client
        .upload_with(&bucket, "f%0A", b"x", &[])
        .has_code(400, "bad_request");
    client
        .upload_with(&bucket, "f%zz", b"x", &[])
        .has_code(400, "bad_request");
}

#[test]
fn the_storage_cap_is_enforced_and_deleting_frees_space() {
    let client = RawClient::of(Emulator::builder().storage_cap(10));
    let bucket = client.create_bucket("uploads", "allPrivate");
    let file = client.upload(&bucket, "f", b"123456");
    client.upload_with(&bucket, "g", b"12345", &[]).is_error(
        403,
        "storage_cap_exceeded",
        "Cannot upload files, storage cap exceeded",
    );
    let url = client.upload_url(&bucket);
    let huge = upload_request(&url, "g", b"", &[("x-bz-content-sha1", "do_not_verify")]);
    let huge = huge.map(|_| Body::once(6 << 30, stream::pending()));
    client.send(huge).has_code(400, "bad_request");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "f", "fileId": file["fileId"]}),
        )
        .ok();
    client.upload(&bucket, "g", b"1234567890");
}

#[test]
fn a_content_length_that_contradicts_the_body_is_never_sent() {
    let (client, bucket) = with_bucket();
    let mut request = upload_request(&client.upload_url(&bucket), "f", b"x", &[]);
    request.headers_mut().insert("content-length", 2.into());
    let error = block_on(client.emulator.send(request)).unwrap_err();
    assert_eq!(error.kind(), b2kit_core::HttpErrorKind::Invalid);
    assert_eq!(client.emulator.snapshot().calls_of("b2_upload_file"), 0);
}

#[test]
fn large_files_are_read_back_unchanged() {
    let (client, bucket) = with_bucket();
    let content: Vec<u8> = (0..1_000_003_u32).map(|at| (at % 255) as u8).collect();
    let file = client.upload(&bucket, "f", &content);
    assert!(
        file["fileId"].as_str().unwrap().contains("_f1"),
        "not small"
    );
    assert_eq!(file["contentLength"], 1_000_003);
    assert!(client.download("uploads/f", &[]).body == content);
    assert_ne!(file["contentMd5"], Value::Null);
}
