//! Uploads of any size, from any source, over any network.

use std::future::{Future as _, IntoFuture as _};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit::api::{
    CancelLargeFile, CreateBucket, DownloadFileById, ListFileVersions, ListParts,
    ListUnfinishedLargeFiles, StartLargeFile, UploadPart,
};
use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::http::StatusCode;
use b2kit::transfer::{ComposeSource, OnFailure, Progress, ResumeToken, Source, Stage, Uploaded};
use b2kit::types::{
    Action, BucketName, BucketType, CustomerKey, EncryptionSetting, FileId, FileInfo, FileName,
    FileVersion, LegalHold, ListedFile, PartNumber, Restricted, RetentionMode, Sha1, Timestamp,
};
use b2kit::{
    BucketHandle, Bytes, Client, Error, ErrorKind, RetryPolicy, Timer as _, UnfinishedState,
};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use crate::chaos::{Chaos, NetworkFault};
use crate::client_of;
use crate::seeds::for_seeds;

pub(crate) async fn bucket(b2: &Client) -> BucketHandle {
    let name = BucketName::new("holiday-photos").unwrap();
    let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
    let bucket = b2.call(create).await.unwrap();
    BucketHandle::new(b2.clone(), bucket.bucket_id, name)
}

/// Bytes that don't repeat, so that a misplaced range is noticed.
pub(crate) fn content(len: usize) -> Bytes {
    let mut chance = fastrand::Rng::with_seed(len as u64);
    (0..len).map(|_| chance.u8(..)).collect()
}

/// The bytes in chunks of uneven sizes.
pub(crate) fn in_chunks(content: &Bytes) -> Vec<io::Result<Bytes>> {
    let mut chance = fastrand::Rng::with_seed(3);
    let (mut rest, mut chunks) = (content.clone(), Vec::new());
    while !rest.is_empty() {
        chunks.push(Ok(rest.split_to(chance.usize(0..40).min(rest.len()))));
    }
    chunks
}

pub(crate) async fn stored(b2: &Client, file_id: &FileId) -> Vec<u8> {
    let download = b2.call(DownloadFileById::new(file_id)).await.unwrap();
    download.body.collect(1 << 20).await.unwrap()
}

pub(crate) async fn versions(bucket: &BucketHandle) -> Vec<FileVersion> {
    let rows = bucket.client().paginate(ListFileVersions::new(bucket.id()));
    let versions = rows.try_filter_map(|row: ListedFile| async {
        let version = row.into_version();
        Ok(version.filter(|version| version.action == Action::Upload))
    });
    versions.try_collect().await.unwrap()
}

pub(crate) async fn unfinished(bucket: &BucketHandle) -> Vec<FileVersion> {
    let files = ListUnfinishedLargeFiles::new(bucket.id());
    bucket.client().paginate(files).try_collect().await.unwrap()
}

pub(crate) fn ranges(content: &Bytes) -> Source {
    let bytes = content.clone();
    Source::ranges(content.len() as u64, move |range| {
        let stretch = bytes.slice(range.start as usize..range.end as usize);
        Ok(stream::iter(in_chunks(&stretch)))
    })
}

/// Every kind of source of these bytes.
fn sources(content: &Bytes) -> Vec<(&'static str, Source)> {
    let len = content.len() as u64;
    let reader = || futures::io::Cursor::new(content.clone());
    vec![
        ("bytes", Source::bytes(content.clone())),
        ("ranges", ranges(content)),
        ("seekable", Source::seekable(reader())),
        ("stream", Source::stream(stream::iter(in_chunks(content)))),
        (
            "sized_stream",
            Source::sized_stream(len, stream::iter(in_chunks(content))),
        ),
        ("reader", Source::reader(reader())),
        ("sized_reader", Source::sized_reader(len, reader())),
    ]
}

#[test]
fn files_of_any_size_from_any_source_download_unchanged() {
    // The minimum part size is 10 bytes, the recommended one 100.
    for len in [0, 1, 9, 10, 99, 100, 101, 199, 200, 201, 1_000, 1_234] {
        let content = content(len);
        for (kind, source) in sources(&content) {
            let (b2, chaos) = Chaos::calm();
            let uploaded = chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let uploaded = bucket.upload("f", source).await.unwrap();
                assert_eq!(
                    stored(&b2, &uploaded.file.file_id).await,
                    content,
                    "{kind} {len}"
                );
                assert!(unfinished(&bucket).await.is_empty());
                uploaded
            });
            let parts = if len <= 100 { 0 } else { len.div_ceil(100) };
            assert_eq!(uploaded.parts as usize, parts, "{kind} {len}");
            assert_eq!(chaos.count("b2_upload_part"), parts);
            assert_eq!(chaos.count("b2_upload_file"), usize::from(parts == 0));
            assert!(b2.unfinished().is_empty());
        }
    }
}

#[test]
fn uploads_make_no_unnecessary_calls() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        chaos.forget();
        bucket.upload("small", content(100)).await.unwrap();
        bucket.upload("small", content(99)).await.unwrap();
        assert_eq!((chaos.count("b2_get_upload_url"), chaos.tally().0), (1, 3));
        chaos.forget();
        bucket
            .upload("large", content(1_000))
            .concurrency(3)
            .await
            .unwrap();
        // Start, finish, ten parts, and a URL for each concurrent part.
        assert_eq!(
            (chaos.count("b2_get_upload_part_url"), chaos.tally().0),
            (3, 15)
        );
    });
}

#[test]
fn parts_are_sent_side_by_side_up_to_the_concurrency() {
    for concurrency in [1, 4, 20] {
        let (b2, chaos) = Chaos::calm();
        let took = chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let began = chaos.timer.now();
            let upload = bucket.upload("f", content(2_000)).concurrency(concurrency);
            upload.await.unwrap();
            chaos.timer.now() - began
        });
        // Each request takes 10 ms: start, finish, a URL for each concurrent part, and twenty parts.
        let waves = 20_usize.div_ceil(concurrency) as u64;
        assert_eq!(
            took,
            Duration::from_millis(10 * (2 + 1 + waves)),
            "{concurrency}"
        );
    }
}

#[test]
fn upload_options_are_stored_with_the_file() {
    let key = || EncryptionSetting::SseC(CustomerKey::new([7; 32]));
    for len in [50, 500] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let content = content(len);
            let sha1 = Sha1::of(&content);
            let source = Source::bytes(content.clone())
                .with_sha1(sha1)
                .with_modified(Timestamp::from_millis(1_234));
            let upload = bucket
                .upload("f", source)
                .content_type(b2kit::types::ContentType::new("text/x").unwrap())
                .file_info(FileInfo::new().with("k", "v").unwrap())
                .server_side_encryption(key());
            let file = upload.await.unwrap().file;
            assert_eq!(file.content_type.as_ref().unwrap().as_str(), "text/x");
            assert_eq!(file.file_info.get("k"), Some("v"));
            assert_eq!(file.last_modified(), Some(Timestamp::from_millis(1_234)));
            assert_eq!(file.expected_sha1(), Some(sha1));
            assert_eq!(file.file_info.get("large_file_sha1").is_some(), len > 100);
            let download =
                DownloadFileById::new(&file.file_id).customer_key(CustomerKey::new([7; 32]));
            let back = b2.call(download).await.unwrap();
            assert_eq!(back.body.collect(1_000).await.unwrap(), content);
        });
    }
}

