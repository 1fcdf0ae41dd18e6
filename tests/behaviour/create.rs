//! Files created only where there is none, by many concurrent writers.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use b2kit::api::{
    CreateBucket, CreateKey, DeleteBucket, DeleteFileVersion, HideFile, ListBuckets,
    ListFileVersions, UpdateBucket,
};
use b2kit::backend::emulator::{Emulator, ManualClock};
use b2kit::transfer::{CREATE_STAGES, CreateSlot, Created, Source, is_create_stage};
use b2kit::types::{
    Action, Bucket, BucketInfo, BucketName, BucketType, Capability, ContentType, DefaultRetention,
    EncryptionMode, FileInfo, FileName, FileVersion, KeyName, RetentionMode,
};
use b2kit::{
    Body, BucketHandle, Bytes, Client, Credentials, Error, ErrorKind, HttpClient as _, HttpError,
    Request, Response, Timer as _, http,
};
use futures::future::join_all;
use futures::{TryStreamExt as _, stream};
use serde_json::json;

use crate::chaos::{Chaos, NetworkFault};

use crate::seeds::for_seeds;
use crate::uploading::{bucket, content, polled, stored};
use crate::{call_of, client_of};

/// The bucket of the slot, which has other bucket info entries too.
async fn coordination(b2: &Client) -> BucketHandle {
    let name = BucketName::new("coordination").unwrap();
    let info = BucketInfo::new().with("owner", "photos").unwrap();
    let create = CreateBucket::new(name.clone(), BucketType::AllPrivate).bucket_info(info);
    let bucket = b2.call(create).await.unwrap();
    BucketHandle::new(b2.clone(), bucket.bucket_id, name)
}

/// The same bucket, through another client.
fn through(b2: &Client, bucket: &BucketHandle) -> BucketHandle {
    BucketHandle::new(b2.clone(), bucket.id().clone(), bucket.name().clone())
}

async fn settings(bucket: &BucketHandle) -> Bucket {
    let list = ListBuckets::new().bucket_id(bucket.id());
    bucket.client().call(list).await.unwrap().buckets.remove(0)
}

/// Asserts that the slot is empty, and all other entries of the bucket's info unchanged.
async fn assert_slot_is_empty(slot: &BucketHandle) {
    let info = settings(slot).await.bucket_info;
    assert_eq!(info, BucketInfo::new().with("owner", "photos").unwrap());
}

/// All versions except stages, by name.
async fn files(bucket: &BucketHandle) -> BTreeMap<String, Vec<FileVersion>> {
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for version in all(bucket).await {
        if !is_create_stage(version.file_name.as_str()) {
            let name = version.file_name.to_string();
            files.entry(name).or_default().push(version);
        }
    }
    files
}

async fn stages(bucket: &BucketHandle) -> Vec<FileVersion> {
    let mut all = all(bucket).await;
    all.retain(|version| is_create_stage(version.file_name.as_str()));
    all
}

async fn all(bucket: &BucketHandle) -> Vec<FileVersion> {
    let rows = bucket.client().paginate(ListFileVersions::new(bucket.id()));
    let versions = rows.try_filter_map(|row| async { Ok(row.into_version()) });
    versions.try_collect().await.unwrap()
}

fn is_taken(outcome: &Result<Created, Error>) -> bool {
    let kind = outcome.as_ref().map_err(Error::kind);
    kind.is_err_and(|kind| kind == ErrorKind::Conflict)
}

/// The outcome of one writer for one name; `None` if it was dropped.
type Outcome = (usize, usize, Option<Result<Created, Error>>);

/// 8 writers create 20 names each, each in its own order and with the client that `client` makes
/// for its number.
async fn race(
    seed: u64,
    files: &BucketHandle,
    slot: &BucketHandle,
    client: impl Fn(usize) -> Client,
) -> Vec<Outcome> {
    let writers = (0..8).map(|writer| {
        let (b2, mut chance) = (
            client(writer),
            fastrand::Rng::with_seed(seed * 8 + writer as u64),
        );
        let (bucket, slot) = (through(&b2, files), CreateSlot::new(through(&b2, slot)));
        async move {
            let mut names: Vec<_> = (0..20).collect();
            chance.shuffle(&mut names);
            let mut outcomes = Vec::new();
            for name in names {
                let create = bucket.create(format!("log/{name}"), bytes(writer, name), &slot);
                let outcome = match chance.usize(..4) {
                    0 => polled(create, chance.usize(..40)).await,
                    _ => Some(create.await),
                };
                outcomes.push((writer, name, outcome));
            }
            outcomes
        }
    });
    join_all(writers).await.into_iter().flatten().collect()
}

