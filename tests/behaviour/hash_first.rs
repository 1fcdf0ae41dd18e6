//! Large files that are hashed before they are sent.

use std::future::IntoFuture as _;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use b2kit::api::{StartLargeFile, UploadPart};
use b2kit::http::Response;
use b2kit::transfer::{Progress, Source, Stage, Verified};
use b2kit::types::{ContentType, FileInfo, FileName, PartNumber, Sha1, Timestamp};
use b2kit::{BucketHandle, Bytes, Client, ErrorKind, HttpClient as _, RetryPolicy};
use futures::{StreamExt as _, stream};

use crate::chaos::Chaos;
use crate::uploading::{bucket, content, in_chunks, polled, ranges, stored, unfinished, versions};

fn sha1_of(file: &b2kit::types::FileVersion) -> Option<String> {
    file.file_info.get("large_file_sha1").map(str::to_owned)
}

#[test]
fn a_large_file_from_a_replayable_source_downloads_as_verified() {
    let content = content(1_000);
    let reader = || futures::io::Cursor::new(content.clone());
    let chunks = || stream::iter(in_chunks(&content));
    for (source, hash_first, expected) in [
        (Source::bytes(content.clone()), true, true),
        (ranges(&content), true, true),
        (Source::seekable(reader()), true, true),
        (Source::bytes(content.clone()), false, false),
        (Source::stream(chunks()), true, false),
        (Source::sized_reader(1_000, reader()), true, false),
    ] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let case = format!("{source:?} {hash_first}");
            let upload = bucket.upload("f", source).hash_first(hash_first);
            let file = upload.await.unwrap().file;
            let sha1 = expected.then(|| Sha1::of(&content).to_string());
            assert_eq!(sha1_of(&file), sha1, "{case}");
            let download = bucket.download("f").require_verified().stream().await;
            match download {
                Ok(download) => {
                    assert!(expected, "{case}");
                    assert_eq!(download.verified(), Verified::LargeFileSha1);
                    assert_eq!(download.collect(1_000).await.unwrap(), content);
                }
                Err(error) => {
                    assert!(!expected, "{case}");
                    assert_eq!(error.kind(), ErrorKind::Integrity);
                }
            }
        });
    }
}

/// These are hashed on threads, so the test runs on real time.
#[test]
fn large_chunks_and_local_files_are_hashed_first() {
    let content = content(3_500_000);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), &content).unwrap();
    let emulator = b2kit::backend::emulator::Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(1_000_001)
        .build();
    let b2 = Client::builder()
        .credentials(b2kit::Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .build()
        .unwrap();
    futures::executor::block_on(async {
        let bucket = bucket(&b2).await;
        for source in [
            Source::path(dir.path().join("f")),
            Source::bytes(content.clone()),
        ] {
            let case = format!("{source:?}");
            let progress = Progress::new();
            let upload = bucket.upload("f", source).progress(&progress);
            let uploaded = upload.await.unwrap();
            assert_eq!(uploaded.parts, 4, "{case}");
            let sha1 = Sha1::of(&content).to_string();
            assert_eq!(sha1_of(&uploaded.file), Some(sha1), "{case}");
            assert_eq!(progress.now().hashed_bytes, 3_500_000, "{case}");
        }
        // An upload dropped while it is hashed leaves nothing. By a late poll, the pool may have hashed it.
        let started = || emulator.snapshot().calls_of("b2_start_large_file");
        let (before, mut seen) = (started(), 0);
        for polls in 0..8 {
            let source = Source::path(dir.path().join("f"));
            let upload = bucket.upload("dropped", source);
            assert!(polled(upload, polls).await.is_none());
            // It is recorded before its start is sent.
            if started() > before || !b2.unfinished().is_empty() {
                break;
            }
            seen += 1;
        }
        assert!(seen > 0);
    });
}

/// A source whose third part changes after it was read as a whole.
fn changing(content: &Bytes) -> Source {
    let (content, reads) = (content.clone(), AtomicUsize::new(0));
    Source::ranges(content.len() as u64, move |range| {
        let first = reads.fetch_add(1, Ordering::Relaxed) == 0;
        let mut bytes = content[range.start as usize..range.end as usize].to_vec();
        if !first && range.contains(&250) {
            bytes[250 - range.start as usize] ^= 1;
        }
        Ok(stream::iter(in_chunks(&bytes.into())))
    })
}

