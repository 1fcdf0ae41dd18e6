//! What a lost call is held against before it counts as done: nothing that is not its own doing is taken for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use b2kit::api::{
    CopyFile, CreateBucket, CreateKey, DeleteKey, FinishLargeFile, HideFile, ListBuckets,
    ListFileNames, ListKeys, SetBucketNotificationRules, StartLargeFile, UploadFile,
};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{
    Bucket, BucketName, BucketType, ByteRange, Capability, EventNotificationRule,
    EventNotificationRules, EventType, FileInfo, FileName, KeyName, LegalHold, Secret, Sha1,
    TargetConfiguration, Timestamp,
};
use b2kit::{
    ApiVersion, Client, Credentials, ErrorKind, HttpClient as _, HttpError, HttpErrorKind,
    ManualTimer, Phase, Request, RetryPolicy, Timer as _,
};
use serde_json::json;

use crate::script::Fault::{self, Before, Status};
use crate::script::Script;
use crate::{call_of, http_answer, wired};

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

async fn bucket(b2: &Client) -> Bucket {
    let name = BucketName::new("holiday-photos").unwrap();
    b2.call(CreateBucket::new(name, BucketType::AllPrivate))
        .await
        .unwrap()
}

fn hello(bucket: &Bucket) -> UploadFile {
    UploadFile::new(&bucket.bucket_id, name("f"), "hello").content_sha1(Sha1::of(b"hello"))
}

/// A client's first call knows no time of the server's yet, and then any file however old counts as "ours".
#[test]
fn a_new_clients_first_upload_is_not_taken_for_a_file_that_is_older_and_hidden() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello(&bucket)).await.unwrap();
        b2.call(HideFile::new(&bucket.bucket_id, name("f")))
            .await
            .unwrap();
        script
            .clock
            .advance(std::time::Duration::from_secs(1_000_000));
        script.push("b2_upload_file", Before);
        let new = script.client(RetryPolicy::default());
        new.call(hello(&bucket)).await.unwrap();
        let names = new.call(ListFileNames::new(&bucket.bucket_id)).await;
        assert_eq!(names.unwrap().files.len(), 1, "the upload was never made");
    });
}

/// Only name, size and SHA-1 are compared: not the notes, not the locks.
#[test]
fn an_upload_with_other_notes_is_not_taken_for_the_one_of_the_same_second() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let noted = |note: &str| hello(&bucket).file_info(FileInfo::new().with("n", note).unwrap());
        b2.call(noted("1")).await.unwrap();
        script.push("b2_upload_file", Before);
        let second = b2.call(noted("2")).await.unwrap();
        assert_eq!(second.file_info.get("n"), Some("2"));
    });
}

/// A stretch has no SHA-1 to compare, so any file of its length is "the copy".
#[test]
fn a_copy_of_another_stretch_is_not_taken_for_this_one() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let source = UploadFile::new(&bucket.bucket_id, name("s"), "aaaaabbbbb");
        let source = b2.call(source).await.unwrap();
        let copy = |first, last| {
            CopyFile::new(&source.file_id, name("c"))
                .range(ByteRange::inclusive(first, last).unwrap())
        };
        let first = b2.call(copy(0, 4)).await.unwrap();
        script.push("b2_copy_file", Before);
        let second = b2.call(copy(5, 9)).await.unwrap();
        assert_ne!(first.file_id, second.file_id, "these are other bytes");
    });
}

/// A bucket of ours that was never changed is at revision 2 too.
#[test]
fn a_bucket_that_was_there_before_and_can_not_be_locked_is_not_the_one_asked_for() {
    let (b2, script) = Script::new([]);
    let created = script.timer.run(async {
        bucket(&b2).await;
        script.push("b2_create_bucket", Before);
        let name = BucketName::new("holiday-photos").unwrap();
        let create = CreateBucket::new(name, BucketType::AllPrivate).file_lock_enabled(true);
        b2.call(create).await
    });
    assert_eq!(created.unwrap_err().kind(), ErrorKind::Conflict);
}

