//! Peers that send or read byte by byte: every documented limit applies to them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use b2kit::api::{CopyFile, ListBuckets, ListFileNames, UploadFile};
use b2kit::http::{self, header};
use b2kit::transfer::Source;
use b2kit::types::{FileName, Sha1};
use b2kit::{
    BucketHandle, Bytes, Client, Error, ErrorKind, HttpClient as _, HttpErrorKind, ManualTimer,
    Request, Response, ResponseBody, RetryPolicy, RetryStopReason, Throughput, Timer as _,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::download::bytes;
use crate::uploading::{bucket, content};
use crate::{call_of, client, http_answer, http_refusal, served};

const SECOND: Duration = Duration::from_secs(1);

/// The body of a response, a byte after each pause.
fn trickling_response(timer: &ManualTimer, pause: Duration, response: Response) -> Response {
    let (head, body) = response.into_parts();
    let timer = timer.clone();
    let bytes = stream::once(body.collect(1 << 30))
        .map_ok(|bytes| stream::iter((0..bytes.len()).map(move |at| Ok(bytes.slice(at..=at)))))
        .try_flatten()
        .then(move |byte| {
            let pause = timer.sleep(pause);
            async move {
                pause.await;
                byte
            }
        });
    Response::from_parts(head, ResponseBody::new(None, bytes))
}

/// A client whose replies to `call` trickle: a byte every `pause`.
fn trickling(
    call: &'static str,
    pause: Duration,
    retry: RetryPolicy,
) -> (Client, ManualTimer, Arc<AtomicUsize>) {
    let (_, emulator, timer) = client();
    let (clock, requests) = (timer.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&requests);
    let b2 = emulator.clone();
    let backend = move |request: Request| {
        let (b2, clock, counted) = (b2.clone(), clock.clone(), Arc::clone(&counted));
        async move {
            let is_meant = name_of(&request) == call;
            let response = b2.send(request).await?;
            if !is_meant {
                return Ok(response);
            }
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(trickling_response(&clock, pause, response))
        }
    };
    let client = served(&emulator)
        .backend(backend)
        .timer(timer.clone())
        .retry_policy(retry)
        .rng_seed(1)
        .build()
        .unwrap();
    (client, timer, requests)
}

fn name_of(request: &Request) -> &str {
    match call_of(request) {
        "" => "b2_download_file_by_name",
        name => name,
    }
}

fn timed_out(error: &Error) -> bool {
    let kind = error.http_error().map(b2kit::HttpError::kind);
    matches!(kind, Some(HttpErrorKind::Timeout | HttpErrorKind::Stalled))
}

fn within(deadline: Duration) -> RetryPolicy {
    RetryPolicy::default().with_deadline(deadline)
}

#[test]
fn a_trickling_reply_ends_after_the_five_minutes_of_a_call() {
    // At a byte per second the stall timeout is never reached; the first case disables the minimum throughput.
    for (least, expected) in [(0, 300), (16 << 10, 300)] {
        let (_, emulator, timer) = client();
        let (clock, b2) = (timer.clone(), emulator.clone());
        let backend = move |request: Request| {
            let (b2, clock) = (b2.clone(), clock.clone());
            async move {
                let is_meant = call_of(&request) == "b2_list_buckets";
                let response = b2.send(request).await?;
                if !is_meant {
                    return Ok(response);
                }
                let endless = vec![b' '; 1_000_000];
                let response = Response::new(ResponseBody::from(endless));
                Ok(trickling_response(&clock, SECOND, response))
            }
        };
        let b2 = served(&emulator)
            .backend(backend)
            .timer(timer.clone())
            .throughput(Throughput::new(least, 60 * SECOND))
            .build()
            .unwrap();
        let began = timer.now();
        let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
        assert!(timed_out(&error), "{error:?}");
        let took = timer.now() - began;
        assert!(took <= expected * SECOND, "{took:?}");
        if least == 0 {
            assert_eq!((error.attempts(), took), (1, expected * SECOND));
        }
    }
}

#[test]
fn a_trickling_error_body_is_not_waited_for() {
    let (_, emulator, timer) = client();
    let clock = timer.clone();
    let listings = AtomicUsize::new(0);
    let wire = emulator.clone();
    let backend = move |request: Request| {
        let first =
            call_of(&request) == "b2_list_buckets" && listings.fetch_add(1, Ordering::Relaxed) == 0;
        let (wire, clock) = (wire.clone(), clock.clone());
        async move {
            if first {
                let response = http_refusal(503, &"x".repeat(60_000));
                return Ok(trickling_response(&clock, 5 * SECOND, response));
            }
            wire.send(request).await
        }
    };
    let b2 = served(&emulator).backend(backend).timer(timer.clone());
    let b2 = b2.build().unwrap();
    let began = timer.now();
    timer.run(b2.call(ListBuckets::new())).unwrap();
    let took = timer.now() - began;
    assert!(took >= 30 * SECOND && took < 33 * SECOND, "{took:?}");
}

#[test]
fn a_deadline_ends_trickling_replies_and_error_bodies() {
    for call in ["b2_list_buckets", "b2_authorize_account"] {
        let (b2, timer, _) = trickling(call, SECOND, within(5 * SECOND));
        let began = timer.now();
        let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
        assert_eq!(
            error.retry_stop_reason(),
            Some(RetryStopReason::Deadline),
            "{error:?}"
        );
        assert!(timer.now() - began <= 5 * SECOND, "{call}");
    }
}

/// Added to the counter for each byte; the digits below count replies.
const A_BYTE: usize = 1_000;

/// A bucket with a file of 400 kB, and a client with this policy whose downloads trickle.
fn trickling_file(
    pause: Duration,
    retry: RetryPolicy,
) -> (BucketHandle, ManualTimer, Arc<AtomicUsize>) {
    let (_, emulator, timer) = client();
    let (clock, requests) = (timer.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&requests);
    let wire = emulator.clone();
    let backend = move |request: Request| {
        let (wire, clock, counted) = (wire.clone(), clock.clone(), Arc::clone(&counted));
        async move {
            let is_meant = request.uri().path().contains("/file/")
                || call_of(&request) == "b2_download_file_by_id";
            let response = wire.send(request).await?;
            if !is_meant {
                return Ok(response);
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let (head, body) = trickling_response(&clock, pause, response).into_parts();
            let body = body.inspect_ok(move |_| {
                counted.fetch_add(A_BYTE, Ordering::Relaxed);
            });
            Ok(Response::from_parts(head, ResponseBody::new(None, body)))
        }
    };
    let b2 = served(&emulator)
        .backend(backend)
        .timer(timer.clone())
        .retry_policy(retry)
        .rng_seed(1)
        .build()
        .unwrap();
    let bucket = timer.run(async {
        let bucket = bucket(&b2).await;
        let name = FileName::new("f").unwrap();
        let upload = UploadFile::new(bucket.id(), name, bytes(400_000));
        b2.call(upload).await.unwrap();
        bucket
    });
    (bucket, timer, requests)
}

#[test]
fn a_deadline_ends_every_kind_of_trickling_download() {
    let dir = tempfile::tempdir().unwrap();
    for end in [
        "stream",
        "collect",
        "to_writer",
        "to_path",
        "ranges",
        "resume",
    ] {
        // Fast enough to exceed the minimum throughput and never stall.
        let pause = Duration::from_millis(2);
        let (bucket, timer, requests) = trickling_file(pause, within(5 * SECOND));
        let (began, path) = (timer.now(), dir.path().join(end));
        let download = bucket.download("f");
        let error = timer
            .run(async {
                match end {
                    "stream" => {
                        let mut stream = download.stream().await?;
                        while let Some(bytes) = stream.next().await {
                            bytes?;
                        }
                        Ok(())
                    }
                    "collect" => {
                        let stream = download.stream().await?;
                        stream.collect(1 << 20).await.map(drop)
                    }
                    "to_writer" => download.to_writer(futures::io::sink()).await.map(drop),
                    "to_path" => download.concurrency(1).to_path(&path).await.map(drop),
                    "ranges" => {
                        let download = download.range_size(150_000);
                        download.concurrency(3).to_path(&path).await.map(drop)
                    }
                    // In several ranges, each of which has a deadline of its own, it would succeed.
                    _ => {
                        let download = download.resume().concurrency(1);
                        download.to_path(&path).await.map(drop)
                    }
                }
            })
            .unwrap_err();
        let took = timer.now() - began;
        // The clock may be advanced while a thread of the pool works, when nothing waits for bytes.
        let is_local = matches!(end, "to_path" | "ranges" | "resume");
        assert!(is_local || took <= 6 * SECOND, "{end}: {took:?}");
        let (requests, bytes) = (
            requests.load(Ordering::Relaxed) % A_BYTE,
            requests.load(Ordering::Relaxed) / A_BYTE,
        );
        assert!(
            bytes <= requests * 2_500,
            "{end}: {bytes} bytes, one in 2 ms"
        );
        assert_eq!(error.kind(), ErrorKind::Http, "{end}: {error:?}");
        assert_eq!(
            error.retry_stop_reason(),
            Some(RetryStopReason::Deadline),
            "{end}: {error:?}"
        );
        assert!(timed_out(&error), "{end}: {error:?}");
        assert!(requests <= 4, "{end}");
    }
    // Resumable partial files are kept, and no file has the target's name.
    assert!(!dir.path().join("to_path").exists() && !dir.path().join("resume").exists());
    assert!(fs::read_dir(dir.path()).unwrap().count() > 0);
}

#[test]
fn a_download_that_makes_progress_may_take_longer_than_the_deadline() {
    let retry = within(5 * SECOND);
    let (bucket, timer, requests) = trickling_file(Duration::from_micros(15), retry);
    let began = timer.now();
    let stream = timer.run(bucket.download("f").stream()).unwrap();
    let back = timer.run(stream.collect(1 << 20)).unwrap();
    assert!(back == bytes(400_000));
    assert!(timer.now() - began >= 6 * SECOND);
    assert_eq!(requests.load(Ordering::Relaxed) % A_BYTE, 1);
}

#[test]
fn a_pausing_reader_and_a_bandwidth_limit_do_not_count_as_trickling() {
    let (_, emulator, timer) = client();
    // The client's own bandwidth limit is a thirtieth of the minimum throughput.
    let b2 = served(&emulator)
        .timer(timer.clone())
        .retry_policy(within(5 * SECOND))
        .bandwidth_limit(10)
        .build()
        .unwrap();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let fast = served(&emulator).timer(timer.clone()).build().unwrap();
        let name = FileName::new("f").unwrap();
        let upload = UploadFile::new(bucket.id(), name, content(2_000));
        fast.call(upload).await.unwrap();
        let mut stream = bucket.download("f").stream().await.unwrap();
        let mut back = Vec::new();
        while let Some(bytes) = stream.next().await {
            back.extend_from_slice(&bytes.unwrap());
            timer.sleep(60 * SECOND).await;
        }
        assert_eq!(back, content(2_000));
    });
}

