//! `b2kit cp`: copies in both directions, errors, and what an interruption leaves.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod served;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use b2kit::BucketHandle;
use b2kit::api::CreateKey;
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Latch, Server};
use b2kit::transfer::Source;
use b2kit::types::{Capability, KeyName};
use futures::executor::block_on;

struct Fixture {
    emulator: Emulator,
    server: Server,
    bucket: BucketHandle,
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
        }
    }

    fn program(&self, args: &[&str]) -> Command {
        let mut command = served::program(&self.emulator, &self.server);
        command
            .arg("cp")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn cp_from(&self, args: &[&str], input: &[u8]) -> Output {
        let mut process = self.program(args).spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let input = input.to_vec();
        // The program may end without having read it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = process.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    fn cp(&self, args: &[&str]) -> Output {
        self.cp_from(args, b"")
    }

    fn put(&self, name: &str, content: &str) {
        block_on(self.bucket.upload(name, content.to_owned()).into_future()).unwrap();
    }
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
fn assert_copied(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

#[track_caller]
fn assert_failed(output: &Output) {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_a_directory_and_standard_input_are_uploaded_and_downloaded() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 7) as u8).collect();
    fs::write(at("cat.jpg"), &content).unwrap();
    fs::create_dir_all(at("tree/a/b")).unwrap();
    fs::write(at("tree/x"), "1").unwrap();
    fs::write(at("tree/a/b/y"), "").unwrap();

    let up = fixture.cp(&[&at("cat.jpg"), "b2://holiday-photos/2026/"]);
    assert_copied(&up);
    let line = stderr(&up);
    assert!(line.starts_with("2026/cat.jpg  20.00 MB  "), "{line}");
    let back = at("back.jpg");
    let down = fixture.cp(&["b2://holiday-photos/2026/cat.jpg", &back]);
    assert_copied(&down);
    assert!(fs::read(&back).unwrap() == content);
    let modified = |path: &str| fs::metadata(path).unwrap().modified().unwrap();
    let apart = modified(&at("cat.jpg"))
        .duration_since(modified(&back))
        .unwrap();
    assert!(
        apart.as_millis() == 0,
        "the time of modification went along: {apart:?}"
    );

    let up = fixture.cp_from(&["--quiet", "-", "b2://holiday-photos/piped"], &content);
    assert_copied(&up);
    assert!(up.stderr.is_empty(), "{}", stderr(&up));
    let down = fixture.cp(&["--quiet", "b2://holiday-photos/piped", "-"]);
    assert!(down.stdout == content, "{}", stderr(&down));

    assert_copied(&fixture.cp(&[&at("tree"), "b2://holiday-photos/t/"]));
    assert_copied(&fixture.cp(&["b2://holiday-photos/t/", &at("tree2")]));
    assert_eq!(fs::read(at("tree2/x")).unwrap(), b"1");
    assert_eq!(fs::read(at("tree2/a/b/y")).unwrap(), b"");
}

