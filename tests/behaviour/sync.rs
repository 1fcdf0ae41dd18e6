//! Synchronizing a local tree and a bucket: each policy in each state, and what must never be deleted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use b2kit::api::{CreateBucket, DeleteFileVersion, ListFileNames};
use b2kit::backend::emulator::{Emulator, ManualClock};
use b2kit::sync::{
    Action, Compare, Cost, Durability, Extras, Filter, Links, Newer, Outcome, Reason, Status,
    Summary, SyncPolicy, SyncProgress, Synchronizer, Withheld,
};
use b2kit::transfer::Source;
use b2kit::types::{BucketName, BucketType, Timestamp};
use b2kit::{BucketHandle, Client, ErrorKind, ManualTimer};
use futures::{StreamExt as _, TryStreamExt as _};
use tempfile::TempDir;

use crate::uploading::{bucket, content, stored, unfinished, versions};
use crate::{client, client_of};

/// The files of one side, as paths with their contents.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

pub(crate) fn write(root: &Path, path: &str, content: &[u8], modified: i64) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let modified = Timestamp::from_millis(modified).to_system_time().unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
}

pub(crate) fn local_tree(root: &Path) -> Tree {
    fn read(directory: &Path, prefix: &str, tree: &mut Tree) {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => read(&entry.path(), &format!("{path}/"), tree),
                kind if kind.is_file() => match fs::read(entry.path()) {
                    Ok(content) => drop(tree.insert(path, content)),
                    // The partial file of a dropped transfer, which a thread of the pool has just removed.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => panic!("{path}: {error}"),
                },
                _ => {}
            }
        }
    }
    let mut tree = Tree::new();
    read(root, "", &mut tree);
    tree
}

pub(crate) async fn remote_tree(bucket: &BucketHandle, prefix: &str) -> Tree {
    let list = ListFileNames::new(bucket.id()).prefix(prefix);
    let mut rows = bucket.client().paginate(list);
    let mut tree = Tree::new();
    while let Some(row) = rows.try_next().await.unwrap() {
        let version = row.into_version().unwrap();
        let path = version
            .file_name
            .as_str()
            .strip_prefix(prefix)
            .unwrap()
            .to_owned();
        tree.insert(path, stored(bucket.client(), &version.file_id).await);
    }
    tree
}

pub(crate) async fn put(bucket: &BucketHandle, name: &str, content: &[u8], modified: i64) {
    let modified = Timestamp::from_millis(modified);
    let source = Source::bytes(content.to_vec()).with_modified(modified);
    bucket.upload(name, source).await.unwrap();
}

async fn planned(sync: &Synchronizer) -> Vec<Action> {
    sync.plan().unwrap().try_collect().await.unwrap()
}

/// The lines of a plan as they are printed, without the last.
async fn printed(sync: &Synchronizer) -> Vec<String> {
    let mut plan = planned(sync).await;
    assert!(matches!(plan.pop(), Some(Action::End(_))));
    plan.iter().map(ToString::to_string).collect()
}

async fn run(sync: &Synchronizer) -> (Vec<Outcome>, Summary) {
    let mut run = sync.execute(sync.plan().unwrap());
    let mut outcomes = Vec::new();
    while let Some(outcome) = run.next().await {
        outcomes.push(outcome.unwrap());
    }
    (outcomes, run.summary())
}

async fn complete(sync: &Synchronizer) -> Summary {
    let (outcomes, summary) = run(sync).await;
    assert!(summary.is_complete(), "{outcomes:?} {summary:?}");
    summary
}

/// Runs what waits for the disk too, on threads that no timer knows: time is advanced only when these had a moment to
/// themselves.
pub(crate) fn run_with_disk<T>(timer: &ManualTimer, future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread, AtomicBool);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.1.store(true, Ordering::Release);
            self.0.unpark();
        }
    }
    let unpark = Arc::new(Unpark(std::thread::current(), AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&unpark));
    let (mut future, mut idle) = (pin!(future), 0);
    loop {
        if unpark.1.swap(false, Ordering::AcqRel) {
            idle = 0;
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            continue;
        }
        std::thread::park_timeout(Duration::from_millis(1));
        if !unpark.1.load(Ordering::Acquire) {
            idle += 1;
            assert!(idle < 60_000, "nothing ever wakes it");
            match idle {
                // A request takes 10 ms.
                ..8 => timer.advance(Duration::from_millis(10)),
                _ => drop(timer.advance_to_next()),
            }
        }
    }
}

/// Runs a test with a bucket and an empty directory, in virtual time.
pub(crate) fn scenario(test: impl AsyncFn(&BucketHandle, &Path)) {
    let (b2, _emulator, timer) = client();
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        test(&bucket(&b2).await, root.path()).await
    });
}

/// A file by its size and modification time.
type Dated = (usize, i64);

/// A policy, what both sides have, and what is planned.
type Row = (SyncPolicy, (Option<Dated>, Option<Dated>), &'static str);

#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
    Copy,
}

