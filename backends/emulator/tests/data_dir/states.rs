//! Saved states and discarded bytes.

use super::*;
use b2kit_emulator::Saved;

#[test]
fn a_saved_state_can_be_restored_repeatedly() {
    let directory = tempfile::tempdir().unwrap();
    for client in [
        RawClient::of(Emulator::builder().absolute_minimum_part_size(5)),
        open(directory.path()),
    ] {
        let (bucket, file, _) = fill(&client);
        let before = shown(&client);
        let saved = client.emulator.save();
        for _ in 0..2 {
            client.upload(&bucket, "more", b"more");
            client.create_bucket("more-bucket", "allPublic");
            client
                .post(
                    "b2_update_file_legal_hold",
                    &json!({"fileId": file,
                "fileName": "café.txt", "legalHold": "off"}),
                )
                .ok();
            let which = json!({"fileId": file, "fileName": "café.txt", "bypassGovernance": true});
            client.post("b2_delete_file_version", &which).ok();
            assert_ne!(shown(&client), before);
            client.emulator.restore(&saved).unwrap();
            assert_eq!(shown(&client), before);
            let response = client.get(&format!("b2_download_file_by_id?fileId={file}"));
            assert_eq!(response.body, "first");
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

/// The blobs of files that only saved states have are not lost: the journal says that it doesn't
/// need them.
#[test]
fn a_crash_after_an_earlier_state_was_restored_is_no_loss() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let empty = client.emulator.save();
    let file = client.upload(&bucket, "f", b"content");
    let full = client.emulator.save();
    let restored = |saved: &Saved| {
        client.emulator.restore(saved).unwrap();
        let crashed = as_after_a_crash(directory.path());
        let after = open(crashed.path());
        let versions = after.emulator.snapshot().versions;
        assert_eq!(blobs(crashed.path()).len(), versions);
        versions
    };
    assert_eq!(restored(&empty), 0);
    assert_eq!(restored(&empty), 0, "the blob is still known");
    assert_eq!(restored(&full), 1);
    delete(&client, &file);
    assert_eq!(restored(&empty), 0);
    assert_eq!(restored(&full), 1);
    drop((empty, full));
    let after = client.emulator.save();
    delete(&client, &file);
    drop(after);
    assert_eq!(blobs(directory.path()).len(), 0);
}

#[test]
fn discarded_bytes_keep_their_length_and_sha1() {
    let client = RawClient::of(Emulator::builder().discard_contents(true));
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let file = client.upload(&bucket, "f", b"content");
    assert_eq!(file["contentSha1"], sha1(b"content"));
    assert_eq!(client.download("a-bucket/f", &[]).body, [0; 7][..]);
    assert_eq!(client.emulator.snapshot().stored_bytes, 0);
    client
        .upload_with(
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
        let client = RawClient::of(Emulator::builder().checksums(checksums));
        let bucket = client.create_bucket("a-bucket", "allPrivate");
        let wrong = sha1(b"other");
        let response =
            client.upload_with(&bucket, "f", b"content", &[("x-bz-content-sha1", &wrong)]);
        assert_eq!(response.status == 400, is_checked);
        if !is_checked {
            assert_eq!(response.json()["contentSha1"], wrong);
        }
        let unsaid = [("x-bz-content-sha1", "do_not_verify")];
        let file = client.upload_with(&bucket, "g", b"content", &unsaid).ok();
        assert_eq!(
            file["contentSha1"],
            format!("unverified:{}", sha1(b"content"))
        );
        assert_eq!(file["contentMd5"].is_string(), has_md5);
        let large = client.start(&bucket, "large");
        client.upload_part(&large, 1, &[1; 10]).ok();
        let part = json!({"sourceFileId": file["fileId"], "largeFileId": large, "partNumber": 2,
            "range": "bytes=1-3"});
        assert_eq!(
            client.post("b2_copy_part", &part).ok()["contentSha1"],
            sha1(b"ont")
        );
    }
}

#[test]
fn states_can_be_restored_during_uploads() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let saved = client.emulator.save();
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (client, bucket) = (&client, &bucket);
            scope.spawn(move || {
                for number in 0..100 {
                    client
                        .post(
                            "b2_start_large_file",
                            &json!({"bucketId": bucket,
                        "fileName": format!("{writer}-{number}"), "contentType": "x/y"}),
                        )
                        .ok();
                }
            });
        }
        for _ in 0..50 {
            client.emulator.restore(&saved).unwrap();
        }
    });
    let after = shown(&client);
    drop(client);
    assert_eq!(shown(&open(directory.path())), after);
}

#[test]
fn an_upload_in_progress_during_a_restore_loses_its_url() {
    let client = RawClient::new();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let saved = client.emulator.save();
    client.emulator.restore(&saved).unwrap();
    client
        .send(raw_client::upload_request(&url, "a", b"a", &[]))
        .ok();
}
