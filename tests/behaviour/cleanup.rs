//! Helpers made of several calls: hiding and unhiding, bulk deleting and cancelling, and buckets by name.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use b2kit::api::{
    CreateBucket, CreateKey, DeleteBucket, HideFile, ListFileNames, ListFileVersions,
    ListUnfinishedLargeFiles, StartLargeFile, UploadFile,
};
use b2kit::backend::emulator::{Emulator, ManualClock};
use b2kit::http::header::CONTENT_LENGTH;
use b2kit::types::{
    Action, BucketId, BucketName, BucketType, Capability, FileName, FileVersion, KeyName,
    LegalHold, Timestamp,
};
use b2kit::{
    Client, Credentials, DeleteMode, Error, ErrorKind, HttpClient as _, ManualTimer, Request,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::{call_of, client, client_of, http_refusal, sent, wired};

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

fn bucket_name(name: &str) -> BucketName {
    BucketName::new(name).unwrap()
}

async fn bucket(b2: &Client, name: &str) -> BucketId {
    let create = CreateBucket::new(bucket_name(name), BucketType::AllPrivate);
    let create = create.file_lock_enabled(true);
    b2.call(create).await.unwrap().bucket_id
}

async fn upload(b2: &Client, bucket: &BucketId, file: &str) -> FileVersion {
    b2.call(UploadFile::new(bucket, name(file), "x"))
        .await
        .unwrap()
}

/// The names and actions of all versions in a bucket.
async fn versions(b2: &Client, bucket: &BucketId) -> Vec<(String, Action)> {
    let rows = b2.paginate(ListFileVersions::new(bucket));
    let rows = rows.try_filter_map(|row| async { Ok(row.into_version()) });
    let rows = rows.map_ok(|version| (version.file_name.to_string(), version.action));
    rows.try_collect().await.unwrap()
}

async fn visible(b2: &Client, bucket: &BucketId) -> usize {
    b2.call(ListFileNames::new(bucket))
        .await
        .unwrap()
        .files
        .len()
}

#[test]
fn hiding_and_unhiding_twice_has_the_effect_of_once() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2, "holiday-photos").await;
        let file = name("f");
        assert_eq!(
            b2.hide(&bucket, file.clone()).await.unwrap(),
            None,
            "nothing to hide"
        );
        assert!(versions(&b2, &bucket).await.is_empty());
        upload(&b2, &bucket, "f").await;
        upload(&b2, &bucket, "f2").await;
        assert_eq!(b2.unhide(&bucket, &file).await.unwrap(), None, "not hidden");

        let marker = b2.hide(&bucket, file.clone()).await.unwrap().unwrap();
        assert_eq!(
            (&marker.action, visible(&b2, &bucket).await),
            (&Action::Hide, 1)
        );
        assert_eq!(b2.hide(&bucket, file.clone()).await.unwrap(), None);
        assert_eq!(versions(&b2, &bucket).await.len(), 3);

        let shown = b2.unhide(&bucket, &file).await.unwrap().unwrap();
        assert_eq!(
            (shown.file_id, visible(&b2, &bucket).await),
            (marker.file_id, 2)
        );
        assert_eq!(b2.unhide(&bucket, &file).await.unwrap(), None);
        assert_eq!(versions(&b2, &bucket).await.len(), 2);
    });
}

#[test]
fn unhiding_a_file_that_never_existed_is_an_error() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2, "holiday-photos").await;
        upload(&b2, &bucket, "f2").await;
        let error = b2.unhide(&bucket, &name("f")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("no version of \"f\""), "{error}");
        let error = b2.hide(&"no-bucket".into(), name("f")).await.unwrap_err();
        assert_ne!(error.b2().unwrap().code, "no_such_file");
    });
}

