//! The program, as a user starts it.

#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "program/arguments.rs"]
mod arguments;
#[path = "program/exposure.rs"]
mod exposure;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_b2kit-emulator");

/// A running emulator and its output.
struct Running {
    child: Child,
    said: String,
    settings: BTreeMap<String, String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        Self::of(command.args(["--port", "0"]).args(arguments))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let exports = said.lines().filter_map(|line| line.strip_prefix("export "));
        let settings = exports
            .flat_map(|line| line.split(' '))
            .filter_map(|it| it.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            child,
            said,
            settings,
        }
    }

    fn setting(&self, name: &str) -> &str {
        &self.settings[name]
    }

    fn port(&self) -> u16 {
        let url = self.setting("B2_ENVIRONMENT");
        url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Sends a GET with these headers and returns the whole response.
    fn get(&self, target: &str, headers: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let mut head = format!("GET {target} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Sends a POST with these headers and returns the whole response.
    fn post(&self, target: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let len = body.len();
        let mut head =
            format!("POST {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {len}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n{body}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    fn authorize(&self) -> String {
        let (id, key) = (
            self.setting("B2_APPLICATION_KEY_ID"),
            self.setting("B2_APPLICATION_KEY"),
        );
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{key}")));
        self.get(
            "/b2api/v2/b2_authorize_account",
            &[("Host", "localhost"), ("Authorization", &basic)],
        )
    }

    /// Sends a signal. Returns whether the program succeeded, and its standard error.
    fn stop(mut self, signal: Signal) -> (bool, String) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        let mut err = self.child.stderr.take().unwrap();
        err.read_to_string(&mut said).unwrap();
        (status.success(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Standard error of a failed start.
fn refused(arguments: &[&str]) -> String {
    refused_with(arguments).1
}

/// Exit code and standard error of a failed start.
fn refused_with(arguments: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(!done.status.success(), "{arguments:?}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "");
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn legacy_encryption_applies_to_single_buckets_or_the_account() {
    let default_of = |arguments: &[&str], bucket: &str| {
        let running = Running::start(arguments);
        let text = |response: &str, name: &str| {
            let (_, json) = response.split_once("\r\n\r\n").unwrap();
            let json: serde_json::Value = serde_json::from_str(json).unwrap();
            json.pointer(name).unwrap().clone()
        };
        let session = running.authorize();
        let token = text(&session, "/authorizationToken");
        let account = text(&session, "/accountId");
        let target = format!(
            "/b2api/v2/b2_list_buckets?accountId={}&bucketName={bucket}",
            account.as_str().unwrap()
        );
        let listed = running.get(
            &target,
            &[
                ("Host", "localhost"),
                ("Authorization", token.as_str().unwrap()),
            ],
        );
        text(&listed, "/buckets/0/defaultServerSideEncryption/value/mode")
    };
    let one = ["--legacy-bucket", "old-bucket", "--bucket", "new-bucket"];
    assert_eq!(default_of(&one, "old-bucket"), serde_json::Value::Null);
    assert_eq!(default_of(&one, "new-bucket"), "SSE-B2");
    let all = ["--legacy-encryption", "--bucket", "new-bucket"];
    assert_eq!(default_of(&all, "new-bucket"), serde_json::Value::Null);
}

#[test]
fn the_printed_link_opens_the_console_and_help_names_the_control_api() {
    for token in [None, Some("a&b=%ü c")] {
        let arguments: Vec<_> = token
            .iter()
            .flat_map(|it| ["--control-token", it])
            .collect();
        let running = Running::start(&arguments);
        let link = running
            .said
            .lines()
            .find(|it| it.contains("?token="))
            .unwrap();
        let target = link.split_once("/b2kit-emulator/").unwrap().1;
        let target = format!("/b2kit-emulator/{target}");
        let page = running.get(&target, &[("Host", "localhost")]);
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(page.contains("<title>b2kit-emulator</title>"));
    }
    let running = Running::start(&["--no-control"]);
    assert!(!running.said.contains("?token="), "{}", running.said);
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.contains("console in a browser") && help.contains("openapi.json"),
        "{help}"
    );
}

#[test]
fn the_program_prints_the_clients_settings_and_stops_on_a_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let running = Running::start(&[
            "--bucket",
            "first-bucket",
            "--public-bucket",
            "second-bucket",
        ]);
        assert!(
            running
                .said
                .contains("# Bucket first-bucket (private).\n# Bucket second-bucket (public).\n")
        );
        assert_eq!(running.setting("RCLONE_CONFIG_EMULATOR_TYPE"), "b2");
        assert_eq!(
            running.setting("RCLONE_CONFIG_EMULATOR_ENDPOINT"),
            running.setting("B2_ENVIRONMENT")
        );
        let response = running.authorize();
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        let url = running.setting("B2_ENVIRONMENT").to_owned();
        assert!(
            response.contains(&format!("\"apiUrl\": \"{url}\"")),
            "{response}"
        );
        assert_eq!(
            running.stop(signal),
            (true, "b2kit-emulator: stopping\n".to_owned())
        );
    }
}

#[test]
fn the_control_endpoint_accepts_the_printed_token() {
    let running = Running::start(&["--bucket", "first-bucket"]);
    let bearer = format!("Bearer {}", running.setting("B2KIT_EMULATOR_CONTROL_TOKEN"));
    let response = running.get(
        "/b2kit-emulator/v1",
        &[("Host", "localhost"), ("Authorization", &bearer)],
    );
    assert!(response.contains("\"buckets\": 1"), "{response}");
    let other = Running::start(&[]);
    assert_ne!(
        running.setting("B2KIT_EMULATOR_CONTROL_TOKEN"),
        other.setting("B2KIT_EMULATOR_CONTROL_TOKEN")
    );
    let without = Running::start(&["--no-control"]);
    assert!(
        !without
            .settings
            .contains_key("B2KIT_EMULATOR_CONTROL_TOKEN")
    );
    let response = without.get(
        "/b2kit-emulator/v1",
        &[("Host", "localhost"), ("Authorization", &bearer)],
    );
    assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
}

#[test]
fn a_request_for_an_unknown_host_name_gets_421() {
    let running = Running::start(&["--host", "b2.test"]);
    let status = |host: &str| {
        let response = running.get("/b2api/v2/b2_list_buckets", &[("Host", host)]);
        response.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("b2.test"), "401");
    assert_eq!(status("evil.example"), "421");
}

#[test]
fn data_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let mut running = Running::start(&["--data", data, "--bucket", "kept-bucket"]);
    let session = running.authorize();
    let token = session.split("\"authorizationToken\": \"").nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    let busy = refused(&["--port", "0", "--data", data]);
    assert!(busy.contains("is in use by another emulator"), "{busy}");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    // what is there needs no --bucket, and tokens are still good
    let running = Running::start(&["--data", data]);
    let target = "/b2api/v2/b2_list_buckets?accountId=e0b2e0b2e0b2";
    let response = running.get(target, &[("Host", "localhost"), ("Authorization", &token)]);
    assert!(
        response.contains("\"bucketName\": \"kept-bucket\""),
        "{response}"
    );
    assert!(running.stop(Signal::INT).0);
}

#[test]
fn an_existing_bucket_keeps_its_type_and_the_banner_says_which() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    drop(Running::start(&[
        "--data",
        data,
        "--public-bucket",
        "first-bucket",
    ]));
    let running = Running::start(&["--data", data, "--bucket", "first-bucket"]);
    let said = "# Bucket first-bucket (public, as it was before).\n";
    assert!(running.said.contains(said), "{}", running.said);
}

/// A limit on file sizes simulates a full disk: the journal stays, and can't grow.
#[test]
fn downloads_continue_when_a_delete_can_not_be_persisted() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let limited = "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"";
    let mut command = Command::new("bash");
    command.args(["-c", limited, PROGRAM, "--port", "0", "--data", data]);
    let running = Running::of(command.args(["--public-bucket", "full-bucket"]));
    let session = running.authorize();
    let token = field(&session, "authorizationToken");
    let auth = [("Host", "localhost"), ("Authorization", token.as_str())];
    let account = field(&session, "accountId");
    let call = |call: &str, body: String| running.post(&format!("/b2api/v2/{call}"), &auth, &body);
    let buckets = call(
        "b2_list_buckets",
        format!("{{\"accountId\": \"{account}\"}}"),
    );
    let bucket = field(&buckets, "bucketId");
    let upload = |name: &str| {
        let url = call(
            "b2_get_upload_url",
            format!("{{\"bucketId\": \"{bucket}\"}}"),
        );
        let (target, token) = (field(&url, "uploadUrl"), field(&url, "authorizationToken"));
        let headers = [
            ("Host", "localhost"),
            ("Authorization", token.as_str()),
            ("X-Bz-File-Name", name),
            ("Content-Type", "text/plain"),
            ("X-Bz-Content-Sha1", "do_not_verify"),
        ];
        let target = &target[target.find("/b2api").unwrap()..];
        running.post(target, &headers, "meow")
    };
    let kept = field(&upload("kept"), "fileId");
    let deleted = field(&upload("deleted"), "fileId");
    let delete = |id: &str, name: &str| {
        let body = format!("{{\"fileId\": \"{id}\", \"fileName\": \"{name}\"}}");
        call("b2_delete_file_version", body)
    };
    // as many lines as fit, and then the last bytes with a file that doesn't
    let mut more = 0;
    while upload(&format!("more-{more}")).starts_with("HTTP/1.1 200 ") {
        more += 1;
    }
    assert!(more > 5, "{more}");
    let refused = delete(&deleted, "deleted");
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let get = |target: &str| running.get(target, &[("Host", "localhost")]);
    for target in [
        "/file/full-bucket/kept".to_owned(),
        format!("/b2api/v2/b2_download_file_by_id?fileId={kept}"),
    ] {
        let response = get(&target);
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
        assert!(response.ends_with("meow"), "{response}");
    }
    // a restart would find the one that was to be deleted, and not the one that did not fit
    for name in ["deleted".to_owned(), format!("more-{more}")] {
        let response = get(&format!("/file/full-bucket/{name}"));
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
        assert!(response.contains("service_unavailable"), "{response}");
    }
}

/// The first string with this name in the JSON of a response.
fn field(response: &str, name: &str) -> String {
    let found = response.split(&format!("\"{name}\": \"")).nth(1);
    let found = found.unwrap_or_else(|| panic!("no {name} in {response}"));
    found.split('"').next().unwrap().to_owned()
}

#[test]
fn each_request_is_logged_without_its_secrets() {
    let running = Running::start(&["--log", "info"]);
    running.authorize();
    running.get(
        "/file/a-bucket/f?Authorization=secret-token",
        &[("Host", "localhost")],
    );
    let key = running.setting("B2_APPLICATION_KEY").to_owned();
    let (_, log) = running.stop(Signal::INT);
    assert!(
        log.contains("method=GET path=\"/b2api/v2/b2_authorize_account\" status=200"),
        "{log}"
    );
    assert!(log.contains("path=\"/file/a-bucket/f\" status="), "{log}");
    assert!(
        !log.contains("secret-token") && !log.contains(&key),
        "{log}"
    );
}

#[test]
fn a_port_in_use_is_reported() {
    let running = Running::start(&[]);
    let port = running.port().to_string();
    let said = refused(&["--port", &port]);
    assert!(said.contains(&format!("127.0.0.1:{port}: ")), "{said}");
    assert!(said.contains("in use"), "{said}");
}
