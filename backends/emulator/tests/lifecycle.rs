//! Lifecycle rules, applied by the clock.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use std::time::Duration;

use b2kit_emulator::Emulator;
use raw_client::RawClient;
use serde_json::{Value, json};

const NOW: u64 = 1_770_334_812_998;
const DAY: u64 = 24 * 60 * 60 * 1000;

fn with_rule(days: &Value) -> (RawClient, String) {
    let year = Duration::from_millis(365 * DAY);
    let client = RawClient::of(Emulator::builder().token_lifetime(year));
    let mut rule = json!({"fileNamePrefix": "logs/"});
    raw_client::merge(&mut rule, days);
    let fields = json!({"fileLockEnabled": true, "lifecycleRules": [rule]});
    let bucket = client.create_bucket_with("the-bucket", &fields);
    (client, bucket)
}

fn versions(client: &RawClient, bucket: &str) -> Vec<(String, String)> {
    client.listed("b2_list_file_versions", &json!({"bucketId": bucket}))
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, action): &(&str, &str)| ((*name).to_owned(), (*action).to_owned());
    expected.iter().map(owned).collect()
}

fn days(client: &RawClient, days: u64) {
    client.clock.set(NOW + days * DAY);
}

#[test]
fn files_are_hidden_then_deleted_and_then_their_marker() {
    let (client, bucket) = with_rule(&json!({"daysFromUploadingToHiding": 2,
        "daysFromHidingToDeleting": 3}));
    client.upload(&bucket, "logs/a", b"x");
    client.upload(&bucket, "other", b"x");
    let shown = |expected: &[(&str, &str)]| {
        let mut expected = expected.to_vec();
        expected.push(("other", "upload"));
        assert_eq!(versions(&client, &bucket), pairs(&expected));
    };
    days(&client, 1);
    shown(&[("logs/a", "upload")]);
    days(&client, 2);
    shown(&[("logs/a", "hide"), ("logs/a", "upload")]);
    days(&client, 4);
    shown(&[("logs/a", "hide"), ("logs/a", "upload")]);
    days(&client, 5);
    shown(&[]);
}

#[test]
fn lifecycle_rules_delete_older_versions_and_keep_the_current_one() {
    let (client, bucket) = with_rule(&json!({"daysFromHidingToDeleting": 1}));
    client.upload(&bucket, "logs/a", b"old");
    days(&client, 9);
    client.upload(&bucket, "logs/a", b"new");
    days(&client, 10);
    assert_eq!(versions(&client, &bucket), pairs(&[("logs/a", "upload")]));
    assert_eq!(client.download("the-bucket/logs/a", &[]).body, "new");
    days(&client, 99);
    assert_eq!(versions(&client, &bucket).len(), 1);
}

#[test]
fn lifecycle_rules_keep_locked_versions_and_their_marker() {
    let (client, bucket) = with_rule(&json!({"daysFromHidingToDeleting": 1}));
    client
        .upload_with(&bucket, "logs/a", b"x", &[("x-bz-file-legal-hold", "on")])
        .ok();
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "logs/a"}),
        )
        .ok();
    days(&client, 5);
    assert_eq!(versions(&client, &bucket).len(), 2);
}

#[test]
fn unfinished_large_files_are_cancelled() {
    let (client, bucket) =
        with_rule(&json!({"daysFromStartingToCancelingUnfinishedLargeFiles": 1}));
    client.start(&bucket, "logs/a");
    client.start(&bucket, "other");
    days(&client, 1);
    assert_eq!(versions(&client, &bucket), pairs(&[("other", "start")]));
}

#[test]
fn lifecycle_rules_run_once_a_day_or_on_demand() {
    let (client, bucket) = with_rule(&json!({"daysFromUploadingToHiding": 1}));
    client.clock.set(NOW + DAY * 3 / 4);
    client.upload(&bucket, "logs/a", b"x");
    // the day's run is over when the file gets old enough
    client.clock.set(NOW + DAY * 6 / 4);
    assert_eq!(versions(&client, &bucket).len(), 1);
    client.clock.set(NOW + DAY * 7 / 4);
    assert_eq!(versions(&client, &bucket).len(), 1);
    client.emulator.run_lifecycle();
    assert_eq!(versions(&client, &bucket).len(), 2);
    client.emulator.run_lifecycle();
    assert_eq!(versions(&client, &bucket).len(), 2, "hidden once");
}

#[test]
fn lifecycle_rules_run_daily_after_the_clock_was_set_back() {
    let (client, bucket) = with_rule(&json!({"daysFromUploadingToHiding": 1}));
    days(&client, 9);
    assert_eq!(versions(&client, &bucket).len(), 0);
    days(&client, 0);
    client.upload(&bucket, "logs/a", b"x");
    days(&client, 1);
    let expected = pairs(&[("logs/a", "hide"), ("logs/a", "upload")]);
    assert_eq!(versions(&client, &bucket), expected);
}
