//! Compositions of byte ranges in B2 and local data.

use std::future::{Future as _, IntoFuture as _};
use std::io;
use std::task::Poll;

use b2kit::api::{DeleteFileVersion, DownloadFileById, GetFileInfo, UploadPart};
use b2kit::backend::emulator::{Fault, FaultKind as Emulated};
use b2kit::transfer::{ComposeSource, OnFailure, Progress, Source, Stage};
use b2kit::types::{
    ContentType, CustomerKey, EncryptionMode, EncryptionSetting, FileInfo, FileVersion, PartNumber,
    Sha1,
};
use b2kit::{BucketHandle, Bytes, Client, ErrorKind, UnfinishedState};
use futures::stream;

use crate::chaos::{Chaos, NetworkFault};
use crate::client_of;
use crate::seeds::for_seeds;
use crate::uploading::{bucket, content, in_chunks, polled, ranges, stored, unfinished, versions};

/// A file of this many bytes, and the bytes.
async fn file(bucket: &BucketHandle, len: usize) -> (FileVersion, Bytes) {
    let content = content(len);
    let name = format!("file of {len}");
    let uploaded = bucket.upload(name, content.clone()).await.unwrap();
    (uploaded.file, content)
}

#[test]
fn appending_sends_only_the_appended_bytes_and_copies_the_rest() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let (log, before) = file(&bucket, 950).await;
        chaos.forget();
        let sources = [ComposeSource::file(&log), ComposeSource::local("more")];
        let composed = bucket.compose("log", sources).await.unwrap();
        assert_eq!(composed.plan.copied_bytes(), 950);
        assert_eq!(composed.plan.uploaded_bytes(), 4);
        assert_eq!(composed.plan.downloaded_bytes(), 0);
        let calls = [
            "b2_start_large_file",
            "b2_copy_part",
            "b2_get_upload_part_url",
            "b2_upload_part",
            "b2_finish_large_file",
        ];
        assert!(calls.iter().all(|call| chaos.count(call) == 1));
        assert_eq!(chaos.tally().0, calls.len());
        let all = [&before[..], b"more"].concat();
        assert_eq!(stored(&b2, &composed.file.file_id).await, all);
    });
}

#[test]
fn a_patch_in_the_middle_downloads_only_what_its_part_lacks() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let (old, before) = file(&bucket, 950).await;
        chaos.forget();
        let sources = [
            ComposeSource::copy(&old.file_id, 0..400),
            ComposeSource::local("new"),
            ComposeSource::copy(&old.file_id, 403..950),
        ];
        let composed = bucket.compose("new", sources).await.unwrap();
        // The minimum part size is 10 bytes here.
        assert_eq!(composed.plan.uploaded_bytes(), 10);
        assert_eq!(composed.plan.downloaded_bytes(), 7);
        assert_eq!(chaos.count("b2_download_file_by_id"), 1);
        assert_eq!(chaos.count("b2_copy_part"), 2);
        let all = [&before[..400], b"new", &before[403..]].concat();
        assert_eq!(stored(&b2, &composed.file.file_id).await, all);
    });
}

#[test]
fn a_composition_of_one_part_takes_one_call() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let (old, before) = file(&bucket, 950).await;
        bucket.upload("for its URL", "").await.unwrap();
        let copy = |range| ComposeSource::copy(&old.file_id, range);
        for (sources, expected, calls) in [
            (vec![], vec![], &["b2_upload_file"][..]),
            (
                vec![copy(5..5), ComposeSource::local("")],
                vec![],
                &["b2_upload_file"],
            ),
            (vec![copy(5..8)], before[5..8].to_vec(), &["b2_copy_file"]),
            (
                vec![copy(5..8), copy(8..700)],
                before[5..700].to_vec(),
                &["b2_copy_file"],
            ),
            (
                vec![
                    ComposeSource::local("ab"),
                    ComposeSource::local(Source::bytes("cd")),
                ],
                b"abcd".to_vec(),
                &["b2_upload_file"],
            ),
            (
                vec![copy(5..8), ComposeSource::local("abcd")],
                [&before[5..8], b"abcd"].concat(),
                &["b2_download_file_by_id", "b2_upload_file"],
            ),
        ] {
            chaos.forget();
            let composed = bucket.compose("f", sources).await.unwrap();
            assert!(calls.iter().all(|call| chaos.count(call) == 1), "{calls:?}");
            assert_eq!(chaos.tally().0, calls.len(), "{calls:?}");
            assert!(composed.plan.parts.len() <= 1);
            assert_eq!(stored(&b2, &composed.file.file_id).await, expected);
        }
        assert!(unfinished(&bucket).await.is_empty());
    });
}

