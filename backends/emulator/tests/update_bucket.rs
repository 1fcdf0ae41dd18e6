//! `b2_update_bucket`: given fields are replaced, others stay.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use raw_client::RawClient;
use serde_json::{Value, json};

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    (client, bucket)
}

fn shown(client: &RawClient, bucket: &str) -> Value {
    let body = json!({"accountId": client.emulator.account_id(), "bucketId": bucket});
    client.post("b2_list_buckets", &body).ok()["buckets"][0].clone()
}

#[test]
fn an_update_replaces_each_given_field_and_keeps_the_others() {
    let (client, bucket) = with_bucket();
    let cors = json!({"corsRuleName": "the-rule", "allowedOrigins": ["https://mysite.com"],
        "allowedOperations": ["s3_head", "s3_get"], "allowedHeaders": ["authorization", "range"],
        "exposeHeaders": null, "maxAgeSeconds": 3600});
    let lifecycle = json!({"fileNamePrefix": "logs/", "daysFromUploadingToHiding": 7});
    let full = json!({"fileNamePrefix": "logs/", "daysFromUploadingToHiding": 7,
        "daysFromHidingToDeleting": null, "daysFromStartingToCancelingUnfinishedLargeFiles": null});
    let steps = [
        (
            json!({"bucketType": "allPublic"}),
            json!({"bucketType": "allPublic"}),
        ),
        (
            json!({"bucketInfo": {"a": "1", "b": "2"}}),
            json!({"bucketInfo": {"a": "1", "b": "2"}}),
        ),
        (
            json!({"bucketInfo": {"b": "3"}}),
            json!({"bucketInfo": {"b": "3"}}),
        ),
        (json!({"corsRules": [cors]}), json!({"corsRules": [cors]})),
        (
            json!({"lifecycleRules": [lifecycle]}),
            json!({"lifecycleRules": [full]}),
        ),
        (
            json!({"defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
            json!({"defaultServerSideEncryption": {"isClientAuthorizedToRead": true,
                "value": {"mode": "SSE-B2", "algorithm": "AES256"}}}),
        ),
        (
            json!({"defaultServerSideEncryption": {"mode": null}}),
            json!({"defaultServerSideEncryption": {"isClientAuthorizedToRead": true,
                "value": {"mode": "SSE-B2", "algorithm": "AES256"}}}),
        ),
        (
            json!({"corsRules": [], "bucketInfo": {}}),
            json!({"corsRules": [], "bucketInfo": {}}),
        ),
        (json!({}), json!({})),
    ];
    let mut expected = shown(&client, &bucket);
    for (at, (given, changed)) in steps.into_iter().enumerate() {
        raw_client::merge(&mut expected, &changed);
        expected["revision"] = (at + 3).into();
        assert_eq!(
            client.update_bucket(&bucket, &given).ok(),
            expected,
            "{given}"
        );
        assert_eq!(shown(&client, &bucket), expected);
    }
}

#[test]
fn an_update_of_another_revision_is_a_conflict_and_changes_nothing() {
    let (client, bucket) = with_bucket();
    let update = json!({"bucketType": "allPublic", "ifRevisionIs": 2});
    assert_eq!(client.update_bucket(&bucket, &update).ok()["revision"], 3);
    let update = json!({"bucketType": "allPrivate", "ifRevisionIs": 2});
    client.update_bucket(&bucket, &update).is_error(
        409,
        "conflict",
        "simultaneous updates to bucket",
    );
    assert_eq!(shown(&client, &bucket)["bucketType"], "allPublic");
    assert_eq!(shown(&client, &bucket)["revision"], 3);
}

#[test]
fn object_lock_can_be_enabled_and_never_disabled() {
    let (client, bucket) = with_bucket();
    client
        .update_bucket(&bucket, &json!({"fileLockEnabled": false}))
        .ok();
    let retention = json!({"mode": "governance", "period": {"duration": 7, "unit": "days"}});
    client
        .update_bucket(&bucket, &json!({"defaultRetention": retention}))
        .is_error(
            400,
            "bucket_missing_file_lock",
            "The bucket is not file lock enabled",
        );
    // both at once
    let both = json!({"fileLockEnabled": true, "defaultRetention": retention});
    let updated = client.update_bucket(&bucket, &both).ok();
    assert_eq!(
        updated["fileLockConfiguration"],
        json!({"isClientAuthorizedToRead": true,
            "value": {"defaultRetention": retention, "isFileLockEnabled": true}})
    );
    client
        .update_bucket(&bucket, &json!({"fileLockEnabled": true}))
        .ok();
    client
        .update_bucket(&bucket, &json!({"fileLockEnabled": false}))
        .has_code(400, "file_lock_conflict");
    let off = json!({"defaultRetention": {"mode": null}});
    let updated = client.update_bucket(&bucket, &off).ok();
    assert_eq!(
        updated["fileLockConfiguration"]["value"]["defaultRetention"],
        json!({"mode": null, "period": null})
    );
}

#[test]
fn a_replication_configuration_can_be_set_and_removed() {
    let (client, bucket) = with_bucket();
    let rule = json!({"destinationBucketId": bucket, "fileNamePrefix": "", "isEnabled": true,
        "includeExistingFiles": false, "priority": 1, "replicationRuleName": "my_rule-1"});
    let source = json!({"replicationRules": [rule], "sourceApplicationKeyId": "key"});
    let given = json!({"replicationConfiguration": {"asReplicationSource": source}});
    let updated = client.update_bucket(&bucket, &given).ok();
    assert_eq!(
        updated["replicationConfiguration"],
        json!({"isClientAuthorizedToRead": true,
            "value": {"asReplicationSource": source, "asReplicationDestination": null}})
    );
    client
        .update_bucket(&bucket, &json!({"fileLockEnabled": true}))
        .has_code(400, "source_replication_conflict");
    for none in [
        json!({}),
        json!({"asReplicationSource": null, "asReplicationDestination": null}),
    ] {
        let updated = client.update_bucket(&bucket, &json!({"replicationConfiguration": none}));
        assert_eq!(
            updated.ok()["replicationConfiguration"]["value"],
            Value::Null
        );
    }
}

#[test]
fn an_invalid_update_changes_nothing() {
    let (client, bucket) = with_bucket();
    let before = shown(&client, &bucket);
    let rule = |prefix: &str| json!({"fileNamePrefix": prefix, "daysFromHidingToDeleting": 1});
    for bad in [
        json!({"bucketType": "snapshot"}),
        json!({"bucketInfo": {"a": 1}}),
        json!({"corsRules": [{}]}),
        json!({"lifecycleRules": [{"fileNamePrefix": ""}]}),
        json!({"lifecycleRules": [{"daysFromHidingToDeleting": 1}]}),
        json!({"lifecycleRules": [{"fileNamePrefix": "", "daysFromHidingToDeleting": 0}]}),
        json!({"lifecycleRules": [rule("a/"), rule("a/b")]}),
        json!({"lifecycleRules": [rule("x"), rule("x")]}),
        json!({"lifecycleRules": (0..101).map(|at| rule(&format!("{at:03}"))).collect::<Vec<_>>()}),
        json!({"defaultServerSideEncryption": {"mode": "SSE-B2"}}),
        json!({"defaultServerSideEncryption": {"mode": "none"}}),
        json!({"defaultServerSideEncryption": {"mode": "SSE-C", "algorithm": "AES256"}}),
        json!({"fileLockEnabled": true, "defaultRetention": {"mode": "governance"}}),
        json!({"fileLockEnabled": true, "defaultRetention":
            {"mode": "loose", "period": {"duration": 1, "unit": "days"}}}),
        json!({"fileLockEnabled": true, "defaultRetention":
            {"mode": "governance", "period": {"duration": 0, "unit": "days"}}}),
        json!({"fileLockEnabled": true, "defaultRetention":
            {"mode": "governance", "period": {"duration": 1, "unit": "weeks"}}}),
        json!({"replicationConfiguration": {"asReplicationDestination": {}}}),
        json!({"accountId": null}),
    ] {
        let mut both = json!({"bucketInfo": {"changed": "yes"}});
        raw_client::merge(&mut both, &bad);
        client
            .update_bucket(&bucket, &both)
            .has_code(400, "bad_request");
        assert_eq!(shown(&client, &bucket), before, "{bad}");
    }
    client
        .update_bucket("nobody", &json!({}))
        .has_code(400, "bad_bucket_id");
    client
        .update_bucket(&bucket, &json!({"accountId": "0"}))
        .has_code(401, "unauthorized");
}

#[test]
fn some_bucket_fields_need_capabilities_to_be_set_and_read() {
    let (client, bucket) = with_bucket();
    let writer = client.with_key(&["writeBuckets"], &json!({}));
    for fields in [
        json!({"defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
        json!({"defaultServerSideEncryption": {"mode": null}}),
        json!({"defaultRetention": {"mode": null}}),
        json!({"fileLockEnabled": true}),
        json!({"replicationConfiguration": {}}),
    ] {
        writer
            .update_bucket(&bucket, &fields)
            .is_error(401, "unauthorized", "");
    }
    // what a bucket gets by itself needs no capability
    let account = client.emulator.account_id();
    let named =
        json!({"accountId": account, "bucketName": "automatic", "bucketType": "allPrivate"});
    writer.post("b2_create_bucket", &named).ok();
    let of = json!({"accountId": account, "bucketName": "automatic"});
    let made = client.post("b2_list_buckets", &of).ok();
    assert_eq!(
        made["buckets"][0]["defaultServerSideEncryption"]["value"]["mode"],
        "SSE-B2"
    );
    let mut explicit = named;
    raw_client::merge(
        &mut explicit,
        &json!({"bucketName": "explicit-1",
            "defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
    );
    writer
        .post("b2_create_bucket", &explicit)
        .is_error(401, "unauthorized", "");
    let updated = writer
        .update_bucket(&bucket, &json!({"bucketInfo": {}}))
        .ok();
    let withheld = json!({"isClientAuthorizedToRead": false, "value": null});
    for field in [
        "defaultServerSideEncryption",
        "fileLockConfiguration",
        "replicationConfiguration",
    ] {
        assert_eq!(updated[field], withheld);
    }
    let reader = client.with_key(&["listBuckets"], &json!({}));
    reader
        .update_bucket(&bucket, &json!({}))
        .has_code(401, "unauthorized");
}
