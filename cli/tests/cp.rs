//! `b2kit cp`: what goes up comes back, what is wrong is told, and who stops it finds nothing left.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use b2kit::api::CreateBucket;
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Latch, Server};
use b2kit::transfer::Source;
use b2kit::types::{BucketName, BucketType};
use b2kit::{BucketHandle, Client, Credentials};
use futures::executor::block_on;

struct There {
    emulator: Emulator,
    server: Server,
    bucket: BucketHandle,
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
        let made = block_on(b2.call(CreateBucket::new(photos.clone(), BucketType::AllPrivate)));
        let bucket = BucketHandle::new(b2, made.unwrap().bucket_id, photos);
        Self {
            emulator,
            server,
            bucket,
        }
    }

    /// The program, which finds the emulator as the official tools do.
    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_b2kit"));
        command
            .arg("cp")
            .args(args)
            .env("B2_ENVIRONMENT", self.server.url())
            .env("B2_APPLICATION_KEY_ID", self.emulator.key_id())
            .env("B2_APPLICATION_KEY", self.emulator.key())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn cp_from(&self, args: &[&str], input: &[u8]) -> Output {
        let mut process = self.program(args).spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let input = input.to_vec();
        // It may end without having read it.
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

fn told(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
fn assert_copied(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", told(output));
}

#[track_caller]
fn assert_failed(output: &Output) {
    assert_eq!(output.status.code(), Some(1), "{}", told(output));
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
fn a_file_a_tree_and_standard_input_go_up_and_come_back() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 7) as u8).collect();
    fs::write(at("cat.jpg"), &content).unwrap();
    fs::create_dir_all(at("tree/a/b")).unwrap();
    fs::write(at("tree/x"), "1").unwrap();
    fs::write(at("tree/a/b/y"), "").unwrap();

    let up = there.cp(&[&at("cat.jpg"), "b2://holiday-photos/2026/"]);
    assert_copied(&up);
    let line = told(&up);
    assert!(line.starts_with("2026/cat.jpg  20.00 MB  "), "{line}");
    let back = at("back.jpg");
    let down = there.cp(&["b2://holiday-photos/2026/cat.jpg", &back]);
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

    let up = there.cp_from(&["--quiet", "-", "b2://holiday-photos/piped"], &content);
    assert_copied(&up);
    assert!(up.stderr.is_empty(), "{}", told(&up));
    let down = there.cp(&["--quiet", "b2://holiday-photos/piped", "-"]);
    assert!(down.stdout == content, "{}", told(&down));

    assert_copied(&there.cp(&[&at("tree"), "b2://holiday-photos/t/"]));
    assert_copied(&there.cp(&["b2://holiday-photos/t/", &at("tree2")]));
    assert_eq!(fs::read(at("tree2/x")).unwrap(), b"1");
    assert_eq!(fs::read(at("tree2/a/b/y")).unwrap(), b"");
}

