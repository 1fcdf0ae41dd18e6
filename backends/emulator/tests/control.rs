//! The control endpoint, over plain HTTP.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "control/faults.rs"]
mod faults;
mod line;
#[path = "control/state.rs"]
mod state;
mod wire;

use b2kit_emulator::{Emulator, OffsetClock, Server};
use line::{Answer, Line};
use serde_json::{Value, json};
use wire::Wire;

const BEARER: (&str, &str) = ("Authorization", "Bearer open-sesame");

fn serve(wire: &Wire) -> Server {
    let server = Server::builder().control("open-sesame");
    server.start(&wire.emulator).unwrap()
}

/// Sends a request to the control endpoint with its token.
fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let target = format!("/b2kit-emulator/v1{path}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut line = Line::to(server);
    let length = body.len().to_string();
    line.head(
        method,
        &target,
        &[("Host", "localhost"), BEARER, ("Content-Length", &length)],
    );
    line.write(body.as_bytes());
    line.answer()
}

#[track_caller]
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn add(server: &Server, rule: &Value) -> u64 {
    ok(&ask(server, "POST", "/faults", rule))["id"]
        .as_u64()
        .unwrap()
}

fn list(server: &Server, wire: &Wire) -> Answer {
    let headers = [("Authorization", wire.token.as_str())];
    let target = format!(
        "/b2api/v4/b2_list_buckets?accountId={}",
        wire.emulator.account_id()
    );
    Line::to(server).ask("GET", &target, &headers, b"")
}

#[test]
fn control_needs_the_token_and_an_allowed_host() {
    let wire = Wire::new();
    let server = serve(&wire);
    let asked = |headers: &[(&str, &str)]| {
        let mut line = Line::to(&server);
        line.head("POST", "/b2kit-emulator/v1/reset", headers);
        line.answer().status
    };
    wire.create_bucket("a-bucket", "allPrivate");
    assert_eq!(asked(&[("Host", "localhost")]), 401);
    assert_eq!(
        asked(&[("Host", "localhost"), ("Authorization", "Bearer wrong")]),
        401
    );
    assert_eq!(
        asked(&[("Host", "localhost"), ("Authorization", "Bearer ")]),
        401
    );
    assert_eq!(
        asked(&[("Host", "localhost"), ("Authorization", "open-sesame")]),
        401
    );
    assert_eq!(asked(&[("Host", "evil.example"), BEARER]), 421);
    assert_eq!(asked(&[BEARER]), 400, "HTTP/1.1 wants a host");
    assert_eq!(wire.emulator.snapshot().buckets, 1);
    assert_eq!(asked(&[("Host", "127.0.0.1:1"), BEARER]), 200);
    assert_eq!(wire.emulator.snapshot().buckets, 0);
    // and where it isn't served, it is an unknown path like any other
    let plain = Server::start(&wire.emulator).unwrap();
    let mut line = Line::to(&plain);
    line.head(
        "GET",
        "/b2kit-emulator/v1",
        &[("Host", "localhost"), BEARER],
    );
    let answer = line.answer();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (404, &json!("not_found"))
    );
}

#[test]
fn control_errors_say_what_is_wrong() {
    let wire = Wire::new();
    let server = serve(&wire);
    let fails = |method: &str, path: &str, body: Value, status: u16, message: &str| {
        let answer = ask(&server, method, path, &body);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, status, "{method} {path}: {error}");
        assert!(error.contains(message), "{error}");
    };
    let rule = |fault: Value| json!({"fault": fault});
    let lose = || json!({"kind": "lose_response"});
    fails("GET", "/nothing", Value::Null, 404, "there is nothing at");
    fails("PUT", "/faults", Value::Null, 405, "GET, POST, DELETE");
    fails("POST", "/faults", Value::Null, 400, "EOF");
    fails("POST", "/faults", json!({}), 400, "missing field `fault`");
    fails(
        "POST",
        "/faults",
        rule(json!({"kind": "explode"})),
        400,
        "unknown variant `explode`",
    );
    fails(
        "POST",
        "/faults",
        rule(json!({"kind": "cut_response"})),
        400,
        "missing field `after`",
    );
    fails(
        "POST",
        "/faults",
        rule(json!({"kind": "lose_response", "x": 1})),
        400,
        "unknown field `x`",
    );
    fails(
        "POST",
        "/faults",
        json!({"fault": lose(), "nth": 1}),
        400,
        "unknown field `nth`",
    );
    let on = |on: Value| json!({"fault": lose(), "on": on});
    fails(
        "POST",
        "/faults",
        on(json!({"call": "b2_listbuckets"})),
        400,
        "no call b2_listbuckets",
    );
    fails(
        "POST",
        "/faults",
        on(json!({"bucketName": "none"})),
        400,
        "no bucket named none",
    );
    let when = |when: Value| json!({"fault": lose(), "when": when});
    fails(
        "POST",
        "/faults",
        when(json!({"nth": 0})),
        400,
        "counted from 1",
    );
    fails(
        "POST",
        "/faults",
        when(json!({"nth": 1, "every": 2})),
        400,
        "only one of",
    );
    fails(
        "POST",
        "/faults",
        when(json!({"probability": 1.5})),
        400,
        "from 0 to 1",
    );
    fails(
        "POST",
        "/faults",
        when(json!({"seed": 1})),
        400,
        "seed needs a probability",
    );
    let header = json!({"kind": "set_header", "name": "a b", "value": "x"});
    fails("POST", "/faults", rule(header), 400, "not a header name");
    fails(
        "POST",
        "/faults",
        rule(json!({"kind": "html", "status": 99})),
        400,
        "99 is not a final HTTP status",
    );
    fails(
        "DELETE",
        "/faults/7",
        Value::Null,
        404,
        "there is no fault 7",
    );
    fails(
        "POST",
        "/latches/x/open",
        Value::Null,
        404,
        "there is no latch x",
    );
    fails(
        "POST",
        "/clock",
        json!({"advanceSeconds": -1}),
        400,
        "0 or more",
    );
    fails(
        "POST",
        "/states/x/restore",
        Value::Null,
        404,
        "no state was saved as x",
    );
    fails("POST", "/tokens/expire", json!({}), 400, "must be true");
    assert_eq!(
        ok(&ask(&server, "GET", "/faults", &Value::Null))["faults"],
        json!([])
    );
    let mut line = Line::to(&server);
    line.head(
        "GET",
        "/b2kit-emulator/v2/faults",
        &[("Host", "localhost"), BEARER],
    );
    assert_eq!(
        line.answer().json()["error"],
        "there is no version v2 of this, only v1"
    );
}

#[test]
fn control_requests_are_not_counted_and_no_fault_hits_them() {
    let wire = Wire::new();
    let server = serve(&wire);
    add(&server, &json!({"fault": {"kind": "internal_error"}}));
    let status = ok(&ask(&server, "GET", "", &Value::Null));
    assert_eq!(status["emulator"], "b2kit-emulator");
    assert_eq!(status["url"], server.url());
    assert_eq!(status["calls"], json!({"b2_authorize_account": 1}));
}
