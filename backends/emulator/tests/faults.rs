//! FaultKind on request: what hits whom, what the client sees of it, and what has happened behind
//! it.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

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

/// Without the guard, which would judge what is wrong here.
fn send(wire: &Wire, request: Request) -> Result<Response, HttpError> {
    block_on(wire.emulator.send(request))
}

/// What comes before the end or the error of the body, and the error.
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
    for (trouble, status, code) in [
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
        let fault = wire.emulator.faults().add(Fault::new(trouble));
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
    add(&wire, Fault::new(FaultKind::LoseReply).times(1));
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

    let gate = Latch::new();
    let fault = Fault::new(FaultKind::Wait(gate.clone())).after_commit();
    add(&wire, fault.on("b2_upload_file"));
    let url = wire.upload_url(&bucket);
    let mut sent = wire.emulator.send(upload_request(&url, "g", b"x", &[]));
    assert!((0..20).all(|_| (&mut sent).now_or_never().is_none()));
    assert_eq!(gate.waiting(), 1);
    assert_eq!(wire.emulator.snapshot().versions, 3, "after the effect");
    gate.open();
    let done = (0..20).find_map(|_| (&mut sent).now_or_never());
    assert_eq!(done.unwrap().unwrap().status(), 200);
    assert_eq!(gate.waiting(), 0);
}

#[test]
fn a_response_is_cut_stalled_or_corrupted() {
    let (wire, bucket) = with_bucket();
    let content: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    wire.upload(&bucket, "f", &content);
    let path = "the-bucket/f";
    let once = |trouble| Fault::new(trouble).on("b2_download_file_by_name").times(1);

    add(&wire, once(FaultKind::CutResponse { after: 200_000 }));
    let response = send(&wire, get(&wire, path)).unwrap();
    assert_eq!(response.headers()["content-length"], "300000");
    let (bytes, error) = read(response);
    assert_eq!(
        (bytes == content[..200_000], error),
        (true, Some(HttpErrorKind::Closed))
    );

    add(&wire, once(FaultKind::CutResponse { after: 300_000 }));
    assert_eq!(
        read(send(&wire, get(&wire, path)).unwrap()),
        (content.clone(), None)
    );

    add(&wire, once(FaultKind::ResetResponse { after: 200_000 }));
    let (bytes, error) = read(send(&wire, get(&wire, path)).unwrap());
    assert_eq!(
        (bytes == content[..200_000], error),
        (true, Some(HttpErrorKind::Reset))
    );

    add(&wire, once(FaultKind::StallResponse { after: 1 }));
    let mut body = send(&wire, get(&wire, path)).unwrap().into_body();
    let first = block_on(futures::StreamExt::next(&mut body))
        .unwrap()
        .unwrap();
    assert_eq!(first, content[..1]);
    assert!(futures::StreamExt::next(&mut body).now_or_never().is_none());

    add(&wire, once(FaultKind::CorruptByte { at: 131_072 }));
    let (bytes, error) = read(send(&wire, get(&wire, path)).unwrap());
    let wrong: Vec<usize> = (0..300_000)
        .filter(|&at| bytes[at] != content[at])
        .collect();
    assert_eq!((wrong, error), (vec![131_072], None));
}

#[test]
fn an_upload_that_is_cut_reset_or_stalled_stores_nothing() {
    let (wire, bucket) = with_bucket();
    let chunks = |url: &(String, String)| {
        let request = upload_request(url, "f", b"abcdef", &[]);
        let chunks = ["ab", "cd", "ef"].map(|chunk| Ok(bytes::Bytes::from(chunk)));
        request.map(|_| Body::once(6, futures::stream::iter(chunks)))
    };
    let url = wire.upload_url(&bucket);
    add(
        &wire,
        Fault::new(FaultKind::ResetUpload { after: 3 }).times(1),
    );
    let error = send(&wire, chunks(&url)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Reset, Phase::MaybeReceived)
    );
    wire.send(chunks(&url)).has_code(401, "bad_auth_token");
    let url = wire.upload_url(&bucket);
    add(
        &wire,
        Fault::new(FaultKind::CutUpload { after: 3 }).times(1),
    );
    let error = send(&wire, chunks(&url)).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed);
    wire.send(chunks(&url)).has_code(401, "bad_auth_token");
    let url = wire.upload_url(&bucket);
    add(
        &wire,
        Fault::new(FaultKind::StallUpload { after: 3 }).times(1),
    );
    let mut stuck = wire.emulator.send(chunks(&url));
    assert!((0..20).all(|_| (&mut stuck).now_or_never().is_none()));
    wire.send(chunks(&url)).has_code(400, "auth_token_limit");
    drop(stuck);
    wire.send(chunks(&url)).has_code(401, "bad_auth_token");
    let url = wire.upload_url(&bucket);
    add(
        &wire,
        Fault::new(FaultKind::StallUpload { after: 3 }).times(1),
    );
    let mut stuck = wire.emulator.send(chunks(&url));
    assert!((0..20).all(|_| (&mut stuck).now_or_never().is_none()));
    wire.clock.advance(Duration::from_secs(3600));
    let error = block_on(stuck).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed);
    let snapshot = wire.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
}

