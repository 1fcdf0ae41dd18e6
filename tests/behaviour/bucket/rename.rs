//! `rename`.

use b2kit::types::{Action, Capability, ContentType, FileInfo, Sha1};
use b2kit::{DeleteScope, ErrorKind};

use super::{count, hide, put, restricted, rows, stage, start, text};
use crate::script::{Fault, Script};
use crate::uploading::{bucket, content};
use crate::{call_of, client, http_answer, sent, wired};

const ALL: DeleteScope = DeleteScope::AllVersions;

#[test]
fn a_renamed_file_keeps_its_content_type_file_info_and_sha1() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "old", "before").await;
        let info = FileInfo::new().with("author", "me").unwrap();
        let upload = bucket.upload("old", "text");
        let upload = upload
            .content_type(ContentType::new("text/x").unwrap())
            .file_info(info);
        let source = upload.await.unwrap().file;
        put(&bucket, "old-other", "x").await;
        let renamed = bucket.rename("old", "new", ALL).await.unwrap();
        assert_eq!(
            (renamed.file.file_name.as_str(), renamed.deleted.len()),
            ("new", 2)
        );
        assert_eq!(renamed.deleted[1].file_id, source.file_id);
        let found = bucket.stat("new").await.unwrap().unwrap();
        assert_eq!(found.file_id, renamed.file.file_id);
        assert_eq!(found.content_type, source.content_type);
        assert_eq!(found.file_info.get("author"), Some("me"));
        assert_eq!(found.content_sha1.sha1(), Some(&Sha1::of(b"text")));
        assert_eq!(text(&bucket, "new").await, "text");
        assert_eq!(count(&bucket, "old").await, 0);
        assert_eq!(count(&bucket, "old-other").await, 1);
    });
}

#[test]
fn renaming_only_the_newest_version_exposes_the_one_beneath_under_the_old_name() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "old").await;
        put(&bucket, "f", "new").await;
        let renamed = bucket
            .rename("f", "g", DeleteScope::NewestVersion)
            .await
            .unwrap();
        assert_eq!(renamed.deleted.len(), 1);
        assert_eq!(text(&bucket, "g").await, "new");
        assert_eq!(text(&bucket, "f").await, "old");
    });
}

#[test]
fn an_existing_file_at_the_new_name_becomes_an_older_version() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "mine").await;
        put(&bucket, "g", "theirs").await;
        start(&bucket, "f").await;
        bucket.rename("f", "g", ALL).await.unwrap();
        assert_eq!(text(&bucket, "g").await, "mine");
        assert_eq!(count(&bucket, "g").await, 2);
        // An unfinished upload of the old name is not part of the renamed file.
        assert_eq!(rows(&bucket).await[0], ("f".to_owned(), Action::Start));
    });
}

#[test]
fn a_large_file_is_renamed_with_its_sha1() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let bytes = content(250);
        let uploaded = bucket.upload("f", bytes.clone()).await.unwrap();
        assert_eq!(uploaded.parts, 3);
        let renamed = bucket.rename("f", "g", ALL).await.unwrap();
        assert_eq!(renamed.file.expected_sha1(), Some(Sha1::of(&bytes)));
        let download = bucket.download("g").require_verified();
        assert_eq!(download.bytes(1_000).await.unwrap(), bytes);
        assert_eq!(count(&bucket, "f").await, 0);
    });
}

#[test]
fn missing_hidden_equal_and_stage_names_are_refused_before_anything_is_copied() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        put(&bucket, "hidden", "x").await;
        hide(&bucket, "hidden").await;
        let stage = stage(&bucket).await;
        for (from, to, kind) in [
            ("none", "g", ErrorKind::NotFound),
            ("hidden", "g", ErrorKind::NotFound),
            ("f", "f", ErrorKind::Invalid),
            ("f", "", ErrorKind::Invalid),
            ("a\nb", "g", ErrorKind::Invalid),
            (stage.file_name.as_str(), "g", ErrorKind::Invalid),
            ("f", ".b2kit-create/x", ErrorKind::Invalid),
        ] {
            let error = bucket.rename(from, to, ALL).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.may_have_taken_effect());
        }
    });
    let snapshot = emulator.snapshot();
    let calls = ["b2_copy_file", "b2_delete_file_version"].map(|call| snapshot.calls_of(call));
    assert_eq!(calls, [0, 0]);
}

