//! Retries and reconciliation after each kind of failure, in virtual time, against an emulator behind a scripted
//! network.

use std::time::Duration;

use b2kit::api::{
    CancelLargeFile, CopyFile, CopyPart, CreateBucket, CreateKey, DeleteBucket, DeleteFileVersion,
    DeleteKey, DownloadFileById, FinishLargeFile, GetFileInfo, HideFile, ListBuckets,
    ListFileVersions, ListKeys, StartLargeFile, UpdateBucket, UploadFile, UploadPart,
};
use b2kit::types::{
    Action, Bucket, BucketInfo, BucketName, BucketType, ByteRange, Capability, FileName,
    FileVersion, KeyName, PartNumber, Sha1,
};
use b2kit::{Body, Bytes, Client, Error, ErrorKind, RetryPolicy, RetryStopReason};
use futures::future::join_all;
use futures::stream;

use crate::script::Fault::{
    self, DelayedExecution, DroppedRequest, Garbage, LostResponse, Refused, Status,
    UnansweredRequest,
};
use crate::script::Script;

const BUSY: Fault = Status(503, "service_unavailable", &[]);
const LIMITED: Fault = Status(429, "too_many_requests", &[]);
const BROKEN: Fault = Status(500, "internal_error", &[]);

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

async fn bucket(b2: &Client) -> Bucket {
    b2.call(CreateBucket::new(
        BucketName::new("holiday-photos").unwrap(),
        BucketType::AllPrivate,
    ))
    .await
    .unwrap()
}

async fn upload(b2: &Client, bucket: &Bucket) -> Result<FileVersion, Error> {
    b2.call(UploadFile::new(&bucket.bucket_id, name("f"), "hello"))
        .await
}

/// A bucket and a valid upload URL; then the script begins.
async fn with_bucket(
    b2: &Client,
    script: &Script,
    steps: impl IntoIterator<Item = (&'static str, Fault)>,
) -> Bucket {
    let bucket = bucket(b2).await;
    steps
        .into_iter()
        .for_each(|(call, fault)| script.push(call, fault));
    bucket
}

fn versions(script: &Script) -> usize {
    script.emulator.snapshot().versions
}

// Uploads.

#[test]
fn an_upload_to_a_busy_host_is_retried_at_another_immediately() {
    for fault in [
        BUSY,
        BROKEN,
        Refused,
        DroppedRequest,
        UnansweredRequest,
        Status(401, "expired_auth_token", &[]),
        Status(408, "request_timeout", &[]),
    ] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = with_bucket(&b2, &script, [("b2_upload_file", fault.clone())]).await;
            let file = upload(&b2, &bucket).await.unwrap();
            assert!(!file.possible_duplicate, "{fault:?}");
        });
        assert_eq!(
            script.pauses("b2_upload_file"),
            [Duration::ZERO],
            "{fault:?}"
        );
        assert_eq!(script.count("b2_get_upload_url"), 2, "{fault:?}");
        assert_eq!(script.count("b2_authorize_account"), 1, "{fault:?}");
        assert_eq!(versions(&script), 1, "{fault:?}");
    }
}

#[test]
fn a_working_upload_url_is_reused_and_a_failed_one_is_not() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        for _ in 0..3 {
            upload(&b2, &bucket).await.unwrap();
        }
        assert_eq!(script.count("b2_get_upload_url"), 1);
        script.push("b2_upload_file", BUSY);
        upload(&b2, &bucket).await.unwrap();
        upload(&b2, &bucket).await.unwrap();
        assert_eq!(script.count("b2_get_upload_url"), 2);
    });
}

#[test]
fn an_upload_after_a_429_goes_to_the_same_url() {
    let limited = Status(429, "too_many_requests", &[("retry-after", "7")]);
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let steps = [("b2_upload_file", limited), ("b2_upload_file", LIMITED)];
        let bucket = with_bucket(&b2, &script, steps).await;
        upload(&b2, &bucket).await.unwrap();
        assert_eq!(script.count("b2_upload_file"), 3);
        upload(&b2, &bucket).await.unwrap();
        assert_eq!(script.count("b2_get_upload_url"), 1);
    });
}

