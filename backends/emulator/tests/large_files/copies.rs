//! Copies of files and parts.

use super::*;

#[test]
fn copying_makes_a_new_version_and_stores_nothing_twice() {
    let (client, bucket) = with_bucket();
    let info = [("x-bz-info-author", "me")];
    let source = client
        .upload_with(&bucket, "f.txt", b"0123456789", &info)
        .ok();
    let id = &source["fileId"];
    let copy = |fields: Value| {
        let mut body = json!({"sourceFileId": id, "fileName": "copy"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        client.post("b2_copy_file", &body)
    };
    let whole = copy(json!({"metadataDirective": "COPY"})).ok();
    let mut expected = source.clone();
    expected["action"] = "copy".into();
    expected["fileName"] = "copy".into();
    expected["fileId"] = whole["fileId"].clone();
    assert_eq!(whole, expected);
    assert_ne!(whole["fileId"], *id);
    assert_eq!(
        client.listed(
            "b2_list_file_names",
            &json!({"bucketId": bucket, "prefix": "copy"})
        )[0]
        .1,
        "upload"
    );
    let other = client.create_bucket("another-one", "allPrivate");
    let part = copy(json!({"range": "bytes=2-4", "destinationBucketId": other,
        "metadataDirective": "REPLACE", "contentType": "a/b", "fileInfo": {"K": "v"}}))
    .ok();
    assert_eq!(part["contentSha1"], sha1(b"234"));
    assert_eq!(part["contentMd5"], "289dff07669d7a23de0ef88d2f7129e7");
    assert_eq!(
        (&part["contentType"], &part["fileInfo"]),
        (&json!("a/b"), &json!({"k": "v"}))
    );
    assert_eq!(client.download("another-one/copy", &[]).body, "234");
    assert_eq!(client.emulator.snapshot().stored_bytes, 10);
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "f.txt", "fileId": id}),
        )
        .ok();
    assert_eq!(client.download("large-files/copy", &[]).body, "0123456789");
}

#[test]
fn invalid_copies_are_refused() {
    let (client, bucket) = with_bucket();
    let source = client.upload(&bucket, "f", b"0123456789");
    let large = client.start(&bucket, "large");
    let gone = client.upload(&bucket, "gone", b"x");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "gone", "fileId": gone["fileId"]}),
        )
        .ok();
    for (fields, status, code) in [
        (json!({"sourceFileId": "x"}), 400, "bad_request"),
        (json!({"sourceFileId": gone["fileId"]}), 404, "not_found"),
        (json!({"sourceFileId": large}), 404, "not_found"),
        (json!({"range": "bytes=10-"}), 416, "range_not_satisfiable"),
        (json!({"range": "2-3"}), 400, "bad_request"),
        (json!({"contentType": "a/b"}), 400, "bad_request"),
        (json!({"fileInfo": {}}), 400, "bad_request"),
        (json!({"metadataDirective": "REPLACE"}), 400, "bad_request"),
        (json!({"metadataDirective": "MOVE"}), 400, "bad_request"),
        (json!({"destinationBucketId": "x"}), 400, "bad_bucket_id"),
        (json!({"fileName": "\u{7}"}), 400, "bad_request"),
        (
            json!({"fileRetention": {"mode": "governance"}}),
            400,
            "bucket_missing_file_lock",
        ),
        (
            json!({"destinationServerSideEncryption": {"mode": "SSE-B2"}}),
            400,
            "bad_request",
        ),
        (
            json!({"sourceServerSideEncryption": {"mode": "SSE-C"}}),
            400,
            "bad_request",
        ),
    ] {
        let mut body = json!({"sourceFileId": source["fileId"], "fileName": "copy"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        client.post("b2_copy_file", &body).has_code(status, code);
    }
    assert_eq!(client.emulator.snapshot().versions, 1);
}

#[test]
fn parts_are_copied_as_recorded() {
    let (client, bucket) = with_bucket();
    let source = client.upload(&bucket, "f", b"0123456789");
    let file = client.start(&bucket, "large");
    let copy = |fields: Value| {
        let mut body = json!({"sourceFileId": source["fileId"], "largeFileId": file});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        client.post("b2_copy_part", &body)
    };
    let whole = copy(json!({"partNumber": 1})).ok();
    let expected = json!({
        "contentLength": 10, "contentMd5": source["contentMd5"],
        "contentSha1": source["contentSha1"], "fileId": file, "partNumber": 1,
        "serverSideEncryption": {"algorithm": "AES256", "mode": "SSE-B2"},
        "uploadTimestamp": 1_770_334_812_998_u64,
    });
    assert_eq!(whole, expected);
    let range = copy(json!({"partNumber": 2, "range": "bytes=0-3"})).ok();
    assert_eq!(range["contentSha1"], sha1(b"0123"));
    copy(json!({"partNumber": 0})).has_code(400, "bad_request");
    copy(json!({"partNumber": null})).has_code(400, "bad_request");
    copy(json!({"partNumber": 3, "range": "bytes=10-11"})).has_code(416, "range_not_satisfiable");
    copy(json!({"partNumber": 3, "largeFileId": "x"})).has_code(400, "bad_request");
    finish(&client, &file, &[b"0123456789", b"0123"]).ok();
    assert_eq!(
        client.download("large-files/large", &[]).body,
        "01234567890123"
    );
    assert_eq!(client.emulator.snapshot().stored_bytes, 10);
}

#[test]
fn a_switch_decides_whether_copies_of_large_files_have_a_sha1() {
    for has_sha1 in [true, false] {
        let mut behavior = UndocumentedBehavior::default();
        behavior.copies_of_large_files_have_a_sha1 = has_sha1;
        let client = RawClient::of(
            Emulator::builder()
                .undocumented(behavior)
                .absolute_minimum_part_size(1),
        );
        let bucket = client.create_bucket("large-files", "allPrivate");
        let file = client.start(&bucket, "f");
        client.upload_part(&file, 1, b"a").ok();
        client.upload_part(&file, 2, b"b").ok();
        finish(&client, &file, &[b"a", b"b"]).ok();
        let body = json!({"sourceFileId": file, "fileName": "copy"});
        let copy = client.post("b2_copy_file", &body).ok();
        let expected = if has_sha1 {
            sha1(b"ab")
        } else {
            "none".to_owned()
        };
        assert_eq!(copy["contentSha1"], expected);
        let large = client.start(&bucket, "g");
        let part = json!({"sourceFileId": file, "largeFileId": large, "partNumber": 1});
        assert_eq!(
            client.post("b2_copy_part", &part).ok()["contentSha1"],
            sha1(b"ab")
        );
    }
}