#[test]
fn a_corrupted_upload_does_not_match_its_sha1() {
    let (wire, bucket) = with_bucket();
    add(
        &wire,
        Fault::new(FaultKind::CorruptUpload { at: 4 })
            .on("b2_upload_file")
            .times(1),
    );
    let url = wire.upload_url(&bucket);
    let request = || upload_request(&url, "f", b"abcdef", &[]);
    let chunks = ["ab", "cd", "ef"].map(|chunk| Ok(bytes::Bytes::from(chunk)));
    let chunked = request().map(|_| Body::once(6, futures::stream::iter(chunks)));
    wire.send(chunked)
        .is_error(400, "bad_request", "Sha1 did not match data received");
    add(
        &wire,
        Fault::new(FaultKind::CorruptUpload { at: 6 })
            .on("b2_upload_file")
            .times(1),
    );
    wire.upload(&bucket, "f", b"abcdef");
    assert_eq!(wire.download("the-bucket/f", &[]).body, "abcdef");
}

#[test]
fn a_response_has_the_falsified_sha1_length_or_headers() {
    let (wire, bucket) = with_bucket();
    add(
        &wire,
        Fault::new(FaultKind::WrongSha1)
            .on("b2_upload_file")
            .times(1),
    );
    let file = wire.upload(&bucket, "f", b"x");
    assert_eq!(file["contentSha1"], "0".repeat(40));
    let info = wire
        .post("b2_get_file_info", &json!({"fileId": file["fileId"]}))
        .ok();
    assert_eq!(info["contentSha1"], sha1(b"x"), "what is stored is right");
    let large = wire.start(&bucket, "l");
    add(
        &wire,
        Fault::new(FaultKind::WrongLength)
            .on("b2_upload_part")
            .times(1),
    );
    assert_eq!(
        wire.upload_part(&large, 1, b"four").ok()["contentLength"],
        5
    );
    let range = HeaderValue::from_static("bytes 1-2/9");
    let name = HeaderName::from_static("content-range");
    let download = || wire.download("the-bucket/f", &[("range", "bytes=0-0")]);
    add(
        &wire,
        Fault::new(FaultKind::SetHeader(name.clone(), range)).times(1),
    );
    assert_eq!(download().header("content-range"), "bytes 1-2/9");
    add(&wire, Fault::new(FaultKind::RemoveHeader(name)).times(1));
    let answer = download();
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-range")),
        (206, "")
    );
    add(&wire, Fault::new(FaultKind::WrongSha1).times(1));
    assert_eq!(download().header("x-bz-content-sha1"), "0".repeat(40));
}

#[test]
fn a_replaced_response_has_its_own_content_type() {
    let (wire, _) = with_bucket();
    add(
        &wire,
        Fault::new(FaultKind::html(StatusCode::BAD_GATEWAY)).times(1),
    );
    let answer = wire.post("b2_list_buckets", &list_buckets(&wire));
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (502, "text/html")
    );
    assert!(answer.body.starts_with(b"<html>"));
    add(&wire, Fault::new(FaultKind::garbage()).times(1));
    let answer = wire.post("b2_list_buckets", &list_buckets(&wire));
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
}

