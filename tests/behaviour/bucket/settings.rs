//! `settings`, `update` and `delete_bucket`.

use b2kit::ErrorKind;
use b2kit::api::UpdateBucket;
use b2kit::types::{BucketType, LifecycleRule, LifecycleRules};

use super::{hide, put, rows, start};
use crate::client;
use crate::script::{Fault, Script};
use crate::uploading::bucket;

#[test]
fn an_update_changes_only_the_settings_it_sets() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let before = bucket.settings().await.unwrap();
        assert_eq!(before.bucket_type, BucketType::AllPrivate);
        assert_eq!(before.bucket_id, *bucket.id());
        let rule = LifecycleRule::new("logs/").days_from_hiding_to_deleting(7);
        let rules = LifecycleRules::new([rule]).unwrap();
        let changed = bucket
            .update(|update| update.lifecycle_rules(rules.clone()))
            .await
            .unwrap();
        assert_eq!(changed.lifecycle_rules, rules);
        let after = bucket.settings().await.unwrap();
        assert_eq!(after, changed);
        assert_eq!(after.bucket_type, BucketType::AllPrivate);
        assert_eq!(after.revision, before.revision + 1);
    });
}

#[test]
fn an_update_of_concurrently_changed_settings_is_a_conflict() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let seen = bucket.settings().await.unwrap().revision;
        let public = |update: UpdateBucket| update.bucket_type(BucketType::AllPublic);
        bucket.update(public).await.unwrap();
        let private = |update: UpdateBucket| {
            update
                .bucket_type(BucketType::AllPrivate)
                .if_revision_is(seen)
        };
        let error = bucket.update(private).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let now = bucket.settings().await.unwrap();
        assert_eq!(now.bucket_type, BucketType::AllPublic);
    });
}

#[test]
fn only_an_empty_bucket_is_deleted() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for fill in ["file", "marker", "upload"] {
            match fill {
                "file" => drop(put(&bucket, "f", "x").await),
                "marker" => {
                    let file = put(&bucket, "f", "x").await;
                    hide(&bucket, "f").await;
                    bucket.delete_version(&file).await.unwrap();
                }
                _ => drop(start(&bucket, "f").await),
            }
            let error = bucket.delete_bucket().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
            assert_eq!(error.b2().unwrap().code, "cannot_delete_non_empty_bucket");
            super::outcomes(bucket.delete_all_files(super::DELETE)).await;
            assert!(rows(&bucket).await.is_empty());
        }
        bucket.delete_bucket().await.unwrap();
        let error = bucket.delete_bucket().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        let error = bucket.settings().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("holiday-photos"), "{error}");
        let error = bucket
            .update(|update| update.bucket_type(BucketType::AllPublic))
            .await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    });
    assert_eq!(emulator.snapshot().buckets, 0);
}

#[test]
fn delete_bucket_succeeds_after_a_lost_response() {
    for fault in [Fault::LostResponse, Fault::DroppedRequest, Fault::Garbage] {
        let (b2, script) = Script::new([("b2_delete_bucket", fault)]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            bucket.delete_bucket().await.unwrap();
        });
        assert_eq!(script.emulator.snapshot().buckets, 0);
        assert!(script.is_over());
    }
}