/// The tables of b2sdk for each mode, which apply to each direction.
#[test]
fn every_policy_plans_the_tabulated_action_for_every_state() {
    let new = SyncPolicy::new;
    // Each side: a size and a modification time.
    let both = |source, destination| (Some(source), Some(destination));
    let transfer = "transfer";
    let table: Vec<Row> = vec![
        (new(), (Some((1, 100)), None), transfer),
        (new(), (None, Some((1, 100))), "skip Extra"),
        (new(), both((1, 100), (1, 100)), "skip Same"),
        (new(), both((1, 200), (1, 100)), transfer),
        (new(), both((1, 100), (1, 200)), "refuse DestinationNewer"),
        (
            new().newer(Newer::Skip),
            both((1, 100), (1, 200)),
            "skip DestinationNewer",
        ),
        (
            new().newer(Newer::Replace),
            both((1, 100), (1, 200)),
            transfer,
        ),
        (
            new().tolerance(Duration::from_millis(10)),
            both((1, 110), (1, 100)),
            "skip Same",
        ),
        (
            new().tolerance(Duration::from_millis(10)),
            both((1, 100), (1, 110)),
            "skip Same",
        ),
        (
            new().tolerance(Duration::from_millis(10)),
            both((1, 111), (1, 100)),
            transfer,
        ),
        (new(), both((2, 100), (1, 100)), transfer),
        (
            new().compare(Compare::Existence),
            both((2, 200), (1, 100)),
            "skip Same",
        ),
        (
            new().compare(Compare::Existence),
            both((1, 100), (2, 200)),
            "skip Same",
        ),
        (
            new().compare(Compare::Existence),
            (Some((1, 100)), None),
            transfer,
        ),
        (
            new().compare(Compare::Size),
            both((1, 200), (1, 100)),
            "skip Same",
        ),
        (
            new().compare(Compare::Size),
            both((1, 100), (1, 200)),
            "skip Same",
        ),
        (
            new().compare(Compare::Size),
            both((2, 100), (1, 100)),
            transfer,
        ),
        (
            new().compare(Compare::Size),
            both((1, 100), (2, 200)),
            transfer,
        ),
        (
            new().compare(Compare::Sha1),
            both((1, 200), (1, 100)),
            "skip SameSha1",
        ),
        (
            new().compare(Compare::Sha1),
            both((2, 200), (1, 100)),
            transfer,
        ),
        (
            new().compare(Compare::Sha1Always),
            both((1, 100), (1, 100)),
            "skip SameSha1",
        ),
        (
            new().extras(Extras::Delete),
            (None, Some((1, 100))),
            "delete",
        ),
        (
            new().extras(Extras::Delete),
            both((1, 100), (1, 100)),
            "skip Same",
        ),
        (
            new().extras(Extras::Delete),
            both((1, 200), (1, 100)),
            transfer,
        ),
        (new().extras(Extras::Hide), (None, Some((1, 100))), "hide"),
        (
            new().extras(Extras::Hide),
            both((1, 200), (1, 100)),
            transfer,
        ),
        (
            new().extras(Extras::KeepDays(2)),
            (None, Some((1, 100))),
            "hide",
        ),
        (
            new().extras(Extras::KeepDays(2)),
            both((1, 100), (1, 100)),
            "skip Same",
        ),
    ];
    for (row, (policy, (source, destination), expected)) in table.iter().enumerate() {
        for way in [Way::Up, Way::Down, Way::Copy] {
            scenario(async |bucket, root| {
                let sides = [("source", source), ("destination", destination)];
                for (at, (side, file)) in sides.into_iter().enumerate() {
                    let Some((len, modified)) = *file else {
                        continue;
                    };
                    // A time that every file system has.
                    let modified = 1_000_000_000_000 + modified;
                    match (way, at) {
                        (Way::Up, 0) | (Way::Down, 1) => {
                            write(root, "d/a", &vec![b'x'; len], modified)
                        }
                        _ => put(bucket, &format!("{side}/d/a"), &vec![b'x'; len], modified).await,
                    }
                }
                let sync = match way {
                    Way::Up => Synchronizer::up(root, bucket, "destination/"),
                    Way::Down => Synchronizer::down(bucket, "source", root),
                    Way::Copy => Synchronizer::copy(bucket, "source", bucket, "destination"),
                };
                let sync = sync.policy(policy.clone().allow_empty_source(true));
                if let Err(error) = sync.plan() {
                    // Files in a local tree can't be hidden.
                    assert!(
                        matches!(way, Way::Down) && row >= FIRST_FOR_BUCKETS,
                        "{error}"
                    );
                    return;
                }
                let mut plan = planned(&sync).await;
                assert!(matches!(plan.pop(), Some(Action::End(_))));
                let said: Vec<_> = plan
                    .iter()
                    .map(|action| match action {
                        Action::Skip { reason, .. } => format!("skip {reason:?}"),
                        Action::Refuse { reason, .. } => format!("refuse {reason:?}"),
                        action if action.is_transfer() => transfer.to_owned(),
                        Action::Hide { .. } => "hide".to_owned(),
                        _ => "delete".to_owned(),
                    })
                    .collect();
                // Between buckets, equal SHA-1s are recognised regardless of the modification
                // times.
                let expected = match (way, expected, source, destination) {
                    (Way::Copy, _, Some((len, _)), Some((other, _)))
                        if len == other
                            && policy_compares_time(row)
                            && *expected != "skip Same" =>
                    {
                        "skip SameSha1"
                    }
                    _ => expected,
                };
                assert_eq!(said, [expected], "row {row}");
            });
        }
    }
}

/// From this row of the table on, the destination has to be a bucket.
const FIRST_FOR_BUCKETS: usize = 24;

/// The rows of the table that compare modification times of equal sizes.
fn policy_compares_time(row: usize) -> bool {
    !(11..=20).contains(&row)
}

#[test]
fn a_tree_synced_up_and_down_is_identical_and_syncing_again_transfers_nothing() {
    scenario(async |bucket, root| {
        let up = root.join("up");
        for (path, len) in [
            ("a", 0),
            ("a.txt", 1),
            ("b/c/d", 450),
            ("b/é", 30),
            ("z", 99),
        ] {
            write(&up, path, &content(len), 1_700_000_000_123);
        }
        let sync = Synchronizer::up(&up, bucket, "backup");
        let cost = sync.plan().unwrap();
        let cost = cost.try_fold(Cost::default(), async |cost, action| Ok(cost.with(&action)));
        let cost = cost.await.unwrap();
        assert_eq!(
            (cost.uploads, cost.uploaded_bytes, cost.calls.class_a),
            (5, 580, 5)
        );
        let summary = complete(&sync).await;
        assert_eq!((summary.uploaded, summary.bytes), (5, 580));
        assert_eq!(remote_tree(bucket, "backup/").await, local_tree(&up));

        for durability in [Durability::EachFile, Durability::AtEnd, Durability::None] {
            let down = root.join(format!("down {durability:?}"));
            let policy = SyncPolicy::new().durability(durability);
            let sync = Synchronizer::down(bucket, "backup/", &down).policy(policy);
            assert_eq!(complete(&sync).await.downloaded, 5);
            assert_eq!(local_tree(&down), local_tree(&up));
            let (outcomes, summary) = run(&sync).await;
            assert_eq!((summary.skipped, outcomes.len()), (5, 5));
        }
        let again = complete(&sync.policy(SyncPolicy::new().compare(Compare::Sha1Always))).await;
        assert_eq!((again.uploaded, again.skipped), (0, 5));
    });
}

#[test]
fn a_downloaded_file_without_a_stored_modification_time_is_up_to_date() {
    scenario(async |bucket, root| {
        bucket.upload("f", "bytes").await.unwrap();
        let down = Synchronizer::down(bucket, "", root);
        assert_eq!(complete(&down).await.downloaded, 1);
        assert_eq!(complete(&down).await.skipped, 1);
        let up = Synchronizer::up(root, bucket, "");
        assert_eq!(complete(&up).await.skipped, 1);
    });
}

