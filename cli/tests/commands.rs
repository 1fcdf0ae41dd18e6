//! `b2kit sync`, `ls`, `du`, `rm`, `stat`, `cat`, `link`, `hash`, `unfinished`, as a user meets them.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use b2kit::api::{CreateBucket, StartLargeFile};
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Latch, ManualClock, Server};
use b2kit::types::{BucketName, BucketType, FileName};
use b2kit::{BucketHandle, Client, Credentials};
use futures::TryStreamExt as _;
use futures::executor::block_on;
use tempfile::TempDir;

struct There {
    emulator: Emulator,
    server: Server,
    bucket: BucketHandle,
    root: TempDir,
}

impl There {
    fn new() -> Self {
        Self::of(Emulator::new())
    }

    fn of(emulator: Emulator) -> Self {
        let server = Server::start(&emulator).unwrap();
        let b2 = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(emulator.clone())
            .build()
            .unwrap();
        let photos = BucketName::new("holiday-photos").unwrap();
        let create = CreateBucket::new(photos.clone(), BucketType::AllPrivate);
        let id = block_on(b2.call(create)).unwrap().bucket_id;
        Self {
            emulator,
            server,
            bucket: BucketHandle::new(b2, id, photos),
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_b2kit"));
        command
            .args(args)
            .current_dir(self.root.path())
            .env("B2_ENVIRONMENT", self.server.url())
            .env("B2_APPLICATION_KEY_ID", self.emulator.key_id())
            .env("B2_APPLICATION_KEY", self.emulator.key())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.program(args).output().unwrap()
    }

    /// Its standard output. It has to end well.
    #[track_caller]
    fn said(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it tells of a failure.
    #[track_caller]
    fn failed(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        told
    }

    fn put(&self, name: &str, content: &str) {
        block_on(self.bucket.upload(name, content.to_owned()).into_future()).unwrap();
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let files: Vec<_> = block_on(self.bucket.list("").try_collect()).unwrap();
        let names = files
            .iter()
            .map(|file: &b2kit::types::FileVersion| file.file_name.to_string());
        names.collect()
    }

    fn versions(&self) -> usize {
        let versions: Vec<_> = block_on(self.bucket.versions("").try_collect()).unwrap();
        versions.len()
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn sync_goes_up_and_down_and_within_b2_and_says_what_it_would_do() {
    let there = There::new();
    there.write("photos/a.jpg", "a");
    there.write("photos/2026/b.jpg", "bb");
    let up = ["sync", "photos", "b2://holiday-photos/backup"];
    let plan = there.said(&[&up[..], &["--dry-run"]].concat());
    assert_eq!(
        lines(&plan)[..2],
        ["upload 2026/b.jpg (2 bytes)", "upload a.jpg (1 bytes)"]
    );
    assert!(
        lines(&plan)[2].starts_with("2 to upload (3 B), 0 to download"),
        "{plan}"
    );
    assert!(there.names().is_empty(), "nothing is done");

    there.said(&up);
    assert_eq!(there.names(), ["backup/2026/b.jpg", "backup/a.jpg"]);
    there.said(&["sync", "b2://holiday-photos/backup", "restored"]);
    assert_eq!(
        fs::read(there.root.path().join("restored/2026/b.jpg")).unwrap(),
        b"bb"
    );
    there.said(&[
        "sync",
        "b2://holiday-photos/backup/",
        "b2://holiday-photos/copy/",
    ]);
    assert_eq!(there.names().len(), 4);
    let json = there.said(&[&up[..], &["--json"]].concat());
    let rows: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["action"], "skip");
    assert_eq!(rows[0]["status"], "skipped");
    assert_eq!(rows[2]["skipped"], 2, "{json}");
}

#[test]
fn sync_deletes_only_what_it_may_and_tells_what_it_left() {
    let there = There::new();
    there.put("a", "a");
    there.put("b", "b");
    fs::create_dir(there.root.path().join("empty")).unwrap();
    let sync = ["sync", "empty", "b2://holiday-photos", "--delete"];
    let told = there.failed(1, &sync);
    assert!(
        told.contains("2 were not deleted or hidden: there is no file at the source"),
        "{told}"
    );
    there.write("full/c", "c");
    let told = there.failed(
        1,
        &[
            "sync",
            "full",
            "b2://holiday-photos",
            "--hide",
            "--max-delete",
            "1",
        ],
    );
    assert!(told.contains("there are 2, and 1 are allowed"), "{told}");
    assert_eq!(there.names(), ["a", "b", "c"]);
    there.said(&["sync", "full", "b2://holiday-photos", "--hide"]);
    assert_eq!((there.names(), there.versions()), (vec!["c".to_owned()], 5));
    there.failed(
        2,
        &["sync", "full", "b2://holiday-photos", "--hide", "--delete"],
    );
    there.failed(2, &["sync", "full", "elsewhere"]);
    there.failed(1, &["sync", "b2://holiday-photos", "full", "--hide"]);
}

#[test]
fn sync_check_lists_what_can_not_be_synced_and_does_nothing() {
    let there = There::new();
    for name in ["fine", "../bad", "A", "a"] {
        there.put(name, "x");
    }
    let args = [
        "sync",
        "b2://holiday-photos",
        "down",
        "--check",
        "--refuse-collisions",
    ];
    let output = there.run(&args);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        lines(&said).len() == 2 && said.contains("../bad") && said.contains("\"A\""),
        "{said}"
    );
    assert!(!there.root.path().join("down").exists());
}

#[test]
fn sync_refuses_a_source_in_which_there_is_nothing_unless_it_may_be_empty() {
    let there = There::new();
    there.put("photos/a", "a");
    let mistyped = ["sync", "b2://holiday-photos/fotos", "down"];
    let told = there.failed(1, &mistyped);
    let line = "error: refuse the whole tree: there is no file at the source";
    assert!(told.contains(line), "{told}");
    there.failed(1, &[&mistyped[..], &["--dry-run"]].concat());
    there.said(&[&mistyped[..], &["--allow-empty-source"]].concat());
}

#[cfg(unix)]
#[test]
fn sync_that_is_interrupted_says_what_is_kept_and_resumes_it() {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(1_000)
        .recommended_part_size(1_000)
        .build();
    let there = There::of(emulator);
    there.write("tree/large", &"x".repeat(3_000));
    let gate = Latch::new();
    let fault = Fault::new(FaultKind::Wait(gate.clone())).on("b2_finish_large_file");
    there.emulator.faults().add(fault);
    let sync = ["sync", "tree", "b2://holiday-photos"];
    let process = there.program(&sync).stderr(Stdio::piped()).spawn().unwrap();
    while gate.waiting() == 0 {
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = process.wait_with_output().unwrap();
    gate.open();
    there.emulator.faults().clear();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    for line in [
        "large is kept at B2, to be resumed",
        "stopped; run the same command to resume",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    there.said(&sync);
    let snapshot = there.emulator.snapshot();
    assert_eq!(snapshot.calls_of("b2_start_large_file"), 1);
    assert_eq!((snapshot.unfinished_large_files, snapshot.versions), (0, 1));
}

#[test]
fn sync_goes_on_while_nobody_reads_its_json_and_writes_all_of_it_later() {
    let there = There::new();
    let files = 300;
    for number in 0..files {
        // Together more than a pipe holds.
        let name = format!("tree/{number}-{}", "x".repeat(200));
        there.write(&name, "meow");
    }
    let mut child = there
        .program(&["sync", "--json", "tree", "b2://holiday-photos"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut tries = 0;
    while there.emulator.snapshot().versions < files {
        tries += 1;
        assert!(tries < 60_000, "the sync waits for its reader");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let output = child.stdout.take().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(output));
    assert_eq!(lines.count(), files + 1);
    assert!(child.wait().unwrap().success());
}

#[test]
fn ls_shows_a_folder_all_files_all_versions_and_the_buckets() {
    let there = There::new();
    for name in ["a.txt", "d/b", "d/e/c"] {
        there.put(name, "xy");
    }
    there.put("a.txt", "newer");
    assert_eq!(there.said(&["ls"]), "b2://holiday-photos/\n");
    let at = "b2://holiday-photos";
    assert_eq!(lines(&there.said(&["ls", at])), ["a.txt", "d/"]);
    assert_eq!(
        lines(&there.said(&["ls", "b2://holiday-photos/d"])),
        ["d/b", "d/e/"]
    );
    assert_eq!(
        lines(&there.said(&["ls", "-r", at])),
        ["a.txt", "d/b", "d/e/c"]
    );
    assert_eq!(lines(&there.said(&["ls", "--versions", at])).len(), 4);
    let long = there.said(&["ls", "-lr", at]);
    assert!(
        lines(&long)[0].contains(" 5 ") && lines(&long)[0].ends_with(" a.txt"),
        "{long}"
    );
    let json = there.said(&["ls", "-r", "--json", at]);
    let row: serde_json::Value = serde_json::from_str(lines(&json)[1]).unwrap();
    assert_eq!(
        (row["fileName"].as_str(), row["contentLength"].as_u64()),
        (Some("d/b"), Some(2))
    );
    assert_eq!(there.said(&["du", at]), "9 bytes in 3 files\n");
    assert_eq!(
        there.said(&["du", "--versions", "--json", at]),
        "{\"files\":4,\"bytes\":11}\n"
    );
}

#[test]
fn rm_hides_or_deletes_and_a_dry_run_does_neither() {
    let there = There::new();
    for name in ["a", "a", "ab", "d/b", "d/c"] {
        there.put(name, name);
    }
    let file = "b2://holiday-photos/a";
    let said = there.said(&["rm", "-n", "--versions", file]);
    assert!(said.starts_with("would be deleted: a ("), "{said}");
    assert_eq!(there.versions(), 5);
    there.said(&["rm", file]);
    assert_eq!((there.names().len(), there.versions()), (3, 6));
    there.failed(1, &["rm", file]);
    there.said(&["rm", "--versions", file]);
    assert_eq!((there.names().len(), there.versions()), (3, 3));
    there.failed(2, &["rm", "b2://holiday-photos/d/"]);
    // It would stand for all that begins with a.
    there.failed(2, &["rm", "-r", "--versions", file]);
    there.failed(2, &["unfinished", "--cancel-older-than", "0", file]);
    assert_eq!(there.versions(), 3);
    there.said(&["rm", "-r", "--current", "b2://holiday-photos/d/"]);
    assert_eq!(there.names(), ["ab"]);
    there.said(&["rm", "-r", "--versions", "b2://holiday-photos"]);
    assert_eq!(there.versions(), 0);
}

/// What `head` does, with a pipe that is smaller than what is written.
fn without_a_reader(there: &There, args: &[&str]) -> std::process::ExitStatus {
    let mut child = there
        .program(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.wait().unwrap()
}

#[test]
fn what_changes_something_is_done_to_its_end_without_a_reader_and_exits_1() {
    let there = There::new();
    for number in 0..20 {
        there.write(&format!("tree/{number}"), "meow");
    }
    let status = without_a_reader(
        &there,
        &["sync", "--json", "tree", "b2://holiday-photos/t/"],
    );
    assert_eq!(status.code(), Some(1));
    assert_eq!(there.names().len(), 20);
    // The next one has nothing to do, and writes that.
    there.said(&["sync", "--json", "tree", "b2://holiday-photos/t/"]);
    let status = without_a_reader(&there, &["ls", "-r", "b2://holiday-photos"]);
    assert!(status.success());
    let status = without_a_reader(&there, &["rm", "-r", "b2://holiday-photos/t/"]);
    assert_eq!(status.code(), Some(1));
    assert_eq!(there.names().len(), 0);
}

#[test]
fn stat_cat_link_and_hash_tell_of_one_file() {
    let there = There::new();
    there.put("d/a", "meow");
    let file = "b2://holiday-photos/d/a";
    let stat: serde_json::Value = serde_json::from_str(&there.said(&["stat", file])).unwrap();
    assert_eq!(stat["contentLength"], 4);
    assert_eq!(there.said(&["cat", file]), "meow");
    there.write("a", "meow");
    let sums = there.said(&["hash", "a", file]);
    let sums: Vec<_> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .collect();
    assert_eq!(sums[0].0, sums[1].0);
    assert_eq!((sums[0].1, sums[1].1), ("a", file));
    let link = there.said(&["link", file]);
    assert!(
        link.contains("/file/holiday-photos/d/a?Authorization="),
        "{link}"
    );
    for command in ["stat", "cat", "hash"] {
        there.failed(1, &[command, "b2://holiday-photos/none"]);
        there.failed(2, &[command, "b2://holiday-photos/"]);
    }
}

#[test]
fn unfinished_large_files_are_listed_and_cancelled_once_they_are_old_enough() {
    let there = There::new();
    let start = StartLargeFile::new(there.bucket.id(), FileName::new("d/large").unwrap());
    block_on(there.bucket.client().call(start)).unwrap();
    let at = "b2://holiday-photos";
    assert!(
        there
            .said(&["unfinished", at])
            .trim_end()
            .ends_with("d/large")
    );
    assert_eq!(
        there.said(&["unfinished", "--cancel-older-than", "1", at]),
        ""
    );
    let dry = there.said(&["unfinished", "--cancel-older-than", "0", "-n", at]);
    assert!(dry.starts_with("would be cancelled: d/large"), "{dry}");
    there.said(&["unfinished", "--cancel-older-than", "0", at]);
    assert_eq!(there.said(&["unfinished", at]), "");
}

#[test]
fn the_age_of_an_unfinished_large_file_is_judged_by_the_clock_of_b2() {
    const HOUR: u64 = 3_600_000;
    let start = 1_600_000_000_000;
    let clock = ManualClock::at(start);
    let there = There::of(Emulator::builder().clock(clock.clone()).build());
    let started = StartLargeFile::new(there.bucket.id(), FileName::new("large").unwrap());
    block_on(there.bucket.client().call(started)).unwrap();
    let at = "b2://holiday-photos";
    // Years ago by this machine's clock.
    clock.set(start + HOUR);
    there.said(&["unfinished", "--cancel-older-than", "2", at]);
    assert_eq!(there.emulator.snapshot().unfinished_large_files, 1);
    clock.set(start + 3 * HOUR);
    there.said(&["unfinished", "--cancel-older-than", "2", at]);
    assert_eq!(there.emulator.snapshot().unfinished_large_files, 0);
}

#[test]
fn the_completion_the_man_page_and_local_hashes_need_no_key() {
    let program = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_b2kit"))
            .args(args)
            .env_remove("B2_APPLICATION_KEY_ID")
            .env_remove("B2_APPLICATION_KEY")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(program(&["completion", "bash"]).contains("_b2kit"));
    assert!(program(&["man"]).contains(".TH"));
    let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert_eq!(
        program(&["hash", this.to_str().unwrap()])[..42]
            .trim()
            .len(),
        40
    );
}
