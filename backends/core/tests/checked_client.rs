//! `CheckedClient`, over backends that are closures, with time that is advanced manually.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use b2kit_core::{
    Body, Bytes, CheckedClient, Deadlines, HttpClient, HttpError, HttpErrorKind, ManualTimer,
    Phase, Request, Response, ResponseBody, Sleep, Throughput, Timer,
};
use futures::StreamExt as _;
use futures::executor::block_on;
use futures::future::pending;
use futures::stream::{self, BoxStream};

fn request(method: &str, body: impl Into<Body>) -> Request {
    http::Request::builder()
        .method(method)
        .uri("http://127.0.0.1:1/x")
        .body(body.into())
        .unwrap()
}

fn post_stream(len: u64, chunks: Vec<io::Result<&'static str>>) -> Request {
    let source = stream::iter(chunks).map(|chunk| chunk.map(Bytes::from));
    let mut request = request("POST", "");
    *request.body_mut() = Body::once(len, source);
    request
}

fn ok(body: impl Into<ResponseBody>) -> Response {
    http::Response::new(body.into())
}

fn with_length(length: &str, body: ResponseBody) -> Response {
    http::Response::builder()
        .header("content-length", length)
        .body(body)
        .unwrap()
}

/// A backend that reads the whole body and returns it.
async fn echo(request: Request) -> Result<Response, HttpError> {
    let mut got = Vec::new();
    let mut body = request.into_body().open().unwrap();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| {
            HttpError::new(HttpErrorKind::Other, Phase::MaybeReceived).with_source(error)
        })?;
        got.extend_from_slice(&chunk);
    }
    Ok(ok(got))
}

/// The lengths of the chunks that a backend gets of this request's body, and their bytes.
fn received(request: Request) -> (Vec<usize>, Vec<u8>) {
    let received = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let keep = Arc::clone(&received);
    let (checked, timer) = checked(move |request: Request| {
        let keep = Arc::clone(&keep);
        async move {
            let mut body = request.into_body().open().unwrap();
            while let Some(Ok(chunk)) = body.next().await {
                let mut received = keep.lock().unwrap();
                received.0.push(chunk.len());
                received.1.extend_from_slice(&chunk);
            }
            Ok(ok(""))
        }
    });
    timer.run(checked.send(request)).ok();
    drop(checked);
    Arc::try_unwrap(received).unwrap().into_inner().unwrap()
}

fn checked(backend: impl HttpClient) -> (CheckedClient, ManualTimer) {
    let timer = ManualTimer::new();
    (CheckedClient::new(backend, timer.clone()), timer)
}

fn text(response: Response) -> Result<String, HttpError> {
    block_on(response.into_body().collect(1 << 20))
        .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn cause(error: &HttpError) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn chunks(body: ResponseBody) -> BoxStream<'static, Result<Bytes, HttpError>> {
    body.boxed()
}

#[test]
fn a_body_of_the_declared_length_is_sent_completely() {
    let (checked, timer) = checked(echo);
    let request = post_stream(7, vec![Ok("abc"), Ok(""), Ok("def"), Ok("g"), Ok("")]);
    assert_eq!(
        text(timer.run(checked.send(request)).unwrap()).unwrap(),
        "abcdefg"
    );
}

#[test]
fn a_large_chunk_is_split_and_arrives_completely() {
    let sent: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
    let (chunks, received) = received(request("POST", sent.clone()));
    assert_eq!(received, sent);
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(*last, 1_000_003 % 32_768);
    assert_eq!(others, [32_768; 30]);
}

#[test]
fn a_body_of_at_most_256_kibibytes_is_not_split() {
    let (chunks, _) = received(request("POST", vec![7; 256 << 10]));
    assert_eq!(chunks, [256 << 10]);
    let (chunks, _) = received(request("POST", vec![7; (256 << 10) + 1]));
    assert_eq!(chunks.len(), 9);
}

