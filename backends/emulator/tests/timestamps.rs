//! Custom upload timestamps, for accounts that may use them.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_emulator::Emulator;
use raw_client::{RawClient, Response};
use serde_json::{Value, json};

const NOW: u64 = 1_770_334_812_998;

fn allowed() -> (RawClient, String) {
    let client = RawClient::of(Emulator::builder().custom_timestamps(true));
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    (client, bucket)
}

fn upload(client: &RawClient, bucket: &str, content: &str, time: &str) -> Response {
    let header = [("x-bz-custom-upload-timestamp", time)];
    client.upload_with(bucket, "f", content.as_bytes(), &header)
}

#[test]
fn an_older_upload_sorts_below_a_newer_one() {
    let (client, bucket) = allowed();
    client.upload(&bucket, "f", b"now");
    let old = upload(&client, &bucket, "old", "1500000000000").ok();
    assert_eq!(old["uploadTimestamp"], 1_500_000_000_000_u64);
    let id = old["fileId"].as_str().unwrap();
    assert!(id.contains("_d20170714_m024000_") && id.ends_with("_u01500000000000"));
    assert_eq!(client.download("the-bucket/f", &[]).body, "now");
    let listed = client
        .post("b2_list_file_versions", &json!({"bucketId": bucket}))
        .ok();
    let times: Vec<&Value> = listed["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["uploadTimestamp"])
        .collect();
    assert_eq!(times, [&json!(NOW), &json!(1_500_000_000_000_u64)]);
}

#[test]
fn large_files_take_numbers_and_digits() {
    let (client, bucket) = allowed();
    for time in [json!(5), json!("5")] {
        let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y",
            "customUploadTimestamp": time});
        assert_eq!(
            client.post("b2_start_large_file", &start).ok()["uploadTimestamp"],
            5
        );
    }
}

#[test]
fn future_and_malformed_timestamps_are_invalid() {
    let (client, bucket) = allowed();
    upload(&client, &bucket, "x", &NOW.to_string()).ok();
    for time in [
        (NOW + 1).to_string(),
        "-1".to_owned(),
        "yesterday".to_owned(),
    ] {
        upload(&client, &bucket, "x", &time).has_code(400, "custom_timestamp_invalid");
        let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y",
            "customUploadTimestamp": time});
        client
            .post("b2_start_large_file", &start)
            .has_code(400, "custom_timestamp_invalid");
    }
}