fn bytes(writer: usize, name: usize) -> Bytes {
    Bytes::from(format!("{name} by {writer}"))
}

/// Asserts that every outcome that a writer got is true. `bucket` and `slot` are accessed without
/// faults.
async fn assert_outcomes_are_true(seed: u64, outcomes: &[Outcome], bucket: &BucketHandle) {
    let files = files(bucket).await;
    for name in 0..20 {
        let of_this = || outcomes.iter().filter(|outcome| outcome.1 == name);
        let winners: Vec<_> = of_this()
            .filter_map(|(writer, _, outcome)| match outcome {
                Some(Ok(created)) => Some((*writer, created)),
                _ => None,
            })
            .collect();
        assert!(winners.len() <= 1, "seed {seed}: {winners:?}");
        let versions = files.get(&format!("log/{name}"));
        let anybody_is_taken = of_this().any(|outcome| outcome.2.as_ref().is_some_and(is_taken));
        let Some(versions) = versions else {
            assert!(
                winners.is_empty() && !anybody_is_taken,
                "seed {seed}: {name}"
            );
            continue;
        };
        let there = stored(bucket.client(), &versions[0].file_id).await;
        // A duplicate of the copy is identical to it.
        for version in versions {
            assert_eq!(stored(bucket.client(), &version.file_id).await, there);
        }
        for (writer, created) in winners {
            assert_eq!(there, bytes(writer, name), "seed {seed}: {name}");
            assert_eq!(created.file, versions[0], "seed {seed}: {name}");
        }
        // A writer that got a conflict, or an error without effect, has not created the file.
        for (writer, _, outcome) in of_this() {
            let Some(Err(error)) = outcome else { continue };
            if !error.may_have_taken_effect() {
                assert_ne!(there, bytes(*writer, name), "seed {seed}: {error:?}");
            }
        }
    }
}

#[test]
fn eight_writers_of_20_names_get_correct_outcomes_though_some_are_dropped() {
    for_seeds(0..6, |seed| {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let (bucket, slot) = (bucket(&b2).await, coordination(&b2).await);
            let outcomes = race(seed, &bucket, &slot, |writer| {
                chaos.client(seed * 100 + writer as u64)
            })
            .await;
            assert_outcomes_are_true(seed, &outcomes, &bucket).await;
            let mut won = 0;
            for (_, _, outcome) in &outcomes {
                match outcome {
                    None => {}
                    Some(Ok(_)) => won += 1,
                    Some(outcome) => assert!(is_taken(outcome), "seed {seed}: {outcome:?}"),
                }
            }
            assert!(won >= 10, "seed {seed}: {won}");
            // A later writer finds any entry left in the slot and clears it.
            let slot = CreateSlot::new(slot);
            bucket.create("after", "x", &slot).await.unwrap();
            bucket
                .discard_abandoned_creates(&slot, Duration::ZERO)
                .await
                .unwrap();
            assert_slot_is_empty(slot.bucket()).await;
            assert_eq!(stages(&bucket).await, [], "seed {seed}");
            assert_outcomes_are_true(seed, &outcomes, &bucket).await;
        });
    });
}

#[test]
fn eight_writers_over_a_faulty_network_get_correct_outcomes() {
    for_seeds(0..6, |seed| {
        let (b2, chaos) = Chaos::seeded(seed, 5);
        let calm = client_of(&chaos.emulator, &chaos.timer);
        drop(b2);
        chaos.timer.run(async {
            let (bucket, slot) = (bucket(&calm).await, coordination(&calm).await);
            let outcomes = race(seed, &bucket, &slot, |writer| {
                chaos.client(seed * 100 + writer as u64)
            })
            .await;
            let won = outcomes
                .iter()
                .filter(|outcome| matches!(outcome.2, Some(Ok(_))));
            assert!(won.count() >= 5, "seed {seed}");
            assert_outcomes_are_true(seed, &outcomes, &bucket).await;
            let slot = CreateSlot::new(slot);
            bucket.create("after", "x", &slot).await.unwrap();
            assert_slot_is_empty(slot.bucket()).await;
            assert_outcomes_are_true(seed, &outcomes, &bucket).await;
        });
    });
}

