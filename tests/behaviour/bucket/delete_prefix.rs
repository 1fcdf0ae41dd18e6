//! `delete_prefix` and `delete_all_files`.

use std::collections::BTreeSet;

use b2kit::types::{Action, Capability};
use b2kit::{DeleteMode, ErrorKind, RetryPolicy};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{DELETE, count, hide, ids, outcomes, put, restricted, rows, stage, start, through};
use crate::script::{Fault, Script};
use crate::uploading::bucket;
use crate::{call_of, client, sent, wired};

#[test]
fn all_versions_with_the_prefix_are_deleted_and_no_others() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["p", "p-old/1", "p/1", "p/1", "p/2", "p0"] {
            put(&bucket, file, "x").await;
        }
        hide(&bucket, "p/2").await;
        start(&bucket, "p/1").await;
        start(&bucket, "p/large").await;
        let deleted = outcomes(bucket.delete_prefix("p/", DELETE)).await;
        assert_eq!(ids(deleted).len(), 4);
        let left = [
            ("p", Action::Upload),
            ("p-old/1", Action::Upload),
            ("p/1", Action::Start),
            ("p/large", Action::Start),
            ("p0", Action::Upload),
        ];
        assert_eq!(
            rows(&bucket).await,
            left.map(|(name, action)| (name.to_owned(), action))
        );
        assert!(
            outcomes(bucket.delete_prefix("p/", DELETE))
                .await
                .is_empty()
        );
    });
}

#[test]
fn a_dry_run_returns_the_versions_that_would_be_deleted_and_deletes_none() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["p/1", "p/1", "p/2"] {
            put(&bucket, file, "x").await;
        }
        hide(&bucket, "p/1").await;
        let would = ids(outcomes(bucket.delete_prefix("p/", DeleteMode::DryRun)).await);
        let all = ids(outcomes(bucket.delete_all_files(DeleteMode::DryRun)).await);
        assert_eq!(emulator.snapshot().calls_of("b2_delete_file_version"), 0);
        assert_eq!(rows(&bucket).await.len(), 4);
        let one = DeleteMode::Delete { concurrency: 1 };
        let did = ids(outcomes(bucket.delete_prefix("p/", one)).await);
        assert_eq!(would, did, "in this order");
        assert_eq!(all, did);
    });
}

#[test]
fn an_empty_prefix_and_the_prefix_of_stages_are_refused() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        stage(&bucket).await;
        for prefix in ["", ".b2kit-create/", ".b2kit-create/0123"] {
            for mode in [DELETE, DeleteMode::DryRun] {
                let mut sweep = bucket.delete_prefix(prefix, mode);
                let error = sweep.try_next().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                assert!(sweep.next().await.is_none());
            }
        }
    });
    let snapshot = emulator.snapshot();
    assert_eq!(
        (
            snapshot.versions,
            snapshot.calls_of("b2_list_file_versions")
        ),
        (2, 0)
    );
}

#[test]
fn delete_prefix_keeps_stages_and_delete_all_files_deletes_them() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let stage = stage(&bucket).await;
        put(&bucket, ".bashrc", "x").await;
        let deleted = outcomes(bucket.delete_prefix(".b", DELETE)).await;
        assert_eq!(deleted.len(), 1);
        assert_eq!(count(&bucket, stage.file_name.as_str()).await, 1);
        start(&bucket, "large").await;
        hide(&bucket, stage.file_name.as_str()).await;
        let deleted = outcomes(bucket.delete_all_files(DELETE)).await;
        assert_eq!(ids(deleted).len(), 3);
        bucket.delete_bucket().await.unwrap();
    });
}

/// The order in which versions are deleted, by their ids.
fn order(concurrency: usize, names: &[&str]) -> Vec<(String, String)> {
    let (owner, emulator, timer) = client();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let b2 = wired(&emulator, &timer, move |request| {
        if call_of(request) == "b2_delete_file_version" {
            let document = sent(request);
            let field = |key: &str| document[key].as_str().unwrap().to_owned();
            log.lock()
                .unwrap()
                .push((field("fileName"), field("fileId")));
        }
        None
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        let bucket = bucket(&owner).await;
        for name in names {
            put(&bucket, name, "x").await;
        }
        let newest: BTreeSet<_> = bucket
            .list("f")
            .map_ok(|file| file.file_id.to_string())
            .try_collect()
            .await
            .unwrap();
        let bucket = through(&b2, &bucket);
        let mode = DeleteMode::Delete { concurrency };
        assert_eq!(
            outcomes(bucket.delete_prefix("f", mode)).await.len(),
            names.len()
        );
        let seen = seen.lock().unwrap();
        for (at, (name, id)) in seen.iter().enumerate() {
            let is_last = seen[at + 1..].iter().all(|(other, _)| other != name);
            assert_eq!(newest.contains(id), is_last, "{name} at {at} of {seen:?}");
        }
    });
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn the_newest_version_of_each_name_is_deleted_last_at_any_concurrency() {
    let names = ["f1", "f2", "f2", "f2", "f3", "f3", "f4", "f2", "f5", "f5"];
    for concurrency in [0, 1, 2, 3, 100] {
        assert_eq!(order(concurrency, &names).len(), names.len());
    }
}

#[test]
fn a_version_that_can_not_be_deleted_stops_no_other_and_exposes_no_older_one() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["f1", "f1", "f2"] {
            put(&bucket, file, "x").await;
        }
        let marker = hide(&bucket, "f1").await;
        script.push(
            "b2_delete_file_version",
            Fault::Status(400, "bad_request", &[]),
        );
        let one = DeleteMode::Delete { concurrency: 1 };
        let deleted = outcomes(bucket.delete_prefix("f", one)).await;
        assert_eq!(deleted.len(), 4);
        let failed: Vec<_> = deleted
            .iter()
            .filter(|(_, outcome)| outcome.is_err())
            .collect();
        assert_eq!(failed.len(), 2);
        let (kept, outcome) = failed[1];
        assert_eq!(kept.file_id, marker.file_id);
        let error = outcome.as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains("become visible"), "{error}");
        assert!(!bucket.exists("f1").await.unwrap());
        let left = [Action::Hide, Action::Upload].map(|action| ("f1".to_owned(), action));
        assert_eq!(rows(&bucket).await, left);
    });
}