#[test]
fn an_upload_after_a_proxys_429_goes_to_another_url() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let steps = [("b2_upload_file", Fault::Portal(429))];
        let bucket = with_bucket(&b2, &script, steps).await;
        upload(&b2, &bucket).await.unwrap();
        assert_eq!(script.count("b2_get_upload_url"), 2);
    });
}

#[test]
fn concurrent_uploads_have_a_url_each() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let outcomes = join_all((0..20).map(|_| upload(&b2, &bucket))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    });
    assert_eq!(versions(&script), 20);
    assert!(script.count("b2_get_upload_url") <= 20);
}

#[test]
fn ten_busy_hosts_in_a_row_do_not_end_an_upload_and_backoff_stays_bounded() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = with_bucket(&b2, &script, vec![("b2_upload_file", BUSY); 10]).await;
        upload(&b2, &bucket).await.unwrap();
    });
    let pauses = script.pauses("b2_upload_file");
    assert_eq!(pauses.len(), 10);
    assert!(
        pauses.iter().all(|pause| *pause <= Duration::from_secs(64)),
        "{pauses:?}"
    );
    assert!(script.is_over());
}

#[test]
fn an_upload_that_never_succeeds_ends_after_its_attempts_and_two_minutes() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        let bucket = with_bucket(&b2, &script, vec![("b2_upload_file", BUSY); 100]).await;
        upload(&b2, &bucket).await.unwrap_err()
    });
    assert_eq!(
        (error.kind(), error.retry_stop_reason()),
        (ErrorKind::Unavailable, Some(RetryStopReason::Attempts))
    );
    assert!(
        error.attempts() >= 10 && error.elapsed() >= Duration::from_secs(120),
        "{error:?}"
    );
    assert_eq!(error.b2().unwrap().status, 503);
    assert!(!error.may_have_taken_effect());
    assert_eq!(versions(&script), 0);
}

#[test]
fn an_upload_whose_response_was_lost_is_found_and_not_sent_twice() {
    for fault in [LostResponse, Garbage] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = with_bucket(&b2, &script, [("b2_upload_file", fault.clone())]).await;
            let file = upload(&b2, &bucket).await.unwrap();
            assert!(!file.possible_duplicate);
            assert_eq!(
                b2.call(GetFileInfo::new(&file.file_id))
                    .await
                    .unwrap()
                    .content_length,
                5
            );
        });
        assert_eq!(
            (versions(&script), script.count("b2_upload_file")),
            (1, 1),
            "{fault:?}"
        );
    }
}

#[test]
fn reconciling_an_upload_ignores_an_older_file_with_equal_bytes() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let older = upload(&b2, &bucket).await.unwrap();
        // The `Date` of the next response is later than the file.
        script.clock.advance(Duration::from_secs(2));
        b2.call(ListBuckets::new()).await.unwrap();
        script.push("b2_upload_file", UnansweredRequest);
        let newer = upload(&b2, &bucket).await.unwrap();
        assert_ne!(newer.file_id, older.file_id);
    });
    assert_eq!(versions(&script), 2);
}

#[test]
fn an_upload_is_repeated_after_a_lost_response_if_the_key_may_not_list() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let key = CreateKey::new(KeyName::new("writer").unwrap(), [Capability::WriteFiles]);
        let key = b2.call(key).await.unwrap();
        let secret = key.application_key.expose().to_owned();
        let writer = script.client_with(
            key.key.application_key_id.as_str(),
            &secret,
            RetryPolicy::default(),
        );
        assert!(!upload(&writer, &bucket).await.unwrap().possible_duplicate);
        script.push("b2_upload_file", LostResponse);
        assert!(upload(&writer, &bucket).await.unwrap().possible_duplicate);
    });
    assert_eq!((versions(&script), script.count("b2_upload_file")), (3, 3));
}

#[test]
fn a_repeated_upload_without_a_sha1_is_a_possible_duplicate() {
    let (b2, script) = Script::new([]);
    let file = script.timer.run(async {
        let bucket = with_bucket(&b2, &script, [("b2_upload_file", LostResponse)]).await;
        let upload = UploadFile::new(&bucket.bucket_id, name("f"), "hello").do_not_verify();
        b2.call(upload).await.unwrap()
    });
    assert!(file.possible_duplicate);
    assert_eq!(versions(&script), 2);
}