#[test]
fn a_file_with_an_unfinished_upload_can_be_unhidden() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2, "holiday-photos").await;
        upload(&b2, &bucket, "f").await;
        let marker = b2.call(HideFile::new(&bucket, name("f"))).await.unwrap();
        for _ in 0..3 {
            b2.call(StartLargeFile::new(&bucket, name("f")))
                .await
                .unwrap();
        }
        assert_eq!(versions(&b2, &bucket).await[0].1, Action::Start);
        let shown = b2.unhide(&bucket, &name("f")).await.unwrap();
        assert_eq!(shown.map(|shown| shown.file_id), Some(marker.file_id));
        assert_eq!(visible(&b2, &bucket).await, 1);
        assert_eq!(b2.unhide(&bucket, &name("f")).await.unwrap(), None);

        b2.call(StartLargeFile::new(&bucket, name("g")))
            .await
            .unwrap();
        let error = b2.unhide(&bucket, &name("g")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// A client whose key is restricted to these buckets and can't list any.
async fn restricted(
    owner: &Client,
    emulator: &Emulator,
    timer: &ManualTimer,
    buckets: &[BucketId],
) -> Client {
    let create = CreateKey::new(KeyName::new("key").unwrap(), [Capability::ReadFiles]);
    let key = owner.call(create.bucket_ids(buckets)).await.unwrap();
    let client = Client::builder()
        .credentials(key.credentials().unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .timer(timer.clone());
    client.build().unwrap()
}

#[test]
fn a_bucket_is_found_by_its_name() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let (photos, letters) = (
            bucket(&b2, "holiday-photos").await,
            bucket(&b2, "letters").await,
        );
        assert_eq!(
            b2.bucket_id(&bucket_name("letters")).await.unwrap(),
            letters
        );
        assert_eq!(
            b2.bucket_id(&bucket_name("holiday-photos")).await.unwrap(),
            photos
        );
        let error = b2.bucket_id(&bucket_name("accounts")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.to_string().contains("no bucket \"accounts\""),
            "{error}"
        );
    });
    assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 3);
}

