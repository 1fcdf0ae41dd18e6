//! Random trees under random policies, over a network that fails, stopped at a random step and run again: nothing
//! undue is ever gone, and at the end both sides are what the policy makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use b2kit::api::ListFileVersions;
use b2kit::sync::{Action, Compare, Extras, Filter, Newer, Summary, SyncPolicy, Synchronizer};
use b2kit::types::{Action as VersionAction, BucketName, BucketType, FileVersion};
use b2kit::{BucketHandle, Client};
use fastrand::Rng;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::chaos::Chaos;
use crate::seeds::for_seeds;
use crate::sync::{Tree, local_tree, put, remote_tree, run_with_disk, write};
use crate::uploading::{polled, unfinished};

/// A file by its size and modification time, which decide what is in it: so two that agree in both are the same file.
type File = (usize, i64);

type Side = BTreeMap<String, File>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
    Copy,
}

/// The scenario that a seed determines.
#[derive(Debug)]
struct Scenario {
    way: Way,
    source: Side,
    destination: Side,
    extras: Extras,
    newer: Newer,
    compare: Compare,
    excluded: bool,
    percent_of_faults: u32,
    polls: usize,
}

const NAMES: [&str; 16] = [
    "a",
    "a.txt",
    "a/b",
    "a/b/c",
    "a/b.txt",
    "a0",
    "b/a",
    "b/x/y",
    "b/x/z",
    "c",
    "d/d",
    "e",
    "skip/a",
    "skip/b",
    "\u{e9}/\u{1f980}",
    "\u{e9}",
];

