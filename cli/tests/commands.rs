//! `b2kit sync`, `ls`, `du`, `rm`, `stat`, `cat`, `link`, `hash`, `unfinished`, run as programs.

#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(clippy::disallowed_methods, reason = "it waits for another process")]

mod served;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use b2kit::BucketHandle;
use b2kit::api::{CreateBucket, StartLargeFile};
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Latch, ManualClock, Server};
use b2kit::types::{BucketName, BucketType, FileName};
use futures::TryStreamExt as _;
use futures::executor::block_on;
use tempfile::TempDir;

struct Fixture {
    emulator: Emulator,
    server: Server,
    bucket: BucketHandle,
    root: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::of(Emulator::new())
    }

    fn of(emulator: Emulator) -> Self {
        let (server, bucket) = served::serve(&emulator);
        Self {
            emulator,
            server,
            bucket,
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = served::program(&self.emulator, &self.server);
        command
            .args(args)
            .current_dir(self.root.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.program(args).output().unwrap()
    }

    /// Its standard output. Panics if it fails.
    #[track_caller]
    fn said(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its standard error. Panics if it succeeds.
    #[track_caller]
    fn failed(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        stderr
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
fn sync_uploads_downloads_and_copies_and_a_dry_run_prints_the_plan() {
    let fixture = Fixture::new();
    fixture.write("photos/a.jpg", "a");
    fixture.write("photos/2026/b.jpg", "bb");
    let up = ["sync", "photos", "b2://holiday-photos/backup"];
    let plan = fixture.said(&[&up[..], &["--dry-run"]].concat());
    assert_eq!(
        lines(&plan)[..2],
        ["upload 2026/b.jpg (2 bytes)", "upload a.jpg (1 bytes)"]
    );
    assert!(
        lines(&plan)[2].starts_with("2 to upload (3 B), 0 to download"),
        "{plan}"
    );
    assert!(fixture.names().is_empty(), "nothing is done");

    fixture.said(&up);
    assert_eq!(fixture.names(), ["backup/2026/b.jpg", "backup/a.jpg"]);
    fixture.said(&["sync", "b2://holiday-photos/backup", "restored"]);
    assert_eq!(
        fs::read(fixture.root.path().join("restored/2026/b.jpg")).unwrap(),
        b"bb"
    );
    fixture.said(&[
        "sync",
        "b2://holiday-photos/backup/",
        "b2://holiday-photos/copy/",
    ]);
    assert_eq!(fixture.names().len(), 4);
    let json = fixture.said(&[&up[..], &["--json"]].concat());
    let rows: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["action"], "skip");
    assert_eq!(rows[0]["status"], "skipped");
    assert_eq!(rows[2]["skipped"], 2, "{json}");
}

#[test]
fn sync_deletes_only_as_configured_and_reports_what_it_keeps() {
    let fixture = Fixture::new();
    fixture.put("a", "a");
    fixture.put("b", "b");
    fs::create_dir(fixture.root.path().join("empty")).unwrap();
    let sync = ["sync", "empty", "b2://holiday-photos", "--delete"];
    let stderr = fixture.failed(1, &sync);
    assert!(
        stderr.contains("2 not deleted or hidden because there is no file at the source"),
        "{stderr}"
    );
    fixture.write("full/c", "c");
    let hide = |options: &[&'static str]| {
        let sync = ["sync", "full", "b2://holiday-photos", "--hide"];
        [&sync[..], options].concat()
    };
    for options in [&["--dry-run"][..], &[]] {
        let args = hide(&[&["--max-delete", "1"], options].concat());
        let stderr = fixture.failed(1, &args);
        assert!(
            stderr.contains("2 are planned, but only 1 are allowed"),
            "{stderr}"
        );
    }
    fixture.said(&hide(&["--max-delete", "2", "--dry-run"]));
    assert_eq!(fixture.names(), ["a", "b", "c"]);
    fixture.said(&hide(&[]));
    assert_eq!(
        (fixture.names(), fixture.versions()),
        (vec!["c".to_owned()], 5)
    );
    fixture.failed(
        2,
        &["sync", "full", "b2://holiday-photos", "--hide", "--delete"],
    );
    fixture.failed(2, &["sync", "full", "elsewhere"]);
}

#[test]
fn wrong_arguments_exit_with_2_and_print_the_usage() {
    let fixture = Fixture::new();
    fixture.put("a", "a");
    let (file, bucket) = ("b2://holiday-photos/a", "b2://holiday-photos");
    for (args, line) in [
        (
            &["sync", bucket, "d", "--hide"][..],
            "--hide and --keep-days need",
        ),
        (
            &["sync", bucket, "d", "--keep-days", "1"],
            "--hide and --keep-days need",
        ),
        (
            &["sync", "d", bucket, "--exclude", "d/["],
            "unclosed character class",
        ),
        (
            &["sync", "d", bucket, "--include", "d/["],
            "unclosed character class",
        ),
        (&["sync", "d", "b2://nope"], "bucket name"),
        (&["ls", "b2://nope"], "bucket name"),
        (&["link", "--seconds", "0", file], "0 is not in"),
        (&["link", "--seconds", "604801", file], "604801 is not in"),
    ] {
        let stderr = fixture.failed(2, args);
        assert!(
            stderr.contains(line) && stderr.contains("--help"),
            "{stderr}"
        );
    }
    assert!(!fixture.root.path().join("d").exists());
}

#[test]
fn the_help_of_sync_lists_only_protection_below_its_heading() {
    let help = Fixture::new().said(&["sync", "--help"]);
    let (options, protection) = help.split_once("Encryption and Object Lock:").unwrap();
    assert!(options.contains("--json"), "{help}");
    let listed = |line: &&str| line.trim_start().starts_with("--");
    assert_eq!(protection.lines().filter(listed).count(), 5, "{protection}");
}

#[test]
fn sync_check_prints_what_can_not_be_synced_and_changes_nothing() {
    let fixture = Fixture::new();
    for name in ["fine", "../bad", "A", "a"] {
        fixture.put(name, "x");
    }
    let args = [
        "sync",
        "b2://holiday-photos",
        "down",
        "--check",
        "--refuse-collisions",
    ];
    let output = fixture.run(&args);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        lines(&said).len() == 2 && said.contains("../bad") && said.contains("\"A\""),
        "{said}"
    );
    assert!(!fixture.root.path().join("down").exists());
}

#[test]
fn sync_refuses_an_empty_source_unless_allowed() {
    let fixture = Fixture::new();
    fixture.put("photos/a", "a");
    let mistyped = ["sync", "b2://holiday-photos/fotos", "down"];
    let stderr = fixture.failed(1, &mistyped);
    let line = "error: refuse the whole tree: there is no file at the source";
    assert!(stderr.contains(line), "{stderr}");
    fixture.failed(1, &[&mistyped[..], &["--dry-run"]].concat());
    fixture.said(&[&mistyped[..], &["--allow-empty-source"]].concat());
}

#[cfg(unix)]
#[test]
fn hashing_a_pipe_that_nobody_writes_to_is_stopped_by_an_interrupt() {
    let fixture = Fixture::new();
    let pipe = fixture.root.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let hash = ["hash", "b2://holiday-photos/missing", "pipe"];
    let process = fixture.program(&hash).stderr(Stdio::piped()).spawn();
    let process = process.unwrap();
    // Waits until the program has opened it.
    let writer = fs::File::options().write(true).open(&pipe).unwrap();
    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    drop(writer);
}

#[cfg(unix)]
#[test]
fn an_interrupted_sync_prints_what_it_keeps_and_resumes_it() {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(1_000)
        .recommended_part_size(1_000)
        .build();
    let fixture = Fixture::of(emulator);
    fixture.write("tree/large", &"x".repeat(3_000));
    let gate = Latch::new();
    let fault = Fault::new(FaultKind::Wait(gate.clone())).on("b2_finish_large_file");
    fixture.emulator.faults().add(fault);
    let sync = ["sync", "tree", "b2://holiday-photos"];
    let process = fixture
        .program(&sync)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while gate.waiting() == 0 {
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = process.wait_with_output().unwrap();
    fixture.emulator.faults().clear();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    for line in [
        "large is kept at B2, to be resumed",
        "stopped; run the same command to resume",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    fixture.said(&sync);
    let snapshot = fixture.emulator.snapshot();
    assert_eq!(snapshot.calls_of("b2_start_large_file"), 1);
    assert_eq!((snapshot.unfinished_large_files, snapshot.versions), (0, 1));
    // Not before, since the server may still carry out the call.
    gate.open();
}

#[test]
fn sync_continues_while_its_json_is_not_read_and_writes_all_of_it_later() {
    let fixture = Fixture::new();
    let files = 300;
    for number in 0..files {
        // Together larger than a pipe's buffer.
        let name = format!("tree/{number}-{}", "x".repeat(200));
        fixture.write(&name, "meow");
    }
    let mut child = fixture
        .program(&["sync", "--json", "tree", "b2://holiday-photos"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut tries = 0;
    while fixture.emulator.snapshot().versions < files {
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
fn ls_lists_a_folder_all_files_all_versions_and_the_buckets() {
    let fixture = Fixture::new();
    for name in ["a.txt", "d/b", "d/e/c"] {
        fixture.put(name, "xy");
    }
    fixture.put("a.txt", "newer");
    assert_eq!(fixture.said(&["ls"]), "b2://holiday-photos/\n");
    let at = "b2://holiday-photos";
    assert_eq!(lines(&fixture.said(&["ls", at])), ["a.txt", "d/"]);
    assert_eq!(
        lines(&fixture.said(&["ls", "b2://holiday-photos/d"])),
        ["d/b", "d/e/"]
    );
    assert_eq!(
        lines(&fixture.said(&["ls", "-r", at])),
        ["a.txt", "d/b", "d/e/c"]
    );
    assert_eq!(lines(&fixture.said(&["ls", "--versions", at])).len(), 4);
    let long = fixture.said(&["ls", "-lr", at]);
    assert!(
        lines(&long)[0].contains(" 5 ") && lines(&long)[0].ends_with(" a.txt"),
        "{long}"
    );
    let json = fixture.said(&["ls", "-r", "--json", at]);
    let row: serde_json::Value = serde_json::from_str(lines(&json)[1]).unwrap();
    assert_eq!(
        (row["fileName"].as_str(), row["contentLength"].as_u64()),
        (Some("d/b"), Some(2))
    );
    assert_eq!(fixture.said(&["du", at]), "9 bytes in 3 files\n");
    assert_eq!(
        fixture.said(&["du", "--versions", "--json", at]),
        "{\"files\":4,\"bytes\":11}\n"
    );
}

#[test]
fn a_name_is_a_file_and_a_folder_and_never_a_prefix_of_other_names() {
    let fixture = Fixture::new();
    for name in ["dir/file.txt", "photos-old/x", "photos/a", "photos/b/c"] {
        fixture.put(name, "xy");
    }
    for name in ["photos-old/large", "photos/large"] {
        let start = StartLargeFile::new(fixture.bucket.id(), FileName::new(name).unwrap());
        block_on(fixture.bucket.client().call(start)).unwrap();
    }
    let at = |name: &str| format!("b2://holiday-photos/{name}");
    let listed = |args: &[&str], name: &str| {
        let said = fixture.said(&[args, &[&at(name)]].concat());
        lines(&said).join(" ")
    };
    for command in [&["ls"][..], &["ls", "-r"], &["ls", "--versions"]] {
        assert_eq!(listed(command, "dir/file.txt"), "dir/file.txt");
        assert_eq!(listed(command, "dir/file"), "");
    }
    assert_eq!(listed(&["du"], "dir/file.txt"), "2 bytes in 1 files");
    assert_eq!(listed(&["ls"], "photos"), "photos/a photos/b/");
    assert_eq!(listed(&["ls", "-r"], "photos"), "photos/a photos/b/c");
    assert_eq!(listed(&["du"], "photos"), "4 bytes in 2 files");
    assert_eq!(
        lines(&fixture.said(&["unfinished", &at("photos")])).len(),
        1
    );
    assert_eq!(lines(&fixture.said(&["unfinished", &at("")])).len(), 2);

    fixture.put("photos", "xyz");
    assert_eq!(listed(&["ls"], "photos"), "photos photos/a photos/b/");
    assert_eq!(
        listed(&["ls", "-r"], "photos"),
        "photos photos/a photos/b/c"
    );
    assert_eq!(listed(&["ls"], "photos/"), "photos/a photos/b/");
    assert_eq!(listed(&["du"], "photos"), "7 bytes in 3 files");
    assert_eq!(listed(&["du"], "photos/"), "4 bytes in 2 files");

    fixture.said(&["rm", &at("photos")]);
    let kept = ["dir/file.txt", "photos-old/x", "photos/a", "photos/b/c"];
    assert_eq!(fixture.names(), kept);
    for option in [&[][..], &["--current"]] {
        fixture.failed(1, &[&["rm"], option, &[&at("photos")]].concat());
    }
    fixture.failed(1, &["rm", "--versions", &at("phot")]);
    assert_eq!(fixture.names(), kept);
}

#[test]
fn unhide_undoes_rm_and_fails_if_there_is_nothing_to_undo() {
    let fixture = Fixture::new();
    let file = "b2://holiday-photos/a";
    let missing = fixture.failed(1, &["unhide", file]);
    assert!(missing.contains("no version of \"a\""), "{missing}");
    fixture.put("a", "meow");
    fixture.said(&["rm", file]);
    assert!(fixture.names().is_empty());
    fixture.said(&["unhide", file]);
    assert_eq!(fixture.said(&["cat", file]), "meow");
    let shown = fixture.failed(1, &["unhide", file]);
    assert!(shown.contains("it is not hidden"), "{shown}");
    assert_eq!(fixture.versions(), 1);
    fixture.failed(2, &["unhide", "b2://holiday-photos/"]);
}

#[test]
fn rm_hides_or_deletes_and_a_dry_run_changes_nothing() {
    let fixture = Fixture::new();
    for name in ["a", "a", "ab", "d/b", "d/c"] {
        fixture.put(name, name);
    }
    let file = "b2://holiday-photos/a";
    let said = fixture.said(&["rm", "-n", "--versions", file]);
    assert!(said.starts_with("would be deleted: a ("), "{said}");
    assert_eq!(fixture.versions(), 5);
    fixture.said(&["rm", file]);
    assert_eq!((fixture.names().len(), fixture.versions()), (3, 6));
    fixture.failed(1, &["rm", file]);
    fixture.said(&["rm", "--versions", file]);
    assert_eq!((fixture.names().len(), fixture.versions()), (3, 3));
    fixture.failed(2, &["rm", "b2://holiday-photos/d/"]);
    // It would also match other names that begin with a.
    fixture.failed(2, &["rm", "-r", "--versions", file]);
    fixture.failed(2, &["unfinished", "--cancel-older-than", "0", file]);
    assert_eq!(fixture.versions(), 3);
    fixture.said(&["rm", "-r", "--current", "b2://holiday-photos/d/"]);
    assert_eq!(fixture.names(), ["ab"]);
    fixture.said(&["rm", "-r", "--versions", "b2://holiday-photos"]);
    assert_eq!(fixture.versions(), 0);
}

/// Runs with a reader that closes the pipe, as `head` does.
fn without_a_reader(fixture: &Fixture, args: &[&str]) -> std::process::ExitStatus {
    let mut child = fixture
        .program(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.wait().unwrap()
}

#[test]
fn a_command_with_effects_finishes_without_a_reader_and_exits_with_1() {
    let fixture = Fixture::new();
    for number in 0..20 {
        fixture.write(&format!("tree/{number}"), "meow");
    }
    let status = without_a_reader(
        &fixture,
        &["sync", "--json", "tree", "b2://holiday-photos/t/"],
    );
    assert_eq!(status.code(), Some(1));
    assert_eq!(fixture.names().len(), 20);
    // The next one has nothing to do, and prints that.
    fixture.said(&["sync", "--json", "tree", "b2://holiday-photos/t/"]);
    let status = without_a_reader(&fixture, &["rm", "-r", "b2://holiday-photos/t/"]);
    assert_eq!(status.code(), Some(1));
    assert_eq!(fixture.names().len(), 0);
}

#[test]
fn a_command_that_only_reads_ends_with_0_when_its_reader_hangs_up() {
    let fixture = Fixture::new();
    // More than a pipe holds.
    fixture.put("large", &"x".repeat(1 << 20));
    for args in [
        &["ls", "-r", "b2://holiday-photos"][..],
        &["cat", "b2://holiday-photos/large"],
        &["cp", "--quiet", "b2://holiday-photos/large", "-"],
        &["completion", "bash"],
        &["man"],
    ] {
        let mut child = fixture
            .program(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), &*stderr), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_can_not_be_written_is_an_error_with_its_reason() {
    let fixture = Fixture::new();
    fixture.put("large", &"x".repeat(1 << 20));
    fixture.write("tree/a", "x");
    for args in [
        &["ls", "b2://holiday-photos"][..],
        &["cat", "b2://holiday-photos/large"],
        &["cp", "b2://holiday-photos/large", "-"],
        &["sync", "--json", "tree", "b2://holiday-photos/t"],
        &["rm", "b2://holiday-photos/large"],
        &["man"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut program = fixture.program(args);
        let output = program.stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(
            stderr.contains("No space left on device"),
            "{args:?}: {stderr}"
        );
    }
}

#[test]
fn stat_cat_link_and_hash_work_on_one_file() {
    let fixture = Fixture::new();
    fixture.put("d/a", "meow");
    let file = "b2://holiday-photos/d/a";
    let stat: serde_json::Value = serde_json::from_str(&fixture.said(&["stat", file])).unwrap();
    assert_eq!(stat["contentLength"], 4);
    assert_eq!(fixture.said(&["cat", file]), "meow");
    fixture.write("a", "meow");
    let sums = fixture.said(&["hash", "a", file]);
    let sums: Vec<_> = sums
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .collect();
    assert_eq!(sums[0].0, sums[1].0);
    assert_eq!((sums[0].1, sums[1].1), ("a", file));
    let link = fixture.said(&["link", file]);
    assert!(
        link.contains("/file/holiday-photos/d/a?Authorization="),
        "{link}"
    );
    for command in ["stat", "cat", "hash"] {
        fixture.failed(1, &[command, "b2://holiday-photos/none"]);
        fixture.failed(2, &[command, "b2://holiday-photos/"]);
    }
}

#[test]
fn unfinished_lists_large_files_and_cancels_old_ones() {
    let fixture = Fixture::new();
    let start = StartLargeFile::new(fixture.bucket.id(), FileName::new("d/large").unwrap());
    block_on(fixture.bucket.client().call(start)).unwrap();
    let at = "b2://holiday-photos";
    assert!(
        fixture
            .said(&["unfinished", at])
            .trim_end()
            .ends_with("d/large")
    );
    assert_eq!(
        fixture.said(&["unfinished", "--cancel-older-than", "1", at]),
        ""
    );
    let dry = fixture.said(&["unfinished", "--cancel-older-than", "0", "-n", at]);
    assert!(dry.starts_with("would be cancelled: d/large"), "{dry}");
    fixture.said(&["unfinished", "--cancel-older-than", "0", at]);
    assert_eq!(fixture.said(&["unfinished", at]), "");
}

#[test]
fn the_age_of_an_unfinished_large_file_is_measured_by_b2s_clock() {
    const HOUR: u64 = 3_600_000;
    let start = 1_600_000_000_000;
    let clock = ManualClock::at(start);
    let fixture = Fixture::of(Emulator::builder().clock(clock.clone()).build());
    let started = StartLargeFile::new(fixture.bucket.id(), FileName::new("large").unwrap());
    block_on(fixture.bucket.client().call(started)).unwrap();
    let at = "b2://holiday-photos";
    // Years ago by the local clock.
    clock.set(start + HOUR);
    fixture.said(&["unfinished", "--cancel-older-than", "2", at]);
    assert_eq!(fixture.emulator.snapshot().unfinished_large_files, 1);
    clock.set(start + 3 * HOUR);
    fixture.said(&["unfinished", "--cancel-older-than", "2", at]);
    assert_eq!(fixture.emulator.snapshot().unfinished_large_files, 0);
}

#[test]
fn completion_man_and_hash_of_local_files_need_no_key() {
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

/// 32 bytes of 0x2A in base64.
const KEY: &str = "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=";

#[test]
fn sync_and_cp_encrypt_and_decrypt_with_a_key_from_the_environment() {
    let fixture = Fixture::new();
    fixture.write("src/a", "first");
    let run = |args: &[&str], variable: &str| {
        let output = fixture.program(args).env(variable, KEY).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains(KEY), "{stderr}");
        assert!(output.status.success(), "{args:?}: {stderr}");
    };
    const ENCRYPT: &str = "--destination-server-side-encryption=SSE-C";
    const DECRYPT: &str = "--source-server-side-encryption=SSE-C";
    let to = "B2_DESTINATION_SSE_C_KEY_B64";
    run(&["sync", ENCRYPT, "src", "b2://holiday-photos/s"], to);
    run(&["cp", ENCRYPT, "src/a", "b2://holiday-photos/c"], to);
    for name in ["s/a", "c"] {
        let stat = fixture.said(&["stat", &format!("b2://holiday-photos/{name}")]);
        assert!(stat.contains("\"SSE-C\""), "{stat}");
    }
    let from = "B2_SOURCE_SSE_C_KEY_B64";
    run(&["sync", DECRYPT, "b2://holiday-photos/s", "down"], from);
    run(&["cp", DECRYPT, "b2://holiday-photos/c", "down/c"], from);
    for name in ["down/a", "down/c"] {
        let content = fs::read_to_string(fixture.root.path().join(name)).unwrap();
        assert_eq!(content, "first", "{name}");
    }
    let refused = fixture.failed(1, &["sync", ENCRYPT, "src", "b2://holiday-photos/s"]);
    assert!(refused.contains(to), "{refused}");
    let refused = fixture.failed(
        1,
        &["sync", "--legal-hold=on", "b2://holiday-photos/s", "down"],
    );
    assert!(refused.contains("local files can't be"), "{refused}");
    let refused = fixture.failed(2, &["sync", "--retain-until=1", "a", "b2://holiday-photos"]);
    assert!(refused.contains("--file-retention-mode"), "{refused}");
}

#[test]
fn a_sync_whose_listing_fails_exits_with_1_and_does_not_count_nothing_as_undone() {
    let fixture = Fixture::new();
    fixture.write("src/a", "x");
    let fault = Fault::new(FaultKind::transaction_cap_exceeded()).on("b2_list_file_names");
    fixture.emulator.faults().add(fault);
    let stderr = fixture.failed(1, &["sync", "src", "b2://holiday-photos"]);
    assert!(stderr.contains("transaction_cap_exceeded"), "{stderr}");
    assert!(
        stderr.contains("the same or skipped; not everything was compared"),
        "{stderr}"
    );
    assert!(!stderr.contains("0 were not done"), "{stderr}");
}

/// Whatever is in the variable may be a key.
#[cfg(unix)]
#[test]
fn a_key_that_is_not_base64_not_utf_8_or_too_short_is_refused_and_not_printed() {
    use std::os::unix::ffi::OsStrExt as _;
    let fixture = Fixture::new();
    fixture.write("src/a", "x");
    let (up, down) = (
        ["src", "b2://holiday-photos/s"],
        ["b2://holiday-photos/", "d"],
    );
    for (option, variable, places) in [
        (
            "--destination-server-side-encryption=SSE-C",
            "B2_DESTINATION_SSE_C_KEY_B64",
            up,
        ),
        (
            "--source-server-side-encryption=SSE-C",
            "B2_SOURCE_SSE_C_KEY_B64",
            down,
        ),
    ] {
        for key in [&b"hunter2\xff"[..], b"hunter2!", b"hunter20", b""] {
            let mut program = fixture.program(&["sync", option]);
            let program = program.args(places);
            let key = std::ffi::OsStr::from_bytes(key);
            let output = program.env(variable, key).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(stderr.contains(variable), "{stderr}");
            assert!(!stderr.contains("hunter"), "{stderr}");
        }
    }
    let key = std::ffi::OsStr::from_bytes(b"hunter2\xff");
    let mut program = fixture.program(&["ls"]);
    let output = program.env("B2_APPLICATION_KEY", key).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("B2_APPLICATION_KEY"), "{stderr}");
    assert!(!stderr.contains("hunter"), "{stderr}");
    assert_eq!(fixture.versions(), 0);
}

#[test]
fn sync_and_cp_retain_new_files_and_place_them_under_legal_hold() {
    let fixture = Fixture::new();
    fixture.write("src/a", "precious");
    let name = BucketName::new("locked-photos").unwrap();
    let create = CreateBucket::new(name, BucketType::AllPrivate).file_lock_enabled(true);
    block_on(fixture.bucket.client().call(create)).unwrap();
    // The year 2100.
    let lock = [
        "--file-retention-mode=governance",
        "--retain-until=4102444800000",
        "--legal-hold=on",
    ];
    let run = |args: &[&str]| drop(fixture.said(&[args, &lock[..]].concat()));
    run(&["sync", "src", "b2://locked-photos/synced"]);
    run(&["cp", "src/a", "b2://locked-photos/copied/a"]);
    run(&["cp", "src", "b2://locked-photos/tree/"]);
    run(&[
        "sync",
        "b2://locked-photos/copied",
        "b2://locked-photos/within",
    ]);
    for place in ["synced", "copied", "tree", "within"] {
        let file = format!("b2://locked-photos/{place}/a");
        let stat: serde_json::Value =
            serde_json::from_str(&fixture.said(&["stat", &file])).unwrap();
        let (retention, hold) = (&stat["fileRetention"]["value"], &stat["legalHold"]["value"]);
        assert_eq!(retention["mode"], "governance", "{stat}");
        assert_eq!(
            retention["retainUntilTimestamp"], 4_102_444_800_000_i64,
            "{stat}"
        );
        assert_eq!(hold, "on", "{stat}");
        let stderr = fixture.failed(1, &["rm", "--versions", &file]);
        assert!(stderr.contains("access_denied"), "{stderr}");
        assert_eq!(fixture.said(&["cat", &file]), "precious");
    }
    // Nothing can be locked where the bucket has no Object Lock.
    let stderr = fixture.failed(
        1,
        &[&["sync", "src", "b2://holiday-photos"], &lock[..]].concat(),
    );
    assert!(stderr.contains("upload a"), "{stderr}");
    assert_eq!(fixture.versions(), 0);
}
