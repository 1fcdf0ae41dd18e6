//! `b2kit sync`, killed with `SIGKILL` at a random call and run again: no file is lost, and at the end both sides are
//! as the policy requires.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(clippy::disallowed_methods, reason = "it waits for another process")]

mod served;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use b2kit::BucketHandle;
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::transfer::Source;
use b2kit::types::{FileVersion, Timestamp};
use fastrand::Rng;
use futures::TryStreamExt as _;
use futures::executor::block_on;

/// The size and modification time of a file, from which its bytes follow.
type Content = (usize, u64);
type Tree = BTreeMap<String, Content>;

/// No name is a directory of another.
const NAMES: [&str; 14] = [
    "a.txt", "a/b", "a/c/d", "a0", "b/x/y", "b/x/z", "c", "d/d", "e", "f g", "h/\u{e9}", "i",
    "j/k", "z",
];

fn bytes((len, modified): Content) -> Vec<u8> {
    let mut rng = Rng::with_seed(modified * 10_000 + len as u64);
    (0..len).map(|_| rng.u8(..)).collect()
}

fn tree(rng: &mut Rng) -> Tree {
    let density = rng.u32(2..10);
    let sizes = [0, 1, 90, 350, 1_200];
    let names = NAMES.into_iter().filter(|_| rng.u32(..10) < density);
    let names: Vec<_> = names.collect();
    let file = |name: &str| {
        (
            name.to_owned(),
            (rng.choice(sizes).unwrap(), rng.u64(1_000..1_003)),
        )
    };
    names.into_iter().map(file).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
    Within,
}

/// What a seed decides.
#[derive(Debug)]
struct Scenario {
    way: Way,
    source: Tree,
    destination: Tree,
    /// `--delete`, `--hide`, or nothing.
    extras: Option<&'static str>,
    durability: &'static str,
}

impl Scenario {
    fn new(rng: &mut Rng) -> Self {
        let way = [Way::Up, Way::Down, Way::Within][rng.usize(..3)];
        let (source, mut destination) = (tree(rng), tree(rng));
        for (path, file) in &source {
            if destination.contains_key(path) && rng.bool() {
                destination.insert(path.clone(), *file);
            }
        }
        let extras = [None, Some("--delete"), Some("--delete"), Some("--hide")][rng.usize(..4)];
        Self {
            way,
            source,
            destination,
            extras: extras.filter(|extras| way != Way::Down || *extras != "--hide"),
            durability: ["each", "end", "none"][rng.usize(..3)],
        }
    }

    fn removes(&self) -> bool {
        self.extras.is_some() && !self.source.is_empty()
    }

    /// What the destination has in the end.
    fn expected(&self) -> Tree {
        let mut expected = self.source.clone();
        for (path, file) in &self.destination {
            if !self.removes() {
                expected.entry(path.clone()).or_insert(*file);
            }
        }
        expected
    }

    fn assert_nothing_undue(&self, now: &BTreeMap<String, Vec<u8>>) {
        let is_whole = |path: &String, file: &Content| now.get(path) == Some(&bytes(*file));
        for (path, old) in &self.destination {
            match (now.get(path), self.source.get(path)) {
                (Some(now), new) => {
                    let is_known = *now == bytes(*old) || new.is_some_and(|it| *now == bytes(*it));
                    assert!(is_known, "{path} is neither the old nor the new file");
                }
                (None, Some(_)) => panic!("{path} is gone"),
                (None, None) => {
                    assert!(self.removes(), "{path} is gone");
                    let all = self.source.iter().all(|(path, file)| is_whole(path, file));
                    assert!(all, "{path} was deleted before everything was transferred");
                }
            }
        }
        for (path, now) in now.iter().filter(|(path, _)| !path.contains(".b2part")) {
            let known = [self.source.get(path), self.destination.get(path)];
            let is_known = known.into_iter().flatten().any(|file| bytes(*file) == *now);
            assert!(is_known, "{path} is neither of them");
        }
    }
}

struct Sides<'a> {
    emulator: Emulator,
    server: Server,
    bucket: BucketHandle,
    root: &'a Path,
}

impl<'a> Sides<'a> {
    fn new(root: &'a Path) -> Self {
        let emulator = Emulator::builder()
            .absolute_minimum_part_size(10)
            .recommended_part_size(100)
            .build();
        let (server, bucket) = served::serve(&emulator);
        Self {
            emulator,
            server,
            bucket,
            root,
        }
    }

    fn fill(&self, scenario: &Scenario) {
        let is_local =
            |side| (side == "source") == (scenario.way == Way::Up) && scenario.way != Way::Within;
        for (side, files) in [
            ("source", &scenario.source),
            ("destination", &scenario.destination),
        ] {
            for (path, file) in files {
                match is_local(side) {
                    true => write(self.root, path, *file),
                    false => self.put(&format!("{side}/{path}"), *file),
                }
            }
        }
        fs::create_dir_all(self.root).unwrap();
        self.put("other", (1, 1));
    }

