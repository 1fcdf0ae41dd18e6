//! Reconciliation after a lost response: only the effect of the call itself counts as its success.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use b2kit::api::{
    CancelLargeFile, CopyFile, CreateBucket, CreateKey, DeleteBucket, DeleteFileVersion, DeleteKey,
    FinishLargeFile, HideFile, ListBuckets, ListFileNames, ListFileVersions, ListKeys,
    SetBucketNotificationRules, StartLargeFile, UpdateBucket, UploadFile, UploadPart,
};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{
    Bucket, BucketName, BucketType, ByteRange, Capability, ContentType, CorsOperation, CorsRule,
    CorsRules, CustomerKey, DefaultRetention, Encryption, EncryptionSetting, EventNotificationRule,
    EventNotificationRules, EventType, FileId, FileInfo, FileName, FileVersion, KeyName, LegalHold,
    LifecycleRule, LifecycleRules, PartNumber, ReplicationConfiguration, RetentionMode, Secret,
    Sha1, TargetConfiguration, Timestamp,
};
use b2kit::{
    ApiVersion, Client, Credentials, Error, ErrorKind, HttpClient as _, HttpError, HttpErrorKind,
    ManualTimer, Phase, Request, RetryPolicy, Session, Timer as _,
};
use serde_json::{Value, json};

use crate::script::Fault::{
    self, DelayedExecution, DroppedRequest, LostResponse, Status, UnansweredRequest,
};
use crate::script::Script;
use crate::{call_of, client_over, http_answer, wired};

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

async fn bucket(b2: &Client) -> Bucket {
    let name = BucketName::new("holiday-photos").unwrap();
    b2.call(CreateBucket::new(name, BucketType::AllPrivate))
        .await
        .unwrap()
}

fn hello_upload(bucket: &Bucket) -> UploadFile {
    UploadFile::new(&bucket.bucket_id, name("f"), "hello").content_sha1(Sha1::of(b"hello"))
}

/// Before a client's first response the server's time is unknown, so the age of a file is unknown.
#[test]
fn reconciling_a_new_clients_first_upload_ignores_an_older_hidden_file() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        b2.call(HideFile::new(&bucket.bucket_id, name("f")))
            .await
            .unwrap();
        script.clock.advance(Duration::from_secs(1_000_000));
        script.push("b2_upload_file", UnansweredRequest);
        let new = script.client(RetryPolicy::default());
        new.call(hello_upload(&bucket)).await.unwrap();
        let names = new.call(ListFileNames::new(&bucket.bucket_id)).await;
        assert_eq!(names.unwrap().files.len(), 1, "the upload was never made");
    });
}

/// Name, length and SHA-1 are equal; only the file info differs.
#[test]
fn reconciling_an_upload_ignores_a_file_of_the_same_second_with_other_file_info() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let noted =
            |note: &str| hello_upload(&bucket).file_info(FileInfo::new().with("n", note).unwrap());
        b2.call(noted("1")).await.unwrap();
        script.push("b2_upload_file", UnansweredRequest);
        let second = b2.call(noted("2")).await.unwrap();
        assert_eq!(second.file_info.get("n"), Some("2"));
    });
}

/// The SHA-1 of a byte range is unknown, so the length alone must not identify the copy.
#[test]
fn reconciling_a_copy_ignores_a_copy_of_another_byte_range() {
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
        script.push("b2_copy_file", DroppedRequest);
        let second = b2.call(copy(5, 9)).await.unwrap();
        assert_ne!(first.file_id, second.file_id, "these are other bytes");
    });
}

/// An older bucket that was never updated is at revision 2 too.
#[test]
fn reconciling_a_create_ignores_an_existing_bucket_without_object_lock() {
    let (b2, script) = Script::new([]);
    let created = script.timer.run(async {
        bucket(&b2).await;
        script.push("b2_create_bucket", DroppedRequest);
        let name = BucketName::new("holiday-photos").unwrap();
        let create = CreateBucket::new(name, BucketType::AllPrivate).file_lock_enabled(true);
        b2.call(create).await
    });
    assert_eq!(created.unwrap_err().kind(), ErrorKind::Conflict);
}

/// v2 and v3 neither delete nor list a key for several buckets, so its absence from the list proves nothing.
#[test]
fn a_key_that_v3_can_not_delete_is_not_reported_as_deleted() {
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
        script.push("b2_delete_key", DroppedRequest);
        script.push("b2_delete_key", Status(400, "bad_request", &[]));
        let deleted = v3.call(DeleteKey::new(&key.application_key_id)).await;
        let left = b2.call(ListKeys::new()).await.unwrap().keys;
        assert_eq!(left.len(), 1);
        assert!(deleted.is_err(), "the key is alive: {left:?}");
    });
}

/// Two cursors that point to each other.
#[test]
fn the_search_for_a_lost_key_is_bounded() {
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

/// The listing is by prefix; names have to be compared in full.
#[test]
fn reconciling_a_start_ignores_a_file_with_a_longer_name() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let start = |file: &str| {
            StartLargeFile::new(&bucket.bucket_id, name(file))
                .upload_id("backup-7")
                .unwrap()
        };
        b2.call(start("disk.img.sig")).await.unwrap();
        script.push("b2_start_large_file", DroppedRequest);
        let started = b2.call(start("disk.img")).await.unwrap();
        assert_eq!(started.file_name.as_str(), "disk.img");
    });
}

/// B2's own message is often empty, so the client names the capability that is really missing.
#[test]
fn a_refusal_names_the_missing_capability() {
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
        let upload = hello_upload(&bucket).legal_hold(LegalHold::On);
        let error = weak.call(upload).await.unwrap_err();
        assert!(error.to_string().contains("writeFileLegalHolds"), "{error}");
    });
}