#[test]
fn a_part_that_changed_after_hashing_is_a_source_error_and_leaves_nothing() {
    for policy in [RetryPolicy::default(), RetryPolicy::disabled()] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let there = bucket(&b2).await;
            let hurried = b2.with_retry_policy(policy.clone());
            let bucket = BucketHandle::new(hurried, there.id().clone(), there.name().clone());
            let upload = bucket.upload("f", changing(&content(1_000))).concurrency(1);
            let error = upload.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source, "{error:?}");
            assert_eq!(error.part(), Some(3));
            let message = format!("{error:#}");
            assert!(message.contains("changed after it was hashed"), "{message}");
            assert!(versions(&there).await.is_empty());
            assert!(unfinished(&there).await.is_empty() && b2.unfinished().is_empty());
            // Two parts once each, and the third at most twice.
            assert!(chaos.count("b2_upload_part") <= 4);
        });
    }
    // A failed resumable upload is normally kept; this one is not, since nothing could resume it.
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let upload = bucket.upload("f", changing(&content(1_000))).resume();
        let error = upload.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{error:?}");
        assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
    });
    // A large file that an earlier run started is not kept either.
    for parts in 0..3 {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let (bucket, content) = (bucket(&b2).await, content(1_000));
            let ours = noted(&content).with("b2kit-upload-id", "x").unwrap();
            begun(&bucket, &content, ours, 100, parts).await;
            let upload = bucket.upload("f", changing(&content)).resume();
            let error = upload.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source, "{error:?}");
            assert_eq!(chaos.count("b2_start_large_file"), 1);
            assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
        });
    }
    // A source that is read only once has nothing to be compared with.
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let upload = bucket.upload("f", changing(&content(1_000)));
        upload.hash_first(false).await.unwrap();
    });
}

/// B2 reports other bytes, but the source is unchanged.
#[test]
fn bytes_corrupted_in_transit_are_resent_and_not_mistaken_for_a_changed_source() {
    for always in [false, true] {
        let (_, chaos) = Chaos::calm();
        let (wire, has_failed) = (chaos.clone(), Arc::new(AtomicBool::new(false)));
        let backend = move |request: b2kit::Request| {
            let (wire, has_failed) = (wire.clone(), Arc::clone(&has_failed));
            async move {
                let is_part = crate::call_of(&request) == "b2_upload_part";
                if is_part && (always || !has_failed.swap(true, Ordering::Relaxed)) {
                    let text = r#"{"status":400,"code":"bad_request",
                        "message":"Sha1 did not match data received"}"#;
                    return Ok(Response::builder().status(400).body(text.into()).unwrap());
                }
                wire.send(request).await
            }
        };
        let b2 = chaos.builder(7).backend(backend).build().unwrap();
        let content = content(1_000);
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            match bucket.upload("f", ranges(&content)).await {
                Ok(uploaded) => {
                    assert!(!always);
                    assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
                }
                Err(error) => {
                    assert!(always);
                    assert_eq!(error.b2().unwrap().status, 400, "{error:?}");
                    assert!(error.kind() != ErrorKind::Source, "{error:?}");
                }
            }
        });
    }
}

#[test]
fn large_file_sha1_takes_one_of_ten_info_entries_before_the_modification_time() {
    let notes = |count: usize| {
        (0..count).fold(FileInfo::new(), |info, n| {
            info.with(&format!("k{n}"), "v").unwrap()
        })
    };
    for (count, sha1, time, id) in [
        (7, true, true, true),
        (8, true, true, false),
        (9, true, false, false),
        (10, false, false, false),
    ] {
        let (b2, chaos) = Chaos::calm();
        let progress = Progress::new();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let source = Source::bytes(content(500)).with_modified(Timestamp::from_millis(7));
            let upload = bucket.upload("f", source).file_info(notes(count));
            let file = upload.progress(&progress).await.unwrap().file;
            let has = |key| file.file_info.get(key).is_some();
            assert_eq!(has("large_file_sha1"), sha1, "{count}");
            assert_eq!(has("src_last_modified_millis"), time, "{count}");
            assert_eq!(has("b2kit-upload-id"), id, "{count}");
        });
        // A SHA-1 without a free info entry is not computed.
        let hashed = if sha1 { 500 } else { 0 };
        assert_eq!(progress.now().hashed_bytes, hashed, "{count}");
    }
}

#[test]
fn a_source_with_a_given_sha1_is_not_hashed_first() {
    let content = content(500);
    let sha1 = Sha1::of(&content);
    let noted = FileInfo::new()
        .with("large_file_sha1", sha1.to_string())
        .unwrap();
    for (source, info) in [
        (
            Source::bytes(content.clone()).with_sha1(sha1),
            FileInfo::new(),
        ),
        (Source::bytes(content.clone()), noted),
    ] {
        let (b2, chaos) = Chaos::calm();
        let progress = Progress::new();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let upload = bucket.upload("f", source).file_info(info);
            let file = upload.progress(&progress).await.unwrap().file;
            assert_eq!(file.expected_sha1(), Some(sha1));
        });
        assert_eq!(progress.now().hashed_bytes, 0);
    }
}