#[test]
fn a_server_that_reads_slowly_but_steadily_is_not_stalled() {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    let backend = move |request: Request| {
        let clock = clock.clone();
        async move {
            let mut body = request.into_body().open().unwrap();
            while let Some(chunk) = body.next().await {
                let millis = chunk.unwrap().len() as u64 / 4;
                clock.sleep(Duration::from_millis(millis)).await;
            }
            Ok(ok(""))
        }
    };
    let checked = CheckedClient::new(backend, timer.clone());
    let sent = vec![7; 1 << 20];
    timer.run(checked.send(request("POST", sent))).unwrap();
}

#[test]
fn a_slow_source_of_length_0_is_not_counted_as_time_of_the_server() {
    let timer = ManualTimer::new();
    let (clock, server_clock) = (timer.clone(), timer.clone());
    let backend = move |_: Request| {
        let clock = server_clock.clone();
        async move {
            clock.sleep(Duration::from_secs(1)).await;
            Ok(ok(""))
        }
    };
    let checked = CheckedClient::new(backend, timer.clone());
    let source = stream::once(async move {
        clock.sleep(Duration::from_secs(31)).await;
        Ok(Bytes::new())
    });
    let mut request = request("POST", "");
    *request.body_mut() = Body::once(0, source);
    timer.run(checked.send(request)).unwrap();
}

#[test]
fn a_source_that_ends_early_is_a_source_error() {
    let (checked, timer) = checked(echo);
    let error = timer
        .run(checked.send(post_stream(7, vec![Ok("abc")])))
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Source, Phase::MaybeReceived)
    );
    assert_eq!(cause(&error), "the source ended after 3 of 7 bytes");
}

#[test]
fn a_source_that_is_too_long_never_completes_the_body() {
    for tail in [
        vec![Ok("abc"), Ok("d")],
        vec![Ok("abcd")],
        vec![Ok("ab"), Ok(""), Ok("cd")],
    ] {
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let (checked, timer) = checked(move |request: Request| {
            let count = Arc::clone(&count);
            async move {
                let mut body = request.into_body().open().unwrap();
                while let Some(Ok(chunk)) = body.next().await {
                    count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                }
                Err(HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived))
            }
        });
        let error = timer.run(checked.send(post_stream(3, tail))).unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Source);
        assert_eq!(
            cause(&error),
            "the source has more than the 3 bytes it declared"
        );
        assert!(
            taken.load(Ordering::Relaxed) < 3,
            "the server must never hold a complete body"
        );
    }
}

#[test]
fn the_last_chunk_is_held_back_even_if_it_has_the_maximum_size() {
    let len = (256 << 10) + (32 << 10);
    let chunk = |len| Ok(Bytes::from(vec![7; len]));
    let source = stream::iter([chunk(256 << 10), chunk(32 << 10), chunk(1)]);
    let request = request("POST", "").map(|_| Body::once(len as u64, source));
    let (_, received) = received(request);
    assert_eq!(
        received.len(),
        len - (32 << 10),
        "a server that has all of the declared length takes the file for complete"
    );
}

#[test]
fn a_source_of_length_0_that_yields_bytes_is_refused() {
    let (checked, timer) = checked(echo);
    let error = timer
        .run(checked.send(post_stream(0, vec![Ok("a")])))
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Source, Phase::NotSent)
    );
    assert_eq!(
        text(
            timer
                .run(checked.send(post_stream(0, vec![Ok("")])))
                .unwrap()
        )
        .unwrap(),
        ""
    );
}

#[test]
fn the_error_of_a_source_is_reported_regardless_of_the_backends_error() {
    let (checked, timer) = checked(|request: Request| async move {
        let mut body = request.into_body().open().unwrap();
        while body.next().await.is_some_and(|chunk| chunk.is_ok()) {}
        Err(HttpError::new(HttpErrorKind::Protocol, Phase::NotSent))
    });
    let request = post_stream(9, vec![Ok("abc"), Err(io::Error::other("disk on fire"))]);
    let error = timer.run(checked.send(request)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Source, Phase::MaybeReceived)
    );
    assert_eq!(cause(&error), "disk on fire");
}