fn bytes((len, modified): File) -> Vec<u8> {
    let mut rng = Rng::with_seed(modified as u64 * 1_000 + len as u64);
    (0..len).map(|_| rng.u8(..)).collect()
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn side(rng: &mut Rng) -> Side {
    let mut side = Side::new();
    let density = rng.u32(0..12);
    for name in NAMES {
        let collides = side
            .keys()
            .any(|other| is_below(name, other) || is_below(other, name));
        if rng.u32(..12) < density && !collides {
            let sizes = [0, 1, 90, 90, 350];
            let file = (sizes[rng.usize(..sizes.len())], 1_000 + rng.i64(0..3));
            side.insert(name.to_owned(), file);
        }
    }
    side
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let way = [Way::Up, Way::Down, Way::Copy][rng.usize(..3)];
        let source = side(&mut rng);
        let mut destination = side(&mut rng);
        // Some files are the same on both sides.
        for (path, file) in &source {
            if destination.contains_key(path) && rng.bool() {
                destination.insert(path.clone(), *file);
            }
        }
        let extras = match way {
            Way::Down => [Extras::Keep, Extras::Delete, Extras::Delete][rng.usize(..3)],
            _ => [
                Extras::Keep,
                Extras::Hide,
                Extras::Delete,
                Extras::KeepDays(3),
            ][rng.usize(..4)],
        };
        let compares = [
            Compare::ModifiedTime,
            Compare::Sha1,
            Compare::Size,
            Compare::Existence,
        ];
        Self {
            way,
            source,
            destination,
            extras,
            newer: [Newer::Refuse, Newer::Skip, Newer::Replace][rng.usize(..3)],
            compare: compares[rng.usize(..4)],
            excluded: rng.bool(),
            percent_of_faults: [0, 5, 25][rng.usize(..3)],
            polls: rng.usize(..600),
        }
    }

    fn policy(&self) -> SyncPolicy {
        let mut filter = Filter::new();
        if self.excluded {
            filter = filter.exclude("skip").unwrap();
        }
        SyncPolicy::new()
            .extras(self.extras)
            .newer(self.newer)
            .compare(self.compare)
            .filter(filter)
            .concurrency(3)
    }

    fn sees(&self, path: &str) -> bool {
        !self.excluded || !path.starts_with("skip/")
    }

    fn seen_source(&self) -> Side {
        let all = self.source.clone().into_iter();
        all.filter(|(path, _)| self.sees(path)).collect()
    }

    fn removes_extras(&self) -> bool {
        self.extras != Extras::Keep && !self.seen_source().is_empty()
    }

    /// Whether the source's file replaces the destination's, as the policy is documented.
    fn is_transferred(&self, source: File, destination: Option<File>) -> bool {
        let Some(destination) = destination else {
            return true;
        };
        let (sizes, times) = (source.0 != destination.0, source.1 != destination.1);
        let may_replace = source.1 >= destination.1 || self.newer == Newer::Replace;
        // If contents are compared, empty files are equal regardless of their modification times.
        let is_same_content = bytes(source) == bytes(destination);
        match self.compare {
            Compare::Existence => false,
            Compare::Size => sizes,
            Compare::ModifiedTime if self.way != Way::Copy => (sizes || times) && may_replace,
            _ => !is_same_content && may_replace,
        }
    }

    /// The destination's files after a complete sync.
    fn expected(&self) -> Tree {
        let mut expected = self.destination.clone();
        let source = self.seen_source();
        if self.removes_extras() {
            expected.retain(|path, _| source.contains_key(path) || !self.sees(path));
        }
        let kept: BTreeSet<_> = expected.keys().cloned().collect();
        for (path, file) in &source {
            // Where a name can't be both a file and a directory, kept files are not replaced.
            let in_the_way =
                |other: &String| other != path && (is_below(path, other) || is_below(other, path));
            if self.way == Way::Down && kept.iter().any(in_the_way) {
                continue;
            }
            if self.is_transferred(*file, self.destination.get(path).copied()) {
                expected.insert(path.clone(), *file);
            }
        }
        tree(&expected)
    }

    /// Asserts what must hold whenever the sync is interrupted.
    fn assert_nothing_undue(&self, now: &Tree) {
        let (source, expected) = (self.seen_source(), self.expected());
        for (path, file) in &self.destination {
            let (old, new) = (bytes(*file), source.get(path).map(|file| bytes(*file)));
            match now.get(path) {
                Some(now) => assert!(
                    *now == old || Some(now) == new.as_ref(),
                    "{path} is neither"
                ),
                None => {
                    let is_extra = new.is_none() && self.sees(path);
                    assert!(is_extra && self.removes_extras(), "{path} is gone");
                    // Extras are deleted only after every file that doesn't need their place has arrived.
                    for (path, content) in &expected {
                        let waits = self
                            .destination
                            .keys()
                            .any(|it| is_below(path, it) || is_below(it, path));
                        assert!(
                            waits || now.get(path) == Some(content),
                            "{path} is not there yet"
                        );
                    }
                }
            }
        }
        // A thread may not have removed the partial file of a dropped download yet.
        for (path, now) in now.iter().filter(|(path, _)| !path.ends_with(".b2part")) {
            let known = [source.get(path), self.destination.get(path)];
            let is_known = known.into_iter().flatten().any(|file| bytes(*file) == *now);
            assert!(is_known, "{path} is nobody's");
        }
    }
}

fn tree(side: &Side) -> Tree {
    side.iter()
        .map(|(path, file)| (path.clone(), bytes(*file)))
        .collect()
}

async fn all_versions(bucket: &BucketHandle) -> Vec<FileVersion> {
    let rows = bucket.client().paginate(ListFileVersions::new(bucket.id()));
    let versions: Vec<_> = rows
        .try_filter_map(|row| async { Ok(row.into_version()) })
        .try_collect()
        .await
        .unwrap();
    versions
        .into_iter()
        .filter(|version| version.action == VersionAction::Upload)
        .collect()
}

async fn bucket(b2: &Client, name: &str) -> BucketHandle {
    let name = BucketName::new(name).unwrap();
    let create = b2kit::api::CreateBucket::new(name.clone(), BucketType::AllPrivate);
    let id = b2.call(create).await.unwrap().bucket_id;
    BucketHandle::new(b2.clone(), id, name)
}