#[test]
fn only_large_uploads_have_a_hashing_stage() {
    for (len, hash_first, hashed) in [(1_000, true, 1_000), (1_000, false, 0), (100, true, 0)] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let progress = Progress::new();
            let changes = progress.changes();
            let upload = bucket
                .upload("f", ranges(&content(len)))
                .hash_first(hash_first)
                .progress(&progress);
            let seen = changes.collect::<Vec<_>>();
            let (uploaded, seen) = futures::join!(upload.into_future(), seen);
            uploaded.unwrap();
            let hashing = seen.iter().filter(|now| now.stage == Stage::Hashing);
            assert!(hashing.clone().all(|now| now.bytes == 0));
            assert_eq!(hashing.count() > 0, hashed > 0, "{len} {hash_first}");
            assert_eq!(seen.last().unwrap().hashed_bytes, hashed);
        });
    }
}

/// The source is not read before the error.
#[test]
fn an_invalid_upload_is_refused_before_it_is_hashed() {
    let (b2, chaos) = Chaos::calm();
    let progress = Progress::new();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let info = FileInfo::new().with("k", "v".repeat(7_100)).unwrap();
        let upload = bucket.upload("f", content(1_000)).file_info(info);
        let error = upload.progress(&progress).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
    assert_eq!(progress.now().hashed_bytes, 0);
}

// Resuming.

/// Starts a large file as another tool would, and sends its first parts.
async fn begun(bucket: &BucketHandle, content: &Bytes, info: FileInfo, part: usize, parts: usize) {
    let b2 = bucket.client();
    let start = StartLargeFile::new(bucket.id(), FileName::new("f").unwrap())
        .content_type(ContentType::auto())
        .file_info(info);
    let file = b2.call(start).await.unwrap();
    for number in 1..=parts {
        let section = content.slice((number - 1) * part..(number * part).min(content.len()));
        let number = PartNumber::new(number as u64).unwrap();
        let upload = UploadPart::new(&file.file_id, number, section);
        b2.call(upload).await.unwrap();
    }
}

fn noted(content: &Bytes) -> FileInfo {
    let sha1 = Sha1::of(content).to_string();
    FileInfo::new().with("large_file_sha1", sha1).unwrap()
}

#[test]
fn an_unfinished_upload_with_the_same_sha1_is_resumed_whoever_started_it() {
    let (content, other) = (content(1_000), content(1_001).slice(..1_000));
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        begun(&bucket, &content, noted(&content), 100, 4).await;
        begun(&bucket, &content, noted(&other), 100, 9).await;
        let plan = bucket.upload("f", content.clone()).resume().plan();
        let plan = plan.await.unwrap();
        assert_eq!(plan.large_file_sha1, Some(Sha1::of(&content)));
        assert_eq!(plan.parts[7].sha1, Some(Sha1::of(&content[700..800])));
        assert_eq!(plan.rejected[0].1, "its file info differs");
        let uploaded = bucket.upload("f", content.clone()).resume().await.unwrap();
        assert_eq!((uploaded.parts, uploaded.reused_parts), (10, 4));
        assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
        assert_eq!(unfinished(&bucket).await.len(), 1);
    });
}

#[test]
fn an_unfinished_upload_without_a_sha1_is_resumed_only_without_hash_first() {
    let content = content(1_000);
    for (hash_first, reused) in [(true, 0), (false, 4)] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let ours = FileInfo::new().with("b2kit-upload-id", "x").unwrap();
            begun(&bucket, &content, ours, 100, 4).await;
            let upload = bucket.upload("f", content.clone()).hash_first(hash_first);
            let uploaded = upload.resume().await.unwrap();
            assert_eq!(uploaded.reused_parts, reused);
            assert_eq!(sha1_of(&uploaded.file).is_some(), hash_first);
        });
    }
}

