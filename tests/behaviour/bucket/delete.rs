//! `delete`, `delete_version` and `delete_many`.

use b2kit::api::{UpdateFileLegalHold, UploadFile};
use b2kit::types::{Action, Capability, LegalHold};
use b2kit::{DeleteScope, ErrorKind, RetryPolicy};
use futures::{StreamExt as _, stream};

use super::{count, hide, lockable, name, put, restricted, rows, stage, start, text, through};
use crate::client;
use crate::script::{Fault, Script};
use crate::uploading::bucket;

#[test]
fn all_versions_of_exactly_one_name_are_deleted_the_newest_last() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["e", "f", "f", "f-other", "f/other", "ff"] {
            put(&bucket, file, "x").await;
        }
        let marker = hide(&bucket, "f").await;
        let deleted = bucket.delete("f", DeleteScope::AllVersions).await.unwrap();
        assert_eq!(deleted.len(), 3);
        assert_eq!(deleted[2].file_id, marker.file_id);
        let left: Vec<_> = rows(&bucket)
            .await
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(left, ["e", "f-other", "f/other", "ff"]);
        let again = bucket.delete("f", DeleteScope::AllVersions).await.unwrap();
        assert!(again.is_empty());
    });
}

#[test]
fn a_name_with_more_than_one_page_of_versions_is_deleted_completely() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for _ in 0..1_001 {
            put(&bucket, "f", "").await;
        }
        let deleted = bucket.delete("f", DeleteScope::AllVersions).await.unwrap();
        assert_eq!(deleted.len(), 1_001);
    });
    assert_eq!(emulator.snapshot().versions, 0);
}

#[test]
fn deleting_the_newest_version_exposes_the_one_beneath() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "old").await;
        let newest = put(&bucket, "f", "new").await;
        put(&bucket, "f-other", "x").await;
        start(&bucket, "f").await;
        let deleted = bucket
            .delete("f", DeleteScope::NewestVersion)
            .await
            .unwrap();
        assert_eq!(deleted.len(), 1);
        assert_eq!(deleted[0].file_id, newest.file_id);
        assert_eq!(text(&bucket, "f").await, "old");
        assert_eq!(count(&bucket, "f-other").await, 1);
    });
}

#[test]
fn deleting_the_newest_version_of_a_hidden_or_missing_file_deletes_nothing() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        put(&bucket, "f-other", "x").await;
        hide(&bucket, "f").await;
        for name in ["f", "f-", "none"] {
            let deleted = bucket
                .delete(name, DeleteScope::NewestVersion)
                .await
                .unwrap();
            assert!(deleted.is_empty(), "{name}");
        }
        assert!(!bucket.exists("f").await.unwrap());
    });
    assert_eq!(emulator.snapshot().versions, 3);
}

#[test]
fn deleting_a_name_leaves_its_unfinished_uploads() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        start(&bucket, "f").await;
        let deleted = bucket.delete("f", DeleteScope::AllVersions).await.unwrap();
        assert_eq!(deleted.len(), 1);
        assert_eq!(rows(&bucket).await, [("f".to_owned(), Action::Start)]);
    });
}

#[test]
fn a_marker_that_hides_a_locked_version_is_not_deleted() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = lockable(&b2).await;
        put(&bucket, "f", "1").await;
        let locked = UploadFile::new(bucket.id(), name("f"), "2").legal_hold(LegalHold::On);
        let locked = b2.call(locked).await.unwrap();
        put(&bucket, "f", "3").await;
        hide(&bucket, "f").await;
        let error = bucket
            .delete("f", DeleteScope::AllVersions)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        assert_eq!(error.b2().unwrap().code, "access_denied");
        let left = [Action::Hide, Action::Upload].map(|action| ("f".to_owned(), action));
        assert_eq!(rows(&bucket).await, left);
        assert!(!bucket.exists("f").await.unwrap());

        let lift = UpdateFileLegalHold::new("f", &locked.file_id, LegalHold::Off);
        b2.call(lift).await.unwrap();
        let deleted = bucket.delete("f", DeleteScope::AllVersions).await.unwrap();
        assert_eq!(deleted.len(), 2);
    });
}

#[test]
fn a_retention_in_governance_mode_is_bypassed_only_on_request() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = lockable(&b2).await;
        let until = b2kit::types::Timestamp::from_millis(4_000_000_000_000);
        let locked = UploadFile::new(bucket.id(), name("f"), "x")
            .file_retention(b2kit::types::RetentionMode::Governance, until);
        b2.call(locked).await.unwrap();
        let error = bucket
            .delete("f", DeleteScope::AllVersions)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        let delete = bucket
            .delete("f", DeleteScope::AllVersions)
            .bypass_governance();
        assert_eq!(delete.await.unwrap().len(), 1);
    });
}