/// Its modification time does not fit beside its name.
#[test]
fn a_file_with_a_long_name_is_up_to_date_after_its_upload() {
    scenario(async |bucket, root| {
        let name = ["€"; 4].map(|part| part.repeat(80)).join("/");
        write(root, &name, b"bytes", 100);
        let up = Synchronizer::up(root, bucket, "");
        assert_eq!(complete(&up).await.uploaded, 1);
        let version = bucket.stat(&*name).await.unwrap().unwrap();
        assert_eq!(version.last_modified(), None);
        assert_eq!(complete(&up).await.skipped, 1);
        assert_eq!(
            complete(&Synchronizer::down(bucket, "", root))
                .await
                .skipped,
            1
        );
    });
}

#[test]
fn a_downloaded_file_whose_time_the_file_system_lacks_is_up_to_date() {
    scenario(async |bucket, root| {
        for (name, modified) in [
            ("year 1", -62_135_596_800_000),
            ("year 9999", 253_402_300_799_000),
        ] {
            put(bucket, name, name.as_bytes(), modified).await;
        }
        let down = Synchronizer::down(bucket, "", root);
        assert_eq!(complete(&down).await.downloaded, 2);
        assert_eq!(complete(&down).await.skipped, 2);
    });
}

#[test]
fn extra_files_in_a_bucket_are_kept_hidden_or_deleted_with_all_versions() {
    for (extras, visible, left) in [
        (Extras::Keep, 3, 4),
        (Extras::Hide, 1, 4),
        (Extras::Delete, 1, 1),
    ] {
        scenario(async |bucket, root| {
            write(root, "a", b"a", 100);
            put(bucket, "p/a", b"a", 100).await;
            put(bucket, "p/b", b"old", 100).await;
            put(bucket, "p/b", b"b", 200).await;
            put(bucket, "p/c/d", b"d", 100).await;
            put(bucket, "other", b"not of this sync", 100).await;
            let policy = SyncPolicy::new().extras(extras);
            let sync = Synchronizer::up(root, bucket, "p/").policy(policy);
            complete(&sync).await;
            assert_eq!(remote_tree(bucket, "p/").await.len(), visible, "{extras:?}");
            assert_eq!(versions(bucket).await.len(), left + 1, "{extras:?}");
            // A second sync has nothing to do.
            let (outcomes, _) = run(&sync).await;
            let skipped = |it: &Outcome| matches!(it.status, Status::Skipped);
            assert!(outcomes.iter().all(skipped), "{outcomes:?}");
        });
    }
}

#[test]
fn keep_days_deletes_versions_that_were_superseded_longer_ago() {
    const DAY: u64 = 86_400_000;
    let start = 1_700_000_000_000;
    let clock = ManualClock::at(start);
    let emulator = Emulator::builder().clock(clock.clone()).build();
    let timer = ManualTimer::new();
    let b2 = client_of(&emulator, &timer);
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        // 25, 15 and 5 days before the sync.
        for (at, content) in [(0, "25"), (10, "15"), (20, "5")] {
            clock.set(start + at as u64 * DAY);
            put(&bucket, "kept", content.as_bytes(), at).await;
            put(&bucket, "extra", content.as_bytes(), at).await;
        }
        write(root.path(), "kept", b"5", 20);
        clock.set(start + 25 * DAY);
        let policy = SyncPolicy::new().extras(Extras::KeepDays(10));
        let sync = Synchronizer::up(root.path(), &bucket, "").policy(policy);
        complete(&sync).await;
        let left = async |name: &str| {
            let versions = versions(&bucket).await;
            versions.iter().filter(|it| it.file_name == *name).count()
        };
        assert_eq!((left("kept").await, left("extra").await), (2, 2));
        assert_eq!(remote_tree(&bucket, "").await.len(), 1);
        // The hide marker is 5 days old now; once it is 11 days old, it is no longer needed.
        clock.set(start + 30 * DAY);
        complete(&sync).await;
        assert_eq!((left("kept").await, left("extra").await), (2, 2));
        clock.set(start + 36 * DAY);
        complete(&sync).await;
        assert_eq!((left("kept").await, left("extra").await), (1, 0));
        assert_eq!(remote_tree(&bucket, "").await, local_tree(root.path()));
    });
}

/// Its upload may have been resumed for days, and B2 doesn't report when it ended.
#[test]
fn keep_days_keeps_what_a_large_file_replaced_until_the_next_version_is_old_enough() {
    const DAY: u64 = 86_400_000;
    let start = 1_700_000_000_000;
    let clock = ManualClock::at(start);
    let builder = Emulator::builder().clock(clock.clone());
    let parts = builder.absolute_minimum_part_size(5);
    let emulator = parts.recommended_part_size(100).build();
    let timer = ManualTimer::new();
    let b2 = client_of(&emulator, &timer);
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        put(&bucket, "a", b"small", 10).await;
        clock.set(start + DAY);
        put(&bucket, "a", &content(350), 20).await;
        write(root.path(), "a", &content(350), 20);
        let policy = SyncPolicy::new().extras(Extras::KeepDays(10));
        let sync = Synchronizer::up(root.path(), &bucket, "").policy(policy);
        clock.set(start + 30 * DAY);
        complete(&sync).await;
        assert_eq!(versions(&bucket).await.len(), 2);
        write(root.path(), "a", b"small again", 30);
        complete(&sync).await;
        assert_eq!(versions(&bucket).await.len(), 3);
        clock.set(start + 41 * DAY);
        complete(&sync).await;
        assert_eq!(versions(&bucket).await.len(), 1);
        assert_eq!(remote_tree(&bucket, "").await, local_tree(root.path()));
    });
}

#[test]
fn the_progress_of_a_run_is_a_stream_that_ends_with_it() {
    scenario(async |bucket, root| {
        for number in 0..5 {
            write(root, &number.to_string(), &[7; 1_000], 100);
        }
        let sync = Synchronizer::up(root, bucket, "");
        let run = sync.run().unwrap();
        let changes = run.changes();
        let (summary, seen) = futures::join!(run.finish(), changes.collect::<Vec<_>>());
        assert!(summary.unwrap().is_complete());
        let last = seen.last().unwrap();
        assert_eq!((last.finished_transfers, last.bytes), (5, 5_000));
        assert!(last.is_scanned && last.remaining() == Some(Duration::ZERO));
        let in_order = |two: &[SyncProgress]| two[0].elapsed <= two[1].elapsed;
        assert!(seen.windows(2).all(in_order), "{seen:?}");
        let dropped = sync.run().unwrap();
        let changes = dropped.changes();
        drop(dropped);
        assert_eq!(changes.count().await, 1);
    });
}