#[test]
fn several_faults_of_one_request_add_up() {
    let (wire, bucket) = with_bucket();
    let gate = Latch::new();
    add(&wire, Fault::new(FaultKind::Wait(gate.clone())));
    add(&wire, Fault::new(FaultKind::internal_error()));
    add(&wire, Fault::new(FaultKind::service_unavailable()));
    let request = call(&wire, "b2_list_file_names", &json!({"bucketId": bucket}));
    let mut sent = pin!(wire.emulator.send(request));
    assert!((0..20).all(|_| (&mut sent).now_or_never().is_none()));
    gate.open();
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

/// An upload with a header of the test mode.
fn rehearse(wire: &Wire, url: &(String, String), mode: &'static str) -> wire::Answer {
    wire.send(upload_request(url, "f", b"x", &[("x-bz-test-mode", mode)]))
}

#[test]
fn test_mode_fails_some_uploads_and_parts() {
    let (wire, bucket) = with_bucket();
    let codes: Vec<u16> = (0..6)
        .map(|_| {
            let url = wire.upload_url(&bucket);
            rehearse(&wire, &url, "fail_some_uploads").status.as_u16()
        })
        .collect();
    assert_eq!(codes, [200, 200, 503, 200, 200, 503]);
    let large = wire.start(&bucket, "l");
    let codes: Vec<u16> = (1..=3)
        .map(|number| {
            let url = wire.upload_part_url(&large);
            let mut request = part_request(&url, number, b"x", &sha1(b"x"));
            let mode = HeaderValue::from_static("fail_some_uploads");
            request.headers_mut().insert("x-bz-test-mode", mode);
            wire.send(request).status.as_u16()
        })
        .collect();
    assert_eq!(codes, [200, 200, 503]);
    for _ in 0..6 {
        wire.upload(&bucket, "without", b"x");
    }
}

#[test]
fn test_mode_exceeds_caps() {
    let (wire, bucket) = with_bucket();
    let url = wire.upload_url(&bucket);
    rehearse(&wire, &url, "force_cap_exceeded").is_error(
        403,
        "storage_cap_exceeded",
        "Cannot upload files, storage cap exceeded",
    );
    let mut request = call(&wire, "b2_get_upload_url", &json!({"bucketId": bucket}));
    let mode = HeaderValue::from_static("force_cap_exceeded");
    request.headers_mut().insert("x-bz-test-mode", mode);
    wire.send(request).has_code(403, "storage_cap_exceeded");
    wire.upload(&bucket, "f", b"x");
}

#[test]
fn test_mode_makes_some_tokens_expire_early() {
    let (wire, _) = with_bucket();
    let good_for = || {
        let pair = format!("{}:{}", wire.emulator.key_id(), wire.emulator.key());
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        let request = http::Request::get(wire.url("b2_authorize_account"))
            .header("authorization", format!("Basic {encoded}"))
            .header("x-bz-test-mode", "expire_some_account_authorization_tokens")
            .body(Body::empty())
            .unwrap();
        let token = wire.send(request).ok()["authorizationToken"].clone();
        (0..9)
            .take_while(|_| {
                let list = http::Request::post(wire.url("b2_list_buckets"))
                    .header("authorization", token.as_str().unwrap())
                    .body(Body::from(list_buckets(&wire).to_string()))
                    .unwrap();
                let answer = wire.send(list);
                if answer.status != 200 {
                    answer.has_code(401, "expired_auth_token");
                }
                answer.status == 200
            })
            .count()
    };
    let counts: Vec<usize> = (0..4).map(|_| good_for()).collect();
    assert_eq!(counts, [9, 5, 9, 5]);
}

#[test]
fn latency_delays_all_calls_by_the_clock_and_one_by_its_own() {
    let clock = ManualClock::default();
    let builder = Emulator::builder()
        .clock(clock.clone())
        .latency(Duration::from_secs(2))
        .latency_of("b2_authorize_account", Duration::ZERO)
        .latency_of("b2_hide_file", Duration::from_secs(5));
    let wire = Wire::with(builder.build(), clock);
    for (name, seconds) in [("b2_list_keys", 2), ("b2_hide_file", 5)] {
        let mut sent = wire.emulator.send(call(&wire, name, &json!({})));
        let mut is_done = || (0..20).any(|_| (&mut sent).now_or_never().is_some());
        assert!(!is_done(), "{name}");
        wire.clock
            .advance(Duration::from_millis(seconds * 1000 - 1));
        assert!(!is_done(), "{name}");
        wire.clock.advance(Duration::from_millis(1));
        assert!(is_done(), "{name}");
    }
}

#[test]
#[should_panic(expected = "B2 has no call \"b2_list_key\"")]
fn a_latency_of_an_unknown_call_panics() {
    let _ = Emulator::builder().latency_of("b2_list_key", Duration::ZERO);
}