#[test]
fn a_repeated_copy_that_can_not_be_reconciled_is_a_possible_duplicate() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let file = upload(&b2, &bucket).await.unwrap();
        script.push("b2_copy_file", LostResponse);
        let copy_of_range =
            CopyFile::new(&file.file_id, name("copy")).range(ByteRange::inclusive(0, 2).unwrap());
        assert!(b2.call(copy_of_range).await.unwrap().possible_duplicate);
    });
    assert_eq!(versions(&script), 3);
}

#[test]
fn a_non_replayable_body_is_not_sent_again_and_no_partial_file_is_stored() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        // The emulator reads and stores the body, or the network fails after the body was read.
        let bucket = with_bucket(
            &b2,
            &script,
            [
                ("b2_upload_file", LostResponse),
                ("b2_list_file_versions", BROKEN),
            ],
        )
        .await;
        let body = Body::once(5, stream::iter([Ok(Bytes::from("hello"))]));
        let call = UploadFile::new(&bucket.bucket_id, name("f"), body);
        b2.with_retry_policy(RetryPolicy::disabled())
            .call(call)
            .await
            .unwrap_err()
    });
    assert_eq!(
        (error.kind(), error.retry_stop_reason()),
        (ErrorKind::Http, Some(RetryStopReason::BodyNotReplayable))
    );
    assert!(error.may_have_taken_effect());

    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = with_bucket(
            &b2,
            &script,
            [("b2_upload_file", Refused), ("b2_upload_file", BUSY)],
        )
        .await;
        let body = Body::once(5, stream::iter([Ok(Bytes::from("hello"))]));
        // A body that was not read can still be sent.
        b2.call(UploadFile::new(&bucket.bucket_id, name("f"), body))
            .await
            .unwrap();
    });
    assert_eq!(versions(&script), 1);
}

#[test]
fn an_exceeded_cap_ends_an_upload_at_once() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        let cap = Status(403, "storage_cap_exceeded", &[]);
        let bucket = with_bucket(&b2, &script, [("b2_upload_file", cap)]).await;
        upload(&b2, &bucket).await.unwrap_err()
    });
    assert_eq!(
        (error.kind(), error.attempts(), error.retry_stop_reason()),
        (ErrorKind::CapExceeded, 1, None)
    );
}

#[test]
fn the_upload_token_and_the_accounts_token_may_expire_together() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        upload(&b2, &bucket).await.unwrap();
        script.emulator.expire_upload_tokens();
        script.emulator.expire_account_tokens();
        upload(&b2, &bucket).await.unwrap();
    });
    assert_eq!(
        (script.count("b2_authorize_account"), versions(&script)),
        (2, 2)
    );
}

#[test]
fn a_part_is_sent_again_after_a_lost_response() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = with_bucket(
            &b2,
            &script,
            [("b2_upload_part", LostResponse), ("b2_upload_part", BUSY)],
        )
        .await;
        let file_id = large_file(&b2, &bucket).await;
        let sha1s = [Sha1::of(&[b'a'; 10]), Sha1::of(b"b")];
        b2.call(FinishLargeFile::new(&file_id, sha1s))
            .await
            .unwrap();
        let whole = b2
            .call(DownloadFileById::new(&file_id))
            .await
            .unwrap()
            .body
            .collect(100)
            .await
            .unwrap();
        assert_eq!(whole, b"aaaaaaaaaab");
    });
    assert_eq!(script.count("b2_upload_part"), 4);
}

// Large files.

/// An unfinished large file of two parts.
async fn large_file(b2: &Client, bucket: &Bucket) -> b2kit::types::FileId {
    let started = b2
        .call(StartLargeFile::new(&bucket.bucket_id, name("large")))
        .await
        .unwrap();
    for (number, body) in [(1, vec![b'a'; 10]), (2, vec![b'b'])] {
        let number = PartNumber::new(number).unwrap();
        b2.call(UploadPart::new(&started.file_id, number, body))
            .await
            .unwrap();
    }
    started.file_id
}

fn sha1s() -> [Sha1; 2] {
    [Sha1::of(&[b'a'; 10]), Sha1::of(b"b")]
}