#[test]
fn a_one_shot_body_is_not_sent_twice() {
    let (checked, timer) = checked(echo);
    let body = Body::once(3, stream::iter([Ok(Bytes::from("abc"))]));
    let again = request("POST", "").map(|_| body.clone());
    assert!(!body.is_replayable());
    assert_eq!(
        text(
            timer
                .run(checked.send(request("POST", "").map(|_| body)))
                .unwrap()
        )
        .unwrap(),
        "abc"
    );
    let error = timer.run(checked.send(again)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Source, Phase::NotSent)
    );
}

#[test]
fn a_replayable_body_opens_anew_for_each_attempt() {
    let (checked, timer) = checked(echo);
    let body = Body::replay(6, || {
        Ok(stream::iter([
            Ok(Bytes::from("abc")),
            Ok(Bytes::from("def")),
        ]))
    });
    for _ in 0..2 {
        let request = request("POST", "").map(|_| body.clone());
        assert_eq!(
            text(timer.run(checked.send(request)).unwrap()).unwrap(),
            "abcdef"
        );
    }
}

#[test]
fn an_error_after_the_body_was_polled_is_never_not_sent() {
    let (checked, timer) = checked(|request: Request| async move {
        let _ = request.into_body().open().unwrap().next().await;
        Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent))
    });
    let error = timer.run(checked.send(request("POST", "abc"))).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Connect, Phase::MaybeReceived)
    );
}

#[test]
fn a_player_that_has_read_the_body_to_compare_it_has_not_sent_it() {
    let (checked, timer) = checked(|request: Request| async move {
        let _ = request.into_body().open().unwrap().next().await;
        Err(HttpError::new(HttpErrorKind::NoMatch, Phase::NotSent))
    });
    let error = timer.run(checked.send(request("POST", "abc"))).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::NoMatch, Phase::NotSent)
    );
}

#[test]
fn content_length_is_set_to_the_bodys_length_and_a_contradiction_is_refused() {
    let (checked, timer) = checked(|request: Request| async move {
        let length = request
            .headers()
            .get("content-length")
            .map(|value| value.to_str().unwrap().to_owned());
        Ok(ok(length.unwrap_or_else(|| "none".to_owned())))
    });
    let said = |request| text(timer.run(checked.send(request))?);
    assert_eq!(said(request("POST", "abc")).unwrap(), "3");
    assert_eq!(said(request("POST", "")).unwrap(), "0");
    for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
        assert_eq!(
            said(request(method, "abc")).unwrap(),
            if method == "HEAD" { "" } else { "3" }
        );
        assert_eq!(
            said(request(method, "")).unwrap(),
            if method == "HEAD" { "" } else { "none" }
        );
    }
    let mut agreeing = request("POST", "abc");
    agreeing
        .headers_mut()
        .insert("content-length", http::HeaderValue::from_static("3"));
    assert_eq!(said(agreeing).unwrap(), "3");
    for (name, value) in [
        ("content-length", "4"),
        ("content-length", "+3"),
        ("transfer-encoding", "chunked"),
    ] {
        let mut request = request("POST", "abc");
        request
            .headers_mut()
            .insert(name, http::HeaderValue::from_static(value));
        let error = said(request).unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (HttpErrorKind::Invalid, Phase::NotSent)
        );
    }
    for uri in ["/x", "127.0.0.1:1", "http://:1/x"] {
        let mut incomplete = request("POST", "abc");
        *incomplete.uri_mut() = uri.parse().unwrap();
        let error = said(incomplete).unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Invalid, "{uri}");
    }
}