#[test]
fn a_created_file_has_its_options_and_costs_the_documented_calls() {
    for part_size in [None, Some(50)] {
        let (b2, chaos) = Chaos::calm();
        chaos.timer.run(async {
            let (bucket, slot) = (bucket(&b2).await, coordination(&b2).await);
            let slot = CreateSlot::new(slot);
            chaos.forget();
            let info = FileInfo::new().with("camera", "x").unwrap();
            let mut create = bucket
                .create("a/cat.jpg", content(90), &slot)
                .file_info(info);
            if let Some(size) = part_size {
                create = create.part_size(size);
            }
            let file = create.await.unwrap().file;
            for (call, count) in [
                ("b2_list_buckets", 2),
                ("b2_update_bucket", 2),
                ("b2_list_file_names", 3),
                ("b2_copy_file", 1),
                ("b2_get_file_info", 1),
                ("b2_delete_file_version", 1),
            ] {
                assert_eq!(chaos.count(call), count, "{call}");
            }
            assert_eq!(file.file_name.as_str(), "a/cat.jpg");
            assert_eq!(
                file.content_type,
                Some(ContentType::new("image/jpeg").unwrap())
            );
            assert_eq!(file.file_info.get("camera"), Some("x"));
            assert_eq!(stored(&b2, &file.file_id).await, content(90));
            assert_eq!(all(&bucket).await.len(), 1);
            assert_slot_is_empty(slot.bucket()).await;
            // A second create finds that the file exists.
            let error = bucket.create("a/cat.jpg", "y", &slot).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(!error.may_have_taken_effect());
            assert_eq!(error.file(), Some("a/cat.jpg"));
            assert_eq!(all(&bucket).await.len(), 1);
            // A hidden file doesn't count, nor does one whose name merely begins with this one.
            b2.call(HideFile::new(
                bucket.id(),
                FileName::new("a/cat.jpg").unwrap(),
            ))
            .await
            .unwrap();
            bucket.create("a/cat.jpg", "z", &slot).await.unwrap();
            bucket.create("a/cat", "z", &slot).await.unwrap();
        });
    }
}

#[test]
fn a_slot_in_the_bucket_of_the_files_admits_one_create() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let slot = CreateSlot::new(bucket.clone());
        bucket.create("f", "x", &slot).await.unwrap();
        assert!(is_taken(&bucket.create("f", "y", &slot).await));
        assert!(settings(&bucket).await.bucket_info.is_empty());
    });
}

#[test]
fn an_invalid_create_is_refused_before_a_byte_is_sent() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let slot = CreateSlot::new(coordination(&b2).await);
        let full = (0..10).try_fold(FileInfo::new(), |info, key| info.with(&key.to_string(), ""));
        let large = FileInfo::new().with("k", "v".repeat(1_800)).unwrap();
        let endless = || Source::ranges(5_000_000_001, |_| Ok(stream::empty()));
        let unknown = || Source::stream(stream::iter([Ok(Bytes::from("x"))]));
        let x = || Source::bytes("x");
        let stage = format!("{CREATE_STAGES}f");
        chaos.forget();
        for (create, message) in [
            (
                bucket.create("f", endless(), &slot),
                "at most 5000000000 bytes",
            ),
            (
                bucket.create("f", unknown(), &slot),
                "whose length is known",
            ),
            (
                bucket.create(stage.as_str(), x(), &slot),
                "reserved for stages",
            ),
            (bucket.create("", x(), &slot), "is empty"),
            (
                bucket.create("f", x(), &slot).file_info(full.unwrap()),
                "one too many",
            ),
            (
                bucket
                    .create("f".repeat(300).as_str(), x(), &slot)
                    .file_info(large),
                "in total",
            ),
        ] {
            let error = create.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains(message), "{error}");
            assert!(!error.may_have_taken_effect());
        }
        assert_eq!(chaos.tally().0, 0);
        let name = BucketName::new("locked-photos").unwrap();
        let locked =
            CreateBucket::new(name.clone(), BucketType::AllPrivate).file_lock_enabled(true);
        let locked = b2.call(locked).await.unwrap().bucket_id;
        let retention = DefaultRetention::days(RetentionMode::Governance, 1);
        b2.call(UpdateBucket::new(&locked).default_retention(retention))
            .await
            .unwrap();
        let locked = BucketHandle::new(b2.clone(), locked, name);
        let error = locked.create("f", "x", &slot).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(all(&locked).await, []);
        assert_slot_is_empty(slot.bucket()).await;
    });
}