#[test]
fn an_upload_stores_its_lock_and_cache_control() {
    for len in [50, 500] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let name = BucketName::new("locked-photos").unwrap();
            let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
            let made = b2.call(create.file_lock_enabled(true)).await.unwrap();
            let bucket = BucketHandle::new(b2.clone(), made.bucket_id, name);
            let until = Timestamp::from_millis(4_000_000_000_000);
            let uploaded = bucket
                .upload("f", content(len))
                .file_info(
                    FileInfo::new()
                        .with("b2-cache-control", "no-store")
                        .unwrap(),
                )
                .file_retention(RetentionMode::Governance, until)
                .legal_hold(LegalHold::On);
            let file = uploaded.await.unwrap().file;
            assert_eq!(file.legal_hold, Restricted::Value(Some(LegalHold::On)));
            let Restricted::Value(retention) = &file.file_retention else {
                panic!("the key may read it")
            };
            assert_eq!(retention.retain_until_timestamp, Some(until));
            assert_eq!(file.file_info.get("b2-cache-control"), Some("no-store"));
        });
    }
}

#[test]
fn a_source_is_read_once_and_again_only_for_hash_first_and_retried_parts() {
    for (lost, hash_first, expected) in [
        (false, false, 1_000),
        (true, false, 1_100),
        (false, true, 2_000),
        (true, true, 2_100),
    ] {
        let (content, read) = (content(1_000), Arc::new(AtomicUsize::new(0)));
        let failing = AtomicUsize::new(0);
        let (b2, chaos) = Chaos::new(move |_, call| {
            let third = call == "b2_upload_part" && failing.fetch_add(1, Ordering::Relaxed) == 2;
            (lost && third).then_some(NetworkFault::LostResponse)
        });
        let (bytes, counted) = (content.clone(), Arc::clone(&read));
        let source = Source::ranges(1_000, move |range| {
            counted.fetch_add((range.end - range.start) as usize, Ordering::Relaxed);
            let stretch = bytes.slice(range.start as usize..range.end as usize);
            Ok(stream::iter([Ok(stretch)]))
        });
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let upload = bucket.upload("f", source).hash_first(hash_first);
            let uploaded = upload.await.unwrap();
            assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
        });
        assert_eq!(read.load(Ordering::Relaxed), expected);
    }
}

#[test]
fn a_stream_with_a_modification_time_stores_it() {
    for len in [50, 500] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let modified = Timestamp::from_millis(1_234);
            let source = Source::stream(stream::iter(in_chunks(&content(len))));
            let upload = bucket.upload("f", source.with_modified(modified));
            assert_eq!(upload.await.unwrap().file.last_modified(), Some(modified));
        });
    }
}

#[test]
fn an_invalid_name_or_part_size_fails_before_anything_is_sent() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        chaos.forget();
        let long = "x".repeat(1_025);
        for (upload, rule) in [
            (bucket.upload("", "x"), "is empty"),
            (bucket.upload(long.as_str(), "x"), "1025 bytes"),
            (
                bucket.upload("f", content(1_000)).part_size(9),
                "not between 10 and",
            ),
            (
                bucket
                    .upload("f", Source::stream(stream::empty()))
                    .part_size(9),
                "not between 10 and",
            ),
            (
                bucket
                    .upload("f", Source::stream(stream::empty()))
                    .part_size(5_000_000_001),
                "not between 10 and",
            ),
        ] {
            let error = upload.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(rule), "{error}");
        }
        let resumed = bucket.upload("f", Source::stream(stream::empty())).resume();
        assert_eq!(resumed.await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(chaos.tally().0, 0);
    });
}

/// Sources that differ from their description, each with the text of its error.
fn broken_promises(content: &Bytes) -> Vec<(&'static str, Source)> {
    let len = content.len() as u64;
    let short = content.slice(..content.len() - 1);
    let broken = || {
        let chunks = in_chunks(content).into_iter().take(content.len() / 40);
        stream::iter(chunks.chain([Err(io::Error::other("the tape tore"))]))
    };
    let (long, shorter) = (content.clone(), short.clone());
    let torn = content.clone();
    vec![
        (
            "declared",
            Source::sized_stream(len, stream::iter(in_chunks(&short))),
        ),
        (
            "declared",
            Source::sized_stream(len - 1, stream::iter(in_chunks(content))),
        ),
        ("the tape tore", Source::stream(broken())),
        ("the tape tore", Source::sized_stream(len, broken())),
        (
            "",
            Source::ranges(len, move |range| {
                let end = (range.end as usize).min(shorter.len());
                Ok(stream::iter([Ok(shorter.slice(range.start as usize..end))]))
            }),
        ),
        (
            "",
            Source::ranges(len - 1, move |range| {
                let end = (range.end as usize + 1).min(long.len());
                Ok(stream::iter([Ok(long.slice(range.start as usize..end))]))
            }),
        ),
        (
            "the tape tore",
            Source::ranges(len, move |range| {
                let half = torn.slice(range.start as usize..(range.start + range.end) as usize / 2);
                Ok(stream::iter([
                    Ok(half),
                    Err(io::Error::other("the tape tore")),
                ]))
            }),
        ),
        (
            "gone",
            Source::ranges(len, |_| -> io::Result<stream::Empty<_>> {
                Err(io::Error::other("gone"))
            }),
        ),
    ]
}

#[test]
fn a_source_that_fails_or_has_another_length_fails_the_upload_and_leaves_nothing() {
    for len in [50, 500] {
        for (at, (what, source)) in broken_promises(&content(len)).into_iter().enumerate() {
            let (b2, chaos) = Chaos::calm();
            chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let error = bucket.upload("f", source).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Source, "{len} {at}: {error:?}");
                assert!(format!("{error:#}").contains(what), "{error:#}");
                assert!(versions(&bucket).await.is_empty(), "{len} {at}");
                assert!(b2.unfinished().is_empty());
            });
        }
    }
}

#[test]
fn a_permanently_failing_part_stops_the_others_and_cancels_the_file() {
    let (b2, chaos) = Chaos::new(|_, _| None);
    let fifth = AtomicUsize::new(0);
    let (_, meddling) = Chaos::new(move |_, call| {
        let fifth = call == "b2_upload_part" && fifth.fetch_add(1, Ordering::Relaxed) == 4;
        fifth.then_some(NetworkFault::Status(403, "storage_cap_exceeded"))
    });
    drop((b2, chaos));
    let b2 = meddling.client(1);
    meddling.timer.run(async {
        let bucket = bucket(&b2).await;
        let error = bucket
            .upload("f", content(5_000))
            .concurrency(2)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CapExceeded);
        assert!(matches!(error.part(), Some(4..=6)), "{error:?}");
        assert!(error.to_string().contains("part "), "{error}");
        assert_eq!(versions(&bucket).await.len(), 0);
    });
    assert!(meddling.count("b2_upload_part") <= 6);
    assert_eq!(meddling.count("b2_cancel_large_file"), 1);
    assert!(b2.unfinished().is_empty());
}

