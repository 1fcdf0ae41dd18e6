//! What is known of the live service beyond its documents, from B2's own tests, recordings and
//! reports.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_emulator::{Emulator, ManualClock, UndocumentedBehavior};
use raw_client::{RawClient, customer_key, merge};
use serde_json::{Value, json};

fn rule(fields: &Value) -> Value {
    let mut rule = json!({"destinationBucketId": "d".repeat(24), "fileNamePrefix": "",
        "includeExistingFiles": false, "isEnabled": true, "priority": 1,
        "replicationRuleName": "a-rule"});
    merge(&mut rule, fields);
    rule
}

fn source(fields: &Value) -> Value {
    json!({"replicationConfiguration": {"asReplicationSource":
        {"sourceApplicationKeyId": "a-key", "replicationRules": [rule(fields)]}}})
}

fn status(client: &RawClient, file: &Value) -> Option<Value> {
    let info = client.post("b2_get_file_info", &json!({"fileId": file["fileId"]}));
    info.ok().get("replicationStatus").cloned()
}

#[test]
fn files_covered_by_a_replication_rule_are_pending() {
    let client = RawClient::of(Emulator::builder().absolute_minimum_part_size(1));
    let bucket =
        client.create_bucket_with("the-source", &source(&json!({"fileNamePrefix": "in/"})));
    let pending = Some(Value::from("pending"));
    let inside = client.upload(&bucket, "in/f", b"x");
    assert_eq!(inside["replicationStatus"], "pending");
    assert_eq!(status(&client, &inside), pending);
    let download = client.download("the-source/in/f", &[]);
    assert_eq!(download.header("x-bz-replication-status"), "pending");
    let copy = json!({"sourceFileId": inside["fileId"], "fileName": "in/copy"});
    let copy = client.post("b2_copy_file", &copy).ok();
    assert_eq!(copy["replicationStatus"], "pending");
    let large = client.start(&bucket, "in/large");
    let parts =
        [1, 2].map(|number| client.upload_part(&large, number, b"x").ok()["contentSha1"].clone());
    let finish = json!({"fileId": large, "partSha1Array": parts});
    let large = client.post("b2_finish_large_file", &finish).ok();
    assert_eq!(large["replicationStatus"], "pending");
    let outside = client.upload(&bucket, "out/f", b"x");
    assert_eq!(status(&client, &outside), None);
    let (key, md5) = customer_key(1);
    let prefix = "x-bz-server-side-encryption-customer";
    let names = ["-algorithm", "-key", "-key-md5"].map(|name| format!("{prefix}{name}"));
    let headers = [(&*names[0], "AES256"), (&names[1], &key), (&names[2], &md5)];
    let secret = client
        .upload_with(&bucket, "in/secret", b"x", &headers)
        .ok();
    assert_eq!(
        status(&client, &secret),
        None,
        "B2 can't read what it holds no key for"
    );
}

#[test]
fn existing_files_are_pending_only_if_a_rule_includes_them() {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-source", "allPrivate");
    let file = client.upload(&bucket, "f", b"x");
    client.update_bucket(&bucket, &source(&json!({}))).ok();
    assert_eq!(status(&client, &file), None);
    let disabled = json!({"includeExistingFiles": true, "isEnabled": false});
    client.update_bucket(&bucket, &source(&disabled)).ok();
    assert_eq!(status(&client, &file), None);
    let includes = json!({"includeExistingFiles": true});
    client.update_bucket(&bucket, &source(&includes)).ok();
    assert_eq!(status(&client, &file), Some("pending".into()));
    client
        .update_bucket(&bucket, &json!({"replicationConfiguration": {}}))
        .ok();
    assert_eq!(
        client.upload(&bucket, "g", b"x").get("replicationStatus"),
        None
    );
}

#[test]
fn a_missing_capability_is_unauthorized_without_a_message() {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    let of = json!({"bucketId": bucket});
    let reader = client.with_key(&["listBuckets"], &json!({}));
    reader
        .post("b2_get_upload_url", &of)
        .is_error(401, "unauthorized", "");
    let other = client.with_key(
        &["writeFiles"],
        &json!({"bucketIds": [client.create_bucket("another", "allPrivate")]}),
    );
    other
        .post("b2_get_upload_url", &of)
        .is_error(401, "unauthorized", "");
}