/// The call that received the `Retry-After` ends at its deadline; the pause still applies to others.
#[test]
fn a_retry_after_applies_to_all_calls_even_if_its_receiver_gives_up() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        b2.session().await.unwrap();
        script.push(
            "b2_list_buckets",
            Status(429, "too_many_requests", &[("retry-after", "60")]),
        );
        let with_deadline = RetryPolicy::default().with_deadline(Duration::from_secs(5));
        let with_deadline = b2
            .with_retry_policy(with_deadline)
            .call(ListBuckets::new())
            .await;
        assert!(with_deadline.is_err());
        b2.call(ListBuckets::new()).await.unwrap();
    });
    let pauses = script.pauses("b2_list_buckets");
    assert!(pauses[0].as_secs() >= 60, "{pauses:?}");
}

/// A success status other than 200 is an unreadable reply, not a rejection.
#[test]
fn a_success_status_without_a_document_may_have_taken_effect() {
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

/// The timestamp is the caller's, so it says nothing about when the upload was made.
#[test]
fn reconciling_finds_an_upload_with_a_custom_timestamp() {
    let emulator = Emulator::builder().custom_timestamps(true).build();
    let (timer, uploads) = (ManualTimer::new(), Arc::new(AtomicUsize::new(0)));
    let server = emulator.clone();
    // The response to the first upload is lost.
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
    let b2 = client_over(&emulator, &timer, backend);
    timer.run(async {
        let bucket = bucket(&b2).await;
        let old = Timestamp::from_millis(1_500_000_000_000);
        let upload = hello_upload(&bucket).custom_upload_timestamp(old);
        b2.call(upload).await.unwrap();
    });
    assert_eq!(emulator.snapshot().versions, 1);
}

/// The request contains signing secrets, which an error of the server may echo.
#[test]
fn an_error_does_not_show_a_signing_secret_that_the_server_echoes() {
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

/// With a part missing, B2 can't have finished the file.
#[test]
fn a_finish_with_a_missing_part_has_no_effect() {
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

/// Hides `f`. Its response is lost, and `meanwhile` runs before it is looked for.
async fn hide_and_lose_the_response<T>(
    b2: &Client,
    script: &Script,
    bucket: &Bucket,
    meanwhile: impl Future<Output = T>,
) -> (Result<FileVersion, Error>, T) {
    script.push("b2_hide_file", Fault::LostResponse);
    script.push("b2_list_file_versions", Status(500, "internal_error", &[]));
    let hide = b2.call(HideFile::new(&bucket.bucket_id, name("f")));
    futures::join!(hide, async {
        script.timer.sleep(Duration::from_millis(100)).await;
        script.clock.advance(Duration::from_secs(1));
        meanwhile.await
    })
}

/// An unfinished large file is listed above the marker, but it does not affect visibility.
#[test]
fn reconciling_finds_a_hide_marker_beneath_an_unfinished_upload() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        script.clock.advance(Duration::from_secs(1));
        let start = b2.call(StartLargeFile::new(&bucket.bucket_id, name("f")));
        let (hidden, started) = hide_and_lose_the_response(&b2, &script, &bucket, start).await;
        started.unwrap();
        assert!(hidden.is_ok(), "{hidden:?}");
    });
}

#[test]
fn reconciling_a_hide_does_not_hide_an_upload_by_another_writer() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        script.clock.advance(Duration::from_secs(1));
        let upload = b2.call(hello_upload(&bucket));
        let (hidden, uploaded) = hide_and_lose_the_response(&b2, &script, &bucket, upload).await;
        assert!(hidden.unwrap_err().may_have_taken_effect());
        let newest = newest_file_id(&b2, &bucket, "f").await;
        assert_eq!(newest, Some(uploaded.unwrap().file_id));
        assert_eq!(script.count("b2_hide_file"), 1);
    });
}

#[test]
fn a_dropped_hide_is_not_taken_for_an_earlier_one_beneath_a_visible_file() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        hide(&b2, &bucket, "f").await;
        let visible = b2.call(hello_upload(&bucket)).await.unwrap();
        script.push("b2_hide_file", DroppedRequest);
        let hidden = b2.call(HideFile::new(&bucket.bucket_id, name("f"))).await;
        assert!(hidden.unwrap_err().may_have_taken_effect());
        let newest = newest_file_id(&b2, &bucket, "f").await;
        assert_eq!(newest, Some(visible.file_id));
    });
}

#[test]
fn a_hide_lost_before_b2s_time_is_known_does_not_hide_an_upload_by_another_writer() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        script.clock.advance(Duration::from_secs(1));
        let session = b2.session().await.unwrap().export();
        let restored = Client::builder()
            .session(Session::restore(session.expose()).unwrap())
            .endpoint(script.emulator.url())
            .backend(script.clone())
            .timer(script.timer.clone())
            .build()
            .unwrap();
        let upload = b2.call(hello_upload(&bucket));
        let (hidden, uploaded) =
            hide_and_lose_the_response(&restored, &script, &bucket, upload).await;
        assert!(hidden.unwrap_err().may_have_taken_effect());
        let newest = newest_file_id(&b2, &bucket, "f").await;
        assert_eq!(newest, Some(uploaded.unwrap().file_id));
        assert_eq!(script.count("b2_hide_file"), 1);
    });
}

#[test]
fn an_upload_with_a_lock_that_the_key_may_not_read_is_reported_as_a_possible_duplicate() {
    let until = Timestamp::from_millis(4_000_000_000_000);
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let create = BucketName::new("locked-photos").unwrap();
        let create = CreateBucket::new(create, BucketType::AllPrivate).file_lock_enabled(true);
        let bucket = b2.call(create).await.unwrap();
        let may = [
            Capability::ListFiles,
            Capability::WriteFiles,
            Capability::WriteFileRetentions,
        ];
        let key = CreateKey::new(KeyName::new("writer").unwrap(), may);
        let key = b2.call(key).await.unwrap();
        let (id, secret) = (key.key.application_key_id, key.application_key);
        let writer = script.client_with(id.as_str(), secret.expose(), RetryPolicy::default());
        script.push("b2_upload_file", LostResponse);
        let upload = hello_upload(&bucket).file_retention(RetentionMode::Compliance, until);
        let uploaded = writer.call(upload).await.unwrap();
        assert!(uploaded.possible_duplicate);
        assert_eq!(script.emulator.snapshot().versions, 2);
    });
}