#[test]
fn an_empty_source_deletes_nothing_unless_allowed() {
    scenario(async |bucket, root| {
        put(bucket, "a", b"a", 100).await;
        put(bucket, "b", b"b", 100).await;
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root, bucket, "").policy(policy.clone());
        let (outcomes, summary) = run(&sync).await;
        assert_eq!(summary.withheld_because, Some(Withheld::SourceEmpty));
        assert!(
            !summary.is_complete() && summary.withheld == 2,
            "{outcomes:?}"
        );
        assert_eq!(versions(bucket).await.len(), 2);
        complete(&sync.policy(policy.allow_empty_source(true))).await;
        assert_eq!(versions(bucket).await.len(), 0);
    });
}

#[test]
fn a_source_with_only_a_folder_marker_counts_as_empty() {
    scenario(async |bucket, root| {
        put(bucket, "photos/", b"", 100).await;
        write(root, "a", b"a", 100);
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::down(bucket, "photos/", root).policy(policy);
        let (_, summary) = run(&sync).await;
        assert_eq!(summary.withheld_because, Some(Withheld::SourceEmpty));
        assert_eq!(local_tree(root).len(), 1);
    });
}

#[test]
fn a_sync_with_more_deletions_than_max_delete_deletes_nothing() {
    scenario(async |bucket, root| {
        write(root, "a", b"a", 100);
        for name in ["b", "c", "d"] {
            put(bucket, name, b"x", 100).await;
        }
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root, bucket, "");
        let (_, summary) = run(&sync.clone().policy(policy.clone().max_delete(2))).await;
        let too_many = Withheld::TooMany {
            planned: 3,
            allowed: 2,
        };
        assert_eq!(summary.withheld_because, Some(too_many));
        assert_eq!((summary.uploaded, summary.withheld), (1, 3));
        assert_eq!(versions(bucket).await.len(), 4);
        assert_eq!(
            complete(&sync.policy(policy.max_delete(3))).await.deleted,
            3
        );
    });
}

#[test]
fn a_source_that_is_missing_or_a_file_is_one_error_and_the_bucket_is_not_listed() {
    scenario(async |bucket, root| {
        put(bucket, "a", b"a", 100).await;
        put(bucket, "b", b"b", 100).await;
        write(root, "file", b"x", 100);
        let policy = SyncPolicy::new()
            .extras(Extras::Delete)
            .allow_empty_source(true);
        for (name, why) in [("missing", ""), ("file", "it is not a directory")] {
            let sync = Synchronizer::up(root.join(name), bucket, "").policy(policy.clone());
            let mut run = sync.run().unwrap();
            let error = run.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source);
            let says = format!("{name}\" can't be read: {why}");
            assert!(error.to_string().contains(&says), "{error}");
            assert!(run.next().await.is_none());
            let summary = run.summary();
            assert_eq!((summary.calls.class_c, summary.deleted), (0, 0));
            assert!(!summary.is_complete() && summary.undone() == 0);
        }
        assert_eq!(versions(bucket).await.len(), 2);
    });
}

#[test]
fn a_local_destination_that_is_a_file_is_one_error() {
    scenario(async |bucket, root| {
        put(bucket, "a", b"a", 100).await;
        put(bucket, "b", b"b", 100).await;
        write(root, "file", b"x", 100);
        let mut run = Synchronizer::down(bucket, "", root.join("file"))
            .run()
            .unwrap();
        let error = run.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
        assert!(run.next().await.is_none());
        assert_eq!(local_tree(root).len(), 1);
    });
}

#[test]
fn a_truncated_plan_deletes_nothing() {
    scenario(async |bucket, root| {
        write(root, "a", b"a", 100);
        put(bucket, "b", b"b", 100).await;
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root, bucket, "").policy(policy);
        let mut run = sync.execute(sync.plan().unwrap().take(2));
        while run.try_next().await.unwrap().is_some() {}
        let summary = run.summary();
        assert_eq!(summary.withheld_because, Some(Withheld::PlanIncomplete));
        assert_eq!((summary.uploaded, summary.deleted), (1, 0));
        assert_eq!(versions(bucket).await.len(), 2);
    });
}

#[test]
fn a_serialized_plan_can_be_executed_later_and_changes_nothing_the_second_time() {
    scenario(async |bucket, root| {
        write(root, "a", b"a", 100);
        write(root, "new", b"new", 100);
        put(bucket, "a", b"older", 50).await;
        put(bucket, "b", b"b", 100).await;
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root, bucket, "").policy(policy);
        let plan = planned(&sync).await;
        let lines: Vec<_> = plan
            .iter()
            .map(|it| serde_json::to_string(it).unwrap())
            .collect();
        let read: Vec<Action> = lines
            .iter()
            .map(|it| serde_json::from_str(it).unwrap())
            .collect();
        assert_eq!(read, plan);
        let run = |plan: &[Action]| {
            let lines: Vec<_> = plan.iter().cloned().map(Ok).collect();
            sync.execute(futures::stream::iter(lines)).finish()
        };
        assert!(run(&read).await.unwrap().is_complete());
        assert_eq!(remote_tree(bucket, "").await, local_tree(root));

        // Executing it again changes nothing.
        let before = versions(bucket).await;
        let again = run(&read).await.unwrap();
        assert_eq!((again.changed, again.withheld), (2, 1), "{again:?}");
        assert_eq!(versions(bucket).await, before);
    });
}

#[test]
fn files_changed_at_the_destination_since_the_plan_are_neither_replaced_nor_deleted() {
    scenario(async |bucket, root| {
        write(root, "replaced", b"new", 200);
        put(bucket, "replaced", b"old", 100).await;
        put(bucket, "extra", b"old", 100).await;
        for extras in [Extras::Hide, Extras::Delete] {
            let policy = SyncPolicy::new().extras(extras);
            let sync = Synchronizer::up(root, bucket, "").policy(policy);
            let plan = planned(&sync).await;
            put(bucket, "replaced", b"another writer's", 300).await;
            put(bucket, "extra", b"another writer's", 300).await;
            let run = sync.execute(futures::stream::iter(plan.into_iter().map(Ok)));
            let summary = run.finish().await.unwrap();
            let (changed, done) = (
                summary.changed,
                summary.uploaded + summary.deleted + summary.hidden,
            );
            match extras {
                // What is not replaced withholds what is to be hidden. In the second round the plan already
                // refuses what is newer.
                Extras::Hide => assert_eq!((changed, summary.withheld, done), (1, 1, 0)),
                _ => assert_eq!((changed, summary.refused, done), (1, 1, 0)),
            }
            let tree = remote_tree(bucket, "").await;
            assert!(tree.values().all(|content| content == b"another writer's"));
        }
    });
}

