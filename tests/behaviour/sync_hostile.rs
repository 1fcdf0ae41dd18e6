//! What a sync must not believe: plans with any numbers, listings with unknown actions, links that were put in the
//! place of directories since the plan was made, and empty sources.

use std::fs;
use std::path::Path;

use b2kit::api::{ListFileNames, ListFileVersions};
use b2kit::backend::emulator::{Emulator, ManualClock};
use b2kit::sync::{
    Action, Compare, Cost, Entry, Extras, LocalFile, Reason, RemoteFile, Summary, SyncPolicy,
    Synchronizer, Withheld,
};
use b2kit::types::{FileId, ListedFile, Timestamp};
use b2kit::{BucketHandle, ManualTimer};
use futures::{TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::sync::{local_tree, put, remote_tree, run_with_disk, scenario, write};
use crate::uploading::{bucket, versions};
use crate::{call_of, client, client_of, http_answer, wired};

async fn planned(sync: &Synchronizer) -> Vec<Action> {
    sync.plan().unwrap().try_collect().await.unwrap()
}

async fn execute(sync: &Synchronizer, plan: Vec<Action>) -> Summary {
    let run = sync.execute(stream::iter(plan.into_iter().map(Ok)));
    run.finish().await.unwrap()
}

async fn run(sync: &Synchronizer) -> Summary {
    let plan = planned(sync).await;
    execute(sync, plan).await
}

/// A page of a listing in which this name has another action.
fn page_with(rows: &[ListedFile], name: &str, action: &str) -> Value {
    let rows = rows.iter().map(|row| {
        let mut row = serde_json::to_value(row).unwrap();
        if row["fileName"] == name {
            row["action"] = action.into();
        }
        row
    });
    json!({"files": rows.collect::<Vec<_>>(), "nextFileName": null, "nextFileId": null})
}

/// The bucket as a client sees it that gets this page for each listing of this call.
fn listed_as(
    bucket: &BucketHandle,
    (emulator, timer): (&Emulator, &ManualTimer),
    call: &'static str,
    page: Value,
) -> BucketHandle {
    let answer = move |request: &mut _| {
        let is_listing = call_of(request) == call;
        is_listing.then(|| Ok(http_answer(200, &page)))
    };
    let b2 = wired(emulator, timer, answer).build().unwrap();
    BucketHandle::new(b2, bucket.id().clone(), bucket.name().clone())
}

#[test]
fn a_file_with_an_unknown_action_is_refused_and_nothing_is_deleted() {
    let (b2, emulator, timer) = client();
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        for name in ["known", "strange"] {
            put(&bucket, name, b"x", 100).await;
        }
        let page = b2.call(ListFileNames::new(bucket.id())).await.unwrap();
        let page = page_with(&page.files, "strange", "archive");
        let at = (&emulator, &timer);
        let strange = listed_as(&bucket, at, "b2_list_file_names", page);
        let policy = SyncPolicy::new().extras(Extras::Delete);
        for path in ["known", "strange", "extra"] {
            write(root.path(), path, b"x", 100);
        }
        let down = Synchronizer::down(&strange, "", root.path()).policy(policy.clone());
        let summary = run(&down).await;
        assert_eq!((summary.refused, summary.skipped), (1, 1), "{summary:?}");
        assert_eq!(summary.withheld_because, Some(Withheld::ScanIncomplete));
        assert_eq!(local_tree(root.path()).len(), 3);

        fs::remove_file(root.path().join("strange")).unwrap();
        fs::remove_file(root.path().join("extra")).unwrap();
        let up = Synchronizer::up(root.path(), &strange, "").policy(policy);
        let plan = planned(&up).await;
        assert!(plan.iter().any(|it| matches!(
            it,
            Action::Refuse { reason: Reason::UnknownAction(action), .. } if action == "archive"
        )));
        let summary = execute(&up, plan).await;
        assert_eq!((summary.refused, summary.deleted), (1, 0), "{summary:?}");
        assert_eq!(versions(&bucket).await.len(), 2);
    });
}

