//! Journals and heads that are damaged, truncated or missing.

use super::*;

#[test]
fn a_truncated_last_line_is_ignored_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "kept", b"kept");
    let before = shown(&client);
    let whole = fs::read(directory.path().join("journal")).unwrap();
    let head = fs::read(directory.path().join("head"));
    client.upload(&bucket, "torn", b"torn");
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
            recovery_warnings[0].contains("are incomplete"),
            "{recovery_warnings:?}"
        );
        // the bytes were whole, and no record speaks of them
        assert!(
            recovery_warnings[1].contains("1 blobs of 4 bytes"),
            "{recovery_warnings:?}"
        );
        let after = RawClient::with(emulator, ManualClock::default());
        assert_eq!(shown(&after), before);
        assert_eq!(blobs(crashed.path()).len(), 1);
        assert_eq!(fs::read(&lost(crashed.path())[0]).unwrap(), b"torn");
        // the head was about this line: it had been answered
        let cut = as_after_a_crash(directory.path());
        fs::write(cut.path().join("journal"), &torn[..len]).unwrap();
        let emulator = builder().open(cut.path()).unwrap();
        let recovery_warnings = emulator.recovery_warnings();
        assert!(
            recovery_warnings[0].contains("are cut off: their changes are lost"),
            "{recovery_warnings:?}"
        );
    }
}

#[test]
fn a_journal_truncated_between_lines_is_reported_and_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    for name in ["one", "two", "three"] {
        client.upload(&bucket, name, name.as_bytes());
    }
    delete(&client, &client.upload(&bucket, "four", b"four"));
    let journal = fs::read(directory.path().join("journal")).unwrap();
    let ends = (0..journal.len()).filter(|at| journal[*at] == b'\n');
    let ends: Vec<usize> = ends.map(|at| at + 1).collect();
    assert!(ends.len() > 6);
    for (cut_off, end) in ends.iter().rev().enumerate().skip(1) {
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
        let steps = format!("the last {cut_off} steps are missing");
        let is_said = recovery_warnings.iter().any(|it| it.contains(&steps));
        assert!(is_said, "{end}: {recovery_warnings:?}");
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
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let older = fs::read(directory.path().join("journal")).unwrap();
    client.upload(&bucket, "f", b"content");
    drop(client);
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
        recovery_warnings[0].contains("not the one that was last written here"),
        "{recovery_warnings:?}"
    );
}

#[test]
fn a_missing_journal_is_refused_if_there_are_blobs_and_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "f", b"content");
    drop(client);
    let journal = fs::read(directory.path().join("journal")).unwrap();
    fs::remove_file(directory.path().join("journal")).unwrap();
    let refused = || builder().open(directory.path()).unwrap_err().to_string();
    assert!(
        refused().contains("is missing, but 1 blobs are there"),
        "{}",
        refused()
    );
    assert!(refused().contains("restore it"), "{}", refused());
    assert_eq!(blobs(directory.path()).len(), 1);
    // without any blob the head still knows that there was a journal; without the head, the blob
    // does
    let head = fs::read(directory.path().join("head")).unwrap();
    fs::remove_file(directory.path().join("head")).unwrap();
    assert!(refused().contains("restore it"));
    fs::write(directory.path().join("head"), head).unwrap();
    let blob = blobs(directory.path()).remove(0);
    fs::rename(&blob, directory.path().join("lock.saved")).unwrap();
    fs::remove_file(directory.path().join("lock.saved")).unwrap();
    assert!(refused().contains("0 blobs are there"));
    fs::write(blob, b"content").unwrap();
    fs::write(directory.path().join("journal"), journal).unwrap();
    open(directory.path());
}

