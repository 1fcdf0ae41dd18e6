//! A journal that can't be written.

use std::process::Command;
use std::thread;

use super::*;

/// Set in the child process whose files can't grow: its directory.
const FULL: &str = "B2KIT_TESTS_FULL_JOURNAL";

/// A full disk needs a mount. A limit on the size of files doesn't, and fails `write` in the same
/// way. It belongs to the process, so a child is started.
#[test]
fn downloads_show_only_what_a_restart_would_show_while_the_journal_can_not_be_written() {
    if let Some(directory) = std::env::var_os(FULL) {
        return run_with_a_full_journal(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let test = thread::current().name().unwrap().to_owned();
    // 200 blocks of 512 or 1,024 bytes, depending on the shell; the signal is ignored
    let limited = "trap '' XFSZ && ulimit -f 200 && exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, "sh"])
        .arg(this)
        .args([&*test, "--exact", "--nocapture"])
        .env(FULL, directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // the child really ran this test; what it was refused was not written
    let after = open(directory.path());
    assert_eq!(after.download("a-bucket/deleted", &[]).body, "new");
    assert_eq!(after.download("a-bucket/hidden", &[]).body, "hidden");
}

fn run_with_a_full_journal(directory: &Path) {
    let client = open(directory);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let other = client.create_bucket("another-bucket", "allPrivate");
    let old = client.upload(&bucket, "deleted", b"old");
    let new = client.upload(&bucket, "deleted", b"new");
    client.upload(&bucket, "hidden", b"hidden");
    client.upload(&bucket, "kept", b"kept");
    let there = client.upload(&other, "kept", b"kept");
    let by_id = |file: &Value| {
        let id = file["fileId"].as_str().unwrap();
        client.get(&format!("b2_download_file_by_id?fileId={id}"))
    };
    let key = json!({"accountId": client.emulator.account_id(), "keyName": "k".repeat(99),
        "capabilities": ["listFiles"]});
    let mut statuses = (0..2_000).map(|_| client.post("b2_create_key", &key).status);
    assert!(statuses.any(|status| status == 403), "the disk is full");
    let refused = |call: &str, fields: &Value| {
        let response = client.post(call, fields);
        response.has_code(403, "storage_cap_exceeded");
    };
    let which = json!({"fileId": new["fileId"], "fileName": "deleted"});
    refused("b2_delete_file_version", &which);
    let which = json!({"bucketId": bucket, "fileName": "hidden"});
    refused("b2_hide_file", &which);
    let unavailable = |response: raw_client::Response| {
        response.has_code(503, "service_unavailable");
    };
    // in memory the old version is the current one
    unavailable(client.download("a-bucket/deleted", &[]));
    unavailable(client.download("a-bucket/hidden", &[]));
    unavailable(by_id(&new));
    assert_eq!(by_id(&old).body, "old");
    assert_eq!(client.download("a-bucket/kept", &[]).body, "kept");
    let fields = json!({"accountId": client.emulator.account_id(), "bucketId": other,
        "bucketType": "allPublic"});
    refused("b2_update_bucket", &fields);
    unavailable(client.download("another-bucket/kept", &[]));
    unavailable(by_id(&there));
    assert_eq!(client.download("a-bucket/kept", &[]).body, "kept");
}

#[test]
fn changes_continue_although_the_journal_can_not_be_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    drop(client);
    // enough for a journal that is rewritten with the next change
    let content = json!([{"noKey": "x".repeat(1 << 20)}]).to_string();
    append(directory.path(), &vec![content; 65]);
    let len = || {
        fs::metadata(directory.path().join("journal"))
            .unwrap()
            .len()
    };
    let grown = len();
    let in_the_way = directory.path().join("journal.new");
    fs::create_dir(&in_the_way).unwrap();
    let client = open(directory.path());
    for name in ["one", "two"] {
        client.upload(&bucket, name, name.as_bytes());
    }
    assert!(len() > grown);
    let before = shown(&client);
    drop(client);
    assert_eq!(shown(&open(directory.path())), before);
    // a start tries again
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(shown(&open(directory.path())), before);
    assert!(len() < grown);
    assert_eq!(shown(&open(directory.path())), before);
}