#[test]
fn a_deadline_includes_the_time_that_a_bandwidth_limit_takes_from_each_part_of_an_upload() {
    for (part_size, is_in_time) in [(1_000, false), (200, true)] {
        let (_, emulator, timer) = client();
        let b2 = served(&emulator)
            .timer(timer.clone())
            .retry_policy(within(5 * SECOND))
            .bandwidth_limit(100)
            .build()
            .unwrap();
        timer.run(async {
            let bucket = bucket(&b2).await;
            let upload = bucket.upload("f", content(1_000)).concurrency(1);
            let stop_reason = match upload.part_size(part_size).await {
                Ok(_) => None,
                Err(error) => error.retry_stop_reason(),
            };
            let late = Some(RetryStopReason::Deadline);
            assert_eq!(stop_reason, late.filter(|_| !is_in_time), "{part_size}");
        });
    }
}

#[test]
fn a_trickling_download_without_a_deadline_is_aborted_and_resumed() {
    let (bucket, timer, requests) = trickling_file(5 * SECOND, RetryPolicy::default());
    let began = timer.now();
    let mut stream = timer.run(bucket.download("f").stream()).unwrap();
    let error = timer.run(async {
        loop {
            match stream.next().await.unwrap() {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    });
    assert!(timed_out(&error), "{error:?}");
    let attempts = requests.load(Ordering::Relaxed) % A_BYTE;
    assert!((2..=10).contains(&attempts), "{attempts}");
    // Each attempt takes up to a minute, plus the backoff after it.
    let took = timer.now() - began;
    assert!(took <= 10 * (60 + 64) * SECOND, "{took:?}");
}

#[test]
fn a_trickling_reply_to_an_upload_is_aborted_and_reconciled() {
    let retry = RetryPolicy::disabled();
    let (b2, timer, _) = trickling("b2_upload_file", 5 * SECOND, retry);
    timer.run(async {
        let bucket = bucket(&b2).await;
        let began = timer.now();
        // The upload is reconciled with a listing.
        let uploaded = bucket.upload("f", "meow").await.unwrap();
        assert_eq!(uploaded.file.content_length, 4);
        assert!(timer.now() - began <= 120 * SECOND);
    });
}

#[test]
fn a_deadline_bounds_each_part_of_an_upload_and_nothing_is_left_behind() {
    let (b2, timer, _) = trickling("b2_upload_part", SECOND, within(5 * SECOND));
    timer.run(async {
        let bucket = bucket(&b2).await;
        for source in [
            Source::bytes(content(350)),
            Source::stream(stream::iter([Ok(content(350))])),
        ] {
            let began = timer.now();
            let upload = bucket.upload("f", source).part_size(100);
            let error = upload.await.unwrap_err();
            assert_eq!(
                error.retry_stop_reason(),
                Some(RetryStopReason::Deadline),
                "{error:?}"
            );
            assert!(error.part().is_some());
            assert!(timer.now() - began <= 6 * SECOND, "{error:?}");
            assert!(b2.unfinished().is_empty());
        }
    });
}

#[test]
fn a_deadline_bounds_copies_compositions_and_listings() {
    for (call, what) in [
        ("b2_copy_file", "copy"),
        ("b2_copy_part", "copy in parts"),
        ("b2_copy_file", "compose"),
        ("b2_copy_part", "compose in parts"),
        ("b2_list_file_names", "list"),
        ("b2_finish_large_file", "upload in parts"),
        ("b2_start_large_file", "upload in parts"),
    ] {
        let (b2, timer, requests) = trickling(call, SECOND, within(5 * SECOND));
        timer.run(async {
            let bucket = bucket(&b2).await;
            let file = bucket.upload("f", content(90)).await.unwrap().file;
            let began = timer.now();
            let error = match what {
                "copy" => bucket.copy(&file, "g").await.unwrap_err(),
                "copy in parts" => bucket.copy(&file, "g").part_size(30).await.unwrap_err(),
                "compose" => {
                    let sources = [b2kit::transfer::ComposeSource::file(&file)];
                    bucket.compose("g", sources).await.unwrap_err()
                }
                "compose in parts" => {
                    let source = || b2kit::transfer::ComposeSource::file(&file);
                    bucket.compose("g", [source(), source()]).await.unwrap_err()
                }
                "list" => {
                    let mut files = b2.paginate(ListFileNames::new(bucket.id()));
                    files.try_next().await.unwrap_err()
                }
                _ => {
                    let upload = bucket.upload("g", content(350)).part_size(100);
                    upload.await.unwrap_err()
                }
            };
            assert_eq!(error.call(), Some(call), "{what}: {error:?}");
            assert_eq!(
                error.retry_stop_reason(),
                Some(RetryStopReason::Deadline),
                "{what}: {error:?}"
            );
            let took = timer.now() - began;
            assert!(took <= 6 * SECOND, "{what}: {took:?}");
            assert!(requests.load(Ordering::Relaxed) > 0);
        });
    }
}

#[test]
fn a_long_running_call_may_take_forty_minutes() {
    let (_, emulator, timer) = client();
    let (clock, wire) = (timer.clone(), emulator.clone());
    let backend = move |request: Request| {
        let (wire, clock) = (wire.clone(), clock.clone());
        async move {
            if call_of(&request) != "b2_copy_file" {
                return wire.send(request).await;
            }
            clock.sleep(1_100 * SECOND).await;
            let endless = Response::new(ResponseBody::from(vec![b' '; 1_000_000]));
            Ok(trickling_response(&clock, SECOND / 10, endless))
        }
    };
    let b2 = served(&emulator).backend(backend).timer(timer.clone());
    let b2 = b2.throughput(Throughput::new(0, SECOND)).build().unwrap();
    let began = timer.now();
    let copy = CopyFile::new("4_z1_f1", FileName::new("g").unwrap());
    let error = timer.run(b2.call(copy)).unwrap_err();
    assert!(timed_out(&error), "{error:?}");
    assert_eq!(timer.now() - began, 2_400 * SECOND);
}

#[test]
fn a_list_of_endless_empty_pages_ends_at_the_deadline() {
    let (_, emulator, timer) = client();
    let (clock, wire, pages) = (
        timer.clone(),
        emulator.clone(),
        Arc::new(AtomicUsize::new(0)),
    );
    let backend = move |request: Request| {
        let (wire, clock, pages) = (wire.clone(), clock.clone(), Arc::clone(&pages));
        async move {
            if call_of(&request) != "b2_list_file_names" {
                return wire.send(request).await;
            }
            clock.sleep(SECOND).await;
            let next = format!("{:08}", pages.fetch_add(1, Ordering::Relaxed));
            Ok(http_answer(
                200,
                &serde_json::json!({"files": [], "nextFileName": next}),
            ))
        }
    };
    let b2 = served(&emulator).backend(backend).timer(timer.clone());
    let b2 = b2.retry_policy(within(5 * SECOND)).build().unwrap();
    let began = timer.now();
    let mut files = b2.paginate(ListFileNames::new("4_z1"));
    let error = timer.run(files.try_next()).unwrap_err();
    assert_eq!(
        error.retry_stop_reason(),
        Some(RetryStopReason::Deadline),
        "{error:?}"
    );
    assert!(timer.now() - began <= 7 * SECOND);
    assert!(timer.run(files.try_next()).unwrap().is_none());
}

/// Every place where a user's source is read.
#[test]
fn a_source_of_endless_empty_chunks_is_an_error_of_the_source() {
    let nothing = || stream::repeat_with(|| Ok(Bytes::new()));
    for limit in [None, Some(1_000_000)] {
        let (_, emulator, timer) = client();
        let mut b2 = served(&emulator).timer(timer.clone());
        if let Some(limit) = limit {
            b2 = b2.bandwidth_limit(limit);
        }
        let b2 = b2.build().unwrap();
        timer.run(async {
            let bucket = bucket(&b2).await;
            for source in [
                Source::stream(nothing()),
                Source::sized_stream(350, nothing()),
                Source::ranges(50, move |_| Ok(nothing())),
                Source::ranges(350, move |_| Ok(nothing())),
                Source::ranges(0, move |_| Ok(nothing())),
            ] {
                let message = format!("{source:?}");
                let error = bucket.upload("f", source).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Source, "{message}: {error:?}");
            }
            assert!(b2.unfinished().is_empty());
        });
    }
}

/// Buffering a part as single-byte chunks would take many times its memory.
#[test]
fn a_source_of_single_byte_chunks_arrives_complete() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let bytes = content(100_000);
        let single = bytes.clone();
        let single = (0..single.len()).map(move |at| Ok(single.slice(at..=at)));
        let upload = bucket.upload("f", Source::stream(stream::iter(single)));
        let file = upload.part_size(50_001).await.unwrap().file;
        let back = crate::uploading::stored(&b2, &file.file_id).await;
        assert_eq!(Sha1::of(&back), Sha1::of(&bytes));
    });
}

