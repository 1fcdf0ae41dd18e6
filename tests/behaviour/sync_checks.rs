//! Checks right before files are replaced or hidden, and names at a destination that no file in B2 can have.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use b2kit::BucketHandle;
use b2kit::sync::{
    Action, Compare, Extras, Newer, Outcome, Reason, Status, SyncPolicy, Synchronizer, Withheld,
};
use futures::executor::block_on;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::sync::{put, scenario, write};
use crate::uploading::{bucket, versions};

const FILES: usize = 100;

#[test]
fn one_listing_checks_many_files_that_are_replaced_and_finds_those_that_changed() {
    scenario(async |bucket, root| {
        for n in 0..FILES {
            put(bucket, &format!("f{n:02}"), b"old", 100).await;
            write(root, &format!("f{n:02}"), b"new!", 200);
        }
        let sync = Synchronizer::up(root, bucket, "");
        let plan: Vec<_> = sync.plan().unwrap().try_collect().await.unwrap();
        put(bucket, "f50", b"another writer's", 300).await;
        bucket.hide("f70").await.unwrap();
        let before = bucket.client().call_counts();
        let run = sync.execute(stream::iter(plan.into_iter().map(Ok)));
        let outcomes: Vec<Outcome> = run.try_collect().await.unwrap();
        let calls = bucket.client().call_counts().since(before);
        let mut changed: Vec<_> = outcomes
            .iter()
            .filter(|outcome| !matches!(outcome.status, Status::Done))
            .map(|outcome| (outcome.action.path(), outcome.status.clone()))
            .collect();
        changed.sort_by_key(|(path, _)| *path);
        assert!(
            matches!(
                *changed,
                [("f50", Status::Changed), ("f70", Status::Changed)]
            ),
            "{changed:?}"
        );
        assert!(calls.class_c < FILES as u64 / 2, "{calls:?}");
    });
}

/// Files that differ on both sides.
async fn differing(bucket: &BucketHandle, root: &Path, files: usize) {
    for n in 0..files {
        put(bucket, &format!("f{n:02}"), b"old", 100).await;
        write(root, &format!("f{n:02}"), b"new!", 200);
    }
}

/// Here no time passes but what the test says.
#[test]
fn a_run_needs_no_check_of_what_its_plan_has_just_read_and_checks_what_it_read_earlier() {
    let (b2, _emulator, timer) = crate::client();
    let root = tempfile::tempdir().unwrap();
    block_on(async {
        let bucket = bucket(&b2).await;
        differing(&bucket, root.path(), 40).await;
        let sync = Synchronizer::up(root.path(), &bucket, "");
        let sync = sync.policy(SyncPolicy::new().concurrency(1));
        let before = b2.call_counts();
        let mut run = sync.run().unwrap();
        for _ in 0..20 {
            let outcome = run.next().await.unwrap().unwrap();
            assert!(matches!(outcome.status, Status::Done), "{outcome}");
        }
        // The listing of the plan.
        assert_eq!(b2.call_counts().since(before).class_c, 1);
        timer.advance(Duration::from_millis(1_001));
        put(&bucket, "f30", b"another writer's", 300).await;
        let rest: Vec<Outcome> = run.by_ref().try_collect().await.unwrap();
        let changed = rest
            .iter()
            .filter(|outcome| matches!(outcome.status, Status::Changed));
        let changed: Vec<_> = changed.map(|outcome| outcome.action.path()).collect();
        assert_eq!(changed, ["f30"]);
        assert_eq!(run.summary().uploaded, 39);
        assert!(b2.call_counts().since(before).class_c > 1);
        // The other writer's version is the current one still.
        let newest = bucket.stat("f30").await.unwrap().unwrap();
        assert_eq!(newest.content_length, 16);
    });
}

/// The row is the same, but the plan may be as old as its reader likes.
#[test]
fn what_a_stored_plan_has_read_is_checked_however_short_ago_it_was() {
    let (b2, _emulator, _timer) = crate::client();
    let root = tempfile::tempdir().unwrap();
    block_on(async {
        let bucket = bucket(&b2).await;
        differing(&bucket, root.path(), 2).await;
        let sync = Synchronizer::up(root.path(), &bucket, "");
        let plan: Vec<_> = sync.plan().unwrap().try_collect().await.unwrap();
        put(&bucket, "f01", b"another writer's", 300).await;
        let run = sync.execute(stream::iter(plan.into_iter().map(Ok)));
        let summary = run.finish().await.unwrap();
        assert_eq!((summary.uploaded, summary.changed), (1, 1));
    });
}