#[test]
fn a_finish_with_a_lost_response_is_reconciled() {
    for fault in [
        LostResponse,
        Garbage,
        DelayedExecution,
        DroppedRequest,
        BROKEN,
        Status(504, "", &[]),
        Status(408, "request_timeout", &[]),
    ] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let file_id = large_file(&b2, &bucket).await;
            script.push("b2_finish_large_file", fault.clone());
            let file = b2
                .call(FinishLargeFile::new(&file_id, sha1s()))
                .await
                .unwrap();
            assert_eq!(
                (&file.action, file.content_length, &file.file_id),
                (&Action::Upload, 11, &file_id),
                "{fault:?}"
            );
        });
        let snapshot = script.emulator.snapshot();
        assert_eq!(
            (snapshot.versions, snapshot.unfinished_large_files),
            (1, 0),
            "{fault:?}"
        );
        assert_eq!(script.count("b2_cancel_large_file"), 0);
    }
}

#[test]
fn a_finish_that_a_proxy_sent_twice_is_reconciled() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let file_id = large_file(&b2, &bucket).await;
        b2.call(FinishLargeFile::new(&file_id, sha1s()))
            .await
            .unwrap();
        // The client sees only the rejection of the second request.
        let file = b2
            .call(FinishLargeFile::new(&file_id, sha1s()))
            .await
            .unwrap();
        assert_eq!(file.content_length, 11);
    });
}

#[test]
fn a_finish_that_can_not_be_reconciled_is_unknown_and_nothing_is_cancelled() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        let bucket = bucket(&b2).await;
        let file_id = large_file(&b2, &bucket).await;
        let key = b2
            .call(CreateKey::new(
                KeyName::new("writer").unwrap(),
                [Capability::WriteFiles],
            ))
            .await
            .unwrap();
        let secret = key.application_key.expose().to_owned();
        let writer = script.client_with(
            key.key.application_key_id.as_str(),
            &secret,
            RetryPolicy::default(),
        );
        script.push("b2_finish_large_file", LostResponse);
        writer
            .call(FinishLargeFile::new(&file_id, sha1s()))
            .await
            .unwrap_err()
    });
    assert!(error.may_have_taken_effect(), "{error:?}");
    assert_eq!(
        (
            script.count("b2_finish_large_file"),
            script.count("b2_cancel_large_file")
        ),
        (1, 0)
    );
    assert_eq!(versions(&script), 1);
}

#[test]
fn a_finish_with_the_wrong_parts_is_b2s_own_error() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        let bucket = bucket(&b2).await;
        let file_id = large_file(&b2, &bucket).await;
        b2.call(FinishLargeFile::new(
            &file_id,
            [Sha1::of(b"x"), Sha1::of(b"b")],
        ))
        .await
        .unwrap_err()
    });
    assert_eq!(
        (&*error.b2().unwrap().code, error.may_have_taken_effect()),
        ("part_sha1_mismatch", false)
    );
}

#[test]
fn a_start_with_a_lost_response_is_found_only_by_its_id() {
    for (fault, id, unfinished) in [
        (LostResponse, true, 1),
        (LostResponse, false, 2),
        (DroppedRequest, true, 1),
        (Garbage, true, 1),
    ] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            // A large file of another program, which is never mistaken for this one.
            let other = StartLargeFile::new(&bucket.bucket_id, name("large"))
                .upload_id("other")
                .unwrap();
            let other = b2.call(other).await.unwrap();
            script.push("b2_start_large_file", fault.clone());
            let start = StartLargeFile::new(&bucket.bucket_id, name("large"));
            let start = if id {
                start.upload_id("ours").unwrap()
            } else {
                start
            };
            let started = b2.call(start).await.unwrap();
            assert_ne!(started.file_id, other.file_id);
            assert_eq!(started.possible_duplicate, !id);
        });
        assert_eq!(
            script.emulator.snapshot().unfinished_large_files,
            unfinished + 1,
            "{fault:?} {id}"
        );
    }
}

#[test]
fn a_cancel_after_a_lost_response_succeeds_if_nothing_is_left_to_cancel() {
    for fault in [LostResponse, DroppedRequest, Garbage] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let file_id = large_file(&b2, &bucket).await;
            script.push("b2_cancel_large_file", fault.clone());
            let canceled = b2.call(CancelLargeFile::new(&file_id)).await.unwrap();
            assert_eq!(canceled.file_id, file_id);
            let again = b2.call(CancelLargeFile::new(&file_id)).await.unwrap_err();
            assert_eq!(
                again.kind(),
                ErrorKind::Rejected,
                "without a loss it is an error"
            );
        });
        assert_eq!(script.emulator.snapshot().unfinished_large_files, 0);
    }
}

