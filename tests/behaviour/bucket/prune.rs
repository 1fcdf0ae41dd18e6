//! `prune_versions`.

use std::time::Duration;

use b2kit::types::{Action, FileVersion, Timestamp};
use b2kit::{BucketHandle, DeleteMode, ErrorKind, PruneRule};
use futures::TryStreamExt as _;

use super::{DELETE, count, hide, ids, outcomes, put, rows, stage, start, text};
use crate::client;
use crate::script::{Fault, Script};
use crate::uploading::bucket;

#[test]
fn keep_newest_keeps_that_many_versions_of_each_name() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for content in ["1", "2", "3", "4"] {
            put(&bucket, "p/f", content).await;
            put(&bucket, "p/g", content).await;
            put(&bucket, "q/f", content).await;
        }
        put(&bucket, "p/once", "x").await;
        start(&bucket, "p/f").await;
        let pruned = outcomes(bucket.prune_versions("p/", PruneRule::KeepNewest(3), DELETE)).await;
        assert_eq!(ids(pruned).len(), 2);
        let pruned = outcomes(bucket.prune_versions("p/", PruneRule::KeepNewest(1), DELETE)).await;
        assert_eq!(ids(pruned).len(), 4);
        for (name, left) in [("p/f", 2), ("p/g", 1), ("p/once", 1), ("q/f", 4)] {
            assert_eq!(count(&bucket, name).await, left, "{name}");
        }
        for name in ["p/f", "p/g", "q/f"] {
            assert_eq!(text(&bucket, name).await, "4");
        }
    });
}

#[test]
fn keep_newest_keeps_a_hide_marker_and_that_many_versions_beneath_it() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "1").await;
        put(&bucket, "f", "2").await;
        hide(&bucket, "f").await;
        let pruned = outcomes(bucket.prune_versions("", PruneRule::KeepNewest(1), DELETE)).await;
        assert_eq!(ids(pruned).len(), 1);
        assert!(!bucket.exists("f").await.unwrap());
        bucket.unhide("f").await.unwrap().unwrap();
        assert_eq!(text(&bucket, "f").await, "2");
    });
}

/// A file that was changed after a minute and hidden after two, and one that was only changed.
async fn history(script: &Script, bucket: &BucketHandle) -> [Timestamp; 3] {
    let minute = Duration::from_secs(60);
    let mut times = Vec::new();
    for content in ["1", "2"] {
        times.push(put(bucket, "hidden", content).await.upload_timestamp);
        put(bucket, "visible", content).await;
        script.clock.advance(minute);
    }
    times.push(hide(bucket, "hidden").await.upload_timestamp);
    script.clock.advance(minute);
    times.try_into().unwrap()
}

fn after(time: Timestamp) -> PruneRule {
    PruneRule::HiddenBefore(Timestamp::from_millis(time.as_millis() + 1))
}

#[test]
fn versions_hidden_before_a_time_are_deleted_and_hidden_files_completely() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let [first, changed, hidden] = history(&script, &bucket).await;
        let prune = async |rule, mode| outcomes(bucket.prune_versions("", rule, mode)).await;

        assert!(
            prune(after(first), DELETE).await.is_empty(),
            "nothing was hidden by then"
        );
        let would = ids(prune(after(changed), DeleteMode::DryRun).await);
        assert_eq!(would.len(), 1 + 1);
        assert_eq!(rows(&bucket).await.len(), 5);
        let did = ids(prune(after(changed), DELETE).await);
        assert_eq!(would.len(), did.len());
        let left = [
            ("hidden", Action::Hide),
            ("hidden", Action::Upload),
            ("visible", Action::Upload),
        ];
        assert_eq!(
            rows(&bucket).await,
            left.map(|(name, action)| (name.to_owned(), action))
        );

        assert!(
            prune(PruneRule::HiddenBefore(hidden), DELETE)
                .await
                .is_empty()
        );
        let gone = prune(after(hidden), DELETE).await;
        let actions: Vec<_> = gone
            .iter()
            .map(|(version, _)| version.action.clone())
            .collect();
        assert_eq!(actions, [Action::Upload, Action::Hide], "the marker last");
        assert_eq!(
            rows(&bucket).await,
            [("visible".to_owned(), Action::Upload)]
        );
        let all = PruneRule::HiddenBefore(Timestamp::from_millis(i64::MAX));
        assert!(
            prune(all, DELETE).await.is_empty(),
            "the newest visible version stays"
        );
        assert_eq!(text(&bucket, "visible").await, "2");
    });
}

#[test]
fn a_marker_above_a_version_that_can_not_be_deleted_is_kept() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let [.., hidden] = history(&script, &bucket).await;
        script.push(
            "b2_delete_file_version",
            Fault::Status(400, "bad_request", &[]),
        );
        let one = DeleteMode::Delete { concurrency: 1 };
        let pruned = outcomes(bucket.prune_versions("hidden", after(hidden), one)).await;
        let failed: Vec<&FileVersion> = pruned
            .iter()
            .filter(|(_, outcome)| outcome.is_err())
            .map(|(version, _)| version)
            .collect();
        assert_eq!(failed.len(), 2);
        assert_eq!(failed[1].action, Action::Hide);
        assert!(!bucket.exists("hidden").await.unwrap());
    });
}

#[test]
fn pruning_refuses_to_keep_no_version_and_leaves_stages_alone() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        stage(&bucket).await;
        stage(&bucket).await;
        let mut none = bucket.prune_versions("", PruneRule::KeepNewest(0), DELETE);
        let error = none.try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let pruned = outcomes(bucket.prune_versions("", PruneRule::KeepNewest(1), DELETE)).await;
        assert!(pruned.is_empty());
    });
    assert_eq!(emulator.snapshot().versions, 3);
}