#[test]
fn a_lookup_by_name_never_returns_the_id_of_another_bucket() {
    let (owner, emulator, timer) = client();
    // Names are not looked at: every list has all buckets.
    let b2 = wired(&emulator, &timer, |request| {
        if call_of(request) == "b2_list_buckets" {
            let mut document = sent(request);
            document.as_object_mut().unwrap().remove("bucketName");
            request.headers_mut().remove(CONTENT_LENGTH);
            *request.body_mut() = document.to_string().into();
        }
        None
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        bucket(&owner, "holiday-photos").await;
        let letters = bucket(&owner, "letters").await;
        assert_eq!(
            owner.bucket_id(&bucket_name("letters")).await.unwrap(),
            letters
        );
        for name in ["letters", "accounts"] {
            let error = b2.bucket_id(&bucket_name(name)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            let message = "\"holiday-photos\", is not what was asked for: it has another name";
            assert!(error.to_string().contains(message), "{error}");
        }
        let error = owner.bucket_id(&bucket_name("accounts")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_key_that_is_restricted_to_buckets_finds_them_without_listing() {
    let (owner, emulator, timer) = client();
    timer.run(async {
        let photos = bucket(&owner, "holiday-photos").await;
        let letters = bucket(&owner, "letters").await;
        let gone = bucket(&owner, "long-gone").await;
        bucket(&owner, "accounts").await;
        let one = restricted(&owner, &emulator, &timer, std::slice::from_ref(&photos)).await;
        let all = [photos.clone(), letters.clone(), gone.clone()];
        let several = restricted(&owner, &emulator, &timer, &all).await;
        owner.call(DeleteBucket::new(&gone)).await.unwrap();

        let find = async |b2: &Client, name: &str| b2.bucket_id(&bucket_name(name)).await;
        assert_eq!(find(&one, "holiday-photos").await.unwrap(), photos);
        assert_eq!(find(&several, "holiday-photos").await.unwrap(), photos);
        assert_eq!(find(&several, "Letters").await.unwrap(), letters);
        let restricted_elsewhere = [
            (find(&one, "letters").await, "[\"holiday-photos\"]"),
            (
                find(&several, "accounts").await,
                "[\"holiday-photos\", \"letters\"]",
            ),
            (
                find(&several, "long-gone").await,
                "[\"holiday-photos\", \"letters\"]",
            ),
        ];
        for (outcome, buckets) in restricted_elsewhere {
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::Unauthorized, 0)
            );
            assert!(error.to_string().contains(buckets), "{error}");
        }
    });
    assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 0);
}

type Deleted = Vec<(FileVersion, Result<(), Error>)>;

async fn outcomes(
    deleting: impl Stream<Item = Result<(FileVersion, Result<(), Error>), Error>>,
) -> Deleted {
    deleting.try_collect().await.unwrap()
}

const DELETE: DeleteMode = DeleteMode::Delete { concurrency: 4 };

/// Versions, hide markers and unfinished large files, under `a/` and under `b/`.
async fn fill(b2: &Client) -> BucketId {
    let bucket = bucket(b2, "holiday-photos").await;
    for file in ["a/1", "a/1", "a/2", "b/1"] {
        upload(b2, &bucket, file).await;
    }
    b2.call(HideFile::new(&bucket, name("a/2"))).await.unwrap();
    for file in ["a/1", "a/large", "b/large"] {
        b2.call(StartLargeFile::new(&bucket, name(file)))
            .await
            .unwrap();
    }
    bucket
}

#[test]
fn all_versions_below_a_prefix_are_deleted_and_no_others() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = fill(&b2).await;
        let deleted = outcomes(b2.delete_all_versions(&bucket, "a/", DELETE)).await;
        assert!(deleted.iter().all(|(_, outcome)| outcome.is_ok()));
        let mut actions: Vec<_> = deleted
            .iter()
            .map(|(version, _)| (version.file_name.as_str(), version.action.to_string()))
            .collect();
        actions.sort();
        let expected = [
            ("a/1", "start"),
            ("a/1", "upload"),
            ("a/1", "upload"),
            ("a/2", "hide"),
            ("a/2", "upload"),
            ("a/large", "start"),
        ];
        assert_eq!(
            actions,
            expected.map(|(name, action)| (name, action.to_owned()))
        );
        let left = [
            ("b/1".to_owned(), Action::Upload),
            ("b/large".to_owned(), Action::Start),
        ];
        assert_eq!(versions(&b2, &bucket).await, left);
        let deleted = outcomes(b2.delete_all_versions(&bucket, "", DELETE)).await;
        assert_eq!(deleted.len(), 2);
        assert!(
            outcomes(b2.delete_all_versions(&bucket, "", DELETE))
                .await
                .is_empty()
        );
    });
    let snapshot = emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.unfinished_large_files), (0, 0));
}

#[test]
fn a_dry_run_lists_what_it_would_delete_and_deletes_nothing() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = fill(&b2).await;
        let before = emulator.snapshot();
        let reported = outcomes(b2.delete_all_versions(&bucket, "a/", DeleteMode::DryRun)).await;
        let later = Timestamp::from_millis(i64::MAX);
        let files = b2.cancel_unfinished_large_files(&bucket, later, DeleteMode::DryRun);
        let files = outcomes(files).await;
        assert_eq!((reported.len(), files.len()), (6, 3));
        assert!(
            reported
                .iter()
                .chain(&files)
                .all(|(_, outcome)| outcome.is_ok())
        );
        let after = emulator.snapshot();
        assert_eq!(
            (after.versions, after.unfinished_large_files),
            (before.versions, before.unfinished_large_files)
        );
        for call in ["b2_delete_file_version", "b2_cancel_large_file"] {
            assert_eq!(after.calls_of(call), 0, "{call}");
        }
        let would: BTreeSet<_> = reported
            .into_iter()
            .map(|(version, _)| version.file_id)
            .collect();
        let did = outcomes(b2.delete_all_versions(&bucket, "a/", DELETE)).await;
        let did: BTreeSet<_> = did
            .into_iter()
            .map(|(version, _)| version.file_id)
            .collect();
        assert_eq!(would, did);
    });
}

