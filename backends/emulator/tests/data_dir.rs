//! An account on disk: what a restart finds, what a crash leaves, and what is refused.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use std::fs;
use std::path::{Path, PathBuf};

use b2kit_core::{Body, http};
use b2kit_emulator::{Builder, Emulator, ManualClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use wire::{Wire, sha1};

fn builder() -> Builder {
    Emulator::builder()
        .clock(ManualClock::default())
        .absolute_minimum_part_size(5)
}

fn open(directory: &Path) -> Wire {
    let emulator = builder().open(directory).unwrap();
    assert_eq!(emulator.recovery_warnings(), [""; 0]);
    Wire::with(emulator, ManualClock::default())
}

/// What a directory looks like to a program that starts after this one was killed right now.
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

/// The files of the store.
fn blobs(directory: &Path) -> Vec<PathBuf> {
    let directories = fs::read_dir(directory.join("blobs")).unwrap();
    directories
        .flat_map(|it| fs::read_dir(it.unwrap().path()).unwrap())
        .map(|it| it.unwrap().path())
        .collect()
}

/// All that listings show.
fn shown(wire: &Wire) -> Value {
    let account = json!({"accountId": wire.emulator.account_id()});
    let buckets = wire.post("b2_list_buckets", &account).ok();
    let mut shown = json!({"keys": wire.post("b2_list_keys", &account).ok()});
    for bucket in buckets["buckets"].as_array().unwrap() {
        let id = bucket["bucketId"].as_str().unwrap();
        let of = json!({"bucketId": id});
        let unfinished = wire.post("b2_list_unfinished_large_files", &of).ok();
        let parts: Vec<Value> = unfinished["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| {
                wire.post("b2_list_parts", &json!({"fileId": file["fileId"]}))
                    .ok()
            })
            .collect();
        shown[id] = json!({
            "versions": wire.post("b2_list_file_versions", &of).ok(),
            "rules": wire.post("b2_get_bucket_notification_rules", &of).ok(),
            "unfinished": unfinished,
            "parts": parts,
        });
    }
    shown["buckets"] = buckets;
    shown
}

