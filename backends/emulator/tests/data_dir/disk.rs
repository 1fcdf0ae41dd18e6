//! What is on disk: permissions, names, space.

use super::*;

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
    let client = open(&directory);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "f", b"secret");
    assert_eq!(mode(&blobs(&directory)[0]), 0o600);
}

#[test]
fn names_of_files_never_become_paths() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data");
    let client = open(&directory);
    let bucket = client.create_bucket("a-bucket", "allPublic");
    for name in [
        "../../escaped",
        "/etc/escaped",
        "a/../../b",
        "..",
        ".",
        "C:%5Cescaped",
        "%2e%2e/x",
    ] {
        client.upload(&bucket, name, name.as_bytes());
        let response = client.download(&format!("a-bucket/{name}"), &[]);
        assert_eq!(response.body, name.as_bytes());
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
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let file = client.upload(&bucket, "a", b"content");
    let copy = json!({"sourceFileId": file["fileId"], "fileName": "copy"});
    let copy = client.post("b2_copy_file", &copy).ok();
    assert_eq!(blobs(directory.path()).len(), 1, "a copy moves no byte");
    delete(&client, &file);
    assert_eq!(client.download("a-bucket/copy", &[]).body, "content");
    delete(&client, &copy);
    assert_eq!(blobs(directory.path()).len(), 0);
    assert_eq!(client.emulator.snapshot().stored_bytes, 0);
}

#[test]
fn the_storage_cap_on_disk_counts_existing_files() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "a", b"1234567");
    drop(client);
    let emulator = builder().storage_cap(10).open(directory.path()).unwrap();
    let client = RawClient::with(emulator, ManualClock::default());
    client.upload_with(&bucket, "b", b"1234", &[]).is_error(
        403,
        "storage_cap_exceeded",
        "Cannot upload files, storage cap exceeded",
    );
    client.upload(&bucket, "b", b"123");
}