#[test]
fn a_key_for_several_buckets_is_not_created_twice_by_a_v3_session() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let one = bucket(&b2).await.bucket_id;
        let two = BucketName::new("other-photos").unwrap();
        let two = CreateBucket::new(two, BucketType::AllPrivate);
        let two = b2.call(two).await.unwrap().bucket_id;
        let credentials =
            Credentials::new(script.emulator.key_id(), script.emulator.key()).unwrap();
        let v3 = Client::builder()
            .credentials(credentials)
            .endpoint(script.emulator.url())
            .backend(script.clone())
            .timer(script.timer.clone())
            .api_version(ApiVersion::V3)
            .build()
            .unwrap();
        script.push("b2_create_key", LostResponse);
        let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ListFiles]);
        let key = key.bucket_ids([one, two]).api_version(ApiVersion::V4);
        let error = v3.call(key).await.unwrap_err();
        assert!(error.may_have_taken_effect(), "{error}");
        assert_eq!(b2.call(ListKeys::new()).await.unwrap().keys.len(), 1);
    });
}

/// An upload whose first attempt is read completely by an intermediary and doesn't arrive.
async fn upload_after_lost_request(
    b2: &Client,
    script: &Script,
    upload: UploadFile,
) -> FileVersion {
    script.push("b2_upload_file", UnansweredRequest);
    b2.call(upload).await.unwrap()
}

async fn newest_file_id(b2: &Client, bucket: &Bucket, file: &str) -> Option<FileId> {
    let list = ListFileNames::new(&bucket.bucket_id).prefix(file);
    let rows = b2.call(list).await.unwrap().files;
    let first = rows.into_iter().next()?.into_version()?;
    Some(first.file_id)
}

async fn hide(b2: &Client, bucket: &Bucket, file: &str) {
    let hide = HideFile::new(&bucket.bucket_id, name(file));
    b2.call(hide).await.unwrap();
}

/// Within the same second, since B2's `Date` has a resolution of one second.
const SOON: Duration = Duration::from_millis(100);
/// How long before a full second the emulator's clock starts.
const TO_THE_SECOND: Duration = Duration::from_millis(2);
const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn reconciling_an_upload_ignores_equal_bytes_that_were_hidden_since() {
    let (b2, script) = Script::new([]);
    script.clock.advance(TO_THE_SECOND);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        script.clock.advance(SOON);
        hide(&b2, &bucket, "f").await;
        script.clock.advance(SOON);
        let file = upload_after_lost_request(&b2, &script, hello_upload(&bucket)).await;
        assert_eq!(newest_file_id(&b2, &bucket, "f").await, Some(file.file_id));
        // The hidden file might have been the lost upload.
        assert!(file.possible_duplicate);
    });
}

#[test]
fn reconciling_an_upload_ignores_equal_bytes_that_were_replaced_since() {
    let (b2, script) = Script::new([]);
    script.clock.advance(TO_THE_SECOND);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        script.clock.advance(SOON);
        let other = UploadFile::new(&bucket.bucket_id, name("f"), "other");
        b2.call(other).await.unwrap();
        script.clock.advance(SOON);
        let file = upload_after_lost_request(&b2, &script, hello_upload(&bucket)).await;
        assert_eq!(newest_file_id(&b2, &bucket, "f").await, Some(file.file_id));
    });
}

#[test]
fn reconciling_an_upload_ignores_files_from_while_the_client_was_idle() {
    for hidden in [true, false] {
        let (b2, script) = Script::new([]);
        let other = script.client(RetryPolicy::default());
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let warm = UploadFile::new(&bucket.bucket_id, name("warm"), "x");
            b2.call(warm).await.unwrap();
            script.clock.advance(HOUR);
            script.timer.sleep(HOUR).await;
            let older = other.call(hello_upload(&bucket)).await.unwrap();
            if hidden {
                script.clock.advance(SOON);
                hide(&other, &bucket, "f").await;
            }
            script.clock.advance(HOUR);
            script.timer.sleep(HOUR).await;
            let file = upload_after_lost_request(&b2, &script, hello_upload(&bucket)).await;
            assert_ne!(file.file_id, older.file_id, "{hidden}");
            assert_eq!(newest_file_id(&b2, &bucket, "f").await, Some(file.file_id));
            assert!(!file.possible_duplicate);
        });
    }
}

#[test]
fn reconciling_a_copy_ignores_equal_bytes_that_were_replaced_or_hidden_since() {
    for hidden in [true, false] {
        let (b2, script) = Script::new([]);
        script.clock.advance(TO_THE_SECOND);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let upload = |file, text| UploadFile::new(&bucket.bucket_id, name(file), text);
            let a = b2.call(upload("a", "aaa")).await.unwrap();
            let b = b2.call(upload("b", "bbb")).await.unwrap();
            let copy = |source: &FileVersion| CopyFile::new(&source.file_id, name("c"));
            b2.call(copy(&a)).await.unwrap();
            script.clock.advance(SOON);
            match hidden {
                true => hide(&b2, &bucket, "c").await,
                false => drop(b2.call(copy(&b)).await.unwrap()),
            }
            script.clock.advance(SOON);
            script.push("b2_copy_file", DroppedRequest);
            let again = b2.call(copy(&a)).await.unwrap();
            assert_eq!(newest_file_id(&b2, &bucket, "c").await, Some(again.file_id));
        });
    }
}