/// A bit of everything; the id of a bucket, of a file in it, and of an unfinished large file.
fn fill(wire: &Wire) -> (String, String, String) {
    let bucket = wire.create_bucket_with(
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
    wire.post("b2_set_bucket_notification_rules", &rules).ok();
    wire.update_bucket(
        &bucket,
        &json!({"defaultRetention":
        {"mode": "governance", "period": {"duration": 2, "unit": "days"}}}),
    )
    .ok();
    let file = wire.upload(&bucket, "caf%C3%A9.txt", b"first");
    wire.upload(&bucket, "caf%C3%A9.txt", b"second");
    wire.post(
        "b2_update_file_legal_hold",
        &json!({"fileId": file["fileId"],
        "fileName": file["fileName"], "legalHold": "on"}),
    )
    .ok();
    wire.upload_with(&bucket, "info", b"x", &[("x-bz-info-color", "blue")])
        .ok();
    wire.upload_with(
        &bucket,
        "unverified",
        b"x",
        &[("x-bz-content-sha1", "do_not_verify")],
    )
    .ok();
    wire.post(
        "b2_hide_file",
        &json!({"bucketId": bucket, "fileName": "info"}),
    )
    .ok();
    let large = wire.start(&bucket, "large");
    let hashes = [sha1(b"first part "), sha1(b"second")];
    wire.upload_part(&large, 1, b"first part ").ok();
    wire.upload_part(&large, 2, b"wrong").ok();
    wire.upload_part(&large, 2, b"second").ok();
    wire.post(
        "b2_finish_large_file",
        &json!({"fileId": large, "partSha1Array": hashes}),
    )
    .ok();
    let slice = json!({"sourceFileId": large, "fileName": "slice", "range": "bytes=6-13"});
    wire.post("b2_copy_file", &slice).ok();
    let unfinished = wire.start(&bucket, "unfinished");
    wire.upload_part(&unfinished, 1, b"first part ").ok();
    let other = wire.create_bucket("another-bucket", "allPublic");
    let gone = wire.upload(&other, "gone", b"gone");
    wire.post(
        "b2_delete_file_version",
        &json!({"fileId": gone["fileId"], "fileName": "gone"}),
    )
    .ok();
    let deleted = wire.create_bucket("deleted-bucket", "allPublic");
    wire.post(
        "b2_delete_bucket",
        &json!({"accountId": wire.emulator.account_id(),
        "bucketId": deleted}),
    )
    .ok();
    wire.with_key(
        &["readFiles", "listFiles"],
        &json!({"bucketIds": [bucket], "namePrefix": "caf"}),
    );
    let id = file["fileId"].as_str().unwrap();
    (bucket, id.to_owned(), unfinished)
}

#[test]
fn a_restart_continues_with_everything_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let (bucket, file, unfinished) = fill(&wire);
    let before = shown(&wire);
    let grant = json!({"bucketId": bucket, "fileNamePrefix": "caf", "validDurationInSeconds": 60});
    let grant = wire.post("b2_get_download_authorization", &grant).ok();
    let session = wire.token.clone();
    drop(wire);

    let mut wire = open(directory.path());
    wire.token = session;
    assert_eq!(shown(&wire), before);
    let answer = wire.get(&format!("b2_download_file_by_id?fileId={file}"));
    assert_eq!(answer.body, "first");
    assert_eq!(
        wire.download("kept-bucket/large", &[]).body,
        "first part second"
    );
    assert_eq!(wire.download("kept-bucket/slice", &[]).body, "part sec");
    let token = grant["authorizationToken"].as_str().unwrap();
    let url = format!("{}/file/kept-bucket/caf%C3%A9.txt", wire.emulator.url());
    let request = http::Request::get(url).header("authorization", token);
    assert_eq!(
        wire.send(request.body(Body::empty()).unwrap()).body,
        "second"
    );
    wire.upload_part(&unfinished, 2, b"end").ok();
    let parts =
        json!({"fileId": unfinished, "partSha1Array": [sha1(b"first part "), sha1(b"end")]});
    wire.post("b2_finish_large_file", &parts).ok();
    assert_eq!(
        wire.download("kept-bucket/unfinished", &[]).body,
        "first part end"
    );
    let again = wire.upload(&bucket, "new", b"new");
    let before = before.to_string();
    assert!(
        !before.contains(again["fileId"].as_str().unwrap()),
        "ids go on"
    );
}

#[test]
fn after_a_crash_everything_answered_is_still_there() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    fill(&wire);
    let crashed = as_after_a_crash(directory.path());
    let after = open(crashed.path());
    assert_eq!(shown(&after), shown(&wire));
}

#[test]
fn a_truncated_last_line_is_ignored_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "kept", b"kept");
    let before = shown(&wire);
    let whole = fs::read(directory.path().join("journal")).unwrap();
    let head = fs::read(directory.path().join("head"));
    wire.upload(&bucket, "torn", b"torn");
    let torn = fs::read(directory.path().join("journal")).unwrap();
    let head = head.unwrap();
    let first = whole.len() + 1;
    for len in (first..torn.len()).step_by(97).chain([torn.len() - 1]) {
        let crashed = as_after_a_crash(directory.path());
        fs::write(crashed.path().join("journal"), &torn[..len]).unwrap();
        // the line was being written: the head was still about the line before
        fs::write(crashed.path().join("head"), &head).unwrap();
        let emulator = builder().open(crashed.path()).unwrap();
        let recovery_warnings = emulator.recovery_warnings();
        assert!(
            recovery_warnings[0].contains("not written to their end"),
            "{recovery_warnings:?}"
        );
        // the bytes were whole, and no record speaks of them
        assert!(
            recovery_warnings[1].contains("1 blobs of 4 bytes"),
            "{recovery_warnings:?}"
        );
        let after = Wire::with(emulator, ManualClock::default());
        assert_eq!(shown(&after), before);
        assert_eq!(blobs(crashed.path()).len(), 1);
        assert_eq!(fs::read(&lost(crashed.path())[0]).unwrap(), b"torn");
        // the head was about this line: it had been answered
        let cut = as_after_a_crash(directory.path());
        fs::write(cut.path().join("journal"), &torn[..len]).unwrap();
        let emulator = builder().open(cut.path()).unwrap();
        let recovery_warnings = emulator.recovery_warnings();
        assert!(
            recovery_warnings[0].contains("are cut off: what they said is lost"),
            "{recovery_warnings:?}"
        );
    }
}

