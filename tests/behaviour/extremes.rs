//! Extreme numbers: with any value of a setting or a header, calls end and nothing panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use b2kit::api::{ListBuckets, ListFileVersions, UploadFile};
use b2kit::http::HeaderValue;
use b2kit::http::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, HeaderName, RETRY_AFTER};
use b2kit::transfer::{ComposeSource, Source};
use b2kit::types::{ByteRange, FileName, FileVersion};
use b2kit::{
    BucketHandle, Client, ClientBuilder, DeleteMode, Error, ErrorKind, HttpError, HttpErrorKind,
    ManualTimer, Phase, RetryPolicy, Throughput, Timer as _,
};
use futures::{StreamExt as _, stream};
use tempfile::tempdir;

use crate::download::{Net, bytes};
use crate::uploading::{bucket, content};
use crate::{call_of, client, http_refusal, wired};

const DURATIONS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_secs(1),
    Duration::from_secs(300),
    Duration::from_secs(i64::MAX as u64),
    Duration::from_secs(u64::MAX / 2),
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

const COUNTS: [u32; 3] = [0, 1, u32::MAX];

const WISHES: [&str; 12] = [
    "0",
    "1",
    "300",
    "301",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "-1",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 99999 23:59:59 GMT",
];

const DATES: [&str; 4] = [
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Wed, 21 Oct 2015 12:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 99999 23:59:59 GMT",
];

/// The default policy with one setting at an extreme, and with all of them at one.
fn policies() -> Vec<RetryPolicy> {
    type Set = fn(&mut RetryPolicy, Duration, u32);
    let settings: [Set; 9] = [
        |policy, _, count| policy.max_api_attempts = count,
        |policy, _, count| policy.max_upload_attempts = count,
        |policy, _, count| policy.max_download_attempts = count,
        |policy, duration, _| policy.min_retry_duration = duration,
        |policy, duration, _| policy.deadline = Some(duration),
        |policy, duration, _| policy.first_connection_timeout = duration,
        |policy, duration, _| policy.initial_backoff = duration,
        |policy, duration, _| policy.max_backoff = duration,
        |policy, duration, _| policy.max_retry_after = duration,
    ];
    let mut policies = Vec::new();
    for (at, duration) in DURATIONS.into_iter().enumerate() {
        let count = COUNTS[at % COUNTS.len()];
        let mut all = RetryPolicy::default();
        for set in settings {
            let mut policy = RetryPolicy::default();
            set(&mut policy, duration, count);
            policies.push(policy);
            set(&mut all, duration, count);
        }
        policies.push(all);
    }
    // A new setting has to be added above. `RetryPolicy` can't be destructured, but its debug output has all fields.
    let fields = format!("{:?}", RetryPolicy::default());
    assert_eq!(fields.matches(": ").count(), settings.len(), "{fields}");
    policies
}

/// How an operation of a client ends: successfully, or with an error that gives the reason.
fn assert_ends<T>(case: &str, outcome: Result<T, Error>) {
    if let Err(error) = outcome {
        let kind = error.kind();
        assert!(
            !matches!(kind, ErrorKind::Credentials | ErrorKind::Unauthorized),
            "{case}: {error:?}"
        );
        assert!(error.to_string().len() < 1_000, "{case}");
    }
}

/// A client whose first calls fail in each possible way, with this `Retry-After`.
fn failing(
    wish: &'static str,
    date: &'static str,
) -> (ClientBuilder, ManualTimer, Arc<AtomicUsize>) {
    let (_, emulator, timer) = client();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let builder = wired(&emulator, &timer, move |request| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        assert!(number < 20_000, "{} goes on for ever", call_of(request));
        let response = |status, code| {
            let mut response = http_refusal(status, code);
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(wish));
            headers.insert(DATE, HeaderValue::from_static(date));
            Some(Ok(response))
        };
        match number % 7 {
            0 => response(503, "service_unavailable"),
            2 => response(429, "too_many_requests"),
            4 => Some(Err(HttpError::new(
                HttpErrorKind::Reset,
                Phase::MaybeReceived,
            ))),
            _ => None,
        }
    });
    (builder, timer, requests)
}

async fn run_operations(b2: &Client, case: &str) {
    assert_ends(case, b2.call(ListBuckets::new()).await);
    let bucket = match b2.bucket("holiday-photos").await {
        Ok(bucket) => bucket,
        Err(_) => BucketHandle::new(
            b2.clone(),
            "4_z".into(),
            b2kit::types::BucketName::new("holiday-photos").unwrap(),
        ),
    };
    assert_ends(case, bucket.upload("f", content(250)).part_size(100).await);
    let read = async { bucket.download("f").stream().await?.collect(1_000).await };
    assert_ends(case, read.await);
    let mut versions = b2.paginate(ListFileVersions::new(bucket.id()));
    while let Some(version) = versions.next().await {
        assert_ends(case, version);
    }
}

