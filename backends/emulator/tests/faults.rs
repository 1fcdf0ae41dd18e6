//! Injected faults: which requests they hit, what the client sees, and what took effect.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "faults/bodies.rs"]
mod bodies;
#[path = "faults/test_mode.rs"]
mod test_mode;
mod wire;

use std::pin::pin;
use std::time::Duration;

use b2kit_core::{Body, HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, http};
use b2kit_emulator::{Emulator, Fault, FaultKind, Latch, ManualClock};
use futures::FutureExt as _;
use futures::executor::block_on;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use wire::{Wire, part_request, sha1, upload_request};

fn with_bucket() -> (Wire, String) {
    let wire = Wire::new();
    let bucket = wire.create_bucket("the-bucket", "allPrivate");
    (wire, bucket)
}

fn add(wire: &Wire, fault: Fault) {
    wire.emulator.faults().add(fault);
}

/// Without `CheckedClient`, which would report the faults itself.
fn send(wire: &Wire, request: Request) -> Result<Response, HttpError> {
    block_on(wire.emulator.send(request))
}

/// The body before its end or error, and the error.
fn read(response: Response) -> (Vec<u8>, Option<HttpErrorKind>) {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    loop {
        match block_on(futures::StreamExt::next(&mut body)) {
            None => return (bytes, None),
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            Some(Err(error)) => {
                assert_eq!(error.phase(), Phase::ResponseBegun);
                return (bytes, Some(error.kind()));
            }
        }
    }
}

fn get(wire: &Wire, path: &str) -> Request {
    http::Request::get(format!("{}/file/{path}", wire.emulator.url()))
        .header("authorization", &wire.token)
        .body(Body::empty())
        .unwrap()
}