#[test]
fn a_listing_error_is_the_last_item_and_the_current_names_marker_is_kept() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        for _ in 0..1_005 {
            put(&bucket, "f", "").await;
        }
        hide(&bucket, "f").await;
        script.push("b2_list_file_versions", Fault::None);
        script.push(
            "b2_list_file_versions",
            Fault::Status(400, "bad_request", &[]),
        );
        let swept: Vec<_> = bucket.delete_prefix("f", DELETE).collect().await;
        let (error, deleted) = swept.split_last().unwrap();
        assert_eq!(error.as_ref().unwrap_err().kind(), ErrorKind::Rejected);
        assert_eq!(deleted.len(), 999);
        assert!(deleted.iter().all(|item| matches!(item, Ok((_, Ok(()))))));
        assert!(
            !bucket.exists("f").await.unwrap(),
            "the marker is still there"
        );
        assert_eq!(outcomes(bucket.delete_prefix("f", DELETE)).await.len(), 7);
    });
}

#[test]
fn a_version_deleted_concurrently_counts_as_deleted() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for file in ["f1", "f2", "f3"] {
            put(&bucket, file, "x").await;
        }
        let one = DeleteMode::Delete { concurrency: 1 };
        let mut sweep = bucket.delete_prefix("f", one);
        sweep.try_next().await.unwrap();
        let f3 = bucket.stat("f3").await.unwrap().unwrap();
        bucket.delete_version(&f3).await.unwrap();
        let rest = outcomes(sweep).await;
        assert_eq!(ids(rest).len(), 2);
    });
}

#[test]
fn a_delete_whose_response_is_lost_counts_as_a_success() {
    for fault in [Fault::LostResponse, Fault::DroppedRequest, Fault::Garbage] {
        let (b2, script) = Script::new([("b2_delete_file_version", fault)]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            for file in ["f1", "f1", "f2"] {
                put(&bucket, file, "x").await;
            }
            assert_eq!(
                ids(outcomes(bucket.delete_prefix("f", DELETE)).await).len(),
                3
            );
            assert!(rows(&bucket).await.is_empty());
        });
        assert!(script.is_over());
    }
}

#[test]
fn a_restricted_key_deletes_only_within_its_prefix_and_capabilities() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "p/f", "x").await;
        put(&bucket, "q/f", "x").await;
        let both = [Capability::ListFiles, Capability::DeleteFiles];
        let key = restricted(&bucket, &emulator, &timer, &both).await;
        for error in [
            key.delete_prefix("q/", DELETE)
                .try_next()
                .await
                .unwrap_err(),
            key.delete_prefix("p", DELETE).try_next().await.unwrap_err(),
            key.delete_all_files(DELETE).try_next().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        }
        assert_eq!(outcomes(key.delete_prefix("p/", DELETE)).await.len(), 1);
        assert_eq!(rows(&bucket).await, [("q/f".to_owned(), Action::Upload)]);
        let lists = restricted(&bucket, &emulator, &timer, &[Capability::ListFiles]).await;
        put(&bucket, "p/g", "x").await;
        let swept = outcomes(lists.delete_prefix("p/", DELETE)).await;
        let error = swept[0].1.as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    });
}

#[test]
fn dropping_the_stream_stops_further_deletes() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for number in 0..10 {
            put(&bucket, &format!("f{number}"), "x").await;
        }
        let once = through(&b2.with_retry_policy(RetryPolicy::disabled()), &bucket);
        let mut sweep = once.delete_prefix("f", DeleteMode::Delete { concurrency: 1 });
        sweep.try_next().await.unwrap();
        drop(sweep);
        let left = rows(&bucket).await.len();
        assert!((8..10).contains(&left), "{left}");
    });
    assert!(emulator.snapshot().calls_of("b2_delete_file_version") <= 2);
}