#[test]
fn a_file_whose_cancel_fails_stays_in_the_ledger_until_orphans_are_cancelled() {
    for by_another in [false, true] {
        cancel_fails_until_orphans_are_cancelled(by_another);
    }
}

fn cancel_fails_until_orphans_are_cancelled(by_another: bool) {
    let reachable = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let open = Arc::clone(&reachable);
    let (b2, chaos) = Chaos::new(move |_, call| match call {
        "b2_upload_part" => Some(NetworkFault::Status(403, "storage_cap_exceeded")),
        "b2_cancel_large_file" if !open.load(Ordering::Relaxed) => Some(NetworkFault::Refused),
        _ => None,
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let error = bucket.upload("f", content(500)).await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::CapExceeded,
            "the first failure is reported"
        );
        let left = b2.unfinished();
        assert_eq!((left.len(), left[0].state), (1, UnfinishedState::Orphaned));
        assert_eq!(left[0].file_name, "f");
        assert_eq!(
            b2.cancel_orphaned_uploads().await.len(),
            1,
            "it can't be reached yet"
        );
        reachable.store(true, Ordering::Relaxed);
        if by_another {
            let file_id = left[0].file_id.clone().unwrap();
            b2.call(CancelLargeFile::new(file_id)).await.unwrap();
        }
        assert!(b2.cancel_orphaned_uploads().await.is_empty());
        assert!(b2.unfinished().is_empty());
        assert!(unfinished(&bucket).await.is_empty());
    });
}

/// If the response to the start is lost and the key may not list files, a second file is started,
/// and the first stays registered.
#[test]
fn a_lost_start_that_can_not_be_looked_up_stays_in_the_ledger_and_the_upload_succeeds() {
    let may_look = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (may, starts) = (Arc::clone(&may_look), AtomicUsize::new(0));
    let (b2, chaos) = Chaos::new(move |_, call| match call {
        "b2_start_large_file" if starts.fetch_add(1, Ordering::Relaxed) == 0 => {
            Some(NetworkFault::LostResponse)
        }
        "b2_list_unfinished_large_files" if !may.load(Ordering::Relaxed) => {
            Some(NetworkFault::Status(403, "transaction_cap_exceeded"))
        }
        _ => None,
    });
    let content = content(500);
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let mut upload = bucket.upload("f", content.clone()).into_future();
        while chaos.count("b2_upload_part") < 2 {
            let pause = chaos.timer.sleep(Duration::from_millis(1));
            futures::future::select(&mut upload, pause).await;
        }
        let state = |b2: &Client| -> Vec<_> {
            let left = b2.unfinished();
            left.iter()
                .map(|left| (left.state, left.file_id.is_some()))
                .collect()
        };
        assert_eq!(
            state(&b2),
            [
                (UnfinishedState::Orphaned, false),
                (UnfinishedState::UnderWay, true)
            ]
        );
        assert_eq!(
            b2.cancel_orphaned_uploads().await.len(),
            1,
            "nobody may look for it yet"
        );
        may_look.store(true, Ordering::Relaxed);
        // Those of other programs are left alone.
        for name in ["f", "ff"] {
            let start = StartLargeFile::new(bucket.id(), FileName::new(name).unwrap());
            let start = start.upload_id("another program").unwrap();
            b2.call(start).await.unwrap();
        }
        let (cancelled, uploaded) = futures::join!(b2.cancel_orphaned_uploads(), upload);
        assert!(cancelled.is_empty());
        let uploaded = uploaded.unwrap();
        assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
        assert!(b2.unfinished().is_empty());
        assert_eq!(unfinished(&bucket).await.len(), 2);
        assert_eq!(chaos.count("b2_cancel_large_file"), 1);
    });
}

#[test]
fn a_lost_start_without_room_for_an_upload_id_is_reported_as_unknown() {
    let starts = AtomicUsize::new(0);
    let (b2, chaos) = Chaos::new(move |_, call| {
        let first = call == "b2_start_large_file" && starts.fetch_add(1, Ordering::Relaxed) == 0;
        first.then_some(NetworkFault::LostResponse)
    });
    let full = (0..10).fold(FileInfo::new(), |info, n| {
        info.with(&format!("k{n}"), "v").unwrap()
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        bucket
            .upload("f", content(500))
            .file_info(full)
            .await
            .unwrap();
        for _ in 0..2 {
            let cancelled = b2.cancel_orphaned_uploads().await;
            let [(left, error)] = &cancelled[..] else {
                panic!("{cancelled:?}");
            };
            assert_eq!(
                (left.state, &left.file_id),
                (UnfinishedState::Orphaned, &None)
            );
            assert!(error.to_string().contains("has no upload id"), "{error}");
        }
        assert_eq!(chaos.count("b2_cancel_large_file"), 0);
        assert_eq!(
            (unfinished(&bucket).await.len(), b2.unfinished().len()),
            (1, 1)
        );
    });
}

/// For each fault at each request, the upload succeeds, or reports the fault and leaves nothing.
#[test]
fn each_fault_at_each_request_of_an_upload_is_survived_or_reported() {
    let content = content(555);
    for fault in NetworkFault::ALL {
        for failing in 0.. {
            let (b2, chaos) = Chaos::new(move |number, _| (number == failing).then_some(fault));
            let (outcome, requests) = chaos.timer.run(async {
                let calm = client_of(&chaos.emulator, &chaos.timer);
                let there = bucket(&calm).await;
                let bucket =
                    BucketHandle::new(b2.clone(), there.id().clone(), there.name().clone());
                let outcome = bucket.upload("f", content.clone()).concurrency(2).await;
                let requests = chaos.tally().0;
                let case = format!("{fault:?} at request {failing}");
                let files = versions(&there).await;
                match &outcome {
                    Ok(uploaded) => {
                        assert_eq!(files.len(), 1, "{case}");
                        assert_eq!(
                            stored(&calm, &uploaded.file.file_id).await,
                            content,
                            "{case}"
                        );
                        assert!(b2.unfinished().is_empty(), "{case}");
                    }
                    Err(error) => {
                        let is_authorization =
                            chaos.log.lock().unwrap()[failing].0 == "b2_authorize_account";
                        let final_for_all = !fault.passes()
                            || (is_authorization
                                && fault == NetworkFault::Status(401, "expired_auth_token"));
                        assert!(final_for_all, "{case}: {error:?}");
                        assert!(files.is_empty(), "{case}");
                        b2.cancel_orphaned_uploads().await;
                        assert!(b2.unfinished().is_empty(), "{case}: {:?}", b2.unfinished());
                    }
                }
                assert!(unfinished(&there).await.is_empty(), "{case}");
                (outcome, requests)
            });
            if requests <= failing {
                assert!(outcome.is_ok() && requests > 10);
                break;
            }
        }
    }
}