fn call(wire: &Wire, name: &str, body: &Value) -> Request {
    http::Request::post(wire.url(name))
        .header("authorization", &wire.token)
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn list_buckets(wire: &Wire) -> Value {
    json!({"accountId": wire.emulator.account_id()})
}

#[test]
fn an_injected_error_has_the_format_of_b2_and_ends_after_its_times() {
    let (wire, _) = with_bucket();
    let busy = FaultKind::too_many_requests().retry_after(HeaderValue::from(7));
    let fault = Fault::new(busy).on("b2_list_buckets").times(2);
    let fault = wire.emulator.faults().add(fault);
    for strike in 1..=2 {
        let answer = wire.post("b2_list_buckets", &list_buckets(&wire));
        answer.is_error(429, "too_many_requests", "Too many requests");
        assert_eq!(answer.header("retry-after"), "7");
        assert!(!answer.header("date").is_empty());
        assert_eq!(wire.emulator.faults().hits(fault), strike);
    }
    wire.post("b2_list_buckets", &list_buckets(&wire)).ok();
    assert_eq!(
        wire.emulator.snapshot().calls_of("b2_list_buckets"),
        3,
        "refused ones count"
    );
    for (kind, status, code) in [
        (FaultKind::internal_error(), 500, "internal_error"),
        (FaultKind::service_unavailable(), 503, "service_unavailable"),
        (FaultKind::request_timeout(), 408, "request_timeout"),
        (
            FaultKind::storage_cap_exceeded(),
            403,
            "storage_cap_exceeded",
        ),
        (
            FaultKind::download_cap_exceeded(),
            403,
            "download_cap_exceeded",
        ),
        (
            FaultKind::transaction_cap_exceeded(),
            403,
            "transaction_cap_exceeded",
        ),
        (
            FaultKind::error(StatusCode::IM_A_TEAPOT, "teapot", "no"),
            418,
            "teapot",
        ),
    ] {
        let fault = wire.emulator.faults().add(Fault::new(kind));
        wire.post("b2_list_buckets", &list_buckets(&wire))
            .has_code(status, code);
        wire.emulator.faults().remove(fault);
    }
}

#[test]
fn faults_match_requests_by_bucket_file_name_and_part() {
    let (wire, bucket) = with_bucket();
    let other = wire.create_bucket("another", "allPrivate");
    let file = wire.upload(&bucket, "a b", b"x");
    wire.upload(&other, "a b", b"x");
    let large = wire.start(&bucket, "l");
    let fail = || Fault::new(FaultKind::internal_error());
    let id = file["fileId"].as_str().unwrap();
    let info = json!({ "fileId": id });
    let faults = wire.emulator.faults();

    faults.add(fail().on("b2_get_file_info").file(id));
    wire.post("b2_get_file_info", &info)
        .has_code(500, "internal_error");
    wire.get(&format!("b2_get_file_info?fileId={id}"))
        .has_code(500, "internal_error");
    assert_eq!(wire.download("the-bucket/a%20b", &[]).status, 200);
    faults.clear();

    faults.add(fail().bucket(&bucket));
    wire.post("b2_get_file_info", &info)
        .has_code(500, "internal_error");
    wire.post("b2_list_file_names", &json!({"bucketId": bucket}))
        .has_code(500, "internal_error");
    assert_eq!(wire.download("the-bucket/a%20b", &[]).status, 500);
    assert_eq!(wire.download("another/a%20b", &[]).status, 200);
    faults.clear();

    faults.add(fail().name("a b"));
    assert_eq!(wire.download("the-bucket/a+b", &[]).status, 500);
    wire.post(
        "b2_hide_file",
        &json!({"bucketId": other, "fileName": "a b"}),
    )
    .has_code(500, "internal_error");
    wire.upload_with(&bucket, "a%20b", b"x", &[])
        .has_code(500, "internal_error");
    wire.upload(&bucket, "c", b"x");
    faults.clear();

    faults.add(fail().part(2));
    wire.upload_part(&large, 1, b"x").ok();
    wire.upload_part(&large, 2, b"x")
        .has_code(500, "internal_error");
    let copy = json!({"sourceFileId": id, "largeFileId": large, "partNumber": 2});
    wire.post("b2_copy_part", &copy)
        .has_code(500, "internal_error");
}

#[test]
fn an_error_invalidates_the_upload_url_unless_it_is_a_429() {
    let (wire, bucket) = with_bucket();
    let url = wire.upload_url(&bucket);
    let busy = Fault::new(FaultKind::too_many_requests()).times(1);
    add(&wire, busy.on("b2_upload_file"));
    wire.send(upload_request(&url, "f", b"x", &[]))
        .has_code(429, "too_many_requests");
    wire.send(upload_request(&url, "f", b"x", &[])).ok();
    let full = Fault::new(FaultKind::service_unavailable()).times(1);
    add(&wire, full.on("b2_upload_file"));
    wire.send(upload_request(&url, "f", b"x", &[]))
        .has_code(503, "service_unavailable");
    wire.send(upload_request(&url, "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
    assert_eq!(wire.emulator.snapshot().versions, 1);
}

#[test]
fn an_error_after_the_effect_leaves_the_effect() {
    let (wire, bucket) = with_bucket();
    let fault = Fault::new(FaultKind::internal_error()).after_commit();
    add(&wire, fault.on("b2_upload_file"));
    wire.upload_with(&bucket, "f", b"x", &[])
        .has_code(500, "internal_error");
    assert_eq!(wire.emulator.snapshot().versions, 1);
}

#[test]
fn a_lost_response_leaves_the_effect_and_a_lost_request_does_not() {
    let (wire, bucket) = with_bucket();
    let hide = json!({"bucketId": bucket, "fileName": "f"});
    wire.upload(&bucket, "f", b"x");
    for phase in [Phase::NotSent, Phase::MaybeReceived] {
        let fault = Fault::new(FaultKind::LoseRequest(phase)).on("b2_hide_file");
        let fault = wire.emulator.faults().add(fault);
        let error = send(&wire, call(&wire, "b2_hide_file", &hide)).unwrap_err();
        assert_eq!((error.kind(), error.phase()), (HttpErrorKind::Reset, phase));
        wire.emulator.faults().remove(fault);
    }
    let snapshot = wire.emulator.snapshot();
    assert_eq!(snapshot.versions, 1);
    assert_eq!(snapshot.calls_of("b2_hide_file"), 1, "one of them arrived");
    add(&wire, Fault::new(FaultKind::LoseResponse).times(1));
    let error = send(&wire, call(&wire, "b2_hide_file", &hide)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Closed, Phase::MaybeReceived)
    );
    wire.post("b2_hide_file", &hide)
        .has_code(400, "already_hidden");
}

#[test]
fn a_fault_expires_or_forgets_a_token_in_use() {
    let (wire, bucket) = with_bucket();
    let url = wire.upload_url(&bucket);
    let expire = Fault::new(FaultKind::ExpireToken).times(1);
    add(&wire, expire.clone().on("b2_upload_file"));
    for _ in 0..2 {
        wire.send(upload_request(&url, "f", b"x", &[]))
            .has_code(401, "expired_auth_token");
    }
    add(&wire, expire.on("b2_list_buckets"));
    for _ in 0..2 {
        wire.post("b2_list_buckets", &list_buckets(&wire))
            .has_code(401, "expired_auth_token");
    }
    let (wire, _) = with_bucket();
    add(&wire, Fault::new(FaultKind::ForgetToken).nth(2));
    wire.post("b2_list_buckets", &list_buckets(&wire)).ok();
    for _ in 0..2 {
        wire.post("b2_list_buckets", &list_buckets(&wire))
            .has_code(401, "bad_auth_token");
    }
}

#[test]
fn a_delay_ends_by_the_clock_and_a_wait_when_its_latch_opens() {
    let (wire, bucket) = with_bucket();
    let hide = json!({"bucketId": bucket, "fileName": "f"});
    wire.upload(&bucket, "f", b"x");
    let delay = Duration::from_secs(3);
    add(&wire, Fault::new(FaultKind::Delay(delay)).times(1));
    let mut sent = wire.emulator.send(call(&wire, "b2_hide_file", &hide));
    let mut turns = |expected: bool| {
        let done = (0..20).find_map(|_| (&mut sent).now_or_never());
        assert_eq!(done.is_some(), expected);
    };
    turns(false);
    wire.clock.advance(Duration::from_millis(2999));
    turns(false);
    assert_eq!(wire.emulator.snapshot().versions, 1, "before the effect");
    wire.clock.advance(Duration::from_millis(1));
    turns(true);

    let latch = Latch::new();
    let fault = Fault::new(FaultKind::Wait(latch.clone())).after_commit();
    add(&wire, fault.on("b2_upload_file"));
    let url = wire.upload_url(&bucket);
    let mut sent = wire.emulator.send(upload_request(&url, "g", b"x", &[]));
    assert!((0..20).all(|_| (&mut sent).now_or_never().is_none()));
    assert_eq!(latch.waiting(), 1);
    assert_eq!(wire.emulator.snapshot().versions, 3, "after the effect");
    latch.open();
    let done = (0..20).find_map(|_| (&mut sent).now_or_never());
    assert_eq!(done.unwrap().unwrap().status(), 200);
    assert_eq!(latch.waiting(), 0);
}

#[test]
fn several_faults_of_one_request_add_up() {
    let (wire, bucket) = with_bucket();
    let latch = Latch::new();
    add(&wire, Fault::new(FaultKind::Wait(latch.clone())));
    add(&wire, Fault::new(FaultKind::internal_error()));
    add(&wire, Fault::new(FaultKind::service_unavailable()));
    let request = call(&wire, "b2_list_file_names", &json!({"bucketId": bucket}));
    let mut sent = pin!(wire.emulator.send(request));
    assert!((0..20).all(|_| (&mut sent).now_or_never().is_none()));
    latch.open();
    let done = (0..20).find_map(|_| (&mut sent).now_or_never());
    assert_eq!(done.unwrap().unwrap().status(), 500, "the first of the two");
}

#[test]
fn the_same_seed_injects_the_same_faults() {
    let run = |seed: u64| -> Vec<u16> {
        let wire = Wire::of(Emulator::builder().seed(seed));
        add(
            &wire,
            Fault::new(FaultKind::internal_error()).probability(0.5),
        );
        let body = list_buckets(&wire);
        (0..40)
            .map(|_| wire.post("b2_list_buckets", &body).status.as_u16())
            .collect()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