#[test]
fn a_missing_or_damaged_head_is_reported_and_unknown_blobs_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "f", b"content");
    drop(client);
    let head = directory.path().join("head");
    fs::remove_file(&head).unwrap();
    let stray = directory.path().join("blobs/07/0000000000000007");
    fs::create_dir(stray.parent().unwrap()).unwrap();
    fs::write(&stray, b"whose?").unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    let recovery_warnings = emulator.recovery_warnings();
    assert!(
        recovery_warnings[0].contains("the file `head` is missing"),
        "{recovery_warnings:?}"
    );
    assert!(
        recovery_warnings[1].contains("1 blobs of 6 bytes"),
        "{recovery_warnings:?}"
    );
    drop(emulator);
    fs::write(&head, "nonsense").unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    assert!(emulator.recovery_warnings()[0].contains("the file `head` is damaged"));
    assert_eq!(emulator.snapshot().versions, 1);
    let client = RawClient::with(emulator, ManualClock::default());
    // the number of what was set aside is not used again
    client.upload(&bucket, "g", b"more");
    assert!(directory.path().join("blobs/08/0000000000000008").exists());
}

/// A call was answered only after its line and then the head were written. Format 1 has no head.
#[test]
fn a_truncated_last_line_without_a_head_is_lost_except_in_format_1() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).create_bucket("a-bucket", "allPrivate");
    let journal = fs::read(directory.path().join("journal")).unwrap();
    let v1 = include_bytes!("v1/journal");
    for (journal, warning) in [
        (&journal[..], "are cut off: their changes are lost"),
        (
            v1,
            "are incomplete: unless the machine crashed, no client got a response to that call",
        ),
    ] {
        let torn = tempfile::tempdir().unwrap();
        fs::write(torn.path().join("journal"), &journal[..journal.len() - 1]).unwrap();
        let emulator = builder().open(torn.path()).unwrap();
        let warnings = emulator.recovery_warnings();
        assert!(warnings[0].ends_with(warning), "{warnings:?}");
    }
}

/// A file that can't be opened is not one that is missing.
#[cfg(unix)]
#[test]
fn a_directory_with_a_file_that_can_not_be_opened_is_refused_and_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    fill(&open(directory.path()));
    for name in ["journal", "head", "lost"] {
        let copy = as_after_a_crash(directory.path());
        let path = copy.path().join(name);
        fs::remove_file(&path).ok();
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let files = blobs(copy.path());
        let error = builder().open(copy.path()).unwrap_err();
        assert!(error.raw_os_error().is_some(), "{name}: {error}");
        assert!(path.is_symlink(), "{name}");
        assert!(name == "lost" || !copy.path().join("lost").exists());
        assert_eq!(blobs(copy.path()), files, "{name}");
    }
}

#[test]
fn an_upload_interrupted_by_a_crash_is_discarded_silently() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "f", b"content");
    let crashed = as_after_a_crash(directory.path());
    let part = crashed.path().join("blobs/02/0000000000000002.part");
    fs::create_dir(part.parent().unwrap()).unwrap();
    fs::write(part, b"half").unwrap();
    let after = open(crashed.path());
    assert_eq!(after.emulator.snapshot().versions, 1);
    assert_eq!(blobs(crashed.path()).len(), 1);
}

#[test]
fn a_blob_whose_renaming_was_undone_by_a_machine_crash_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "f", b"content");
    let crashed = as_after_a_crash(directory.path());
    let blob = blobs(crashed.path()).remove(0);
    fs::rename(&blob, blob.with_extension("part")).unwrap();
    let after = open(crashed.path());
    assert_eq!(after.download("a-bucket/f", &[]).body, "content");
    assert_eq!(blobs(crashed.path()), [blob]);
}

#[test]
fn an_incomplete_file_beside_a_complete_blob_of_the_same_number_never_replaces_it() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "f", b"content");
    let crashed = as_after_a_crash(directory.path());
    let blob = blobs(crashed.path()).remove(0);
    fs::write(blob.with_extension("part"), b"half").unwrap();
    let emulator = builder().open(crashed.path()).unwrap();
    let warning = "1 blobs of 4 bytes, which the journal doesn't account for";
    assert!(emulator.recovery_warnings()[0].starts_with(warning));
    assert_eq!(fs::read(&lost(crashed.path())[0]).unwrap(), b"half");
    let after = RawClient::with(emulator, ManualClock::default());
    assert_eq!(after.download("a-bucket/f", &[]).body, "content");
    assert_eq!(blobs(crashed.path()), [blob]);
    // a blob that no record explains is kept all the same
    let crashed = as_after_a_crash(directory.path());
    let stray = crashed.path().join("blobs/07/0000000000000007");
    fs::create_dir(stray.parent().unwrap()).unwrap();
    fs::write(&stray, b"whose?").unwrap();
    fs::write(stray.with_extension("part"), b"half").unwrap();
    builder().open(crashed.path()).unwrap();
    assert_eq!(fs::read(&lost(crashed.path())[0]).unwrap(), b"whose?");
}

