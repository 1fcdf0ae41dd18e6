//! Buckets: creating, listing, deleting.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_emulator::{Emulator, UndocumentedBehavior};
use raw_client::RawClient;
use serde_json::{Value, json};

fn create(client: &RawClient, fields: &Value) -> raw_client::Response {
    let mut body = json!({
        "accountId": client.emulator.account_id(),
        "bucketName": "the-bucket",
        "bucketType": "allPrivate",
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    client.post("b2_create_bucket", &body)
}

#[test]
fn a_new_bucket_has_the_documented_json() {
    let client = RawClient::new();
    let bucket = create(&client, &json!({})).ok();
    let expected = json!({
        "accountId": client.emulator.account_id(), "bucketId": bucket["bucketId"],
        "bucketInfo": {}, "bucketName": "the-bucket", "bucketType": "allPrivate", "corsRules": [],
        "defaultServerSideEncryption":
            {"isClientAuthorizedToRead": true, "value": {"algorithm": "AES256", "mode": "SSE-B2"}},
        "fileLockConfiguration": {"isClientAuthorizedToRead": true,
            "value": {
                "defaultRetention": {"mode": null, "period": null},
                "isFileLockEnabled": false,
            }},
        "lifecycleRules": [], "options": ["s3"],
        "replicationConfiguration": {"isClientAuthorizedToRead": true, "value": null},
        "revision": 2,
    });
    assert_eq!(bucket, expected);
    assert_eq!(bucket["bucketId"].as_str().unwrap().len(), 24);
}

#[test]
fn settings_are_kept_and_lifecycle_rules_have_all_fields() {
    let client = RawClient::new();
    let bucket = create(
        &client,
        &json!({
            "bucketInfo": {"Cache-Control": "private"},
            "lifecycleRules": [{"fileNamePrefix": "", "daysFromHidingToDeleting": 3}],
            "defaultServerSideEncryption": {"mode": null},
            "replicationConfiguration": {},
            "fileLockEnabled": false,
        }),
    )
    .ok();
    assert_eq!(bucket["bucketInfo"], json!({"cache-control": "private"}));
    assert_eq!(
        bucket["lifecycleRules"],
        json!([{"fileNamePrefix": "", "daysFromHidingToDeleting": 3,
            "daysFromUploadingToHiding": null,
            "daysFromStartingToCancelingUnfinishedLargeFiles": null}])
    );
}

#[test]
fn invalid_buckets_are_refused() {
    let client = RawClient::new();
    create(&client, &json!({})).ok();
    for name in ["the-bucket", "THE-bucket"] {
        create(&client, &json!({ "bucketName": name })).is_error(
            400,
            "duplicate_bucket_name",
            "Bucket name is already in use.",
        );
    }
    create(&client, &json!({"bucketName": "x".repeat(64)})).is_error(
        400,
        "invalid_bucket_name",
        "bucket name is too long",
    );
    for (fields, status, code) in [
        (
            json!({"bucketName": "b2-bucket"}),
            400,
            "invalid_bucket_name",
        ),
        (json!({"bucketName": null}), 400, "bad_request"),
        (json!({"bucketType": "snapshot"}), 400, "bad_request"),
        (json!({"bucketType": null}), 400, "bad_request"),
        (json!({"accountId": null}), 400, "bad_request"),
        (json!({"accountId": "0"}), 401, "unauthorized"),
        (json!({"corsRules": 1}), 400, "bad_request"),
        (
            json!({"bucketInfo": {"k".repeat(51): ""}}),
            400,
            "bad_request",
        ),
        (json!({"bucketInfo": {"a b": ""}}), 400, "bad_request"),
        (json!({"bucketInfo": {"B2-note": ""}}), 400, "bad_request"),
        (
            json!({"defaultServerSideEncryption": {"mode": "none"}}),
            400,
            "bad_request",
        ),
        (
            json!({"defaultServerSideEncryption": {"mode": "SSE-B2"}}),
            400,
            "bad_request",
        ),
        (
            json!({"replicationConfiguration": {"asReplicationSource": {}}}),
            400,
            "bad_request",
        ),
    ] {
        let mut fields = fields;
        if fields.get("bucketName").is_none() {
            fields["bucketName"] = "another".into();
        }
        create(&client, &fields).has_code(status, code);
    }
    assert_eq!(client.emulator.snapshot().buckets, 1);
}

#[test]
fn two_info_keys_that_differ_in_case_are_refused() {
    let client = RawClient::new();
    let info = json!({"bucketInfo": {"Cache-Control": "private", "cache-control": "public"}});
    create(&client, &info).is_error(400, "bad_request", "duplicate bucket info name");
    let bucket = client.create_bucket("the-bucket", "allPublic");
    client
        .update_bucket(&bucket, &info)
        .is_error(400, "bad_request", "duplicate bucket info name");
    let info = json!({"bucketInfo": {"CACHE-Control": "max-age=5"}});
    let updated = client.update_bucket(&bucket, &info).ok();
    assert_eq!(updated["bucketInfo"], json!({"cache-control": "max-age=5"}));
    client.upload(&bucket, "f", b"x");
    let download = client.download("the-bucket/f", &[]);
    assert_eq!(download.header("cache-control"), "max-age=5");
}

#[test]
fn a_restricted_key_finds_its_bucket_ignoring_case() {
    let client = RawClient::new();
    let mine = client.create_bucket("my-bucket", "allPrivate");
    client.create_bucket("other-bucket", "allPrivate");
    let holder = client.with_key(&["listBuckets"], &json!({"bucketIds": [mine]}));
    let list = |name: &str| {
        let body = json!({"accountId": client.emulator.account_id(), "bucketName": name});
        holder.post("b2_list_buckets", &body)
    };
    assert_eq!(
        list("MY-Bucket").ok()["buckets"][0]["bucketName"],
        "my-bucket"
    );
    list("Other-Bucket").is_error(401, "unauthorized", "");
}

#[test]
fn an_account_has_at_most_100_buckets() {
    let client = RawClient::new();
    for at in 0..100 {
        client.create_bucket(&format!("bucket-{at}"), "allPublic");
    }
    create(&client, &json!({})).has_code(400, "too_many_buckets");
}

#[test]
fn buckets_are_listed_by_name_and_filtered() {
    let client = RawClient::new();
    let account = client.emulator.account_id();
    let zebra = client.create_bucket("zebra-1", "allPrivate");
    let apple = client.create_bucket("apple-1", "allPublic");
    let list = |fields: Value| -> Vec<Value> {
        let mut body = json!({ "accountId": account });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let listed = client.post("b2_list_buckets", &body).ok();
        let buckets = listed["buckets"].as_array().unwrap().iter();
        buckets.map(|bucket| bucket["bucketId"].clone()).collect()
    };
    assert_eq!(list(json!({"bucketId": null})), [apple.as_str(), &zebra]);
    assert_eq!(list(json!({"bucketId": zebra})), [zebra.as_str()]);
    for name in ["apple-1", "Apple-1", "APPLE-1"] {
        assert_eq!(
            list(json!({"bucketName": name})),
            [apple.as_str()],
            "{name}"
        );
    }
    assert!(list(json!({"bucketTypes": ["future"]})).is_empty());
    assert!(list(json!({"bucketName": "nobody"})).is_empty());
    assert_eq!(list(json!({"bucketTypes": ["all"]})).len(), 2);
    assert_eq!(
        list(json!({"bucketTypes": ["allPublic", "snapshot"]})),
        [apple.as_str()]
    );
    for bad in [json!([]), json!(["all", "allPublic"]), json!(["some"])] {
        client
            .post(
                "b2_list_buckets",
                &json!({"accountId": account, "bucketTypes": bad}),
            )
            .has_code(400, "bad_request");
    }
    let by_get = client.get(&format!(
        "b2_list_buckets?accountId={account}&bucketName=zebra-1"
    ));
    assert_eq!(by_get.ok()["buckets"][0]["bucketId"], zebra);
}

#[test]
fn only_empty_buckets_are_deleted() {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    let body = json!({"accountId": client.emulator.account_id(), "bucketId": bucket});
    let delete = || client.post("b2_delete_bucket", &body);
    let file = client.upload(&bucket, "f", b"x");
    delete().has_code(400, "cannot_delete_non_empty_bucket");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "f", "fileId": file["fileId"]}),
        )
        .ok();
    let large = client.start(&bucket, "large");
    delete().has_code(400, "cannot_delete_non_empty_bucket");
    client
        .post("b2_cancel_large_file", &json!({"fileId": large}))
        .ok();
    assert_eq!(delete().ok()["revision"], 3);
    delete().is_error(
        400,
        "bad_bucket_id",
        &format!("Bucket {bucket} does not exist"),
    );
}

#[test]
fn a_switch_decides_whether_unfinished_files_block_deletion() {
    let mut behavior = UndocumentedBehavior::default();
    behavior.unfinished_files_block_deletion = false;
    let client = RawClient::of(Emulator::builder().undocumented(behavior));
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    let large = client.start(&bucket, "large");
    let body = json!({"accountId": client.emulator.account_id(), "bucketId": bucket});
    client.post("b2_delete_bucket", &body).ok();
    client
        .post("b2_list_parts", &json!({"fileId": large}))
        .is_error(
            400,
            "bad_request",
            &format!("No active upload for: {large}"),
        );
}
