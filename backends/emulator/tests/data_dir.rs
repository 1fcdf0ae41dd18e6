//! An account on disk: what survives a restart or a crash, and what is refused.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "data_dir/damage.rs"]
mod damage;
#[path = "data_dir/disk.rs"]
mod disk;
#[cfg(unix)]
#[path = "data_dir/failures.rs"]
mod failures;
mod raw_client;
#[path = "data_dir/states.rs"]
mod states;

use std::fs;
use std::path::{Path, PathBuf};

use b2kit_core::{Body, http};
use b2kit_emulator::{Builder, Emulator, ManualClock};
use raw_client::{RawClient, sha1};
use serde_json::{Value, json};
use tempfile::TempDir;

fn builder() -> Builder {
    Emulator::builder()
        .clock(ManualClock::default())
        .absolute_minimum_part_size(5)
}

fn open(directory: &Path) -> RawClient {
    let emulator = builder().open(directory).unwrap();
    assert_eq!(emulator.recovery_warnings(), [""; 0]);
    RawClient::with(emulator, ManualClock::default())
}

/// A copy of a directory, as a process finds it that starts after this one was killed.
fn as_after_a_crash(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_tree(directory, copy.path());
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name())
        };
        if from.is_dir() {
            fs::create_dir(to.join(&name)).unwrap();
            copy_tree(&from, &to.join(&name));
        } else {
            fs::copy(&from, to.join(&name)).unwrap();
        }
    }
}

/// The files of the blobs.
fn blobs(directory: &Path) -> Vec<PathBuf> {
    let directories = fs::read_dir(directory.join("blobs")).unwrap();
    directories
        .flat_map(|it| fs::read_dir(it.unwrap().path()).unwrap())
        .map(|it| it.unwrap().path())
        .collect()
}

fn delete(client: &RawClient, file: &Value) {
    let which = json!({"fileId": file["fileId"], "fileName": file["fileName"]});
    client.post("b2_delete_file_version", &which).ok();
}

/// Appends lines with these contents to a journal, as an emulator would write them.
fn append(directory: &Path, contents: &[String]) {
    let path = directory.join("journal");
    let mut journal = fs::read_to_string(&path).unwrap();
    let last = journal.lines().last().unwrap();
    let mut fields = last.split(' ');
    let mut number: u64 = fields.next().unwrap().parse().unwrap();
    let mut chain = fields.nth(1).unwrap().to_owned();
    let checksum = |text: &str| sha1(text.as_bytes())[..16].to_owned();
    for content in contents {
        number += 1;
        let sum = checksum(&format!("{number} {content}"));
        chain = checksum(&format!("{chain} {sum}"));
        journal += &format!("{number} {sum} {chain} {content}\n");
    }
    fs::write(path, journal).unwrap();
}

/// Everything that listings show.
fn shown(client: &RawClient) -> Value {
    let account = json!({"accountId": client.emulator.account_id()});
    let buckets = client.post("b2_list_buckets", &account).ok();
    let mut shown = json!({"keys": client.post("b2_list_keys", &account).ok()});
    for bucket in buckets["buckets"].as_array().unwrap() {
        let id = bucket["bucketId"].as_str().unwrap();
        let of = json!({"bucketId": id});
        let unfinished = client.post("b2_list_unfinished_large_files", &of).ok();
        let parts: Vec<Value> = unfinished["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| {
                client
                    .post("b2_list_parts", &json!({"fileId": file["fileId"]}))
                    .ok()
            })
            .collect();
        shown[id] = json!({
            "versions": client.post("b2_list_file_versions", &of).ok(),
            "rules": client.post("b2_get_bucket_notification_rules", &of).ok(),
            "unfinished": unfinished,
            "parts": parts,
        });
    }
    shown["buckets"] = buckets;
    shown
}