#[test]
fn a_response_that_ends_early_or_runs_over_is_an_error_item_and_then_the_end() {
    for (length, kind) in [("5", HttpErrorKind::Closed), ("2", HttpErrorKind::Protocol)] {
        let (checked, timer) = checked(move |_: Request| async move {
            Ok(with_length(
                length,
                ResponseBody::new(None, stream::iter([Ok(Bytes::from("abc"))])),
            ))
        });
        let response = timer.run(checked.send(request("GET", ""))).unwrap();
        let items: Vec<_> = timer.run(chunks(response.into_body()).collect());
        let error = items.last().unwrap().as_ref().unwrap_err();
        assert_eq!((error.kind(), error.phase()), (kind, Phase::ResponseBegun));
        let delivered: usize = items.iter().flatten().map(Bytes::len).sum();
        assert!(delivered <= 3 && (kind == HttpErrorKind::Closed || delivered == 0));
    }
}

#[test]
fn lengths_that_contradict_each_other_are_a_protocol_error() {
    for bad in [
        vec!["3", "4"],
        vec!["x"],
        vec!["-1"],
        vec!["99999999999999999999999"],
        vec![""],
    ] {
        let bad_values = bad.clone();
        let (checked, timer) = checked(move |_: Request| {
            let mut response = ok("abc");
            for value in &bad_values {
                response
                    .headers_mut()
                    .append("content-length", value.parse().unwrap());
            }
            async move { Ok(response) }
        });
        let error = timer.run(checked.send(request("GET", ""))).unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (HttpErrorKind::Protocol, Phase::ResponseBegun),
            "{bad:?}"
        );
    }
}

#[test]
fn a_head_response_has_no_body_regardless_of_its_content_length() {
    let (checked, timer) = checked(|_: Request| async {
        Ok(with_length(
            "1000",
            ResponseBody::new(None, stream::pending()),
        ))
    });
    let response = timer.run(checked.send(request("HEAD", ""))).unwrap();
    assert_eq!(response.headers()["content-length"], "1000");
    assert_eq!(text(response).unwrap(), "");
}

#[test]
fn no_response_within_the_heads_deadline_is_a_timeout() {
    let (checked, timer) = checked(|_: Request| pending());
    let began = timer.now();
    let error = timer.run(checked.send(request("GET", ""))).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Timeout, Phase::MaybeReceived)
    );
    assert_eq!(timer.now() - began, Duration::from_secs(30));
    assert_eq!(cause(&error), "the server sent no response");
    let error = timer.run(checked.send(request("POST", "abc"))).unwrap_err();
    assert_eq!(
        cause(&error),
        "the HTTP library did not start to read the request's body in time"
    );
}

#[test]
fn the_heads_deadline_counts_from_the_end_of_the_body() {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    let backend = move |request: Request| {
        let clock = clock.clone();
        async move {
            let mut body = request.into_body().open().unwrap();
            while let Some(Ok(_)) = body.next().await {
                clock.sleep(Duration::from_secs(19)).await; // slow, but never a stall
            }
            pending().await
        }
    };
    let checked = CheckedClient::new(backend, timer.clone());
    let began = timer.now();
    let error = timer
        .run(checked.send(post_stream(3, vec![Ok("a"), Ok("b"), Ok("c")])))
        .unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
    assert_eq!(timer.now() - began, Duration::from_secs(2 * 19 + 30));
}

#[test]
fn a_server_that_stops_reading_is_a_stall() {
    let (checked, timer) = checked(|request: Request| async move {
        let mut body = request.into_body().open().unwrap();
        let _first = body.next().await;
        pending().await
    });
    let began = timer.now();
    let error = timer
        .run(checked.send(post_stream(3, vec![Ok("a"), Ok("b"), Ok("c")])))
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Stalled, Phase::MaybeReceived)
    );
    assert_eq!(timer.now() - began, Duration::from_secs(20));
}

#[test]
fn a_slow_source_is_not_a_stall() {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    let source = stream::unfold(0, move |n| {
        let nap = clock.sleep(Duration::from_secs(3600));
        async move {
            nap.await;
            (n < 3).then(|| (Ok(Bytes::from("x")), n + 1))
        }
    });
    let checked = CheckedClient::new(echo, timer.clone());
    let request = request("POST", "").map(|_| Body::once(3, source));
    assert_eq!(
        text(timer.run(checked.send(request)).unwrap()).unwrap(),
        "xxx"
    );
}