#[test]
fn extreme_settings_of_a_retry_policy_do_not_panic() {
    for policy in policies() {
        for (at, wish) in [WISHES[0], WISHES[5], WISHES[10]].into_iter().enumerate() {
            let (builder, timer, _) = failing(wish, DATES[1 + at % 2]);
            let case = format!("{policy:?}, {wish}");
            let b2 = builder.retry_policy(policy.clone()).build().unwrap();
            timer.run(run_operations(&b2, &case));
        }
    }
}

#[test]
fn extreme_retry_after_values_do_not_panic_with_any_policy() {
    for wish in WISHES {
        for date in DATES {
            for longest in [Duration::ZERO, Duration::from_secs(300), Duration::MAX] {
                let (builder, timer, _) = failing(wish, date);
                let mut policy = RetryPolicy::default();
                policy.max_retry_after = longest;
                let b2 = builder.retry_policy(policy).build().unwrap();
                timer.run(run_operations(&b2, &format!("{wish}, {date}, {longest:?}")));
            }
        }
    }
}

#[test]
fn extreme_settings_of_a_client_do_not_panic() {
    let sizes = [1, 7, u64::MAX / 2, u64::MAX];
    let mut settings: Vec<Box<dyn Fn(ClientBuilder) -> ClientBuilder>> = Vec::new();
    for duration in DURATIONS {
        settings.push(Box::new(move |builder| builder.stall_timeout(duration)));
        for bytes in [0, 1, u64::MAX] {
            let least = Throughput::new(bytes, duration);
            settings.push(Box::new(move |builder| builder.throughput(least)));
        }
    }
    for size in sizes {
        settings.push(Box::new(move |builder| builder.memory_budget(size)));
        settings.push(Box::new(move |builder| builder.bandwidth_limit(size)));
        settings.push(Box::new(move |builder| {
            builder.bandwidth_limit(size).stall_timeout(Duration::ZERO)
        }));
    }
    for (number, set) in settings.iter().enumerate() {
        let (_, emulator, timer) = client();
        let usual = wired(&emulator, &timer, |_| None).build().unwrap();
        let b2 = set(wired(&emulator, &timer, |_| None)).build().unwrap();
        timer.run(async {
            let case = format!("setting {number}");
            let bucket = bucket(&usual).await;
            let bucket = BucketHandle::new(b2.clone(), bucket.id().clone(), bucket.name().clone());
            assert_ends(&case, bucket.upload("f", content(250)).part_size(100).await);
            let once = Source::stream(stream::iter([Ok(content(250))]));
            assert_ends(&case, bucket.upload("g", once).part_size(100).await);
            let read = async { bucket.download("f").stream().await?.collect(1_000).await };
            assert_ends(&case, read.await);
        });
    }
}

#[test]
fn extreme_settings_of_a_transfer_do_not_panic() {
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, version) = net.with_file(&bytes(1_000));
    for (number, concurrency) in [0, 1, 3, usize::MAX].into_iter().enumerate() {
        for (at, size) in [0, 1, 7, u64::MAX / 2, u64::MAX].into_iter().enumerate() {
            let case = format!("{concurrency} at once, of {size}");
            let path = dir.path().join(format!("{number}-{at}"));
            let download = bucket.download("f").concurrency(concurrency);
            net.run(download.range_size(size).to_path(&path)).unwrap();
            assert!(std::fs::read(&path).unwrap() == bytes(1_000), "{case}");
            net.run(async {
                let upload = bucket.upload("g", content(350)).concurrency(concurrency);
                assert_ends(&case, upload.part_size(size).await);
                let copy = bucket.copy(&version, "h").concurrency(concurrency);
                assert_ends(&case, copy.part_size(size).await);
                let source = || ComposeSource::file(&version);
                let compose = bucket.compose("i", [source(), source()]);
                assert_ends(
                    &case,
                    compose.concurrency(concurrency).part_size(size).await,
                );
            });
        }
        net.run(async {
            let inputs = stream::iter(0..5);
            let over = bucket.upload_many(inputs, concurrency, |bucket, _| bucket.upload("j", "x"));
            assert_eq!(over.count().await, 5);
            let mode = DeleteMode::Delete { concurrency };
            let deleted = bucket.delete_prefix("j", mode);
            assert_eq!(deleted.count().await, 5);
        });
    }
    for range in [
        ByteRange::from_offset(0),
        ByteRange::from_offset(u64::MAX),
        ByteRange::inclusive(0, u64::MAX).unwrap(),
        ByteRange::inclusive(u64::MAX, u64::MAX).unwrap(),
        ByteRange::suffix(u64::MAX).unwrap(),
    ] {
        let case = range.to_string();
        let read = async {
            bucket
                .download("f")
                .range(range)
                .stream()
                .await?
                .collect(usize::MAX)
                .await
        };
        assert_ends(&case, net.run(read));
        let path = dir.path().join("range");
        for size in [1, u64::MAX] {
            let download = bucket.download("f").range(range).range_size(size);
            assert_ends(&case, net.run(download.to_path(&path)));
        }
    }
}

/// A version that is listed with this length.
fn of_length(version: &FileVersion, len: u64) -> FileVersion {
    let mut document = serde_json::to_value(version).unwrap();
    document["contentLength"] = len.into();
    serde_json::from_value(document).unwrap()
}