/// Fills an account with one of everything. Returns the ids of a bucket, a file in it, and an
/// unfinished large file.
fn fill(client: &RawClient) -> (String, String, String) {
    let bucket = client.create_bucket_with(
        "kept-bucket",
        &json!({
            "fileLockEnabled": true, "bucketInfo": {"color": "blue"},
            "defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"},
            "lifecycleRules": [{"fileNamePrefix": "old/", "daysFromHidingToDeleting": 3}],
            "corsRules": [{"corsRuleName": "a-rule", "allowedOrigins": ["https://x.example"],
                "allowedOperations": ["b2_download_file_by_name"], "maxAgeSeconds": 60}],
        }),
    );
    let rules = json!({"bucketId": bucket, "eventNotificationRules": [{"name": "a-rule",
        "eventTypes": ["b2:ObjectCreated:*"], "isEnabled": true, "objectNamePrefix": "",
        "targetConfiguration": {"targetType": "webhook", "url": "https://x.example/",
            "hmacSha256SigningSecret": "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H"}}]});
    client.post("b2_set_bucket_notification_rules", &rules).ok();
    client
        .update_bucket(
            &bucket,
            &json!({"defaultRetention":
        {"mode": "governance", "period": {"duration": 2, "unit": "days"}}}),
        )
        .ok();
    let file = client.upload(&bucket, "caf%C3%A9.txt", b"first");
    client.upload(&bucket, "caf%C3%A9.txt", b"second");
    client
        .post(
            "b2_update_file_legal_hold",
            &json!({"fileId": file["fileId"],
        "fileName": file["fileName"], "legalHold": "on"}),
        )
        .ok();
    client
        .upload_with(&bucket, "info", b"x", &[("x-bz-info-color", "blue")])
        .ok();
    client
        .upload_with(
            &bucket,
            "unverified",
            b"x",
            &[("x-bz-content-sha1", "do_not_verify")],
        )
        .ok();
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "info"}),
        )
        .ok();
    let large = client.start(&bucket, "large");
    let hashes = [sha1(b"first part "), sha1(b"second")];
    client.upload_part(&large, 1, b"first part ").ok();
    client.upload_part(&large, 2, b"wrong").ok();
    client.upload_part(&large, 2, b"second").ok();
    client
        .post(
            "b2_finish_large_file",
            &json!({"fileId": large, "partSha1Array": hashes}),
        )
        .ok();
    let slice = json!({"sourceFileId": large, "fileName": "slice", "range": "bytes=6-13"});
    client.post("b2_copy_file", &slice).ok();
    let unfinished = client.start(&bucket, "unfinished");
    client.upload_part(&unfinished, 1, b"first part ").ok();
    let other = client.create_bucket("another-bucket", "allPublic");
    let gone = client.upload(&other, "gone", b"gone");
    delete(client, &gone);
    let deleted = client.create_bucket("deleted-bucket", "allPublic");
    client
        .post(
            "b2_delete_bucket",
            &json!({"accountId": client.emulator.account_id(),
        "bucketId": deleted}),
        )
        .ok();
    client.with_key(
        &["readFiles", "listFiles"],
        &json!({"bucketIds": [bucket], "namePrefix": "caf"}),
    );
    let id = file["fileId"].as_str().unwrap();
    (bucket, id.to_owned(), unfinished)
}

#[test]
fn a_restart_continues_with_everything_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let (bucket, file, unfinished) = fill(&client);
    let before = shown(&client);
    let grant = json!({"bucketId": bucket, "fileNamePrefix": "caf", "validDurationInSeconds": 60});
    let grant = client.post("b2_get_download_authorization", &grant).ok();
    let session = client.token.clone();
    drop(client);

    let mut client = open(directory.path());
    client.token = session;
    assert_eq!(shown(&client), before);
    let response = client.get(&format!("b2_download_file_by_id?fileId={file}"));
    assert_eq!(response.body, "first");
    assert_eq!(
        client.download("kept-bucket/large", &[]).body,
        "first part second"
    );
    assert_eq!(client.download("kept-bucket/slice", &[]).body, "part sec");
    let token = grant["authorizationToken"].as_str().unwrap();
    let url = format!("{}/file/kept-bucket/caf%C3%A9.txt", client.emulator.url());
    let request = http::Request::get(url).header("authorization", token);
    assert_eq!(
        client.send(request.body(Body::empty()).unwrap()).body,
        "second"
    );
    client.upload_part(&unfinished, 2, b"end").ok();
    let parts =
        json!({"fileId": unfinished, "partSha1Array": [sha1(b"first part "), sha1(b"end")]});
    client.post("b2_finish_large_file", &parts).ok();
    assert_eq!(
        client.download("kept-bucket/unfinished", &[]).body,
        "first part end"
    );
    let again = client.upload(&bucket, "new", b"new");
    let before = before.to_string();
    assert!(
        !before.contains(again["fileId"].as_str().unwrap()),
        "ids go on"
    );
}