#[test]
fn local_files_changed_since_the_plan_are_neither_replaced_nor_deleted() {
    scenario(async |bucket, root| {
        put(bucket, "replaced", b"new", 200).await;
        put(bucket, "fresh", b"new", 200).await;
        write(root, "replaced", b"old", 100);
        write(root, "extra", b"old", 100);
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::down(bucket, "", root).policy(policy);
        let plan = planned(&sync).await;
        for path in ["replaced", "extra", "fresh"] {
            write(root, path, b"somebody's work", 150);
        }
        let run = sync.execute(futures::stream::iter(plan.into_iter().map(Ok)));
        let summary = run.finish().await.unwrap();
        assert_eq!((summary.changed, summary.withheld), (2, 1));
        assert_eq!((summary.downloaded, summary.deleted), (0, 0));
        assert!(
            local_tree(root)
                .values()
                .all(|content| content == b"somebody's work")
        );
        assert_eq!(
            fs::read_dir(root).unwrap().count(),
            3,
            "nothing is left beside them"
        );
    });
}

/// As in a file system that ignores case: there the extra file `Photo.jpg` also has the name `photo.JPG`. Here it is
/// renamed, in the tree and in the plan.
#[test]
fn a_file_whose_name_changed_only_in_case_is_downloaded_after_the_old_name_was_deleted() {
    scenario(async |bucket, root| {
        put(bucket, "photo.JPG", b"new", 200).await;
        put(bucket, "z", b"new", 200).await;
        write(root, "Photo.jpg", b"old", 100);
        write(root, "extra", b"old", 100);
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let policy = policy.refuse_collisions(true);
        let sync = Synchronizer::down(bucket, "", root).policy(policy);
        let mut plan = planned(&sync).await;
        fs::rename(root.join("Photo.jpg"), root.join("photo.JPG")).unwrap();
        let renamed = plan.iter_mut().find_map(|action| match action {
            Action::DeleteLocal { path, .. } if **path == *"Photo.jpg" => Some(path),
            _ => None,
        });
        *renamed.unwrap() = "photo.JPG".into();
        // Somebody's new file is not mistaken for one that is to be deleted.
        write(root, "z", b"somebody's work", 150);
        let run = sync.execute(futures::stream::iter(plan.into_iter().map(Ok)));
        let outcomes: Vec<Outcome> = run.try_collect().await.unwrap();
        let of = |wanted: &str| {
            let is_it = |it: &&Outcome| it.action.is_transfer() && it.action.path() == wanted;
            &outcomes.iter().find(is_it).unwrap().status
        };
        assert!(matches!(of("photo.JPG"), Status::Done), "{outcomes:?}");
        assert!(matches!(of("z"), Status::Changed), "{outcomes:?}");
        let expected = [("photo.JPG", "new"), ("z", "somebody's work")];
        let expected = expected.map(|(path, content)| (path.to_owned(), content.into()));
        assert_eq!(local_tree(root), Tree::from(expected));
    });
}

/// The link stands for the name that a file system which ignores case finds, too.
#[cfg(unix)]
#[test]
fn a_download_whose_name_differs_only_in_case_from_a_file_that_is_kept_is_refused() {
    scenario(async |bucket, root| {
        put(bucket, "photo.JPG", b"new", 200).await;
        write(root, "Photo.jpg", b"old", 100);
        for (refuse, told) in [
            (true, "may not distinguish it from \"Photo.jpg\""),
            (false, "has changed since it was scanned"),
        ] {
            let policy = SyncPolicy::new().refuse_collisions(refuse);
            let sync = Synchronizer::down(bucket, "", root).policy(policy);
            let plan = planned(&sync).await;
            std::os::unix::fs::symlink("Photo.jpg", root.join("photo.JPG")).unwrap();
            let run = sync.execute(futures::stream::iter(plan.into_iter().map(Ok)));
            let outcomes: Vec<Outcome> = run.try_collect().await.unwrap();
            let is_told =
                |it: &Outcome| it.action.path() == "photo.JPG" && it.to_string().contains(told);
            assert!(outcomes.iter().any(is_told), "{outcomes:?}");
            assert_eq!(local_tree(root)["Photo.jpg"], b"old");
            fs::remove_file(root.join("photo.JPG")).unwrap();
        }
    });
}

#[test]
fn files_excluded_by_the_filter_are_left_alone_on_both_sides() {
    scenario(async |bucket, root| {
        for path in [
            "2026/a.jpg",
            "2026/a.txt",
            "2026/.cache/b.jpg",
            "2025/c.jpg",
        ] {
            write(root, path, b"x", 100);
        }
        for name in [
            "2026/extra.jpg",
            "2026/extra.txt",
            "2026/.cache/extra.jpg",
            "2025/extra.jpg",
        ] {
            put(bucket, name, b"x", 100).await;
        }
        let filter = Filter::new()
            .include("2026/**/*.jpg")
            .unwrap()
            .exclude("**/.cache")
            .unwrap();
        let policy = SyncPolicy::new().extras(Extras::Delete).filter(filter);
        let sync = Synchronizer::up(root, bucket, "").policy(policy);
        let lines = printed(&sync).await;
        assert_eq!(
            lines,
            ["upload 2026/a.jpg (1 bytes)", "delete 2026/extra.jpg"]
        );
        complete(&sync).await;
        let left: Vec<_> = remote_tree(bucket, "").await.into_keys().collect();
        let expected = [
            "2025/extra.jpg",
            "2026/.cache/extra.jpg",
            "2026/a.jpg",
            "2026/extra.txt",
        ];
        assert_eq!(left, expected);
    });
}