#[test]
fn reconciling_a_copy_ignores_older_copies_and_other_file_info_or_content_types() {
    let noted = |note: &str| FileInfo::new().with("n", note).unwrap();
    let text = || ContentType::new("text/plain").unwrap();
    let html = || ContentType::new("text/html").unwrap();
    for (older, content_type, info) in [
        (Duration::from_secs(2), text(), noted("1")),
        (Duration::ZERO, html(), noted("1")),
        (Duration::ZERO, text(), noted("2")),
    ] {
        let (b2, script) = Script::new([]);
        script.clock.advance(TO_THE_SECOND);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let source = b2.call(hello_upload(&bucket)).await.unwrap();
            let copy = CopyFile::new(&source.file_id, name("c"));
            let first = copy.clone().replace_metadata(text(), noted("1"));
            let first = b2.call(first).await.unwrap();
            script.clock.advance(older);
            b2.call(ListBuckets::new()).await.unwrap();
            script.push("b2_copy_file", DroppedRequest);
            let second = copy.replace_metadata(content_type.clone(), info.clone());
            let second = b2.call(second).await.unwrap();
            assert_ne!(second.file_id, first.file_id);
            assert_eq!(second.content_type, Some(content_type));
            assert_eq!(second.file_info, info);
            assert!(!second.possible_duplicate);
        });
    }
}

#[test]
fn reconciling_finds_a_copy_whose_content_type_b2_chose() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let source = b2.call(hello_upload(&bucket)).await.unwrap();
        let copy = CopyFile::new(&source.file_id, name("c.html"))
            .replace_metadata(ContentType::auto(), FileInfo::new());
        script.push("b2_copy_file", LostResponse);
        b2.call(copy).await.unwrap();
    });
    assert_eq!(script.emulator.snapshot().versions, 2);
}

#[test]
fn reconciling_an_upload_ignores_another_content_type_lock_or_encryption() {
    let until = Timestamp::from_millis(4_000_000_000_000);
    let sse_c = |key| EncryptionSetting::SseC(CustomerKey::new([key; 32]));
    let changes: [&dyn Fn(UploadFile) -> UploadFile; 4] = [
        &|upload| upload.content_type(ContentType::new("text/html").unwrap()),
        &|upload| upload.file_retention(RetentionMode::Governance, until),
        &|upload| upload.legal_hold(LegalHold::On),
        &|upload| upload.server_side_encryption(sse_c(7)),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (b2, script) = Script::new([]);
        script.clock.advance(TO_THE_SECOND);
        script.timer.run(async {
            let create = BucketName::new("locked-photos").unwrap();
            let create = CreateBucket::new(create, BucketType::AllPrivate).file_lock_enabled(true);
            let bucket = b2.call(create).await.unwrap();
            let first = b2.call(hello_upload(&bucket)).await.unwrap();
            let second =
                upload_after_lost_request(&b2, &script, change(hello_upload(&bucket))).await;
            assert_ne!(second.file_id, first.file_id, "change {number}");
        });
        assert_eq!(script.emulator.snapshot().versions, 2, "change {number}");
    }
}

#[test]
fn reconciling_an_upload_with_a_custom_timestamp_ignores_other_timestamps() {
    let emulator = Emulator::builder().custom_timestamps(true).build();
    let timer = ManualTimer::new();
    let (server, uploads) = (emulator.clone(), Arc::new(AtomicUsize::new(0)));
    // The second upload is read completely by an intermediary and never arrives.
    let backend = move |request: Request| {
        let (server, uploads) = (server.clone(), Arc::clone(&uploads));
        async move {
            if call_of(&request) == "b2_upload_file" && uploads.fetch_add(1, Ordering::Relaxed) == 1
            {
                crate::script::read_whole(request).await;
                return Err(HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived));
            }
            server.send(request).await
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    timer.run(async {
        let bucket = bucket(&b2).await;
        let at =
            |millis| hello_upload(&bucket).custom_upload_timestamp(Timestamp::from_millis(millis));
        b2.call(at(1_500_000_000_000)).await.unwrap();
        let second = b2.call(at(1_400_000_000_000)).await.unwrap();
        assert_eq!(second.upload_timestamp.as_millis(), 1_400_000_000_000);
    });
    assert_eq!(emulator.snapshot().versions, 2);
}

/// A hundred other versions are listed above; those beneath are on the next page.
#[test]
fn an_upload_that_may_be_beyond_the_first_page_is_a_possible_duplicate() {
    for (above, unclear) in [(99, false), (100, true)] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            // A longer name with the same prefix is another file, which doesn't make this one doubtful.
            for file in ["f", "f2"] {
                for _ in 0..=above {
                    let other = UploadFile::new(&bucket.bucket_id, name(file), "other");
                    b2.call(other).await.unwrap();
                    script.clock.advance(Duration::from_millis(1));
                }
            }
            script.clock.set(0);
            let file = upload_after_lost_request(&b2, &script, hello_upload(&bucket)).await;
            assert_eq!(file.possible_duplicate, unclear, "{above}");
        });
    }
}

#[test]
fn reconciling_a_hide_ignores_an_existing_hide_marker() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.call(hello_upload(&bucket)).await.unwrap();
        hide(&b2, &bucket, "f").await;
        script.clock.advance(Duration::from_secs(2));
        b2.call(ListBuckets::new()).await.unwrap();
        script.push("b2_hide_file", DroppedRequest);
        let hide = HideFile::new(&bucket.bucket_id, name("f"));
        b2.call(hide).await.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn reconciling_a_create_ignores_a_bucket_that_was_updated_since() {
    let (b2, script) = Script::new([]);
    let created = script.timer.run(async {
        let older = bucket(&b2).await.bucket_id;
        for bucket_type in [BucketType::AllPublic, BucketType::AllPrivate] {
            let update = UpdateBucket::new(&older).bucket_type(bucket_type);
            b2.call(update).await.unwrap();
        }
        script.push("b2_create_bucket", DroppedRequest);
        let name = BucketName::new("holiday-photos").unwrap();
        b2.call(CreateBucket::new(name, BucketType::AllPrivate))
            .await
    });
    assert_eq!(created.unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_delete_refused_for_another_reason_after_a_lost_response_is_not_a_success() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let file = b2.call(hello_upload(&bucket)).await.unwrap();
        script.push("b2_delete_file_version", DroppedRequest);
        script.push("b2_delete_file_version", Status(400, "bad_request", &[]));
        let delete = DeleteFileVersion::new("f", &file.file_id);
        let error = b2.call(delete).await.unwrap_err();
        assert!(error.may_have_taken_effect());
        // The bucket contains a file.
        script.push("b2_delete_bucket", DroppedRequest);
        let delete = DeleteBucket::new(&bucket.bucket_id);
        let error = b2.call(delete).await.unwrap_err();
        assert_eq!(error.b2().unwrap().code, "cannot_delete_non_empty_bucket");
    });
    let snapshot = script.emulator.snapshot();
    assert_eq!((snapshot.buckets, snapshot.versions), (1, 1));
}

