//! Copies of any size, across buckets and encryption settings.

use std::sync::{Arc, Mutex};

use b2kit::api::{CreateBucket, DownloadFileById, GetFileInfo};
use b2kit::backend::emulator::Emulator;
use b2kit::transfer::{OnFailure, Progress, Stage};
use b2kit::types::{
    BucketName, BucketType, ContentType, CustomerKey, EncryptionMode, EncryptionSetting, FileId,
    FileInfo, FileVersion, LegalHold, Restricted, RetentionMode, Sha1, Timestamp,
};
use b2kit::{
    BucketHandle, Bytes, Client, ErrorKind, ManualTimer, Request, Response, UnfinishedState,
};
use serde_json::{Value, json};

use crate::chaos::{Chaos, NetworkFault};
use crate::script::{Fault, Script};
use crate::seeds::for_seeds;
use crate::uploading::{bucket, content, polled, stored, unfinished, versions};
use crate::{call_of, client_of, http_answer, http_refusal, sent, wired};

/// The year 2100.
const FAR: Timestamp = Timestamp::from_millis(4_102_444_800_000);

async fn another_bucket(b2: &Client) -> BucketHandle {
    let name = BucketName::new("copies-of-photos").unwrap();
    let create = CreateBucket::new(name.clone(), BucketType::AllPrivate).file_lock_enabled(true);
    let bucket = b2.call(create).await.unwrap();
    BucketHandle::new(b2.clone(), bucket.bucket_id, name)
}

#[test]
fn copies_in_one_call_and_in_parts_make_no_unnecessary_calls() {
    for (len, part_size, parts) in [
        (0, None, 0),
        (1_000, None, 0),
        (0, Some(50), 0),
        (50, Some(50), 0),
        (51, Some(50), 2),
        (1_234, Some(100), 13),
    ] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let (bucket, content) = (bucket(&b2).await, content(len));
            let source = bucket.upload("f", content.clone()).await.unwrap().file;
            for known in [true, false] {
                chaos.forget();
                let mut copy = if known {
                    bucket.copy(&source, "g")
                } else {
                    bucket.copy(&source.file_id, "g")
                };
                if let Some(size) = part_size {
                    copy = copy.part_size(size);
                }
                let copied = copy.await.unwrap();
                assert_eq!(copied.parts, parts, "{len}");
                // To split a copy into parts, the client has to know the file's size.
                let lookups = usize::from(!known && part_size.is_some());
                assert_eq!(chaos.count("b2_get_file_info"), lookups);
                let calls = if parts == 0 { 1 } else { parts as usize + 2 };
                assert_eq!(chaos.tally().0, lookups + calls, "{len}");
                assert_eq!(copied.file.file_name.as_str(), "g");
                assert_eq!(stored(&b2, &copied.file.file_id).await, content);
            }
            assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
        });
    }
}

#[test]
fn a_copy_keeps_file_info_and_type_or_replaces_them() {
    for part_size in [None, Some(20)] {
        for large_source in [false, true] {
            let (b2, chaos) = Chaos::calm();
            chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let content = content(if large_source { 300 } else { 90 });
                let upload = bucket.upload("f", content.clone());
                let upload = upload
                    .content_type(ContentType::new("text/x").unwrap())
                    .file_info(FileInfo::new().with("k", "v").unwrap());
                let source = upload.await.unwrap().file;
                assert_eq!(
                    source.file_info.get("b2kit-upload-id").is_some(),
                    large_source
                );
                let copy = |name| {
                    let copy = bucket.copy(&source, name);
                    match part_size {
                        Some(size) => copy.part_size(size),
                        None => copy,
                    }
                };
                let kept = copy("g").await.unwrap().file;
                assert_eq!(kept.content_type, source.content_type);
                assert_eq!(kept.file_info.get("k"), Some("v"));
                if part_size.is_some() {
                    // Without this entry, the copy's SHA-1 would be unknown, though the source's is known.
                    assert_eq!(kept.expected_sha1(), Some(Sha1::of(&content)));
                    let id = |file: &FileVersion| {
                        file.file_info.get("b2kit-upload-id").map(str::to_owned)
                    };
                    assert!(id(&kept).is_some() && id(&kept) != id(&source));
                }
                let info = source.file_info.clone().with("other", "w").unwrap();
                let type_ = ContentType::new("text/y").unwrap();
                let replaced = copy("h").replace_metadata(type_.clone(), info);
                let replaced = replaced.await.unwrap().file;
                assert_eq!(replaced.content_type, Some(type_));
                assert_eq!(replaced.file_info.get("other"), Some("w"));
                assert_eq!(replaced.file_info.get("k"), Some("v"));
                if part_size.is_some() {
                    let id = |file: &FileVersion| {
                        file.file_info.get("b2kit-upload-id").map(str::to_owned)
                    };
                    assert!(id(&replaced).is_some() && id(&replaced) != id(&source));
                }
                let type_ = ContentType::new("text/z").unwrap();
                let replaced = copy("i").replace_metadata(type_, FileInfo::new());
                let replaced = replaced.await.unwrap().file;
                assert_eq!(replaced.file_info.get("k"), None);
            });
        }
    }
}