// Other calls with effects.

#[test]
fn a_delete_that_finds_nothing_after_a_lost_response_succeeds() {
    for fault in [LostResponse, DroppedRequest, Garbage] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let file = upload(&b2, &bucket).await.unwrap();
            script.push("b2_delete_file_version", fault.clone());
            let delete = DeleteFileVersion::new("f", &file.file_id);
            assert_eq!(b2.call(delete.clone()).await.unwrap().file_id, file.file_id);
            assert_eq!(
                b2.call(delete).await.unwrap_err().kind(),
                ErrorKind::NotFound,
                "without a loss it is an error"
            );

            script.push("b2_delete_bucket", fault.clone());
            let deleted = b2.call(DeleteBucket::new(&bucket.bucket_id)).await.unwrap();
            assert_eq!(
                deleted.is_some(),
                matches!(fault, DroppedRequest),
                "{fault:?}"
            );
            assert_eq!(
                b2.call(DeleteBucket::new(&bucket.bucket_id))
                    .await
                    .unwrap_err()
                    .kind(),
                ErrorKind::NotFound
            );

            let key = CreateKey::new(KeyName::new("gone-soon").unwrap(), [Capability::ListFiles]);
            let id = b2.call(key).await.unwrap().key.application_key_id;
            script.push("b2_delete_key", fault.clone());
            let deleted = b2.call(DeleteKey::new(&id)).await.unwrap();
            assert_eq!(
                deleted.is_some(),
                matches!(fault, DroppedRequest),
                "{fault:?}"
            );
            assert!(b2.call(DeleteKey::new(&id)).await.is_err());
        });
        let snapshot = script.emulator.snapshot();
        assert_eq!((snapshot.buckets, snapshot.versions), (0, 0), "{fault:?}");
    }
}

#[test]
fn a_create_with_a_lost_response_makes_one_bucket_and_never_accepts_another_accounts() {
    for fault in [
        LostResponse,
        DroppedRequest,
        DelayedExecution,
        Garbage,
        BROKEN,
    ] {
        let (b2, script) = Script::new([("b2_create_bucket", fault.clone())]);
        let created = script.timer.run(bucket(&b2));
        assert_eq!(
            (
                created.bucket_name.as_str(),
                script.emulator.snapshot().buckets
            ),
            ("holiday-photos", 1),
            "{fault:?}"
        );
    }
    let (b2, script) = Script::new([
        ("b2_create_bucket", DroppedRequest),
        (
            "b2_create_bucket",
            Status(400, "duplicate_bucket_name", &[]),
        ),
    ]);
    let create = CreateBucket::new(
        BucketName::new("holiday-photos").unwrap(),
        BucketType::AllPrivate,
    );
    let error = script.timer.run(b2.call(create)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn a_hide_with_a_lost_response_leaves_one_marker() {
    for fault in [LostResponse, DroppedRequest, DelayedExecution, Garbage] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            upload(&b2, &bucket).await.unwrap();
            script.push("b2_hide_file", fault.clone());
            let marker = b2
                .call(HideFile::new(&bucket.bucket_id, name("f")))
                .await
                .unwrap();
            assert_eq!(marker.action, Action::Hide, "{fault:?}");
            let versions = b2
                .call(ListFileVersions::new(&bucket.bucket_id))
                .await
                .unwrap()
                .files;
            assert_eq!(versions.len(), 2, "{fault:?}");
            let again = b2
                .call(HideFile::new(&bucket.bucket_id, name("f")))
                .await
                .unwrap_err();
            assert_eq!(
                again.kind(),
                ErrorKind::Conflict,
                "without a loss it is an error"
            );
        });
    }
}

#[test]
fn a_copy_with_a_lost_response_leaves_one_copy() {
    for fault in [LostResponse, DroppedRequest, Garbage] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let file = upload(&b2, &bucket).await.unwrap();
            script.push("b2_copy_file", fault.clone());
            // To a new name, and to the source's.
            b2.call(CopyFile::new(&file.file_id, name("copy")))
                .await
                .unwrap();
            script.push("b2_copy_file", fault.clone());
            let copy = b2
                .call(CopyFile::new(&file.file_id, name("f")))
                .await
                .unwrap();
            assert_ne!(copy.file_id, file.file_id);
        });
        assert_eq!(versions(&script), 3, "{fault:?}");
    }
}