/// The two sides, read and synchronized through one client.
struct Sides<'a> {
    root: &'a Path,
    source: BucketHandle,
    destination: BucketHandle,
}

impl Sides<'_> {
    fn through(&self, b2: &Client) -> Self {
        let through = |bucket: &BucketHandle| {
            BucketHandle::new(b2.clone(), bucket.id().clone(), bucket.name().clone())
        };
        Self {
            root: self.root,
            source: through(&self.source),
            destination: through(&self.destination),
        }
    }

    fn sync(&self, scenario: &Scenario) -> Synchronizer {
        let sync = match scenario.way {
            Way::Up => Synchronizer::up(self.root, &self.destination, "p/"),
            Way::Down => Synchronizer::down(&self.source, "p/", self.root),
            Way::Copy => Synchronizer::copy(&self.source, "p/", &self.destination, "p/"),
        };
        sync.policy(scenario.policy())
    }

    async fn fill(&self, scenario: &Scenario) {
        for (path, file) in &scenario.source {
            match scenario.way {
                Way::Up => write(self.root, path, &bytes(*file), file.1),
                _ => put(&self.source, &format!("p/{path}"), &bytes(*file), file.1).await,
            }
        }
        for (path, file) in &scenario.destination {
            match scenario.way {
                Way::Down => write(self.root, path, &bytes(*file), file.1),
                _ => {
                    put(
                        &self.destination,
                        &format!("p/{path}"),
                        &bytes(*file),
                        file.1,
                    )
                    .await
                }
            }
        }
        put(&self.destination, "other", b"of nobody's business", 1).await;
    }

    async fn source_now(&self, scenario: &Scenario) -> Tree {
        match scenario.way {
            Way::Up => local_tree(self.root),
            _ => remote_tree(&self.source, "p/").await,
        }
    }

    async fn destination_now(&self, scenario: &Scenario) -> Tree {
        match scenario.way {
            Way::Down => local_tree(self.root),
            _ => remote_tree(&self.destination, "p/").await,
        }
    }
}

async fn run(sync: &Synchronizer) -> Summary {
    let mut run = sync.run().unwrap();
    while run.next().await.is_some() {}
    run.summary()
}

fn stopped_anywhere_and_run_again(seed: u64) {
    let scenario = Scenario::new(seed);
    let root = tempfile::tempdir().unwrap();
    let (faulty, chaos) = Chaos::seeded(seed, scenario.percent_of_faults);
    run_with_disk(&chaos.timer, async {
        let calm = crate::client_of(&chaos.emulator, &chaos.timer);
        let sides = Sides {
            root: root.path(),
            source: bucket(&calm, "holiday-source").await,
            destination: bucket(&calm, "holiday-photos").await,
        };
        sides.fill(&scenario).await;
        let (source, before) = (
            sides.source_now(&scenario).await,
            all_versions(&sides.destination).await,
        );

        let through_faults = sides.through(&faulty).sync(&scenario);
        let whole = polled(run(&through_faults), scenario.polls).await;
        scenario.assert_nothing_undue(&sides.destination_now(&scenario).await);
        if whole.is_none() {
            polled(run(&through_faults), scenario.polls * 2).await;
            scenario.assert_nothing_undue(&sides.destination_now(&scenario).await);
        }

        let sync = sides.sync(&scenario);
        let summary = run(&sync).await;
        let now = sides.destination_now(&scenario).await;
        assert_eq!(now, scenario.expected(), "{scenario:?} {summary:?}");
        assert_eq!(
            sides.source_now(&scenario).await,
            source,
            "the source is as it was"
        );
        assert_eq!(
            (summary.failed, summary.is_aborted),
            (0, false),
            "{summary:?}"
        );

        // Nothing is left to do except what is refused or withheld.
        let plan: Vec<_> = sync.plan().unwrap().try_collect().await.unwrap();
        let is_left = |action: &&Action| {
            let is_in_the_way = scenario.way == Way::Down && scenario.extras == Extras::Keep;
            action.is_transfer() && !is_in_the_way
                || action.is_removal() && scenario.removes_extras()
        };
        let left: Vec<_> = plan.iter().filter(is_left).collect();
        assert!(left.is_empty(), "{left:?} {scenario:?}");

        // Only versions of extra files are deleted, and only if the policy deletes extras.
        let after = all_versions(&sides.destination).await;
        for version in before {
            let is_there = after.iter().any(|it| it.file_id == version.file_id);
            let path = version
                .file_name
                .as_str()
                .strip_prefix("p/")
                .unwrap_or("\0");
            let may_go = scenario.extras == Extras::Delete
                && scenario.removes_extras()
                && scenario.sees(path)
                && path != "\0"
                && !scenario.source.contains_key(path);
            assert!(
                is_there || may_go,
                "a version of {} is gone",
                version.file_name
            );
        }
    });
}