#[test]
fn a_create_dropped_at_any_poll_is_completed_by_the_next_or_its_stage_is_discarded() {
    let mut fates = [0, 0];
    for polls in 0.. {
        let clock = ManualClock::at(1_000_000_000);
        let emulator = Emulator::builder().clock(clock.clone()).build();
        let (_, mut chaos) = Chaos::calm();
        chaos.emulator = emulator;
        let b2 = chaos.client(1);
        let finished = chaos.timer.run(async {
            let (bucket, slot) = (bucket(&b2).await, coordination(&b2).await);
            let slot = CreateSlot::new(slot);
            let first = polled(bucket.create("f", "first", &slot), polls).await;
            let other = chaos.client(2);
            let (its, its_slot) = (
                through(&other, &bucket),
                CreateSlot::new(through(&other, slot.bucket())),
            );
            let second = its.create("f", "second", &its_slot).await;
            let there = files(&bucket).await.remove("f").unwrap();
            assert_eq!(there.len(), 1, "after {polls}");
            let there = stored(&b2, &there[0].file_id).await;
            match &second {
                Ok(_) => assert_eq!(there, b"second", "after {polls}"),
                Err(_) => {
                    assert!(is_taken(&second), "after {polls}: {second:?}");
                    assert_eq!(there, b"first", "after {polls}");
                }
            }
            if first.is_none() {
                fates[usize::from(second.is_ok())] += 1;
            }
            assert_slot_is_empty(slot.bucket()).await;
            // Only stages of the minimum age are discarded.
            let left = stages(&bucket).await.len();
            let minimum_age = Duration::from_secs(3_600);
            let discarded = bucket.discard_abandoned_creates(&slot, minimum_age).await;
            assert_eq!(discarded.unwrap(), 0);
            clock.set(1_000_000_000 + 3_700_000);
            // The client accepts a jump of B2's clock once a second response confirms it.
            stages(&bucket).await;
            stages(&bucket).await;
            let discarded = bucket.discard_abandoned_creates(&slot, minimum_age).await;
            assert_eq!(discarded.unwrap(), left as u64, "after {polls}");
            assert_eq!(stages(&bucket).await, []);
            assert_slot_is_empty(slot.bucket()).await;
            first.is_some()
        });
        if finished {
            break;
        }
        assert!(polls < 1_000);
    }
    // Some creates were completed by the next writer, and some never were.
    assert!(fates[0] >= 3 && fates[1] >= 3, "{fates:?}");
}

#[test]
fn a_create_whose_stage_was_discarded_starts_over_if_its_source_is_replayable() {
    for (source, comes_again) in [
        (Source::bytes("x"), true),
        (
            Source::sized_stream(1, stream::iter([Ok(Bytes::from("x"))])),
            false,
        ),
    ] {
        let (b2, chaos) = Chaos::calm();
        let calm = client_of(&chaos.emulator, &chaos.timer);
        chaos.timer.run(async {
            let bucket = bucket(&b2).await;
            let slot = CreateSlot::new(coordination(&b2).await);
            let sweeper = (
                through(&calm, &bucket),
                CreateSlot::new(through(&calm, slot.bucket())),
            );
            // As soon as a stage exists, another client discards it, once.
            let sweep = async {
                for _ in 0..1_000 {
                    let swept = sweeper
                        .0
                        .discard_abandoned_creates(&sweeper.1, Duration::ZERO);
                    if swept.await.unwrap() > 0 {
                        return;
                    }
                    chaos.timer.sleep(Duration::from_millis(1)).await;
                }
                panic!("there never was a stage");
            };
            let (created, ()) =
                futures::join!(bucket.create("f", source, &slot).into_future(), sweep);
            if comes_again {
                let file = created.unwrap().file;
                assert_eq!(stored(&b2, &file.file_id).await, b"x");
            } else {
                let error = created.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Source, "{error}");
                assert!(!error.may_have_taken_effect());
                assert!(files(&bucket).await.is_empty());
            }
            assert_slot_is_empty(slot.bucket()).await;
        });
    }
}