#[test]
fn a_part_is_copied_again_after_a_lost_response() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let file = upload(&b2, &bucket).await.unwrap();
        let large = b2
            .call(StartLargeFile::new(&bucket.bucket_id, name("large")))
            .await
            .unwrap();
        script.push("b2_copy_part", LostResponse);
        let part = b2
            .call(CopyPart::new(
                &file.file_id,
                &large.file_id,
                PartNumber::FIRST,
            ))
            .await
            .unwrap();
        assert_eq!(part.content_length, 5);
    });
    assert_eq!(script.count("b2_copy_part"), 2);
}

#[test]
fn an_update_with_a_lost_response_is_applied_once_and_a_concurrent_change_is_a_conflict() {
    for fault in [LostResponse, DroppedRequest, Garbage] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let info = |value: &str| BucketInfo::new().with("owner", value).unwrap();
            script.push("b2_update_bucket", fault.clone());
            let update = UpdateBucket::new(&bucket.bucket_id)
                .bucket_info(info("us"))
                .if_revision_is(bucket.revision);
            let updated = b2.call(update.clone()).await.unwrap();
            assert_eq!(updated.revision, bucket.revision + 1, "{fault:?}");

            script.push("b2_update_bucket", fault.clone());
            let update = UpdateBucket::new(&bucket.bucket_id)
                .bucket_info(info("them"))
                .if_revision_is(bucket.revision);
            assert_eq!(
                b2.call(update).await.unwrap_err().kind(),
                ErrorKind::Conflict,
                "{fault:?}"
            );
        });
    }
}

#[test]
fn a_key_is_never_created_twice_and_a_foreign_key_is_never_deleted() {
    for (fault, older, keys) in [
        (LostResponse, false, 1),
        (DroppedRequest, false, 1),
        (Garbage, false, 1),
        (DroppedRequest, true, 1),
        (LostResponse, true, 2),
    ] {
        let (b2, script) = Script::new([]);
        let (outcome, listed) = script.timer.run(async {
            let create = CreateKey::new(KeyName::new("backup").unwrap(), [Capability::ListFiles]);
            if older {
                b2.call(create.clone()).await.unwrap();
            }
            script.push("b2_create_key", fault.clone());
            (
                b2.call(create).await,
                b2.call(ListKeys::new()).await.unwrap().keys,
            )
        });
        assert_eq!(listed.len(), keys, "{fault:?} {older}");
        match outcome {
            Ok(created) => assert_eq!(
                listed[0], created.key,
                "the key that there is is the one we know the secret of"
            ),
            Err(error) => assert!(error.may_have_taken_effect(), "{error:?}"),
        }
    }
}

// Calls without effects.

#[test]
fn a_read_call_is_retried_after_any_loss() {
    for fault in [
        LostResponse,
        DroppedRequest,
        Refused,
        Garbage,
        BUSY,
        BROKEN,
        Status(502, "", &[]),
        Status(408, "request_timeout", &[]),
    ] {
        let (b2, script) = Script::new([
            ("b2_list_buckets", fault.clone()),
            ("b2_list_buckets", fault.clone()),
        ]);
        script.timer.run(b2.call(ListBuckets::new())).unwrap();
        assert_eq!(script.count("b2_list_buckets"), 3, "{fault:?}");
        assert_eq!(
            b2.call_counts().class_c,
            if matches!(fault, Refused) { 2 } else { 4 },
            "{fault:?}"
        );
    }
}

#[test]
fn a_refused_reading_call_is_not_retried() {
    for status in [400, 403, 404, 405] {
        let (b2, script) = Script::new([("b2_list_buckets", Status(status, "no_luck", &[]))]);
        let error = script.timer.run(b2.call(ListBuckets::new())).unwrap_err();
        assert_eq!(
            (error.attempts(), error.retry_stop_reason()),
            (1, None),
            "{status}"
        );
        assert_eq!(script.count("b2_list_buckets"), 1);
    }
}