#[test]
fn an_error_is_printed_in_one_line_and_leaves_no_file() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    let target = dir.path().join("t").to_str().unwrap().to_owned();
    let nowhere = dir.path().join("no/t").to_str().unwrap().to_owned();
    fixture.put("there", "meow");
    for (args, line) in [
        (
            &["/no/such/file", "b2://holiday-photos/f"][..],
            "/no/such/file can't be read: ",
        ),
        (
            &["/", "b2://holiday-photos/f"],
            "/ is a directory, so \"f\" must end in /",
        ),
        (
            &["Cargo.toml", "b2://no-such-bucket/f"],
            "the account has no bucket",
        ),
        (
            &["b2://holiday-photos/absent", &target],
            &format!("b2://holiday-photos/absent to {target}: "),
        ),
        (
            &["b2://holiday-photos/there", &nowhere],
            &format!("there to {nowhere}: "),
        ),
        (&["b2://holiday-photos/absent", "-"], "404 not_found"),
    ] {
        let output = fixture.cp(args);
        assert_failed(&output);
        let stderr = stderr(&output);
        assert!(
            stderr.starts_with("error: ") && stderr.contains(line),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert_eq!(fixture.emulator.snapshot().versions, 1);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_path_with_a_trailing_slash_replaces_no_file_and_makes_none() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.put("there", "meow");
    std::fs::write(dir.path().join("report"), "mine").unwrap();
    for name in ["report/", "absent/"] {
        let target = dir.path().join(name).to_str().unwrap().to_owned();
        let output = fixture.cp(&["b2://holiday-photos/there", &target]);
        assert_failed(&output);
        assert!(stderr(&output).contains("names a directory"), "{output:?}");
    }
    assert_eq!(names(dir.path()), ["report"]);
    let kept = std::fs::read(dir.path().join("report")).unwrap();
    assert_eq!(kept, b"mine");
}

#[test]
fn invalid_arguments_print_the_usage_and_exit_with_2() {
    let fixture = Fixture::new();
    for (args, line) in [
        (&["a", "b"][..], "must be b2://BUCKET/NAME"),
        (
            &["b2://holiday-photos/b", "b2://holiday-photos/d"],
            "must be a path or -",
        ),
        (&["b2://nope/b", "b"], "bucket name"),
        (&["b2:///name", "b"], "there is no bucket in it"),
        (&["-", "b2://holiday-photos/"], "needs a name"),
        (&["b2://holiday-photos/p/", "-"], "are one file"),
        (
            &["--resume", "-", "b2://holiday-photos/f"],
            "can't be resumed",
        ),
        (&["--wat"], "unexpected argument '--wat'"),
        (&[], "required arguments"),
        (&["", "b2://holiday-photos/b"], "it is empty"),
        (
            &["--endpoint", "prod", "a", "b2://holiday-photos/b"],
            "neither a URL nor",
        ),
    ] {
        let output = fixture.cp(args);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let stderr = stderr(&output);
        assert!(
            stderr.contains(line) && stderr.contains("--help"),
            "{stderr}"
        );
        if let Some((_, usage)) = stderr.split_once("Usage: ") {
            assert!(
                usage.starts_with("b2kit cp ") && usage.contains("<FROM> <TO>\n"),
                "{stderr}"
            );
        }
    }
}

#[test]
fn the_help_of_cp_has_its_usage_options_and_exit_status() {
    let output = Fixture::new().cp(&["--help"]);
    assert_copied(&output);
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "b2kit cp DIRECTORY b2://BUCKET/PREFIX/",
        "--endpoint <URL>",
        "B2_ENVIRONMENT",
        "--resume",
        "--quiet",
        "Exit status",
    ] {
        assert!(help.contains(word), "{help}");
    }
}

#[test]
fn endpoint_takes_precedence_over_the_environment_and_invalid_ones_are_refused() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let up = |environment: &str, args: &[&str]| {
        let mut program = fixture.program(args);
        let program = program.env("B2_ENVIRONMENT", environment);
        program
            .args(["Cargo.toml", "b2://holiday-photos/"])
            .output()
    };
    let url = fixture.server.url();
    assert_copied(&up(other.server.url(), &["--endpoint", url]).unwrap());
    assert_eq!(fixture.emulator.snapshot().versions, 1);
    assert_eq!(other.emulator.snapshot().versions, 0);

    let refused = up("prod", &[]).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("\"prod\" is neither a URL"),
        "{}",
        stderr(&refused)
    );
}

/// A name may be anything; as a path it must not leave the directory.
#[test]
fn a_name_outside_of_the_directory_is_refused_and_the_others_are_downloaded() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    for name in ["p/../../out", "p/a", "p/b/c", "p//d", "p/e/"] {
        fixture.put(name, name);
    }
    let inside = dir.path().join("in");
    let down = fixture.cp(&["b2://holiday-photos/p/", inside.to_str().unwrap()]);
    assert_failed(&down);
    let stderr = stderr(&down);
    for line in [
        "error: refuse ../../out: the name can't be a local path",
        "error: refuse /d: the name can't be a local path",
        "error: refuse e/: the name can't be a local path",
        "; 3 were not done: 3 refused,",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    assert_eq!(names(dir.path()), ["in"]);
    assert_eq!(names(&inside), ["a", "b"]);
    assert_eq!(fs::read(inside.join("b/c")).unwrap(), b"p/b/c");
}