/// The highest number of concurrent requests of one call.
#[derive(Clone, Default)]
struct ConcurrencyGauge {
    now: Arc<AtomicUsize>,
    highest: Arc<AtomicUsize>,
}

fn measured(
    emulator: &Emulator,
    timer: &ManualTimer,
    call: &'static str,
) -> (Client, ConcurrencyGauge) {
    let height = ConcurrencyGauge::default();
    let (measured, wire) = (height.clone(), emulator.clone());
    let backend = move |request: Request| {
        let (measured, wire) = (measured.clone(), wire.clone());
        async move {
            if call_of(&request) != call {
                return wire.send(request).await;
            }
            let now = measured.now.fetch_add(1, Ordering::Relaxed) + 1;
            measured.highest.fetch_max(now, Ordering::Relaxed);
            let answer = wire.send(request).await;
            measured.now.fetch_sub(1, Ordering::Relaxed);
            answer
        }
    };
    let b2 = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(backend)
        .timer(timer.clone());
    (b2.build().unwrap(), height)
}

#[test]
fn deletes_run_with_the_requested_concurrency() {
    for (concurrency, expected) in [(0, 1), (1, 1), (2, 2), (7, 7), (100, 20)] {
        let mode = DeleteMode::Delete { concurrency };
        let (owner, emulator, timer) = client();
        let (b2, deleting) = measured(&emulator, &timer, "b2_delete_file_version");
        let (b2_too, cancelling) = measured(&emulator, &timer, "b2_cancel_large_file");
        timer.run(async {
            let bucket = bucket(&owner, "holiday-photos").await;
            for n in 0..20 {
                upload(&owner, &bucket, &format!("f{n}")).await;
            }
            assert_eq!(
                outcomes(b2.delete_all_versions(&bucket, "", mode))
                    .await
                    .len(),
                20
            );
            for n in 0..20 {
                let start = StartLargeFile::new(&bucket, name(&format!("f{n}")));
                owner.call(start).await.unwrap();
            }
            let later = Timestamp::from_millis(i64::MAX);
            let files = b2_too.cancel_unfinished_large_files(&bucket, later, mode);
            assert_eq!(outcomes(files).await.len(), 20);
        });
        for height in [deleting, cancelling] {
            assert_eq!(height.highest.load(Ordering::Relaxed), expected);
        }
        let snapshot = emulator.snapshot();
        assert_eq!((snapshot.versions, snapshot.unfinished_large_files), (0, 0));
    }
}

#[test]
fn a_locked_version_is_reported_and_the_others_are_deleted() {
    for concurrency in [1, 4] {
        let (b2, _, timer) = client();
        timer.run(async {
            let bucket = bucket(&b2, "holiday-photos").await;
            upload(&b2, &bucket, "a").await;
            let held = UploadFile::new(&bucket, name("b"), "x").legal_hold(LegalHold::On);
            let held = b2.call(held).await.unwrap().file_id;
            for file in ["c", "d", "e"] {
                upload(&b2, &bucket, file).await;
            }
            let mode = DeleteMode::Delete { concurrency };
            let deleted = outcomes(b2.delete_all_versions(&bucket, "", mode)).await;
            assert_eq!(deleted.len(), 5);
            let failed = |(version, outcome): (FileVersion, Result<(), Error>)| {
                outcome.err().map(|error| (version.file_id, error))
            };
            let failed: Vec<_> = deleted.into_iter().filter_map(failed).collect();
            let [(file_id, error)] = &failed[..] else {
                panic!("{failed:?}")
            };
            assert_eq!(
                (file_id, error.call()),
                (&held, Some("b2_delete_file_version"))
            );
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
            assert_eq!(
                versions(&b2, &bucket).await,
                [("b".to_owned(), Action::Upload)]
            );
        });
    }
}