/// A source of these bytes, of one of the kinds.
fn local(kind: usize, bytes: Bytes) -> ComposeSource {
    let len = bytes.len() as u64;
    let reader = futures::io::Cursor::new(bytes.clone());
    ComposeSource::local(match kind {
        0 => Source::bytes(bytes),
        1 => ranges(&bytes),
        2 => Source::seekable(reader),
        3 => Source::sized_reader(len, reader),
        _ => Source::sized_stream(len, stream::iter(in_chunks(&bytes))),
    })
}

/// Random sources, and the bytes that they compose to.
fn any_sources(
    chance: &mut fastrand::Rng,
    files: &[(FileVersion, Bytes)],
) -> (Vec<ComposeSource>, Vec<u8>) {
    let (mut sources, mut model) = (Vec::new(), Vec::new());
    for _ in 0..chance.usize(0..12) {
        let len = match chance.u8(0..4) {
            0 => chance.usize(0..4),
            1 => chance.usize(4..25),
            _ => chance.usize(0..250),
        };
        if chance.u8(0..3) == 0 {
            let bytes: Bytes = (0..len).map(|_| chance.u8(..)).collect();
            model.extend_from_slice(&bytes);
            sources.push(local(chance.usize(0..5), bytes));
        } else {
            let (version, content) = &files[chance.usize(0..files.len())];
            let start = chance.usize(0..=content.len());
            let end = (start + len).min(content.len());
            model.extend_from_slice(&content[start..end]);
            sources.push(ComposeSource::copy(
                &version.file_id,
                start as u64..end as u64,
            ));
        }
    }
    (sources, model)
}

/// Two files to take ranges of: one uploaded in one call, one in parts.
async fn two_files(bucket: &BucketHandle) -> Vec<(FileVersion, Bytes)> {
    vec![file(bucket, 90).await, file(bucket, 777).await]
}

#[test]
fn random_sources_compose_to_their_concatenation() {
    for_seeds(0..500, |seed| {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let files = two_files(&bucket).await;
            let (sources, model) = any_sources(&mut chance, &files);
            let progress = Progress::new();
            let compose = bucket
                .compose("f", sources)
                .part_size(chance.u64(10..120))
                .concurrency(chance.usize(1..6))
                .progress(&progress);
            chaos.forget();
            let composed = compose.await;
            let composed = composed.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            let (plan, calls) = (&composed.plan, chaos.tally().0);
            assert!(
                stored(&b2, &composed.file.file_id).await == model,
                "seed {seed}: {plan:?}"
            );
            let len = model.len() as u64;
            assert_eq!(plan.copied_bytes() + plan.uploaded_bytes(), len);
            let now = progress.now();
            assert_eq!(
                (now.stage, now.bytes, now.total_bytes),
                (Stage::Done, len, Some(len)),
                "seed {seed}"
            );
            if plan.downloaded_bytes() == 0 && plan.parts.len() > 1 {
                let urls = chaos.count("b2_get_upload_part_url");
                assert_eq!(calls, plan.parts.len() + urls + 2, "seed {seed}");
            }
            assert!(b2.unfinished().is_empty(), "seed {seed}");
            assert_eq!(chaos.emulator.snapshot().unfinished_large_files, 0);
        });
    });
}