#[cfg(unix)]
#[test]
fn names_that_only_windows_forbids_are_copied_up_and_down() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let odd = ["CON", "LONGFI~1.TXT", "a:b", "trail ", "x\\y"];
    for directory in ["up", "one"] {
        fs::create_dir(at(directory)).unwrap();
    }
    for name in odd {
        fs::write(at("up") + "/" + name, name).unwrap();
    }
    assert_copied(&fixture.cp(&[&at("up"), "b2://holiday-photos/p/"]));
    assert_copied(&fixture.cp(&["b2://holiday-photos/p/", &at("down")]));
    for name in odd {
        let file = format!("b2://holiday-photos/p/{name}");
        assert_copied(&fixture.cp(&[&file, &at("one")]));
    }
    for directory in ["down", "one"] {
        assert_eq!(names(&dir.path().join(directory)), odd);
    }
}

#[test]
fn a_prefix_without_files_and_an_empty_directory_are_errors() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    let target = dir.path().join("in");
    let down = fixture.cp(&["b2://holiday-photos/no/", target.to_str().unwrap()]);
    assert_failed(&down);
    let line = "error: refuse the whole tree: there is no file at the source";
    assert!(stderr(&down).contains(line), "{}", stderr(&down));
    assert!(names(dir.path()).is_empty());

    let up = fixture.cp(&[dir.path().to_str().unwrap(), "b2://holiday-photos/"]);
    assert_failed(&up);
    assert!(stderr(&up).contains(line), "{}", stderr(&up));
}

/// A destination that is not listed: no capability for that, and no call for what is there.
#[test]
fn a_directory_is_uploaded_with_a_key_that_can_only_write() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.put("t/x", "old");
    fs::write(dir.path().join("x"), "new").unwrap();
    fs::write(dir.path().join("y"), "new").unwrap();
    let capabilities = [Capability::ListBuckets, Capability::WriteFiles];
    let create = CreateKey::new(KeyName::new("backup").unwrap(), capabilities);
    let created = block_on(fixture.bucket.client().call(create)).unwrap();
    let before = fixture.emulator.snapshot();
    let up = fixture
        .program(&[dir.path().to_str().unwrap(), "b2://holiday-photos/t/"])
        .env(
            "B2_APPLICATION_KEY_ID",
            created.key.application_key_id.as_str(),
        )
        .env("B2_APPLICATION_KEY", created.application_key.expose())
        .output()
        .unwrap();
    assert_copied(&up);
    let after = fixture.emulator.snapshot();
    assert_eq!((before.versions, after.versions), (1, 3));
    assert_eq!(after.calls_of("b2_list_file_names"), 0);
}

/// What has nothing to do with the source is neither read nor told of.
#[cfg(target_os = "linux")]
#[test]
fn a_prefix_is_downloaded_over_what_is_there_and_beside_what_can_not_be_read() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    fixture.put("p/a", "new");
    fixture.put("p/d/b", "new");
    // Paths that are too long to be opened, even by root.
    let deep: std::path::PathBuf = std::iter::repeat_n("d".repeat(250), 10).collect();
    for top in ["lost", "found"] {
        fs::create_dir_all(dir.path().join(top).join(&deep)).unwrap();
    }
    let below = dir.path().join("lost").join(&deep).join("found");
    fs::rename(dir.path().join("found"), below).unwrap();
    std::os::unix::fs::symlink("/", dir.path().join("link")).unwrap();
    fs::write(dir.path().join("a"), "old").unwrap();

    let target = dir.path().to_str().unwrap();
    let down = fixture.cp(&["b2://holiday-photos/p/", target]);
    assert_copied(&down);
    let told_of = stderr(&down);
    assert!(told_of.contains("0 the same or skipped"), "{told_of}");
    assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"new");
    assert_eq!(fs::read(dir.path().join("d/b")).unwrap(), b"new");

    // A mistyped prefix is an error all the same.
    let down = fixture.cp(&["b2://holiday-photos/q/", target]);
    assert_failed(&down);
    let line = "there is no file at the source";
    assert!(stderr(&down).contains(line), "{}", stderr(&down));
}

#[test]
fn a_file_that_can_not_be_copied_does_not_stop_the_others() {
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    for name in ["a", "b", "c"] {
        fixture.put(name, name);
    }
    // A directory at the path of a file.
    fs::create_dir(dir.path().join("b")).unwrap();
    let down = fixture.cp(&["b2://holiday-photos", dir.path().to_str().unwrap()]);
    assert_failed(&down);
    let stderr = stderr(&down);
    assert!(
        stderr.contains("error: refuse b: a directory is in the way")
            && stderr.contains("1 were not done"),
        "{stderr}"
    );
    assert_eq!(names(dir.path()), ["a", "b", "c"]);
}