#[test]
fn copies_across_buckets_encryption_settings_and_locks_succeed() {
    let key = |n| CustomerKey::new([n; 32]);
    let settings = || {
        [
            (None, false),
            (None, true),
            (Some(EncryptionSetting::None), true),
            (Some(EncryptionSetting::SseB2), false),
            (Some(EncryptionSetting::SseC(key(2))), false),
        ]
    };
    for (from, customer) in [(None, false), (Some(EncryptionSetting::SseC(key(1))), true)] {
        for (to, is_legacy) in settings() {
            for part_size in [None, Some(20)] {
                let (b2, chaos) = Chaos::calm();
                chaos.timer.run(async {
                    let (here, there) = (bucket(&b2).await, another_bucket(&b2).await);
                    chaos
                        .emulator
                        .set_legacy_encryption("copies-of-photos", is_legacy)
                        .unwrap();
                    let content = content(90);
                    let mut upload = here.upload("f", content.clone());
                    if let Some(from) = &from {
                        upload = upload.server_side_encryption(from.clone());
                    }
                    let source = upload.await.unwrap().file;
                    let mut copy = there
                        .copy(&source, "g")
                        .file_retention(RetentionMode::Governance, FAR)
                        .legal_hold(LegalHold::On);
                    if let Some(size) = part_size {
                        copy = copy.part_size(size);
                    }
                    if customer {
                        copy = copy.source_customer_key(key(1));
                    }
                    if let Some(to) = &to {
                        copy = copy.server_side_encryption(to.clone());
                    }
                    let file = copy.await.unwrap().file;
                    assert_eq!(file.bucket_id, *there.id());
                    assert_eq!(file.legal_hold, Restricted::Value(Some(LegalHold::On)));
                    let Restricted::Value(retention) = &file.file_retention else {
                        panic!("the key may read it")
                    };
                    assert_eq!(retention.retain_until_timestamp, Some(FAR));
                    let (mode, download) = match &to {
                        Some(EncryptionSetting::SseC(key)) => (
                            Some(EncryptionMode::SseC),
                            DownloadFileById::new(&file.file_id).customer_key(key.clone()),
                        ),
                        Some(EncryptionSetting::SseB2) => (
                            Some(EncryptionMode::SseB2),
                            DownloadFileById::new(&file.file_id),
                        ),
                        _ => (
                            (!is_legacy).then_some(EncryptionMode::SseB2),
                            DownloadFileById::new(&file.file_id),
                        ),
                    };
                    assert_eq!(file.server_side_encryption.mode, mode, "{to:?}");
                    let back = b2.call(download).await.unwrap().body;
                    assert_eq!(back.collect(1_000).await.unwrap(), content);
                });
            }
        }
    }
}

#[test]
fn a_copy_with_a_wrong_customer_key_is_refused_and_leaves_nothing() {
    for part_size in [None, Some(20)] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let key = EncryptionSetting::SseC(CustomerKey::new([1; 32]));
            let upload = bucket.upload("f", content(90)).server_side_encryption(key);
            let source = upload.await.unwrap().file;
            let mut copy = bucket.copy(&source, "g");
            copy = copy.source_customer_key(CustomerKey::new([2; 32]));
            if let Some(size) = part_size {
                copy = copy.part_size(size);
            }
            let error = copy.await.unwrap_err();
            assert_eq!(error.b2().unwrap().code, "access_denied");
            assert_eq!(error.part().is_some(), part_size.is_some());
            assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
            assert_eq!(versions(&bucket).await.len(), 1);
        });
    }
}