#[test]
fn a_failed_listing_is_reported_last_after_all_started_deletes() {
    for concurrency in [1, 3, 100] {
        let (owner, emulator, timer) = client();
        let listings = AtomicUsize::new(0);
        let b2 = wired(&emulator, &timer, move |request| {
            let second = call_of(request) == "b2_list_file_versions"
                && listings.fetch_add(1, Ordering::Relaxed) == 1;
            second.then(|| Ok(http_refusal(400, "bad_request")))
        });
        let b2 = b2.build().unwrap();
        timer.run(async {
            let bucket = bucket(&owner, "holiday-photos").await;
            for n in 0..1_001 {
                upload(&owner, &bucket, &format!("f{n}")).await;
            }
            let mode = DeleteMode::Delete { concurrency };
            let items: Vec<_> = b2.delete_all_versions(&bucket, "", mode).collect().await;
            let errors: Vec<_> = items.iter().map(Result::is_err).collect();
            let first = errors.iter().position(|is_error| *is_error);
            assert_eq!((first, errors.len()), (Some(1_000), 1_001), "{concurrency}");
            assert_eq!(versions(&owner, &bucket).await.len(), 1);
        });
    }
}

#[test]
fn unfinished_files_are_cancelled_if_they_are_old_enough() {
    let clock = ManualClock::at(1_000_000);
    let emulator = Emulator::builder().clock(clock.clone()).build();
    let timer = ManualTimer::new();
    let b2 = client_of(&emulator, &timer);
    timer.run(async {
        let bucket = bucket(&b2, "holiday-photos").await;
        upload(&b2, &bucket, "f").await;
        let mut ids = Vec::new();
        for at in [1_000, 2_000, 3_000, 4_000] {
            clock.set(1_000_000 + at);
            let start = StartLargeFile::new(&bucket, name("f"));
            ids.push(b2.call(start).await.unwrap().file_id);
        }
        let before = Timestamp::from_millis(1_003_000);
        let reported = b2.cancel_unfinished_large_files(&bucket, before, DeleteMode::DryRun);
        assert_eq!(outcomes(reported).await.len(), 2);
        let cancelled = b2.cancel_unfinished_large_files(&bucket, before, DELETE);
        let mut cancelled: Vec<_> = outcomes(cancelled)
            .await
            .into_iter()
            .map(|(file, outcome)| {
                outcome.unwrap();
                file.file_id
            })
            .collect();
        cancelled.sort();
        let (mut old, young) = (ids[..2].to_vec(), &ids[2..]);
        old.sort();
        assert_eq!(cancelled, old);
        let left = b2
            .call(ListUnfinishedLargeFiles::new(&bucket))
            .await
            .unwrap();
        let left: Vec<_> = left.files.into_iter().map(|file| file.file_id).collect();
        assert_eq!(left, young);
    });
    assert_eq!(
        emulator.snapshot().versions,
        1,
        "finished files are left alone"
    );
}

#[test]
fn a_file_that_can_not_be_cancelled_is_reported_and_the_others_are_cancelled() {
    let (owner, emulator, timer) = client();
    let refused = Arc::new(Mutex::new(None));
    let first = Arc::clone(&refused);
    let b2 = wired(&emulator, &timer, move |request| {
        if call_of(request) != "b2_cancel_large_file" {
            return None;
        }
        let id = sent(request)["fileId"].as_str().unwrap().to_owned();
        let mut first = first.lock().unwrap();
        (*first.get_or_insert_with(|| id.clone()) == id)
            .then(|| Ok(http_refusal(403, "access_denied")))
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        let bucket = bucket(&owner, "holiday-photos").await;
        for n in 0..5 {
            let start = StartLargeFile::new(&bucket, name(&format!("f{n}")));
            owner.call(start).await.unwrap();
        }
        let later = Timestamp::from_millis(i64::MAX);
        let files = outcomes(b2.cancel_unfinished_large_files(&bucket, later, DELETE)).await;
        let failed: Vec<_> = files
            .iter()
            .filter(|(_, outcome)| outcome.is_err())
            .collect();
        assert_eq!((files.len(), failed.len()), (5, 1));
        let refused = refused.lock().unwrap();
        assert_eq!(Some(failed[0].0.file_id.as_str()), refused.as_deref());
    });
    assert_eq!(emulator.snapshot().unfinished_large_files, 1);
}

