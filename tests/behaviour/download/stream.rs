//! Streams: bytes in order, under every fault.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use b2kit::api::{DeleteFileVersion, DownloadFileById};
use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::http::header::CONTENT_LENGTH;
use b2kit::http::{HeaderName, HeaderValue};
use b2kit::transfer::{Progress, Stage, Verified};
use b2kit::types::{ByteRange, CustomerKey, EncryptionSetting, FileInfo, FileName, Sha1};
use b2kit::{
    BucketHandle, Bytes, Error, ErrorKind, HttpError, HttpErrorKind, ManualTimer, Phase, Response,
    ResponseBody, RetryPolicy, RetryStopReason, Throughput, Timer as _,
};
use futures::{AsyncWrite, StreamExt as _, TryStreamExt as _, stream};

use super::{BY_ID, BY_NAME, Net, bytes, put};

fn set(name: &'static str, value: &str) -> FaultKind {
    let value = HeaderValue::from_str(value).unwrap();
    FaultKind::SetHeader(HeaderName::from_static(name), value)
}

#[test]
fn streaming_a_file_of_any_size_takes_one_call() {
    for len in [0, 1, 300_000] {
        let (net, file) = (Net::new(0), bytes(len));
        let (bucket, version) = net.with_file(&file);
        let progress = Progress::new();
        net.run(async {
            let stream = bucket.download("f").progress(&progress).stream();
            let stream = stream.await.unwrap();
            assert_eq!(stream.file().file_id, version.file_id);
            assert_eq!(stream.verified(), Verified::Sha1);
            assert_eq!(stream.collect(len).await.unwrap(), file);
        });
        assert_eq!(net.requests().len(), 1);
        let now = progress.now();
        assert_eq!((now.bytes, now.stage), (len as u64, Stage::Done));
        assert_eq!(now.total_bytes, Some(len as u64));
    }
}

#[test]
fn an_interrupted_stream_requests_the_rest_of_the_same_version() {
    let file = bytes(700_000);
    for after in (0..700_000).step_by(65_536) {
        let net = Net::new(0);
        let (bucket, _) = net.with_file(&file);
        net.nth(1, FaultKind::CutResponse { after });
        let progress = Progress::new();
        let read = net.run(async {
            let stream = bucket.download("f").progress(&progress).stream().await?;
            stream.collect(700_000).await
        });
        assert!(read.unwrap() == file, "cut after {after}");
        let requests = net.requests();
        let requests: Vec<_> = requests
            .iter()
            .map(|request| (request.call, request.range.as_deref()))
            .collect();
        let rest = format!("bytes={after}-699999");
        assert_eq!(requests, [(BY_NAME, None), (BY_ID, Some(&*rest))]);
        assert_eq!((progress.now().retries, progress.now().bytes), (1, 700_000));
    }
}

#[test]
fn a_silent_response_is_requested_again_after_20_seconds() {
    let (net, file) = (Net::new(0), bytes(200_000));
    let (bucket, _) = net.with_file(&file);
    net.nth(1, FaultKind::StallResponse { after: 77_777 });
    let read = net.run(async { bucket.download("f").stream().await?.collect(200_000).await });
    assert!(read.unwrap() == file);
    let requests = net.requests();
    let waited = requests[1].at - requests[0].at;
    assert!((20..=21).contains(&waited.as_secs()), "{waited:?}");
}

