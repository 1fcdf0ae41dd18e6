//! Object Lock: retention and legal holds, and which deletions they prevent.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use std::time::Duration;

use b2kit_emulator::Emulator;
use raw_client::{RawClient, Response};
use serde_json::{Value, json};

const NOW: u64 = 1_770_334_812_998;
const DAY: u64 = 24 * 60 * 60 * 1000;
const MODE: &str = "x-bz-file-retention-mode";
const UNTIL: &str = "x-bz-file-retention-retain-until-timestamp";
const HOLD: &str = "x-bz-file-legal-hold";

fn with_bucket() -> (RawClient, String) {
    let year = Duration::from_millis(365 * DAY);
    let client = RawClient::of(Emulator::builder().token_lifetime(year));
    let bucket = client.create_bucket_with("locked", &json!({"fileLockEnabled": true}));
    (client, bucket)
}

fn id(file: &Value) -> &str {
    file["fileId"].as_str().unwrap()
}

fn retained(client: &RawClient, bucket: &str, mode: &str, until: u64) -> Value {
    let until = until.to_string();
    client
        .upload_with(bucket, "f", b"x", &[(MODE, mode), (UNTIL, &until)])
        .ok()
}

fn retain(client: &RawClient, file: &Value, mode: &str, until: u64, bypass: bool) -> Response {
    let retention = match mode {
        "" => json!({"mode": null, "retainUntilTimestamp": null}),
        mode => json!({"mode": mode, "retainUntilTimestamp": until}),
    };
    let mut body = json!({"fileName": file["fileName"], "fileId": file["fileId"],
        "fileRetention": retention});
    if bypass {
        body["bypassGovernance"] = true.into();
    }
    client.post("b2_update_file_retention", &body)
}

fn hold(client: &RawClient, file: &Value, word: &str) -> Response {
    let body = json!({"fileName": file["fileName"], "fileId": file["fileId"], "legalHold": word});
    client.post("b2_update_file_legal_hold", &body)
}

fn delete(client: &RawClient, file: &Value, bypass: bool) -> Response {
    let mut body = json!({"fileName": file["fileName"], "fileId": file["fileId"]});
    if bypass {
        body["bypassGovernance"] = true.into();
    }
    client.post("b2_delete_file_version", &body)
}

#[test]
fn the_lock_of_an_upload_is_in_every_response_about_it() {
    let (client, bucket) = with_bucket();
    let until = (NOW + DAY).to_string();
    let headers = [(MODE, "governance"), (UNTIL, until.as_str()), (HOLD, "on")];
    let file = client.upload_with(&bucket, "f", b"x", &headers).ok();
    let retention = json!({"isClientAuthorizedToRead": true,
        "value": {"mode": "governance", "retainUntilTimestamp": NOW + DAY}});
    let legal_hold = json!({"isClientAuthorizedToRead": true, "value": "on"});
    let info = client
        .post("b2_get_file_info", &json!({"fileId": id(&file)}))
        .ok();
    let versions = client
        .post("b2_list_file_versions", &json!({"bucketId": bucket}))
        .ok();
    for shown in [&file, &info, &versions["files"][0]] {
        assert_eq!(shown["fileRetention"], retention);
        assert_eq!(shown["legalHold"], legal_hold);
    }
    let download = client.download("locked/f", &[]);
    assert_eq!(download.header(MODE), "governance");
    assert_eq!(download.header(UNTIL), until);
    assert_eq!(download.header(HOLD), "on");
    assert_eq!(download.header("x-bz-client-unauthorized-to-read"), "");
}

#[test]
fn headers_of_object_lock_are_checked() {
    let (client, bucket) = with_bucket();
    let future = (NOW + 1).to_string();
    let past = NOW.to_string();
    for (headers, code) in [
        (vec![(MODE, "governance")], "bad_request"),
        (vec![(UNTIL, future.as_str())], "bad_request"),
        (vec![(MODE, "loose"), (UNTIL, &future)], "bad_request"),
        (vec![(MODE, "governance"), (UNTIL, "soon")], "bad_request"),
        (
            vec![(MODE, "governance"), (UNTIL, &past)],
            "retain_until_timestamp_must_be_in_future",
        ),
        (vec![(HOLD, "perhaps")], "bad_request"),
    ] {
        client
            .upload_with(&bucket, "f", b"x", &headers)
            .has_code(400, code);
    }
    let open = client.create_bucket("not-locked", "allPrivate");
    for headers in [
        vec![(MODE, "governance"), (UNTIL, future.as_str())],
        vec![(HOLD, "off")],
    ] {
        client.upload_with(&open, "f", b"x", &headers).is_error(
            400,
            "bucket_missing_file_lock",
            "The bucket is not file lock enabled",
        );
    }
    let writer = client.with_key(&["writeFiles"], &json!({}));
    for headers in [
        vec![(MODE, "governance"), (UNTIL, future.as_str())],
        vec![(HOLD, "on")],
    ] {
        writer
            .upload_with(&open, "f", b"x", &headers)
            .has_code(401, "unauthorized");
    }
}