#[cfg(unix)]
#[test]
fn links_pipes_and_names_that_are_not_utf_8_are_reported() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/file"), "1").unwrap();
    std::os::unix::fs::symlink(at("sub"), at("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();

    let up = fixture.cp(&[dir.path().to_str().unwrap(), "b2://holiday-photos/"]);
    assert_copied(&up);
    let told_of = stderr(&up);
    for line in [
        "skip link: it is a symbolic link",
        "skip socket: it is a pipe, a socket or a device",
    ] {
        assert!(told_of.contains(line), "{line}: {told_of}");
    }
    assert_eq!(fixture.emulator.snapshot().versions, 1);

    // If the file system allows such a name.
    if fs::write(dir.path().join(OsStr::from_bytes(b"caf\xe9")), "").is_ok() {
        let up = fixture.cp(&[dir.path().to_str().unwrap(), "b2://holiday-photos/"]);
        assert_failed(&up);
        assert!(
            stderr(&up).contains("it is not valid Unicode"),
            "{}",
            stderr(&up)
        );
    }
}

#[test]
fn a_large_file_has_a_sha1_at_b2_unless_no_hash_first_is_given() {
    for (options, has_sha1) in [(&["--no-hash-first"][..], false), (&[], true)] {
        let emulator = Emulator::builder()
            .absolute_minimum_part_size(1_000)
            .recommended_part_size(1_000)
            .build();
        let (fixture, dir) = (Fixture::of(emulator), tempfile::tempdir().unwrap());
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("large"), vec![7; 3_000]).unwrap();
        let file = tree.join("large");
        for (from, to) in [
            (&file, "b2://holiday-photos/f"),
            (&tree, "b2://holiday-photos/t/"),
        ] {
            let args = [options, &[from.to_str().unwrap(), to]].concat();
            assert_copied(&fixture.cp(&args));
        }
        for name in ["f", "t/large"] {
            let file = block_on(fixture.bucket.stat(name)).unwrap().unwrap();
            let sha1 = file.file_info.get("large_file_sha1");
            assert_eq!(sha1.is_some(), has_sha1, "{name}: {options:?}");
        }
    }
}

/// A listing of another prefix, of another bucket, and of names that lead elsewhere.
#[test]
fn a_listing_that_is_not_what_was_asked_for_is_an_error_and_nothing_is_written() {
    for (bucket, name) in [
        (None, "precious"),
        (None, "p"),
        (None, "../p/x"),
        (Some("other"), "p/x"),
    ] {
        let (fixture, dir) = (Fixture::new(), tempfile::tempdir().unwrap());
        fixture.put("precious", "precious");
        let id = bucket.unwrap_or(fixture.bucket.id().as_str());
        let page = format!(
            r#"{{"files":[{{"action":"upload","bucketId":"{id}","contentLength":1,"fileId":"4_z",
            "fileName":"{name}","uploadTimestamp":1}}],"nextFileName":null}}"#
        );
        for call in ["b2_list_file_names", "b2_list_file_versions"] {
            let lie = FaultKind::Respond {
                status: 200.try_into().unwrap(),
                content_type: "application/json".parse().unwrap(),
                body: page.clone().into(),
            };
            fixture.emulator.faults().add(Fault::new(lie).on(call));
        }
        let inside = dir.path().join("in");
        let down = fixture.cp(&["b2://holiday-photos/p/", inside.to_str().unwrap()]);
        assert_failed(&down);
        let stderr = stderr(&down);
        assert!(stderr.contains("doesn't match the request"), "{stderr}");
        assert!(
            stderr.contains(name) && !stderr.contains("panicked"),
            "{stderr}"
        );
        let written = names(dir.path());
        assert!(
            written.is_empty() || names(&inside).is_empty(),
            "{written:?}"
        );
    }
}

#[test]
fn a_retry_is_printed_with_its_reason() {
    let fixture = Fixture::new();
    let fault = Fault::new(FaultKind::service_unavailable()).on("b2_list_buckets");
    fixture.emulator.faults().add(fault.times(2));
    let up = fixture.cp(&["Cargo.toml", "b2://holiday-photos/"]);
    assert_copied(&up);
    let stderr = stderr(&up);
    assert!(
        stderr.contains("b2_list_buckets: attempt 2 of "),
        "{stderr}"
    );
    assert!(stderr.contains("B2 answered 503"), "{stderr}");
    assert!(stderr.contains("; retrying in "), "{stderr}");
}