#[test]
fn a_missing_bucket_is_an_error_of_the_call_that_looked_it_up() {
    let (b2, _, timer) = client();
    let error = timer.run(b2.bucket("no-such-bucket")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.call(), Some("b2_list_buckets"));
    assert_eq!(error.attempts(), 1);
    assert!(!error.may_have_taken_effect());
}

#[test]
fn streams_of_bulk_operations_are_unpin() {
    fn unpin(_: &impl Unpin) {}
    let (b2, ..) = client();
    unpin(&b2.delete_all_versions(&"b".into(), "", DeleteMode::DryRun));
    let before = Timestamp::from_millis(0);
    unpin(&b2.cancel_unfinished_large_files(&"b".into(), before, DeleteMode::DryRun));
}

/// A server lists versions of another bucket or prefix: helpers must not delete these.
#[test]
fn rows_outside_of_the_bucket_or_prefix_are_never_deleted_or_cancelled() {
    let row = |bucket: &BucketId, name: &str, action: &str| {
        serde_json::json!({
            "action": action, "bucketId": bucket.as_str(), "fileId": format!("4_z{name}"),
            "fileName": name,
            "contentLength": 1, "uploadTimestamp": 1, "fileInfo": {},
        })
    };
    let strange: BucketId = "other-bucket".into();
    for (elsewhere, name, message) in [
        (
            true,
            "pre/x",
            "\"pre/x\", is not what was asked for: it is in another bucket",
        ),
        (
            false,
            "precious",
            "\"precious\", is not what was asked for: its name does not begin with the prefix",
        ),
        (
            false,
            "pre/a\u{1b}[2J",
            "\"pre/a\\u{1b}[2J\", is not what was asked for: it is out of order",
        ),
    ] {
        let emulator = Emulator::new();
        let (timer, work) = (ManualTimer::new(), Arc::new(AtomicUsize::new(0)));
        let done = Arc::clone(&work);
        let strange = strange.clone();
        let b2 = wired(&emulator, &timer, move |request| {
            let action = match call_of(request) {
                "b2_list_file_versions" => "upload",
                "b2_list_unfinished_large_files" => "start",
                "b2_delete_file_version" | "b2_cancel_large_file" => {
                    done.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
                _ => return None,
            };
            let requested: BucketId = sent(request)["bucketId"].as_str().unwrap().into();
            let bucket = if elsewhere { &strange } else { &requested };
            let rows = [row(&requested, "pre/m", action), row(bucket, name, action)];
            let page = serde_json::json!({"files": rows, "nextFileName": null, "nextFileId": null});
            Some(Ok(crate::http_answer(200, &page)))
        });
        let b2 = b2.build().unwrap();
        timer.run(async {
            let bucket = bucket(&b2, "holiday-photos").await;
            let deleted = b2.delete_all_versions(&bucket, "pre/", DELETE).collect();
            let deleted: Vec<_> = deleted.await;
            let [Err(error)] = &deleted[..] else {
                panic!("{name:?}: {deleted:?}");
            };
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.to_string().contains(message), "{error}");
            if elsewhere {
                let later = Timestamp::from_millis(i64::MAX);
                let cancelled = b2.cancel_unfinished_large_files(&bucket, later, DELETE);
                let cancelled: Vec<_> = cancelled.collect().await;
                assert!(matches!(&cancelled[..], [Err(_)]), "{cancelled:?}");
            }
        });
        assert_eq!(work.load(Ordering::Relaxed), 0, "{name:?}");
    }
}