#[test]
fn a_key_that_a_restored_v3_session_can_not_delete_is_not_reported_as_deleted() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let one = bucket(&b2).await.bucket_id;
        let two = BucketName::new("other-photos").unwrap();
        let two = CreateBucket::new(two, BucketType::AllPrivate);
        let two = b2.call(two).await.unwrap().bucket_id;
        let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ListFiles]);
        let key = b2.call(key.bucket_ids([one, two])).await.unwrap().key;
        let build = || {
            Client::builder()
                .credentials(
                    Credentials::new(script.emulator.key_id(), script.emulator.key()).unwrap(),
                )
                .endpoint(script.emulator.url())
                .backend(script.clone())
                .timer(script.timer.clone())
        };
        let first = build().api_version(ApiVersion::V3).build().unwrap();
        let text = first.session().await.unwrap().export();
        // The client is configured for v4, but the session uses v3 until it expires.
        let session = Session::restore(text.expose()).unwrap();
        let v3 = build().session(session).build().unwrap();
        script.push("b2_delete_key", DroppedRequest);
        script.push("b2_delete_key", Status(400, "bad_request", &[]));
        let deleted = v3.call(DeleteKey::new(&key.application_key_id)).await;
        let left = b2.call(ListKeys::new()).await.unwrap().keys;
        assert_eq!(left.len(), 1);
        assert!(deleted.is_err(), "the key is alive: {left:?}");
    });
}

#[test]
fn a_large_file_finished_by_another_client_is_not_reported_as_cancelled() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        let large = StartLargeFile::new(&bucket.bucket_id, name("l"));
        let large = b2.call(large).await.unwrap().file_id;
        for number in [1, 2] {
            let number = PartNumber::new(number).unwrap();
            let part = UploadPart::new(&large, number, vec![b'a'; 10]);
            b2.call(part).await.unwrap();
        }
        let sha1s = [Sha1::of(&[b'a'; 10]); 2];
        b2.call(FinishLargeFile::new(&large, sha1s)).await.unwrap();
        script.push("b2_cancel_large_file", DroppedRequest);
        let error = b2.call(CancelLargeFile::new(&large)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    });
    assert_eq!(script.emulator.snapshot().versions, 1);
}

#[test]
fn a_start_that_may_have_left_a_second_large_file_is_a_possible_duplicate() {
    for (id, refused) in [(false, false), (true, true)] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            script.push("b2_start_large_file", LostResponse);
            if refused {
                let cap = Status(403, "transaction_cap_exceeded", &[]);
                script.push("b2_list_unfinished_large_files", cap);
            }
            let start = StartLargeFile::new(&bucket.bucket_id, name("l"));
            let start = if id {
                start.upload_id("ours").unwrap()
            } else {
                start
            };
            assert!(b2.call(start).await.unwrap().possible_duplicate);
        });
        assert_eq!(script.emulator.snapshot().unfinished_large_files, 2);
    }
}

/// The listing has endless pages.
#[test]
fn a_start_not_found_within_a_hundred_pages_is_a_possible_duplicate() {
    let (emulator, timer) = (Emulator::builder().build(), ManualTimer::new());
    let (starts, pages) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let b2 = wired(&emulator, &timer, move |request| match call_of(request) {
        "b2_start_large_file" if starts.fetch_add(1, Ordering::Relaxed) == 0 => {
            Some(Ok(http_answer(500, &json!({}))))
        }
        "b2_list_unfinished_large_files" => {
            let next = format!("4_z{}", pages.fetch_add(1, Ordering::Relaxed));
            Some(Ok(http_answer(
                200,
                &json!({"files": [], "nextFileId": next}),
            )))
        }
        _ => None,
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let start = StartLargeFile::new(&bucket.bucket_id, name("l"));
        let start = start.upload_id("ours").unwrap();
        assert!(b2.call(start).await.unwrap().possible_duplicate);
    });
}

#[test]
fn an_update_of_the_largest_revision_does_not_panic() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        script.push("b2_update_bucket", DroppedRequest);
        let update = UpdateBucket::new(&bucket.bucket_id).if_revision_is(u64::MAX);
        b2.call(update).await.unwrap_err();
    });
    assert_eq!(
        script.count("b2_list_buckets"),
        2,
        "after the loss and the refusal"
    );
}

#[test]
fn reconciling_finds_an_update_that_sets_or_clears_any_setting() {
    let cors = CorsRule::new("my-rule", ["https"], [CorsOperation::S3Get]);
    let cors = CorsRules::new([cors]).unwrap();
    let lifecycle = LifecycleRule::new("").days_from_hiding_to_deleting(1);
    let lifecycle = LifecycleRules::new([lifecycle]).unwrap();
    let changes: [&dyn Fn(UpdateBucket) -> UpdateBucket; 5] = [
        &|update| update.default_server_side_encryption(Encryption::none()),
        &|update| update.default_retention(DefaultRetention::none()),
        &|update| update.replication_configuration(ReplicationConfiguration::none()),
        &|update| update.cors_rules(cors.clone()),
        &|update| update.lifecycle_rules(lifecycle.clone()),
    ];
    for change in changes {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let create = BucketName::new("locked-photos").unwrap();
            let create = CreateBucket::new(create, BucketType::AllPrivate).file_lock_enabled(true);
            let bucket = b2.call(create).await.unwrap();
            let update = UpdateBucket::new(&bucket.bucket_id).if_revision_is(bucket.revision);
            script.push("b2_update_bucket", LostResponse);
            b2.call(change(update)).await.unwrap();
        });
    }
}

