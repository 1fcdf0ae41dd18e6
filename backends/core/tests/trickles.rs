//! `CheckedClient` with bodies of single bytes and of empty chunks.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use b2kit_core::{
    Body, Bytes, CheckedClient, Deadlines, HttpClient as _, HttpError, HttpErrorKind, ManualTimer,
    Phase, Request, Response, ResponseBody, Throughput, Timer as _,
};
use futures::StreamExt as _;
use futures::stream::{self, Stream};

const SECOND: Duration = Duration::from_secs(1);

fn request(body: impl Into<Body>) -> Request {
    http::Request::post("http://127.0.0.1:1/x")
        .body(body.into())
        .unwrap()
}

/// A byte after each pause, without end.
fn trickle(timer: &ManualTimer, pause: Duration) -> impl Stream<Item = Bytes> + Send + use<> {
    let timer = timer.clone();
    stream::repeat(()).then(move |()| {
        let pause = timer.sleep(pause);
        async move {
            pause.await;
            Bytes::from_static(b".")
        }
    })
}

/// A `CheckedClient` whose backend responds with this status and a body of single bytes.
fn trickling(status: u16, pause: Duration) -> (CheckedClient, ManualTimer) {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    let backend = move |_: Request| {
        let body = ResponseBody::new(None, trickle(&clock, pause).map(Ok));
        let response = http::Response::builder().status(status).body(body);
        async { Ok(response.unwrap()) }
    };
    (CheckedClient::new(backend, timer.clone()), timer)
}

/// How the body ends, after how long, and after how many bytes.
fn read(timer: &ManualTimer, response: Response) -> (HttpError, Duration, usize) {
    let (mut body, began, mut bytes) = (response.into_body(), timer.now(), 0);
    loop {
        match timer.run(body.next()).unwrap() {
            Ok(chunk) => bytes += chunk.len(),
            Err(error) => return (error, timer.now() - began, bytes),
        }
    }
}

#[test]
fn a_response_below_the_minimum_throughput_is_a_stall() {
    let (checked, timer) = trickling(200, 5 * SECOND);
    let response = timer.run(checked.send(request(""))).unwrap();
    let (error, took, bytes) = read(&timer, response);
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Stalled, Phase::ResponseBegun)
    );
    // A minute is the default, and after a minute there were 12 bytes of 16 KiB.
    assert_eq!((took, bytes), (60 * SECOND, 12));
    assert_eq!(timer.sleepers(), 0);
}

#[test]
fn a_response_at_the_minimum_throughput_continues() {
    let (checked, timer) = trickling(200, 5 * SECOND);
    let enough = Throughput::new(12, 60 * SECOND + Duration::from_nanos(1));
    let checked = checked.with_deadlines(Deadlines::DEFAULT.with_throughput(enough));
    let mut body = timer.run(checked.send(request(""))).unwrap().into_body();
    for _ in 0..1_000 {
        assert!(timer.run(body.next()).unwrap().is_ok());
    }
}

#[test]
fn a_response_below_min_progress_is_a_timeout() {
    let (checked, timer) = trickling(200, SECOND);
    let min_progress = Throughput::new(256 << 10, 5 * SECOND);
    let checked = checked.with_deadlines(Deadlines::DEFAULT.with_min_progress(min_progress));
    let response = timer.run(checked.send(request(""))).unwrap();
    let (error, took, bytes) = read(&timer, response);
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
    assert_eq!((took, bytes), (5 * SECOND, 5));
}

#[test]
fn the_body_of_an_error_must_arrive_within_the_heads_deadline() {
    for status in [302, 400, 503] {
        let (checked, timer) = trickling(status, Duration::from_millis(1));
        let response = timer.run(checked.send(request(""))).unwrap();
        let (error, took, _) = read(&timer, response);
        assert_eq!(error.kind(), HttpErrorKind::Timeout, "{status}");
        assert_eq!(took, 30 * SECOND, "{status}");
    }
}

