//! For any versions of some names, and any failures: what deletes never changes what a name shows,
//! but for a file that it deletes as a whole.

use std::collections::BTreeMap;

use b2kit::types::{FileVersion, Timestamp};
use b2kit::{BucketHandle, DeleteMode, DeleteScope, Error, PruneRule};
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use super::{put, start};
use crate::script::{Fault, Script};
use crate::seeds::for_seeds;
use crate::uploading::bucket;

/// The id of the visible version of each name.
async fn visible(bucket: &BucketHandle) -> BTreeMap<String, String> {
    let files = bucket
        .list("")
        .map_ok(|file| (file.file_name.to_string(), file.file_id.to_string()));
    files.try_collect().await.unwrap()
}

/// Some names, each with versions, markers (possibly several in a row) and unfinished uploads.
async fn history(bucket: &BucketHandle, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(5..40) {
        let name = format!("f{}", rng.usize(0..4));
        match rng.usize(0..8) {
            0..=3 => drop(put(bucket, &name, "x").await),
            4 | 5 => drop(bucket.hide(&*name).await.unwrap()),
            6 => drop(start(bucket, &name).await),
            _ => {
                let versions: Vec<_> = bucket.versions(&name).try_collect().await.unwrap();
                if versions.len() > 2 {
                    let at = rng.usize(1..versions.len());
                    bucket.delete_version(&versions[at]).await.unwrap();
                }
            }
        }
    }
}

/// Each version with its outcome.
type Sweep = Box<dyn Stream<Item = Result<(FileVersion, Result<(), Error>), Error>> + Unpin>;

fn sweep(bucket: &BucketHandle, rng: &mut fastrand::Rng) -> (Sweep, bool) {
    let mode = DeleteMode::Delete {
        concurrency: rng.usize(0..6),
    };
    let always = Timestamp::from_millis(i64::MAX);
    match rng.usize(0..4) {
        0 => (Box::new(bucket.delete_prefix("f", mode)), false),
        1 => (Box::new(bucket.delete_all_files(mode)), false),
        2 => {
            let rule = PruneRule::KeepNewest(rng.usize(1..4));
            (Box::new(bucket.prune_versions("", rule, mode)), true)
        }
        _ => {
            let rule = PruneRule::HiddenBefore(always);
            (Box::new(bucket.prune_versions("f", rule, mode)), true)
        }
    }
}

fn random_faults(script: &Script, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(0..30) {
        let fault = match rng.usize(0..6) {
            0 => Fault::Status(400, "bad_request", &[]),
            1 => Fault::LostResponse,
            _ => Fault::None,
        };
        script.push("b2_delete_file_version", fault);
    }
}

#[test]
fn random_deletes_expose_no_older_version_and_pruning_changes_no_visible_file() {
    for_seeds(0..150, |seed| {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            history(&bucket, rng).await;
            let before = visible(&bucket).await;
            random_faults(&script, rng);
            let (mut versions, prunes) = sweep(&bucket, rng);
            // The stream may be dropped at some point.
            let mut left = rng.usize(0..40);
            while let Some(item) = versions.next().await {
                item.unwrap().1.ok();
                let now = visible(&bucket).await;
                for (name, id) in &now {
                    assert_eq!(before.get(name), Some(id), "{name} of {now:?}");
                }
                assert!(!prunes || now == before, "{before:?}, {now:?}");
                if left == 0 {
                    break;
                }
                left -= 1;
            }
        });
    });
}

#[test]
fn a_delete_that_may_fail_midway_changes_no_other_name_and_exposes_no_older_version() {
    for_seeds(0..100, |seed| {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            history(&bucket, rng).await;
            let before = visible(&bucket).await;
            random_faults(&script, rng);
            let deleted = bucket.delete("f1", DeleteScope::AllVersions).await;
            let after = visible(&bucket).await;
            if deleted.is_ok() {
                let left: Vec<_> = bucket.versions("f1").try_collect().await.unwrap();
                assert!(left.is_empty(), "{left:?}");
            }
            for (name, id) in &after {
                assert_eq!(before.get(name), Some(id), "{name}");
            }
            let others = before.iter().filter(|(name, _)| *name != "f1");
            assert!(others.into_iter().all(|(name, _)| after.contains_key(name)));
        });
    });
}