#[test]
fn compositions_survive_many_faults() {
    for_seeds(0..200, |seed| {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (b2, chaos) = Chaos::seeded(seed, 7);
        let calm = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            let calm = bucket(&calm).await;
            let files = two_files(&calm).await;
            let (sources, model) = any_sources(&mut chance, &files);
            // Downloads are cut off too.
            let cut = Fault::new(Emulated::CutResponse { after: 3 })
                .on("b2_download_file_by_id")
                .every(3);
            let cut = chaos.emulator.faults().add(cut);
            let bucket = BucketHandle::new(b2.clone(), calm.id().clone(), calm.name().clone());
            let composed = bucket.compose("f", sources).await;
            let composed = composed.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            chaos.emulator.faults().remove(cut);
            assert!(
                stored(calm.client(), &composed.file.file_id).await == model,
                "seed {seed}: {:?}",
                composed.plan
            );
            assert!(b2.unfinished().is_empty(), "seed {seed}");
            assert!(unfinished(&calm).await.is_empty(), "seed {seed}");
        });
    });
}

#[test]
fn planning_a_composition_reads_no_source() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let (old, _) = file(&bucket, 950).await;
        chaos.forget();
        let unreadable = Source::ranges(20, |_| -> io::Result<stream::Empty<_>> {
            Err(io::Error::other("read"))
        });
        let sources = [ComposeSource::file(&old), ComposeSource::local(unreadable)];
        let plan = bucket.compose("f", sources).plan().await.unwrap();
        let parts: Vec<_> = plan.parts.iter().map(|part| part.range.clone()).collect();
        assert_eq!(parts, [0..950, 950..970]);
        assert_eq!(chaos.tally().0, 0);
    });
}

#[test]
fn a_composition_has_the_encryption_file_info_and_type_that_were_set() {
    let key = |n| CustomerKey::new([n; 32]);
    // Made of parts, by a single copy, and by a single upload.
    for (from, to) in [(0, 950), (0, 20), (0, 5)] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let before = content(950);
            let old = bucket
                .upload(
                    "old",
                    Source::bytes(before.clone()).with_sha1(Sha1::of(&before)),
                )
                .content_type(ContentType::new("text/x").unwrap())
                .file_info(FileInfo::new().with("k", "v").unwrap())
                .server_side_encryption(EncryptionSetting::SseC(key(1)))
                .await
                .unwrap()
                .file;
            assert!(old.file_info.get("large_file_sha1").is_some());
            let copied = || ComposeSource::copy(&old.file_id, from..to).customer_key(key(1));
            let mut sources = vec![copied()];
            if to != 20 {
                sources.push(ComposeSource::local("ab"));
                sources.push(copied());
            }
            let section = &before[from as usize..to as usize];
            let all = if to == 20 {
                section.to_vec()
            } else {
                [section, b"ab", section].concat()
            };
            let compose = bucket.compose("new", sources).like(&old);
            let compose = compose.server_side_encryption(EncryptionSetting::SseC(key(2)));
            let file = compose.await.unwrap().file;
            assert_eq!(
                file.server_side_encryption.mode,
                Some(EncryptionMode::SseC),
                "{to}"
            );
            assert_eq!(file.content_type, old.content_type);
            assert_eq!(file.file_info.get("k"), Some("v"));
            assert_eq!(file.file_info.get("large_file_sha1"), None);
            let id = |file: &FileVersion| file.file_info.get("b2kit-upload-id").map(str::to_owned);
            assert!(id(&file) != id(&old));
            let download = DownloadFileById::new(&file.file_id).customer_key(key(2));
            let back = b2.call(download).await.unwrap().body;
            assert_eq!(back.collect(10_000).await.unwrap(), all, "{to}");
        });
    }
}