#[test]
fn checks_that_fail_for_all_files_end_the_run_after_the_calls_of_one_check() {
    let (b2, emulator, timer) = crate::client();
    let root = tempfile::tempdir().unwrap();
    block_on(async {
        let bucket = bucket(&b2).await;
        differing(&bucket, root.path(), 50).await;
        let sync = Synchronizer::up(root.path(), &bucket, "");
        let plan: Vec<_> = sync.plan().unwrap().try_collect().await.unwrap();
        let listings = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&listings);
        let capped = crate::wired(&emulator, &timer, move |request| {
            let is_listing = crate::call_of(request) == "b2_list_file_names";
            counted.fetch_add(u64::from(is_listing), Ordering::Relaxed);
            is_listing.then(|| Ok(crate::http_refusal(403, "transaction_cap_exceeded")))
        });
        let (id, name) = (bucket.id().clone(), bucket.name().clone());
        let capped = BucketHandle::new(capped.build().unwrap(), id, name);
        let sync = Synchronizer::up(root.path(), &capped, "");
        let mut run = sync.execute(stream::iter(plan.into_iter().map(Ok)));
        let outcomes: Vec<Outcome> = run.by_ref().try_collect().await.unwrap();
        assert!(outcomes.len() < 50, "{}", outcomes.len());
        for outcome in &outcomes {
            assert!(matches!(outcome.status, Status::Failed(_)), "{outcome}");
        }
        let summary = run.summary();
        assert!(summary.is_aborted && !summary.is_complete(), "{summary:?}");
        // The first check comes alone, and those that came with it share a page.
        assert_eq!(listings.load(Ordering::Relaxed), 2);
        assert_eq!(versions(&bucket).await.len(), 50);
    });
}