#[test]
fn a_slot_with_an_unknown_entry_is_left_alone() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let slot = coordination(&b2).await;
        let entry = json!({"form": 2, "op": "create", "stageId": "4_z1"}).to_string();
        let info = BucketInfo::new().with("b2kit-create", entry).unwrap();
        b2.call(UpdateBucket::new(slot.id()).bucket_info(info.clone()))
            .await
            .unwrap();
        let slot = CreateSlot::new(slot);
        let error = bucket.create("f", "x", &slot).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(!error.may_have_taken_effect());
        assert_eq!(all(&bucket).await, [], "the stage is gone again");
        assert_eq!(settings(slot.bucket()).await.bucket_info, info);
    });
}

#[test]
fn a_create_whose_swap_stays_lost_may_have_taken_effect_and_is_never_a_conflict() {
    let (_, chaos) =
        Chaos::new(|_, call| (call == "b2_update_bucket").then_some(NetworkFault::LostResponse));
    let (b2, calm) = (chaos.client(1), client_of(&chaos.emulator, &chaos.timer));
    chaos.timer.run(async {
        let bucket = bucket(&calm).await;
        let slot = coordination(&calm).await;
        let its = CreateSlot::new(through(&b2, &slot));
        let outcome = through(&b2, &bucket).create("f", "x", &its).await;
        if let Err(error) = outcome {
            assert_ne!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.may_have_taken_effect(), "{error:?}");
        }
        let other = bucket
            .create("f", "y", &CreateSlot::new(slot.clone()))
            .await;
        assert!(is_taken(&other), "{other:?}");
        assert_slot_is_empty(&slot).await;
    });
}

#[test]
fn a_copy_that_b2_rejects_does_not_block_the_slot() {
    let (_, chaos) = Chaos::new(|_, call| {
        (call == "b2_copy_file").then_some(NetworkFault::Status(400, "bad_request"))
    });
    let (b2, calm) = (chaos.client(1), client_of(&chaos.emulator, &chaos.timer));
    chaos.timer.run(async {
        let bucket = bucket(&calm).await;
        let slot = CreateSlot::new(coordination(&calm).await);
        let error = through(&b2, &bucket)
            .create("f", "x", &slot)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(error.b2().map(|b2| &*b2.code), Some("bad_request"));
        assert_eq!(error.call(), Some("b2_copy_file"));
        assert!(error.may_have_taken_effect());
        assert_slot_is_empty(slot.bucket()).await;
        bucket.create("f", "y", &slot).await.unwrap();
    });
}

#[test]
fn a_created_file_can_be_deleted_and_created_again() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let bucket = bucket(&b2).await;
        let slot = CreateSlot::new(coordination(&b2).await);
        for round in 0..3 {
            let file = bucket
                .create("f", format!("{round}"), &slot)
                .await
                .unwrap()
                .file;
            assert_eq!(file.action, Action::Upload);
            b2.call(DeleteFileVersion::new(
                file.file_name.as_str(),
                &file.file_id,
            ))
            .await
            .unwrap();
        }
        assert_eq!(all(&bucket).await, []);
    });
}

