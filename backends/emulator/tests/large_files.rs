//! Large files: starting, parts, finishing, canceling and copying.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "large_files/copies.rs"]
mod copies;
mod raw_client;

use std::time::Duration;

use b2kit_emulator::{Emulator, UndocumentedBehavior};
use raw_client::{RawClient, part_request, sha1};
use serde_json::{Value, json};

/// Allows parts of 5 bytes.
fn with_bucket() -> (RawClient, String) {
    let client = RawClient::of(Emulator::builder().absolute_minimum_part_size(5));
    let bucket = client.create_bucket("large-files", "allPrivate");
    (client, bucket)
}

fn finish(client: &RawClient, file: &str, parts: &[&[u8]]) -> raw_client::Response {
    let sha1s: Vec<String> = parts.iter().map(|part| sha1(part)).collect();
    client.post(
        "b2_finish_large_file",
        &json!({"fileId": file, "partSha1Array": sha1s}),
    )
}

#[test]
fn parts_uploaded_in_any_order_become_one_file() {
    let (client, bucket) = with_bucket();
    let started = client
        .post(
            "b2_start_large_file",
            &json!({"bucketId": bucket, "fileName": "f.txt", "contentType": "b2/x-auto",
                "fileInfo": {"Author": "me"}}),
        )
        .ok();
    let file = started["fileId"].as_str().unwrap();
    let expected = json!({
        "accountId": client.emulator.account_id(), "action": "start", "bucketId": bucket,
        "contentLength": 0, "contentMd5": null, "contentSha1": "none", "contentType": "text/plain",
        "fileId": file, "fileInfo": {"author": "me"}, "fileName": "f.txt",
        "fileRetention": {"isClientAuthorizedToRead": true,
            "value": {"mode": null, "retainUntilTimestamp": null}},
        "legalHold": {"isClientAuthorizedToRead": true, "value": null},
        "serverSideEncryption": {"algorithm": "AES256", "mode": "SSE-B2"},
        "uploadTimestamp": 1_770_334_812_998_u64,
    });
    assert_eq!(started, expected);
    assert!(file.starts_with(&format!("4_z{bucket}_f2")));
    client.clock.advance(Duration::from_millis(1500));
    let part = client.upload_part(file, 2, b"end").ok();
    let expected = json!({
        "b2Checksum": null, "contentLength": 3, "contentMd5": "7f021a1415b86f2d013b2618fb31ae53",
        "contentSha1": sha1(b"end"), "fileId": file, "partNumber": 2,
        "serverSideEncryption": {"algorithm": "AES256", "mode": "SSE-B2"},
        "uploadTimestamp": 1_770_334_814_498_u64,
    });
    assert_eq!(part, expected);
    client.upload_part(file, 1, b"wrong").ok();
    client.upload_part(file, 1, b"begin ").ok();
    client.upload(&bucket, "f.txt", b"uploaded meanwhile");
    let finished = finish(&client, file, &[b"begin ", b"end"]).ok();
    let mut expected = started.clone();
    expected["action"] = "upload".into();
    expected["contentLength"] = 9.into();
    assert_eq!(finished, expected);
    assert_eq!(
        client.download("large-files/f.txt", &[]).body,
        "uploaded meanwhile",
        "it is newer"
    );
    let by_id = client.get(&format!("b2_download_file_by_id?fileId={file}"));
    assert_eq!(by_id.body, "begin end");
    assert_eq!(by_id.header("x-bz-content-sha1"), "none");
    assert_eq!(by_id.header("x-bz-info-author"), "me");
    assert_eq!(client.emulator.snapshot().unfinished_large_files, 0);
    finish(&client, file, &[b"begin ", b"end"]).is_error(
        400,
        "bad_request",
        &format!("No active upload for: {file}"),
    );
}

#[test]
fn ranges_across_parts_have_the_right_bytes() {
    let (client, bucket) = with_bucket();
    let file = client.start(&bucket, "f");
    for (number, part) in [(1, "01234"), (2, "56789"), (3, "ab")] {
        client.upload_part(&file, number, part.as_bytes()).ok();
    }
    finish(&client, &file, &[b"01234", b"56789", b"ab"]).ok();
    for (range, content) in [
        ("bytes=3-6", "3456"),
        ("bytes=4-10", "456789a"),
        ("bytes=-3", "9ab"),
    ] {
        assert_eq!(
            client.download("large-files/f", &[("range", range)]).body,
            content
        );
    }
}