/// v2 and v3 neither delete nor list a key for several buckets: not being in the list says nothing.
#[test]
fn a_key_that_v3_can_not_delete_is_not_said_to_be_gone() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let one = bucket(&b2).await.bucket_id;
        let two = CreateBucket::new(
            BucketName::new("other-photos").unwrap(),
            BucketType::AllPrivate,
        );
        let two = b2.call(two).await.unwrap().bucket_id;
        let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ListFiles]);
        let key = b2.call(key.bucket_ids([one, two])).await.unwrap().key;
        let v3 = Client::builder()
            .credentials(Credentials::new(script.emulator.key_id(), script.emulator.key()).unwrap())
            .endpoint(script.emulator.url())
            .backend(script.clone())
            .timer(script.timer.clone())
            .api_version(ApiVersion::V3)
            .build()
            .unwrap();
        script.push("b2_delete_key", Before);
        script.push("b2_delete_key", Status(400, "bad_request", &[]));
        let deleted = v3.call(DeleteKey::new(&key.application_key_id)).await;
        let left = b2.call(ListKeys::new()).await.unwrap().keys;
        assert_eq!(left.len(), 1);
        assert!(deleted.is_err(), "the key is alive: {left:?}");
    });
}

/// Two cursors that lead to each other.
#[test]
fn looking_for_a_lost_key_comes_to_an_end() {
    let emulator = Emulator::builder().build();
    let timer = ManualTimer::new();
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    let b2 = wired(&emulator, &timer, move |request| match call_of(request) {
        "b2_create_key" => Some(Ok(http_answer(500, &json!({})))),
        "b2_list_keys" => {
            let page = count.fetch_add(1, Ordering::Relaxed);
            let next = match page {
                1_000.. => None,
                page if page % 2 == 0 => Some("a"),
                _ => Some("b"),
            };
            let document = json!({"keys": [], "nextApplicationKeyId": next});
            Some(Ok(http_answer(200, &document)))
        }
        _ => None,
    })
    .build()
    .unwrap();
    let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ListFiles]);
    let _ = timer.run(b2.call(key));
    let lists = lists.load(Ordering::Relaxed);
    assert!(lists < 100, "{lists} lists, and it would go on");
}

/// The list is by prefix, and the id alone is compared.
#[test]
fn a_start_is_not_taken_for_that_of_a_file_with_a_longer_name() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let start = |file: &str| {
            StartLargeFile::new(&bucket.bucket_id, name(file))
                .upload_id("backup-7")
                .unwrap()
        };
        b2.call(start("disk.img.sig")).await.unwrap();
        script.push("b2_start_large_file", Before);
        let started = b2.call(start("disk.img")).await.unwrap();
        assert_eq!(&*started.file_name, "disk.img");
    });
}

/// B2's own message is often empty; the client then tells of the call's main capability only, which the key has.
#[test]
fn a_refusal_tells_the_capability_that_is_missing() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let locked = BucketName::new("locked-photos").unwrap();
        let locked = CreateBucket::new(locked, BucketType::AllPrivate).file_lock_enabled(true);
        let bucket = b2.call(locked).await.unwrap();
        let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::WriteFiles]);
        let key = b2.call(key).await.unwrap();
        let id = key.key.application_key_id.as_str();
        let weak = script.client_with(id, key.application_key.expose(), RetryPolicy::default());
        for _ in 0..2 {
            script.push("b2_upload_file", Status(401, "unauthorized", &[]));
        }
        let upload = hello(&bucket).legal_hold(LegalHold::On);
        let error = weak.call(upload).await.unwrap_err();
        assert!(error.to_string().contains("writeFileLegalHolds"), "{error}");
    });
}

/// B2 asked everyone to wait, but the one who was told had no time to.
#[test]
fn all_wait_for_what_one_was_told_who_does_not_wait_himself() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        b2.session().await.unwrap();
        script.push(
            "b2_list_buckets",
            Status(429, "too_many_requests", &[("retry-after", "60")]),
        );
        let hurried = RetryPolicy::default().with_deadline(std::time::Duration::from_secs(5));
        let hurried = b2.with_retry(hurried).call(ListBuckets::new()).await;
        assert!(hurried.is_err());
        b2.call(ListBuckets::new()).await.unwrap();
    });
    let pauses = script.pauses("b2_list_buckets");
    assert!(pauses[0].as_secs() >= 60, "{pauses:?}");
}