#[test]
fn a_silent_response_is_a_stall_and_a_reader_that_pauses_is_not() {
    let timer = ManualTimer::new();
    let body = || {
        let first = stream::iter([Ok(Bytes::from("ab")), Ok(Bytes::from("cd"))]);
        ResponseBody::new(None, first.chain(stream::pending()))
    };
    let checked = CheckedClient::new(
        move |_: Request| {
            let body = body();
            async { Ok(with_length("5", body)) }
        },
        timer.clone(),
    );
    let mut body = timer
        .run(checked.send(request("GET", "")))
        .unwrap()
        .into_body();
    assert_eq!(timer.run(body.next()).unwrap().unwrap(), "ab");
    timer.advance(Duration::from_secs(600));
    assert_eq!(timer.run(body.next()).unwrap().unwrap(), "cd");
    let before = timer.now();
    let error = timer.run(body.next()).unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Stalled, Phase::ResponseBegun)
    );
    assert_eq!(timer.now() - before, Duration::from_secs(20));
    assert!(timer.run(body.next()).is_none());
}

#[test]
fn a_response_of_many_chunks_uses_few_sleeps_and_a_stall_is_still_detected_on_time() {
    /// A clock that counts sleeps.
    struct Counting(ManualTimer, Arc<AtomicU64>);
    impl Timer for Counting {
        fn now(&self) -> std::time::Instant {
            self.0.now()
        }
        fn sleep(&self, duration: Duration) -> Sleep {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.sleep(duration)
        }
    }
    let (timer, sleeps) = (ManualTimer::new(), Arc::new(AtomicU64::new(0)));
    let clock = timer.clone();
    let backend = move |_: Request| {
        let clock = clock.clone();
        let drops = stream::iter(0..103).then(move |_| {
            let pause = clock.sleep(Duration::from_secs(1));
            async move {
                pause.await;
                Ok(Bytes::from_static(b"."))
            }
        });
        async { Ok(ok(ResponseBody::new(None, drops.chain(stream::pending())))) }
    };
    // Exactly the minimum throughput.
    let deadlines =
        Deadlines::DEFAULT.with_throughput(Throughput::new(50, Duration::from_secs(61)));
    let checked = CheckedClient::new(backend, Counting(timer.clone(), Arc::clone(&sleeps)));
    let checked = checked.with_deadlines(deadlines);
    let response = timer.run(checked.send(request("GET", ""))).unwrap();
    let mut body = response.into_body();
    sleeps.store(0, Ordering::Relaxed);
    for _ in 0..103 {
        assert_eq!(timer.run(body.next()).unwrap().unwrap(), ".");
    }
    let last = timer.now();
    let error = timer.run(body.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Stalled);
    assert_eq!(timer.now() - last, Duration::from_secs(20));
    let sleeps = sleeps.load(Ordering::Relaxed);
    assert!(sleeps <= 8, "{sleeps} sleeps in two minutes");
    assert_eq!(
        timer.sleepers(),
        0,
        "it is over, and nobody has to be woken"
    );
}

#[test]
fn the_total_deadline_covers_the_whole_exchange_and_comes_with_the_request() {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    let backend = move |_: Request| {
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_secs(6)).await;
            Ok(ok(ResponseBody::new(None, stream::pending())))
        }
    };
    let checked = CheckedClient::new(backend, timer.clone());
    for (total, in_body) in [(5, false), (10, true)] {
        let began = timer.now();
        let mut request = request("GET", "");
        request
            .extensions_mut()
            .insert(Deadlines::NONE.with_total(Duration::from_secs(total)));
        let error = match timer.run(checked.send(request)) {
            Err(error) => error,
            Ok(response) => text_error(&timer, response),
        };
        assert_eq!(error.kind(), HttpErrorKind::Timeout);
        assert_eq!(error.phase() == Phase::ResponseBegun, in_body);
        assert_eq!(timer.now() - began, Duration::from_secs(total));
    }
}