#[test]
fn a_buckets_default_retention_applies_to_new_files_without_their_own() {
    let (client, bucket) = with_bucket();
    let before = client.upload(&bucket, "before", b"x");
    let default = json!({"mode": "compliance", "period": {"duration": 2, "unit": "years"}});
    client
        .update_bucket(&bucket, &json!({"defaultRetention": default}))
        .ok();
    let by_default = json!({"mode": "compliance", "retainUntilTimestamp": NOW + 730 * DAY});
    let upload = client.upload(&bucket, "f", b"x");
    let start = json!({"bucketId": bucket, "fileName": "l", "contentType": "x/y"});
    let large = client.post("b2_start_large_file", &start).ok();
    let copy = json!({"sourceFileId": id(&before), "fileName": "c"});
    let copied = client.post("b2_copy_file", &copy).ok();
    for file in [&upload, &large, &copied] {
        assert_eq!(file["fileRetention"]["value"], by_default);
    }
    let info = client
        .post("b2_get_file_info", &json!({"fileId": id(&before)}))
        .ok();
    assert_eq!(
        info["fileRetention"]["value"]["mode"],
        Value::Null,
        "only new files"
    );
    let explicit = retained(&client, &bucket, "governance", NOW + 1);
    assert_eq!(
        explicit["fileRetention"]["value"]["retainUntilTimestamp"],
        NOW + 1
    );
    let mut none = copy.clone();
    none["fileRetention"] = json!({"mode": null, "retainUntilTimestamp": null});
    none["legalHold"] = "off".into();
    let copied = client.post("b2_copy_file", &none).ok();
    assert_eq!(copied["fileRetention"]["value"]["mode"], Value::Null);
    assert_eq!(copied["legalHold"]["value"], "off");
}

#[test]
fn a_retained_version_can_not_be_deleted_before_its_time() {
    let (client, bucket) = with_bucket();
    for mode in ["governance", "compliance"] {
        let file = retained(&client, &bucket, mode, NOW + DAY);
        delete(&client, &file, false).is_error(401, "access_denied", "Access Denied");
    }
    let body = json!({"bucketId": bucket, "fileName": "f"});
    client.post("b2_hide_file", &body).ok();
    client.upload(&bucket, "f", b"newer");
    let governed = retained(&client, &bucket, "governance", NOW + DAY);
    let holder = client.with_key(&["deleteFiles"], &json!({}));
    delete(&holder, &governed, true).has_code(401, "unauthorized");
    delete(&client, &governed, true).ok();
    let complied = retained(&client, &bucket, "compliance", NOW + DAY);
    delete(&client, &complied, true).has_code(401, "access_denied");
    client.clock.advance(Duration::from_millis(DAY));
    delete(&client, &complied, false).ok();
}

#[test]
fn a_legal_hold_prevents_deletion_until_it_is_removed() {
    let (client, bucket) = with_bucket();
    let file = client.upload(&bucket, "f", b"x");
    assert_eq!(file["legalHold"]["value"], Value::Null, "never set");
    let expected = json!({"fileId": id(&file), "fileName": "f", "legalHold": "on"});
    assert_eq!(hold(&client, &file, "on").ok(), expected);
    delete(&client, &file, true).has_code(401, "access_denied");
    assert_eq!(hold(&client, &file, "off").ok()["legalHold"], "off");
    let info = client
        .post("b2_get_file_info", &json!({"fileId": id(&file)}))
        .ok();
    assert_eq!(info["legalHold"]["value"], "off", "no longer null");
    hold(&client, &file, "maybe").has_code(400, "bad_request");
    delete(&client, &file, false).ok();
    hold(&client, &file, "on").has_code(400, "bad_request");
}

