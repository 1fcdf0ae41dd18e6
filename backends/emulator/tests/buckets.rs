//! Buckets: creating, listing, deleting.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use b2kit_emulator::{Emulator, UndocumentedBehavior};
use serde_json::{Value, json};
use wire::Wire;

fn create(wire: &Wire, fields: &Value) -> wire::Answer {
    let mut body = json!({
        "accountId": wire.emulator.account_id(),
        "bucketName": "the-bucket",
        "bucketType": "allPrivate",
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    wire.post("b2_create_bucket", &body)
}

#[test]
fn a_new_bucket_has_the_documented_json() {
    let wire = Wire::new();
    let bucket = create(&wire, &json!({})).ok();
    let expected = json!({
        "accountId": wire.emulator.account_id(), "bucketId": bucket["bucketId"],
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
    let wire = Wire::new();
    let bucket = create(
        &wire,
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
    let wire = Wire::new();
    create(&wire, &json!({})).ok();
    for name in ["the-bucket", "THE-bucket"] {
        create(&wire, &json!({ "bucketName": name })).is_error(
            400,
            "duplicate_bucket_name",
            "Bucket name is already in use.",
        );
    }
    create(&wire, &json!({"bucketName": "x".repeat(64)})).is_error(
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
        create(&wire, &fields).has_code(status, code);
    }
    assert_eq!(wire.emulator.snapshot().buckets, 1);
}

#[test]
fn two_info_keys_that_differ_in_case_are_refused() {
    let wire = Wire::new();
    let info = json!({"bucketInfo": {"Cache-Control": "private", "cache-control": "public"}});
    create(&wire, &info).is_error(400, "bad_request", "duplicate bucket info name");
    let bucket = wire.create_bucket("the-bucket", "allPublic");
    wire.update_bucket(&bucket, &info)
        .is_error(400, "bad_request", "duplicate bucket info name");
    let info = json!({"bucketInfo": {"CACHE-Control": "max-age=5"}});
    let updated = wire.update_bucket(&bucket, &info).ok();
    assert_eq!(updated["bucketInfo"], json!({"cache-control": "max-age=5"}));
    wire.upload(&bucket, "f", b"x");
    let download = wire.download("the-bucket/f", &[]);
    assert_eq!(download.header("cache-control"), "max-age=5");
}

#[test]
fn a_restricted_key_finds_its_bucket_ignoring_case() {
    let wire = Wire::new();
    let mine = wire.create_bucket("my-bucket", "allPrivate");
    wire.create_bucket("other-bucket", "allPrivate");
    let holder = wire.with_key(&["listBuckets"], &json!({"bucketIds": [mine]}));
    let list = |name: &str| {
        let body = json!({"accountId": wire.emulator.account_id(), "bucketName": name});
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
    let wire = Wire::new();
    for at in 0..100 {
        wire.create_bucket(&format!("bucket-{at}"), "allPublic");
    }
    create(&wire, &json!({})).has_code(400, "too_many_buckets");
}

#[test]
fn buckets_are_listed_by_name_and_filtered() {
    let wire = Wire::new();
    let account = wire.emulator.account_id();
    let zebra = wire.create_bucket("zebra-1", "allPrivate");
    let apple = wire.create_bucket("apple-1", "allPublic");
    let list = |fields: Value| -> Vec<Value> {
        let mut body = json!({ "accountId": account });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let listed = wire.post("b2_list_buckets", &body).ok();
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
        wire.post(
            "b2_list_buckets",
            &json!({"accountId": account, "bucketTypes": bad}),
        )
        .has_code(400, "bad_request");
    }
    let by_get = wire.get(&format!(
        "b2_list_buckets?accountId={account}&bucketName=zebra-1"
    ));
    assert_eq!(by_get.ok()["buckets"][0]["bucketId"], zebra);
}

#[test]
fn only_empty_buckets_are_deleted() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("the-bucket", "allPrivate");
    let body = json!({"accountId": wire.emulator.account_id(), "bucketId": bucket});
    let delete = || wire.post("b2_delete_bucket", &body);
    let file = wire.upload(&bucket, "f", b"x");
    delete().has_code(400, "cannot_delete_non_empty_bucket");
    wire.post(
        "b2_delete_file_version",
        &json!({"fileName": "f", "fileId": file["fileId"]}),
    )
    .ok();
    let large = wire.start(&bucket, "large");
    delete().has_code(400, "cannot_delete_non_empty_bucket");
    wire.post("b2_cancel_large_file", &json!({"fileId": large}))
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
    let wire = Wire::of(Emulator::builder().undocumented(behavior));
    let bucket = wire.create_bucket("the-bucket", "allPrivate");
    let large = wire.start(&bucket, "large");
    let body = json!({"accountId": wire.emulator.account_id(), "bucketId": bucket});
    wire.post("b2_delete_bucket", &body).ok();
    wire.post("b2_list_parts", &json!({"fileId": large}))
        .is_error(
            400,
            "bad_request",
            &format!("No active upload for: {large}"),
        );
}