/// Otherwise the record of an earlier, deleted file would prove the blob superseded.
#[test]
fn the_number_of_a_deleted_blob_is_not_used_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    delete(&client, &client.upload(&bucket, "deleted", b"deleted"));
    drop(client);
    let client = open(directory.path());
    let before = ["journal", "head"].map(|name| fs::read(directory.path().join(name)).unwrap());
    client.upload(&bucket, "f", b"content");
    // a crash of the machine: the blob reached the disk, but not its record
    let crashed = as_after_a_crash(directory.path());
    for (name, before) in ["journal", "head"].iter().zip(before) {
        fs::write(crashed.path().join(name), before).unwrap();
    }
    builder().open(crashed.path()).unwrap();
    assert_eq!(lost(crashed.path()).len(), 2, "the blob and the journal");
    assert_eq!(fs::read(&lost(crashed.path())[0]).unwrap(), b"content");
}

/// After a crash of the machine, complete lines may be missing after it.
#[test]
fn with_an_incomplete_last_line_superseded_blobs_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let file = client.upload(&bucket, "deleted", b"deleted");
    // keeps the blob
    let _saved = client.emulator.save();
    delete(&client, &file);
    let whole = as_after_a_crash(directory.path());
    open(whole.path());
    assert_eq!(blobs(whole.path()).len(), 0);
    let torn = as_after_a_crash(directory.path());
    let path = torn.path().join("journal");
    let journal = fs::read_to_string(&path).unwrap();
    fs::write(path, journal + "99 0123").unwrap();
    let emulator = builder().open(torn.path()).unwrap();
    let warnings = emulator.recovery_warnings();
    assert_eq!(
        warnings[0],
        "the last 7 bytes of the journal are incomplete: unless the machine crashed, no client \
         got a response to that call"
    );
    assert_eq!(fs::read(&lost(torn.path())[0]).unwrap(), b"deleted");
    drop(emulator);
    open(torn.path());
}

/// It is not damaged: another version of the program wrote it.
#[test]
fn a_complete_last_line_that_can_not_be_read_is_refused_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.create_bucket("a-bucket", "allPrivate");
    drop(client);
    append(directory.path(), &["[{\"newKind\":{}}]".to_owned()]);
    let path = directory.path().join("journal");
    let journal = fs::read(&path).unwrap();
    let number = journal.iter().filter(|byte| **byte == b'\n').count();
    let error = builder().open(directory.path()).unwrap_err().to_string();
    let said = format!("line {number} can't be read by this version of the program");
    assert!(error.contains(&said), "{error}");
    assert!(error.contains("newKind"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), journal);
    assert_eq!(lost(directory.path()), [""; 0].map(PathBuf::from));
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
    let client = open(directory.path());
    client.create_bucket("a-bucket", "allPrivate");
    client.create_bucket("lost-bucket", "allPrivate");
    drop(client);
    let path = directory.path().join("journal");
    let mut journal = fs::read(&path).unwrap();
    let last = journal.len() - 2;
    journal[last] ^= 1;
    fs::write(&path, journal).unwrap();
    let emulator = builder().open(directory.path()).unwrap();
    assert!(emulator.recovery_warnings()[0].ends_with("are damaged: their changes are lost"));
    assert_eq!(emulator.snapshot().buckets, 1);
}

#[test]
fn removing_a_damaged_line_keeps_the_other_lines_and_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    for name in ["before", "damaged", "after"] {
        client.upload(&bucket, name, name.as_bytes());
    }
    drop(client);
    let client = open(directory.path());
    client.upload(&bucket, "damaged", b"again");
    client.upload(&bucket, "last", b"last");
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
