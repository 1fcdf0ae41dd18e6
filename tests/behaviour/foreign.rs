//! Errors of intermediaries such as proxies, firewalls and captive portals, which say nothing about what B2 has done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit::api::{
    CopyFile, FinishLargeFile, ListBuckets, ListFileVersions, ListUnfinishedLargeFiles, UploadFile,
};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{BucketName, FileName, Sha1};
use b2kit::{ErrorKind, ManualTimer, UnfinishedState};
use serde_json::json;

use crate::script::Fault::{Foreign, Portal, Status};
use crate::script::Script;
use crate::uploading::{bucket, content, versions};
use crate::{call_of, http_answer, http_refusal, sent, wired};

const STATUSES: [u16; 14] = [
    302, 307, 400, 401, 403, 404, 409, 413, 418, 429, 499, 500, 502, 503,
];

/// However long the fault lasts: a large file that was started is finished or tracked as unfinished.
#[test]
fn a_foreign_error_in_place_of_a_reply_leaves_no_untracked_unfinished_file() {
    for status in STATUSES {
        for (call, asks) in [
            ("b2_start_large_file", "b2_list_unfinished_large_files"),
            ("b2_finish_large_file", "b2_get_file_info"),
        ] {
            for (times, asks_fail) in [(1, false), (1, true), (50, false), (50, true)] {
                let what =
                    format!("{call} answered {status} {times} times, {asks} fails: {asks_fail}");
                let (b2, script) = Script::new([]);
                script.timer.run(async {
                    let bucket = bucket(&b2).await;
                    for _ in 0..times {
                        script.push(call, Foreign(status));
                    }
                    if asks_fail {
                        (0..500).for_each(|_| script.push(asks, Portal(status)));
                    }
                    let outcome = bucket.upload("large", content(250)).await;
                    script.forget();
                    if !asks_fail {
                        let uploaded = outcome
                            .as_ref()
                            .unwrap_or_else(|error| panic!("{what}: {error}"));
                        assert_eq!(uploaded.file.content_length, 250, "{what}");
                    } else if let Err(error) = &outcome {
                        assert!(error.may_have_taken_effect(), "{what}: {error}");
                    }
                    let list = ListUnfinishedLargeFiles::new(bucket.id());
                    let unfinished = b2.call(list.clone()).await.unwrap().files;
                    // An upload may have been started several times; one entry stands for all starts without an id.
                    let known = b2.unfinished();
                    assert!(unfinished.is_empty() || !known.is_empty(), "{what}");
                    let failed = b2.cancel_orphaned_uploads().await;
                    assert!(failed.is_empty(), "{what}: {failed:?}");
                    let left = b2.call(list).await.unwrap().files;
                    let kept = b2.unfinished();
                    assert_eq!(left.len(), kept.len(), "{what}: {left:?} {kept:?}");
                    assert!(
                        kept.iter().all(|line| line.state == UnfinishedState::Kept),
                        "{what}: {kept:?}"
                    );
                    let stored = versions(&bucket).await.len();
                    assert!(outcome.is_err() || stored == 1, "{what}: {stored}");
                });
            }
        }
    }
}