#[test]
fn invalid_sources_are_refused_before_anything_is_sent() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        b2.session().await.unwrap();
        chaos.forget();
        #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
        let reversed = 5..4;
        for (sources, message) in [
            (
                vec![
                    ComposeSource::local("x"),
                    ComposeSource::copy("4_z1", reversed),
                ],
                "the range 5..4 of source 2",
            ),
            (
                vec![ComposeSource::local(Source::stream(stream::empty()))],
                "source 1 is a stream of unknown length",
            ),
            (
                vec![
                    ComposeSource::copy("4_z1", 0..u64::MAX),
                    ComposeSource::copy("4_z1", 0..u64::MAX),
                ],
                "too many bytes in total",
            ),
            (
                vec![ComposeSource::copy("4_z1", 0..10_000_000_000_001)],
                "10000000000000 bytes",
            ),
        ] {
            let error = bucket.compose("f", sources).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(message), "{error}");
        }
        let small = bucket
            .compose("f", [ComposeSource::local("x")])
            .part_size(9);
        assert_eq!(small.await.unwrap_err().kind(), ErrorKind::Invalid);
        let unnamed = bucket.compose("", [ComposeSource::local("x")]);
        assert_eq!(unnamed.await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(chaos.tally().0, 0);
    });
}

/// Sources of which one differs from its description, and the expected error.
fn broken(old: &FileVersion, content: &Bytes, len: usize) -> Vec<(Vec<ComposeSource>, ErrorKind)> {
    let whole = content.slice(..len);
    let said = |len: u64, bytes: &Bytes| {
        let bytes = bytes.clone();
        ComposeSource::local(Source::ranges(len, move |_| {
            Ok(stream::iter([Ok(bytes.clone())]))
        }))
    };
    let once = |len: u64, bytes: &Bytes| {
        ComposeSource::local(Source::sized_stream(len, stream::iter(in_chunks(bytes))))
    };
    let real = len as u64;
    let copy = |range| ComposeSource::copy(&old.file_id, range);
    vec![
        // One source is a byte short and another a byte too long, so the total is as described.
        (
            vec![said(real + 1, &whole), said(real - 1, &whole)],
            ErrorKind::Source,
        ),
        (
            vec![said(real - 1, &whole), said(real + 1, &whole)],
            ErrorKind::Source,
        ),
        (
            vec![once(real + 1, &whole), once(real - 1, &whole)],
            ErrorKind::Source,
        ),
        (vec![once(real - 1, &whole)], ErrorKind::Source),
        (vec![copy(0..200), once(0, &whole)], ErrorKind::Source),
        // The file has 950 bytes.
        (vec![copy(940..951)], ErrorKind::Integrity),
        (
            vec![copy(0..951), ComposeSource::local("x")],
            ErrorKind::Integrity,
        ),
        (vec![copy(949..951), said(real, &whole)], ErrorKind::Source),
        (
            vec![copy(951..1_000), said(real, &whole)],
            ErrorKind::Rejected,
        ),
    ]
}

#[test]
fn sources_that_differ_from_their_description_fail_the_composition_and_leave_nothing() {
    for len in [3, 40] {
        for case in 0..9 {
            let (b2, chaos) = Chaos::calm();
            chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let (old, content) = file(&bucket, 950).await;
                let (sources, kind) = broken(&old, &content, len).swap_remove(case);
                let error = bucket.compose("f", sources).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{len} {case}: {error:?}");
                assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
                let names: Vec<_> = versions(&bucket).await;
                // A copy made in one call already exists when it turns out to be short.
                let copied = usize::from(case == 5);
                assert_eq!(names.len(), 1 + copied, "{len} {case}");
            });
        }
    }
}

#[test]
fn a_permanently_failing_part_is_named_and_the_file_cancelled_or_kept() {
    for keep in [false, true] {
        let (b2, chaos) = Chaos::new(|_, call| {
            (call == "b2_upload_part").then_some(NetworkFault::Status(403, "storage_cap_exceeded"))
        });
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let (old, _) = file(&bucket, 90).await;
            let sources = [ComposeSource::file(&old), ComposeSource::local(content(50))];
            let mut compose = bucket.compose("f", sources);
            if keep {
                compose = compose.on_failure(OnFailure::Keep);
            }
            let error = compose.await.unwrap_err();
            assert_eq!(
                (error.kind(), error.part()),
                (ErrorKind::CapExceeded, Some(2))
            );
            assert_eq!(unfinished(&bucket).await.len(), usize::from(keep));
            let left: Vec<_> = b2.unfinished().iter().map(|left| left.state).collect();
            assert_eq!(left, vec![UnfinishedState::Kept; usize::from(keep)]);
        });
    }
}