#[test]
fn a_body_must_arrive_within_its_limit_at_any_throughput() {
    let (checked, timer) = trickling(200, Duration::from_millis(1));
    let limits = [(7, None), (9, Some(9)), (7, Some(7))];
    for (expected, total) in limits {
        let mut deadlines = Deadlines::NONE.with_body(if expected == 9 { 11 } else { 7 } * SECOND);
        if let Some(total) = total {
            deadlines = deadlines.with_total(total * SECOND);
        }
        let checked = checked.clone().with_deadlines(deadlines);
        let response = timer.run(checked.send(request(""))).unwrap();
        let (error, took, _) = read(&timer, response);
        assert_eq!(error.kind(), HttpErrorKind::Timeout);
        assert_eq!(took, expected as u32 * SECOND);
    }
}

/// Time in which the body is not polled doesn't count.
#[test]
fn pauses_of_the_reader_do_not_count_against_the_server() {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    // Each byte comes a moment after it was asked for.
    let backend = move |_: Request| {
        let body = ResponseBody::new(None, trickle(&clock, Duration::from_millis(1)).map(Ok));
        async { Ok(http::Response::new(body)) }
    };
    let checked = CheckedClient::new(backend, timer.clone());
    let mut body = timer.run(checked.send(request(""))).unwrap().into_body();
    for _ in 0..100 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut body).poll_next(&mut cx).is_pending());
        timer.advance(Duration::from_millis(1));
        // It is there, and is fetched an hour later.
        timer.advance(Duration::from_secs(3_600));
        assert!(timer.run(body.next()).unwrap().is_ok());
    }
}

/// A backend that asks for a byte of the body after each pause.
fn slow_server(timer: &ManualTimer, pause: Duration) -> CheckedClient {
    let clock = timer.clone();
    let backend = move |request: Request| {
        let clock = clock.clone();
        async move {
            let mut body = request.into_body().open().unwrap();
            while let Some(Ok(_)) = body.next().await {
                clock.sleep(pause).await;
            }
            Ok(http::Response::new(ResponseBody::empty()))
        }
    };
    CheckedClient::new(backend, timer.clone())
}

/// Single bytes, each ready after a pause.
fn bytes_of(timer: &ManualTimer, len: u64, pause: Duration) -> Body {
    let timer = timer.clone();
    Body::replay(len, move || {
        let timer = timer.clone();
        Ok(stream::iter(0..len).then(move |_| {
            let pause = timer.sleep(pause);
            async move {
                pause.await;
                Ok(Bytes::from_static(b"x"))
            }
        }))
    })
}

fn took<F: Future>(timer: &ManualTimer, future: F) -> (F::Output, Duration) {
    let began = timer.now();
    let output = timer.run(future);
    (output, timer.now() - began)
}

#[test]
fn a_server_that_reads_below_the_minimum_throughput_is_a_stall() {
    let timer = ManualTimer::new();
    let checked = slow_server(&timer, 5 * SECOND);
    let body = bytes_of(&timer, 1_000, Duration::ZERO);
    let (outcome, took) = took(&timer, checked.send(request(body)));
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Stalled, Phase::MaybeReceived)
    );
    assert_eq!(took, 60 * SECOND);
}

#[test]
fn a_slow_source_does_not_fail_an_upload() {
    let timer = ManualTimer::new();
    let checked = slow_server(&timer, Duration::from_millis(1));
    let body = bytes_of(&timer, 100, 3_600 * SECOND);
    timer.run(checked.send(request(body))).unwrap();
}

#[test]
fn time_spent_waiting_for_the_source_does_not_count_against_the_server() {
    let timer = ManualTimer::new();
    let checked = slow_server(&timer, 5 * SECOND);
    // Each byte takes 5 s here, and then 5 s there: after 12 there was a minute of waiting.
    let body = bytes_of(&timer, 1_000, 5 * SECOND);
    let (outcome, took) = took(&timer, checked.send(request(body)));
    assert_eq!(outcome.unwrap_err().kind(), HttpErrorKind::Stalled);
    assert_eq!(took, (12 * 5 + 12 * 5) * SECOND);
}

/// Counted empty chunks. Panics if it is polled too often at once, since it would continue for ever.
fn nothing(asked: &Arc<AtomicU64>) -> impl Stream<Item = Bytes> + Send + use<> {
    let asked = Arc::clone(asked);
    stream::repeat_with(move || {
        assert!(asked.fetch_add(1, Ordering::Relaxed) < 1_000_000);
        Bytes::new()
    })
}