#[test]
fn finishing_needs_every_part_its_sha1_and_its_size() {
    let (client, bucket) = with_bucket();
    let file = client.start(&bucket, "f");
    client.upload_part(&file, 1, b"12345").ok();
    let message = "large files must have at least 2 parts";
    finish(&client, &file, &[]).is_error(400, "bad_request", message);
    finish(&client, &file, &[b"12345"]).is_error(400, "bad_request", message);
    finish(&client, &file, &[b"12345", b"x"]).has_code(400, "missing_part");
    client.upload_part(&file, 2, b"1234").ok();
    client.upload_part(&file, 3, b"x").ok();
    finish(&client, &file, &[b"12345", b"4321", b"x"]).has_code(400, "part_sha1_mismatch");
    finish(&client, &file, &[b"12345", b"1234", b"x"]).has_code(400, "bad_request");
    finish(&client, &file, &[b"12345", b"1234"]).has_code(400, "bad_request");
    client
        .post("b2_finish_large_file", &json!({"fileId": file}))
        .has_code(400, "bad_request");
    assert_eq!(
        client.emulator.snapshot().unfinished_large_files,
        1,
        "nothing is lost by trying"
    );
    client.upload_part(&file, 2, b"45678").ok();
    finish(&client, &file, &[b"12345", b"45678", b"x"]).ok();
}

#[test]
fn an_unverified_part_is_finished_by_its_sha1_without_prefix() {
    let (client, bucket) = with_bucket();
    let file = client.start(&bucket, "f");
    let url = client.upload_part_url(&file);
    let part = client
        .send(part_request(&url, 1, b"12345", "do_not_verify"))
        .ok();
    assert_eq!(
        part["contentSha1"],
        format!("unverified:{}", sha1(b"12345"))
    );
    client.send(part_request(&url, 2, b"x", &sha1(b"x"))).ok();
    let prefixed = json!({"fileId": file, "partSha1Array": [part["contentSha1"], sha1(b"x")]});
    client
        .post("b2_finish_large_file", &prefixed)
        .has_code(400, "part_sha1_mismatch");
    finish(&client, &file, &[b"12345", b"x"]).ok();
}

#[test]
fn part_urls_and_numbers_are_checked() {
    let (client, bucket) = with_bucket();
    let file = client.start(&bucket, "f");
    let (url, token) = client.upload_part_url(&file);
    let prefix = format!(
        "{}/b2api/v4/b2_upload_part/{file}/00",
        client.emulator.url()
    );
    assert!(url.starts_with(&prefix), "{url}");
    assert!(token.contains("_uplg_"));
    client.upload_part(&file, 10_000, b"x").ok();
    for number in [0, 10_001] {
        client
            .upload_part(&file, number, b"x")
            .has_code(400, "bad_request");
    }
    client
        .upload_part(&file, 1, b"")
        .has_code(400, "bad_request");
    let url = client.upload_part_url(&file);
    client
        .send(part_request(&url, 1, b"x", &sha1(b"y")))
        .has_code(400, "bad_request");
    let url = client.upload_part_url(&file);
    client
        .post("b2_cancel_large_file", &json!({"fileId": file}))
        .ok();
    client
        .send(part_request(&url, 1, b"x", &sha1(b"x")))
        .has_code(400, "bad_request");
    client
        .post("b2_get_upload_part_url", &json!({"fileId": "x"}))
        .is_error(400, "bad_request", "Invalid fileId: x");
}

#[test]
fn cancelling_frees_the_parts() {
    let (client, bucket) = with_bucket();
    let file = client.start(&bucket, "f");
    client.upload_part(&file, 1, b"12345").ok();
    assert_eq!(client.emulator.snapshot().stored_bytes, 5);
    let cancelled = client
        .post("b2_cancel_large_file", &json!({"fileId": file}))
        .ok();
    let expected = json!({"accountId": client.emulator.account_id(), "bucketId": bucket,
        "fileId": file, "fileName": "f"});
    assert_eq!(cancelled, expected);
    assert_eq!(client.emulator.snapshot().stored_bytes, 0);
    client
        .post("b2_cancel_large_file", &json!({"fileId": file}))
        .is_error(400, "bad_request", &format!("No active upload for: {file}"));
    client
        .post("b2_cancel_large_file", &json!({"fileId": "bad-id"}))
        .is_error(400, "bad_request", "Invalid fileId: bad-id");
}