/// The metadata of a 12 GB file that the emulator pretends to have, and the copy calls it receives.
fn of_12_gb(emulator: &Emulator) -> (Client, ManualTimer, Arc<Mutex<Vec<Value>>>) {
    const LEN: u64 = 12_000_000_000;
    let (timer, requests) = (ManualTimer::new(), Arc::new(Mutex::new(Vec::new())));
    let copies = Arc::clone(&requests);
    let finished: Mutex<Option<Value>> = Mutex::default();
    let b2 = wired(emulator, &timer, move |request: &mut Request| {
        let answer: Value = match call_of(request) {
            "b2_copy_file" => {
                return Some(Ok(http_refusal(400, "source_too_large")));
            }
            "b2_get_file_info" => {
                let mut file = large_file();
                file["contentLength"] = json!(LEN);
                file["fileId"] = sent(request)["fileId"].clone();
                file
            }
            "b2_start_large_file" => {
                let mut file = large_file();
                let start = sent(request);
                for field in ["bucketId", "fileName", "contentType", "fileInfo"] {
                    file[field] = start[field].clone();
                }
                file["fileId"] = json!("4_z2_large");
                file["action"] = json!("start");
                *finished.lock().unwrap() = Some(file.clone());
                file
            }
            "b2_copy_part" => {
                let copy = sent(request);
                copies.lock().unwrap().push(copy.clone());
                let range = copy["range"].as_str().unwrap();
                let (first, last) = range["bytes=".len()..].split_once('-').unwrap();
                let len = last.parse::<u64>().unwrap() - first.parse::<u64>().unwrap() + 1;
                json!({"fileId": copy["largeFileId"], "partNumber": copy["partNumber"],
                    "contentLength": len, "contentSha1": Sha1::of(b"").to_string(),
                    "uploadTimestamp": 0})
            }
            "b2_finish_large_file" => {
                let mut file = finished.lock().unwrap().take().unwrap();
                file["contentLength"] = json!(LEN);
                file["action"] = json!("upload");
                file
            }
            _ => return None,
        };
        Some(Ok::<Response, _>(http_answer(200, &answer)))
    });
    (b2.build().unwrap(), timer, requests)
}

fn large_file() -> Value {
    json!({"accountId": "a", "action": "upload", "bucketId": "b", "contentLength": 0,
        "contentSha1": "none", "contentType": "text/x", "fileId": "4_z1", "fileInfo": {"k": "v"},
        "fileName": "f", "uploadTimestamp": 1})
}

#[test]
fn a_copy_above_5_gb_uses_the_fewest_even_parts_whether_or_not_the_size_is_known() {
    for known in [true, false] {
        let emulator = Emulator::new();
        let (b2, timer, requests) = of_12_gb(&emulator);
        timer.run(async {
            let name = BucketName::new("holiday-photos").unwrap();
            let bucket = BucketHandle::new(b2.clone(), "b".into(), name);
            let copy = if known {
                let version = b2.call(GetFileInfo::new("4_z1")).await.unwrap();
                bucket.copy(version, "g")
            } else {
                bucket.copy(FileId::from("4_z1"), "g")
            };
            let copied = copy.concurrency(1).await.unwrap();
            assert_eq!(copied.parts, 3);
            assert_eq!(copied.file.content_length, 12_000_000_000);
            assert_eq!(copied.file.file_info.get("k"), Some("v"));
        });
        let requests = requests.lock().unwrap();
        let ranges: Vec<_> = requests.iter().map(|copy| copy["range"].clone()).collect();
        assert_eq!(
            ranges,
            [
                "bytes=0-3999999999",
                "bytes=4000000000-7999999999",
                "bytes=8000000000-11999999999"
            ]
        );
        assert!(requests.iter().all(|copy| copy["sourceFileId"] == "4_z1"));
    }
}

#[test]
fn a_response_about_a_copy_that_differs_from_the_source_is_an_integrity_error() {
    for (field, wrong) in [
        ("contentLength", json!(91)),
        ("contentSha1", json!(Sha1::of(b"other").to_string())),
    ] {
        let (emulator, timer) = (Emulator::new(), ManualTimer::new());
        let source: Arc<Mutex<Option<FileVersion>>> = Arc::default();
        let answer = Arc::clone(&source);
        let b2 = wired(&emulator, &timer, move |request| {
            let source = answer.lock().unwrap();
            let mut file = serde_json::to_value(source.as_ref()?).unwrap();
            (call_of(request) == "b2_copy_file").then(|| {
                file["fileName"] = json!("g");
                file[field] = wrong.clone();
                Ok(http_answer(200, &file))
            })
        });
        let b2 = b2.build().unwrap();
        timer.run(async {
            let bucket = bucket(&b2).await;
            let file = bucket.upload("f", content(90)).await.unwrap().file;
            *source.lock().unwrap() = Some(file.clone());
            let error = bucket.copy(file, "g").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
            assert!(error.may_have_taken_effect());
        });
    }
}