/// Proxies date their own error pages, and some clocks are in the year 9999 or 1970.
#[test]
fn a_foreign_date_header_does_not_affect_reconciliation() {
    const FAR: &[(&str, &str)] = &[("date", "Fri, 31 Dec 9999 23:59:59 GMT")];
    const EARLY: &[(&str, &str)] = &[("date", "Fri, 02 Jan 1970 00:00:00 GMT")];
    for (code, headers) in [("", FAR), ("", EARLY), ("no_luck", FAR)] {
        let (b2, script) = Script::new([]);
        script.clock.advance(HOUR * 24 * 365);
        // An intermediary's error is retried twice.
        let refuse = |code: &'static str, headers| {
            let times = if code.is_empty() { 3 } else { 1 };
            (0..times).for_each(|_| script.push("b2_list_buckets", Status(400, code, headers)));
        };
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let warm = UploadFile::new(&bucket.bucket_id, name("warm"), "x");
            b2.call(warm).await.unwrap();
            b2.call(hello_upload(&bucket)).await.unwrap();
            script.clock.advance(Duration::from_secs(2));
            b2.call(ListBuckets::new()).await.unwrap();
            refuse(code, headers);
            b2.call(ListBuckets::new()).await.unwrap_err();
            // It is neither an unreported duplicate nor mistaken for the older file.
            script.push("b2_upload_file", LostResponse);
            let lost = UploadFile::new(&bucket.bucket_id, name("g"), "hello");
            let file = b2.call(lost).await.unwrap();
            let list = ListFileVersions::new(&bucket.bucket_id).prefix("g");
            let there = b2.call(list).await.unwrap().files.len();
            assert_eq!(there == 2, file.possible_duplicate, "{code} {headers:?}");
            assert_eq!(there == 2, !code.is_empty(), "{code} {headers:?}");
            let older = b2.call(hello_upload(&bucket)).await.unwrap();
            script.clock.advance(Duration::from_secs(2));
            b2.call(ListBuckets::new()).await.unwrap();
            refuse(code, headers);
            b2.call(ListBuckets::new()).await.unwrap_err();
            let newer = upload_after_lost_request(&b2, &script, hello_upload(&bucket)).await;
            assert_ne!(newer.file_id, older.file_id, "{code} {headers:?}");
        });
    }
}

// Requests that are executed after the client's timeout.

#[test]
fn an_upload_executed_after_its_timeout_is_reported_as_a_possible_duplicate() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let bucket = bucket(&b2).await;
        script.push("b2_upload_file", DelayedExecution);
        assert!(
            b2.call(hello_upload(&bucket))
                .await
                .unwrap()
                .possible_duplicate
        );
        // The duplicate is reported although the second response was lost too and its file was found.
        script.push("b2_upload_file", DelayedExecution);
        script.push("b2_upload_file", LostResponse);
        let another = UploadFile::new(&bucket.bucket_id, name("g"), "hello");
        assert!(b2.call(another).await.unwrap().possible_duplicate);
        assert_eq!(script.count("b2_upload_file"), 4);
    });
    assert_eq!(script.emulator.snapshot().versions, 4);
}

#[test]
fn a_copy_executed_after_its_timeout_is_reported_as_a_possible_duplicate() {
    for fault in [DelayedExecution, Status(502, "", &[]), Status(504, "", &[])] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let source = b2.call(hello_upload(&bucket)).await.unwrap();
            script.push("b2_copy_file", fault.clone());
            let copy = CopyFile::new(&source.file_id, name("c"));
            assert!(b2.call(copy).await.unwrap().possible_duplicate, "{fault:?}");
        });
    }
}

#[test]
fn no_second_key_is_created_while_the_first_may_still_execute() {
    for fault in [DelayedExecution, Status(502, "", &[]), Status(504, "", &[])] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            script.push("b2_create_key", fault.clone());
            let key = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ListFiles]);
            let error = b2.call(key).await.unwrap_err();
            assert!(error.may_have_taken_effect(), "{fault:?} {error:?}");
            script.deliver_late().await;
            assert!(b2.call(ListKeys::new()).await.unwrap().keys.len() <= 1);
        });
        assert_eq!(script.count("b2_create_key"), 1, "{fault:?}");
    }
}

// Uploads that B2 stores corrupted.

/// B2 first stores different bytes from those sent, and then the right ones.
#[test]
fn a_corrupt_first_upload_is_a_possible_duplicate_whose_id_is_reported() {
    for times in [1, 9] {
        let (emulator, timer) = (Emulator::builder().build(), ManualTimer::new());
        let (server, uploads) = (emulator.clone(), Arc::new(AtomicUsize::new(0)));
        let backend = move |request: Request| {
            let (server, uploads) = (server.clone(), Arc::clone(&uploads));
            async move {
                let is_upload = call_of(&request) == "b2_upload_file";
                let answer = server.send(request).await?;
                if !is_upload || uploads.fetch_add(1, Ordering::Relaxed) >= times {
                    return Ok(answer);
                }
                let text = answer.into_body().collect(1 << 20).await?;
                let mut document: Value = serde_json::from_slice(&text).unwrap();
                document["contentLength"] = json!(4);
                Ok(http_answer(200, &document))
            }
        };
        let b2 = client_over(&emulator, &timer, backend);
        timer.run(async {
            let bucket = bucket(&b2).await;
            let outcome = b2.call(hello_upload(&bucket)).await;
            let list = ListFileVersions::new(&bucket.bucket_id);
            let stored = b2.call(list).await.unwrap().files;
            if times == 1 {
                assert!(outcome.unwrap().possible_duplicate);
                assert_eq!(stored.len(), 2);
            } else {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Integrity);
                let last = &stored[0].version().unwrap().file_id;
                assert!(error.to_string().contains(last.as_str()), "{error}");
            }
        });
    }
}