#[test]
fn a_row_with_the_action_copy_is_downloaded_as_a_file() {
    let (b2, emulator, timer) = client();
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        put(&bucket, "copied", b"x", 100).await;
        let page = b2.call(ListFileNames::new(bucket.id())).await.unwrap();
        let page = page_with(&page.files, "copied", "copy");
        let at = (&emulator, &timer);
        let copied = listed_as(&bucket, at, "b2_list_file_names", page);
        let summary = run(&Synchronizer::down(&copied, "", root.path())).await;
        assert_eq!(summary.downloaded, 1, "{summary:?}");
    });
}

#[test]
fn no_version_of_a_name_is_deleted_while_one_has_an_unknown_action() {
    let (b2, emulator, timer) = client();
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        write(root.path(), "kept", b"x", 100);
        put(&bucket, "extra", b"1", 100).await;
        put(&bucket, "extra", b"2", 100).await;
        let call = ListFileVersions::new(bucket.id());
        let mut page = page_with(&b2.call(call).await.unwrap().files, "", "");
        page["files"][1]["action"] = "archive".into();
        let at = (&emulator, &timer);
        let strange = listed_as(&bucket, at, "b2_list_file_versions", page);
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let up = Synchronizer::up(root.path(), &strange, "").policy(policy);
        let summary = run(&up).await;
        assert_eq!((summary.failed, summary.deleted), (1, 0), "{summary:?}");
        // The same holds when only old versions are deleted.
        let policy = SyncPolicy::new().extras(Extras::KeepDays(0));
        let plan = planned(&up.policy(policy)).await;
        let deletes = |it: &&Action| matches!(it, Action::DeleteVersions { .. });
        assert_eq!(plan.iter().filter(deletes).count(), 0, "{plan:?}");
        assert_eq!(versions(&bucket).await.len(), 3);
    });
}

#[cfg(unix)]
#[test]
fn old_versions_of_skipped_paths_are_kept() {
    const DAY: u64 = 86_400_000;
    let clock = ManualClock::at(1_700_000_000_000);
    let emulator = Emulator::builder().clock(clock.clone()).build();
    let timer = ManualTimer::new();
    let b2 = client_of(&emulator, &timer);
    let root = tempfile::tempdir().unwrap();
    run_with_disk(&timer, async {
        let bucket = bucket(&b2).await;
        let left_alone = ["a//b", "link/hidden", "link/y"];
        for name in left_alone.into_iter().chain(["synced"]) {
            put(&bucket, name, b"old", 100).await;
            put(&bucket, name, b"new", 200).await;
        }
        bucket.hide("link/hidden").await.unwrap();
        write(root.path(), "synced", b"new", 200);
        std::os::unix::fs::symlink("elsewhere", root.path().join("link")).unwrap();
        clock.set(1_700_000_000_000 + 30 * DAY);
        let policy = SyncPolicy::new().extras(Extras::KeepDays(10));
        let sync = Synchronizer::up(root.path(), &bucket, "").policy(policy);
        let plan = planned(&sync).await;
        let deleted: Vec<_> = plan
            .iter()
            .filter(|it| matches!(it, Action::DeleteVersions { .. }))
            .map(Action::path)
            .collect();
        assert_eq!(deleted, ["synced"], "{plan:?}");
    });
}

#[test]
fn a_source_without_files_is_refused_unless_allowed() {
    scenario(async |bucket, root| {
        put(bucket, "photos/a", b"a", 100).await;
        let mistyped = Synchronizer::down(bucket, "fotos/", root);
        let plan = planned(&mistyped).await;
        let refused = |it: &Action| {
            matches!(
                it,
                Action::Refuse {
                    reason: Reason::SourceEmpty,
                    ..
                }
            )
        };
        assert!(plan.len() == 2 && refused(&plan[0]), "{plan:?}");
        assert_eq!(
            plan[0].to_string(),
            "refuse the whole tree: there is no file at the source"
        );
        let summary = run(&mistyped).await;
        assert!(!summary.is_complete(), "{summary:?}");
        let policy = SyncPolicy::new().allow_empty_source(true);
        assert!(run(&mistyped.policy(policy)).await.is_complete());
    });
}