#[test]
fn concurrent_copies_to_one_name_over_a_faulty_network_make_one_file_and_keep_the_sources() {
    for_seeds(0..6, |seed| {
        let (_, chaos) = Chaos::seeded(seed, 6);
        chaos.timer.run(async {
            let calm = client_of(&chaos.emulator, &chaos.timer);
            let (bucket, slot) = (bucket(&calm).await, coordination(&calm).await);
            let info = FileInfo::new().with("table", "sales").unwrap();
            let mut sources = Vec::new();
            for writer in 0..4 {
                let upload = bucket.upload(format!("staged/{writer}"), bytes(writer, 0));
                let upload = upload.file_info(info.clone());
                sources.push(upload.await.unwrap().file);
            }
            let copies = sources.iter().enumerate().map(|(writer, source)| {
                let b2 = chaos.client(seed * 100 + writer as u64);
                let (bucket, slot) = (through(&b2, &bucket), CreateSlot::new(through(&b2, &slot)));
                async move { bucket.create_copy(source, "table", &slot).await }
            });
            let outcomes = join_all(copies).await;
            let winners: Vec<_> = outcomes
                .iter()
                .filter_map(|outcome| outcome.as_ref().ok())
                .collect();
            assert!(winners.len() <= 1, "seed {seed}: {winners:?}");
            let files = files(&bucket).await;
            let there = &files["table"][0];
            let bytes_there = stored(&calm, &there.file_id).await;
            for (writer, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    Ok(created) => {
                        assert_eq!(
                            (&created.file, &bytes_there[..]),
                            (there, &bytes(writer, 0)[..])
                        );
                        assert_eq!(created.file.file_info.get("table"), Some("sales"));
                        assert_eq!(created.file.content_type, sources[writer].content_type);
                    }
                    Err(error) if error.may_have_taken_effect() => {}
                    Err(error) => {
                        assert_ne!(bytes_there, bytes(writer, 0), "seed {seed}: {error:?}")
                    }
                }
            }
            for source in &sources {
                assert!(files.contains_key(source.file_name.as_str()), "seed {seed}");
            }
        });
    });
}

#[test]
fn a_copy_can_be_copied_again_and_a_source_that_b2_can_not_copy_is_refused_before_a_request() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let (bucket, slot) = (bucket(&b2).await, CreateSlot::new(coordination(&b2).await));
        let first = bucket.create("first", "x", &slot).await.unwrap().file;
        let second = bucket
            .create_copy(&first, "second", &slot)
            .await
            .unwrap()
            .file;
        assert_ne!(
            second.file_info.get("b2kit-create-nonce"),
            first.file_info.get("b2kit-create-nonce")
        );
        let error = bucket
            .create_copy(&first, "second", &slot)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(stages(&bucket).await.len(), 0);
        let mut large = first.clone();
        large.content_length = 5_000_000_001;
        let mut noted = first.clone();
        noted.file_info = FileInfo::unchecked((0..10).map(|key| (format!("k{key}"), "v")));
        let mut encrypted = first.clone();
        encrypted.server_side_encryption.mode = Some(EncryptionMode::SseC);
        chaos.forget();
        for version in [large, noted, encrypted] {
            let error = bucket
                .create_copy(&version, "third", &slot)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        assert_eq!(chaos.tally().0, 0);
    });
}

/// Sends the request twice, as a proxy does that got no response, and returns the second response.
async fn sent_twice(
    emulator: &Emulator,
    request: Request,
    meanwhile: impl Future<Output = ()>,
) -> Result<Response, HttpError> {
    let (parts, body) = request.into_parts();
    let body: Vec<Bytes> = body.open().unwrap().try_collect().await.unwrap();
    let copy = || {
        let mut copy = http::Request::new(Body::from(Bytes::from(body.concat())));
        *copy.method_mut() = parts.method.clone();
        *copy.uri_mut() = parts.uri.clone();
        *copy.headers_mut() = parts.headers.clone();
        copy
    };
    emulator.send(copy()).await?;
    meanwhile.await;
    emulator.send(copy()).await
}