/// A side that has not begun makes the other wait for no longer than it has to.
#[test]
fn both_sides_of_a_plan_are_read_at_the_same_time() {
    scenario(async |bucket, root| {
        let is_read = Arc::new(AtomicBool::new(false));
        let has_begun = Arc::clone(&is_read);
        let mut polls = 0;
        let source = stream::poll_fn(move |cx| {
            polls += 1;
            assert!(polls < 1_000, "the destination waits for the source");
            if has_begun.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let destination = stream::poll_fn(move |_| {
            is_read.store(true, Ordering::Relaxed);
            Poll::Ready(None)
        });
        let sync = Synchronizer::up(root, bucket, "");
        let plan = sync.plan_entries(source, destination).unwrap();
        let plan: Vec<_> = plan.try_collect().await.unwrap();
        assert_eq!(
            plan.len(),
            2,
            "that the source is empty, and the end: {plan:?}"
        );
    });
}

#[test]
fn a_plan_is_in_ascending_order_whether_or_not_files_are_hashed() {
    scenario(async |bucket, root| {
        for n in 0..30 {
            let name = format!("f{n:02}");
            put(bucket, &name, b"same", 100).await;
            let content: &[u8] = if n % 3 == 0 { b"same" } else { b"differs" };
            write(root, &name, content, 200);
        }
        let policy = SyncPolicy::new().compare(Compare::Sha1);
        let plan = Synchronizer::up(root, bucket, "").policy(policy).plan();
        let plan: Vec<_> = plan.unwrap().try_collect().await.unwrap();
        let (end, plan) = plan.split_last().unwrap();
        assert!(matches!(end, Action::End(_)), "{end}");
        assert!(plan.is_sorted_by_key(Action::path), "{plan:?}");
        let is_hashed = |action: &&Action| {
            let reason = Reason::SameSha1;
            matches!(action, Action::Skip { reason: it, .. } if *it == reason)
        };
        assert_eq!(
            (plan.len(), plan.iter().filter(is_hashed).count()),
            (30, 10)
        );
    });
}

/// It may be a renamed file. Then only the old name has it.
#[cfg(unix)]
#[test]
fn a_source_file_whose_name_is_refused_withholds_deletions() {
    scenario(async |bucket, root| {
        let (local, down) = (root.join("up"), root.join("down"));
        write(&local, "new\nname", b"moved", 100);
        write(&local, "other", b"x", 100);
        put(bucket, "up/old name", b"moved", 100).await;
        put(bucket, "down/../new name", b"moved", 100).await;
        put(bucket, "down/other", b"x", 100).await;
        write(&down, "old name", b"moved", 100);
        for (sync, extras) in [
            (Synchronizer::up(&local, bucket, "up"), Extras::Hide),
            (Synchronizer::up(&local, bucket, "up"), Extras::Delete),
            (Synchronizer::down(bucket, "down", &down), Extras::Delete),
        ] {
            let sync = sync.policy(SyncPolicy::new().extras(extras));
            let summary = sync.run().unwrap().finish().await.unwrap();
            assert_eq!((summary.refused, summary.withheld), (1, 1), "{summary:?}");
            let why = Some(Withheld::TransferFailed);
            assert_eq!(summary.withheld_because, why);
        }
        assert!(bucket.exists("up/old name").await.unwrap());
        assert!(down.join("old name").exists());
    });
}

#[test]
fn hiding_many_files_lists_them_together() {
    scenario(async |bucket, root| {
        for n in 0..FILES {
            put(bucket, &format!("f{n:02}"), b"old", 100).await;
        }
        put(bucket, "kept", b"x", 100).await;
        write(root, "kept", b"x", 100);
        let policy = SyncPolicy::new().extras(Extras::Hide);
        let sync = Synchronizer::up(root, bucket, "").policy(policy);
        let summary = sync.execute(sync.plan().unwrap()).finish().await.unwrap();
        assert!(summary.is_complete() && summary.hidden == FILES as u64);
        assert!(summary.calls.class_c < FILES as u64 / 2, "{summary:?}");
    });
}

#[cfg(unix)]
#[test]
fn a_local_name_at_the_destination_that_is_not_utf_8_is_reported_and_kept_by_each_policy() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    scenario(async |bucket, root| {
        put(bucket, "a", b"a", 100).await;
        let odd = root.join(OsStr::from_bytes(b"caf\xe9"));
        let odd_directory = root.join(OsStr::from_bytes(b"d\xff"));
        // If the file system allows such names.
        if fs::write(&odd, "mine").is_err() {
            return;
        }
        fs::create_dir(&odd_directory).unwrap();
        fs::write(odd_directory.join("b"), "mine").unwrap();
        for extras in [Extras::Keep, Extras::Delete] {
            write(root, "extra", b"x", 100);
            let policy = SyncPolicy::new().extras(extras);
            let sync = Synchronizer::down(bucket, "", root).policy(policy);
            let mut run = sync.execute(sync.plan().unwrap());
            let mut reported = 0;
            while let Some(outcome) = run.next().await {
                let line = outcome.unwrap().to_string();
                reported += usize::from(line.contains("it is not valid Unicode"));
            }
            assert_eq!(reported, 2, "{extras:?}");
            assert_eq!(run.summary().is_complete(), extras == Extras::Keep);
            assert_eq!(fs::read(&odd).unwrap(), b"mine", "{extras:?}");
            assert_eq!(fs::read(odd_directory.join("b")).unwrap(), b"mine");
            assert_eq!(root.join("extra").exists(), extras == Extras::Keep);
        }
        // At the source such a name can't be uploaded, which is an error.
        let up = Synchronizer::up(root, bucket, "up");
        let summary = up.execute(up.plan().unwrap()).finish().await.unwrap();
        assert_eq!(summary.refused, 2);
    });
}

/// Some programs replace a file by deleting it first.
#[test]
fn a_file_that_is_at_the_source_again_when_a_run_would_remove_it_is_kept() {
    scenario(async |bucket, root| {
        for extras in [Extras::Hide, Extras::Delete] {
            write(root, "new", b"x", 200);
            fs::create_dir_all(root.join("gone")).unwrap();
            for name in ["again", "gone"] {
                put(bucket, name, b"x", 100).await;
            }
            let policy = SyncPolicy::new().extras(extras).compare(Compare::Always);
            let policy = policy.newer(Newer::Replace).refuse_collisions(false);
            let mut run = Synchronizer::up(root, bucket, "").policy(policy).run();
            let run = run.as_mut().unwrap();
            let first = run.next().await.unwrap().unwrap();
            assert_eq!(first.action.path(), "new");
            // The walk is over.
            write(root, "again", b"x", 100);
            let rest: Vec<Outcome> = run.try_collect().await.unwrap();
            let of = |path: &str| rest.iter().find(|it| it.action.path() == path).unwrap();
            assert!(matches!(of("again").status, Status::Changed), "{rest:?}");
            assert!(matches!(of("gone").status, Status::Done), "{rest:?}");
            assert!(bucket.exists("again").await.unwrap());
            fs::remove_file(root.join("again")).unwrap();
        }
    });
}
