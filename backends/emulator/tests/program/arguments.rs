//! The command line.

use super::*;

#[test]
fn invalid_arguments_are_reported_in_one_line() {
    for (arguments, message) in [
        (
            &["--prot", "80"][..],
            "there is no option --prot; --help lists all",
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
            "--tls-ca and --root-cert can't be used together",
        ),
        (
            &["--separate-origins", "--port", "65535"],
            "127.0.0.1:65535: there are no higher ports for uploads and downloads",
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
        (
            &["--key", "secret"],
            "--key-id and --key must be given together",
        ),
        (
            &["--key-id", "a:b", "--key", "k"],
            "the id must not contain a colon",
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
        (&["--sync"], "--sync needs --data"),
        (
            &["--discard", "--data", "/nowhere"],
            "--discard and --data can't be used together",
        ),
        (&["--root-cert", "x"], "--root-cert needs --tls"),
        (&["--tls", "--root-cert", "/nowhere/x"], "/nowhere/x: "),
        (
            &["--checksums", "md5"],
            "--checksums must be all, sha1 or unverified, not \"md5\"",
        ),
        (
            &["--undocumented", "weather=fine"],
            "--undocumented: there is no \"weather=fine\": --undocumented list prints all",
        ),
        (
            &["--undocumented", "plus-for-space=maybe"],
            "--undocumented list prints all",
        ),
        (&["--guess", "weather=fine"], "--undocumented list prints"),
        (&["--tls=yes"], "unexpected value 'yes' for '--tls'"),
        (
            &["--log", "loud"],
            "--log must be off, error, warn, info or debug",
        ),
        (
            &["--no-control", "--control-token", "x"],
            "can't be used together",
        ),
        (
            &["--control-token", ""],
            "--control-token must not be empty",
        ),
        (
            &["--part-size", "1MB"],
            "--part-size must be at least --minimum-part-size",
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
            "--seed makes tokens predictable",
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
            "no higher ports",
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
        let listed = include_str!("../../FIDELITY.md").contains(&format!("| `{name}` |"));
        assert!(listed, "{name} is not among the switches in FIDELITY.md");
    }
}

/// The shell's and the Python example are run by `tests/real_clients/against_emulator`.
#[test]
fn the_readme_contains_the_examples_verbatim() {
    let readme = include_str!("../../README.md");
    for example in [
        include_str!("../../examples/upload.sh"),
        include_str!("../../examples/upload.py"),
        include_str!("../../examples/upload.go"),
    ] {
        assert!(readme.contains(example), "{example}");
    }
}
