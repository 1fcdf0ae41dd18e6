//! The program that the README shows first: what it prints when all is well, and when it is not.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod example;

use std::process::Output;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};

use example::example;

fn quickstart(args: &[&str], key: Option<(&str, &str)>) -> Output {
    let mut command = example("quickstart");
    command
        .args(args)
        .env_remove("B2_APPLICATION_KEY_ID")
        .env_remove("B2_APPLICATION_KEY");
    if let Some((id, key)) = key {
        command
            .env("B2_APPLICATION_KEY_ID", id)
            .env("B2_APPLICATION_KEY", key);
    }
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a failure prints: one line, and nothing else.
fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn two_files_go_up_and_come_back_and_nothing_is_left() {
    let output = quickstart(&[], None);
    let told = told(&output);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    for line in [
        "authorized",
        "uploaded",
        "(12.0 MB, in 3 parts)",
        "as it went",
        "Everything came back",
        "from_env()?",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn a_file_of_ones_own_goes_up_and_comes_back() {
    let output = quickstart(&["Cargo.toml"], None);
    assert!(output.status.success(), "{output:?}");
    assert!(told(&output).contains("Cargo.toml"), "{output:?}");
}

#[test]
fn it_runs_against_any_endpoint_with_the_key_from_the_environment() {
    let emulator = Emulator::new();
    let server = Server::start(&emulator).unwrap();
    let output = quickstart(
        &["--endpoint", server.url()],
        Some((emulator.key_id(), emulator.key())),
    );
    assert!(output.status.success(), "{output:?}");
    let snapshot = emulator.snapshot();
    assert_eq!(
        (
            snapshot.buckets,
            snapshot.versions,
            snapshot.unfinished_large_files
        ),
        (0, 0, 0)
    );
    assert_eq!(snapshot.calls_of("b2_upload_part"), 3);
}

#[test]
fn it_says_that_it_tries_again_and_why() {
    let emulator = Emulator::new();
    let server = Server::start(&emulator).unwrap();
    let fault = Fault::new(FaultKind::service_unavailable()).on("b2_list_file_names");
    emulator.faults().add(fault.times(2));
    let key = Some((emulator.key_id(), emulator.key()));
    let output = quickstart(&["--endpoint", server.url()], key);
    assert!(output.status.success(), "{output:?}");
    let warnings = String::from_utf8(output.stderr).unwrap();
    for word in ["b2_list_file_names", "attempt 2 of ", "503", "; retrying "] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    assert_eq!(warnings.lines().count(), 1, "{warnings}");
}

#[test]
fn help_explains_every_option() {
    let output = quickstart(&["--help"], None);
    assert!(output.status.success(), "{output:?}");
    for word in ["FILE", "--real", "--endpoint URL", "B2_APPLICATION_KEY_ID"] {
        assert!(told(&output).contains(word), "{word}: {output:?}");
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let emulator = Emulator::new();
    let server = Server::start(&emulator).unwrap();
    let key = Some(("002id", "K002canary"));
    let wrong_key = quickstart(&["--endpoint", server.url()], key);
    let refused = quickstart(&["--endpoint", "http://127.0.0.1:1"], key);
    let plain = quickstart(&["--endpoint", "http://b2.example"], key);
    for (output, why) in [
        (
            quickstart(&["no-such-file"], None),
            "can't read no-such-file",
        ),
        (quickstart(&["tests"], None), "tests is not a file"),
        (
            quickstart(&["--real"], None),
            "B2_APPLICATION_KEY_ID is not set",
        ),
        (quickstart(&["--bogus"], None), "usage: quickstart"),
        (wrong_key, "b2_authorize_account: B2 answered 401 "),
        (refused, "Connection refused"),
        (plain, "plain http is trusted on loopback addresses only"),
    ] {
        let complaint = complaint(&output);
        assert!(
            complaint.starts_with("error: ") && complaint.contains(why),
            "{complaint}"
        );
        assert!(!complaint.contains("canary"), "{complaint}");
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_answered_without_a_panic() {
    use std::os::unix::ffi::OsStrExt as _;
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    complaint(&example("quickstart").arg(name).output().unwrap());
}
