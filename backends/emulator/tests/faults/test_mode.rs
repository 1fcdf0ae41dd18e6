//! `X-Bz-Test-Mode`, and the latency of calls.

use super::*;

/// An upload with a test mode header.
fn rehearse(
    client: &RawClient,
    url: &(String, String),
    mode: &'static str,
) -> raw_client::Response {
    client.send(upload_request(url, "f", b"x", &[("x-bz-test-mode", mode)]))
}

#[test]
fn test_mode_fails_some_uploads_and_parts() {
    let (client, bucket) = with_bucket();
    let codes: Vec<u16> = (0..6)
        .map(|_| {
            let url = client.upload_url(&bucket);
            rehearse(&client, &url, "fail_some_uploads").status.as_u16()
        })
        .collect();
    assert_eq!(codes, [200, 200, 503, 200, 200, 503]);
    let large = client.start(&bucket, "l");
    let codes: Vec<u16> = (1..=3)
        .map(|number| {
            let url = client.upload_part_url(&large);
            let mut request = part_request(&url, number, b"x", &sha1(b"x"));
            let mode = HeaderValue::from_static("fail_some_uploads");
            request.headers_mut().insert("x-bz-test-mode", mode);
            client.send(request).status.as_u16()
        })
        .collect();
    assert_eq!(codes, [200, 200, 503]);
    for _ in 0..6 {
        client.upload(&bucket, "without", b"x");
    }
}

#[test]
fn test_mode_exceeds_caps() {
    let (client, bucket) = with_bucket();
    let url = client.upload_url(&bucket);
    rehearse(&client, &url, "force_cap_exceeded").is_error(
        403,
        "storage_cap_exceeded",
        "Cannot upload files, storage cap exceeded",
    );
    let mut request = call(&client, "b2_get_upload_url", &json!({"bucketId": bucket}));
    let mode = HeaderValue::from_static("force_cap_exceeded");
    request.headers_mut().insert("x-bz-test-mode", mode);
    client.send(request).has_code(403, "storage_cap_exceeded");
    client.upload(&bucket, "f", b"x");
}

#[test]
fn test_mode_makes_some_tokens_expire_early() {
    let (client, _) = with_bucket();
    let good_for = || {
        let pair = format!("{}:{}", client.emulator.key_id(), client.emulator.key());
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        let request = http::Request::get(client.url("b2_authorize_account"))
            .header("authorization", format!("Basic {encoded}"))
            .header("x-bz-test-mode", "expire_some_account_authorization_tokens")
            .body(Body::empty())
            .unwrap();
        let token = client.send(request).ok()["authorizationToken"].clone();
        (0..9)
            .take_while(|_| {
                let list = http::Request::post(client.url("b2_list_buckets"))
                    .header("authorization", token.as_str().unwrap())
                    .body(Body::from(list_buckets(&client).to_string()))
                    .unwrap();
                let response = client.send(list);
                if response.status != 200 {
                    response.has_code(401, "expired_auth_token");
                }
                response.status == 200
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
    let client = RawClient::with(builder.build(), clock);
    for (name, seconds) in [("b2_list_keys", 2), ("b2_hide_file", 5)] {
        let mut sent = client.emulator.send(call(&client, name, &json!({})));
        let mut is_done = || (0..20).any(|_| (&mut sent).now_or_never().is_some());
        assert!(!is_done(), "{name}");
        client
            .clock
            .advance(Duration::from_millis(seconds * 1000 - 1));
        assert!(!is_done(), "{name}");
        client.clock.advance(Duration::from_millis(1));
        assert!(is_done(), "{name}");
    }
}

#[test]
#[should_panic(expected = "B2 has no call \"b2_list_key\"")]
fn a_latency_of_an_unknown_call_panics() {
    let _ = Emulator::builder().latency_of("b2_list_key", Duration::ZERO);
}
