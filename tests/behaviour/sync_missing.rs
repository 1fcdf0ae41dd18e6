//! What must not count as missing on the other side: what the sync can't see, and names that the other side can't have.

#[cfg(unix)]
use std::fs;

use b2kit::BucketHandle;
use b2kit::api::CreateBucket;
use b2kit::sync::{Action, Extras, Filter, SyncPolicy, Synchronizer};
use b2kit::types::{BucketName, BucketType};
use futures::TryStreamExt as _;

#[cfg(unix)]
use crate::sync::write;
use crate::sync::{put, scenario};

/// The lines of a plan as they are printed.
async fn printed(sync: &Synchronizer) -> Vec<String> {
    let plan: Vec<Action> = sync.plan().unwrap().try_collect().await.unwrap();
    let lines = plan.iter().map(ToString::to_string);
    lines.filter(|line| !line.starts_with("scanned")).collect()
}

fn deleting(filter: Filter) -> SyncPolicy {
    SyncPolicy::new().extras(Extras::Delete).filter(filter)
}

/// A pattern for the files below a directory doesn't match the link that has taken its place.
#[cfg(unix)]
#[test]
fn files_below_a_link_that_no_include_pattern_matches_are_kept() {
    use std::os::unix::fs::symlink;

    use b2kit::sync::Links;
    scenario(async |bucket, root| {
        let disk = tempfile::tempdir().unwrap();
        write(root, "a", b"a", 100);
        write(root, "not-included", b"x", 100);
        symlink("not-included", root.join("link-to-a-file")).unwrap();
        symlink(disk.path(), root.join("d")).unwrap();
        put(bucket, "a", b"a", 100).await;
        put(bucket, "d/x", b"x", 100).await;
        let sync = |links| {
            let filter = Filter::new().include("a").unwrap();
            let filter = filter.include("d/**").unwrap();
            Synchronizer::up(root, bucket, "").policy(deleting(filter).links(links))
        };
        let same = "skip a: both sides are the same".to_owned();
        let below = "skip d/x: it is below something that is skipped".to_owned();
        let a_link = "it is a symbolic link";
        for is_broken in [false, true] {
            if is_broken {
                fs::remove_dir(disk.path()).unwrap();
            }
            for (links, verb) in [(Links::Skip, "skip"), (Links::Refuse, "refuse")] {
                let lines = [same.clone(), format!("{verb} d: {a_link}"), below.clone()];
                assert_eq!(printed(&sync(links)).await, lines, "{is_broken}");
            }
        }
        let broken = "refuse d: it can't be read: the symbolic link is broken".to_owned();
        assert_eq!(printed(&sync(Links::Follow)).await, [same, broken, below]);
        let summary = sync(Links::Follow).run().unwrap().finish().await.unwrap();
        assert_eq!((summary.deleted, summary.refused), (0, 1), "{summary:?}");
        assert!(bucket.exists("d/x").await.unwrap());
    });
}

#[cfg(unix)]
#[test]
fn what_can_not_be_read_is_only_reported_if_the_filter_may_see_it() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use b2kit::sync::Links;
    scenario(async |bucket, root| {
        write(root, "a.txt", b"a", 100);
        symlink("itself", root.join("itself")).unwrap();
        // If the file system allows such names.
        let odd = [&b"caf\xe9.jpg"[..], b"caf\xe9.txt"].map(OsStr::from_bytes);
        let has_odd = odd
            .iter()
            .all(|name| fs::write(root.join(name), "x").is_ok());
        let refused = async |filter: Filter| {
            let policy = deleting(filter).links(Links::Follow);
            let mut lines = printed(&Synchronizer::up(root, bucket, "").policy(policy)).await;
            lines.retain(|line| line.starts_with("refuse"));
            lines.len()
        };
        let odd = usize::from(has_odd);
        let all = Filter::new();
        assert_eq!(refused(all.clone()).await, 1 + 2 * odd);
        let without = |filter: Filter, pattern| filter.exclude(pattern).unwrap();
        assert_eq!(refused(without(all.clone(), "itself")).await, 2 * odd);
        let texts = without(all.include("*.txt").unwrap(), "itself");
        assert_eq!(refused(texts.clone()).await, odd);
        assert_eq!(refused(without(texts, "caf*.txt")).await, 0);
    });
}

#[cfg(unix)]
#[test]
fn a_local_file_whose_name_no_file_in_the_bucket_can_have_is_kept() {
    scenario(async |bucket, root| {
        for name in ["a", "two\nlines", "extra"] {
            write(root, name, b"x", 100);
        }
        let long = format!("{}/{}/x", "l".repeat(250), "m".repeat(250));
        write(root, &long, b"x", 100);
        let prefix = "p".repeat(600);
        put(bucket, &format!("{prefix}/a"), b"x", 100).await;
        let sync = Synchronizer::down(bucket, &prefix, root).policy(deleting(Filter::new()));
        let summary = sync.run().unwrap().finish().await.unwrap();
        assert!(summary.is_complete(), "{summary:?}");
        assert_eq!((summary.deleted, summary.skipped), (1, 3), "{summary:?}");
        assert!(root.join("two\nlines").exists() && root.join(long).exists());
        assert!(!root.join("extra").exists());
    });
}

async fn other_bucket(bucket: &BucketHandle) -> BucketHandle {
    let name = BucketName::new("holiday-copies").unwrap();
    let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
    let id = bucket.client().call(create).await.unwrap().bucket_id;
    BucketHandle::new(bucket.client().clone(), id, name)
}

/// Tools that show folders create a file `p/` for the folder `p`.
#[test]
fn the_marker_of_a_prefix_has_no_name_in_a_whole_bucket_and_is_left_alone() {
    scenario(async |bucket, _| {
        let whole = other_bucket(bucket).await;
        put(bucket, "p/", b"", 100).await;
        put(bucket, "p/a", b"a", 100).await;
        let to_whole = Synchronizer::copy(bucket, "p/", &whole, "");
        let summary = to_whole.run().unwrap().finish().await.unwrap();
        assert!(summary.is_complete(), "{summary:?}");
        assert_eq!((summary.copied, summary.skipped), (1, 1), "{summary:?}");
        let from_whole = Synchronizer::copy(&whole, "", bucket, "p/");
        let from_whole = from_whole.policy(deleting(Filter::new()));
        let summary = from_whole.run().unwrap().finish().await.unwrap();
        assert!(summary.is_complete(), "{summary:?}");
        assert!(bucket.exists("p/").await.unwrap());
    });
}
