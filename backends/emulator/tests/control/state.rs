//! The clock, tokens, lifecycle rules and saved states.

use super::*;

#[test]
fn advancing_the_clock_expires_tokens() {
    let turned = Emulator::builder().clock(OffsetClock::default()).build();
    for (emulator, can_turn) in [(Emulator::new(), false), (turned, true)] {
        let client = RawClient::with(emulator, b2kit_emulator::ManualClock::default());
        let server = serve(&client);
        let day = json!({"advanceSeconds": 24 * 60 * 60});
        let before = ok(&send_json(&server, "GET", "/clock", &Value::Null))["now"]
            .as_u64()
            .unwrap();
        let turned = send_json(&server, "POST", "/clock", &day);
        assert_eq!(turned.status, if can_turn { 200 } else { 409 });
        let code = list(&server, &client).json()["code"].clone();
        if can_turn {
            assert!(turned.json()["now"].as_u64().unwrap() >= before + 24 * 60 * 60 * 1000);
            assert_eq!(code, "expired_auth_token");
        } else {
            assert_eq!(code, Value::Null);
        }
    }
}

#[test]
fn the_clock_returns_to_the_time_of_the_system() {
    for (emulator, status) in [
        (Emulator::new(), 409),
        (
            Emulator::builder().clock(OffsetClock::default()).build(),
            200,
        ),
    ] {
        let client = RawClient::with(emulator, b2kit_emulator::ManualClock::default());
        let server = serve(&client);
        let now = |method: &str, body: &Value| {
            let response = send_json(&server, method, "/clock", body);
            (response.status, response.json()["now"].as_u64())
        };
        let before = now("GET", &Value::Null).1.unwrap();
        let day = json!({"advanceSeconds": 24 * 60 * 60});
        assert_eq!(now("POST", &day).0, status);
        let (reset, after) = now("DELETE", &Value::Null);
        assert_eq!(reset, status);
        assert!(after.is_none_or(|after| after < before + 24 * 60 * 60 * 1000));
    }
}

#[test]
fn states_are_saved_restored_and_reset() {
    let client = RawClient::new();
    client.create_bucket("from-before", "allPrivate");
    let server = serve(&client);
    client.create_bucket("in-between", "allPrivate");
    ok(&send_json(&server, "PUT", "/states/two", &Value::Null));
    client.create_bucket("and-after", "allPrivate");
    add(
        &server,
        &json!({"fault": {"kind": "internal_error"}, "on": {"call": "b2_list_keys"}}),
    );
    let buckets = || ok(&send_json(&server, "GET", "", &Value::Null))["buckets"].clone();
    assert_eq!(buckets(), 3);
    ok(&send_json(
        &server,
        "POST",
        "/states/two/restore",
        &Value::Null,
    ));
    assert_eq!(buckets(), 2);
    ok(&send_json(&server, "POST", "/reset", &Value::Null));
    assert_eq!(buckets(), 1);
    assert_eq!(
        ok(&send_json(&server, "GET", "/faults", &Value::Null))["faults"],
        json!([])
    );
    ok(&send_json(
        &server,
        "POST",
        "/states/two/restore",
        &Value::Null,
    ));
    assert_eq!(buckets(), 2);
}

#[test]
fn tokens_expire_and_lifecycle_rules_run_on_request() {
    let client = RawClient::new();
    let server = serve(&client);
    let rule = json!({"lifecycleRules": [{"fileNamePrefix": "", "daysFromUploadingToHiding": 1}]});
    let bucket = client.create_bucket_with("a-bucket", &rule);
    client.upload(&bucket, "f", b"x");
    ok(&send_json(
        &server,
        "POST",
        "/clock",
        &json!({"advanceSeconds": 86_400.0}),
    ));
    ok(&send_json(&server, "POST", "/lifecycle", &Value::Null));
    assert_eq!(client.emulator.snapshot().versions, 2);
    let client = RawClient::with(client.emulator.clone(), client.clock.clone());
    let url = client.upload_url(&bucket);
    ok(&send_json(
        &server,
        "POST",
        "/tokens/expire",
        &json!({"upload": true}),
    ));
    client
        .send(raw_client::upload_request(&url, "g", b"x", &[]))
        .has_code(401, "expired_auth_token");
    assert_eq!(list(&server, &client).status, 200);
    ok(&send_json(
        &server,
        "POST",
        "/tokens/expire",
        &json!({"account": true}),
    ));
    assert_eq!(list(&server, &client).json()["code"], "expired_auth_token");
}