#[cfg(unix)]
#[test]
fn a_destination_file_whose_name_is_not_unicode_is_skipped_if_extras_are_kept_and_else_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    scenario(async |bucket, root| {
        put(bucket, "a", b"a", 100).await;
        let odd = root.join(OsStr::from_bytes(b"caf\xe9"));
        if fs::write(&odd, "x").is_err() {
            return; // a file system that allows no such name
        }
        for (extras, skipped, refused) in [(Extras::Keep, 1, 0), (Extras::Delete, 1, 1)] {
            let policy = SyncPolicy::new().extras(extras);
            let sync = Synchronizer::down(bucket, "", root).policy(policy);
            let (outcomes, summary) = run(&sync).await;
            let counts = (summary.skipped, summary.refused);
            assert_eq!(counts, (skipped, refused), "{outcomes:?}");
            assert_eq!(summary.is_complete(), extras == Extras::Keep);
            assert_eq!(fs::read(&odd).unwrap(), b"x");
            assert_eq!(fs::read(root.join("a")).unwrap(), b"a");
        }
    });
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_skipped_refused_or_followed_and_files_below_them_are_kept() {
    use std::os::unix::fs::symlink;
    scenario(async |bucket, root| {
        write(root, "real/x", b"x", 100);
        symlink("real", root.join("link")).unwrap();
        symlink("../real", root.join("real/loop")).unwrap();
        put(bucket, "link/y", b"y", 100).await;
        let sync = |links| {
            let policy = SyncPolicy::new().extras(Extras::Delete).links(links);
            Synchronizer::up(root, bucket, "").policy(policy)
        };
        let (link, below) = (
            "it is a symbolic link",
            "it is below something that is skipped",
        );
        let upload = "upload real/x (1 bytes)".to_owned();
        for (links, verb) in [(Links::Skip, "skip"), (Links::Refuse, "refuse")] {
            let lines = [
                format!("{verb} link: {link}"),
                format!("skip link/y: {below}"),
                format!("{verb} real/loop: {link}"),
                upload.clone(),
            ];
            assert_eq!(printed(&sync(links)).await, lines);
        }
        let a_loop = "it is a symbolic link to a directory that contains it";
        let lines = printed(&sync(Links::Follow)).await;
        assert!(
            lines.contains(&"upload link/x (1 bytes)".to_owned()),
            "{lines:?}"
        );
        assert!(lines.contains(&"delete link/y".to_owned()), "{lines:?}");
        assert!(
            lines.contains(&format!("skip real/loop/: {a_loop}")),
            "{lines:?}"
        );
    });
}

#[cfg(unix)]
#[test]
fn a_downloading_sync_neither_follows_nor_replaces_a_symbolic_link() {
    use std::os::unix::fs::symlink;
    scenario(async |bucket, root| {
        let (elsewhere, root) = (root.join("elsewhere"), root.join("root"));
        write(&elsewhere, "x", b"private", 100);
        fs::create_dir(&root).unwrap();
        symlink(&elsewhere, root.join("d")).unwrap();
        symlink(elsewhere.join("x"), root.join("f")).unwrap();
        for name in ["d/x", "d/y", "f"] {
            put(bucket, name, b"new", 200).await;
        }
        for links in [Links::Skip, Links::Follow] {
            let policy = SyncPolicy::new().extras(Extras::Delete).links(links);
            let sync = Synchronizer::down(bucket, "", &root).policy(policy);
            let (outcomes, summary) = run(&sync).await;
            assert_eq!(
                (summary.refused, summary.downloaded),
                (3, 0),
                "{outcomes:?}"
            );
            assert_eq!(
                local_tree(&elsewhere),
                Tree::from([("x".to_owned(), b"private".to_vec())])
            );
        }
    });
}

/// Where extras are kept, none of them is taken for missing. Where they are not, nothing is deleted.
#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_destination_entry_is_skipped_if_extras_are_kept() {
    scenario(async |bucket, root| {
        // Paths that are too long to be opened, even by root.
        let deep: std::path::PathBuf = std::iter::repeat_n("d".repeat(250), 10).collect();
        for top in ["lost", "found"] {
            fs::create_dir_all(root.join(top).join(&deep)).unwrap();
        }
        let below = root.join("lost").join(&deep).join("found");
        fs::rename(root.join("found"), below).unwrap();
        put(bucket, "p/a", b"x", 100).await;
        let sync = Synchronizer::down(bucket, "p/", root);
        let summary = complete(&sync).await;
        assert_eq!((summary.downloaded, summary.skipped), (1, 1), "{summary:?}");

        let delete = SyncPolicy::new().extras(Extras::Delete);
        let (_, summary) = run(&sync.policy(delete.clone())).await;
        assert_eq!((summary.refused, summary.skipped), (1, 1), "{summary:?}");

        // That the source is empty is still reported.
        for policy in [SyncPolicy::new(), delete] {
            let sync = Synchronizer::down(bucket, "q/", root).policy(policy);
            let lines = printed(&sync).await;
            let refused = "refuse the whole tree: there is no file at the source";
            assert!(lines.iter().any(|line| line == refused), "{lines:?}");
        }
    });
}

#[test]
fn names_invalid_on_one_side_are_refused_or_left_alone() {
    scenario(async |bucket, root| {
        for name in ["../x", "a//b", "ok", "dir/", ".b2kit-create/stage"] {
            let content: &[u8] = if name == "dir/" { b"" } else { b"x" };
            put(bucket, name, content, 100).await;
        }
        let sync = Synchronizer::down(bucket, "", root);
        let plan = planned(&sync).await;
        let refused = plan.iter().filter(|it| {
            matches!(
                it,
                Action::Refuse {
                    reason: Reason::NotAPath(_),
                    ..
                }
            )
        });
        assert_eq!(refused.count(), 2, "{plan:?}");
        assert!(
            plan.iter().all(|it| !it.path().starts_with(".b2kit")),
            "{plan:?}"
        );
        let (_, summary) = run(&sync).await;
        assert_eq!(
            (summary.downloaded, summary.refused, summary.skipped),
            (1, 2, 1)
        );
        // A local tree can't contain these names, so they don't count as extras.
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let up = Synchronizer::up(root, bucket, "").policy(policy);
        assert_eq!(complete(&up).await.deleted, 0);
        assert_eq!(versions(bucket).await.len(), 5);
    });
}

#[test]
fn names_that_may_collide_in_a_file_system_are_refused_on_request() {
    scenario(async |bucket, root| {
        for name in ["A/x", "a/y", "b", "B", "\u{e9}", "e\u{301}"] {
            put(bucket, name, b"x", 100).await;
        }
        for (refuse, refused) in [(false, 0), (true, 3)] {
            let policy = SyncPolicy::new().refuse_collisions(refuse);
            let plan = planned(&Synchronizer::down(bucket, "", root).policy(policy)).await;
            let collisions = plan.iter().filter(|it| {
                matches!(
                    it,
                    Action::Refuse {
                        reason: Reason::Collision(_),
                        ..
                    }
                )
            });
            assert_eq!(collisions.count(), refused, "{plan:?}");
        }
    });
}

