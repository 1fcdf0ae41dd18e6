//! TLS, and what other machines may see.

use super::*;

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
    let response = Running::start(&old).authorize();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
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
    let response = Running::start(&arguments).authorize();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
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
            .contains("# Everyone who can reach 0.0.0.0 can try to guess the key.")
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