/// B2 lower-cases keys of the bucket info and reorders sets, so an update has to be compared by meaning.
#[test]
fn reconciling_an_update_accepts_b2s_notation_and_ignores_unreadable_settings() {
    let hidden = json!({"isClientAuthorizedToRead": false, "value": null});
    let readable = |value: Value| json!({"isClientAuthorizedToRead": true, "value": value});
    let sse_b2 = readable(json!({"mode": "SSE-B2", "algorithm": "AES256"}));
    let other = readable(json!({"mode": null, "algorithm": null}));
    for (encryption, end) in [(sse_b2, "done"), (hidden, "open"), (other, "refused")] {
        let emulator = Emulator::new();
        let (timer, updates) = (ManualTimer::new(), AtomicUsize::new(0));
        let b2 = wired(&emulator, &timer, move |request| match call_of(request) {
            "b2_update_bucket" => Some(match updates.fetch_add(1, Ordering::Relaxed) {
                0 => Err(HttpError::new(HttpErrorKind::Closed, Phase::MaybeReceived)),
                _ => Ok(crate::http_refusal(409, "conflict")),
            }),
            "b2_list_buckets" => {
                let bucket = json!({
                    "accountId": "a", "bucketId": "b", "bucketName": "photos",
                    "bucketType": "allPrivate",
                    "bucketInfo": {"owner": "us"}, "revision": 8,
                    "defaultServerSideEncryption": encryption,
                    "lifecycleRules": [], "options": [],
                    "corsRules": [{
                        "corsRuleName": "downloads", "allowedOrigins": ["https://example.com"],
                        "allowedOperations": ["s3_put", "s3_get"], "allowedHeaders": ["x-b", "x-a"],
                        "exposeHeaders": null, "maxAgeSeconds": 3600,
                    }],
                });
                Some(Ok(http_answer(200, &json!({"buckets": [bucket]}))))
            }
            _ => None,
        });
        let b2 = b2.build().unwrap();
        let operations = [CorsOperation::S3Get, CorsOperation::S3Put];
        let rule = CorsRule::new("downloads", ["https://example.com"], operations);
        let rule = rule.allowed_headers(["X-A", "X-B"]);
        let update = UpdateBucket::new("b")
            .bucket_info(b2kit::types::BucketInfo::new().with("Owner", "us").unwrap())
            .cors_rules(CorsRules::new([rule]).unwrap())
            .lifecycle_rules(LifecycleRules::default())
            .default_server_side_encryption(Encryption::sse_b2())
            .if_revision_is(7);
        let outcome = timer.run(b2.call(update));
        match end {
            "done" => assert_eq!(outcome.unwrap().revision, 8),
            "open" => {
                let error = outcome.unwrap_err();
                assert!(error.may_have_taken_effect(), "{error}");
            }
            _ => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Conflict),
        }
    }
}

