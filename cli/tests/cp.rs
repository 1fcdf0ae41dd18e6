//! The example that copies files: what goes up comes back, and what is wrong is told in a line.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use b2kit::api::CreateBucket;
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::types::{BucketName, BucketType};
use b2kit::{Client, Credentials};
use futures::executor::block_on;

struct There {
    emulator: Emulator,
    server: Server,
}

impl There {
    fn new() -> Self {
        let emulator = Emulator::new();
        let server = Server::start(&emulator).unwrap();
        let b2 = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(emulator.clone())
            .build()
            .unwrap();
        let photos = BucketName::new("holiday-photos").unwrap();
        block_on(b2.call(CreateBucket::new(photos, BucketType::AllPrivate))).unwrap();
        Self { emulator, server }
    }

    fn cp(&self, args: &[&str], input: &[u8]) -> Output {
        let mut process = Command::new(env!("CARGO_BIN_EXE_b2kit"))
            .args(["--endpoint", self.server.url()])
            .args(args)
            .env("B2_APPLICATION_KEY_ID", self.emulator.key_id())
            .env("B2_APPLICATION_KEY", self.emulator.key())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let input = input.to_vec();
        // It may end without having read it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = process.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }
}

fn told(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
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

    let up = there.cp(&[&at("cat.jpg"), "b2://holiday-photos/2026/"], b"");
    assert!(up.status.success(), "{}", told(&up));
    assert!(
        told(&up).starts_with("2026/cat.jpg  100 %  20.0 MB"),
        "{}",
        told(&up)
    );
    let back = at("back.jpg");
    let down = there.cp(&["b2://holiday-photos/2026/cat.jpg", &back], b"");
    assert!(down.status.success(), "{}", told(&down));
    assert!(fs::read(&back).unwrap() == content);
    let modified = |path: &str| fs::metadata(path).unwrap().modified().unwrap();
    let apart = modified(&at("cat.jpg"))
        .duration_since(modified(&back))
        .unwrap();
    assert!(
        apart.as_millis() == 0,
        "the time of modification went along: {apart:?}"
    );

    let up = there.cp(&["--quiet", "-", "b2://holiday-photos/piped"], &content);
    assert!(up.status.success() && up.stderr.is_empty(), "{}", told(&up));
    let down = there.cp(&["--quiet", "b2://holiday-photos/piped", "-"], b"");
    assert!(down.stdout == content, "{}", told(&down));

    let up = there.cp(&[&at("tree"), "b2://holiday-photos/t/"], b"");
    assert!(up.status.success(), "{}", told(&up));
    let down = there.cp(&["b2://holiday-photos/t/", &at("tree2")], b"");
    assert!(down.status.success(), "{}", told(&down));
    assert_eq!(fs::read(at("tree2/x")).unwrap(), b"1");
    assert_eq!(fs::read(at("tree2/a/b/y")).unwrap(), b"");
}

#[test]
fn what_is_wrong_is_told_in_a_line_and_leaves_nothing() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    let target = dir.path().join("t").to_str().unwrap().to_owned();
    for (args, line) in [
        (&["a", "b"][..], "usage: cp"),
        (&["--wat"], "what is --wat?"),
        (
            &["/no/such/file", "b2://holiday-photos/f"],
            "\"/no/such/file\" can't be read: ",
        ),
        (&["/", "b2://holiday-photos/f"], "end it in /"),
        (
            &["Cargo.toml", "b2://no-such-bucket/f"],
            "the account has no bucket",
        ),
        (&["b2://holiday-photos/absent", &target], "404 not_found"),
    ] {
        let output = there.cp(args, b"");
        assert!(!output.status.success());
        let told = told(&output);
        assert!(told.starts_with("error: ") && told.contains(line), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert_eq!(there.emulator.snapshot().versions, 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A name may be anything; as a path it must not leave the directory.
#[test]
fn a_name_that_would_lead_out_of_the_directory_is_refused() {
    let (there, dir) = (There::new(), tempfile::tempdir().unwrap());
    let up = there.cp(&["Cargo.toml", "b2://holiday-photos/p/../../out"], b"");
    assert!(up.status.success(), "{}", told(&up));
    let inside = dir.path().join("in").to_str().unwrap().to_owned();
    let down = there.cp(&["b2://holiday-photos/p/", &inside], b"");
    assert!(!down.status.success());
    assert!(told(&down).contains("../../out"), "{}", told(&down));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
