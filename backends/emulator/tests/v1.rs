//! Version 1 of the API, which rclone uses.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use raw_client::RawClient;
use serde_json::{Value, json};

fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    (client.in_version("v1"), bucket)
}

#[test]
fn authorizing_in_v1_has_minimum_part_size() {
    let (client, _) = with_bucket();
    let (id, key) = (client.emulator.key_id(), client.emulator.key());
    let session = client.authorize(id, key).ok();
    assert_eq!(
        fields(&session),
        [
            "absoluteMinimumPartSize",
            "accountId",
            "allowed",
            "apiUrl",
            "authorizationToken",
            "downloadUrl",
            "minimumPartSize",
            "recommendedPartSize",
            "s3ApiUrl",
        ]
    );
    assert_eq!(session["minimumPartSize"], session["recommendedPartSize"]);
}

#[test]
fn upload_urls_are_of_v1_and_files_have_a_size() {
    let (client, bucket) = with_bucket();
    let (url, _) = client.upload_url(&bucket);
    assert!(url.contains("/b2api/v1/b2_upload_file/"), "{url}");
    client.upload(&bucket, "d/f", b"four");
    let body = json!({"bucketId": bucket});
    for call in ["b2_list_file_names", "b2_list_file_versions"] {
        let file = &client.post(call, &body).ok()["files"][0];
        assert_eq!(
            (&file["size"], &file["contentLength"]),
            (&json!(4), &json!(4))
        );
    }
    let folders = json!({"bucketId": bucket, "delimiter": "/"});
    let folder = &client.post("b2_list_file_names", &folders).ok()["files"][0];
    assert_eq!(
        (&folder["action"], &folder["size"]),
        (&json!("folder"), &json!(0))
    );
}

#[test]
fn hide_markers_and_unfinished_files_have_fewer_fields() {
    let (client, bucket) = with_bucket();
    client.upload(&bucket, "f", b"x");
    let hidden = client.post(
        "b2_hide_file",
        &json!({"bucketId": bucket, "fileName": "f"}),
    );
    let hidden = hidden.ok();
    assert_eq!(
        (
            &hidden["action"],
            &hidden["contentType"],
            &hidden["contentSha1"]
        ),
        (&json!("hide"), &Value::Null, &Value::Null)
    );
    assert_eq!(hidden.get("bucketId"), None);
    let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y"});
    let started = client.post("b2_start_large_file", &start).ok();
    let unfinished = client.post(
        "b2_list_unfinished_large_files",
        &json!({"bucketId": bucket}),
    );
    let unfinished = unfinished.ok();
    for file in [&started, &unfinished["files"][0]] {
        for field in ["action", "contentLength", "contentSha1", "size"] {
            assert_eq!(file.get(field), None, "{field}");
        }
        assert_eq!(file["contentType"], "x/y");
    }
    let versions = client
        .post("b2_list_file_versions", &json!({"bucketId": bucket}))
        .ok();
    assert_eq!(versions["files"][2]["action"], "start");
}

#[test]
fn v1_leaves_out_what_a_restricted_key_can_not_access() {
    let (client, bucket) = with_bucket();
    let other = client.create_bucket("another", "allPrivate");
    for name in ["a", "in/a", "in/b/c", "z"] {
        client.upload(&bucket, name, b"x");
    }
    client.start(&bucket, "in/l");
    client.start(&bucket, "l");
    let restricted = json!({"bucketId": bucket, "namePrefix": "in/"});
    let holder = client.with_key(&["listBuckets", "listFiles"], &restricted);
    let account = json!({"accountId": client.emulator.account_id()});
    let buckets = holder.post("b2_list_buckets", &account).ok();
    let buckets = buckets["buckets"].as_array().unwrap();
    assert_eq!(
        (buckets.len(), &buckets[0]["bucketId"]),
        (1, &json!(bucket))
    );
    let names = |fields: &Value| -> Vec<String> {
        let mut body = json!({"bucketId": bucket});
        raw_client::merge(&mut body, fields);
        let listed = holder.listed("b2_list_file_names", &body);
        listed.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&json!({})), ["in/a", "in/b/c"]);
    assert_eq!(names(&json!({"delimiter": "/"})), ["in/"]);
    assert_eq!(
        names(&json!({"prefix": "in/", "delimiter": "/"})),
        ["in/a", "in/b/"]
    );
    assert!(names(&json!({"prefix": "z"})).is_empty());
    let body = json!({"bucketId": bucket});
    let unfinished = holder.post("b2_list_unfinished_large_files", &body).ok();
    assert_eq!(unfinished["files"].as_array().unwrap().len(), 1);
    let body = json!({"bucketId": other});
    holder
        .post("b2_list_file_names", &body)
        .has_code(401, "unauthorized");
}
