//! Object Lock: retention and legal hold.

use b2kit::api::{
    Call, CopyFile, CreateBucket, DeleteFileVersion, DownloadFileById, GetFileInfo, UpdateBucket,
    UpdateFileLegalHold, UpdateFileRetention, UploadFile,
};
use b2kit::types::{
    Bucket, BucketName, BucketType, Capability, DefaultRetention, FileName, FileRetention,
    LegalHold, Restricted, RetentionMode, Timestamp,
};
use b2kit::{ApiVersion, Client, ErrorKind};
use futures::executor::block_on;
use serde_json::json;

use crate::{answered, assert_not_taken, client, document, refused};

#[test]
fn enabling_object_lock_needs_the_capability_for_bucket_retention() {
    let lock = |enabled| UpdateBucket::new("b").file_lock_enabled(enabled);
    assert_eq!(
        lock(true).extra_capabilities(),
        [Capability::WriteBucketRetentions]
    );
    assert!(lock(false).extra_capabilities().is_empty());
}

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
        (updated.file_id.as_str(), updated.file_name.as_str()),
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
fn a_retention_with_only_a_mode_or_a_time_is_refused() {
    let mut half = FileRetention::until(RetentionMode::Compliance, UNTIL);
    half.retain_until_timestamp = None;
    for message in [
        refused(
            ApiVersion::V4,
            &UpdateFileRetention::new("f", "4_z1", half.clone()),
        ),
        refused(
            ApiVersion::V4,
            &CopyFile::new("4_z1", FileName::new("g").unwrap()).file_retention(half),
        ),
    ] {
        assert!(message.contains("both a mode and a time"), "{message}");
    }
    let mut half = DefaultRetention::days(RetentionMode::Compliance, 1);
    half.mode = None;
    let message = refused(
        ApiVersion::V4,
        &UpdateBucket::new("b1").default_retention(half),
    );
    assert!(message.contains("both a mode and a period"), "{message}");
}

#[test]
fn a_legal_hold_is_set_and_removed_and_the_reply_is_checked() {
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
    let Restricted::Value(lock) = &bucket.file_lock_configuration else {
        panic!("the key may read it")
    };
    assert!(lock.is_file_lock_enabled);
    assert_eq!(lock.default_retention, DefaultRetention::none());
}

/// The year 2100, in the future by the emulator's clock, which is the system's.
const FAR: Timestamp = Timestamp::from_millis(4_102_444_800_000);

async fn locked_bucket(b2: &Client, name: &str) -> Bucket {
    let create = CreateBucket::new(BucketName::new(name).unwrap(), BucketType::AllPrivate);
    b2.call(create.file_lock_enabled(true)).await.unwrap()
}

async fn refused_call<C: Call>(b2: &Client, call: C) -> (ErrorKind, String) {
    match b2.call(call).await {
        Ok(_) => panic!("it was done"),
        Err(error) => (error.kind(), error.b2().unwrap().code.clone()),
    }
}

#[test]
fn a_retained_version_can_be_deleted_only_with_bypass() {
    let (b2, _, _) = client();
    block_on(async {
        let bucket = locked_bucket(&b2, "my-bucket").await;
        let name = FileName::new("f").unwrap();
        let file = b2
            .call(UploadFile::new(&bucket.bucket_id, name, "x"))
            .await
            .unwrap();
        assert_eq!(
            file.file_retention,
            Restricted::Value(FileRetention::none())
        );
        let update = |retention| UpdateFileRetention::new("f", &file.file_id, retention);
        let governance = FileRetention::until(RetentionMode::Governance, FAR);
        let updated = b2.call(update(governance.clone())).await.unwrap();
        assert_eq!(updated.file_retention, governance);
        let shown = b2.call(GetFileInfo::new(&file.file_id)).await.unwrap();
        assert_eq!(shown.file_retention, Restricted::Value(governance.clone()));
        let download = b2.call(DownloadFileById::new(&file.file_id)).await.unwrap();
        assert_eq!(download.file.file_retention, Restricted::Value(governance));

        let denied = (ErrorKind::Unauthorized, "access_denied".to_owned());
        let delete = || DeleteFileVersion::new("f", &file.file_id);
        assert_eq!(refused_call(&b2, delete()).await, denied);
        assert_eq!(
            refused_call(&b2, update(FileRetention::none())).await,
            denied
        );
        let removed = b2
            .call(update(FileRetention::none()).bypass_governance())
            .await
            .unwrap();
        assert_eq!(removed.file_retention, FileRetention::none());

        let compliance = FileRetention::until(RetentionMode::Compliance, FAR);
        b2.call(update(compliance)).await.unwrap();
        let removal = update(FileRetention::none()).bypass_governance();
        assert_eq!(refused_call(&b2, removal).await, denied);
        assert_eq!(
            refused_call(&b2, delete().bypass_governance()).await,
            denied
        );
    });
}

