//! The program that the README starts with: its output, and its errors.

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

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The only line of a failed program's standard error.
fn error_line(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn without_arguments_two_files_are_uploaded_downloaded_and_deleted() {
    let output = quickstart(&[], None);
    let stdout = stdout(&output);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    for line in [
        "authorized",
        "uploaded",
        "(12.0 MB, in 3 parts)",
        "unchanged",
        "All files came back unchanged",
        "from_env()?",
    ] {
        assert!(stdout.contains(line), "{stdout}");
    }
}

#[test]
fn a_given_file_is_uploaded_and_downloaded() {
    let output = quickstart(&["Cargo.toml"], None);
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("Cargo.toml"), "{output:?}");
}

#[test]
fn with_an_endpoint_the_key_is_read_from_the_environment() {
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
fn a_retry_is_printed_with_its_reason() {
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
        assert!(stdout(&output).contains(word), "{word}: {output:?}");
    }
}

#[test]
fn an_error_is_printed_in_one_line_without_the_key() {
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
        (plain, "plain http is allowed to loopback addresses only"),
    ] {
        let line = error_line(&output);
        assert!(line.starts_with("error: ") && line.contains(why), "{line}");
        assert!(!line.contains("canary"), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_is_an_error() {
    use std::os::unix::ffi::OsStrExt as _;
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    error_line(&example("quickstart").arg(name).output().unwrap());
}
