//! Uploads that resume a large file which another upload sends, cancels or has left.

use std::future::IntoFuture as _;
use std::pin::Pin;
use std::time::Duration;

use b2kit::api::{CancelLargeFile, StartLargeFile, UploadPart};
use b2kit::backend::emulator::Emulator;
use b2kit::transfer::{ResumeToken, Upload, Uploaded};
use b2kit::types::{
    CustomerKey, EncryptionSetting, FileId, FileInfo, FileName, PartNumber, Sha1, Timestamp,
};
use b2kit::{
    BucketHandle, Bytes, Error, ErrorKind, HttpClient as _, ManualTimer, Request, Timer as _,
};
use futures::future::{BoxFuture, select};
use serde_json::Value;

use crate::chaos::Chaos;
use crate::script::Script;
use crate::uploading::{bucket, content, stored, unfinished, versions};
use crate::{call_of, client_of, client_over, http_answer};

type Uploading = Pin<Box<dyn Future<Output = Result<Uploaded, Error>> + Send>>;

fn upload(bucket: &BucketHandle, content: &Bytes, resume: bool) -> Uploading {
    let upload = bucket.upload("f", content.clone()).concurrency(1);
    let upload = if resume { upload.resume() } else { upload };
    upload.into_future()
}

/// Polls an upload until this many parts of all uploads have been sent; it must not end before.
async fn until_sent(
    chaos: &Chaos,
    parts: usize,
    upload: &mut BoxFuture<'_, Result<Uploaded, Error>>,
) {
    while chaos.count("b2_upload_part") < parts {
        let pause = chaos.timer.sleep(Duration::from_millis(1));
        select(&mut *upload, pause).await;
    }
}

/// A large file that another program has started, with its first parts.
async fn begun(bucket: &BucketHandle, content: &Bytes, parts: usize) -> FileId {
    let b2 = bucket.client();
    let info = FileInfo::new().with("large_file_sha1", Sha1::of(content).to_string());
    let start = StartLargeFile::new(bucket.id(), FileName::new("f").unwrap())
        .file_info(info.unwrap())
        .upload_id("another program")
        .unwrap();
    let file = b2.call(start).await.unwrap();
    for number in 1..=parts {
        let bytes = content.slice((number - 1) * 100..number * 100);
        let number = PartNumber::new(number as u64).unwrap();
        b2.call(UploadPart::new(&file.file_id, number, bytes))
            .await
            .unwrap();
    }
    file.file_id
}

#[test]
fn an_orphan_that_was_resumed_is_not_cancelled_by_orphan_cleanup() {
    let content = content(1_000);
    for dropped_after in 1..8 {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let mut orphan = upload(&bucket, &content, false);
            until_sent(&chaos, dropped_after, &mut orphan).await;
            drop(orphan);
            let mut resumed = upload(&bucket, &content, true);
            until_sent(&chaos, dropped_after + 2, &mut resumed).await;
            assert!(b2.cancel_orphaned_uploads().await.is_empty());
            let uploaded = resumed.await.unwrap();
            // The last part in flight was dropped with its upload.
            assert!(uploaded.reused_parts + 1 >= dropped_after as u32);
            assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
            assert_eq!(chaos.count("b2_cancel_large_file"), 0);
            assert!(b2.unfinished().is_empty() && unfinished(&bucket).await.is_empty());
        });
    }
}

#[test]
fn an_upload_of_the_same_client_in_progress_is_not_resumed() {
    let content = content(1_000);
    for resumed_after in 0..9 {
        for is_other_resumed in [false, true] {
            let (b2, chaos) = Chaos::calm();
            chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let mut one = upload(&bucket, &content, is_other_resumed);
                if resumed_after > 0 {
                    until_sent(&chaos, resumed_after, &mut one).await;
                } else {
                    // The large file is just being started.
                    while chaos.count("b2_start_large_file") == 0 {
                        let pause = chaos.timer.sleep(Duration::from_millis(1));
                        select(&mut one, pause).await;
                    }
                }
                let other = upload(&bucket, &content, true);
                let (one, other) = futures::join!(one, other);
                let ids = [one.unwrap(), other.unwrap()].map(|uploaded| {
                    assert_eq!(uploaded.reused_parts, 0);
                    uploaded.file.file_id
                });
                assert_ne!(ids[0], ids[1]);
                for id in &ids {
                    assert_eq!(stored(&b2, id).await, content);
                }
                assert_eq!(chaos.count("b2_cancel_large_file"), 0);
                assert!(unfinished(&bucket).await.is_empty());
            });
        }
    }
}

#[test]
fn of_several_unfinished_uploads_the_one_with_the_most_parts_is_resumed_or_else_the_oldest() {
    let content = content(1_000);
    for (parts, resumed) in [([2, 5], 1), ([5, 2], 0), ([5, 5], 0)] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            let mut begun_files = Vec::new();
            for parts in parts {
                begun_files.push(begun(&bucket, &content, parts).await);
                script.clock.advance(Duration::from_secs(1));
            }
            let uploaded = upload(&bucket, &content, true).await.unwrap();
            assert_eq!(uploaded.reused_parts, 5, "{parts:?}");
            assert_eq!(uploaded.file.file_id, begun_files[resumed], "{parts:?}");
        });
    }
}