#[test]
fn a_copy_that_differs_from_the_file_leaves_the_old_name_unchanged() {
    for (field, wrong) in [
        ("contentLength", serde_json::json!(3)),
        ("contentSha1", serde_json::json!("0".repeat(40))),
    ] {
        let (owner, emulator, timer) = client();
        let b2 = wired(&emulator, &timer, move |request| {
            if call_of(request) != "b2_copy_file" {
                return None;
            }
            // The server's response is about different bytes from those it was told to copy.
            let document = sent(request);
            let source = document["sourceFileId"].as_str().unwrap().to_owned();
            let mut answer = serde_json::json!({
                "action": "copy", "bucketId": document["destinationBucketId"],
                "contentLength": 4, "contentSha1": Sha1::of(b"text").to_string(),
                "contentType": "text/plain", "fileId": format!("{source}x"), "fileInfo": {},
                "fileName": document["fileName"], "uploadTimestamp": 1,
            });
            answer[field] = wrong.clone();
            Some(Ok(http_answer(200, &answer)))
        });
        let b2 = b2.build().unwrap();
        timer.run(async {
            let bucket = bucket(&owner).await;
            put(&bucket, "f", "text").await;
            let error = super::through(&b2, &bucket)
                .rename("f", "g", ALL)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
            assert!(error.may_have_taken_effect());
            assert_eq!(text(&bucket, "f").await, "text");
        });
        assert_eq!(emulator.snapshot().calls_of("b2_delete_file_version"), 0);
    }
}

#[test]
fn a_version_uploaded_during_the_copy_is_not_deleted() {
    let (owner, script) = Script::new([]);
    let emulator = script.emulator.clone();
    let (b2, armed) = {
        let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let flag = armed.clone();
        let owner = owner.clone();
        let backend = move |request: b2kit::Request| {
            let (emulator, owner, flag) = (emulator.clone(), owner.clone(), flag.clone());
            async move {
                use b2kit::HttpClient as _;
                let is_copy = call_of(&request) == "b2_copy_file";
                let answer = emulator.send(request).await;
                if is_copy && flag.load(std::sync::atomic::Ordering::Relaxed) {
                    let bucket = owner.bucket("holiday-photos").await.unwrap();
                    put(&bucket, "f", "newer").await;
                }
                answer
            }
        };
        (
            crate::client_over(&script.emulator, &script.timer, backend),
            armed,
        )
    };
    script.timer.run(async {
        let bucket = bucket(&owner).await;
        put(&bucket, "f", "old").await;
        armed.store(true, std::sync::atomic::Ordering::Relaxed);
        let raced = super::through(&b2, &bucket);
        let error = raced.rename("f", "g", ALL).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.may_have_taken_effect());
        assert_eq!(error.file(), Some("f"));
        assert_eq!(text(&bucket, "f").await, "newer");
        assert_eq!(count(&bucket, "f").await, 2);
        assert_eq!(text(&bucket, "g").await, "old");

        // With `NewestVersion`, only the copied version is deleted.
        let renamed = raced
            .rename("f", "g", DeleteScope::NewestVersion)
            .await
            .unwrap();
        assert_eq!(renamed.deleted.len(), 1);
        assert_eq!(text(&bucket, "f").await, "newer");
    });
}

#[test]
fn lost_responses_neither_lose_nor_duplicate_the_renamed_file() {
    for call in [
        "b2_copy_file",
        "b2_delete_file_version",
        "b2_list_file_names",
        "b2_list_file_versions",
    ] {
        for fault in [Fault::LostResponse, Fault::DroppedRequest, Fault::Garbage] {
            let (b2, script) = Script::new([]);
            script.timer.run(async {
                let bucket = bucket(&b2).await;
                put(&bucket, "f", "old").await;
                put(&bucket, "f", "new").await;
                script.push(call, fault.clone());
                let renamed = bucket.rename("f", "g", ALL).await.unwrap();
                assert_eq!(renamed.deleted.len(), 2);
                assert_eq!(text(&bucket, "g").await, "new");
                assert_eq!(rows(&bucket).await.len(), 1, "{call}, {fault:?}");
            });
            assert!(script.is_over());
        }
    }
}

#[test]
fn a_rename_that_failed_after_the_copy_can_be_repeated() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        script.push(
            "b2_delete_file_version",
            Fault::Status(400, "bad_request", &[]),
        );
        let error = bucket.rename("f", "g", ALL).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.may_have_taken_effect());
        assert_eq!(
            (text(&bucket, "f").await, text(&bucket, "g").await),
            ("x".into(), "x".into())
        );
        bucket.rename("f", "g", ALL).await.unwrap();
        assert_eq!(
            (count(&bucket, "f").await, count(&bucket, "g").await),
            (0, 2)
        );
    });
}

#[test]
fn a_restricted_key_renames_only_within_its_prefix() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "p/f", "x").await;
        let mut capabilities = vec![
            Capability::ListFiles,
            Capability::ReadFiles,
            Capability::WriteFiles,
        ];
        let copies = restricted(&bucket, &emulator, &timer, &capabilities).await;
        capabilities.push(Capability::DeleteFiles);
        let key = restricted(&bucket, &emulator, &timer, &capabilities).await;
        let error = key.rename("p/f", "q/f", ALL).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        let error = copies.rename("p/f", "p/g", ALL).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        assert!(error.may_have_taken_effect(), "the copy is there");
        key.rename("p/f", "p/g", ALL).await.unwrap();
        assert_eq!(
            (count(&bucket, "p/f").await, count(&bucket, "p/g").await),
            (0, 2)
        );
    });
}
