//! Edge cases of `CheckedClient`: a request dropped while its source is polled, and extreme limits.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use b2kit_core::{
    Body, BodyStream, Bytes, CheckedClient, Deadlines, HttpClient, HttpError, HttpErrorKind,
    ManualTimer, Request, Response, ResponseBody, SystemTimer, Timer, http,
};
use futures_core::Stream;

type Sending = Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send>>;

fn post(body: Body) -> Request {
    http::Request::post("http://h.test/").body(body).unwrap()
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A source that isn't ready, and drops the request while it is polled, as another thread could.
struct GivenUpMeanwhile(Arc<Mutex<Option<Sending>>>);

impl Stream for GivenUpMeanwhile {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let sending = self.0.lock().unwrap().take();
        drop(sending);
        Poll::Pending
    }
}

#[test]
fn a_request_dropped_while_its_source_is_polled_wakes_the_reader_of_the_body() {
    let stream: Arc<Mutex<Option<BodyStream>>> = Arc::default();
    let sending: Arc<Mutex<Option<Sending>>> = Arc::default();
    let taken = Arc::clone(&stream);
    let backend = move |request: Request| {
        *taken.lock().unwrap() = Some(request.body().open().unwrap());
        std::future::pending::<Result<Response, HttpError>>()
    };
    let checked = CheckedClient::new(backend, ManualTimer::new());
    let body = Body::once(5, GivenUpMeanwhile(Arc::clone(&sending)));
    let mut future: Sending = Box::pin(async move { checked.send(post(body)).await });
    let mut noop = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut noop).is_pending());
    *sending.lock().unwrap() = Some(future);

    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut stream = stream.lock().unwrap().take().unwrap();
    let polled = stream.as_mut().poll_next(&mut Context::from_waker(&waker));
    assert!(
        matches!(polled, Poll::Ready(Some(Err(_)))) || woken.0.load(Ordering::SeqCst),
        "the body waits for its source for ever, and the connection stays open"
    );
}

/// A response that always has bytes, a second apart.
struct Trickle(ManualTimer);

impl Stream for Trickle {
    type Item = Result<Bytes, HttpError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.advance(Duration::from_secs(1));
        Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
    }
}

#[test]
fn a_deadline_ends_a_response_that_always_has_bytes() {
    let limit = Duration::from_secs(10);
    for deadlines in [
        Deadlines::NONE.with_total(limit),
        Deadlines::NONE.with_body(limit),
    ] {
        let timer = ManualTimer::new();
        let bytes = timer.clone();
        let backend = move |_: Request| {
            let body = ResponseBody::new(None, Trickle(bytes.clone()));
            async { Ok(Response::new(body)) }
        };
        let checked = CheckedClient::new(backend, timer.clone()).with_deadlines(deadlines);
        let response = timer.run(checked.send(post(Body::empty()))).unwrap();
        let mut body = response.into_body();
        let late = (0..1_000).find_map(|_| timer.run(body.next())?.err());
        let late = late.expect("after 1,000 s of 10 it still goes on");
        assert_eq!(late.kind(), HttpErrorKind::Timeout);
    }
}

struct Never;

impl Stream for Never {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

#[test]
fn the_total_deadline_applies_while_an_empty_source_is_checked() {
    let timer = ManualTimer::new();
    let backend = |_: Request| async { Ok(Response::new(ResponseBody::empty())) };
    let checked = CheckedClient::new(backend, timer.clone())
        .with_deadlines(Deadlines::NONE.with_total(Duration::from_secs(10)));
    let error = timer
        .run(checked.send(post(Body::once(0, Never))))
        .unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Timeout);
}

#[test]
fn the_longest_limit_does_not_panic() {
    drop(SystemTimer.sleep(Duration::MAX));
}

#[test]
fn the_longest_limit_does_not_panic_with_a_manual_timer() {
    drop(ManualTimer::new().sleep(Duration::MAX));
}

#[test]
fn a_manual_timer_waits_for_another_thread_while_nothing_sleeps() {
    let timer = ManualTimer::new();
    let (done, is_done) = futures::channel::oneshot::channel();
    let thread = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(20));
        done.send("done")
    });
    let began = timer.now();
    assert_eq!(timer.run(is_done), Ok("done"));
    assert_eq!(timer.now(), began);
    thread.join().unwrap().unwrap();
}