#[test]
fn a_late_401_for_an_old_token_does_not_use_up_the_renewal_of_the_new_one() {
    let expired = || Status(401, "expired_auth_token", &[]);
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        b2.session().await.unwrap();
        script.push("b2_list_buckets", Fault::Slow(5, Box::new(expired())));
        script.push("b2_list_buckets", expired());
        script.push("b2_list_keys", expired());
        let (buckets, keys) = futures::join!(b2.call(ListBuckets::new()), b2.call(ListKeys::new()));
        assert!(buckets.is_ok() && keys.is_ok(), "{buckets:?} {keys:?}");
    });
    assert_eq!(
        script.count("b2_authorize_account"),
        3,
        "the first, one for the keys, one for the buckets"
    );
}

// Pauses, deadlines and the retry quota.

#[test]
fn no_call_retries_before_retry_after_has_passed() {
    for (headers, least) in [
        (&[("retry-after", "7")][..], 7),
        (
            &[
                ("retry-after", "Wed, 21 Oct 2015 12:00:30 GMT"),
                ("date", "Wed, 21 Oct 2015 12:00:00 GMT"),
            ],
            30,
        ),
        (&[("retry-after", "soon")], 0),
        (&[("retry-after", "-1")], 0),
        (&[("retry-after", "")], 0),
        (&[("retry-after", "2"), ("retry-after", "9")], 9),
    ] {
        for status in [429, 503] {
            let (b2, script) = Script::new([("b2_list_buckets", Status(status, "later", headers))]);
            script.timer.run(b2.call(ListBuckets::new())).unwrap();
            let pause = script.pauses("b2_list_buckets")[0];
            assert!(
                pause >= Duration::from_secs(least) && pause <= Duration::from_secs(least + 3),
                "{headers:?} {pause:?}"
            );
        }
    }
}

#[test]
fn a_retry_after_over_the_limit_ends_the_call_and_is_reported() {
    let (b2, script) = Script::new([(
        "b2_list_buckets",
        Status(503, "later", &[("retry-after", "1000000000")]),
    )]);
    let began = b2kit::Timer::now(&script.timer);
    let error = script.timer.run(b2.call(ListBuckets::new())).unwrap_err();
    assert_eq!(
        (error.retry_stop_reason(), error.retry_after()),
        (
            Some(RetryStopReason::Deadline),
            Some(Duration::from_secs(1_000_000_000))
        )
    );
    assert_eq!(b2kit::Timer::now(&script.timer), began, "at once");
}

#[test]
fn a_retry_after_for_one_call_pauses_all() {
    let limited = Status(429, "too_many_requests", &[("retry-after", "7")]);
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        b2.session().await.unwrap();
        script.push("b2_list_buckets", limited);
        b2kit::Timer::sleep(&script.timer, Duration::from_secs(1)).await;
        let first = b2.call(ListBuckets::new());
        let others = async {
            b2kit::Timer::sleep(&script.timer, Duration::from_secs(1)).await;
            join_all((0..50).map(|_| b2.call(ListBuckets::new()))).await
        };
        let (first, others) = futures::join!(first, others);
        assert!(first.is_ok() && others.iter().all(Result::is_ok));
    });
    let times = script.times("b2_list_buckets");
    assert_eq!(times.len(), 52);
    let message = times[0];
    assert!(
        times[1..]
            .iter()
            .all(|at| *at - message >= Duration::from_secs(7)),
        "nobody went before its time"
    );
}

/// How many of this many calls run concurrently.
async fn at_once(script: &Script, b2: &Client, calls: usize) -> usize {
    let before = script.times("b2_list_buckets").len();
    for _ in 0..calls {
        script.push("b2_list_buckets", Fault::Slow(1, Box::new(Fault::None)));
    }
    let calls = (0..calls).map(|_| b2.call(ListBuckets::new()));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    let times = script.times("b2_list_buckets").split_off(before);
    times.iter().filter(|at| **at == times[0]).count()
}

#[test]
fn a_429_halves_the_concurrency_and_successes_restore_it() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        b2.session().await.unwrap();
        assert_eq!(at_once(&script, &b2, 40).await, 40);
        let limited = Status(429, "too_many_requests", &[]);
        for _ in 0..40 {
            script.push("b2_list_buckets", Fault::Slow(1, Box::new(limited.clone())));
        }
        let calls = (0..40).map(|_| b2.call(ListBuckets::new()));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        // Forty calls have succeeded since.
        assert_eq!(at_once(&script, &b2, 60).await, 22);
        for _ in 0..20 * 18 {
            b2.call(ListBuckets::new()).await.unwrap();
        }
        assert_eq!(at_once(&script, &b2, 60).await, 60);
    });
}

