//! Authorize, create a bucket, upload, list, download: the first steps of every client.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use raw_client::{RawClient, sha1};
use serde_json::json;

#[test]
fn a_file_is_uploaded_listed_and_downloaded_in_every_api_version() {
    for version in ["v2", "v3", "v4"] {
        let client = RawClient::new().in_version(version);
        let bucket = client.create_bucket("first-steps", "allPrivate");
        let file = client.upload(&bucket, "a%20dir/typing_test.txt", b"some text");
        assert_eq!(file["fileName"], "a dir/typing_test.txt");
        assert_eq!(file["contentType"], "text/plain");
        assert_eq!(file["contentSha1"], sha1(b"some text"));
        assert_eq!(file["contentLength"], 9);
        assert_eq!(file["action"], "upload");
        assert_eq!(file["uploadTimestamp"], 1_770_334_812_998_u64);
        let listing = client
            .post("b2_list_file_names", &json!({"bucketId": bucket}))
            .ok();
        assert_eq!(listing, json!({"files": [file], "nextFileName": null}));
        let by_name = client.download("first-steps/a+dir/typing_test.txt", &[]);
        let by_id = client.get(&format!(
            "b2_download_file_by_id?fileId={}",
            file["fileId"].as_str().unwrap()
        ));
        for response in [by_name, by_id] {
            assert_eq!(response.status, 200);
            assert_eq!(response.body, &b"some text"[..]);
            assert_eq!(response.header("x-bz-file-name"), "a+dir/typing_test.txt");
        }
    }
}