#[test]
fn a_sync_interrupted_anywhere_and_rerun_follows_the_policy_and_loses_nothing() {
    for_seeds(0..50, stopped_anywhere_and_run_again);
}

#[test]
fn a_large_file_whose_upload_was_interrupted_is_resumed_by_the_next_run() {
    let root = tempfile::tempdir().unwrap();
    let (b2, chaos) = Chaos::calm();
    run_with_disk(&chaos.timer, async {
        let bucket = bucket(&b2, "holiday-photos").await;
        let parts = 40;
        write(root.path(), "large", &bytes((parts * 100, 1)), 1);
        let sync = Synchronizer::up(root.path(), &bucket, "");
        let mut interruptions = 0;
        while polled(run(&sync), 60).await.is_none() {
            interruptions += 1;
            assert!(interruptions < 100 && unfinished(&bucket).await.len() <= 1);
        }
        assert!(interruptions > 1, "it was interrupted at all");
        // Only the parts in flight, up to 4 at a time, were sent again.
        let sent = chaos.count("b2_upload_part");
        assert!(
            sent >= parts && sent <= parts + 4 * interruptions,
            "{sent} {interruptions}"
        );
        assert_eq!(remote_tree(&bucket, "").await, local_tree(root.path()));
        assert!(unfinished(&bucket).await.is_empty());
    });
}

#[test]
fn a_file_that_changes_while_it_is_read_fails_and_is_uploaded_by_the_next_run() {
    let root = tempfile::tempdir().unwrap();
    let (b2, chaos) = Chaos::calm();
    run_with_disk(&chaos.timer, async {
        let bucket = bucket(&b2, "holiday-photos").await;
        // Too large to be read at once.
        write(root.path(), "large", &bytes((300_000, 1)), 1);
        put(&bucket, "extra", b"x", 1).await;
        let policy = SyncPolicy::new().extras(Extras::Delete);
        let sync = Synchronizer::up(root.path(), &bucket, "").policy(policy);
        let mut run = sync.execute(sync.plan().unwrap());
        let mut changing = Box::pin(async { while run.next().await.is_some() {} });
        assert!(polled(&mut changing, 60).await.is_none() && chaos.count("b2_upload_part") > 0);
        write(root.path(), "large", &bytes((300_000, 2)), 2);
        changing.await;
        let summary = run.summary();
        assert_eq!(
            (summary.failed, summary.withheld, summary.deleted),
            (1, 1, 0),
            "{summary:?}"
        );
        assert!(!remote_tree(&bucket, "").await.contains_key("large"));
        let run = sync.execute(sync.plan().unwrap());
        assert!(run.finish().await.unwrap().is_complete());
        assert_eq!(remote_tree(&bucket, "").await, local_tree(root.path()));
    });
}

/// `cargo test --release -p b2kit --test behaviour sync_safety -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn a_sync_interrupted_anywhere_and_rerun_a_thousand_times_loses_nothing() {
    for_seeds(50..1_050, stopped_anywhere_and_run_again);
}