#[test]
fn many_simultaneous_faults_lose_no_byte_and_cost_few_extra_requests() {
    for_seeds(0..200, |seed| {
        let content = content(4_000 + seed as usize);
        let (b2, chaos) = Chaos::seeded(seed, 7);
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            chaos.forget();
            let uploaded = bucket.upload("f", ranges(&content)).await;
            let uploaded = uploaded.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            let (_, faults) = chaos.tally();
            let parts = chaos.count("b2_upload_part");
            assert!(
                parts <= uploaded.parts as usize + faults,
                "seed {seed}: {parts} parts"
            );
            assert!(chaos.count("b2_authorize_account") <= faults, "seed {seed}");
            chaos.forget();
            assert!(b2.unfinished().is_empty(), "seed {seed}");
        });
        // The result is checked without faults.
        let calm = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            let bucket = calm.bucket("holiday-photos").await.unwrap();
            let files = versions(&bucket).await;
            assert_eq!(files.len(), 1, "seed {seed}");
            assert_eq!(
                stored(&calm, &files[0].file_id).await,
                content,
                "seed {seed}"
            );
        });
    });
}

/// Parts have B2's minimum size, and only the emulator holds the file. This takes seconds, so it
/// uses few seeds; the test before has many, with parts of 100 bytes.
#[test]
fn an_upload_of_200_mb_over_a_faulty_network_arrives_complete_and_leaves_nothing() {
    const LEN: u64 = 200_000_000;
    const STEP: u64 = 1_000_000;
    let pattern = content(STEP as usize);
    // Every chunk begins with its number.
    let step = move |number: u64| {
        let mut step = pattern.to_vec();
        step[..8].copy_from_slice(&number.to_le_bytes());
        step
    };
    for_seeds(1..3, |seed| {
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        let (_, chaos) = Chaos::new(move |_, call| {
            let roll = chance.lock().unwrap().u32(..100);
            match (call, roll) {
                ("b2_upload_part", 0..5) => Some(NetworkFault::Status(503, "service_unavailable")),
                ("b2_upload_part", 5..7) => Some(NetworkFault::Cut),
                _ => None,
            }
        });
        let chaos = chaos.with_parts(5_000_000);
        let b2 = chaos.client(seed);
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let steps = step.clone();
            let source = Source::ranges(LEN, move |range| {
                let steps = steps.clone();
                let numbers = range.start / STEP..range.end / STEP;
                Ok(stream::iter(
                    numbers.map(move |number| Ok(steps(number).into())),
                ))
            });
            // Hashing first would use a thread, for which this clock doesn't wait.
            let upload = bucket.upload("f", source).hash_first(false);
            let uploaded = upload.await.unwrap();
            assert_eq!(
                (uploaded.parts, uploaded.file.content_length),
                (40, LEN),
                "seed {seed}"
            );
            let (_, faults) = chaos.tally();
            assert!(faults > 0 && chaos.count("b2_upload_part") <= 40 + faults);
            assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
            let call = DownloadFileById::new(&uploaded.file.file_id);
            let mut body = b2.call(call).await.unwrap().body;
            let (mut arrived, mut number) = (Vec::new(), 0);
            while let Some(chunk) = body.next().await.transpose().unwrap() {
                arrived.extend_from_slice(&chunk);
                while arrived.len() >= STEP as usize {
                    let rest = arrived.split_off(STEP as usize);
                    assert!(arrived == step(number), "seed {seed}: {number}");
                    (arrived, number) = (rest, number + 1);
                }
            }
            assert_eq!((number, arrived.len()), (LEN / STEP, 0));
        });
    });
}

/// Sources that panic, each at a different point.
fn panicking(content: &Bytes) -> Vec<Source> {
    struct Panics(bool);
    impl futures::io::AsyncRead for Panics {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            panic!("a bug of the program's")
        }
    }
    impl futures::io::AsyncSeek for Panics {
        fn poll_seek(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
            _: io::SeekFrom,
        ) -> Poll<io::Result<u64>> {
            assert!(self.0, "a bug of the program's");
            Poll::Ready(Ok(500))
        }
    }
    let broken = |chunks: Vec<io::Result<Bytes>>| {
        let panics = stream::poll_fn(|_| panic!("a bug of the program's"));
        stream::iter(chunks).chain(panics)
    };
    let len = content.len() as u64;
    let (late, half) = (
        content.clone(),
        in_chunks(&content.slice(..content.len() / 2)),
    );
    let again = half.iter().map(|chunk| chunk.as_ref().unwrap().clone());
    let again: Vec<_> = again.collect();
    vec![
        Source::ranges(len, |_| -> io::Result<stream::Empty<_>> {
            panic!("a bug of the program's")
        }),
        Source::ranges(len, move |range| {
            assert!(range.start < 500, "a bug of the program's");
            let chunks = again.iter().cloned().map(Ok).collect();
            Ok(broken(chunks).skip(range.start as usize))
        }),
        Source::ranges(len, move |range| {
            let stretch = late.slice(range.start as usize..range.end as usize);
            Ok(broken(vec![Ok(stretch)]))
        }),
        Source::stream(broken(half)),
        Source::reader(Panics(true)),
        Source::sized_reader(len, Panics(true)),
        Source::seekable(Panics(true)),
        Source::seekable(Panics(false)),
    ]
}

#[test]
fn a_panicking_source_fails_its_upload_with_a_source_error_and_leaves_nothing() {
    for len in [50, 1_000] {
        for hash_first in [true, false] {
            for (at, source) in panicking(&content(len)).into_iter().enumerate() {
                let (b2, chaos) = Chaos::calm();
                chaos.timer.run(async {
                    let bucket = bucket(&b2).await;
                    let upload = bucket.upload("f", source).hash_first(hash_first);
                    let error = upload.await.unwrap_err();
                    let case = format!("{len} {hash_first} {at}");
                    assert_eq!(error.kind(), ErrorKind::Source, "{case}: {error:?}");
                    let message = format!("{error:#}");
                    assert!(
                        message.contains("panicked: a bug of the program's"),
                        "{message}"
                    );
                    assert!(b2.unfinished().is_empty(), "{case}");
                    assert!(versions(&bucket).await.is_empty(), "{case}");
                    assert!(unfinished(&bucket).await.is_empty(), "{case}");
                    bucket.upload("f", "x").await.unwrap();
                });
            }
        }
    }
}