/// Another success than 200 is an answer that can't be read, not a refusal.
#[test]
fn a_success_without_a_document_may_have_taken_effect() {
    let (emulator, timer) = (Emulator::builder().build(), ManualTimer::new());
    let b2 = wired(&emulator, &timer, |request| {
        (call_of(request) == "b2_update_file_legal_hold")
            .then(|| Ok(http_answer(204, &json!(null))))
    })
    .build()
    .unwrap();
    let error = timer.run(b2.call(b2kit::api::UpdateFileLegalHold::new(
        "f",
        "4_z",
        LegalHold::On,
    )));
    assert!(error.unwrap_err().may_have_taken_effect());
}

/// Its timestamp is the caller's, so it is never "not older than the request".
#[test]
fn an_upload_with_a_time_of_its_own_is_found_again() {
    let emulator = Emulator::builder().custom_timestamps(true).build();
    let (timer, uploads) = (ManualTimer::new(), Arc::new(AtomicUsize::new(0)));
    let server = emulator.clone();
    // The answer to the first upload is lost.
    let backend = move |request: Request| {
        let (server, uploads) = (server.clone(), Arc::clone(&uploads));
        async move {
            let lost = call_of(&request) == "b2_upload_file"
                && uploads.fetch_add(1, Ordering::Relaxed) == 0;
            let answer = server.send(request).await;
            if lost {
                return Err(HttpError::new(HttpErrorKind::Closed, Phase::MaybeReceived));
            }
            answer
        }
    };
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let old = Timestamp::from_millis(1_500_000_000_000);
        let upload = hello(&bucket).custom_upload_timestamp(old);
        b2.call(upload).await.unwrap();
    });
    assert_eq!(emulator.snapshot().versions, 1);
}

/// The secrets of the rules are in the document, and nobody takes them out of an error that repeats them.
#[test]
fn an_error_does_not_show_the_signing_secret_that_the_server_repeats() {
    let secret = "3XDfkdQte2OgA78qCtSD17LAzpj6ay9H";
    let (emulator, timer) = (Emulator::builder().build(), ManualTimer::new());
    let b2 = wired(&emulator, &timer, move |request| {
        (call_of(request) == "b2_set_bucket_notification_rules").then(|| {
            let message = format!("not a secret: {secret}");
            let error = json!({"status": 400, "code": "bad_request", "message": message});
            Ok(http_answer(400, &error))
        })
    })
    .build()
    .unwrap();
    let target = TargetConfiguration::webhook("https://example.com/")
        .hmac_sha256_signing_secret(Secret::new(secret));
    let rule = EventNotificationRule::new("my-rule", [EventType::ObjectCreatedAll], target);
    let rules = EventNotificationRules::new([rule]).unwrap();
    let error = timer
        .run(b2.call(SetBucketNotificationRules::new("b", rules)))
        .unwrap_err();
    assert!(!error.to_string().contains(secret), "{error}");
}

/// A part is missing, so the file is not finished, whoever may look.
#[test]
fn a_finish_without_a_part_has_taken_no_effect() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        let bucket = bucket(&b2).await;
        let start = StartLargeFile::new(&bucket.bucket_id, name("large"));
        let file_id = b2.call(start).await.unwrap().file_id;
        let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::WriteFiles]);
        let key = b2.call(key).await.unwrap();
        let id = key.key.application_key_id.as_str();
        let writer = script.client_with(id, key.application_key.expose(), RetryPolicy::default());
        script.push("b2_finish_large_file", Status(400, "missing_part", &[]));
        let sha1s = [Sha1::of(b"a"), Sha1::of(b"b")];
        writer
            .call(FinishLargeFile::new(file_id, sha1s))
            .await
            .unwrap_err()
    });
    assert!(!error.may_have_taken_effect(), "{error}");
}

/// A large file under way lies above the marker, and the marker is the newest that hides or shows.
#[test]
fn a_marker_is_found_below_an_upload_that_is_under_way() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello(&bucket)).await.unwrap();
        script.clock.advance(std::time::Duration::from_secs(1));
        script.push("b2_hide_file", Fault::After);
        script.push("b2_list_file_versions", Status(500, "internal_error", &[]));
        let (hidden, started) = futures::join!(
            b2.call(HideFile::new(&bucket.bucket_id, name("f"))),
            async {
                script
                    .timer
                    .sleep(std::time::Duration::from_millis(100))
                    .await;
                script.clock.advance(std::time::Duration::from_secs(1));
                b2.call(StartLargeFile::new(&bucket.bucket_id, name("f")))
                    .await
            }
        );
        started.unwrap();
        assert!(hidden.is_ok(), "{hidden:?}");
    });
}