#[test]
fn after_a_crash_everything_answered_is_still_there() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    fill(&client);
    let crashed = as_after_a_crash(directory.path());
    let after = open(crashed.path());
    assert_eq!(shown(&after), shown(&client));
}

#[test]
fn files_without_their_bytes_are_reported_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "whole", b"whole");
    client.upload(&bucket, "lost", b"lost");
    client.upload(&bucket, "short", b"short");
    let large = client.start(&bucket, "large");
    client.upload_part(&large, 1, b"part").ok();
    drop(client);
    let mut files = blobs(directory.path());
    files.sort();
    fs::remove_file(&files[1]).unwrap();
    fs::write(&files[2], b"sho").unwrap();
    fs::remove_file(&files[3]).unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    assert_eq!(
        emulator.recovery_warnings(),
        [
            "the bytes of part 1 of \"large\" in a-bucket are lost",
            "the bytes of \"lost\" in a-bucket are lost",
            "the bytes of \"short\" in a-bucket are lost",
            &format!(
                "1 blobs of 3 bytes, which the journal doesn't account for, are now in {}",
                directory.path().join("lost").display()
            ),
            &format!(
                "the journal as it was found is now {}",
                directory.path().join("lost/journal.1").display()
            ),
        ]
    );
    let client = RawClient::with(emulator, ManualClock::default());
    let of = json!({"bucketId": bucket});
    let names: Vec<String> = client
        .listed("b2_list_file_names", &of)
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(names, ["whole"]);
    drop(client);
    open(directory.path());
}

/// `KEEP_JOURNAL=tests/data_dir/v2 cargo test` regenerates the newest; those of older formats can't
/// be made any more.
#[test]
fn directories_of_all_formats_are_read_and_continued_in_the_newest() {
    if let Some(to) = std::env::var_os("KEEP_JOURNAL") {
        let directory = tempfile::tempdir().unwrap();
        let client = open(directory.path());
        fill(&client);
        let grant = json!({"bucketId": client.create_bucket("third-bucket", "allPrivate"),
            "fileNamePrefix": "a", "validDurationInSeconds": 60, "b2ContentType": "text/plain"});
        client.post("b2_get_download_authorization", &grant).ok();
        fs::create_dir_all(&to).unwrap();
        for name in ["journal", "head"] {
            fs::copy(directory.path().join(name), Path::new(&to).join(name)).unwrap();
        }
        fs::write(
            Path::new(&to).join("shown.json"),
            format!("{:#}\n", shown(&client)),
        )
        .unwrap();
        return;
    }
    for format in ["v1", "v2"] {
        is_read_and_upgraded(format);
    }
}

fn is_read_and_upgraded(format: &str) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_dir");
    let kept = kept.join(format);
    let directory = tempfile::tempdir().unwrap();
    for name in ["journal", "head"] {
        if kept.join(name).exists() {
            fs::copy(kept.join(name), directory.path().join(name)).unwrap();
        }
    }
    // the bytes themselves have no format: only their lengths are looked at
    let lens = [(1, 5), (2, 6), (3, 1), (4, 1), (5, 11), (7, 6), (8, 11)];
    for (number, len) in lens {
        let blobs = directory.path().join(format!("blobs/{number:02x}"));
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{number:016x}")), vec![b'x'; len]).unwrap();
    }
    let client = open(directory.path());
    let expected: Value =
        serde_json::from_slice(&fs::read(kept.join("shown.json")).unwrap()).unwrap();
    assert_eq!(shown(&client), expected, "{format}");
    let journal = fs::read_to_string(directory.path().join("journal")).unwrap();
    assert!(journal.starts_with("{\"b2kit-emulator-journal\": 2, "));
    drop(client);
    assert_eq!(shown(&open(directory.path())), expected, "{format}");
}