#[test]
fn a_journal_truncated_between_lines_is_reported_and_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    for name in ["one", "two", "three"] {
        wire.upload(&bucket, name, name.as_bytes());
    }
    let deleted = wire.upload(&bucket, "four", b"four");
    let which = json!({"fileId": deleted["fileId"], "fileName": "four"});
    wire.post("b2_delete_file_version", &which).ok();
    let journal = fs::read(directory.path().join("journal")).unwrap();
    let ends = (0..journal.len()).filter(|at| journal[*at] == b'\n');
    let ends: Vec<usize> = ends.map(|at| at + 1).collect();
    assert!(ends.len() > 6);
    for end in &ends[..ends.len() - 1] {
        let cut = as_after_a_crash(directory.path());
        fs::write(cut.path().join("journal"), &journal[..*end]).unwrap();
        let emulator = builder().open(cut.path()).unwrap();
        let recovery_warnings = emulator.recovery_warnings();
        assert!(
            recovery_warnings
                .iter()
                .any(|it| it.contains("the journal is cut off")),
            "{end}: {recovery_warnings:?}"
        );
        let kept =
            blobs(cut.path()).len() + lost(cut.path()).iter().filter(|it| is_blob(it)).count();
        assert_eq!(kept, 3, "{end}");
        let old = cut.path().join("lost/journal.1");
        assert_eq!(fs::read(old).unwrap(), journal[..*end]);
        drop(emulator);
        // what was said is said once
        open(cut.path());
    }
    let whole = as_after_a_crash(directory.path());
    open(whole.path());
    assert!(!whole.path().join("lost").exists());
}

#[test]
fn an_older_journal_in_place_of_the_newest_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let older = fs::read(directory.path().join("journal")).unwrap();
    wire.upload(&bucket, "f", b"content");
    drop(wire);
    // written anew by another start
    drop(open(directory.path()));
    fs::write(directory.path().join("journal"), older).unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    let recovery_warnings = emulator.recovery_warnings();
    assert!(
        recovery_warnings[0].contains("steps are missing"),
        "{recovery_warnings:?}"
    );
    assert_eq!(fs::read(&lost(directory.path())[0]).unwrap(), b"content");
}

#[test]
fn another_directorys_journal_of_the_same_length_is_reported() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (directory, name) in [(&one, "bucket-one"), (&two, "bucket-two")] {
        open(directory.path()).create_bucket(name, "allPrivate");
    }
    fs::copy(one.path().join("journal"), two.path().join("journal")).unwrap();
    let emulator = builder().open(two.path()).unwrap();
    let recovery_warnings = emulator.recovery_warnings();
    assert!(
        recovery_warnings[0].contains("not the one that was written here last"),
        "{recovery_warnings:?}"
    );
}

#[test]
fn a_missing_journal_is_refused_if_there_are_blobs_and_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "f", b"content");
    drop(wire);
    let journal = fs::read(directory.path().join("journal")).unwrap();
    fs::remove_file(directory.path().join("journal")).unwrap();
    let refused = || builder().open(directory.path()).unwrap_err().to_string();
    assert!(
        refused().contains("the journal is missing in"),
        "{}",
        refused()
    );
    assert!(refused().contains("where 1 blobs are"), "{}", refused());
    assert_eq!(blobs(directory.path()).len(), 1);
    // without any blob the head still knows that there was a journal; without the head, the blob
    // does
    let head = fs::read(directory.path().join("head")).unwrap();
    fs::remove_file(directory.path().join("head")).unwrap();
    assert!(refused().contains("where 1 blobs are"));
    fs::write(directory.path().join("head"), head).unwrap();
    let blob = blobs(directory.path()).remove(0);
    fs::rename(&blob, directory.path().join("lock.saved")).unwrap();
    fs::remove_file(directory.path().join("lock.saved")).unwrap();
    assert!(refused().contains("where 0 blobs are"));
    fs::write(blob, b"content").unwrap();
    fs::write(directory.path().join("journal"), journal).unwrap();
    open(directory.path());
}