#[test]
fn sums_of_a_plan_with_huge_numbers_do_not_overflow() {
    scenario(async |bucket, root| {
        let huge = LocalFile::new(u64::MAX, Timestamp::from_millis(0));
        let upload = |path: &str| Action::Upload {
            path: path.into(),
            source: huge,
            replaces: None,
        };
        let remote = RemoteFile::new(FileId::from("4_z1"), u64::MAX, Timestamp::from_millis(0));
        let download = Action::Download {
            path: "d".into(),
            source: Box::new(remote),
            replaces: None,
            after_removals: false,
        };
        let mut plan = vec![
            upload("none"),
            upload("nil"),
            upload("real"),
            upload("true"),
        ];
        let cost = plan.iter().fold(Cost::default(), Cost::with);
        assert_eq!(cost.uploaded_bytes, u64::MAX);
        let cost = [&download, &download].into_iter().fold(cost, Cost::with);
        assert_eq!(cost.downloaded_bytes, u64::MAX);
        write(root, "real", b"x", 100);
        write(root, "true", b"x", 100);
        plan.push(download);
        let summary = execute(&Synchronizer::up(root, bucket, ""), plan).await;
        assert_eq!((summary.uploaded, summary.failed), (2, 3), "{summary:?}");
        assert_eq!(summary.bytes, u64::MAX);
    });
}

/// Puts a link to `elsewhere` in the place of a directory.
#[cfg(unix)]
fn swap(directory: &Path, elsewhere: &Path) {
    fs::rename(directory, directory.with_extension("moved")).unwrap();
    std::os::unix::fs::symlink(elsewhere, directory).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_that_replaced_a_planned_directory_leads_no_upload_out_of_the_tree() {
    scenario(async |bucket, root| {
        let (elsewhere, root) = (root.join("elsewhere"), root.join("root"));
        write(&elsewhere, "x", b"private", 100);
        write(&root, "d/x", b"planned", 100);
        let sync = Synchronizer::up(&root, bucket, "");
        let plan = planned(&sync).await;
        swap(&root.join("d"), &elsewhere);
        let summary = execute(&sync, plan).await;
        assert_eq!((summary.uploaded, summary.failed), (0, 1), "{summary:?}");
        assert!(remote_tree(bucket, "").await.is_empty());
    });
}

#[cfg(unix)]
#[test]
fn a_link_that_replaced_a_directory_leads_no_hashing_out_of_the_tree() {
    scenario(async |bucket, root| {
        let (elsewhere, root) = (root.join("elsewhere"), root.join("root"));
        write(&elsewhere, "x", b"private", 100);
        write(&root, "d/x", b"planned", 100);
        put(bucket, "d/x", b"private", 50).await;
        let listed = bucket.stat("d/x").await.unwrap().unwrap();
        swap(&root.join("d"), &elsewhere);
        let sync = Synchronizer::up(&root, bucket, "");
        let sync = sync.policy(SyncPolicy::new().compare(Compare::Sha1));
        let here = Entry::local("d/x", LocalFile::new(7, Timestamp::from_millis(100)));
        let there = Entry::remote("d/x", RemoteFile::from(&listed));
        let plan = sync.plan_entries(stream::iter([Ok(here)]), stream::iter([Ok(there)]));
        let plan: Vec<_> = plan.unwrap().try_collect().await.unwrap();
        assert!(
            matches!(
                &plan[0],
                Action::Refuse {
                    reason: Reason::Unreadable(_),
                    ..
                }
            ),
            "{plan:?}"
        );
    });
}

#[cfg(unix)]
#[test]
fn a_link_that_replaced_a_planned_directory_leads_no_deletion_out_of_the_tree() {
    scenario(async |bucket, root| {
        let (elsewhere, root) = (root.join("elsewhere"), root.join("root"));
        put(bucket, "d/x", b"a file", 200).await;
        put(bucket, "other", b"x", 100).await;
        fs::create_dir_all(root.join("d/x")).unwrap();
        write(&root, "e/extra", b"extra", 100);
        write(&elsewhere, "extra", b"extra", 100);
        fs::create_dir_all(elsewhere.join("x")).unwrap();
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::down(bucket, "", &root).policy(policy);
        let plan = planned(&sync).await;
        swap(&root.join("d"), &elsewhere);
        swap(&root.join("e"), &elsewhere);
        let summary = execute(&sync, plan).await;
        assert_eq!((summary.downloaded, summary.deleted), (1, 0), "{summary:?}");
        assert!(elsewhere.join("x").is_dir() && elsewhere.join("extra").is_file());
    });
}