#[test]
fn an_upload_that_a_newer_version_or_marker_would_hide_is_not_resumed() {
    let content = content(1_000);
    for hides in [false, true] {
        let (b2, script) = Script::new([]);
        script.timer.run(async {
            let bucket = bucket(&b2).await;
            begun(&bucket, &content, 4).await;
            script.clock.advance(Duration::from_secs(1));
            bucket.upload("f", "newer").await.unwrap();
            if hides {
                bucket.hide("f").await.unwrap();
            }
            script.clock.advance(Duration::from_secs(1));
            let plan = bucket.upload("f", content.clone()).resume().plan();
            let [(_, why)] = &plan.await.unwrap().rejected[..] else {
                panic!("one upload is rejected")
            };
            assert!(why.contains("a newer version or a hide marker"), "{why}");
            let uploaded = upload(&bucket, &content, true).await.unwrap();
            assert_eq!(uploaded.reused_parts, 0);
            let current = bucket.stat("f").await.unwrap().unwrap();
            assert_eq!(current.file_id, uploaded.file.file_id);
            assert_eq!(stored(&b2, &current.file_id).await, content);
        });
    }
}

/// A large file keeps the timestamp and the key that it was started with.
#[test]
fn an_unfinished_upload_with_another_timestamp_or_customer_key_is_not_resumed() {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .custom_timestamps(true)
        .build();
    let timer = ManualTimer::new();
    let b2 = client_of(&emulator, &timer);
    let [old, new] = [1_400_000_000_000, 1_500_000_000_000].map(Timestamp::from_millis);
    let sse_c = |key| EncryptionSetting::SseC(CustomerKey::new([key; 32]));
    timer.run(async {
        let bucket = bucket(&b2).await;
        let bytes = content(500);
        let start = || {
            let start = StartLargeFile::new(bucket.id(), FileName::new("f").unwrap());
            start.upload_id("an earlier run").unwrap()
        };
        let upload = || bucket.upload("f", bytes.clone()).hash_first(false).resume();
        let now = |upload: Upload| upload.custom_upload_timestamp(new);
        let sealed = |upload: Upload| upload.server_side_encryption(sse_c(2));
        type Change<'a> = &'a (dyn Fn(Upload) -> Upload + Sync);
        let timestamp = "its upload timestamp differs";
        for (start, change, why) in [
            (start(), &now as Change<'_>, timestamp),
            (start().custom_upload_timestamp(old), &now, timestamp),
            (
                start().server_side_encryption(sse_c(1)),
                &sealed,
                "its encryption differs",
            ),
        ] {
            let left = b2.call(start).await.unwrap();
            let plan = change(upload()).plan().await.unwrap();
            assert_eq!(plan.rejected, [(left.file_id.clone(), why.to_owned())]);
            let uploaded = change(upload()).await.unwrap();
            assert_ne!(uploaded.file.file_id, left.file_id);
            if why == timestamp {
                assert_eq!(uploaded.file.upload_timestamp, new);
            }
            b2.call(CancelLargeFile::new(left.file_id)).await.unwrap();
        }
    });
}

#[test]
fn an_unfinished_upload_without_the_md5_of_its_customer_key_is_not_resumed() {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .build();
    let timer = ManualTimer::new();
    let server = emulator.clone();
    let backend = move |request: Request| {
        let server = server.clone();
        async move {
            let is_list = call_of(&request) == "b2_list_unfinished_large_files";
            let response = server.send(request).await?;
            if !is_list {
                return Ok(response);
            }
            let text = response.into_body().collect(1 << 20).await?;
            let mut page: Value = serde_json::from_slice(&text).unwrap();
            for file in page["files"].as_array_mut().unwrap() {
                let encryption = file["serverSideEncryption"].as_object_mut().unwrap();
                encryption.remove("customerKeyMd5").unwrap();
            }
            Ok(http_answer(200, &page))
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    let sse_c = || EncryptionSetting::SseC(CustomerKey::new([1; 32]));
    timer.run(async {
        let bucket = bucket(&b2).await;
        let start = StartLargeFile::new(bucket.id(), FileName::new("f").unwrap());
        let start = start.upload_id("an earlier run").unwrap();
        let left = b2
            .call(start.server_side_encryption(sse_c()))
            .await
            .unwrap();
        let upload = || {
            let upload = bucket.upload("f", content(500)).hash_first(false).resume();
            upload.server_side_encryption(sse_c())
        };
        let plan = upload().plan().await.unwrap();
        let why = "its customer-managed key can't be compared".to_owned();
        assert_eq!(plan.rejected, [(left.file_id.clone(), why)]);
        assert_ne!(upload().await.unwrap().file.file_id, left.file_id);
    });
}

/// B2 finishes no large file of one part.
#[test]
fn an_upload_that_would_have_one_part_is_not_resumed_unless_a_part_says_its_size() {
    let content = content(300);
    for parts in [0, 1] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let token = ResumeToken::new(begun(&bucket, &content, parts).await);
            chaos.forget();
            let upload = bucket.upload("f", content.clone()).part_size(1_000);
            let uploaded = upload.resume_from(token).await;
            if parts == 0 {
                let error = uploaded.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(error.to_string().contains("has only one"), "{error}");
                assert_eq!(chaos.count("b2_upload_part"), 0);
            } else {
                let uploaded = uploaded.unwrap();
                assert_eq!((uploaded.parts, uploaded.reused_parts), (3, 1));
                assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
            }
        });
    }
}