/// Counts how many bytes are read from the source.
fn counted(content: &Bytes) -> (Source, Arc<AtomicUsize>) {
    let (bytes, read) = (content.clone(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&read);
    let source = Source::ranges(content.len() as u64, move |range| {
        count.fetch_add((range.end - range.start) as usize, Ordering::Relaxed);
        let section = bytes.slice(range.start as usize..range.end as usize);
        Ok(stream::iter(in_chunks(&section)))
    });
    (source, read)
}

#[test]
fn a_resumed_source_is_read_once_for_any_number_of_candidates() {
    let content = content(1_000);
    for hash_first in [true, false] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let info = match hash_first {
                true => noted(&content),
                false => FileInfo::new(),
            };
            // Half of them have the client's part size, the others different ones.
            for n in 0..6 {
                let ours = info.clone().with("b2kit-upload-id", n.to_string()).unwrap();
                let part = if n % 2 == 0 { 100 } else { 100 + 10 * n };
                begun(&bucket, &content, ours, part, 900 / part - n / 2).await;
            }
            let (source, read) = counted(&content);
            let upload = bucket.upload("f", source).hash_first(hash_first).resume();
            let plan = upload.plan().await.unwrap();
            assert_eq!(plan.reused_bytes(), 900, "{hash_first}");
            let read = read.load(Ordering::Relaxed);
            // Once for the SHA-1 of the whole, and once for all candidates with other part sizes.
            let most = if hash_first { 2_000 } else { 1_000 };
            assert!(read <= most, "{hash_first}: {read}");
        });
    }
}

#[test]
fn of_many_unfinished_uploads_those_with_the_most_bytes_are_compared() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        for n in 0..30 {
            let ours = noted(&content).with("b2kit-upload-id", n.to_string());
            begun(&bucket, &content, ours.unwrap(), 100, usize::from(n == 29)).await;
        }
        let plan = bucket.upload("f", content.clone()).resume().plan();
        let plan = plan.await.unwrap();
        assert_eq!((plan.reused_bytes(), plan.rejected.len()), (100, 10));
    });
}

#[test]
fn two_uploads_of_the_same_bytes_to_one_name_leave_each_other_alone() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let uploads = futures::join!(
            bucket.upload("f", content.clone()).into_future(),
            bucket.upload("f", content.clone()).into_future()
        );
        let ids = [uploads.0.unwrap(), uploads.1.unwrap()].map(|uploaded| uploaded.file.file_id);
        assert!(ids[0] != ids[1]);
        for id in &ids {
            assert_eq!(stored(&b2, id).await, content);
        }
        assert_eq!(chaos.count("b2_cancel_large_file"), 0);
        assert_eq!(versions(&bucket).await.len(), 2);
    });
}

/// The source changes between the pass for the whole and the pass for the existing parts.
#[test]
fn a_source_that_changes_while_a_resume_is_planned_is_a_source_error() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let ours = noted(&content).with("b2kit-upload-id", "x").unwrap();
        begun(&bucket, &content, ours, 150, 3).await;
        let reads = Mutex::new(0);
        let bytes = content.clone();
        let source = Source::ranges(1_000, move |range| -> io::Result<_> {
            let mut reads = reads.lock().unwrap();
            *reads += 1;
            let mut bytes = bytes[range.start as usize..range.end as usize].to_vec();
            bytes[0] ^= u8::from(*reads > 1);
            Ok(stream::iter([Ok(bytes.into())]))
        });
        let error = bucket.upload("f", source).resume().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{error:?}");
        assert_eq!(unfinished(&bucket).await.len(), 1);
    });
}

#[test]
fn a_copy_with_replaced_metadata_keeps_large_file_sha1() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let file = bucket.upload("f", content.clone()).await.unwrap().file;
        let sha1 = Some(Sha1::of(&content).to_string());
        for part_size in [None, Some(250)] {
            for replaced in [false, true] {
                let mut copy = bucket.copy(&file, "g");
                if let Some(bytes) = part_size {
                    copy = copy.part_size(bytes);
                }
                if replaced {
                    let info = FileInfo::new().with("k", "v").unwrap();
                    copy = copy.replace_metadata(ContentType::auto(), info);
                }
                let copied = copy.await.unwrap().file;
                assert_eq!(sha1_of(&copied), sha1, "{part_size:?} {replaced}");
                let download = bucket.download("g").require_verified().stream().await;
                assert_eq!(download.unwrap().collect(1_000).await.unwrap(), content);
            }
        }
    });
}

#[test]
fn a_source_in_memory_is_hashed_without_another_thread() {
    let content = content(3_500_000);
    let (b2, chaos) = Chaos::calm();
    // The virtual clock never wakes a task that waits for a thread.
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let source = Source::bytes(content.clone());
        let uploaded = bucket
            .upload("f", source)
            .part_size(1_000_001)
            .await
            .unwrap();
        assert_eq!(uploaded.parts, 4);
        assert_eq!(
            sha1_of(&uploaded.file),
            Some(Sha1::of(&content).to_string())
        );
    });
}
