//! What all bulk deletions have in common: concurrency, outcomes, and rows that a listing must not have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use b2kit::api::UploadFile;
use b2kit::backend::emulator::Emulator;
use b2kit::types::{Action, BucketId, BucketName, FileVersion, LegalHold, Timestamp};
use b2kit::{
    BucketHandle, Client, DeleteMode, Error, ErrorKind, HttpClient as _, ManualTimer, PruneRule,
    Request,
};
use futures::StreamExt as _;

use super::{DELETE, lockable, name, outcomes, put, rows, start, through};
use crate::{call_of, client, client_over, http_refusal, sent, wired};

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
    (client_over(emulator, timer, backend), height)
}

#[test]
fn deletes_run_with_the_requested_concurrency() {
    for (concurrency, expected) in [(0, 1), (1, 1), (2, 2), (7, 7), (100, 20)] {
        let mode = DeleteMode::Delete { concurrency };
        let (owner, emulator, timer) = client();
        let (b2, deleting) = measured(&emulator, &timer, "b2_delete_file_version");
        let (b2_too, cancelling) = measured(&emulator, &timer, "b2_cancel_large_file");
        timer.run(async {
            let bucket = lockable(&owner).await;
            for n in 0..20 {
                put(&bucket, &format!("f{n}"), "x").await;
            }
            assert_eq!(
                outcomes(through(&b2, &bucket).delete_all_files(mode))
                    .await
                    .len(),
                20
            );
            for n in 0..20 {
                start(&bucket, &format!("f{n}")).await;
            }
            let later = Timestamp::from_millis(i64::MAX);
            let files = through(&b2_too, &bucket).cancel_unfinished("", later, mode);
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
            let bucket = lockable(&b2).await;
            put(&bucket, "a", "x").await;
            let held = UploadFile::new(bucket.id(), name("b"), "x").legal_hold(LegalHold::On);
            let held = b2.call(held).await.unwrap().file_id;
            for file in ["c", "d", "e"] {
                put(&bucket, file, "x").await;
            }
            let mode = DeleteMode::Delete { concurrency };
            let deleted = outcomes(through(&b2, &bucket).delete_all_files(mode)).await;
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
            assert_eq!(rows(&bucket).await, [("b".to_owned(), Action::Upload)]);
        });
    }
}

#[test]
fn a_listing_error_is_the_last_item_after_all_started_deletes() {
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
            let bucket = lockable(&owner).await;
            for n in 0..1_001 {
                put(&bucket, &format!("f{n}"), "x").await;
            }
            let mode = DeleteMode::Delete { concurrency };
            let items: Vec<_> = through(&b2, &bucket).delete_all_files(mode).collect().await;
            let errors: Vec<_> = items.iter().map(Result::is_err).collect();
            let first = errors.iter().position(|is_error| *is_error);
            assert_eq!((first, errors.len()), (Some(999), 1_000), "{concurrency}");
            // The last name may have older versions on the unreadable page.
            assert_eq!(rows(&bucket).await.len(), 2);
        });
    }
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
        let bucket = lockable(&owner).await;
        for n in 0..5 {
            start(&bucket, &format!("f{n}")).await;
        }
        let later = Timestamp::from_millis(i64::MAX);
        let files = outcomes(through(&b2, &bucket).cancel_unfinished("", later, DELETE)).await;
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
fn streams_of_bulk_operations_are_unpin() {
    fn unpin(_: &impl Unpin) {}
    let (b2, ..) = client();
    let bucket = BucketHandle::new(b2, "b".into(), BucketName::new("bucket").unwrap());
    let (before, mode) = (Timestamp::from_millis(0), DeleteMode::DryRun);
    unpin(&bucket.delete_prefix("f", mode));
    unpin(&bucket.delete_all_files(mode));
    unpin(&bucket.prune_versions("f", PruneRule::KeepNewest(1), mode));
    unpin(&bucket.cancel_unfinished("", before, mode));
}

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
            "\"pre/x\", doesn't match the request: it is in a different bucket",
        ),
        (
            false,
            "precious",
            "\"precious\", doesn't match the request: its name doesn't begin with the prefix",
        ),
        (
            false,
            "pre/a\u{1b}[2J",
            "\"pre/a\\u{1b}[2J\", doesn't match the request: it is out of order",
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
            let bucket = lockable(&b2).await;
            let deleted = bucket.delete_prefix("pre/", DELETE).collect();
            let deleted: Vec<_> = deleted.await;
            let [Err(error)] = &deleted[..] else {
                panic!("{name:?}: {deleted:?}");
            };
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.to_string().contains(message), "{error}");
            if elsewhere {
                let later = Timestamp::from_millis(i64::MAX);
                let cancelled = bucket.cancel_unfinished("pre/", later, DELETE);
                let cancelled: Vec<_> = cancelled.collect().await;
                assert!(matches!(&cancelled[..], [Err(_)]), "{cancelled:?}");
            }
        });
        assert_eq!(work.load(Ordering::Relaxed), 0, "{name:?}");
    }
}