#[test]
fn a_deleted_source_file_fails_the_composition_and_leaves_nothing() {
    for local in ["", "x"] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let (old, _) = file(&bucket, 950).await;
            let call = DeleteFileVersion::new(old.file_name.as_str(), &old.file_id);
            b2.call(call).await.unwrap();
            let sources = [ComposeSource::file(&old), ComposeSource::local(local)];
            let error = bucket.compose("f", sources).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
            assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
        });
    }
}

#[test]
fn a_part_that_was_replaced_at_b2_is_recreated_if_its_sources_are_replayable() {
    // A copied part, an uploaded one, and one from a non-replayable stream.
    for (replaced, kind, repaired) in [(1, 0, true), (2, 0, true), (2, 4, false)] {
        let (b2, chaos) = Chaos::calm();
        let intruder = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let (old, before) = file(&bucket, 950).await;
            let more = content(50);
            let sources = [ComposeSource::file(&old), local(kind, more.clone())];
            chaos.forget();
            let mut compose = Box::pin(bucket.compose("f", sources).into_future());
            // The part is replaced at the last possible moment.
            std::future::poll_fn(|cx| {
                assert!(compose.as_mut().poll(cx).is_pending());
                match chaos.count("b2_finish_large_file") {
                    0 => Poll::Pending,
                    _ => Poll::Ready(()),
                }
            })
            .await;
            let file_id = unfinished(&bucket).await[0].file_id.clone();
            let number = PartNumber::new(replaced).unwrap();
            let late = UploadPart::new(file_id, number, vec![0; 50]);
            intruder.call(late).await.unwrap();
            match compose.await {
                Ok(composed) => {
                    assert!(repaired);
                    let all = [&before[..], &more].concat();
                    assert_eq!(stored(&b2, &composed.file.file_id).await, all);
                }
                Err(error) => {
                    assert!(!repaired, "{error:?}");
                    assert_eq!(error.b2().unwrap().code, "part_sha1_mismatch");
                }
            }
            assert!(unfinished(&bucket).await.is_empty() && b2.unfinished().is_empty());
        });
    }
}

async fn existing(b2: &Client, file: &FileVersion) -> bool {
    b2.call(GetFileInfo::new(&file.file_id)).await.is_ok()
}

#[test]
fn a_composition_dropped_at_any_poll_leaves_only_what_orphan_cleanup_cancels() {
    for short in [false, true] {
        for polls in 0.. {
            let (b2, chaos) = Chaos::calm();
            let finished = chaos.timer.run(async {
                let bucket = bucket(&b2).await;
                let (old, before) = file(&bucket, 950).await;
                let (sources, all) = if short {
                    let all = [&before[..3], b"x"].concat();
                    (
                        vec![
                            ComposeSource::copy(&old.file_id, 0..3),
                            ComposeSource::local("x"),
                        ],
                        all,
                    )
                } else {
                    let sources = vec![
                        ComposeSource::file(&old),
                        ComposeSource::local("xyz"),
                        ComposeSource::file(&old),
                        ComposeSource::local("x"),
                    ];
                    (sources, [&before[..], b"xyz", &before, b"x"].concat())
                };
                let compose = bucket.compose("new", sources).concurrency(2);
                let finished = polled(compose, polls).await.is_some();
                assert!(
                    b2.cancel_orphaned_uploads().await.is_empty(),
                    "after {polls}"
                );
                for version in versions(&bucket).await {
                    if version.file_name.as_str() == "new" {
                        assert_eq!(stored(&b2, &version.file_id).await, all, "after {polls}");
                    }
                }
                let left = b2.unfinished();
                assert!(left.iter().all(|left| left.state == UnfinishedState::Kept));
                assert_eq!(unfinished(&bucket).await.len(), left.len(), "after {polls}");
                assert!(existing(&b2, &old).await);
                finished
            });
            if finished {
                break;
            }
            assert!(polls < 1_000);
        }
    }
}