/// A body that a program passes to a call runs the program's code too.
#[test]
fn a_panicking_body_fails_its_call_with_a_source_error() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let body = || {
            b2kit::Body::replay(5, || {
                Ok(stream::poll_fn(|_| -> Poll<Option<io::Result<Bytes>>> {
                    panic!("a bug of the program's")
                }))
            })
        };
        let upload = || {
            let name = FileName::new("f").unwrap();
            b2kit::api::UploadFile::new(bucket.id(), name, body())
        };
        for upload in [
            upload(),
            upload().content_sha1(Sha1::of(b"hello")),
            upload().do_not_verify(),
        ] {
            let error = b2.call(upload).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source, "{error:?}");
        }
    });
}

/// Polls the upload this many times, then drops it. `Some` if it completed before.
pub(crate) async fn polled<T>(
    future: impl std::future::IntoFuture<Output = T>,
    polls: usize,
) -> Option<T> {
    let mut future = Box::pin(future.into_future());
    let mut left = polls;
    std::future::poll_fn(move |cx: &mut Context<'_>| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

#[test]
fn an_upload_dropped_at_any_poll_leaves_only_what_orphan_cleanup_cancels() {
    for len in [50, 500] {
        let content = content(len);
        for polls in 0.. {
            let (b2, chaos) = Chaos::calm();
            let finished = chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let outcome = polled(bucket.upload("f", content.clone()), polls).await;
                let finished = outcome.is_some();
                let sent = chaos.tally().0;
                chaos.timer.sleep(Duration::from_secs(3_600)).await;
                assert_eq!(chaos.tally().0, sent, "nothing leaves after the drop");
                assert!(
                    b2.cancel_orphaned_uploads().await.is_empty(),
                    "after {polls}"
                );
                for version in versions(&bucket).await {
                    assert_eq!(
                        stored(&b2, &version.file_id).await,
                        content,
                        "after {polls}"
                    );
                }
                let left: Vec<_> = b2.unfinished();
                // A file that may have been finished is not cancelled but looked up.
                assert!(
                    left.iter().all(|left| left.state == UnfinishedState::Kept),
                    "after {polls}: {left:?}"
                );
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

#[test]
fn an_upload_dropped_while_finishing_is_never_cancelled() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let mut upload = Box::pin(bucket.upload("f", content(500)).into_future());
        while chaos.count("b2_finish_large_file") == 0 {
            let step = std::future::poll_fn(|cx| {
                assert!(upload.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            step.await;
            chaos.timer.sleep(Duration::from_millis(1)).await;
        }
        drop(upload);
        let left = b2.unfinished();
        assert_eq!((left.len(), left[0].state), (1, UnfinishedState::Unknown));
        assert!(b2.cancel_orphaned_uploads().await.is_empty());
        assert_eq!(b2.unfinished()[0].state, UnfinishedState::Kept);
        assert_eq!(chaos.count("b2_cancel_large_file"), 0);
        // The upload can be resumed with its token alone.
        let token = b2.unfinished()[0].resume_token().unwrap();
        let uploaded = bucket
            .upload("f", content(500))
            .resume_from(token)
            .await
            .unwrap();
        assert_eq!((uploaded.parts, uploaded.reused_parts), (5, 5));
    });
}

// Resumed uploads.

/// An upload that B2 stops after this many parts, and that is kept. Returns the token to resume it.
async fn stopped(bucket: &BucketHandle, content: &Bytes, parts: usize) -> ResumeToken {
    let b2 = bucket.client();
    let sha1 = Sha1::of(content).to_string();
    let start = StartLargeFile::new(bucket.id(), FileName::new("f").unwrap())
        .file_info(FileInfo::new().with("large_file_sha1", sha1).unwrap())
        .upload_id("an earlier run")
        .unwrap();
    let file = b2.call(start).await.unwrap();
    for number in 1..=parts {
        let stretch = content.slice((number - 1) * 100..(number * 100).min(content.len()));
        let number = PartNumber::new(number as u64).unwrap();
        b2.call(UploadPart::new(&file.file_id, number, stretch))
            .await
            .unwrap();
    }
    ResumeToken::new(file.file_id)
}

#[test]
fn a_resumed_upload_sends_only_missing_parts() {
    let content = content(1_000);
    for there in 0..=10 {
        for by_token in [false, true] {
            let (b2, chaos) = Chaos::calm();
            let uploaded: Uploaded = chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let token = stopped(&bucket, &content, there).await;
                chaos.forget();
                // Another process has only the token's text.
                let other = chaos.client(99);
                let bucket = BucketHandle::new(other, bucket.id().clone(), bucket.name().clone());
                let upload = bucket.upload("f", content.clone());
                let uploaded = match by_token {
                    true => upload.resume_from(token.to_string().parse().unwrap()).await,
                    false => upload.resume().await,
                };
                let uploaded = uploaded.unwrap();
                assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
                assert!(unfinished(&bucket).await.is_empty());
                assert!(bucket.client().unfinished().is_empty());
                uploaded
            });
            assert_eq!(
                (uploaded.parts, uploaded.reused_parts as usize),
                (10, there)
            );
            assert_eq!(chaos.count("b2_upload_part"), 10 - there);
            assert_eq!(chaos.count("b2_start_large_file"), 0);
        }
    }
}

#[test]
fn a_resumed_upload_reuses_parts_of_another_part_size() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        stopped(&bucket, &content, 7).await;
        let upload = bucket.upload("f", content.clone()).part_size(250).resume();
        let uploaded = upload.await.unwrap();
        assert_eq!((uploaded.parts, uploaded.reused_parts), (10, 7));
        assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
    });
}

#[test]
fn a_resumed_upload_resends_a_part_with_other_bytes() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let token = stopped(&bucket, &content, 5).await;
        let other = UploadPart::new(
            unfinished(&bucket).await[0].file_id.clone(),
            PartNumber::new(2).unwrap(),
            vec![0; 100],
        );
        b2.call(other).await.unwrap();
        let plan = bucket
            .upload("f", content.clone())
            .resume_from(token.clone())
            .plan();
        let plan = plan.await.unwrap();
        assert_eq!(
            plan.parts[1].differs,
            Some("the part at B2 has different content")
        );
        assert_eq!((plan.reused_bytes(), plan.missing_bytes()), (400, 600));
        let uploaded = bucket
            .upload("f", content.clone())
            .resume_from(token)
            .await
            .unwrap();
        assert_eq!(uploaded.reused_parts, 4);
        assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
    });
}