fn text_error(timer: &ManualTimer, response: Response) -> HttpError {
    timer.run(response.into_body().collect(10)).unwrap_err()
}

#[test]
fn after_an_early_error_status_the_source_is_not_read_and_the_upload_ends_with_the_response() {
    let read = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read);
    let source = stream::repeat_with(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Bytes::from_static(b"0123456789"))
    });
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let backend = move |request: Request| {
        let keep = Arc::clone(&keep);
        async move {
            let mut body = request.into_body().open().unwrap();
            body.next().await.unwrap().unwrap();
            *keep.lock().unwrap() = Some(body);
            let answer = http::Response::builder()
                .status(401)
                .header("content-length", "3");
            Ok(answer.body(ResponseBody::from("abc")).unwrap())
        }
    };
    let (checked, timer) = checked(backend);
    let request = request("POST", "").map(|_| Body::once(1_000_000, source.take(100_000)));
    let response = timer.run(checked.send(request)).unwrap();
    let mut upload = kept.lock().unwrap().take().unwrap();
    let polled = block_on(async { futures::poll!(upload.next()) });
    assert!(polled.is_pending(), "paused while the response is read");
    assert_eq!(timer.run(response.into_body().collect(10)).unwrap(), "abc");
    let aborted = block_on(upload.next()).unwrap().unwrap_err();
    assert_eq!(aborted.to_string(), "the request was aborted");
    assert_eq!(read.load(Ordering::Relaxed), 1);
}

#[test]
fn dropping_the_future_fails_the_body_that_the_backend_still_holds() {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let backend = move |request: Request| {
        *keep.lock().unwrap() = Some(request.into_body().open().unwrap());
        pending()
    };
    let (checked, _timer) = checked(backend);
    let mut sending = checked.send(request("POST", "abc"));
    block_on(async { assert!(futures::poll!(&mut sending).is_pending()) });
    drop(sending);
    let mut body = kept.lock().unwrap().take().unwrap();
    let aborted = block_on(body.next()).unwrap().unwrap_err();
    assert_eq!(aborted.to_string(), "the request was aborted");
}

#[test]
fn a_body_over_the_limit_of_collect_fails_as_soon_as_that_is_known() {
    let endless = || {
        ResponseBody::new(
            None,
            stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1000]))),
        )
    };
    let error = block_on(endless().collect(10_000)).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::TooLarge);
    let lying = ResponseBody::new(Some(u64::MAX), stream::pending());
    assert_eq!(
        block_on(lying.collect(10_000)).unwrap_err().kind(),
        HttpErrorKind::TooLarge
    );
}

#[test]
fn shared_and_boxed_backends_are_backends() {
    let shared: Arc<dyn HttpClient> = Arc::new(echo);
    let timer = ManualTimer::new();
    let checked = CheckedClient::new(
        Arc::new(CheckedClient::new(shared, timer.clone())),
        timer.clone(),
    );
    assert_eq!(
        text(timer.run(checked.send(request("POST", "abc"))).unwrap()).unwrap(),
        "abc"
    );
}

#[test]
fn an_error_displays_its_own_level_and_no_url() {
    let error = HttpError::from_io(
        Phase::MaybeReceived,
        io::Error::from(io::ErrorKind::ConnectionReset),
    );
    assert_eq!(
        error.to_string(),
        "the connection was reset (the server may have received the request)"
    );
    assert!(Phase::NotSent < Phase::MaybeReceived && Phase::MaybeReceived < Phase::ResponseBegun);
}

#[test]
fn the_public_types_are_send_and_sync_where_they_should_be() {
    fn send_sync<T: Send + Sync>() {}
    fn send<T: Send>() {}
    send_sync::<(
        Body,
        Request,
        HttpError,
        CheckedClient,
        ManualTimer,
        Deadlines,
    )>();
    send::<(ResponseBody, Response)>();
}