#[test]
fn governance_can_be_extended_by_all_and_shortened_with_bypass() {
    let (client, bucket) = with_bucket();
    let file = retained(&client, &bucket, "governance", NOW + 5 * DAY);
    let longer = retain(&client, &file, "governance", NOW + 6 * DAY, false).ok();
    let expected = json!({"fileId": id(&file), "fileName": "f", "fileRetention":
        {"mode": "governance", "retainUntilTimestamp": NOW + 6 * DAY}});
    assert_eq!(longer, expected);
    for (mode, until) in [
        ("governance", NOW + DAY),
        ("compliance", NOW + DAY),
        ("", 0),
    ] {
        retain(&client, &file, mode, until, false).is_error(
            403,
            "access_denied",
            "Auth token not authorized to write retention or file already in 'compliance' mode or \
             bypassGovernance=true parameter missing",
        );
    }
    let writer = client.with_key(&["writeFileRetentions"], &json!({}));
    retain(&writer, &file, "governance", NOW + DAY, true).has_code(403, "access_denied");
    retain(&client, &file, "governance", NOW + DAY, true).ok();
    retain(&client, &file, "", 0, true).ok();
    delete(&client, &file, false).ok();
}

#[test]
fn compliance_retention_can_only_be_extended() {
    let (client, bucket) = with_bucket();
    let file = retained(&client, &bucket, "governance", NOW + DAY);
    retain(&client, &file, "compliance", NOW + 2 * DAY, false).ok();
    for (mode, until) in [
        ("compliance", NOW + DAY),
        ("governance", NOW + 3 * DAY),
        ("", 0),
    ] {
        retain(&client, &file, mode, until, true).has_code(403, "access_denied");
    }
    retain(&client, &file, "compliance", NOW + 3 * DAY, false).ok();
    client.clock.advance(Duration::from_millis(3 * DAY));
    retain(&client, &file, "", 0, false).ok();
}

#[test]
fn invalid_retentions_are_refused_after_the_capability_is_checked() {
    let (client, bucket) = with_bucket();
    let file = client.upload(&bucket, "f", b"x");
    retain(&client, &file, "governance", NOW, false).is_error(
        400,
        "retain_until_timestamp_must_be_in_future",
        "The retainUntilTimestamp must be in future",
    );
    retain(&client, &file, "loose", NOW + 1, false).has_code(400, "bad_request");
    let half = json!({"fileName": "f", "fileId": id(&file), "fileRetention":
        {"mode": "governance", "retainUntilTimestamp": null}});
    client
        .post("b2_update_file_retention", &half)
        .has_code(400, "bad_request");
    let open = client.create_bucket("not-locked", "allPrivate");
    let open = client.upload(&open, "f", b"x");
    let message = "The bucket is not file lock enabled";
    retain(&client, &open, "governance", NOW + 1, false).is_error(
        400,
        "bucket_missing_file_lock",
        message,
    );
    let of = json!({"bucketId": open["bucketId"], "fileName": open["fileName"]});
    let marker = client.post("b2_hide_file", &of).ok();
    for hidden in [
        retain(&client, &marker, "governance", NOW + 1, false),
        hold(&client, &marker, "on"),
    ] {
        hidden.is_error(400, "bucket_missing_file_lock", message);
    }
    hold(&client, &open, "on").has_code(400, "bucket_missing_file_lock");
    let nobody = client.with_key(&["writeFiles"], &json!({}));
    retain(&nobody, &open, "governance", NOW + 1, false).has_code(403, "access_denied");
    hold(&nobody, &open, "on").has_code(403, "access_denied");
}

#[test]
fn a_lock_that_the_key_can_not_read_is_marked_as_restricted() {
    let (client, bucket) = with_bucket();
    retained(&client, &bucket, "governance", NOW + DAY);
    let reader = client.with_key(
        &["readFiles", "listFiles", "readFileLegalHolds"],
        &json!({}),
    );
    let listed = reader
        .post("b2_list_file_names", &json!({"bucketId": bucket}))
        .ok();
    let withheld = json!({"isClientAuthorizedToRead": false, "value": null});
    assert_eq!(listed["files"][0]["fileRetention"], withheld);
    let none = json!({"isClientAuthorizedToRead": true, "value": null});
    assert_eq!(listed["files"][0]["legalHold"], none);
    let download = reader.download("locked/f", &[]);
    assert_eq!(download.header(MODE), "");
    assert_eq!(
        download.header("x-bz-client-unauthorized-to-read"),
        "X-Bz-File-Retention-Mode,X-Bz-File-Retention-Retain-Until-Timestamp"
    );
}

#[test]
fn names_and_info_are_shorter_where_files_can_be_locked() {
    let (client, bucket) = with_bucket();
    let value = "v".repeat(2048 - "f".len() - "key".len());
    client
        .upload_with(&bucket, "f", b"x", &[("x-bz-info-key", &value)])
        .ok();
    client
        .upload_with(&bucket, "ff", b"x", &[("x-bz-info-key", &value)])
        .has_code(400, "bad_request");
}
