//! The program, as a user starts it.

#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_b2kit-emulator");

/// A running emulator, and what it printed.
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

    /// A GET with these headers: the whole answer.
    fn get(&self, target: &str, headers: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let mut head = format!("GET {target} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A POST with these headers: the whole answer.
    fn post(&self, target: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let len = body.len();
        let mut head =
            format!("POST {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {len}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
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

    /// What it prints to standard error until it has ended, and whether it ended well.
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

/// What it says when it is refused.
fn refused(arguments: &[&str]) -> String {
    refused_with(arguments).1
}

/// The same, and the exit code.
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
        let text = |answer: &str, name: &str| {
            let (_, json) = answer.split_once("\r\n\r\n").unwrap();
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
        let answer = running.authorize();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let url = running.setting("B2_ENVIRONMENT").to_owned();
        assert!(
            answer.contains(&format!("\"apiUrl\": \"{url}\"")),
            "{answer}"
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
    let answer = running.get(
        "/b2kit-emulator/v1",
        &[("Host", "localhost"), ("Authorization", &bearer)],
    );
    assert!(answer.contains("\"buckets\": 1"), "{answer}");
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
    let answer = without.get(
        "/b2kit-emulator/v1",
        &[("Host", "localhost"), ("Authorization", &bearer)],
    );
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[test]
fn a_request_for_an_unknown_host_name_gets_421() {
    let running = Running::start(&["--host", "b2.test"]);
    let status = |host: &str| {
        let answer = running.get("/b2api/v2/b2_list_buckets", &[("Host", host)]);
        answer.split(' ').nth(1).unwrap().to_owned()
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
    let answer = running.get(target, &[("Host", "localhost"), ("Authorization", &token)]);
    assert!(
        answer.contains("\"bucketName\": \"kept-bucket\""),
        "{answer}"
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

/// A limit on the size of files stands for a full disk: what is in the journal stays, and no line
/// more fits.
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
        let answer = get(&target);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("meow"), "{answer}");
    }
    // a restart would find the one that was to be deleted, and not the one that did not fit
    for name in ["deleted".to_owned(), format!("more-{more}")] {
        let answer = get(&format!("/file/full-bucket/{name}"));
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("service_unavailable"), "{answer}");
    }
}

/// The first text of this name in an answer's JSON.
fn field(answer: &str, name: &str) -> String {
    let found = answer.split(&format!("\"{name}\": \"")).nth(1);
    let found = found.unwrap_or_else(|| panic!("no {name} in {answer}"));
    found.split('"').next().unwrap().to_owned()
}

#[test]
fn a_tls_authority_persists_and_its_certificates_cover_all_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let arguments = [
        "--tls-ca",
        path.to_str().unwrap(),
        "--host",
        "api.b2.test",
        "--url",
        "https://b2.test:8642",
    ];
    let running = Running::start(&arguments);
    assert_eq!(Path::new(running.setting("RESTIC_CACERT")), path);
    let first = std::fs::read(&path).unwrap();
    drop(running);
    let _again = Running::start(&arguments);
    assert_eq!(std::fs::read(&path).unwrap(), first);
    let key = directory.path().join("ca.pem.key");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_file(&key).unwrap();
    let said = refused(&["--port", "0", "--tls-ca", path.to_str().unwrap()]);
    assert!(said.contains("ca.pem.key: "), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), first);
}

#[test]
fn old_spellings_of_options_and_values_are_accepted() {
    let old = [
        "--guess",
        "grants-refuse-other-overrides=no",
        "--checksums",
        "believed",
    ];
    let answer = Running::start(&old).authorize();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn the_last_of_repeated_options_wins_and_buckets_are_created_in_order() {
    let options = ["--seed", "3", "--seed", "4", "--public-bucket", "bucket-b"];
    let running = Running::start(&[&options[..], &["--bucket", "bucket-a"]].concat());
    let buckets = "# Bucket bucket-b (public).\n# Bucket bucket-a (private).\n";
    assert!(running.said.contains(buckets), "{}", running.said);
    let once = Running::start(&["--seed", "4"]);
    let token = |running: &Running| field(&running.authorize(), "authorizationToken");
    let ids_of_buckets = Running::start(&["--seed", "4", "--bucket", "b-bucket"]);
    assert_ne!(token(&once), token(&ids_of_buckets));
    let two = Running::start(&[
        "--seed", "4", "--bucket", "bucket-c", "--bucket", "bucket-d",
    ]);
    assert_eq!(token(&running), token(&two));
}

#[test]
fn latencies_of_all_calls_and_of_one_are_understood() {
    let arguments = ["--latency", "1ms", "--latency", "b2_authorize_account=0s"];
    let answer = Running::start(&arguments).authorize();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn with_tls_the_program_writes_the_root_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.pem");
    let running = Running::start(&["--tls", "--root-cert", path.to_str().unwrap()]);
    assert!(
        running
            .setting("B2_ENVIRONMENT")
            .starts_with("https://127.0.0.1:")
    );
    assert_eq!(Path::new(running.setting("REQUESTS_CA_BUNDLE")), path);
    let pem = std::fs::read_to_string(&path).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn if_other_machines_can_connect_the_key_is_random_and_control_is_off() {
    let running = Running::start(&["--bind", "0.0.0.0"]);
    let other = Running::start(&["--bind", "0.0.0.0"]);
    assert_ne!(
        running.setting("B2_APPLICATION_KEY"),
        other.setting("B2_APPLICATION_KEY")
    );
    assert!(
        !running
            .settings
            .contains_key("B2KIT_EMULATOR_CONTROL_TOKEN")
    );
    assert!(
        running
            .said
            .contains("# Everybody who can reach 0.0.0.0 may try the key.")
    );
    assert!(
        running
            .setting("B2_ENVIRONMENT")
            .starts_with("http://127.0.0.1:")
    );
    assert!(
        running
            .authorize()
            .contains("\"apiUrl\": \"http://localhost\"")
    );
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

#[test]
fn invalid_arguments_are_reported_in_one_line() {
    for (arguments, message) in [
        (
            &["--prot", "80"][..],
            "there is no option --prot: --help says what there is",
        ),
        (&["-x"], "there is no option -x"),
        (&["photos"], "there is no option photos"),
        (&["--port"], "--port needs a value"),
        (
            &["--port", "eighty"],
            "--port must be a number from 0 to 65535, not \"eighty\"",
        ),
        (
            &["--port", "65536"],
            "--port must be a number from 0 to 65535, not \"65536\"",
        ),
        (
            &["--seed", "-1"],
            "--seed must be a number from 0 to 18446744073709551615, not \"-1\"",
        ),
        (
            &["--latency", "fast"],
            "--latency must be from 0ms to 3600s, like 250ms, 2s or b2_list_keys=2s, not \"fast\"",
        ),
        (
            &["--latency", "18446744073709551615s"],
            "--latency must be from",
        ),
        (
            &["--latency", "b2_list=1s"],
            "--latency: B2 has no call b2_list",
        ),
        (
            &["--tls-ca", "x", "--root-cert", "y"],
            "--tls-ca and --root-cert exclude each other",
        ),
        (
            &["--separate-origins", "--port", "65535"],
            "127.0.0.1:65535: there is no port after it for uploads and downloads",
        ),
        (
            &["--bind", "localhost"],
            "--bind must be an IP address, not \"localhost\"",
        ),
        (&["--bind", "192.0.2.1"], "192.0.2.1:8642: "),
        (
            &["--cap", "lots"],
            "--cap must be a size like 500MB or 64KiB, of at most 18446744073709551615 bytes, \
             not \"lots\"",
        ),
        (&["--key", "secret"], "--key-id and --key need each other"),
        (
            &["--key-id", "a:b", "--key", "k"],
            "nor the id have a colon",
        ),
        (
            &["--bucket", "short"],
            "bucket short: bucket name is too short",
        ),
        (
            &["--bucket", "b2-mine"],
            "bucket b2-mine: bucket name must not start with 'b2-'",
        ),
        (
            &["--data", "/dev/null"],
            "--data /dev/null: not a directory",
        ),
        (&["--sync"], "--sync is for --data"),
        (
            &["--discard", "--data", "/nowhere"],
            "--discard and --data exclude each other",
        ),
        (&["--root-cert", "x"], "--root-cert is for --tls"),
        (&["--tls", "--root-cert", "/nowhere/x"], "/nowhere/x: "),
        (
            &["--checksums", "md5"],
            "--checksums must be all, sha1 or unverified, not \"md5\"",
        ),
        (
            &["--undocumented", "weather=fine"],
            "--undocumented: there is no \"weather=fine\": --undocumented list says what there is",
        ),
        (
            &["--undocumented", "plus-for-space=maybe"],
            "--undocumented list says what there is",
        ),
        (&["--guess", "weather=fine"], "--undocumented list says"),
        (&["--tls=yes"], "unexpected value 'yes' for '--tls'"),
        (
            &["--log", "loud"],
            "--log must be off, error, warn, info or debug",
        ),
        (
            &["--no-control", "--control-token", "x"],
            "exclude each other",
        ),
        (
            &["--control-token", ""],
            "--control-token must not be empty",
        ),
        (
            &["--part-size", "1MB"],
            "--part-size must not be less than --minimum-part-size",
        ),
        (
            &["--connections", "0"],
            "--connections must be a number from 1 to 1000000, not \"0\"",
        ),
        (
            &["--connections", "18446744073709551615"],
            "--connections must be a number from 1 to 1000000",
        ),
        (
            &["--seed", "1", "--bind", "0.0.0.0"],
            "--seed makes tokens that can be guessed",
        ),
        (
            &["--url", "b2.test"],
            "--url must be like http://b2.test:8642",
        ),
        (
            &["--url", "http://b2.test/x"],
            "--url must be like http://b2.test:8642",
        ),
    ] {
        let arguments: Vec<&str> =
            if arguments.contains(&"--port") || arguments.contains(&"192.0.2.1") {
                arguments.to_vec()
            } else {
                [arguments, &["--port", "0"]].concat()
            };
        let (code, said) = refused_with(&arguments);
        // what can only be found out by trying is no mistake of the command line
        let fails = [
            "192.0.2.1:8642: ",
            "not a directory",
            "/nowhere/x: ",
            "no port after",
        ];
        let is_usage = !fails.iter().any(|it| message.contains(it));
        assert_eq!(code, Some(if is_usage { 2 } else { 1 }), "{arguments:?}");
        assert!(said.starts_with("b2kit-emulator: "), "{said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn help_names_every_option_and_version_the_version() {
    let said = |argument: &[&str]| {
        let done = Command::new(PROGRAM).args(argument).output().unwrap();
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap()
    };
    let help = said(&["--help"]);
    assert_eq!(help, said(&["-h"]));
    for option in [
        "--port",
        "--bind",
        "--url",
        "--host",
        "--tls",
        "--root-cert",
        "--tls-ca",
        "--separate-origins",
        "--key-id",
        "--key",
        "--bucket",
        "--public-bucket",
        "--legacy-bucket",
        "--data",
        "--sync",
        "--discard",
        "--cap",
        "--part-size",
        "--minimum-part-size",
        "--checksums",
        "--custom-timestamps",
        "--legacy-encryption",
        "--undocumented",
        "--latency",
        "--seed",
        "--control-token",
        "--no-control",
        "--no-webhooks",
        "--connections",
        "--log",
        "--help",
        "--version",
    ] {
        assert!(help.contains(&format!("{option} ")), "{option}: {help}");
    }
    assert!(
        !help.contains("--guess"),
        "an old spelling is not advertised"
    );
    assert_eq!(
        said(&["--version"]),
        format!("b2kit-emulator {}\n", env!("CARGO_PKG_VERSION"))
    );
    let switches = said(&["--undocumented", "list"]);
    assert_eq!(switches, said(&["--guess", "list"]), "the old spelling");
    for line in [
        "plus-for-space=yes (or no)",
        "names-scanned-per-page=no (or a number)",
        "unknown-fields-are-refused=no (or yes)",
    ] {
        assert!(switches.contains(line), "{switches}");
    }
    for line in switches.lines() {
        let (name, _) = line.split_once('=').unwrap();
        let listed = include_str!("../FIDELITY.md").contains(&format!("| `{name}` |"));
        assert!(listed, "{name} is not among the switches in FIDELITY.md");
    }
}

/// The shell's and the Python example are run by `tests/real_clients/against_emulator`.
#[test]
fn the_readme_contains_the_examples_verbatim() {
    let readme = include_str!("../README.md");
    for example in [
        include_str!("../examples/upload.sh"),
        include_str!("../examples/upload.py"),
        include_str!("../examples/upload.go"),
    ] {
        assert!(readme.contains(example), "{example}");
    }
}
