//! The clock, tokens, lifecycle rules and saved states.

use super::*;

#[test]
fn advancing_the_clock_expires_tokens() {
    let turned = Emulator::builder().clock(OffsetClock::default()).build();
    for (emulator, can_turn) in [(Emulator::new(), false), (turned, true)] {
        let wire = Wire::with(emulator, b2kit_emulator::ManualClock::default());
        let server = serve(&wire);
        let day = json!({"advanceSeconds": 24 * 60 * 60});
        let before = ok(&ask(&server, "GET", "/clock", &Value::Null))["now"]
            .as_u64()
            .unwrap();
        let turned = ask(&server, "POST", "/clock", &day);
        assert_eq!(turned.status, if can_turn { 200 } else { 409 });
        let code = list(&server, &wire).json()["code"].clone();
        if can_turn {
            assert!(turned.json()["now"].as_u64().unwrap() >= before + 24 * 60 * 60 * 1000);
            assert_eq!(code, "expired_auth_token");
        } else {
            assert_eq!(code, Value::Null);
        }
    }
}

#[test]
fn states_are_saved_restored_and_reset() {
    let wire = Wire::new();
    wire.create_bucket("from-before", "allPrivate");
    let server = serve(&wire);
    wire.create_bucket("in-between", "allPrivate");
    ok(&ask(&server, "PUT", "/states/two", &Value::Null));
    wire.create_bucket("and-after", "allPrivate");
    add(
        &server,
        &json!({"fault": {"kind": "internal_error"}, "on": {"call": "b2_list_keys"}}),
    );
    let buckets = || ok(&ask(&server, "GET", "", &Value::Null))["buckets"].clone();
    assert_eq!(buckets(), 3);
    ok(&ask(&server, "POST", "/states/two/restore", &Value::Null));
    assert_eq!(buckets(), 2);
    ok(&ask(&server, "POST", "/reset", &Value::Null));
    assert_eq!(buckets(), 1);
    assert_eq!(
        ok(&ask(&server, "GET", "/faults", &Value::Null))["faults"],
        json!([])
    );
    ok(&ask(&server, "POST", "/states/two/restore", &Value::Null));
    assert_eq!(buckets(), 2);
}

#[test]
fn tokens_expire_and_lifecycle_rules_run_on_request() {
    let wire = Wire::new();
    let server = serve(&wire);
    let rule = json!({"lifecycleRules": [{"fileNamePrefix": "", "daysFromUploadingToHiding": 1}]});
    let bucket = wire.create_bucket_with("a-bucket", &rule);
    wire.upload(&bucket, "f", b"x");
    ok(&ask(
        &server,
        "POST",
        "/clock",
        &json!({"advanceSeconds": 86_400.0}),
    ));
    ok(&ask(&server, "POST", "/lifecycle", &Value::Null));
    assert_eq!(wire.emulator.snapshot().versions, 2);
    let wire = Wire::with(wire.emulator.clone(), wire.clock.clone());
    let url = wire.upload_url(&bucket);
    ok(&ask(
        &server,
        "POST",
        "/tokens/expire",
        &json!({"upload": true}),
    ));
    wire.send(wire::upload_request(&url, "g", b"x", &[]))
        .has_code(401, "expired_auth_token");
    assert_eq!(list(&server, &wire).status, 200);
    ok(&ask(
        &server,
        "POST",
        "/tokens/expire",
        &json!({"account": true}),
    ));
    assert_eq!(list(&server, &wire).json()["code"], "expired_auth_token");
}