#[test]
fn extreme_lengths_of_a_version_do_not_panic() {
    let net = Net::new(0);
    let (bucket, version) = net.with_file(&bytes(1_000));
    for len in [
        0,
        1,
        5_000_000_001,
        10_000_000_000_001,
        u64::MAX / 2,
        u64::MAX,
    ] {
        let (case, version) = (format!("{len} bytes"), of_length(&version, len));
        net.run(async {
            assert_ends(&case, bucket.copy(&version, "g").await);
            assert_ends(&case, bucket.copy(&version, "g").part_size(u64::MAX).await);
            let source = || ComposeSource::file(&version);
            assert_ends(
                &case,
                bucket
                    .compose("h", [source(), source(), ComposeSource::local("x")])
                    .await,
            );
            let source = || ComposeSource::copy(&version.file_id, len / 2..len);
            assert_ends(
                &case,
                bucket.compose("h", [source(), source()]).plan().await,
            );
        });
        let sources = [
            Source::ranges(len, |_| Ok(stream::empty())),
            Source::sized_stream(len, stream::empty()),
        ];
        for source in sources {
            assert_ends(&case, net.run(async { bucket.upload("i", source).await }));
        }
    }
}

#[test]
fn extreme_numbers_in_headers_do_not_panic() {
    let numbers = [
        "0",
        "1",
        "-1",
        "999",
        "1001",
        "10000000000000",
        "10000000000001",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e9",
        "",
    ];
    let mut cases: Vec<(HeaderName, String)> = Vec::new();
    for number in numbers {
        for name in [
            "content-length",
            "x-bz-upload-timestamp",
            "x-bz-info-src_last_modified_millis",
            "x-bz-file-retention-retain-until-timestamp",
            "x-bz-content-sha1",
            "date",
            "retry-after",
        ] {
            cases.push((HeaderName::from_static(name), number.to_owned()));
        }
        for range in [
            format!("bytes 0-499/{number}"),
            format!("bytes 0-{number}/1000"),
            format!("bytes {number}-999/1000"),
            format!("bytes {number}-{number}/{number}"),
            format!("bytes 0-{number}/{number}"),
        ] {
            cases.push((CONTENT_RANGE, range));
        }
    }
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(&bytes(1_000));
    let policy = RetryPolicy::disabled();
    let client = net.builder().retry_policy(policy).build().unwrap();
    let bucket = BucketHandle::new(client, bucket.id().clone(), bucket.name().clone());
    for (name, value) in cases {
        let case = format!("{name}: {value}");
        let value = HeaderValue::try_from(value).unwrap();
        net.spoil(move |_, mut response| {
            response.headers_mut().insert(name.clone(), value.clone());
            response
        });
        let path = dir.path().join("f");
        let download = || bucket.download("f").modified_time();
        let read = async { download().stream().await?.collect(10_000).await };
        assert_ends(&case, net.run(read));
        for size in [1, 500, u64::MAX] {
            let to_path = download().range_size(size).to_path(&path);
            assert_ends(&case, net.run(to_path));
        }
        let _ = std::fs::remove_file(&path);
    }
}

/// A list of all its ranges would take gigabytes, for the longer files more than there is memory.
#[test]
fn a_file_longer_than_b2s_limit_is_refused() {
    for total in ["10000000000001", "10000000000000000", "1000000000000000000"] {
        let (net, dir) = (Net::new(0), tempdir().unwrap());
        let (bucket, _) = net.with_file(&bytes(1_000));
        let range = HeaderValue::try_from(format!("bytes 0-499/{total}")).unwrap();
        net.spoil(move |_, mut response| {
            response.headers_mut().insert(CONTENT_RANGE, range.clone());
            response
        });
        let download = bucket.download("f").range_size(500);
        let error = net.run(download.to_path(dir.path().join("f"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert!(error.to_string().contains(total), "{error}");
    }
}

/// With ranges of one byte there would be ten trillion of them.
#[test]
fn a_file_of_b2s_maximum_size_is_fetched_range_by_range() {
    let (net, dir) = (Net::new(0), tempdir().unwrap());
    let (bucket, _) = net.with_file(&bytes(1_000));
    net.spoil(move |number, mut response| {
        if number == 0 {
            let range = HeaderValue::from_static("bytes 0-0/10000000000000");
            response.headers_mut().insert(CONTENT_RANGE, range);
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response
    });
    let download = bucket.download("f").range_size(1).concurrency(usize::MAX);
    let error = net.run(download.to_path(dir.path().join("f"))).unwrap_err();
    // The next responses give the actual size.
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
}

#[test]
fn a_clock_that_jumps_to_its_end_blocks_no_call() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        for years in [1, 100, 10_000_000_000_u64] {
            timer.advance(Duration::from_secs(years.saturating_mul(31_536_000)));
            emulator.expire_account_tokens();
            let upload = UploadFile::new(bucket.id(), FileName::new("f").unwrap(), "meow");
            b2.call(upload).await.unwrap();
        }
    });
    assert!(timer.now().checked_add(Duration::from_secs(1)).is_some());
}