#[test]
fn unfinished_uploads_that_are_foreign_or_differ_are_left_alone_and_the_plan_says_why() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let name = || FileName::new("f").unwrap();
        let foreign = b2
            .call(StartLargeFile::new(bucket.id(), name()))
            .await
            .unwrap();
        let noted = StartLargeFile::new(bucket.id(), name())
            .file_info(FileInfo::new().with("k", "v").unwrap())
            .upload_id("x")
            .unwrap();
        let noted = b2.call(noted).await.unwrap();
        let locked = StartLargeFile::new(bucket.id(), name())
            .server_side_encryption(EncryptionSetting::SseC(CustomerKey::new([7; 32])))
            .upload_id("y")
            .unwrap();
        let locked = b2.call(locked).await.unwrap();
        let longer = StartLargeFile::new(bucket.id(), FileName::new("ff").unwrap());
        b2.call(longer.upload_id("z").unwrap()).await.unwrap();
        let plan = bucket
            .upload("f", content.clone())
            .hash_first(false)
            .resume()
            .plan()
            .await
            .unwrap();
        let why: Vec<_> = plan.rejected.iter().map(|(id, why)| (id, &**why)).collect();
        let expected = [
            (&foreign.file_id, "it was not started by this crate"),
            (&noted.file_id, "its file info differs"),
            (&locked.file_id, "its encryption differs"),
        ];
        assert_eq!(why, expected);
        let token = ResumeToken::new(&noted.file_id);
        let error = bucket
            .upload("f", content.clone())
            .resume_from(token)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("its file info differs"),
            "{error}"
        );
        let upload = bucket.upload("f", content.clone()).hash_first(false);
        let uploaded = upload.resume().await.unwrap();
        assert_eq!(uploaded.reused_parts, 0);
        assert_eq!(unfinished(&bucket).await.len(), 4);
    });
}

#[test]
fn an_unfinished_upload_with_a_part_as_long_as_the_file_is_not_resumed() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let left = StartLargeFile::new(bucket.id(), FileName::new("f").unwrap());
        let left = b2.call(left.upload_id("x").unwrap()).await.unwrap();
        let part = UploadPart::new(&left.file_id, PartNumber::FIRST, content(300));
        b2.call(part).await.unwrap();
        let upload = bucket.upload("f", content(250)).hash_first(false).resume();
        assert_eq!(upload.await.unwrap().reused_parts, 0);
        let rows = unfinished(&bucket).await;
        assert_eq!(rows.len(), 1, "it is left alone");
    });
}

#[test]
fn an_invalid_resume_token_is_refused() {
    let token = ResumeToken::new("4_z");
    assert_eq!(token.to_string(), r#"{"b2kit-resume":1,"fileId":"4_z"}"#);
    assert_eq!(token.to_string().parse::<ResumeToken>().unwrap(), token);
    let long = format!(r#"{{"b2kit-resume":1,"fileId":"{}"}}"#, "x".repeat(5_000));
    for bad in [
        "",
        "4_z",
        "{}",
        r#"{"b2kit-resume":2,"fileId":"4_z"}"#,
        &long,
    ] {
        let error = bad.parse::<ResumeToken>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
    }
}

#[test]
fn resuming_from_an_id_that_b2_never_gave_out_is_a_not_found_error() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let upload = bucket.upload("f", content(500));
        let error = upload
            .resume_from(ResumeToken::new("no id"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        assert!(
            error
                .to_string()
                .contains("the upload no id can't be resumed"),
            "{error}"
        );
        // A proxy's answer says nothing about the upload.
        let refused = Fault::new(FaultKind::html(StatusCode::BAD_REQUEST));
        let refused = refused.on("b2_list_unfinished_large_files");
        chaos.emulator.faults().add(refused);
        let upload = bucket.upload("f", content(500));
        let error = upload.resume_from(ResumeToken::new("no id")).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Protocol);
    });
}

#[test]
fn a_failed_resumable_upload_is_kept() {
    let content = content(1_000);
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (b2, chaos) = Chaos::new(move |_, call| {
        let seventh = call == "b2_upload_part" && counter.fetch_add(1, Ordering::Relaxed) == 6;
        seventh.then_some(NetworkFault::Status(403, "storage_cap_exceeded"))
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let upload = bucket
            .upload("f", content.clone())
            .on_failure(OnFailure::Keep);
        let error = upload.concurrency(1).await.unwrap_err();
        assert_eq!(error.part(), Some(7));
        let left = b2.unfinished();
        assert_eq!((left.len(), left[0].state), (1, UnfinishedState::Kept));
        assert!(b2.cancel_orphaned_uploads().await.is_empty());
        assert_eq!(
            unfinished(&bucket).await.len(),
            1,
            "what is kept is not cancelled"
        );
        let parts = ListParts::new(&unfinished(&bucket).await[0].file_id);
        assert_eq!(b2.call(parts).await.unwrap().parts.len(), 6);
        let uploaded = bucket.upload("f", content.clone()).resume().await.unwrap();
        assert_eq!((uploaded.parts, uploaded.reused_parts), (10, 6));
        assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
    });
}

/// Neither a SHA-1 nor an upload id fits beside its name.
#[test]
fn a_failed_upload_that_could_not_be_resumed_is_cancelled_even_if_it_is_to_be_kept() {
    let (b2, chaos) = Chaos::new(|_, call| {
        (call == "b2_upload_part").then_some(NetworkFault::Status(403, "cap_exceeded"))
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let upload = bucket.upload("€".repeat(300), content(1_000));
        upload.on_failure(OnFailure::Keep).await.unwrap_err();
        assert!(b2.unfinished().is_empty() && unfinished(&bucket).await.is_empty());
    });
}

#[test]
fn a_dropped_upload_that_is_to_be_kept_survives_orphan_cleanup() {
    let content = content(1_000);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        for (round, kept) in [(0, 1), (1, 2)] {
            let upload = bucket.upload("f", content.clone()).concurrency(1);
            // The first round starts the upload and the second resumes it.
            let upload = match round {
                0 => upload.on_failure(OnFailure::Keep),
                _ => upload.resume(),
            };
            let mut upload = Box::pin(upload.into_future());
            // The last part of each round is in flight when the upload is dropped.
            while chaos.count("b2_upload_part") < 2 * kept {
                let pause = chaos.timer.sleep(Duration::from_millis(1));
                futures::future::select(&mut upload, pause).await;
            }
            drop(upload);
            assert!(b2.cancel_orphaned_uploads().await.is_empty());
            let left = unfinished(&bucket).await;
            assert_eq!(left.len(), 1, "what should be kept is there");
            let parts = b2.call(ListParts::new(&left[0].file_id)).await.unwrap();
            assert_eq!(parts.parts.len(), kept);
            assert!(
                b2.unfinished()
                    .iter()
                    .all(|line| line.state == UnfinishedState::Kept)
            );
        }
    });
}

#[test]
fn two_concurrent_uploads_of_one_name_both_succeed() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let (one, two) = (content(1_000), content(1_001));
        let uploads = futures::join!(
            bucket.upload("f", one.clone()).into_future(),
            bucket.upload("f", two.clone()).into_future()
        );
        for (uploaded, content) in [(uploads.0, one), (uploads.1, two)] {
            assert_eq!(stored(&b2, &uploaded.unwrap().file.file_id).await, content);
        }
        assert_eq!(chaos.count("b2_cancel_large_file"), 0);
        assert_eq!(versions(&bucket).await.len(), 2);
    });
}