#[test]
fn a_trickle_above_the_stall_limit_continues_and_one_below_is_requested_again() {
    for (pause, requests) in [(19, 1), (21, 2)] {
        let (net, file) = (Net::new(0), bytes(30));
        let (bucket, _) = net.with_file(&file);
        let timer = net.timer.clone();
        net.spoil(move |number, response| {
            if number > 0 {
                return response;
            }
            let (head, _) = response.into_parts();
            let trickle = stream::unfold(
                (bytes(30).into_iter(), timer.clone()),
                move |mut rest| async move {
                    rest.1.sleep(Duration::from_secs(pause)).await;
                    let byte = rest.0.next()?;
                    Some((Ok(Bytes::from(vec![byte])), rest))
                },
            );
            let body = ResponseBody::new(Some(30), trickle);
            b2kit::http::Response::from_parts(head, body)
        });
        // The minimum throughput is disabled.
        let client = net.builder().throughput(Throughput::new(0, Duration::ZERO));
        let client = client.build().unwrap();
        let bucket = BucketHandle::new(client, bucket.id().clone(), bucket.name().clone());
        let read = net.run(async { bucket.download("f").stream().await?.collect(30).await });
        assert_eq!(read.unwrap(), file);
        assert_eq!(net.requests().len(), requests);
    }
}

#[test]
fn a_reader_that_pauses_for_ten_minutes_gets_the_rest() {
    let (net, file) = (Net::new(0), bytes(500_000));
    let (bucket, _) = net.with_file(&file);
    let read = net.run(async {
        let mut stream = bucket.download("f").stream().await.unwrap();
        let mut read = stream.next().await.unwrap().unwrap().to_vec();
        net.timer.advance(Duration::from_secs(600));
        read.extend(stream.collect(500_000).await.unwrap());
        read
    });
    assert!(read == file);
    assert_eq!(net.requests().len(), 1);
}

#[test]
fn twenty_interruptions_with_progress_between_are_survived() {
    let (net, file) = (Net::new(0), bytes(21 * 300_000));
    let (bucket, _) = net.with_file(&file);
    let cut = FaultKind::CutResponse { after: 300_000 };
    net.fault(Fault::new(cut).times(20));
    let read = net.run(async {
        bucket
            .download("f")
            .stream()
            .await?
            .collect(file.len())
            .await
    });
    assert!(read.unwrap() == file);
    assert_eq!(net.requests().len(), 21);
}

#[test]
fn ten_failures_in_a_row_over_two_minutes_end_the_stream() {
    let (net, file) = (Net::new(0), bytes(100_000));
    let (bucket, _) = net.with_file(&file);
    net.fault(Fault::new(FaultKind::CutResponse { after: 10 }));
    let mut items = Vec::new();
    net.run(async {
        let mut stream = bucket.download("f").stream().await.unwrap();
        while let Some(item) = stream.next().await {
            items.push(item);
        }
        assert!(stream.next().await.is_none());
    });
    let error = items.pop().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Http, "{error}");
    assert_eq!(error.retry_stop_reason(), Some(RetryStopReason::Attempts));
    let requests = net.requests();
    assert_eq!(error.attempts() as usize, requests.len());
    assert!(
        requests.len() >= 10 && error.elapsed() >= Duration::from_secs(120),
        "{error:?}"
    );
    let pauses = requests.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(pauses.max().unwrap() <= Duration::from_secs(65));
    let read: Vec<_> = items.into_iter().flat_map(|item| item.unwrap()).collect();
    assert!(file.starts_with(&read));
}

#[test]
fn a_disabled_retry_policy_applies_in_the_middle_of_a_body() {
    let (net, file) = (Net::new(0), bytes(1_000));
    let (bucket, _) = net.with_file(&file);
    net.nth(1, FaultKind::CutResponse { after: 10 });
    let client = bucket.client().with_retry_policy(RetryPolicy::disabled());
    let bucket = BucketHandle::new(client, bucket.id().clone(), bucket.name().clone());
    let read = net.run(async { bucket.download("f").stream().await?.collect(1_000).await });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Http);
    assert_eq!(net.requests().len(), 1);
}