#[test]
fn delete_version_deletes_that_version_and_no_other() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let old = put(&bucket, "f", "old").await;
        put(&bucket, "f", "new").await;
        let marker = hide(&bucket, "f").await;
        assert_eq!(bucket.delete_version(&old).await.unwrap().len(), 1);
        let again = bucket.delete_version(&old).await;
        assert!(again.is_ok(), "it is gone already");
        assert_eq!(count(&bucket, "f").await, 2);
        bucket.delete_version(&marker).await.unwrap();
        assert_eq!(text(&bucket, "f").await, "new");
    });
}

#[test]
fn invalid_names_and_stage_names_are_refused() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let stage = stage(&bucket).await;
        for bad in ["", "a\nb", stage.file_name.as_str()] {
            for scope in [DeleteScope::AllVersions, DeleteScope::NewestVersion] {
                let error = bucket.delete(bad, scope).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            }
        }
    });
    let snapshot = emulator.snapshot();
    assert_eq!(
        (
            snapshot.versions,
            snapshot.calls_of("b2_delete_file_version")
        ),
        (1, 0)
    );
}

#[test]
fn a_key_without_the_capability_or_the_name_deletes_nothing() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "p/f", "x").await;
        put(&bucket, "q/f", "x").await;
        let list = restricted(&bucket, &emulator, &timer, &[Capability::ListFiles]).await;
        let both = [Capability::ListFiles, Capability::DeleteFiles];
        let both = restricted(&bucket, &emulator, &timer, &both).await;
        for error in [
            list.delete("p/f", DeleteScope::AllVersions)
                .await
                .unwrap_err(),
            both.delete("q/f", DeleteScope::AllVersions)
                .await
                .unwrap_err(),
            both.delete("q/f", DeleteScope::NewestVersion)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        }
        let deleted = both.delete("p/f", DeleteScope::AllVersions).await.unwrap();
        assert_eq!(deleted.len(), 1);
    });
    assert_eq!(emulator.snapshot().versions, 1);
}

#[test]
fn a_delete_whose_response_is_lost_succeeds_and_deletes_nothing_twice() {
    for scope in [DeleteScope::AllVersions, DeleteScope::NewestVersion] {
        for fault in [Fault::LostResponse, Fault::DroppedRequest, Fault::Garbage] {
            let (b2, script) = Script::new([("b2_delete_file_version", fault)]);
            script.timer.run(async {
                let bucket = bucket(&b2).await;
                put(&bucket, "f", "old").await;
                put(&bucket, "f", "new").await;
                let deleted = bucket.delete("f", scope).await.unwrap();
                let left = 2 - deleted.len();
                assert_eq!(count(&bucket, "f").await, left);
                assert_eq!(left == 1, scope == DeleteScope::NewestVersion);
            });
            assert!(script.is_over());
        }
    }
}

#[test]
fn a_delete_that_fails_halfway_leaves_the_newest_version() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        for content in ["1", "2", "3"] {
            put(&bucket, "f", content).await;
        }
        script.push(
            "b2_delete_file_version",
            Fault::Status(503, "service_unavailable", &[]),
        );
        let once = through(&b2.with_retry_policy(RetryPolicy::disabled()), &bucket);
        let error = once
            .delete("f", DeleteScope::AllVersions)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(text(&bucket, "f").await, "3");
        // A second delete removes everything.
        bucket.delete("f", DeleteScope::AllVersions).await.unwrap();
        assert_eq!(count(&bucket, "f").await, 0);
    });
}

#[test]
fn delete_many_returns_an_outcome_for_each_name() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for number in 0..20 {
            put(&bucket, &format!("f{number}"), "x").await;
        }
        let names: Vec<_> = (0..20).map(|number| format!("f{number}")).collect();
        let inputs = names.into_iter().chain(["".to_owned(), "none".to_owned()]);
        let over = bucket.delete_many(stream::iter(inputs), 5, |bucket, name: &String| {
            bucket.delete(name.as_str(), DeleteScope::AllVersions)
        });
        let over: Vec<_> = over.collect().await;
        assert_eq!(over.len(), 22);
        for (name, outcome) in over {
            match name.as_str() {
                "" => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Invalid),
                "none" => assert!(outcome.unwrap().is_empty()),
                _ => assert_eq!(outcome.unwrap().len(), 1),
            }
        }
        assert!(rows(&bucket).await.is_empty());
    });
}