#[test]
fn a_part_that_was_replaced_at_b2_is_sent_again_before_finishing() {
    let content = content(500);
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let progress = Progress::new();
        let upload = bucket.upload("f", content.clone()).progress(&progress);
        let mut upload = Box::pin(upload.into_future());
        // At the last possible moment, part 3 is replaced by the bytes of another attempt.
        while progress.now().parts < 5 {
            let step = std::future::poll_fn(|cx| {
                assert!(upload.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            step.await;
            if progress.now().parts < 4 {
                chaos.timer.sleep(Duration::from_millis(1)).await;
            } else {
                break;
            }
        }
        let file_id = unfinished(&bucket).await[0].file_id.clone();
        let late = UploadPart::new(file_id, PartNumber::new(3).unwrap(), vec![0; 100]);
        b2.call(late).await.unwrap();
        let uploaded = upload.await.unwrap();
        assert_eq!(stored(&b2, &uploaded.file.file_id).await, content);
        assert_eq!(chaos.count("b2_finish_large_file"), 2);
        assert_eq!((progress.now().bytes, progress.now().parts), (500, 5));
    });
}

#[test]
fn progress_ends_at_the_file_size_after_any_retries() {
    for_seeds(0..200, |seed| {
        let (b2, chaos) = Chaos::seeded(seed, 20);
        let (progress, len) = (Progress::new(), if seed % 2 == 0 { 90 } else { 900 });
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let upload = bucket.upload("f", content(len)).progress(&progress);
            if upload.await.is_ok() {
                let now = progress.now();
                let total = Some(len as u64);
                assert_eq!(
                    (now.bytes, now.total_bytes),
                    (len as u64, total),
                    "seed {seed}"
                );
                assert_eq!(now.stage, Stage::Done);
                let parts = if len > 100 { 9 } else { 0 };
                assert_eq!((now.parts, now.total_parts), (parts, parts), "seed {seed}");
            }
        });
    });
}

#[test]
fn progress_changes_are_streamed_until_the_transfer_succeeds_or_fails() {
    for_seeds(0..200, |seed| {
        let (b2, chaos) = Chaos::seeded(seed, 20);
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let progress = Progress::new();
            let (changes, others) = (progress.changes(), progress.changes());
            let source = match seed % 4 {
                0 => Source::sized_stream(900, stream::iter([Ok(content(450))])), // it fails
                _ => content(900).into(),
            };
            let upload = bucket.upload("f", source).progress(&progress);
            drop(progress);
            let (uploaded, seen, others) = futures::join!(
                upload.into_future(),
                changes.collect::<Vec<_>>(),
                others.count()
            );
            assert!(others > 0);
            assert_eq!(seen[0].bytes, 0);
            assert!(matches!(seen[0].stage, Stage::Planning | Stage::Hashing));
            assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
            let last = seen.last().unwrap();
            assert!(uploaded.is_err() || seed % 4 > 0);
            assert_eq!(uploaded.is_ok(), last.stage == Stage::Done, "{last:?}");
            if uploaded.is_ok() {
                assert_eq!((last.bytes, last.parts), (900, 9));
            }
        });
    });
}

#[test]
fn a_client_that_shuts_down_waits_up_to_its_limit_and_returns_unfinished_uploads() {
    let down = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let dead = Arc::clone(&down);
    let (b2, chaos) = Chaos::new(move |_, _| {
        dead.load(Ordering::Relaxed)
            .then_some(NetworkFault::Refused)
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let uploads = (0..50).map(|n| {
            let name = format!("f{n}");
            let bucket = bucket.clone();
            async move { bucket.upload(name, content(1_000)).await }
        });
        let mut uploads = Box::pin(futures::future::join_all(uploads));
        std::future::poll_fn(|cx| {
            assert!(uploads.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        while chaos.count("b2_upload_part") < 100 {
            let pause = chaos.timer.sleep(Duration::from_millis(5));
            futures::future::select(&mut uploads, pause).await;
        }
        down.store(true, Ordering::Relaxed);
        let began = chaos.timer.now();
        let shutdown = Box::pin(b2.shutdown(Duration::from_secs(5)));
        let left = match futures::future::select(shutdown, uploads).await {
            futures::future::Either::Left((left, _)) => left,
            futures::future::Either::Right((_, shutdown)) => shutdown.await,
        };
        assert!(chaos.timer.now() - began <= Duration::from_secs(5));
        assert_eq!(left.len(), 50);
        let error = bucket.upload("one more", "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShutDown);
    });
}

#[test]
fn a_shutdown_lets_a_transfer_in_progress_send_its_remaining_parts() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let mut upload = bucket
            .upload("f", content(1_000))
            .concurrency(1)
            .into_future();
        while chaos.count("b2_upload_part") < 3 {
            let pause = chaos.timer.sleep(Duration::from_millis(1));
            futures::future::select(&mut upload, pause).await;
        }
        let (uploaded, left) = futures::join!(upload, b2.shutdown(Duration::from_secs(3_600)));
        uploaded.unwrap();
        assert!(left.is_empty());
        assert_eq!(chaos.count("b2_cancel_large_file"), 0);
    });
}

#[test]
fn a_shutdown_waits_for_transfers_of_any_kind_and_refuses_others() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let file = bucket.upload("f", content(50)).await.unwrap().file;
        let sources = [
            ComposeSource::copy(&file.file_id, 0..5),
            ComposeSource::local("xyz"),
        ];
        let upload = bucket.upload("small", "x").into_future();
        let copy = bucket.copy(&file.file_id, "copied").into_future();
        // It downloads the five bytes, since they are too few to be copied as a part.
        let composition = bucket.compose("composed", sources).into_future();
        let mut transfers: Vec<BoxFuture<'_, ()>> = vec![
            Box::pin(upload.map(|done| drop(done.unwrap()))),
            Box::pin(copy.map(|done| drop(done.unwrap()))),
            Box::pin(composition.map(|done| drop(done.unwrap()))),
        ];
        for transfer in &mut transfers {
            assert!(futures::poll!(transfer).is_pending());
        }
        let download = bucket.download("f").stream().await.unwrap();
        transfers.push(Box::pin(
            download.collect(50).map(|done| drop(done.unwrap())),
        ));
        let mut shutdown = Box::pin(b2.shutdown(Duration::from_secs(3_600)));
        for transfer in transfers {
            let first = futures::future::select(&mut shutdown, transfer).await;
            assert!(matches!(first, futures::future::Either::Right(_)));
        }
        assert!(shutdown.await.is_empty());
        let directory = tempfile::tempdir().unwrap();
        let refused = [
            bucket.upload("g", "x").await.map(drop),
            bucket.download("f").stream().await.map(drop),
            bucket.download("f").bytes(50).await.map(drop),
            bucket
                .download("f")
                .to_path(directory.path().join("f"))
                .await
                .map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ShutDown);
        }
    });
}

