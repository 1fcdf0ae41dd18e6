//! Injected faults: which requests they hit, what the client sees, and what took effect.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "faults/bodies.rs"]
mod bodies;
mod raw_client;
#[path = "faults/test_mode.rs"]
mod test_mode;

use std::pin::pin;
use std::time::Duration;

use b2kit_core::{Body, HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, http};
use b2kit_emulator::{Emulator, Fault, FaultKind, Latch, ManualClock};
use futures::FutureExt as _;
use futures::executor::block_on;
use http::{HeaderName, HeaderValue, StatusCode};
use raw_client::{RawClient, part_request, sha1, upload_request};
use serde_json::{Value, json};

fn with_bucket() -> (RawClient, String) {
    let client = RawClient::new();
    let bucket = client.create_bucket("the-bucket", "allPrivate");
    (client, bucket)
}

fn add(client: &RawClient, fault: Fault) {
    client.emulator.faults().add(fault);
}

/// Without `CheckedClient`, which would report the faults itself.
fn send(client: &RawClient, request: Request) -> Result<Response, HttpError> {
    block_on(client.emulator.send(request))
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

fn get(client: &RawClient, path: &str) -> Request {
    http::Request::get(format!("{}/file/{path}", client.emulator.url()))
        .header("authorization", &client.token)
        .body(Body::empty())
        .unwrap()
}

fn call(client: &RawClient, name: &str, body: &Value) -> Request {
    http::Request::post(client.url(name))
        .header("authorization", &client.token)
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn list_buckets(client: &RawClient) -> Value {
    json!({"accountId": client.emulator.account_id()})
}

#[test]
fn an_injected_error_has_the_format_of_b2_and_ends_after_its_times() {
    let (client, _) = with_bucket();
    let busy = FaultKind::too_many_requests().retry_after(HeaderValue::from(7));
    let fault = Fault::new(busy).on("b2_list_buckets").times(2);
    let fault = client.emulator.faults().add(fault);
    for strike in 1..=2 {
        let response = client.post("b2_list_buckets", &list_buckets(&client));
        response.is_error(429, "too_many_requests", "Too many requests");
        assert_eq!(response.header("retry-after"), "7");
        assert!(!response.header("date").is_empty());
        assert_eq!(client.emulator.faults().hits(fault), strike);
    }
    client.post("b2_list_buckets", &list_buckets(&client)).ok();
    assert_eq!(
        client.emulator.snapshot().calls_of("b2_list_buckets"),
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
        let fault = client.emulator.faults().add(Fault::new(kind));
        client
            .post("b2_list_buckets", &list_buckets(&client))
            .has_code(status, code);
        client.emulator.faults().remove(fault);
    }
}

#[test]
fn faults_match_requests_by_bucket_file_name_and_part() {
    let (client, bucket) = with_bucket();
    let other = client.create_bucket("another", "allPrivate");
    let file = client.upload(&bucket, "a b", b"x");
    client.upload(&other, "a b", b"x");
    let large = client.start(&bucket, "l");
    let fail = || Fault::new(FaultKind::internal_error());
    let id = file["fileId"].as_str().unwrap();
    let info = json!({ "fileId": id });
    let faults = client.emulator.faults();

    faults.add(fail().on("b2_get_file_info").file(id));
    client
        .post("b2_get_file_info", &info)
        .has_code(500, "internal_error");
    client
        .get(&format!("b2_get_file_info?fileId={id}"))
        .has_code(500, "internal_error");
    assert_eq!(client.download("the-bucket/a%20b", &[]).status, 200);
    faults.clear();

    faults.add(fail().bucket(&bucket));
    client
        .post("b2_get_file_info", &info)
        .has_code(500, "internal_error");
    client
        .post("b2_list_file_names", &json!({"bucketId": bucket}))
        .has_code(500, "internal_error");
    assert_eq!(client.download("the-bucket/a%20b", &[]).status, 500);
    assert_eq!(client.download("another/a%20b", &[]).status, 200);
    faults.clear();

    faults.add(fail().name("a b"));
    assert_eq!(client.download("the-bucket/a+b", &[]).status, 500);
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": other, "fileName": "a b"}),
        )
        .has_code(500, "internal_error");
    client
        .upload_with(&bucket, "a%20b", b"x", &[])
        .has_code(500, "internal_error");
    client.upload(&bucket, "c", b"x");
    faults.clear();

    faults.add(fail().part(2));
    client.upload_part(&large, 1, b"x").ok();
    client
        .upload_part(&large, 2, b"x")
        .has_code(500, "internal_error");
    let copy = json!({"sourceFileId": id, "largeFileId": large, "partNumber": 2});
    client
        .post("b2_copy_part", &copy)
        .has_code(500, "internal_error");
}

#[test]
fn an_error_invalidates_the_upload_url_unless_it_is_a_429() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    let busy = Fault::new(FaultKind::too_many_requests()).times(1);
    add(&client, busy.on("b2_upload_file"));
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(429, "too_many_requests");
    client.send(upload_request(&url, "f", b"x", &[])).ok();
    let full = Fault::new(FaultKind::service_unavailable()).times(1);
    add(&client, full.on("b2_upload_file"));
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(503, "service_unavailable");
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
    assert_eq!(client.emulator.snapshot().versions, 1);
}