#[test]
fn a_file_and_a_directory_of_the_same_name_replace_each_other_in_one_run() {
    scenario(async |bucket, root| {
        let sync =
            |extras| Synchronizer::down(bucket, "", root).policy(SyncPolicy::new().extras(extras));
        write(root, "a", b"a file", 100);
        write(root, "d/e/f", b"in a directory", 100);
        put(bucket, "a/b", b"in a directory", 100).await;
        put(bucket, "d", b"a file", 100).await;
        let (outcomes, summary) = run(&sync(Extras::Keep)).await;
        assert_eq!((summary.refused, summary.changed), (2, 0), "{outcomes:?}");
        assert_eq!(local_tree(root).len(), 2);
        complete(&sync(Extras::Delete)).await;
        assert_eq!(local_tree(root), remote_tree(bucket, "").await);
    });
}

#[test]
fn a_file_whose_name_is_a_local_directory_is_refused_unless_that_can_be_deleted() {
    scenario(async |bucket, root| {
        for name in ["empty", "full", "new"] {
            put(bucket, name, b"a file", 100).await;
        }
        fs::create_dir_all(root.join("empty")).unwrap();
        write(root, "full/x", b"mine", 100);
        let sync = |policy| Synchronizer::down(bucket, "", root).policy(policy);
        let keep = SyncPolicy::new();
        let refusals =
            ["empty", "full"].map(|it| format!("refuse {it}: a directory is in the way"));
        let planned = printed(&sync(keep.clone())).await;
        assert_eq!(planned[..2], refusals);
        assert!(planned.contains(&"download new (6 bytes)".to_owned()));

        // A plan that looks at no directory.
        let ignoring = keep.clone().ignore_destination(true);
        for policy in [ignoring, keep] {
            let (outcomes, summary) = run(&sync(policy)).await;
            assert_eq!((summary.refused, summary.changed), (2, 0), "{outcomes:?}");
            let told: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
            assert!(refusals.iter().all(|it| told.contains(it)), "{told:?}");
        }
        assert!(root.join("empty").is_dir() && root.join("full/x").exists());

        let delete = SyncPolicy::new().extras(Extras::Delete);
        assert!(
            !printed(&sync(delete.clone()))
                .await
                .concat()
                .contains("refuse")
        );
        complete(&sync(delete)).await;
        assert_eq!(local_tree(root), remote_tree(bucket, "").await);
    });
}

#[test]
fn a_folder_marker_beside_a_file_of_its_name_is_skipped() {
    scenario(async |bucket, root| {
        put(bucket, "p/d", b"bytes", 100).await;
        for marker in ["p/", "p/d/"] {
            put(bucket, marker, b"", 100).await;
        }
        let sync = Synchronizer::down(bucket, "p", root);
        let expected = [
            "skip the folder itself: it is a folder marker",
            "download d (5 bytes)",
            "skip d/: it is a folder marker",
        ];
        assert_eq!(printed(&sync).await, expected);
        assert_eq!(complete(&sync).await.downloaded, 1);
    });
}

#[test]
fn the_rows_of_a_listing_count_although_the_filter_leaves_them_out() {
    scenario(async |bucket, root| {
        for name in ["a", "b", "c"] {
            put(bucket, name, b"bytes", 100).await;
        }
        let filter = Filter::new().exclude("b").unwrap();
        let sync = Synchronizer::down(bucket, "", root).policy(SyncPolicy::new().filter(filter));
        let plan = planned(&sync).await;
        let Some(Action::End(scan)) = plan.last() else {
            panic!("{plan:?}")
        };
        assert_eq!((scan.source_files, scan.listed), (2, 3));
    });
}

#[test]
fn a_file_below_one_that_the_filter_leaves_out_is_refused() {
    scenario(async |bucket, root| {
        put(bucket, "a/b", b"bytes", 100).await;
        write(root, "a", b"mine", 100);
        let policy = SyncPolicy::new().filter(Filter::new().include("a/**").unwrap());
        let sync = Synchronizer::down(bucket, "", root).policy(policy.clone());
        let refused = "refuse a/b: \"a\" is a file";
        assert_eq!(printed(&sync).await, [refused]);
        for policy in [policy.clone(), policy.extras(Extras::Delete)] {
            let (outcomes, summary) =
                run(&Synchronizer::down(bucket, "", root).policy(policy)).await;
            assert_eq!(outcomes[0].action.to_string(), refused);
            assert_eq!((summary.refused, summary.changed), (1, 0));
        }
        assert_eq!(local_tree(root)["a"], b"mine");
    });
}

#[cfg(unix)]
#[test]
fn a_download_that_ignores_the_destination_refuses_a_link_and_what_is_below_a_file() {
    scenario(async |bucket, root| {
        for (name, to) in [("link", "elsewhere"), ("directory", ".")] {
            std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        }
        write(root, "file", b"mine", 100);
        for name in ["directory/x", "file/x", "link"] {
            put(bucket, name, b"bytes", 100).await;
        }
        let policy = SyncPolicy::new().ignore_destination(true);
        let (outcomes, summary) = run(&Synchronizer::down(bucket, "", root).policy(policy)).await;
        assert_eq!((summary.refused, summary.changed), (3, 0));
        let mut told: Vec<_> = outcomes.iter().map(|it| it.action.to_string()).collect();
        told.sort();
        let expected = [
            "refuse directory/x: it is below something that is skipped",
            "refuse file/x: \"file\" is a file",
            "refuse link: the destination's entry is not a regular file",
        ];
        assert_eq!(told, expected);
    });
}

#[test]
fn files_below_a_name_that_is_also_a_file_are_refused() {
    scenario(async |bucket, root| {
        for name in ["a", "a.txt", "a/b", "a/b/c"] {
            put(bucket, name, name.as_bytes(), 100).await;
        }
        let (outcomes, summary) = run(&Synchronizer::down(bucket, "", root)).await;
        assert_eq!(
            (summary.downloaded, summary.refused),
            (2, 2),
            "{outcomes:?}"
        );
    });
}