#[test]
fn a_create_whose_swap_was_delivered_twice_and_executed_by_another_writer_has_created_the_file() {
    let (calm, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let (bucket, slot) = (bucket(&calm).await, coordination(&calm).await);
        let first = Arc::new(AtomicBool::new(true));
        let (emulator, other) = (chaos.emulator.clone(), bucket.clone());
        let its_slot = CreateSlot::new(slot.clone());
        let b2 = chaos.builder(2).backend(move |request: Request| {
            let (emulator, first) = (emulator.clone(), Arc::clone(&first));
            let (other, slot) = (other.clone(), its_slot.clone());
            async move {
                let is_swap = call_of(&request) == "b2_update_bucket";
                if !is_swap || !first.swap(false, Ordering::Relaxed) {
                    return emulator.send(request).await;
                }
                let meanwhile = async { drop(other.create("other", "x", &slot).await.unwrap()) };
                sent_twice(&emulator, request, meanwhile).await
            }
        });
        let b2 = b2.build().unwrap();
        let its = CreateSlot::new(through(&b2, &slot));
        let created = through(&b2, &bucket).create("f", "ours", &its).await;
        assert_eq!(stored(&calm, &created.unwrap().file.file_id).await, b"ours");
        assert_eq!(all(&bucket).await.len(), 2);
        assert_slot_is_empty(&slot).await;
    });
}

#[test]
fn a_create_that_fails_after_its_swap_was_delivered_twice_may_have_taken_effect() {
    let (calm, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let (bucket, slot) = (bucket(&calm).await, coordination(&calm).await);
        let was_sent = Arc::new(AtomicBool::new(false));
        let emulator = chaos.emulator.clone();
        let b2 = chaos.builder(2).backend(move |request: Request| {
            let (emulator, was_sent) = (emulator.clone(), Arc::clone(&was_sent));
            async move {
                match call_of(&request) {
                    "b2_update_bucket" => {
                        was_sent.store(true, Ordering::Relaxed);
                        sent_twice(&emulator, request, async {}).await
                    }
                    "b2_list_buckets" if was_sent.load(Ordering::Relaxed) => {
                        let text = r#"{"status":400,"code":"bad_request","message":""}"#;
                        let response = http::Response::builder().status(400);
                        Ok(response.body(text.into()).unwrap())
                    }
                    _ => emulator.send(request).await,
                }
            }
        });
        let b2 = b2.build().unwrap();
        let its = CreateSlot::new(through(&b2, &slot));
        let failed = through(&b2, &bucket).create("f", "ours", &its).await;
        let error = failed.unwrap_err();
        assert!(error.may_have_taken_effect(), "{error:?}");
        let slot = CreateSlot::new(slot);
        assert!(is_taken(&bucket.create("f", "y", &slot).await));
        let file = &files(&bucket).await["f"][0];
        assert_eq!(stored(&calm, &file.file_id).await, b"ours");
    });
}

#[test]
fn an_intent_for_a_deleted_bucket_is_cleared_by_the_next_writer() {
    let (_, chaos) = Chaos::new(|_, call| {
        (call == "b2_copy_file").then_some(NetworkFault::Status(403, "storage_cap_exceeded"))
    });
    let (b2, calm) = (chaos.client(1), client_of(&chaos.emulator, &chaos.timer));
    chaos.timer.run(async {
        let slot = CreateSlot::new(coordination(&calm).await);
        let gone = calm
            .create_bucket("gone-photos", BucketType::AllPrivate)
            .await
            .unwrap();
        let error = through(&b2, &gone).create("f", "x", &slot).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::CapExceeded);
        for stage in stages(&gone).await {
            let delete = DeleteFileVersion::new(stage.file_name.as_str(), &stage.file_id);
            calm.call(delete).await.unwrap();
        }
        calm.call(DeleteBucket::new(gone.id())).await.unwrap();
        let bucket = bucket(&calm).await;
        bucket.create("f", "y", &slot).await.unwrap();
        assert_slot_is_empty(slot.bucket()).await;
    });
}

