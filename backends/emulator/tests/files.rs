//! File versions: information, hiding, deleting.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use raw_client::RawClient;
use serde_json::json;

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("versions", "allPrivate");
    (client, bucket)
}

#[test]
fn a_hide_marker_has_the_recorded_json() {
    let (client, bucket) = with_bucket();
    client.upload(&bucket, "f", b"x");
    let marker = client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "f"}),
        )
        .ok();
    let expected = json!({
        "accountId": client.emulator.account_id(), "action": "hide", "bucketId": bucket,
        "contentLength": 0, "contentMd5": "d41d8cd98f00b204e9800998ecf8427e",
        "contentSha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "contentType": "application/x-bz-hide-marker", "fileId": marker["fileId"], "fileInfo": {},
        "fileName": "f", "uploadTimestamp": 1_770_334_812_998_u64,
    });
    assert_eq!(marker, expected);
    assert!(
        marker["fileId"]
            .as_str()
            .unwrap()
            .contains("_v7007000_t0000_")
    );
    let info = client
        .post("b2_get_file_info", &json!({"fileId": marker["fileId"]}))
        .ok();
    assert_eq!(info, expected);
}

#[test]
fn hiding_needs_a_visible_file_and_deleting_the_marker_unhides_it() {
    let (client, bucket) = with_bucket();
    let hide = || {
        client.post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "f"}),
        )
    };
    hide().is_error(400, "no_such_file", "File not present: f");
    client.start(&bucket, "f");
    hide().has_code(400, "no_such_file");
    client.upload(&bucket, "f", b"1");
    let marker = hide().ok();
    hide().is_error(400, "already_hidden", "File already hidden: f");
    assert!(
        client
            .listed("b2_list_file_names", &json!({"bucketId": bucket}))
            .is_empty()
    );
    let id = json!({"fileName": "f", "fileId": marker["fileId"]});
    assert_eq!(client.post("b2_delete_file_version", &id).ok(), id);
    assert_eq!(client.download("versions/f", &[]).body, "1");
    hide().ok();
    client.upload(&bucket, "f", b"2");
    assert_eq!(client.download("versions/f", &[]).body, "2");
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": "1234567", "fileName": "f"}),
        )
        .is_error(400, "bad_bucket_id", "Bucket 1234567 does not exist");
}

#[test]
fn deleting_the_newest_version_shows_the_older_one() {
    let (client, bucket) = with_bucket();
    client.upload(&bucket, "f", b"old");
    let new = client.upload(&bucket, "f", b"new");
    assert_eq!(
        client.download("versions/f", &[]).body,
        "new",
        "of one millisecond, the later"
    );
    let id = json!({"fileName": "f", "fileId": new["fileId"]});
    client.post("b2_delete_file_version", &id).ok();
    assert_eq!(client.download("versions/f", &[]).body, "old");
    let message = format!("File not present: f {}", new["fileId"].as_str().unwrap());
    client
        .post("b2_delete_file_version", &id)
        .is_error(400, "file_not_present", &message);
}

#[test]
fn a_version_is_deleted_only_by_its_name_and_id() {
    let (client, bucket) = with_bucket();
    let file = client.upload(&bucket, "f", b"x");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "g", "fileId": file["fileId"]}),
        )
        .has_code(400, "file_not_present");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "f", "fileId": "x"}),
        )
        .has_code(400, "bad_request");
    client
        .post("b2_delete_file_version", &json!({"fileName": "f"}))
        .has_code(400, "bad_request");
    assert_eq!(client.emulator.snapshot().versions, 1);
    let large = client.start(&bucket, "large");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "large", "fileId": large}),
        )
        .ok();
    assert_eq!(client.emulator.snapshot().unfinished_large_files, 0);
}

#[test]
fn get_file_info_finds_every_version_but_unfinished_ones() {
    let (client, bucket) = with_bucket();
    let file = client.upload(&bucket, "f", b"x");
    let id = file["fileId"].as_str().unwrap();
    assert_eq!(
        client.get(&format!("b2_get_file_info?fileId={id}")).ok(),
        file
    );
    let large = client.start(&bucket, "large");
    client
        .post("b2_get_file_info", &json!({"fileId": large}))
        .has_code(404, "not_found");
    client
        .post("b2_get_file_info", &json!({"fileId": "bad"}))
        .is_error(400, "bad_request", "Bad fileId: bad");
    client
        .post("b2_get_file_info", &json!({}))
        .has_code(400, "bad_request");
    client
        .post("b2_get_file_info", &json!({"fileId": 7}))
        .has_code(400, "bad_request");
}