#[test]
fn a_captive_portal_ends_a_call_after_three_attempts_and_is_named() {
    for status in [302, 307, 400, 401, 403, 404, 407, 418, 451] {
        let (b2, script) = Script::new([]);
        for _ in 0..10 {
            script.push("b2_authorize_account", Portal(status));
        }
        let error = script.timer.run(b2.call(ListBuckets::new())).unwrap_err();
        // No response was about the key.
        assert_eq!(error.kind(), ErrorKind::Protocol, "{status}: {error}");
        assert_eq!(script.count("b2_authorize_account"), 3);
        assert_eq!(
            error.non_b2_response().unwrap().server.as_deref(),
            Some("nginx")
        );
        script.forget();
        script.timer.run(b2.call(ListBuckets::new())).unwrap();
        for _ in 0..10 {
            script.push("b2_list_buckets", Portal(status));
        }
        let error = script.timer.run(b2.call(ListBuckets::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{status}: {error}");
        assert!(!error.may_have_taken_effect());
        assert_eq!(script.count("b2_list_buckets"), 1 + 3);
        assert_eq!(
            script.count("b2_authorize_account"),
            4,
            "the token is not to blame"
        );
    }
}

/// "The service timed out reading the uploaded file": no file was stored, so there is nothing to reconcile.
#[test]
fn an_upload_that_timed_out_at_b2_goes_to_another_url_without_reconciliation() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        script.push("b2_upload_file", Status(408, "request_timeout", &[]));
        let file = UploadFile::new(bucket.id(), FileName::new("f").unwrap(), "hello");
        let file = b2.call(file).await.unwrap();
        assert!(!file.possible_duplicate);
        assert_eq!(script.count("b2_list_file_versions"), 0);
        assert_eq!(script.count("b2_get_upload_url"), 2);

        for _ in 0..100 {
            script.push("b2_upload_file", Status(408, "request_timeout", &[]));
        }
        let upload = UploadFile::new(bucket.id(), FileName::new("g").unwrap(), "hello");
        let error = b2.call(upload).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!error.may_have_taken_effect(), "{error}");
        script.forget();
        assert_eq!(versions(&bucket).await.len(), 1);

        // B2 may have read the whole request of any other call.
        script.push("b2_copy_file", Status(408, "request_timeout", &[]));
        let copy = CopyFile::new(&file.file_id, FileName::new("h").unwrap());
        b2.call(copy).await.unwrap();
        assert!(script.count("b2_get_file_info") > 0);
        let all = b2.call(ListFileVersions::new(bucket.id())).await.unwrap();
        assert_eq!(all.files.len(), 2);
    });
}

/// The last attempt alone would report a missing upload, and not the file that B2 says it has made.
#[test]
fn a_finish_error_lists_every_attempt_whose_reply_was_about_another_file() {
    let emulator = Emulator::new();
    let (timer, finishes) = (ManualTimer::new(), Arc::new(AtomicUsize::new(0)));
    let b2 = wired(&emulator, &timer, move |request| match call_of(request) {
        "b2_finish_large_file" => {
            let number = finishes.fetch_add(1, Ordering::Relaxed);
            if number == 2 {
                return Some(Ok(http_refusal(400, "bad_request")));
            }
            let mut file = json!({
                "accountId": "a", "action": "upload", "bucketId": "b", "contentLength": 1,
                "contentSha1": "none",
                "fileId": sent(request)["fileId"], "fileInfo": {}, "fileName": "f",
                "uploadTimestamp": 1,
            });
            file["fileId"] = json!(format!("4_other_{number}"));
            Some(Ok(http_answer(200, &file)))
        }
        "b2_get_file_info" => Some(Ok(http_refusal(404, "not_found"))),
        _ => None,
    });
    let b2 = b2.build().unwrap();
    let finish = FinishLargeFile::new("4_asked", [Sha1::of(b"a"), Sha1::of(b"b")]);
    let error = timer.run(b2.call(finish)).unwrap_err();
    assert_eq!(error.b2().unwrap().code, "bad_request");
    assert!(error.may_have_taken_effect());
    let message = error.to_string();
    for number in [0, 1] {
        let attempt = number + 1;
        let one = format!(
            "attempt {attempt}: the response doesn't match the request: \
             the request was to finish \"4_asked\", but the response is about \"4_other_{number}\""
        );
        assert!(message.contains(&one), "{message}");
    }
}

#[test]
fn a_handle_has_the_bucket_name_as_b2_spells_it() {
    let emulator = Emulator::new();
    let timer = ManualTimer::new();
    let b2 = wired(&emulator, &timer, |request| {
        (call_of(request) == "b2_list_buckets").then(|| {
            let bucket = json!({"accountId": "a", "bucketId": "b", "bucketName": "Holiday-Photos",
                                "bucketType": "allPrivate", "revision": 1});
            Ok(http_answer(200, &json!({"buckets": [bucket]})))
        })
    });
    let b2 = b2.build().unwrap();
    let bucket = timer.run(b2.bucket("holiday-PHOTOS")).unwrap();
    assert_eq!(bucket.name().as_str(), "Holiday-Photos");
    assert_eq!(*bucket.name(), BucketName::new("holiday-photos").unwrap());
}