#[test]
fn an_upload_over_a_dead_network_fails_with_the_last_failure_and_stays_in_the_ledger() {
    let (b2, chaos) = Chaos::new(|_, call| {
        matches!(call, "b2_upload_part" | "b2_cancel_large_file")
            .then_some(NetworkFault::Status(503, "service_unavailable"))
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let hurried = b2.with_retry_policy(RetryPolicy::disabled());
        let bucket = BucketHandle::new(hurried, bucket.id().clone(), bucket.name().clone());
        let error: Error = bucket.upload("f", content(500)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(
            b2.unfinished().len(),
            1,
            "clones share the record of unfinished uploads"
        );
    });
}

/// B2 may have the part, but there is no file.
#[test]
fn an_upload_or_copy_that_fails_in_a_part_took_no_effect_and_is_retryable() {
    let (b2, chaos) = Chaos::new(|_, call| {
        matches!(call, "b2_upload_part" | "b2_copy_part").then_some(NetworkFault::LostResponse)
    });
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let whole = bucket.upload("source", content(90)).await.unwrap().file;
        let hurried = b2.with_retry_policy(RetryPolicy::disabled());
        let bucket = BucketHandle::new(hurried, bucket.id().clone(), bucket.name().clone());
        for on_failure in [OnFailure::Cancel, OnFailure::Keep] {
            let upload = bucket.upload("f", content(500)).on_failure(on_failure);
            let copy = bucket.copy(&whole, "f").part_size(50);
            for error in [upload.await.unwrap_err(), copy.await.unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::Http, "{error:?}");
                assert!(error.part().is_some(), "{error:?}");
                assert!(!error.may_have_taken_effect(), "{error:?}");
                assert!(error.is_retryable(), "{error:?}");
            }
        }
        assert_eq!(versions(&bucket).await.len(), 1);
    });
}

// Local files: they are read on threads, so these tests run in real time.

fn on_disk(content: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), content).unwrap();
    dir
}

fn disk_client() -> (Client, b2kit::backend::emulator::Emulator) {
    let emulator = b2kit::backend::emulator::Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(1_000_000)
        .build();
    let b2 = Client::builder()
        .credentials(b2kit::Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .build()
        .unwrap();
    (b2, emulator)
}

#[test]
fn a_local_file_is_uploaded_with_its_modification_time() {
    for len in [0, 1, 300_000, 5_000_001] {
        let content = content(len);
        let dir = on_disk(&content);
        let (b2, _) = disk_client();
        futures::executor::block_on(async {
            let bucket = bucket(&b2).await;
            let source = Source::path(dir.path().join("f"));
            let file = bucket.upload("f", source).await.unwrap().file;
            let download = b2.call(DownloadFileById::new(&file.file_id)).await.unwrap();
            assert_eq!(download.body.collect(1 << 23).await.unwrap(), content);
            let modified = std::fs::metadata(dir.path().join("f"))
                .unwrap()
                .modified()
                .unwrap();
            let since = modified
                .duration_since(std::time::SystemTime::UNIX_EPOCH)
                .unwrap();
            let millis = file.last_modified().unwrap().as_millis();
            assert_eq!(millis as u128, since.as_millis());
        });
    }
}

#[test]
fn a_modification_time_before_1970_is_stored() {
    let dir = on_disk(b"x");
    let before = std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_millis(86_400_123);
    let file = std::fs::File::options()
        .write(true)
        .open(dir.path().join("f"));
    file.unwrap().set_modified(before).unwrap();
    let (b2, _) = disk_client();
    futures::executor::block_on(async {
        let bucket = bucket(&b2).await;
        let source = Source::path(dir.path().join("f"));
        let file = bucket.upload("f", source).await.unwrap().file;
        assert_eq!(file.last_modified().unwrap().as_millis(), -86_400_123);
        let back = bucket.download("f").modified_time();
        back.to_path(dir.path().join("g")).await.unwrap();
        let found = std::fs::metadata(dir.path().join("g")).unwrap();
        assert_eq!(found.modified().unwrap(), before);
    });
}

#[test]
fn a_missing_or_irregular_local_file_fails_with_an_error_that_names_it() {
    let dir = on_disk(b"x");
    let (b2, emulator) = disk_client();
    futures::executor::block_on(async {
        let bucket = bucket(&b2).await;
        for path in [dir.path().join("absent"), dir.path().to_owned()] {
            let error = bucket.upload("f", Source::path(&path)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source);
            assert!(error.to_string().contains(&format!("{path:?}")), "{error}");
        }
    });
    assert_eq!(emulator.snapshot().calls_of("b2_get_upload_url"), 0);
}

#[cfg(unix)]
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the writer is a thread that blocks"
)]
fn a_pipe_is_refused_before_its_writer_notices() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let (b2, _emulator) = disk_client();
    let path = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(path, b"meow"));
    // The writer waits in `open` by then; if it doesn't, the test shows less, and passes.
    std::thread::sleep(Duration::from_millis(100));
    futures::executor::block_on(async {
        let bucket = bucket(&b2).await;
        let error = bucket.upload("f", Source::path(&pipe)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
    });
    assert_eq!(std::fs::read(&pipe).unwrap(), b"meow");
    writer.join().unwrap().unwrap();
}

#[test]
fn small_files_beyond_the_memory_budget_are_read_while_they_are_sent() {
    let dir = on_disk(&content(200_000));
    let (_, emulator) = disk_client();
    let credentials = b2kit::Credentials::new(emulator.key_id(), emulator.key()).unwrap();
    let b2 = Client::builder()
        .credentials(credentials)
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .memory_budget(1)
        .build()
        .unwrap();
    futures::executor::block_on(async {
        let bucket = bucket(&b2).await;
        let names: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        let upload = |name: &String| {
            let source = Source::path(dir.path().join("f"));
            bucket.upload(name.as_str(), source).into_future()
        };
        for uploaded in futures::future::join_all(names.iter().map(upload)).await {
            let (file, sha1) = (uploaded.unwrap().file, Sha1::of(&content(200_000)));
            assert_eq!(file.content_sha1.sha1(), Some(&sha1));
        }
    });
}

/// The file is changed while the emulator responds.
#[test]
fn a_local_file_that_changes_while_it_is_read_fails_the_upload_and_leaves_nothing() {
    use b2kit::HttpClient as _;
    use std::io::Write as _;
    for len in [700_000, 3_000_000] {
        let dir = on_disk(&content(len));
        let (path, emulator) = (dir.path().join("f"), disk_client().1);
        let (wire, file) = (emulator.clone(), path.clone());
        let backend = move |request: b2kit::Request| {
            let (wire, file) = (wire.clone(), file.clone());
            async move {
                if crate::call_of(&request).starts_with("b2_upload_") {
                    let mut file = std::fs::OpenOptions::new()
                        .append(true)
                        .open(&file)
                        .unwrap();
                    file.write_all(b"more").unwrap();
                }
                wire.send(request).await
            }
        };
        let b2 = Client::builder()
            .credentials(b2kit::Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(backend)
            .build()
            .unwrap();
        futures::executor::block_on(async {
            let bucket = bucket(&b2).await;
            let error = bucket.upload("f", Source::path(&path)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source, "{error:?}");
            assert!(
                format!("{error:#}").contains("changed while it was read"),
                "{error:#}"
            );
            assert!(versions(&bucket).await.is_empty());
        });
    }
}