    fn put(&self, name: &str, file: Content) {
        let modified = Timestamp::from_millis(file.1 as i64 * 1_000);
        let source = Source::bytes(bytes(file)).with_modified(modified);
        block_on(self.bucket.upload(name, source).into_future()).unwrap();
    }

    fn program(&self, scenario: &Scenario) -> Command {
        let root = self.root.to_str().unwrap();
        let (source, destination) = (
            "b2://holiday-photos/source",
            "b2://holiday-photos/destination",
        );
        let (from, to) = match scenario.way {
            Way::Up => (root, destination),
            Way::Down => (source, root),
            Way::Within => (source, destination),
        };
        let mut command = served::program(&self.emulator, &self.server);
        command
            .args(["sync", from, to, "--newer", "replace", "--threads", "3"])
            .args(["--durability", scenario.durability])
            .args(scenario.extras)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn calls(&self) -> u64 {
        self.emulator.snapshot().calls.values().sum()
    }

    /// Runs the program, and kills it after so many calls.
    fn killed_after(&self, calls: u64, scenario: &Scenario) {
        let limit = self.calls() + calls;
        let mut program = self.program(scenario).spawn().unwrap();
        while program.try_wait().unwrap().is_none() && self.calls() < limit {
            thread::sleep(Duration::from_micros(50));
        }
        program.kill().unwrap();
        program.wait().unwrap();
        // Waits until the emulator has carried out what was sent.
        let mut before = 0;
        while before != self.calls() {
            before = self.calls();
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn run(&self, scenario: &Scenario) -> ExitStatus {
        self.program(scenario).status().unwrap()
    }

    fn destination(&self, scenario: &Scenario) -> BTreeMap<String, Vec<u8>> {
        match scenario.way {
            Way::Down => read(self.root, ""),
            Way::Up | Way::Within => self.stored("destination/"),
        }
    }

    fn stored(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let files: Vec<FileVersion> = block_on(self.bucket.list(prefix).try_collect()).unwrap();
        let content = |file: FileVersion| {
            let mut content = Vec::new();
            let download = self.bucket.client().download(&file.file_id);
            block_on(download.to_writer(&mut content)).unwrap();
            (file.file_name.as_str()[prefix.len()..].to_owned(), content)
        };
        files.into_iter().map(content).collect()
    }
}

fn write(root: &Path, path: &str, file: Content) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes(file)).unwrap();
    let file_handle = File::options().write(true).open(&path).unwrap();
    file_handle
        .set_modified(UNIX_EPOCH + Duration::from_secs(file.1))
        .unwrap();
}

fn read(directory: &Path, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(read(&entry.path(), &format!("{path}/"))),
            false => drop(found.insert(path, fs::read(entry.path()).unwrap())),
        }
    }
    found
}

fn kill_and_run_again(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let scenario = Scenario::new(&mut rng);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let sides = Sides::new(&root);
    sides.fill(&scenario);
    for _ in 0..rng.u32(1..4) {
        sides.killed_after(rng.u64(1..60), &scenario);
        scenario.assert_nothing_undue(&sides.destination(&scenario));
    }
    let ended = sides.run(&scenario);
    assert_eq!(
        ended.code(),
        Some(i32::from(scenario.source.is_empty())),
        "{scenario:?}"
    );
    let expected = scenario
        .expected()
        .into_iter()
        .map(|(path, file)| (path, bytes(file)));
    let expected: BTreeMap<_, _> = expected.collect();
    assert!(sides.destination(&scenario) == expected, "{scenario:?}");
    assert_eq!(sides.emulator.snapshot().unfinished_large_files, 0);
    assert_eq!(sides.stored("other").len(), 1);
    // And then there is nothing to do.
    let before = sides.emulator.snapshot();
    sides.run(&scenario);
    let after = sides.emulator.snapshot();
    for call in [
        "b2_upload_file",
        "b2_start_large_file",
        "b2_copy_file",
        "b2_hide_file",
    ] {
        assert_eq!(after.calls_of(call), before.calls_of(call), "{call}");
    }
}

/// `B2KIT_SEED=17` runs a single seed.
fn for_seeds(seeds: std::ops::Range<u64>) {
    let alone: Option<u64> = std::env::var("B2KIT_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    for seed in alone.map_or(seeds, |seed| seed..seed + 1) {
        let scenario = AssertUnwindSafe(|| kill_and_run_again(seed));
        if let Err(panic) = catch_unwind(scenario) {
            eprintln!("it was seed {seed}: B2KIT_SEED={seed} repeats the scenario");
            resume_unwind(panic);
        }
    }
}

#[test]
fn a_killed_sync_that_is_run_again_makes_both_equal_and_deletes_nothing_else() {
    for_seeds(0..50);
}

/// `cargo test --release -p b2kit-cli --test kill -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn a_killed_sync_that_is_run_again_makes_both_equal_for_a_thousand_seeds() {
    for_seeds(50..1_050);
}