#[test]
fn a_copied_part_that_fails_or_whose_response_is_lost_is_retried() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        let (bucket, content) = (bucket(&b2).await, content(95));
        let source = bucket.upload("f", content.clone()).await.unwrap().file;
        script.push("b2_copy_part", Fault::Status(500, "internal_error", &[]));
        script.push("b2_copy_part", Fault::LostResponse);
        let copied = bucket.copy(source, "g").part_size(20).await.unwrap();
        assert_eq!(stored(&b2, &copied.file.file_id).await, content);
        assert!(script.is_over());
        assert_eq!(copied.parts, 5);
        assert!(script.count("b2_copy_part") <= 7);
        assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
    });
}

#[test]
fn a_permanently_failing_part_is_named_and_the_file_cancelled_or_kept() {
    for keep in [false, true] {
        let (b2, chaos) = Chaos::new(|_, call| {
            (call == "b2_copy_part").then_some(NetworkFault::Status(403, "storage_cap_exceeded"))
        });
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let source = bucket.upload("f", content(90)).await.unwrap().file;
            let mut copy = bucket.copy(source, "g").part_size(20).concurrency(2);
            if keep {
                copy = copy.on_failure(OnFailure::Keep);
            }
            let error = copy.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CapExceeded);
            assert!(matches!(error.part(), Some(1 | 2)), "{error}");
            assert_eq!(chaos.count("b2_copy_part"), 2, "the others are not begun");
            assert_eq!(unfinished(&bucket).await.len(), usize::from(keep));
            let left: Vec<_> = b2.unfinished().iter().map(|left| left.state).collect();
            assert_eq!(left, vec![UnfinishedState::Kept; usize::from(keep)]);
        });
    }
}

#[test]
fn copies_survive_many_faults_and_their_progress_ends_at_the_size() {
    for_seeds(0..200, |seed| {
        let content = content(400 + seed as usize);
        let (b2, chaos) = Chaos::seeded(seed, 10);
        let progress = Progress::new();
        let whole = seed % 4 == 0;
        let calm = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            bucket(&calm).await;
            let calm = calm.bucket("holiday-photos").await.unwrap();
            let source = calm.upload("f", content.clone()).part_size(1_000);
            let source = source.await.unwrap().file;
            let bucket = BucketHandle::new(b2.clone(), calm.id().clone(), calm.name().clone());
            let mut copy = bucket.copy(&source, "g").progress(&progress);
            if !whole {
                copy = copy.part_size(40);
            }
            let copied = copy.await;
            let copied = copied.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            assert_eq!(copied.parts == 0, whole);
            assert!(b2.unfinished().is_empty(), "seed {seed}");
            let now = progress.now();
            let len = content.len() as u64;
            assert_eq!((now.stage, now.bytes), (Stage::Done, len), "seed {seed}");
            assert_eq!(now.total_bytes, Some(len), "seed {seed}");
            assert_eq!(now.parts, copied.parts, "seed {seed}");
            for version in versions(&calm).await {
                let there = stored(calm.client(), &version.file_id).await;
                assert_eq!(Bytes::from(there), content, "seed {seed}");
            }
            assert!(unfinished(&calm).await.is_empty(), "seed {seed}");
        });
    });
}

#[test]
fn a_copy_dropped_at_any_poll_leaves_only_what_orphan_cleanup_cancels() {
    for part_size in [1_000, 20] {
        let content = content(90);
        for polls in 0.. {
            let (b2, chaos) = Chaos::calm();
            let finished = chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let source = bucket.upload("f", content.clone()).await.unwrap().file;
                let copy = bucket.copy(source, "g").part_size(part_size);
                let finished = polled(copy, polls).await.is_some();
                assert!(
                    b2.cancel_orphaned_uploads().await.is_empty(),
                    "after {polls}"
                );
                for version in versions(&bucket).await {
                    assert_eq!(stored(&b2, &version.file_id).await, content);
                }
                let left = b2.unfinished();
                assert!(left.iter().all(|left| left.state == UnfinishedState::Kept));
                assert_eq!(unfinished(&bucket).await.len(), left.len(), "after {polls}");
                finished
            });
            if finished {
                break;
            }
            assert!(polls < 1_000);
        }
    }
}