#[test]
fn a_missing_or_damaged_head_is_reported_and_unknown_blobs_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "f", b"content");
    drop(wire);
    let head = directory.path().join("head");
    fs::remove_file(&head).unwrap();
    let stray = directory.path().join("blobs/07/0000000000000007");
    fs::write(&stray, b"whose?").unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    let recovery_warnings = emulator.recovery_warnings();
    assert!(
        recovery_warnings[0].contains("the file head is missing"),
        "{recovery_warnings:?}"
    );
    assert!(
        recovery_warnings[1].contains("1 blobs of 6 bytes"),
        "{recovery_warnings:?}"
    );
    drop(emulator);
    fs::write(&head, "nonsense").unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    assert!(emulator.recovery_warnings()[0].contains("the file head is damaged"));
    assert_eq!(emulator.snapshot().versions, 1);
    let wire = Wire::with(emulator, ManualClock::default());
    // the number of what was set aside is not used again
    wire.upload(&bucket, "g", b"more");
    assert!(directory.path().join("blobs/08/0000000000000008").exists());
}

#[test]
fn an_upload_interrupted_by_a_crash_is_discarded_silently() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "f", b"content");
    let crashed = as_after_a_crash(directory.path());
    fs::write(
        crashed.path().join("blobs/02/0000000000000002.part"),
        b"half",
    )
    .unwrap();
    let after = open(crashed.path());
    assert_eq!(after.emulator.snapshot().versions, 1);
    assert_eq!(blobs(crashed.path()).len(), 1);
}

#[test]
fn a_blob_whose_renaming_was_undone_by_a_machine_crash_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    wire.upload(&bucket, "f", b"content");
    let crashed = as_after_a_crash(directory.path());
    let blob = blobs(crashed.path()).remove(0);
    fs::rename(&blob, blob.with_extension("part")).unwrap();
    let after = open(crashed.path());
    assert_eq!(after.download("a-bucket/f", &[]).body, "content");
    assert_eq!(blobs(crashed.path()), [blob]);
}

fn lost(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory.join("lost")) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths
}

fn is_blob(path: &Path) -> bool {
    !path.to_string_lossy().contains("journal")
}

#[test]
fn a_last_line_that_is_damaged_is_reported_as_lost() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    wire.create_bucket("a-bucket", "allPrivate");
    wire.create_bucket("lost-bucket", "allPrivate");
    drop(wire);
    let path = directory.path().join("journal");
    let mut journal = fs::read(&path).unwrap();
    let last = journal.len() - 2;
    journal[last] ^= 1;
    fs::write(&path, journal).unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    assert!(emulator.recovery_warnings()[0].ends_with("are damaged: what they said is lost"));
    assert_eq!(emulator.snapshot().buckets, 1);
}

#[test]
fn removing_a_damaged_line_keeps_the_other_lines_and_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    for name in ["before", "damaged", "after"] {
        wire.upload(&bucket, name, name.as_bytes());
    }
    drop(wire);
    let wire = open(directory.path());
    wire.upload(&bucket, "damaged", b"again");
    wire.upload(&bucket, "last", b"last");
    let crashed = as_after_a_crash(directory.path());
    let path = crashed.path().join("journal");
    let journal = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = journal.lines().collect();
    let number = lines
        .iter()
        .rposition(|line| line.contains("\"damaged\""))
        .unwrap();
    let spoiled = journal.replace(lines[number], &lines[number].replace("damaged", "demaged"));
    fs::write(&path, spoiled).unwrap();
    let error = builder().open(crashed.path()).unwrap_err().to_string();
    let said = format!("line {} is damaged", number + 1);
    assert!(error.contains(&said), "{error}");
    let mut kept = lines.clone();
    kept.remove(number);
    fs::write(&path, kept.join("\n") + "\n").unwrap();
    let emulator = builder().open(crashed.path()).unwrap();
    let said = format!(
        "1 steps are missing before line {} of the journal",
        number + 1
    );
    assert_eq!(emulator.recovery_warnings()[0], said);
    assert_eq!(
        emulator.snapshot().versions,
        4,
        "all but the second of a name"
    );
    assert_eq!(fs::read(&lost(crashed.path())[0]).unwrap(), b"again");
    drop(emulator);
    open(crashed.path());
}