#[test]
fn a_create_whose_key_can_not_read_the_default_retention_says_why_its_stage_can_not_be_deleted() {
    let (calm, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let slot = coordination(&calm).await;
        let name = BucketName::new("locked-photos").unwrap();
        let locked =
            CreateBucket::new(name.clone(), BucketType::AllPrivate).file_lock_enabled(true);
        let locked = calm.call(locked).await.unwrap().bucket_id;
        let retention = DefaultRetention::days(RetentionMode::Governance, 30);
        calm.call(UpdateBucket::new(&locked).default_retention(retention))
            .await
            .unwrap();
        let capabilities = [
            Capability::ListBuckets,
            Capability::WriteBuckets,
            Capability::ListFiles,
            Capability::ReadFiles,
            Capability::WriteFiles,
            Capability::DeleteFiles,
        ];
        let key = CreateKey::new(KeyName::new("writer").unwrap(), capabilities);
        let key = calm.call(key).await.unwrap();
        let id = key.key.application_key_id.as_str();
        let credentials = Credentials::new(id, key.application_key.expose()).unwrap();
        let b2 = chaos.builder(2).credentials(credentials).build().unwrap();
        let bucket = BucketHandle::new(b2.clone(), locked, name);
        let slot = CreateSlot::new(through(&b2, &slot));
        let error = bucket.create("f", "x", &slot).await.unwrap_err();
        assert_eq!(error.b2().map(|b2| &*b2.code), Some("access_denied"));
        assert!(error.to_string().contains("default retention"), "{error}");
        assert!(error.may_have_taken_effect());
        // Nor can it be discarded.
        let discarded = bucket.discard_abandoned_creates(&slot, Duration::ZERO);
        let error = discarded.await.unwrap_err();
        assert!(error.to_string().contains("default retention"), "{error}");
        let deletes = chaos.emulator.snapshot().calls_of("b2_delete_file_version");
        assert!(deletes < 10, "{deletes}");
    });
}

#[test]
fn errors_of_creates_mask_keys_in_file_names() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let (bucket, slot) = (bucket(&b2).await, CreateSlot::new(coordination(&b2).await));
        let name = format!("dump-{}.json", chaos.emulator.key());
        bucket.create(name.as_str(), "x", &slot).await.unwrap();
        let error = bucket.create(name.as_str(), "y", &slot).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(chaos.emulator.key()), "{shown}");
        assert!(shown.contains("dump-"), "{shown}");
    });
}

#[test]
fn a_shutdown_waits_for_creates_in_progress() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let (bucket, slot) = (bucket(&b2).await, CreateSlot::new(coordination(&b2).await));
        let source = bucket.upload("source", "x").await.unwrap().file;
        let mut create = bucket.create("f", content(50), &slot).into_future();
        let mut in_parts = bucket
            .create("in parts", content(90), &slot)
            .part_size(50)
            .into_future();
        let mut copy = bucket.create_copy(&source, "g", &slot).into_future();
        for create in [&mut create, &mut in_parts, &mut copy] {
            assert!(futures::poll!(create).is_pending());
        }
        // Like an upload, a stage in parts has to be started before the shutdown.
        while chaos.count("b2_upload_part") == 0 {
            let pause = chaos.timer.sleep(Duration::from_millis(1));
            futures::future::select(&mut in_parts, pause).await;
        }
        let shutdown = b2.shutdown(Duration::from_secs(3_600));
        let (created, in_parts, copied, left) = futures::join!(create, in_parts, copy, shutdown);
        for created in [created, in_parts, copied] {
            created.unwrap();
        }
        assert_eq!(left, []);
        let error = bucket.create("h", "x", &slot).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShutDown);
    });
}

#[test]
fn create_copy_copies_a_large_file_with_nine_entries_and_its_sha1_as_the_tenth() {
    let (b2, chaos) = Chaos::calm();
    chaos.timer.run(async {
        let (bucket, slot) = (bucket(&b2).await, CreateSlot::new(coordination(&b2).await));
        let info = |keys: u8| {
            (0..keys).fold(FileInfo::new(), |info, key| {
                info.with(&format!("k{key}"), "v").unwrap()
            })
        };
        for (keys, has_sha1) in [(9, false), (8, true)] {
            let upload = bucket.upload("source", content(150)).file_info(info(keys));
            let source = upload.await.unwrap().file;
            assert!(source.file_info.get("large_file_sha1").is_some());
            let copy = bucket.create_copy(&source, format!("copy {keys}"), &slot);
            let copy = copy.await.unwrap().file;
            assert_eq!(stored(&b2, &copy.file_id).await, content(150));
            assert_eq!(copy.file_info.len(), 10);
            let sha1 = copy.file_info.get("large_file_sha1");
            assert_eq!(sha1.is_some(), has_sha1);
        }
    });
}