#[test]
fn bucket_policies_for_a_local_destination_and_overlapping_sides_are_invalid() {
    scenario(async |bucket, root| {
        for extras in [Extras::Hide, Extras::KeepDays(1)] {
            let sync = Synchronizer::down(bucket, "", root);
            let error = sync
                .policy(SyncPolicy::new().extras(extras))
                .plan()
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        let policy = SyncPolicy::new().ignore_destination(true);
        let sync = Synchronizer::up(root, bucket, "").policy(policy.extras(Extras::Delete));
        assert_eq!(sync.plan().unwrap_err().kind(), ErrorKind::Invalid);
        for (source, destination) in [("", "a"), ("a/", "a/b"), ("a", "a")] {
            let sync = Synchronizer::copy(bucket, source, bucket, destination);
            assert_eq!(sync.plan().unwrap_err().kind(), ErrorKind::Invalid);
        }
        assert!(Synchronizer::copy(bucket, "a", bucket, "ab").plan().is_ok());
    });
}

#[test]
fn a_sync_between_buckets_transfers_no_bytes_and_makes_both_sides_equal() {
    scenario(async |source, _| {
        let b2 = source.client();
        let name = BucketName::new("holiday-copies").unwrap();
        let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
        let id = b2.call(create).await.unwrap().bucket_id;
        let destination = BucketHandle::new(b2.clone(), id, name);
        put(source, "a", b"a", 100).await;
        source.upload("no/time", "x").await.unwrap();
        source
            .upload("large", Source::bytes(content(350)))
            .await
            .unwrap();
        let sync = Synchronizer::copy(source, "", &destination, "");
        let before = b2.call_counts();
        assert_eq!(complete(&sync).await.copied, 3);
        assert_eq!(b2.call_counts().since(before).class_b, 0);
        assert_eq!(
            remote_tree(&destination, "").await,
            remote_tree(source, "").await
        );
        assert_eq!(complete(&sync).await.skipped, 3);
    });
}

#[test]
fn a_failed_listing_ends_the_plan_and_deletes_nothing() {
    let (b2, emulator, timer) = client();
    let root: TempDir = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        for number in 0..1_500 {
            put(&bucket, &format!("f{number:04}"), b"x", 100).await;
        }
        write(root.path(), "f0000", b"x", 100);
        write(root.path(), "extra", b"x", 100);
        // The request for the second page is refused.
        let pages = AtomicUsize::new(0);
        let broken = crate::wired(&emulator, &timer, move |request| {
            let is_page = crate::call_of(request) == "b2_list_file_names";
            let second = is_page && pages.fetch_add(1, Ordering::Relaxed) == 1;
            second.then(|| Ok(crate::http_refusal(400, "bad_request")))
        });
        let broken: Client = broken.build().unwrap();
        let bucket = BucketHandle::new(broken, bucket.id().clone(), bucket.name().clone());
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::down(&bucket, "", root.path()).policy(policy);
        let mut run = sync.execute(sync.plan().unwrap());
        let mut errors = 0;
        while let Some(outcome) = run.next().await {
            errors += usize::from(outcome.is_err());
        }
        let summary = run.summary();
        assert_eq!(
            (errors, summary.deleted, summary.withheld),
            (1, 0, 1),
            "{summary:?}"
        );
        assert!(summary.is_aborted && !summary.is_complete());
        assert!(root.path().join("extra").exists());
        assert!(
            summary.downloaded > 900,
            "what was planned is transferred: {summary:?}"
        );
    });
}

#[test]
fn a_failed_transfer_withholds_deletions() {
    scenario(async |bucket, root| {
        put(bucket, "moved", b"x", 100).await;
        write(root, "a", b"x", 100);
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root, bucket, "").policy(policy);
        let plan = planned(&sync).await;
        fs::remove_file(root.join("a")).unwrap();
        let run = sync.execute(futures::stream::iter(plan.into_iter().map(Ok)));
        let summary = run.finish().await.unwrap();
        assert_eq!((summary.failed, summary.withheld), (1, 1));
        assert_eq!(summary.withheld_because, Some(Withheld::TransferFailed));
        assert_eq!(versions(bucket).await.len(), 1);
        assert!(unfinished(bucket).await.is_empty());
    });
}

#[test]
fn an_error_that_affects_every_file_ends_the_run_and_deletes_nothing() {
    let (b2, emulator, timer) = client();
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        put(&bucket, "extra", b"x", 100).await;
        for number in 0..20 {
            write(root.path(), &format!("f{number}"), b"x", 100);
        }
        let full = crate::wired(&emulator, &timer, |request| {
            let is_upload = crate::call_of(request) == "b2_upload_file";
            is_upload.then(|| Ok(crate::http_refusal(403, "storage_cap_exceeded")))
        });
        let bucket = BucketHandle::new(
            full.build().unwrap(),
            bucket.id().clone(),
            bucket.name().clone(),
        );
        let policy = SyncPolicy::new().extras(Extras::Delete).concurrency(1);
        let sync = Synchronizer::up(root.path(), &bucket, "").policy(policy);
        let (outcomes, summary) = run(&sync).await;
        assert_eq!((summary.failed, summary.deleted), (1, 0), "{outcomes:?}");
        assert!(summary.is_aborted && !summary.is_complete());
    });
}

#[test]
fn an_error_that_affects_every_deletion_withholds_the_rest() {
    let (b2, emulator, timer) = client();
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        write(root.path(), "kept", b"x", 100);
        for number in 0..20 {
            put(&bucket, &format!("f{number}"), b"x", 100).await;
        }
        let capped = crate::wired(&emulator, &timer, |request| {
            let is_deletion = crate::call_of(request) == "b2_delete_file_version";
            is_deletion.then(|| Ok(crate::http_refusal(403, "transaction_cap_exceeded")))
        });
        let bucket = BucketHandle::new(
            capped.build().unwrap(),
            bucket.id().clone(),
            bucket.name().clone(),
        );
        let policy = SyncPolicy::new().extras(Extras::Delete).concurrency(1);
        let sync = Synchronizer::up(root.path(), &bucket, "").policy(policy);
        let (outcomes, summary) = run(&sync).await;
        let counts = (summary.uploaded, summary.failed, summary.withheld);
        assert_eq!(counts, (1, 1, 19), "{outcomes:?}");
        assert_eq!(summary.withheld_because, Some(Withheld::Aborted));
        assert!(summary.is_aborted && !summary.is_complete());
        assert_eq!(versions(&bucket).await.len(), 21);
    });
}

#[test]
fn deleting_versions_that_are_already_gone_succeeds() {
    scenario(async |bucket, root| {
        write(root, "a", b"x", 100);
        put(bucket, "b", b"1", 100).await;
        let gone = versions(bucket).await.remove(0);
        put(bucket, "b", b"2", 100).await;
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root, bucket, "").policy(policy);
        let plan = planned(&sync).await;
        let delete = DeleteFileVersion::new(gone.file_name.as_str(), &gone.file_id);
        bucket.client().call(delete).await.unwrap();
        let run = sync.execute(futures::stream::iter(plan.into_iter().map(Ok)));
        assert!(run.finish().await.unwrap().is_complete());
        assert_eq!(remote_tree(bucket, "").await, local_tree(root));
    });
}