#[test]
fn a_response_without_a_length_is_bounded_too() {
    let (_, emulator, timer) = client();
    let (clock, wire) = (timer.clone(), emulator.clone());
    let backend = move |request: Request| {
        let (wire, clock) = (wire.clone(), clock.clone());
        async move {
            if call_of(&request) != "b2_list_buckets" {
                return wire.send(request).await;
            }
            let mut response = trickling_response(
                &clock,
                5 * SECOND,
                Response::new(ResponseBody::from(vec![b' '; 100_000])),
            );
            let chunked = http::HeaderValue::from_static("chunked");
            response
                .headers_mut()
                .insert(header::TRANSFER_ENCODING, chunked);
            Ok(response)
        }
    };
    let b2 = served(&emulator).backend(backend).timer(timer.clone());
    let b2 = b2.build().unwrap();
    let began = timer.now();
    let error = timer.run(b2.call(ListBuckets::new())).unwrap_err();
    assert!(timed_out(&error), "{error:?}");
    assert!(timer.now() - began <= 300 * SECOND);
}

#[test]
fn a_connection_timed_out_by_the_system_is_not_a_passed_deadline() {
    let (_, emulator, timer) = client();
    let (b2, requests) = (emulator.clone(), Arc::new(AtomicUsize::new(0)));
    let backend = move |request: Request| {
        let (b2, requests) = (b2.clone(), Arc::clone(&requests));
        async move {
            let is_meant = name_of(&request) == "b2_download_file_by_name";
            let response = b2.send(request).await?;
            if !is_meant || requests.fetch_add(1, Ordering::Relaxed) > 0 {
                return Ok(response);
            }
            let (head, body) = response.into_parts();
            let bytes = body.collect(1 << 20).await?;
            let gone = std::io::ErrorKind::TimedOut.into();
            let gone = b2kit::HttpError::from_io(b2kit::Phase::ResponseBegun, gone);
            let broken = stream::iter([Ok(bytes.slice(..10)), Err(gone)]);
            Ok(Response::from_parts(head, ResponseBody::new(None, broken)))
        }
    };
    let b2 = served(&emulator)
        .backend(backend)
        .timer(timer.clone())
        .retry_policy(within(3_600 * SECOND))
        .rng_seed(1)
        .build()
        .unwrap();
    timer.run(async {
        let (bucket, content) = (bucket(&b2).await, content(50));
        bucket.upload("f", content.clone()).await.unwrap();
        let download = bucket.download("f").stream().await.unwrap();
        assert_eq!(download.collect(100).await.unwrap(), content);
    });
}
