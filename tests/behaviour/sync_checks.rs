//! Checks right before files are replaced or hidden, and names at a destination that no file in B2 can have.

use std::fs;

use b2kit::sync::{Extras, Outcome, Status, SyncPolicy, Synchronizer};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::sync::{put, scenario, write};

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