#[test]
fn a_damaged_journal_is_refused_and_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    fill(&open(directory.path()));
    let files = blobs(directory.path()).len();
    let path = directory.path().join("journal");
    let good = fs::read(&path).unwrap();
    let header = good.iter().position(|byte| *byte == b'\n').unwrap();
    let mut bad = good.clone();
    bad[header + 90] ^= 1;
    bad.extend_from_slice(b"more\n");
    let newer = [&b"{\"b2kit-emulator-journal\": 3}"[..], &good[header..]].concat();
    let refused = [
        (bad, "line 2 is damaged"),
        (
            newer,
            "version 3 of its format; this program reads versions 1 to 2",
        ),
        (
            b"something else".to_vec(),
            "is not a journal of this emulator",
        ),
        (Vec::new(), "is not a journal of this emulator"),
    ];
    for (journal, message) in refused {
        fs::write(&path, &journal).unwrap();
        let error = builder().open(directory.path()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert!(error.contains("journal"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), journal);
        assert_eq!(blobs(directory.path()).len(), files);
    }
    fs::write(&path, good).unwrap();
    open(directory.path());
}

#[test]
fn files_without_their_bytes_are_reported_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "whole", b"whole");
    wire.upload(&bucket, "lost", b"lost");
    wire.upload(&bucket, "short", b"short");
    let large = wire.start(&bucket, "large");
    wire.upload_part(&large, 1, b"part").ok();
    drop(wire);
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
    let wire = Wire::with(emulator, ManualClock::default());
    let of = json!({"bucketId": bucket});
    let names: Vec<String> = wire
        .listed("b2_list_file_names", &of)
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(names, ["whole"]);
    drop(wire);
    open(directory.path());
}

#[test]
fn a_data_directory_in_use_or_with_foreign_files_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let error = builder().open(directory.path()).unwrap_err();
    assert!(
        error.to_string().contains("is in use by another emulator"),
        "{error}"
    );
    drop(first);
    open(directory.path());
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("thesis.txt"), "years of work").unwrap();
    let error = builder().open(home.path()).unwrap_err();
    assert!(error.to_string().contains("thesis.txt"), "{error}");
    let entries = fs::read_dir(home.path()).unwrap();
    assert_eq!(entries.count(), 1, "nothing was put there");
    let file = home.path().join("thesis.txt");
    let error = builder().open(&file).unwrap_err();
    assert_eq!(error.to_string(), "not a directory");
    fs::write(home.path().join("journal"), "dear diary").unwrap();
    fs::remove_file(&file).unwrap();
    let error = builder().open(home.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is not a journal of this emulator")
    );
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    fs::write(&file, b"years of work").unwrap();
    assert_eq!(fs::read(file).unwrap(), b"years of work");
}

#[cfg(unix)]
#[test]
fn keys_and_tokens_on_disk_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data");
    open(&directory);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("journal")), 0o600);
    let wire = open(&directory);
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "f", b"secret");
    assert_eq!(mode(&blobs(&directory)[0]), 0o600);
}