#[test]
fn a_refused_connection_is_retried_then_reported_with_its_address() {
    let fixture = Fixture::new();
    // A port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = port.local_addr().unwrap().to_string();
    drop(port);
    let output = fixture
        .program(&["Cargo.toml", "b2://holiday-photos/"])
        .env("B2_ENVIRONMENT", format!("http://{host}"))
        .output()
        .unwrap();
    assert_failed(&output);
    let stderr = stderr(&output);
    assert!(
        stderr.contains("b2_authorize_account: attempt 2 of "),
        "{stderr}"
    );
    assert!(stderr.contains("outage detected"), "{stderr}");
    let last = stderr.lines().last().unwrap();
    for word in ["error: ", &host, "check the address", "refused"] {
        assert!(last.contains(word), "{word}: {stderr}");
    }
}

#[cfg(unix)]
mod stopped {
    use super::*;

    /// The output of the program when it is interrupted while the call `held` waits in the emulator. The emulator may
    /// carry out the call once the latch is open, even though the program has ended.
    fn interrupted(fixture: &Fixture, held: &str, args: &[&str]) -> (Output, Latch) {
        let latch = Latch::new();
        let fault = Fault::new(FaultKind::Wait(latch.clone())).on(held);
        fixture.emulator.faults().add(fault);
        let process = fixture.program(args).spawn().unwrap();
        while latch.waiting() == 0 {
            std::thread::yield_now();
        }
        interrupt(&process);
        let output = process.wait_with_output().unwrap();
        fixture.emulator.faults().clear();
        (output, latch)
    }

    fn interrupt(process: &Child) {
        let id = rustix::process::Pid::from_child(process);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    }

    fn fixture() -> Fixture {
        let emulator = Emulator::builder()
            .absolute_minimum_part_size(1_000)
            .recommended_part_size(1_000)
            .build();
        Fixture::of(emulator)
    }

    #[test]
    fn an_interrupted_upload_leaves_nothing_at_b2() {
        let (fixture, dir) = (fixture(), tempfile::tempdir().unwrap());
        let path = dir.path().join("large");
        fs::write(&path, vec![7; 3_000]).unwrap();
        let args = [path.to_str().unwrap(), "b2://holiday-photos/"];
        let (output, latch) = interrupted(&fixture, "b2_upload_part", &args);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(stderr(&output).contains("unfinished transfers were removed"));
        let snapshot = fixture.emulator.snapshot();
        assert_eq!(snapshot.calls_of("b2_start_large_file"), 1);
        assert_eq!((snapshot.unfinished_large_files, snapshot.versions), (0, 0));
        latch.open();
    }

    #[test]
    fn an_interrupted_upload_with_resume_is_kept_and_resumed() {
        let (fixture, dir) = (fixture(), tempfile::tempdir().unwrap());
        let path = dir.path().join("large");
        fs::write(&path, vec![7; 3_000]).unwrap();
        let args = ["--resume", path.to_str().unwrap(), "b2://holiday-photos/"];
        let (output, latch) = interrupted(&fixture, "b2_finish_large_file", &args);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let stderr = stderr(&output);
        assert!(
            stderr.contains("run the same command to resume"),
            "{stderr}"
        );
        assert_eq!(fixture.emulator.snapshot().unfinished_large_files, 1);

        assert_copied(&fixture.cp(&args));
        let snapshot = fixture.emulator.snapshot();
        assert_eq!(snapshot.unfinished_large_files, 0);
        assert_eq!(snapshot.calls_of("b2_start_large_file"), 1);
        latch.open();
    }

    #[test]
    fn an_interrupted_download_leaves_no_partial_file() {
        let (fixture, dir) = (fixture(), tempfile::tempdir().unwrap());
        let large = Source::bytes(vec![7; 3_000]);
        block_on(fixture.bucket.upload("large", large).into_future()).unwrap();
        let path = dir.path().join("large");
        let args = ["b2://holiday-photos/large", path.to_str().unwrap()];
        let (output, latch) = interrupted(&fixture, "b2_download_file_by_name", &args);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
        latch.open();
    }
}