#[test]
fn parts_are_listed_by_number_in_pages_with_whole_seconds() {
    let (client, bucket) = with_bucket();
    let file = client.start(&bucket, "f");
    for number in [7, 2, 5] {
        client.upload_part(&file, number, b"x").ok();
    }
    let (mut numbers, mut start) = (Vec::new(), Value::Null);
    loop {
        let body = json!({"fileId": file, "maxPartCount": 1, "startPartNumber": start});
        let page = client.post("b2_list_parts", &body).ok();
        let part = &page["parts"][0];
        assert_eq!(part["uploadTimestamp"], 1_770_334_812_000_u64);
        assert_eq!(part["b2Checksum"], Value::Null);
        numbers.push(part["partNumber"].as_u64().unwrap());
        start = page["nextPartNumber"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(numbers, [2, 5, 7]);
    client
        .post(
            "b2_list_parts",
            &json!({"fileId": file, "maxPartCount": 1001}),
        )
        .has_code(400, "out_of_range");
}

#[test]
fn unfinished_files_are_listed_oldest_first() {
    let (client, bucket) = with_bucket();
    let mut files = Vec::new();
    for name in ["z", "a", "z", "other"] {
        files.push(client.start(&bucket, name));
        client.clock.advance(Duration::from_secs(1));
    }
    let list = |body: Value| client.post("b2_list_unfinished_large_files", &body).ok();
    let ids = |listing: &Value| -> Vec<String> {
        let files = listing["files"].as_array().unwrap().iter();
        files
            .map(|file| file["fileId"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = list(json!({"bucketId": bucket, "namePrefix": null, "startFileId": null}));
    assert_eq!(ids(&all), files);
    assert_eq!(
        (&all["nextFileId"], &all["nextFileName"]),
        (&Value::Null, &Value::Null)
    );
    let page = list(json!({"bucketId": bucket, "maxFileCount": 1, "startFileId": files[1]}));
    assert_eq!(
        (&ids(&page)[..], &page["nextFileId"]),
        (&files[1..2], &json!(files[2]))
    );
    assert_eq!(
        ids(&list(json!({"bucketId": bucket, "namePrefix": "z"}))).len(),
        2
    );
    client
        .post("b2_cancel_large_file", &json!({"fileId": files[1]}))
        .ok();
    let after = list(json!({"bucketId": bucket, "startFileId": files[1]}));
    assert_eq!(ids(&after), files[2..]);
    client
        .post(
            "b2_list_unfinished_large_files",
            &json!({"bucketId": bucket, "maxFileCount": 101}),
        )
        .has_code(400, "out_of_range");
}

#[test]
fn invalid_large_files_are_refused() {
    let (client, bucket) = with_bucket();
    for (fields, status, code) in [
        (json!({"fileName": ""}), 400, "bad_request"),
        (json!({"fileName": null}), 400, "bad_request"),
        (json!({"contentType": null}), 400, "bad_request"),
        (json!({"contentType": "a\nb"}), 400, "bad_request"),
        (json!({"bucketId": "x"}), 400, "bad_bucket_id"),
        (json!({"fileInfo": {"b2-x": ""}}), 400, "bad_request"),
        (json!({"fileInfo": {"x": 1}}), 400, "bad_request"),
        (json!({"legalHold": "on"}), 400, "bucket_missing_file_lock"),
        (
            json!({"customUploadTimestamp": 1}),
            400,
            "custom_timestamp_not_allowed",
        ),
        (
            json!({"serverSideEncryption": {"mode": "SSE-B2"}}),
            400,
            "bad_request",
        ),
        (
            json!({"serverSideEncryption": {"mode": "none"}}),
            400,
            "bad_request",
        ),
    ] {
        let mut body = json!({"bucketId": bucket, "fileName": "f", "contentType": "x/y"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        client
            .post("b2_start_large_file", &body)
            .has_code(status, code);
    }
}