#[test]
fn resuming_an_upload_in_progress_by_its_token_is_refused_with_the_reason() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let mut one = upload(&bucket, &content, false);
        until_sent(&chaos, 3, &mut one).await;
        let token = b2.unfinished()[0].resume_token().unwrap();
        let other = bucket.upload("f", content.clone()).resume_from(token);
        let error = other.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.to_string().contains("this client is uploading"),
            "{error}"
        );
        one.await.unwrap();
    });
}

#[test]
fn only_one_of_two_uploads_resumes_a_large_file_and_the_other_starts_over() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        begun(&bucket, &content, 4).await;
        let (one, other) = futures::join!(
            upload(&bucket, &content, true),
            upload(&bucket, &content, true)
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut reused = [one.reused_parts, other.reused_parts];
        reused.sort_unstable();
        assert_eq!(reused, [0, 4]);
        assert_ne!(one.file.file_id, other.file.file_id);
        assert_eq!(versions(&bucket).await.len(), 2);
        assert!(unfinished(&bucket).await.is_empty());
    });
}

#[test]
fn an_orphan_that_is_being_cancelled_is_not_resumed() {
    let content = content(1_000);
    for head_start in 0..80 {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let mut orphan = upload(&bucket, &content, false);
            until_sent(&chaos, 3, &mut orphan).await;
            drop(orphan);
            let later = chaos.timer.sleep(Duration::from_millis(head_start));
            let (uploaded, left) = futures::join!(upload(&bucket, &content, true), async {
                later.await;
                b2.cancel_orphaned_uploads().await
            });
            assert!(left.is_empty(), "{head_start}: {left:?}");
            let uploaded = uploaded.unwrap();
            assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
            assert!(b2.unfinished().is_empty(), "{head_start}");
            assert!(unfinished(&bucket).await.is_empty(), "{head_start}");
            // No cancel in between made the upload start over.
            assert!(chaos.count("b2_start_large_file") <= 2);
            assert_eq!(versions(&bucket).await.len(), 1);
        });
    }
}

#[test]
fn a_resumed_upload_whose_large_file_another_program_cancels_starts_over() {
    let content = content(1_000);
    for cancelled_after in 0..6 {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let id = begun(&bucket, &content, 4).await;
            chaos.forget();
            // This client knows nothing about the other.
            let own = chaos.client(99);
            let own = BucketHandle::new(own, bucket.id().clone(), bucket.name().clone());
            let mut resumed = upload(&own, &content, true);
            until_sent(&chaos, cancelled_after, &mut resumed).await;
            b2.call(CancelLargeFile::new(&id)).await.unwrap();
            let uploaded = resumed.await.unwrap();
            assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
            assert!(own.client().unfinished().is_empty(), "{cancelled_after}");
            assert!(unfinished(&bucket).await.is_empty());
            let progress = chaos.count("b2_start_large_file");
            assert!(progress <= 1, "{progress}");
        });
    }
}

#[test]
fn an_upload_resumed_by_its_token_fails_if_its_large_file_is_cancelled() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let id = begun(&bucket, &content, 4).await;
        let own = chaos.client(99);
        let own = BucketHandle::new(own, bucket.id().clone(), bucket.name().clone());
        chaos.forget();
        let resumed = own.upload("f", content.clone()).concurrency(1);
        let resumed = resumed.resume_from(ResumeToken::new(&id));
        let mut resumed: Uploading = Box::pin(resumed.into_future());
        until_sent(&chaos, 2, &mut resumed).await;
        b2.call(CancelLargeFile::new(&id)).await.unwrap();
        let error = resumed.await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected),
            "{error}"
        );
        assert_eq!(chaos.count("b2_start_large_file"), 0);
        assert!(versions(&bucket).await.is_empty());
    });
}

#[test]
fn a_large_file_cancelled_while_a_resume_examines_it_is_skipped() {
    let content = content(1_000);
    for cancelled_at in 0..60 {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let id = begun(&bucket, &content, 4).await;
            let own = chaos.client(99);
            let own = BucketHandle::new(own, bucket.id().clone(), bucket.name().clone());
            let later = chaos.timer.sleep(Duration::from_millis(cancelled_at));
            let (uploaded, cancelled) = futures::join!(upload(&own, &content, true), async {
                later.await;
                b2.call(CancelLargeFile::new(&id)).await
            });
            let uploaded = uploaded.unwrap();
            cancelled.unwrap();
            assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
            assert!(unfinished(&bucket).await.is_empty() && own.client().unfinished().is_empty());
        });
    }
}