#[test]
fn a_retry_deadline_counts_from_the_interruption() {
    let (net, file) = (Net::new(0), bytes(400_000));
    let (bucket, _) = net.with_file(&file);
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(60));
    let client = bucket.client().with_retry_policy(policy);
    let bucket = BucketHandle::new(client, bucket.id().clone(), bucket.name().clone());
    net.nth(1, FaultKind::CutResponse { after: 200_000 });
    let read = net.run(async {
        let mut stream = bucket.download("f").stream().await.unwrap();
        let mut read = stream.next().await.unwrap().unwrap().to_vec();
        net.timer.advance(Duration::from_secs(3_600));
        read.extend(stream.collect(400_000).await.unwrap());
        read
    });
    assert!(read == file);
}

/// The body of a response in chunks of 64 KiB, each after a pause.
fn paced(
    timer: &ManualTimer,
    response: Response,
    pause: impl Fn(usize) -> u64 + Send + 'static,
) -> Response {
    let (head, body) = response.into_parts();
    let (timer, len) = (timer.clone(), body.len());
    let chunks = stream::once(body.collect(1 << 30))
        .map_ok(|bytes| {
            let chunks = bytes.chunks(64 << 10).map(|chunk| bytes.slice_ref(chunk));
            stream::iter(chunks.map(Ok).collect::<Vec<_>>())
        })
        .try_flatten()
        .enumerate()
        .then(move |(number, chunk)| {
            let pause = timer.sleep(Duration::from_secs(pause(number)));
            async move {
                pause.await;
                chunk
            }
        });
    Response::from_parts(head, ResponseBody::new(len, chunks))
}

/// Streams 2 MiB with a deadline of 30 s. Two silent responses leave a few seconds to the third, which sends 512 KiB,
/// pauses for 12 seconds, and sends the rest. Further responses pause for `pause` seconds.
fn stream_after_silent_responses(pause: u64) -> (Net, Result<usize, Error>) {
    let (net, file) = (Net::new(0), bytes(2 << 20));
    let (bucket, _) = net.with_file(&file);
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(30));
    let client = bucket.client().with_retry_policy(policy);
    let bucket = BucketHandle::new(client, bucket.id().clone(), bucket.name().clone());
    let timer = net.timer.clone();
    net.spoil(move |number, response| {
        let pause = move |chunk| match (number, chunk) {
            (0, 4..) | (1, _) => 3_600,
            (2, 8) => 12,
            (3.., _) => pause,
            _ => 0,
        };
        paced(&timer, response, pause)
    });
    let read = net.run(async { bucket.download("f").stream().await?.collect(2 << 20).await });
    if let Ok(read) = &read {
        assert!(*read == file);
    }
    (net, read.map(|read| read.len()))
}

#[test]
fn a_resumed_stream_that_makes_progress_has_the_full_deadline_again() {
    let (net, read) = stream_after_silent_responses(0);
    read.unwrap();
    assert_eq!(net.requests().len(), 4);
}

#[test]
fn a_resumed_stream_that_makes_progress_ends_a_deadline_after_its_last_bytes() {
    let (net, read) = stream_after_silent_responses(3_600);
    let error = read.unwrap_err();
    assert_eq!(error.retry_stop_reason(), Some(RetryStopReason::Deadline));
    let third = net.requests()[2].at;
    let ended = net.timer.now() - net.began;
    assert!(ended - third <= Duration::from_secs(31), "{error:?}");
}

#[test]
fn a_version_uploaded_during_the_stream_is_not_mixed_in() {
    let (net, file) = (Net::new(0), bytes(400_000));
    let (bucket, version) = net.with_file(&file);
    net.nth(1, FaultKind::CutResponse { after: 200_000 });
    net.run(async {
        let mut stream = bucket.download("f").stream().await.unwrap();
        let mut read = stream.next().await.unwrap().unwrap().to_vec();
        put(&bucket, &[7; 400_000], FileInfo::new()).await;
        let id = stream.file().file_id.clone();
        read.extend(stream.collect(400_000).await.unwrap());
        assert!(read == file && id == version.file_id);
    });
}