#[test]
fn an_error_after_the_effect_leaves_the_effect() {
    let (client, bucket) = with_bucket();
    let fault = Fault::new(FaultKind::internal_error()).after_commit();
    add(&client, fault.on("b2_upload_file").times(1));
    let url = client.upload_url(&bucket);
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(500, "internal_error");
    assert_eq!(client.emulator.snapshot().versions, 1);
    // for the client it has failed, so its URL is used up
    client
        .send(upload_request(&url, "f", b"x", &[]))
        .has_code(401, "bad_auth_token");
}

#[test]
fn a_lost_response_leaves_the_effect_and_a_lost_request_does_not() {
    let (client, bucket) = with_bucket();
    let hide = json!({"bucketId": bucket, "fileName": "f"});
    client.upload(&bucket, "f", b"x");
    for phase in [Phase::NotSent, Phase::MaybeReceived] {
        let fault = Fault::new(FaultKind::LoseRequest(phase)).on("b2_hide_file");
        let fault = client.emulator.faults().add(fault);
        let error = send(&client, call(&client, "b2_hide_file", &hide)).unwrap_err();
        assert_eq!((error.kind(), error.phase()), (HttpErrorKind::Reset, phase));
        client.emulator.faults().remove(fault);
    }
    let snapshot = client.emulator.snapshot();
    assert_eq!(snapshot.versions, 1);
    assert_eq!(snapshot.calls_of("b2_hide_file"), 1, "one of them arrived");
    add(&client, Fault::new(FaultKind::LoseResponse).times(1));
    let error = send(&client, call(&client, "b2_hide_file", &hide)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Closed, Phase::MaybeReceived)
    );
    client
        .post("b2_hide_file", &hide)
        .has_code(400, "already_hidden");
}

#[test]
fn a_fault_expires_or_forgets_a_token_in_use() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    let expire = Fault::new(FaultKind::ExpireToken).times(1);
    add(&client, expire.clone().on("b2_upload_file"));
    for _ in 0..2 {
        client
            .send(upload_request(&url, "f", b"x", &[]))
            .has_code(401, "expired_auth_token");
    }
    add(&client, expire.on("b2_list_buckets"));
    for _ in 0..2 {
        client
            .post("b2_list_buckets", &list_buckets(&client))
            .has_code(401, "expired_auth_token");
    }
    let (client, _) = with_bucket();
    add(&client, Fault::new(FaultKind::ForgetToken).nth(2));
    client.post("b2_list_buckets", &list_buckets(&client)).ok();
    for _ in 0..2 {
        client
            .post("b2_list_buckets", &list_buckets(&client))
            .has_code(401, "bad_auth_token");
    }
}

#[test]
fn a_delay_ends_by_the_clock_and_a_wait_when_its_latch_opens() {
    let (client, bucket) = with_bucket();
    let hide = json!({"bucketId": bucket, "fileName": "f"});
    client.upload(&bucket, "f", b"x");
    let delay = Duration::from_secs(3);
    add(&client, Fault::new(FaultKind::Delay(delay)).times(1));
    let mut sent = client.emulator.send(call(&client, "b2_hide_file", &hide));
    let mut turns = |expected: bool| {
        let done = (0..20).find_map(|_| (&mut sent).now_or_never());
        assert_eq!(done.is_some(), expected);
    };
    turns(false);
    client.clock.advance(Duration::from_millis(2999));
    turns(false);
    assert_eq!(client.emulator.snapshot().versions, 1, "before the effect");
    client.clock.advance(Duration::from_millis(1));
    turns(true);

    let latch = Latch::new();
    let fault = Fault::new(FaultKind::Wait(latch.clone())).after_commit();
    add(&client, fault.on("b2_upload_file"));
    let url = client.upload_url(&bucket);
    let mut sent = client.emulator.send(upload_request(&url, "g", b"x", &[]));
    assert!((0..20).all(|_| (&mut sent).now_or_never().is_none()));
    assert_eq!(latch.waiting(), 1);
    assert_eq!(client.emulator.snapshot().versions, 3, "after the effect");
    latch.open();
    let done = (0..20).find_map(|_| (&mut sent).now_or_never());
    assert_eq!(done.unwrap().unwrap().status(), 200);
    assert_eq!(latch.waiting(), 0);
}

#[test]
fn several_faults_of_one_request_add_up() {
    let (client, bucket) = with_bucket();
    let latch = Latch::new();
    add(&client, Fault::new(FaultKind::Wait(latch.clone())));
    add(&client, Fault::new(FaultKind::internal_error()));
    add(&client, Fault::new(FaultKind::service_unavailable()));
    let request = call(&client, "b2_list_file_names", &json!({"bucketId": bucket}));
    let mut sent = pin!(client.emulator.send(request));
    assert!((0..20).all(|_| (&mut sent).now_or_never().is_none()));
    latch.open();
    let done = (0..20).find_map(|_| (&mut sent).now_or_never());
    assert_eq!(done.unwrap().unwrap().status(), 500, "the first of the two");
}

#[test]
fn the_same_seed_injects_the_same_faults() {
    let run = |seed: u64| -> Vec<u16> {
        let client = RawClient::of(Emulator::builder().seed(seed));
        add(
            &client,
            Fault::new(FaultKind::internal_error()).probability(0.5),
        );
        let body = list_buckets(&client);
        (0..40)
            .map(|_| client.post("b2_list_buckets", &body).status.as_u16())
            .collect()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