#[test]
fn what_is_wrong_is_told_in_a_line_and_leaves_nothing() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    let target = dir.path().join("t").to_str().unwrap().to_owned();
    let nowhere = dir.path().join("no/t").to_str().unwrap().to_owned();
    there.put("there", "meow");
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
            &format!("absent to {target}: "),
        ),
        (
            &["b2://holiday-photos/there", &nowhere],
            &format!("there to {nowhere}: "),
        ),
        (&["b2://holiday-photos/absent", "-"], "404 not_found"),
    ] {
        let output = there.cp(args);
        assert_failed(&output);
        let told = told(&output);
        assert!(told.starts_with("error: ") && told.contains(line), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert_eq!(there.emulator.snapshot().versions, 1);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn wrong_arguments_are_told_with_the_usage_and_status_2() {
    let there = There::new();
    for (args, line) in [
        (&["a", "b"][..], "must be b2://BUCKET/NAME"),
        (&["b2://a/b", "b2://c/d"], "must be a path or -"),
        (&["b2:///name", "b"], "there is no bucket in it"),
        (&["-", "b2://holiday-photos/"], "needs a name"),
        (&["b2://holiday-photos/p/", "-"], "only one file"),
        (
            &["--resume", "-", "b2://holiday-photos/f"],
            "can't be resumed",
        ),
        (&["--wat"], "unexpected argument '--wat'"),
        (&[], "required arguments"),
        (&["", "b2://a/b"], "it is empty"),
        (
            &["--endpoint", "prod", "a", "b2://a/b"],
            "neither a URL nor",
        ),
    ] {
        let output = there.cp(args);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        let told = told(&output);
        assert!(told.contains(line) && told.contains("--help"), "{told}");
        if let Some((_, usage)) = told.split_once("Usage: ") {
            assert!(
                usage.starts_with("b2kit cp [OPTIONS] <FROM> <TO>\n"),
                "{told}"
            );
        }
    }
}

#[test]
fn help_says_all_that_can_be_said() {
    let output = There::new().cp(&["--help"]);
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
fn an_endpoint_wins_over_the_environment_and_what_is_none_is_refused() {
    let (there, other) = (There::new(), There::new());
    let up = |environment: &str, args: &[&str]| {
        let mut program = there.program(args);
        let program = program.env("B2_ENVIRONMENT", environment);
        program
            .args(["Cargo.toml", "b2://holiday-photos/"])
            .output()
    };
    let url = there.server.url();
    assert_copied(&up(other.server.url(), &["--endpoint", url]).unwrap());
    assert_eq!(there.emulator.snapshot().versions, 1);
    assert_eq!(other.emulator.snapshot().versions, 0);

    let refused = up("prod", &[]).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(
        told(&refused).contains("\"prod\" is neither a URL"),
        "{}",
        told(&refused)
    );
}

/// A name may be anything; as a path it must not leave the directory.
#[test]
fn a_name_that_would_lead_out_of_the_directory_is_refused_and_the_others_come() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    for name in ["p/../../out", "p/a", "p/b/c", "p//d", "p/e/"] {
        there.put(name, name);
    }
    let inside = dir.path().join("in");
    let down = there.cp(&["b2://holiday-photos/p/", inside.to_str().unwrap()]);
    assert_failed(&down);
    let told = told(&down);
    for line in [
        "error: refuse ../../out: no local path can have this name",
        "error: refuse /d: no local path can have this name",
        "error: refuse e/: no local path can have this name",
        "error: 3 were not done",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(names(dir.path()), ["in"]);
    assert_eq!(names(&inside), ["a", "b"]);
    assert_eq!(fs::read(inside.join("b/c")).unwrap(), b"p/b/c");
}

#[test]
fn a_prefix_that_matches_nothing_and_an_empty_directory_are_told_and_fail() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    let target = dir.path().join("in");
    let down = there.cp(&["b2://holiday-photos/no/", target.to_str().unwrap()]);
    assert_failed(&down);
    let line = "error: refuse the whole tree: there is no file at the source";
    assert!(told(&down).contains(line), "{}", told(&down));
    assert!(names(dir.path()).is_empty());

    let up = there.cp(&[dir.path().to_str().unwrap(), "b2://holiday-photos/"]);
    assert_failed(&up);
    assert!(told(&up).contains(line), "{}", told(&up));
}

#[test]
fn a_file_that_can_not_be_copied_does_not_stop_the_others() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    for name in ["a", "b", "c"] {
        there.put(name, name);
    }
    // A directory where a file should be.
    fs::create_dir(dir.path().join("b")).unwrap();
    let down = there.cp(&["b2://holiday-photos", dir.path().to_str().unwrap()]);
    assert_failed(&down);
    let told = told(&down);
    assert!(
        told.contains("error: download b (1 bytes): not done") && told.contains("1 were not done"),
        "{told}"
    );
    assert_eq!(names(dir.path()), ["a", "b", "c"]);
}

#[cfg(unix)]
#[test]
fn links_pipes_and_names_that_are_no_text_are_told_of() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/file"), "1").unwrap();
    std::os::unix::fs::symlink(at("sub"), at("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();

    let up = there.cp(&[dir.path().to_str().unwrap(), "b2://holiday-photos/"]);
    assert_copied(&up);
    let told_of = told(&up);
    for line in [
        "skip link: it is a symbolic link",
        "skip socket: it is a pipe, a socket or a device",
    ] {
        assert!(told_of.contains(line), "{line}: {told_of}");
    }
    assert_eq!(there.emulator.snapshot().versions, 1);

    // Where the file system takes such a name.
    if fs::write(dir.path().join(OsStr::from_bytes(b"caf\xe9")), "").is_ok() {
        let up = there.cp(&[dir.path().to_str().unwrap(), "b2://holiday-photos/"]);
        assert_failed(&up);
        assert!(
            told(&up).contains("it is not valid Unicode"),
            "{}",
            told(&up)
        );
    }
}

#[test]
fn it_says_that_it_tries_again_and_why() {
    let there = There::new();
    let fault = Fault::new(FaultKind::service_unavailable()).on("b2_list_buckets");
    there.emulator.faults().add(fault.times(2));
    let up = there.cp(&["Cargo.toml", "b2://holiday-photos/"]);
    assert_copied(&up);
    let told = told(&up);
    assert!(told.contains("b2_list_buckets: attempt 2 of "), "{told}");
    assert!(told.contains("B2 answered 503"), "{told}");
    assert!(told.contains("; retrying in "), "{told}");
}

#[test]
fn where_nobody_listens_it_says_what_it_tries_and_ends_with_the_address_and_the_reason() {
    let there = There::new();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = port.local_addr().unwrap().to_string();
    drop(port);
    let output = there
        .program(&["Cargo.toml", "b2://holiday-photos/"])
        .env("B2_ENVIRONMENT", format!("http://{host}"))
        .output()
        .unwrap();
    assert_failed(&output);
    let told = told(&output);
    assert!(
        told.contains("b2_authorize_account: attempt 2 of "),
        "{told}"
    );
    assert!(told.contains("outage has begun"), "{told}");
    let last = told.lines().last().unwrap();
    for word in ["error: ", &host, "is the address right", "refused"] {
        assert!(last.contains(word), "{word}: {told}");
    }
}

#[cfg(unix)]
mod stopped {
    use super::*;

    /// What the program has come to when it is interrupted while `held` waits at the emulator.
    fn interrupted(there: &There, held: &str, args: &[&str]) -> Output {
        let latch = Latch::new();
        let fault = Fault::new(FaultKind::Wait(latch.clone())).on(held);
        there.emulator.faults().add(fault);
        let process = there.program(args).spawn().unwrap();
        while latch.waiting() == 0 {
            std::thread::yield_now();
        }
        interrupt(&process);
        let output = process.wait_with_output().unwrap();
        latch.open();
        there.emulator.faults().clear();
        output
    }

    fn interrupt(process: &Child) {
        let id = rustix::process::Pid::from_child(process);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    }

    fn there() -> There {
        let emulator = Emulator::builder()
            .absolute_minimum_part_size(1_000)
            .recommended_part_size(1_000)
            .build();
        There::of(emulator)
    }

    #[test]
    fn an_upload_that_is_interrupted_leaves_nothing_at_b2() {
        let (there, dir) = (there(), tempfile::tempdir().unwrap());
        let path = dir.path().join("large");
        fs::write(&path, vec![7; 3_000]).unwrap();
        let args = [path.to_str().unwrap(), "b2://holiday-photos/"];
        let output = interrupted(&there, "b2_upload_part", &args);
        assert_eq!(output.status.code(), Some(130), "{}", told(&output));
        assert!(told(&output).contains("unfinished transfers were removed"));
        let snapshot = there.emulator.snapshot();
        assert_eq!(snapshot.calls_of("b2_start_large_file"), 1);
        assert_eq!((snapshot.unfinished_large_files, snapshot.versions), (0, 0));
    }

    #[test]
    fn an_upload_that_may_be_resumed_is_kept_and_says_so_and_goes_on() {
        let (there, dir) = (there(), tempfile::tempdir().unwrap());
        let path = dir.path().join("large");
        fs::write(&path, vec![7; 3_000]).unwrap();
        let args = ["--resume", path.to_str().unwrap(), "b2://holiday-photos/"];
        let output = interrupted(&there, "b2_finish_large_file", &args);
        assert_eq!(output.status.code(), Some(130), "{}", told(&output));
        let told = told(&output);
        assert!(told.contains("run the same command to resume"), "{told}");
        assert_eq!(there.emulator.snapshot().unfinished_large_files, 1);

        assert_copied(&there.cp(&args));
        let snapshot = there.emulator.snapshot();
        assert_eq!(snapshot.unfinished_large_files, 0);
        assert_eq!(snapshot.calls_of("b2_start_large_file"), 1);
    }

    #[test]
    fn a_download_that_is_interrupted_leaves_no_partial_file() {
        let (there, dir) = (there(), tempfile::tempdir().unwrap());
        let large = Source::bytes(vec![7; 3_000]);
        block_on(there.bucket.upload("large", large).into_future()).unwrap();
        let path = dir.path().join("large");
        let args = ["b2://holiday-photos/large", path.to_str().unwrap()];
        let output = interrupted(&there, "b2_download_file_by_name", &args);
        assert_eq!(output.status.code(), Some(130), "{}", told(&output));
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    }
}
