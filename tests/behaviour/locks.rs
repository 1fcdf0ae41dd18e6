//! Object Lock: retention and legal hold.

use b2kit::ApiVersion;
use b2kit::api::{CreateBucket, UpdateBucket, UpdateFileLegalHold, UpdateFileRetention};
use b2kit::types::{
    BucketName, BucketType, DefaultRetention, FileRetention, LegalHold, Readable, RetentionMode,
    Timestamp,
};
use serde_json::json;

use crate::{answered, assert_not_taken, document, refused};

const UNTIL: Timestamp = Timestamp::from_millis(1_770_334_823_346);

#[test]
fn a_retention_is_set_and_removed() {
    let governance = FileRetention::until(RetentionMode::Governance, UNTIL);
    let set = UpdateFileRetention::new("f", "4_z1", governance.clone());
    let retention = json!({"mode": "governance", "retainUntilTimestamp": 1_770_334_823_346_i64});
    assert_eq!(
        document(&set),
        json!({"fileName": "f", "fileId": "4_z1", "fileRetention": retention})
    );
    // B2's sample.
    let answer = json!({"fileId": "4_z1", "fileName": "f", "fileRetention": retention});
    let updated = answered(&set, answer);
    assert_eq!(
        (updated.file_id.as_str(), &*updated.file_name),
        ("4_z1", "f")
    );
    assert_eq!(updated.file_retention, governance);

    let remove = UpdateFileRetention::new("f", "4_z1", FileRetention::none()).bypass_governance();
    let none = json!({"mode": null, "retainUntilTimestamp": null});
    assert_eq!(
        document(&remove),
        json!({"fileName": "f", "fileId": "4_z1", "fileRetention": none, "bypassGovernance": true})
    );
    let answer = json!({"fileId": "4_z1", "fileName": "f", "fileRetention": none});
    assert_eq!(
        answered(&remove, answer).file_retention,
        FileRetention::none()
    );

    let other = json!({"fileId": "4_z2", "fileName": "f", "fileRetention": retention});
    assert_not_taken(&set, other);
    assert_not_taken(
        &set,
        json!({"fileId": "4_z1", "fileName": "f", "fileRetention": none}),
    );
}

#[test]
fn half_a_retention_is_refused() {
    let mut half = FileRetention::until(RetentionMode::Compliance, UNTIL);
    half.retain_until_timestamp = None;
    let told = refused(ApiVersion::V4, &UpdateFileRetention::new("f", "4_z1", half));
    assert!(told.contains("both a mode and a time"), "{told}");
}

#[test]
fn a_legal_hold_is_set_and_lifted_and_the_answer_is_checked() {
    for (hold, word) in [(LegalHold::On, "on"), (LegalHold::Off, "off")] {
        let update = UpdateFileLegalHold::new("f", "4_z1", hold.clone());
        let both = json!({"fileId": "4_z1", "fileName": "f", "legalHold": word});
        assert_eq!(document(&update), both);
        assert_eq!(answered(&update, both).legal_hold, hold);
    }
    let update = UpdateFileLegalHold::new("f", "4_z1", LegalHold::On);
    assert_not_taken(
        &update,
        json!({"fileId": "4_z2", "fileName": "f", "legalHold": "on"}),
    );
    assert_not_taken(
        &update,
        json!({"fileId": "4_z1", "fileName": "f", "legalHold": "off"}),
    );
}

#[test]
fn a_buckets_default_retention_is_set_and_removed() {
    let update = |retention| document(&UpdateBucket::new("b1").default_retention(retention));
    let sent = update(DefaultRetention::days(RetentionMode::Governance, 7));
    let week = json!({"mode": "governance", "period": {"duration": 7, "unit": "days"}});
    assert_eq!(sent["defaultRetention"], week);
    let sent = update(DefaultRetention::years(RetentionMode::Compliance, 1));
    let year = json!({"mode": "compliance", "period": {"duration": 1, "unit": "years"}});
    assert_eq!(sent["defaultRetention"], year);
    let none = json!({"mode": null, "period": null});
    assert_eq!(update(DefaultRetention::none())["defaultRetention"], none);
    let lock = document(&UpdateBucket::new("b1").file_lock_enabled(true));
    assert_eq!(
        lock,
        json!({"accountId": "15f935cf4dcb", "bucketId": "b1", "fileLockEnabled": true})
    );
}

/// B2's sample of `b2_create_bucket`.
#[test]
fn the_sample_of_a_bucket_with_locks_decodes() {
    let create = CreateBucket::new(
        BucketName::new("my-bucket").unwrap(),
        BucketType::AllPrivate,
    )
    .file_lock_enabled(true);
    assert_eq!(document(&create)["fileLockEnabled"], json!(true));
    let bucket = answered(&create, crate::values::bucket());
    let Readable::Value(lock) = &bucket.file_lock_configuration else {
        panic!("the key may read it")
    };
    assert!(lock.is_file_lock_enabled);
    assert_eq!(lock.default_retention, DefaultRetention::none());
}