#[test]
fn a_version_deleted_during_the_stream_is_a_not_found_error() {
    let (net, file) = (Net::new(0), bytes(400_000));
    let (bucket, version) = net.with_file(&file);
    net.nth(1, FaultKind::CutResponse { after: 200_000 });
    let error = net.run(async {
        let mut stream = bucket.download("f").stream().await.unwrap();
        stream.next().await.unwrap().unwrap();
        let delete = DeleteFileVersion::new("f", version.file_id.clone());
        bucket.client().call(delete).await.unwrap();
        stream.collect(400_000).await.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn a_response_about_other_bytes_than_the_rest_is_rejected() {
    let whole_again: fn(&mut b2kit::Request) = |request| {
        request.headers_mut().remove("range");
    };
    let shifted: fn(&mut b2kit::Request) = |request| {
        let shifted = HeaderValue::from_static("bytes=9-99999");
        request.headers_mut().insert("range", shifted);
    };
    for meddle in [whole_again, shifted] {
        // A single bad response is requested again; a permanent one is an error.
        for (times, succeeds) in [(1, true), (usize::MAX, false)] {
            let (net, file) = (Net::new(0), bytes(100_000));
            let (bucket, _) = net.with_file(&file);
            net.nth(1, FaultKind::CutResponse { after: 50_000 });
            net.meddle(move |number, request| {
                if number > 0 && number - 1 < times {
                    meddle(request);
                }
            });
            let read =
                net.run(async { bucket.download("f").stream().await?.collect(100_000).await });
            match read {
                Ok(read) => assert!(succeeds && read == file),
                Err(error) => {
                    assert!(!succeeds);
                    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
                    assert_eq!(net.requests().len(), 4);
                }
            }
        }
    }
}

#[test]
fn headers_that_contradict_the_first_response_are_rejected() {
    let remove = |name| FaultKind::RemoveHeader(HeaderName::from_static(name));
    let fault_kinds = [
        set("content-range", "bytes 50001-99999/100000"),
        set("content-range", "bytes 50000-99999/100001"),
        set("content-range", "bytes 50000-99999/*"),
        set("content-range", "bytes 50000-100000/100001"),
        remove("content-range"),
        set("x-bz-file-id", "4_z_another"),
        remove("x-bz-file-id"),
    ];
    for fault_kind in fault_kinds {
        for (times, succeeds) in [(1, true), (99, false)] {
            let (net, file) = (Net::new(0), bytes(100_000));
            let (bucket, _) = net.with_file(&file);
            net.nth(1, FaultKind::CutResponse { after: 50_000 });
            net.fault(Fault::new(fault_kind.clone()).on(BY_ID).times(times));
            let read =
                net.run(async { bucket.download("f").stream().await?.collect(100_000).await });
            match read {
                Ok(read) => assert!(succeeds && read == file, "{fault_kind:?}"),
                Err(error) => {
                    assert!(!succeeds, "{fault_kind:?}: {error}");
                    let kinds = [ErrorKind::Integrity, ErrorKind::Protocol];
                    assert!(kinds.contains(&error.kind()), "{fault_kind:?}: {error}");
                }
            }
        }
    }
}

#[test]
fn excess_bytes_are_never_returned() {
    for has_length in [true, false] {
        let (net, file) = (Net::new(0), bytes(100_000));
        let (bucket, _) = net.with_file(&file);
        net.spoil(move |_, response| {
            let (mut head, body) = response.into_parts();
            if !has_length {
                head.headers.remove(CONTENT_LENGTH);
                head.headers
                    .insert("transfer-encoding", HeaderValue::from_static("chunked"));
            }
            let more = stream::iter([Ok(Bytes::from_static(b"more"))]);
            let body = ResponseBody::new(None, body.chain(more));
            b2kit::http::Response::from_parts(head, body)
        });
        net.run(async {
            let range = ByteRange::inclusive(10, 50_009).unwrap();
            let mut stream = bucket.download("f").range(range).stream().await.unwrap();
            let mut read = Vec::new();
            let error = loop {
                match stream.next().await.unwrap() {
                    Ok(bytes) => read.extend(bytes),
                    Err(error) => break error,
                }
            };
            assert!(read == file[10..50_010], "{has_length}");
            let kinds = [ErrorKind::Http, ErrorKind::Integrity];
            assert!(kinds.contains(&error.kind()), "{error}");
            assert!(stream.next().await.is_none());
        });
    }
}

#[test]
fn a_connection_that_breaks_after_the_last_byte_is_not_an_error() {
    let (net, file) = (Net::new(0), bytes(1_000));
    let (bucket, _) = net.with_file(&file);
    net.spoil(|_, response| {
        let (head, body) = response.into_parts();
        let reset = HttpError::new(HttpErrorKind::Reset, Phase::ResponseBegun);
        let body = ResponseBody::new(None, body.chain(stream::iter([Err(reset)])));
        b2kit::http::Response::from_parts(head, body)
    });
    let read = net.run(async { bucket.download("f").stream().await?.collect(1_000).await });
    assert_eq!(read.unwrap(), file);
    assert_eq!(net.requests().len(), 1);
}

#[test]
fn a_corrupted_bit_makes_the_last_item_an_integrity_error() {
    for (len, at) in [(1_000, 999), (700_000, 0), (3_000_000, 1_234_567)] {
        let (net, file) = (Net::new(0), bytes(len));
        let (bucket, _) = net.with_file(&file);
        net.nth(1, FaultKind::CorruptResponse { at });
        net.run(async {
            let mut stream = bucket.download("f").stream().await.unwrap();
            let (mut read, mut error) = (0, None);
            while let Some(item) = stream.next().await {
                assert!(error.is_none(), "an error is the last item");
                match item {
                    Ok(bytes) => read += bytes.len(),
                    Err(last) => error = Some(last),
                }
            }
            assert_eq!(read, len);
            assert_eq!(error.unwrap().kind(), ErrorKind::Integrity);
        });
    }
}

#[test]
fn verified_reports_how_each_form_of_sha1_is_checked() {
    let file = bytes(1_000);
    let sha1 = Sha1::of(&file).to_string();
    let noted = FileInfo::new().with("large_file_sha1", &sha1).unwrap();
    let forms = [
        (sha1.clone(), None, Verified::Sha1),
        (sha1.to_uppercase(), None, Verified::Sha1),
        (format!("unverified:{sha1}"), None, Verified::Sha1),
        ("none".into(), Some(&noted), Verified::LargeFileSha1),
        ("none".into(), None, Verified::LengthOnly),
        ("unverified:".into(), None, Verified::LengthOnly),
        ("0123".into(), None, Verified::LengthOnly),
    ];
    for (form, info, verified) in forms {
        let net = Net::new(0);
        let (bucket, _) = net.with_file(&file);
        net.fault(Fault::new(set("x-bz-content-sha1", &form)).on(BY_NAME));
        net.run(async {
            if let Some(info) = info {
                put(&bucket, &file, info.clone()).await;
            }
            let stream = bucket.download("f").stream().await.unwrap();
            assert_eq!(stream.verified(), verified, "{form}");
            assert_eq!(stream.collect(1_000).await.unwrap(), file);
            let strict = bucket.download("f").require_verified().stream().await;
            match strict {
                Ok(_) => assert_ne!(verified, Verified::LengthOnly),
                Err(error) => {
                    assert_eq!(verified, Verified::LengthOnly);
                    assert_eq!(error.kind(), ErrorKind::Integrity);
                }
            }
        });
    }
}

#[test]
fn no_more_bytes_than_the_limit_are_collected() {
    let (net, file) = (Net::new(0), bytes(700_000));
    let (bucket, _) = net.with_file(&file);
    for limit in [0, 1, 65_536, 699_999] {
        let read = net.run(async { bucket.download("f").stream().await?.collect(limit).await });
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Invalid, "{limit}");
    }
    let read = net.run(async { bucket.download("f").stream().await?.collect(700_000).await });
    assert!(read.unwrap() == file);
}

#[test]
fn a_range_is_verified_only_if_it_is_the_whole_file() {
    let (net, file) = (Net::new(0), bytes(1_000));
    let (bucket, version) = net.with_file(&file);
    let ranges = [
        (
            ByteRange::inclusive(10, 19).unwrap(),
            10..20,
            Verified::Range,
        ),
        (ByteRange::from_offset(990), 990..1_000, Verified::Range),
        (ByteRange::suffix(5).unwrap(), 995..1_000, Verified::Range),
        (ByteRange::from_offset(0), 0..1_000, Verified::Sha1),
        (ByteRange::suffix(9_999).unwrap(), 0..1_000, Verified::Sha1),
    ];
    for (range, expected, verified) in ranges {
        let progress = Progress::new();
        net.nth(1, FaultKind::CutResponse { after: 3 });
        net.run(async {
            let download = bucket
                .client()
                .download(version.file_id.clone())
                .range(range)
                .progress(&progress);
            let stream = download.stream().await.unwrap();
            assert_eq!(stream.verified(), verified);
            assert_eq!(progress.now().total_bytes, Some(expected.len() as u64));
            assert_eq!(stream.collect(1_000).await.unwrap(), file[expected]);
        });
        net.emulator.faults().clear();
    }
    let beyond = net.run(
        bucket
            .download("f")
            .range(ByteRange::from_offset(1_000))
            .stream(),
    );
    assert_eq!(beyond.unwrap_err().b2().unwrap().status, 416);
}

#[test]
fn stored_bytes_are_not_decoded() {
    let (net, file) = (Net::new(0), bytes(1_000));
    let (bucket, _) = net.with_file(&file);
    let info = FileInfo::new().with("b2-content-encoding", "gzip").unwrap();
    net.run(async {
        put(&bucket, &file, info).await;
        let stream = bucket.download("f").stream().await.unwrap();
        assert_eq!(stream.file().headers["content-encoding"], "gzip");
        assert_eq!(stream.collect(1_000).await.unwrap(), file);
    });
}

#[test]
fn the_customer_key_is_sent_with_each_request() {
    let (net, file) = (Net::new(0), bytes(10_000));
    let (bucket, _) = net.with_file(b"");
    let key = || CustomerKey::new([7; 32]);
    net.run(async {
        let name = FileName::new("f").unwrap();
        let upload = b2kit::api::UploadFile::new(bucket.id(), name, file.clone())
            .server_side_encryption(EncryptionSetting::SseC(key()));
        bucket.client().call(upload).await.unwrap();
        net.nth(1, FaultKind::CutResponse { after: 100 });
        let stream = bucket
            .download("f")
            .customer_key(key())
            .stream()
            .await
            .unwrap();
        assert_eq!(stream.collect(10_000).await.unwrap(), file);
    });
    assert_eq!(net.requests().len(), 2);
}

#[test]
fn an_expired_token_is_renewed_during_a_stream() {
    let (net, file) = (Net::new(0), bytes(10_000));
    let (bucket, _) = net.with_file(&file);
    net.nth(1, FaultKind::CutResponse { after: 100 });
    net.fault(Fault::new(FaultKind::ExpireToken).on(BY_ID).times(1));
    let read = net.run(async { bucket.download("f").stream().await?.collect(10_000).await });
    assert_eq!(read.unwrap(), file);
    assert_eq!(net.emulator.snapshot().calls["b2_authorize_account"], 2);
}

#[test]
fn an_invalid_name_sends_no_request() {
    let net = Net::new(0);
    let (bucket, _) = net.with_file(b"");
    let error = net.run(bucket.download("a\nb").stream()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let missing = net.run(bucket.download("g").stream()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(net.requests().len(), 1);
}

/// Takes a few bytes at a time, is interrupted before each write, and fails after this many bytes.
#[derive(Default)]
struct LimitedWriter {
    taken: Vec<u8>,
    capacity: usize,
    flushed: bool,
    interrupted: bool,
}

impl AsyncWrite for LimitedWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Poll::Ready(Err(std::io::ErrorKind::Interrupted.into()));
        }
        let most = bytes
            .len()
            .min(40_000)
            .min(self.capacity - self.taken.len());
        if most == 0 {
            return Poll::Ready(Err(std::io::ErrorKind::StorageFull.into()));
        }
        self.taken.extend_from_slice(&bytes[..most]);
        Poll::Ready(Ok(most))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        panic!("the writer is the caller's to close")
    }
}

#[test]
fn to_writer_writes_all_bytes_in_order_and_flushes() {
    let (net, file) = (Net::new(0), bytes(500_000));
    let (bucket, _) = net.with_file(&file);
    net.nth(1, FaultKind::CutResponse { after: 123_456 });
    let mut writer = LimitedWriter {
        capacity: 500_000,
        ..LimitedWriter::default()
    };
    let done = net
        .run(bucket.download("f").to_writer(&mut writer))
        .unwrap();
    assert!(writer.taken == file && writer.flushed);
    assert_eq!((done.bytes, done.verified), (500_000, Verified::Sha1));
}

#[test]
fn a_full_writer_is_a_destination_error() {
    let (net, file) = (Net::new(0), bytes(500_000));
    let (bucket, _) = net.with_file(&file);
    for capacity in [0, 1, 250_000, 499_999] {
        let mut writer = LimitedWriter {
            capacity,
            ..LimitedWriter::default()
        };
        let error = net
            .run(bucket.download("f").to_writer(&mut writer))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Destination);
        assert!(format!("{error:#}").starts_with("\"f\": "), "{error:#}");
        assert!(writer.taken == file[..capacity] && !writer.flushed);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_a_destination_error() {
    let (net, file) = (Net::new(0), bytes(500_000));
    let (bucket, _) = net.with_file(&file);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let writer = futures::io::AllowStdIo::new(full);
    let error = net.run(bucket.download("f").to_writer(writer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination);
    let cause = std::error::Error::source(&error).unwrap();
    let cause = cause.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(cause.kind(), std::io::ErrorKind::StorageFull);
}

/// Accepts no bytes once it has failed, and returns the error when it is flushed, as a writer with a thread does.
struct FailsWhenFlushed(Option<std::io::ErrorKind>);

impl AsyncWrite for FailsWhenFlushed {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.0.map_or(Ok(()), |kind| Err(kind.into())))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        panic!("the writer is the caller's to close")
    }
}

#[test]
fn a_writer_that_takes_no_bytes_is_flushed_for_its_error() {
    use std::io::ErrorKind::{BrokenPipe, WriteZero};
    let net = Net::new(0);
    let (bucket, _) = net.with_file(&bytes(1_000));
    for (failure, expected) in [(Some(BrokenPipe), BrokenPipe), (None, WriteZero)] {
        let writer = FailsWhenFlushed(failure);
        let error = net.run(bucket.download("f").to_writer(writer)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Destination);
        let cause = std::error::Error::source(&error).unwrap();
        let cause = cause.downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(cause.kind(), expected);
    }
}

#[test]
fn a_stream_and_a_download_call_return_the_same_bytes() {
    let (net, file) = (Net::new(0), bytes(300_000));
    let (bucket, version) = net.with_file(&file);
    net.run(async {
        let call = DownloadFileById::new(version.file_id.clone());
        let call = bucket.client().call(call).await.unwrap();
        let ours = bucket.client().download(version.file_id.clone());
        let ours = ours.stream().await.unwrap();
        assert_eq!(format!("{:?}", ours.file()), format!("{:?}", call.file));
        assert_eq!(call.body.collect(300_000).await.unwrap(), file);
        assert_eq!(ours.collect(300_000).await.unwrap(), file);
    });
}