/// What records say that were written before a field was added.
#[test]
fn older_records_of_keys_and_buckets_mean_what_they_meant() {
    let (one, other) = ("3cab16c93a1384c5c38ac941", "3cab16c93a1384c5c38ac942");
    let key = |id: &str, buckets: &[&str]| {
        json!([{"key": {"id": id, "secret": "K004", "name": "a-key",
            "capabilities": ["listFiles"], "buckets": buckets, "namePrefix": null,
            "expires": null}}])
    };
    let bucket = |id: &str, name: &str| {
        json!([{"bucket": {"id": id, "name": name, "kind": "allPrivate", "info": {},
            "corsRules": [], "lifecycleRules": [], "encrypts": false, "fileLock": false,
            "defaultRetention": null, "replication": {}, "notificationRules": [],
            "revision": 1}}])
    };
    let mut journal = "{\"b2kit-emulator-journal\": 1}\n".to_owned();
    for line in [
        bucket(one, "a-bucket"),
        bucket(other, "another-bucket"),
        key("004e0b2e0b2e0b20000000001", &[one]),
        key("004e0b2e0b2e0b20000000002", &[one, other]),
    ] {
        let line = line.to_string();
        journal += &format!("{} {line}\n", &sha1(line.as_bytes())[..16]);
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("journal"), journal).unwrap();
    let client = open(directory.path());
    // such a bucket may have no encryption
    let none = json!({"defaultServerSideEncryption": {"mode": "none"}});
    client.update_bucket(one, &none).ok();
    // only v4 knows keys for several buckets
    let account = json!({"accountId": client.emulator.account_id()});
    for (version, expected) in [("v3", &[1][..]), ("v4", &[1, 2])] {
        let client = RawClient::with(client.emulator.clone(), ManualClock::default());
        let keys = client
            .in_version(version)
            .post("b2_list_keys", &account)
            .ok();
        let keys = keys["keys"].as_array().unwrap().iter();
        let ids: Vec<_> = keys.map(|key| key["applicationKeyId"].clone()).collect();
        let expected = expected
            .iter()
            .map(|number| format!("004e0b2e0b2e0b2000000000{number}"));
        assert_eq!(ids, expected.collect::<Vec<_>>(), "{version}");
    }
}

#[test]
fn the_id_of_a_deleted_key_is_not_used_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let new_key = || {
        let client = open(directory.path());
        let key = json!({"accountId": client.emulator.account_id(), "keyName": "a-key",
            "capabilities": ["listFiles"]});
        let id = client.post("b2_create_key", &key).ok()["applicationKeyId"].clone();
        let deleted = json!({"applicationKeyId": id});
        client.post("b2_delete_key", &deleted).ok();
        id
    };
    let first = new_key();
    assert_ne!(first, new_key());
}

#[test]
fn a_key_in_the_journal_never_replaces_or_removes_the_master_key() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let key = json!({"accountId": client.emulator.account_id(), "keyName": "a-key",
        "capabilities": ["listFiles"]});
    let id = client.post("b2_create_key", &key).ok()["applicationKeyId"].clone();
    let id = id.as_str().unwrap();
    let delete = || {
        let deleted = json!({"applicationKeyId": id});
        client.post("b2_delete_key", &deleted).ok();
    };
    let crashed = as_after_a_crash(directory.path());
    delete();
    let deleted = as_after_a_crash(directory.path());
    for directory in [crashed, deleted] {
        let builder = builder().key(id, "my-secret");
        let emulator = builder.open(directory.path()).unwrap();
        let authorized = RawClient::with(emulator, ManualClock::default());
        authorized.create_bucket("a-bucket", "allPrivate");
    }
}

#[test]
fn a_start_without_a_loss_continues_the_journal_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let (bucket, ..) = fill(&client);
    let expected = shown(&client);
    drop(client);
    let journal = || fs::read(directory.path().join("journal")).unwrap();
    let before = journal();
    let client = open(directory.path());
    assert!(journal().starts_with(&before), "it is not written anew");
    assert_eq!(shown(&client), expected);
    client.upload(&bucket, "after the start", b"more");
    assert!(journal().starts_with(&before), "it is continued");
    let expected = shown(&client);
    drop(client);
    // superseded blobs have been deleted, and nothing is missing or left over
    let files = blobs(directory.path()).len();
    assert_eq!(shown(&open(directory.path())), expected);
    assert_eq!(blobs(directory.path()).len(), files);
    assert!(!directory.path().join("lost").exists());
}