#[test]
fn a_version_under_legal_hold_can_be_deleted_only_after_its_removal() {
    let (b2, _, _) = client();
    block_on(async {
        let bucket = locked_bucket(&b2, "my-bucket").await;
        let name = || FileName::new("f").unwrap();
        let upload = UploadFile::new(&bucket.bucket_id, name(), "x").legal_hold(LegalHold::On);
        let file = b2.call(upload).await.unwrap();
        assert_eq!(file.legal_hold, Restricted::Value(Some(LegalHold::On)));
        let delete = DeleteFileVersion::new("f", &file.file_id);
        assert_eq!(refused_call(&b2, delete.clone()).await.1, "access_denied");
        let lift = UpdateFileLegalHold::new("f", &file.file_id, LegalHold::Off);
        assert_eq!(b2.call(lift).await.unwrap().legal_hold, LegalHold::Off);
        let shown = b2.call(GetFileInfo::new(&file.file_id)).await.unwrap();
        assert_eq!(shown.legal_hold, Restricted::Value(Some(LegalHold::Off)));
        b2.call(delete).await.unwrap();

        let create =
            CreateBucket::new(BucketName::new("no-locks").unwrap(), BucketType::AllPrivate);
        let unlocked = b2.call(create).await.unwrap();
        let file = b2
            .call(UploadFile::new(&unlocked.bucket_id, name(), "x"))
            .await
            .unwrap();
        let hold = UpdateFileLegalHold::new("f", &file.file_id, LegalHold::On);
        assert_eq!(refused_call(&b2, hold).await.1, "bucket_missing_file_lock");
    });
}

#[test]
fn a_default_retention_applies_to_new_files_until_it_is_removed() {
    let (b2, _, _) = client();
    block_on(async {
        let bucket = locked_bucket(&b2, "my-bucket").await;
        let upload = || UploadFile::new(&bucket.bucket_id, FileName::new("f").unwrap(), "x");
        let update = |retention| UpdateBucket::new(&bucket.bucket_id).default_retention(retention);
        let week = DefaultRetention::days(RetentionMode::Governance, 7);
        let updated = b2.call(update(week.clone())).await.unwrap();
        assert_eq!(
            updated
                .file_lock_configuration
                .value()
                .unwrap()
                .default_retention,
            week
        );
        let file = b2.call(upload()).await.unwrap();
        let until = file.upload_timestamp.as_millis() + 7 * 86_400_000;
        let expected =
            FileRetention::until(RetentionMode::Governance, Timestamp::from_millis(until));
        assert_eq!(file.file_retention, Restricted::Value(expected));
        let updated = b2.call(update(DefaultRetention::none())).await.unwrap();
        let left = &updated
            .file_lock_configuration
            .value()
            .unwrap()
            .default_retention;
        assert_eq!(*left, DefaultRetention::none());
        assert_eq!(
            b2.call(upload()).await.unwrap().file_retention,
            Restricted::Value(FileRetention::none())
        );
    });
}
