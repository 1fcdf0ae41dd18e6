//! Endless listings: operations that read all rows still end.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use b2kit::types::Sha1;
use b2kit::{Client, ErrorKind, HttpClient as _, ManualTimer, Request, RetryPolicy, Timer as _};
use serde_json::{Value, json};

use crate::uploading::{bucket, content, polled};
use crate::{call_of, http_answer, served};

/// Makes the nth row of a listing.
type Row = fn(u64, &str) -> Value;

/// A client of a server that answers calls of this name with full pages, each with a fresh cursor.
/// Each request takes `pause`.
fn endless(
    call: &'static str,
    rows: u64,
    pause: Duration,
    row: Row,
) -> (Client, ManualTimer, Arc<AtomicU64>) {
    let emulator = b2kit::backend::emulator::Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .build();
    let (timer, pages) = (ManualTimer::new(), Arc::new(AtomicU64::new(0)));
    let (b2, clock, counter) = (emulator.clone(), timer.clone(), Arc::clone(&pages));
    let backend = move |mut request: Request| {
        let (b2, clock, counter) = (b2.clone(), clock.clone(), Arc::clone(&counter));
        async move {
            clock.sleep(pause).await;
            if call_of(&request) != call {
                return b2.send(request).await;
            }
            let bucket_id = crate::sent(&mut request)["bucketId"]
                .as_str()
                .unwrap()
                .to_owned();
            let page = counter.fetch_add(1, Ordering::Relaxed);
            let rows: Vec<_> = (page * rows..(page + 1) * rows)
                .map(|number| row(number, &bucket_id))
                .collect();
            let next = format!("4_{:012}", (page + 1) * rows.len() as u64);
            Ok(http_answer(
                200,
                &json!({"files": rows, "nextFileId": next, "nextFileName": "f"}),
            ))
        }
    };
    let client = served(&emulator)
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap();
    (client, timer, pages)
}

fn of_version(number: u64, bucket_id: &str, action: &str, info: &Value) -> Value {
    json!({
        "accountId": "a", "action": action, "bucketId": bucket_id, "contentLength": 0,
        "contentType": "b2/x-auto", "fileId": format!("4_{number:012}"), "fileInfo": info,
        "fileName": "f", "uploadTimestamp": 1,
    })
}

fn foreign(number: u64, bucket_id: &str) -> Value {
    of_version(number, bucket_id, "start", &json!({}))
}

/// An unfinished upload that qualifies for being resumed.
fn matching(number: u64, bucket_id: &str) -> Value {
    let sha1 = Sha1::of(&content(1_000)).to_string();
    of_version(
        number,
        bucket_id,
        "start",
        &json!({"large_file_sha1": sha1}),
    )
}

fn marker(number: u64, bucket_id: &str) -> Value {
    of_version(number, bucket_id, "hide", &json!({}))
}

const UNFINISHED: &str = "b2_list_unfinished_large_files";

#[test]
fn a_resumed_upload_ends_despite_an_endless_list_of_unfinished_uploads() {
    for row in [foreign, matching] {
        for deadline in [None, Some(Duration::from_secs(5))] {
            let pause = Duration::from_millis(200);
            let (b2, timer, pages) = endless(UNFINISHED, 100, pause, row);
            let policy = match deadline {
                Some(deadline) => RetryPolicy::default().with_deadline(deadline),
                None => RetryPolicy::default(),
            };
            let b2 = b2.with_retry_policy(policy);
            timer.run(async {
                let bucket = bucket(&b2).await;
                let begun = timer.now();
                let plan = bucket.upload("f", content(1_000)).resume().plan().await;
                plan.unwrap();
                let took = timer.now() - begun;
                if let Some(deadline) = deadline {
                    assert!(took < 2 * deadline, "{took:?}");
                }
                assert!(pages.load(Ordering::Relaxed) <= 101, "{pages:?}");
                bucket.upload("f", content(1_000)).resume().await.ok();
            });
        }
    }
}

#[test]
fn an_upload_named_by_a_resume_token_is_looked_up_without_a_search() {
    let (b2, timer, pages) = endless(UNFINISHED, 1, Duration::ZERO, foreign);
    timer.run(async {
        let bucket = bucket(&b2).await;
        let token = b2kit::transfer::ResumeToken::new("4_777");
        let upload = bucket.upload("f", content(1_000)).resume_from(token);
        let error = upload.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert_eq!(pages.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn orphan_cleanup_ends_despite_an_endless_list_of_unfinished_uploads() {
    let (b2, timer, pages) = endless(UNFINISHED, 100, Duration::from_millis(10), foreign);
    timer.run(async {
        let bucket = bucket(&b2).await;
        // Dropped while the large file is started, so its id is unknown.
        for polls in 0.. {
            let upload = bucket.upload("f", content(1_000)).hash_first(false);
            assert!(polled(upload.into_future(), polls).await.is_none());
            if !b2.unfinished().is_empty() {
                break;
            }
            assert!(polls < 100);
        }
        let left = b2.cancel_orphaned_uploads().await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].1.kind(), ErrorKind::Protocol, "{}", left[0].1);
        assert!(pages.load(Ordering::Relaxed) <= 101, "{pages:?}");
    });
}

#[test]
fn unhiding_ends_despite_an_endless_list_of_hide_markers() {
    let (b2, timer, _) = endless("b2_list_file_versions", 10, Duration::ZERO, marker);
    timer.run(async {
        let bucket = bucket(&b2).await;
        let error = bucket.unhide("f").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    });
}