#[test]
fn names_of_files_never_become_paths() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data");
    let wire = open(&directory);
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    for name in [
        "../../escaped",
        "/etc/escaped",
        "a/../../b",
        "..",
        ".",
        "C:%5Cescaped",
        "%2e%2e/x",
    ] {
        wire.upload(&bucket, name, name.as_bytes());
        let answer = wire.download(&format!("a-bucket/{name}"), &[]);
        assert_eq!(answer.body, name.as_bytes());
    }
    let entries: Vec<_> = fs::read_dir(parent.path()).unwrap().collect();
    assert_eq!(entries.len(), 1);
    let is_number = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        u64::from_str_radix(name, 16).is_ok() && name.len() == 16
    };
    assert!(blobs(&directory).iter().all(is_number));
    assert_eq!(blobs(&directory).len(), 7);
}

#[test]
fn blobs_without_files_are_deleted_from_disk() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let file = wire.upload(&bucket, "a", b"content");
    let copy = json!({"sourceFileId": file["fileId"], "fileName": "copy"});
    let copy = wire.post("b2_copy_file", &copy).ok();
    assert_eq!(blobs(directory.path()).len(), 1, "a copy moves no byte");
    let delete = |file: &Value| {
        let which = json!({"fileId": file["fileId"], "fileName": file["fileName"]});
        wire.post("b2_delete_file_version", &which).ok();
    };
    delete(&file);
    assert_eq!(wire.download("a-bucket/copy", &[]).body, "content");
    delete(&copy);
    assert_eq!(blobs(directory.path()).len(), 0);
    assert_eq!(wire.emulator.snapshot().stored_bytes, 0);
}

#[test]
fn the_storage_cap_on_disk_counts_existing_files() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    wire.upload(&bucket, "a", b"1234567");
    drop(wire);
    let emulator = builder().storage_cap(10).open(directory.path()).unwrap();
    let wire = Wire::with(emulator, ManualClock::default());
    wire.upload_with(&bucket, "b", b"1234", &[]).is_error(
        403,
        "storage_cap_exceeded",
        "Cannot upload files, storage cap exceeded",
    );
    wire.upload(&bucket, "b", b"123");
}

#[test]
fn a_saved_state_can_be_restored_repeatedly() {
    let directory = tempfile::tempdir().unwrap();
    for wire in [
        Wire::of(Emulator::builder().absolute_minimum_part_size(5)),
        open(directory.path()),
    ] {
        let (bucket, file, _) = fill(&wire);
        let before = shown(&wire);
        let saved = wire.emulator.save();
        for _ in 0..2 {
            wire.upload(&bucket, "more", b"more");
            wire.create_bucket("more-bucket", "allPublic");
            wire.post(
                "b2_update_file_legal_hold",
                &json!({"fileId": file,
                "fileName": "café.txt", "legalHold": "off"}),
            )
            .ok();
            let which = json!({"fileId": file, "fileName": "café.txt", "bypassGovernance": true});
            wire.post("b2_delete_file_version", &which).ok();
            assert_ne!(shown(&wire), before);
            wire.emulator.restore(&saved).unwrap();
            assert_eq!(shown(&wire), before);
            let answer = wire.get(&format!("b2_download_file_by_id?fileId={file}"));
            assert_eq!(answer.body, "first");
        }
        let error = Emulator::new().restore(&saved).unwrap_err();
        assert_eq!(error.to_string(), "the state was saved by another emulator");
    }
    let after = open(directory.path());
    assert_eq!(
        after.download("kept-bucket/caf%C3%A9.txt", &[]).body,
        "second"
    );
    assert_eq!(after.emulator.snapshot().buckets, 2);
}

#[test]
fn discarded_bytes_keep_their_length_and_sha1() {
    let wire = Wire::of(Emulator::builder().discard_contents(true));
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let file = wire.upload(&bucket, "f", b"content");
    assert_eq!(file["contentSha1"], sha1(b"content"));
    assert_eq!(wire.download("a-bucket/f", &[]).body, [0; 7][..]);
    assert_eq!(wire.emulator.snapshot().stored_bytes, 0);
    wire.upload_with(
        &bucket,
        "g",
        b"content",
        &[("x-bz-content-sha1", &sha1(b"other"))],
    )
    .has_code(400, "bad_request");
}