/// A reply about another bucket, file or key than the requested one must be refused.
/// B2 may return values in its own notation; they still match the request.
#[test]
fn reconciling_an_upload_or_a_copy_accepts_b2s_notation() {
    let emulator = Emulator::new();
    let (timer, wire) = (ManualTimer::new(), emulator.clone());
    let backend = move |request: Request| {
        let (wire, call) = (wire.clone(), call_of(&request).to_owned());
        async move {
            let first = wire.snapshot().calls_of(&call) == 0;
            let response = wire.send(request).await?;
            if first && ["b2_upload_file", "b2_copy_file"].contains(&&*call) {
                return Err(HttpError::new(HttpErrorKind::Closed, Phase::MaybeReceived));
            }
            if call != "b2_list_file_versions" {
                return Ok(response);
            }
            let page = response.into_body().collect(100_000).await?;
            let mut page: Value = serde_json::from_slice(&page).unwrap();
            for file in page["files"].as_array_mut().unwrap() {
                file["contentType"] = json!("text/html;charset=utf-8");
                file["legalHold"]["value"] = Value::Null;
                file["fileRetention"]["value"]["retainUntilTimestamp"] =
                    json!(4_000_000_000_000_i64);
            }
            Ok(http_answer(200, &page))
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    timer.run(async {
        let create = BucketName::new("locked-photos").unwrap();
        let create = CreateBucket::new(create, BucketType::AllPrivate).file_lock_enabled(true);
        let bucket = b2.call(create).await.unwrap();
        let html = ContentType::new("Text/HTML; charset=UTF-8").unwrap();
        let until = Timestamp::from_millis(4_000_000_000_123);
        let upload = hello_upload(&bucket)
            .content_type(html.clone())
            .file_retention(RetentionMode::Governance, until)
            .legal_hold(LegalHold::Off);
        let file = b2.call(upload).await.unwrap();
        assert!(!file.possible_duplicate);
        let copy = CopyFile::new(&file.file_id, name("g")).replace_metadata(html, FileInfo::new());
        assert!(!b2.call(copy).await.unwrap().possible_duplicate);
    });
    let snapshot = emulator.snapshot();
    assert_eq!(
        (snapshot.versions, snapshot.calls_of("b2_upload_file")),
        (2, 1)
    );
}

#[test]
fn every_call_refuses_a_reply_about_another_object() {
    use crate::assert_not_taken;
    use b2kit::api::{CopyPart, GetFileInfo, UpdateFileLegalHold, UpdateFileRetention};
    use b2kit::types::FileRetention;

    let file = |over: Value| {
        let mut file = json!({
            "accountId": "a", "action": "upload", "bucketId": "b", "contentLength": 5,
            "contentType": "text/plain",
            "contentSha1": Sha1::of(b"hello").to_string(), "fileId": "4_z1", "fileName": "f",
            "uploadTimestamp": 1,
            "fileInfo": {"colour": "red"},
        });
        for (key, value) in over.as_object().unwrap() {
            file[key] = value.clone();
        }
        file
    };
    let red = || FileInfo::new().with("Colour", "red").unwrap();
    let plain = || ContentType::new("text/plain").unwrap();
    let start = || {
        StartLargeFile::new("b", name("f"))
            .file_info(red())
            .content_type(plain())
    };
    let started = |over: Value| {
        let mut file = file(json!({"action": "start", "contentLength": 0, "contentSha1": "none"}));
        for (key, value) in over.as_object().unwrap() {
            file[key] = value.clone();
        }
        file
    };
    crate::answered(
        &start(),
        started(json!({"fileInfo": {"colour": "red", "added": "x"}})),
    );
    for over in [
        json!({"fileName": "g"}),
        json!({"bucketId": "c"}),
        json!({"action": "upload"}),
        json!({"fileInfo": {"colour": "blue"}}),
        json!({"contentType": "text/html"}),
        json!({"serverSideEncryption": {"mode": "SSE-C", "algorithm": "AES256"}}),
    ] {
        assert_not_taken(&start(), started(over));
    }
    let sealed = EncryptionSetting::SseC(CustomerKey::new([1; 32]));
    assert_not_taken(&start().server_side_encryption(sealed), started(json!({})));
    assert_not_taken(&start().legal_hold(LegalHold::On), started(json!({})));
    let until = Timestamp::from_millis(9_000);
    let locked = start().file_retention(RetentionMode::Compliance, until);
    assert_not_taken(&locked, started(json!({})));

    let copy = || CopyFile::new("4_z0", name("f")).destination_bucket_id("b");
    crate::answered(&copy(), file(json!({"action": "copy"})));
    for over in [
        json!({"fileName": "g"}),
        json!({"bucketId": "c"}),
        json!({"action": "hide"}),
        json!({"fileId": "4_z0"}),
    ] {
        assert_not_taken(&copy(), file(over));
    }
    let ranged = copy().range(ByteRange::inclusive(0, 3).unwrap());
    assert_not_taken(&ranged, file(json!({})));
    let renamed = copy().replace_metadata(plain(), FileInfo::new().with("colour", "blue").unwrap());
    assert_not_taken(&renamed, file(json!({})));
    let part = CopyPart::new("4_z0", "4_z9", PartNumber::FIRST);
    let part = part.range(ByteRange::inclusive(0, 3).unwrap());
    let copied =
        json!({"fileId": "4_z9", "partNumber": 1, "contentLength": 5, "uploadTimestamp": 1});
    assert_not_taken(&part, copied);

    let upload = || UploadFile::new("b", name("f"), "hello").content_sha1(Sha1::of(b"hello"));
    crate::answered(&upload(), file(json!({})));
    assert_not_taken(&upload(), file(json!({"action": "hide"})));
    assert_not_taken(&upload().legal_hold(LegalHold::On), file(json!({})));
    assert_not_taken(
        &upload().server_side_encryption(EncryptionSetting::SseB2),
        file(json!({})),
    );

    assert_not_taken(&HideFile::new("b", name("f")), file(json!({})));
    assert_not_taken(&GetFileInfo::new("4_z2"), file(json!({})));
    let finish = FinishLargeFile::new("4_z1", [Sha1::of(b"a"), Sha1::of(b"b")]);
    assert_not_taken(&finish, started(json!({})));
    let delete = DeleteFileVersion::new("f", "4_z1");
    assert_not_taken(&delete, json!({"fileId": "4_z1", "fileName": "g"}));
    let hold = UpdateFileLegalHold::new("f", "4_z1", LegalHold::On);
    assert_not_taken(
        &hold,
        json!({"fileId": "4_z1", "fileName": "g", "legalHold": "on"}),
    );
    let retain = FileRetention::until(RetentionMode::Governance, until);
    let retain = UpdateFileRetention::new("f", "4_z1", retain);
    let shorter = json!({"mode": "governance", "retainUntilTimestamp": 1_000});
    assert_not_taken(
        &retain,
        json!({"fileId": "4_z1", "fileName": "f", "fileRetention": shorter}),
    );

    let bucket = json!({
        "accountId": "a", "bucketId": "b", "bucketName": "PHOTOS-1", "bucketType": "allPublic",
        "revision": 2
    });
    let photos = || BucketName::new("photos-1").unwrap();
    crate::answered(
        &CreateBucket::new(photos(), BucketType::AllPublic),
        bucket.clone(),
    );
    assert_not_taken(
        &CreateBucket::new(photos(), BucketType::AllPrivate),
        bucket.clone(),
    );
    assert_not_taken(
        &UpdateBucket::new("b").bucket_type(BucketType::AllPrivate),
        bucket.clone(),
    );
    assert_not_taken(&UpdateBucket::new("b").if_revision_is(3), bucket);

    let key = |over: Value| {
        let mut key = json!({
            "accountId": "a", "applicationKey": "K", "applicationKeyId": "k", "bucketIds": ["b"],
            "capabilities": ["readFiles"],
            "keyName": "k", "namePrefix": "p/",
        });
        for (field, value) in over.as_object().unwrap() {
            key[field] = value.clone();
        }
        key
    };
    let create = CreateKey::new(KeyName::new("k").unwrap(), [Capability::ReadFiles]);
    let create = create.bucket_ids(["b"]).name_prefix("p/");
    crate::answered(&create, key(json!({})));
    for over in [
        json!({"bucketIds": null}),
        json!({"bucketIds": ["b", "c"]}),
        json!({"namePrefix": null}),
        json!({"capabilities": []}),
    ] {
        assert_not_taken(&create, key(over));
    }
}