/// The largest number of chunks in one poll, and the result.
fn in_polls<F: Future>(future: F, asked: &AtomicU64) -> (u64, F::Output) {
    let (mut future, mut most) = (pin!(future), 0);
    loop {
        let before = asked.load(Ordering::Relaxed);
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        most = most.max(asked.load(Ordering::Relaxed) - before);
        if let Poll::Ready(output) = polled {
            return (most, output);
        }
    }
}

#[test]
fn a_source_of_endless_empty_chunks_fails_without_spinning() {
    for len in [0, 5] {
        for once in [false, true] {
            let asked = Arc::new(AtomicU64::new(0));
            let source = nothing(&asked).map(io::Result::Ok);
            let body = if once {
                Body::once(len, source)
            } else {
                let asked = Arc::clone(&asked);
                Body::replay(len, move || Ok(nothing(&asked).map(io::Result::Ok)))
            };
            let timer = ManualTimer::new();
            let checked = slow_server(&timer, Duration::ZERO);
            let (most, outcome) = in_polls(checked.send(request(body)), &asked);
            assert!(most <= 100, "{most} at once");
            if len == 0 {
                assert_eq!(outcome.unwrap_err().kind(), HttpErrorKind::Source);
            } else {
                // This server ends its reading with the error.
                assert!(outcome.is_ok());
                assert!(asked.load(Ordering::Relaxed) < 20_000);
            }
        }
    }
}

#[test]
fn a_response_of_endless_empty_chunks_fails_without_spinning() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let backend = move |_: Request| {
        let body = ResponseBody::new(None, nothing(&count).map(Ok));
        async { Ok(http::Response::new(body)) }
    };
    let checked = CheckedClient::new(backend, ManualTimer::new());
    let (_, response) = in_polls(checked.send(request("")), &asked);
    let (most, outcome) = in_polls(response.unwrap().into_body().collect(100), &asked);
    assert!(most <= 100, "{most} at once");
    assert_eq!(outcome.unwrap_err().kind(), HttpErrorKind::Protocol);
}

#[test]
fn extreme_deadlines_neither_panic_nor_spin() {
    let extremes = [
        Duration::ZERO,
        Duration::from_nanos(1),
        SECOND,
        Duration::from_secs(i64::MAX as u64),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ];
    let mut cases = vec![Deadlines::NONE, Deadlines::DEFAULT];
    for limit in extremes {
        for bytes in [0, 1, u64::MAX] {
            let least = Throughput::new(bytes, limit);
            cases.push(Deadlines::NONE.with_throughput(least));
            cases.push(Deadlines::NONE.with_min_progress(least));
        }
        cases.push(Deadlines::NONE.with_head(limit));
        cases.push(Deadlines::NONE.with_stall(limit));
        cases.push(Deadlines::NONE.with_body(limit));
        cases.push(Deadlines::NONE.with_total(limit));
    }
    for deadlines in cases {
        let timer = ManualTimer::new();
        let clock = timer.clone();
        let backend = move |request: Request| {
            let clock = clock.clone();
            async move {
                let mut source = request.into_body().open().unwrap();
                while let Some(Ok(_)) = source.next().await {
                    clock.sleep(SECOND).await;
                }
                let body = trickle(&clock, SECOND).take(3).map(Ok);
                Ok(http::Response::new(ResponseBody::new(None, body)))
            }
        };
        let checked = CheckedClient::new(backend, timer.clone()).with_deadlines(deadlines);
        let began: Instant = timer.now();
        let body = bytes_of(&timer, 3, SECOND);
        let outcome = timer.run(async {
            let response = checked.send(request(body)).await?;
            response.into_body().collect(10).await
        });
        assert!(timer.now() - began <= 10 * SECOND, "{deadlines:?}");
        match outcome {
            Ok(bytes) => assert_eq!(bytes, "...", "{deadlines:?}"),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    HttpErrorKind::Timeout | HttpErrorKind::Stalled
                ),
                "{deadlines:?}: {error:?}"
            ),
        }
    }
}
