//! Lifecycle rules, applied by the clock.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use std::time::Duration;

use b2kit_emulator::Emulator;
use serde_json::{Value, json};
use wire::Wire;

const NOW: u64 = 1_770_334_812_998;
const DAY: u64 = 24 * 60 * 60 * 1000;

fn with_rule(days: &Value) -> (Wire, String) {
    let year = Duration::from_millis(365 * DAY);
    let wire = Wire::of(Emulator::builder().token_lifetime(year));
    let mut rule = json!({"fileNamePrefix": "logs/"});
    wire::merge(&mut rule, days);
    let fields = json!({"fileLockEnabled": true, "lifecycleRules": [rule]});
    let bucket = wire.create_bucket_with("the-bucket", &fields);
    (wire, bucket)
}

fn versions(wire: &Wire, bucket: &str) -> Vec<(String, String)> {
    wire.listed("b2_list_file_versions", &json!({"bucketId": bucket}))
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, action): &(&str, &str)| ((*name).to_owned(), (*action).to_owned());
    expected.iter().map(owned).collect()
}

fn days(wire: &Wire, days: u64) {
    wire.clock.set(NOW + days * DAY);
}

#[test]
fn files_are_hidden_then_deleted_and_then_their_marker() {
    let (wire, bucket) = with_rule(&json!({"daysFromUploadingToHiding": 2,
        "daysFromHidingToDeleting": 3}));
    wire.upload(&bucket, "logs/a", b"x");
    wire.upload(&bucket, "other", b"x");
    let shown = |expected: &[(&str, &str)]| {
        let mut expected = expected.to_vec();
        expected.push(("other", "upload"));
        assert_eq!(versions(&wire, &bucket), pairs(&expected));
    };
    days(&wire, 1);
    shown(&[("logs/a", "upload")]);
    days(&wire, 2);
    shown(&[("logs/a", "hide"), ("logs/a", "upload")]);
    days(&wire, 4);
    shown(&[("logs/a", "hide"), ("logs/a", "upload")]);
    days(&wire, 5);
    shown(&[]);
}

#[test]
fn lifecycle_rules_delete_older_versions_and_keep_the_current_one() {
    let (wire, bucket) = with_rule(&json!({"daysFromHidingToDeleting": 1}));
    wire.upload(&bucket, "logs/a", b"old");
    days(&wire, 9);
    wire.upload(&bucket, "logs/a", b"new");
    days(&wire, 10);
    assert_eq!(versions(&wire, &bucket), pairs(&[("logs/a", "upload")]));
    assert_eq!(wire.download("the-bucket/logs/a", &[]).body, "new");
    days(&wire, 99);
    assert_eq!(versions(&wire, &bucket).len(), 1);
}

#[test]
fn lifecycle_rules_keep_locked_versions_and_their_marker() {
    let (wire, bucket) = with_rule(&json!({"daysFromHidingToDeleting": 1}));
    wire.upload_with(&bucket, "logs/a", b"x", &[("x-bz-file-legal-hold", "on")])
        .ok();
    wire.post(
        "b2_hide_file",
        &json!({"bucketId": bucket, "fileName": "logs/a"}),
    )
    .ok();
    days(&wire, 5);
    assert_eq!(versions(&wire, &bucket).len(), 2);
}

#[test]
fn unfinished_large_files_are_cancelled() {
    let (wire, bucket) = with_rule(&json!({"daysFromStartingToCancelingUnfinishedLargeFiles": 1}));
    wire.start(&bucket, "logs/a");
    wire.start(&bucket, "other");
    days(&wire, 1);
    assert_eq!(versions(&wire, &bucket), pairs(&[("other", "start")]));
}

#[test]
fn lifecycle_rules_run_once_a_day_or_on_demand() {
    let (wire, bucket) = with_rule(&json!({"daysFromUploadingToHiding": 1}));
    wire.clock.set(NOW + DAY * 3 / 4);
    wire.upload(&bucket, "logs/a", b"x");
    // the day's run is over when the file gets old enough
    wire.clock.set(NOW + DAY * 6 / 4);
    assert_eq!(versions(&wire, &bucket).len(), 1);
    wire.clock.set(NOW + DAY * 7 / 4);
    assert_eq!(versions(&wire, &bucket).len(), 1);
    wire.emulator.run_lifecycle();
    assert_eq!(versions(&wire, &bucket).len(), 2);
    wire.emulator.run_lifecycle();
    assert_eq!(versions(&wire, &bucket).len(), 2, "hidden once");
}