#[test]
fn unverified_uploads_are_stored_unchecked_and_hashed_only_without_a_sha1() {
    use b2kit_emulator::Checksums;
    for (checksums, is_checked, has_md5) in [
        (Checksums::All, true, true),
        (Checksums::Sha1, true, false),
        (Checksums::Unverified, false, false),
    ] {
        let wire = Wire::of(Emulator::builder().checksums(checksums));
        let bucket = wire.create_bucket("a-bucket", "allPrivate");
        let wrong = sha1(b"other");
        let answer = wire.upload_with(&bucket, "f", b"content", &[("x-bz-content-sha1", &wrong)]);
        assert_eq!(answer.status == 400, is_checked);
        if !is_checked {
            assert_eq!(answer.json()["contentSha1"], wrong);
        }
        let unsaid = [("x-bz-content-sha1", "do_not_verify")];
        let file = wire.upload_with(&bucket, "g", b"content", &unsaid).ok();
        assert_eq!(
            file["contentSha1"],
            format!("unverified:{}", sha1(b"content"))
        );
        assert_eq!(file["contentMd5"].is_string(), has_md5);
        let large = wire.start(&bucket, "large");
        wire.upload_part(&large, 1, &[1; 10]).ok();
        let part = json!({"sourceFileId": file["fileId"], "largeFileId": large, "partNumber": 2,
            "range": "bytes=1-3"});
        assert_eq!(
            wire.post("b2_copy_part", &part).ok()["contentSha1"],
            sha1(b"ont")
        );
    }
}

#[test]
fn states_can_be_restored_during_uploads() {
    let directory = tempfile::tempdir().unwrap();
    let wire = open(directory.path());
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let saved = wire.emulator.save();
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (wire, bucket) = (&wire, &bucket);
            scope.spawn(move || {
                for number in 0..100 {
                    wire.post(
                        "b2_start_large_file",
                        &json!({"bucketId": bucket,
                        "fileName": format!("{writer}-{number}"), "contentType": "x/y"}),
                    )
                    .ok();
                }
            });
        }
        for _ in 0..50 {
            wire.emulator.restore(&saved).unwrap();
        }
    });
    let after = shown(&wire);
    drop(wire);
    assert_eq!(shown(&open(directory.path())), after);
}

#[test]
fn an_upload_in_progress_during_a_restore_loses_its_url() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("a-bucket", "allPrivate");
    let url = wire.upload_url(&bucket);
    let saved = wire.emulator.save();
    wire.emulator.restore(&saved).unwrap();
    wire.send(wire::upload_request(&url, "a", b"a", &[])).ok();
}

/// `KEEP_JOURNAL=tests/data_dir/v2 cargo test` makes the newest anew; that of an older format can't
/// be made any more.
#[test]
fn directories_of_all_formats_are_read_and_continued_in_the_newest() {
    if let Some(to) = std::env::var_os("KEEP_JOURNAL") {
        let directory = tempfile::tempdir().unwrap();
        let wire = open(directory.path());
        fill(&wire);
        let grant = json!({"bucketId": wire.create_bucket("third-bucket", "allPrivate"),
            "fileNamePrefix": "a", "validDurationInSeconds": 60, "b2ContentType": "text/plain"});
        wire.post("b2_get_download_authorization", &grant).ok();
        fs::create_dir_all(&to).unwrap();
        for name in ["journal", "head"] {
            fs::copy(directory.path().join(name), Path::new(&to).join(name)).unwrap();
        }
        fs::write(
            Path::new(&to).join("shown.json"),
            format!("{:#}\n", shown(&wire)),
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
    let wire = open(directory.path());
    let expected: Value =
        serde_json::from_slice(&fs::read(kept.join("shown.json")).unwrap()).unwrap();
    assert_eq!(shown(&wire), expected, "{format}");
    let journal = fs::read_to_string(directory.path().join("journal")).unwrap();
    assert!(journal.starts_with("{\"b2kit-emulator-journal\": 2, "));
    drop(wire);
    assert_eq!(shown(&open(directory.path())), expected, "{format}");
}