#[test]
fn a_deadline_before_the_end_of_the_next_pause_ends_the_call_at_once_with_its_cause() {
    let (_, script) = Script::new(vec![("b2_list_buckets", BUSY); 100]);
    let b2 = script.client(RetryPolicy::default().with_deadline(Duration::from_millis(100)));
    let began = b2kit::Timer::now(&script.timer);
    let error = script.timer.run(b2.call(ListBuckets::new())).unwrap_err();
    assert_eq!(
        (error.retry_stop_reason(), error.b2().unwrap().status),
        (Some(RetryStopReason::Deadline), 503)
    );
    assert!(b2kit::Timer::now(&script.timer) - began <= Duration::from_millis(100));
}

#[test]
fn the_deadline_bounds_every_wait_of_a_call() {
    let second = Duration::from_secs(1);
    let never =
        |_: b2kit::Request| futures::future::pending::<Result<b2kit::Response, b2kit::HttpError>>();
    let timer = b2kit::ManualTimer::new();
    let b2 = Client::builder()
        .credentials(b2kit::Credentials::new("id", "key").unwrap())
        .backend(never)
        .timer(timer.clone())
        .build()
        .unwrap();
    let hurried = b2.with_retry_policy(RetryPolicy::default().with_deadline(second));
    let within_deadline = b2.with_retry_policy(RetryPolicy::default().with_deadline(5 * second));
    let began = b2kit::Timer::now(&timer);
    let (error, outcome) = timer.run(async {
        futures::join!(
            async { hurried.call(DeleteBucket::new("b")).await.unwrap_err() },
            within_deadline.call(ListBuckets::new()),
        )
    });
    assert_eq!(
        (error.retry_stop_reason(), error.call()),
        (
            Some(RetryStopReason::Deadline),
            Some("b2_authorize_account")
        )
    );
    assert!(
        !error.may_have_taken_effect(),
        "nothing but an authorization was sent"
    );
    assert_eq!(
        outcome.unwrap_err().elapsed(),
        5 * second,
        "who waited for the hurried one's authorization made one of its own"
    );
    assert_eq!(b2kit::Timer::now(&timer) - began, 5 * second);
}

#[test]
fn a_deadline_between_attempts_reports_why_the_last_one_failed() {
    let limited = Status(429, "too_many_requests", &[("retry-after", "7")]);
    let (_, script) = Script::new([]);
    let b2 = script.client(RetryPolicy::default().with_deadline(Duration::from_secs(10)));
    let error = script.timer.run(async {
        b2.session().await.unwrap();
        // The pause that the first 429 starts would end in time. The other call's 429 extends it.
        script.push("b2_list_buckets", limited.clone());
        let later = Status(429, "too_many_requests", &[("retry-after", "60")]);
        script.push("b2_delete_bucket", Fault::Slow(1, Box::new(later)));
        let within_deadline = b2.with_retry_policy(RetryPolicy::default());
        let (_, error) = futures::join!(
            within_deadline.call(DeleteBucket::new("b")),
            b2.call(ListBuckets::new())
        );
        error.unwrap_err()
    });
    assert_eq!(
        (error.retry_stop_reason(), error.b2().map(|b2| b2.status)),
        (Some(RetryStopReason::Deadline), Some(429))
    );
    assert!(error.elapsed() <= Duration::from_secs(10), "{error:?}");
}

#[test]
fn the_retry_quota_bounds_the_attempts_of_a_failing_client() {
    let (b2, script) = Script::new(vec![("b2_list_buckets", BUSY); 10_000]);
    let (mut exhausted, mut requests) = (0, 0);
    script.timer.run(async {
        for _ in 0..100 {
            let error = b2.call(ListBuckets::new()).await.unwrap_err();
            requests += error.attempts();
            exhausted +=
                u32::from(error.retry_stop_reason() == Some(RetryStopReason::RetryQuotaExhausted));
        }
    });
    assert!(exhausted > 80, "{exhausted}");
    assert_eq!(
        requests, 200,
        "a hundred calls, and a hundred attempts more"
    );
    assert_eq!(script.count("b2_list_buckets"), 200);
}