#[test]
fn parts_can_be_listed_from_number_0() {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    let large = client.start(&bucket, "large");
    client.upload_part(&large, 1, b"x").ok();
    let list = |start: i64| {
        client.post(
            "b2_list_parts",
            &json!({"fileId": large, "startPartNumber": start}),
        )
    };
    assert_eq!(list(0).ok()["parts"][0]["partNumber"], 1);
    list(-1).has_code(400, "bad_request");
}

#[test]
fn unknown_fields_are_refused_by_the_calls_known_to_refuse_them() {
    let client = RawClient::new();
    let bucket = client.create_bucket_with("the-bucket", &json!({"fileLockEnabled": true}));
    let file = client.upload(&bucket, "f", b"x");
    let until = 1_870_334_812_998_u64;
    let mut retain = json!({"fileId": file["fileId"], "fileName": "f",
        "fileRetention": {"mode": "governance", "retainUntilTimestamp": until}});
    client.post("b2_update_file_retention", &retain).ok();
    // the shape of answers, which once removed the retention
    let shown = json!({"isClientAuthorizedToRead": true,
        "value": {"mode": "governance", "retainUntilTimestamp": until}});
    retain["fileRetention"] = shown.clone();
    retain["bypassGovernance"] = true.into();
    client.post("b2_update_file_retention", &retain).is_error(
        400,
        "bad_request",
        "unknown field in fileRetention: isClientAuthorizedToRead",
    );
    let info = client
        .post("b2_get_file_info", &json!({"fileId": file["fileId"]}))
        .ok();
    assert_eq!(info["fileRetention"], shown);
    let copy = json!({"sourceFileId": file["fileId"], "fileName": "copy",
        "serverSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}});
    client.post("b2_copy_file", &copy).is_error(
        400,
        "bad_request",
        "unknown field in b2_copy_file: serverSideEncryption",
    );
}

#[test]
fn other_unknown_fields_are_ignored_or_refused_by_a_switch() {
    let of = |refused: bool| {
        let mut behavior = UndocumentedBehavior::default();
        behavior.unknown_fields_are_refused = refused;
        RawClient::of(Emulator::builder().undocumented(behavior))
    };
    let create = |client: &RawClient, field: &str| {
        let mut body = json!({"accountId": client.emulator.account_id(), "keyName": "a-key",
            "capabilities": ["listFiles"]});
        body[field] = json!("3cab16c93a1384c5c38ac941");
        client.post("b2_create_key", &body)
    };
    // the name of older versions makes a key for all buckets, unless it is refused
    assert_eq!(
        create(&of(false), "bucketId").ok()["bucketIds"],
        Value::Null
    );
    let message = "unknown field in b2_create_key: bucketId";
    create(&of(true), "bucketId").is_error(400, "bad_request", message);
    let v3 = of(true).in_version("v3");
    create(&v3, "bucketId").has_code(400, "bad_bucket_id");
    let strict = of(true);
    let bucket = strict.create_bucket("the-bucket", "allPrivate");
    // a query may have more, as a number against caches
    let listing = strict.get(&format!("b2_list_file_names?bucketId={bucket}&_=17"));
    assert_eq!(listing.status, 200);
}

#[test]
fn legacy_rules_v4_keys_and_pending_replication_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let clock = ManualClock::default();
        let builder = Emulator::builder().clock(clock.clone());
        RawClient::with(builder.open(directory.path()).unwrap(), clock)
    };
    let client = open();
    let old = client.create_bucket("old-bucket", "allPrivate");
    client
        .emulator
        .set_legacy_encryption("old-bucket", true)
        .unwrap();
    let today = client.create_bucket_with("the-source", &source(&json!({})));
    let file = client.upload(&today, "f", b"x");
    let create = json!({"accountId": client.emulator.account_id(), "keyName": "a-key",
        "capabilities": ["listFiles"], "bucketIds": [today]});
    let key = client.post("b2_create_key", &create).ok();
    drop(client);
    let client = open();
    let mode =
        |bucket: &str| client.upload(bucket, "g", b"x")["serverSideEncryption"]["mode"].clone();
    assert_eq!((mode(&old), mode(&today)), (Value::Null, "SSE-B2".into()));
    assert_eq!(status(&client, &file), Some("pending".into()));
    let (id, secret) = (&key["applicationKeyId"], &key["applicationKey"]);
    let v3 = client.in_version("v3");
    v3.authorize(id.as_str().unwrap(), secret.as_str().unwrap())
        .has_code(400, "bad_request");
}
