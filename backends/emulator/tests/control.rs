//! The control endpoint, over plain HTTP.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

#[path = "control/browse.rs"]
mod browse;
#[path = "control/calls.rs"]
mod calls;
#[path = "control/cassette.rs"]
mod cassette;
#[path = "control/faults.rs"]
mod faults;
#[path = "control/openapi.rs"]
mod openapi;
mod raw_client;
mod raw_connection;
#[path = "control/state.rs"]
mod state;

use b2kit_emulator::{Emulator, OffsetClock, Server};
use raw_client::RawClient;
use raw_connection::{RawConnection, Response};
use serde_json::{Value, json};

const BEARER: (&str, &str) = ("Authorization", "Bearer open-sesame");

fn serve(client: &RawClient) -> Server {
    let server = Server::builder().control("open-sesame");
    server.start(&client.emulator).unwrap()
}

/// Sends a request to the control endpoint with its token.
fn send_json(server: &Server, method: &str, path: &str, body: &Value) -> Response {
    let target = format!("/b2kit-emulator/v1{path}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut connection = RawConnection::to(server);
    let length = body.len().to_string();
    connection.head(
        method,
        &target,
        &[("Host", "localhost"), BEARER, ("Content-Length", &length)],
    );
    connection.write(body.as_bytes());
    connection.response()
}

#[track_caller]
fn ok(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.json());
    response.json()
}

fn add(server: &Server, rule: &Value) -> u64 {
    ok(&send_json(server, "POST", "/faults", rule))["id"]
        .as_u64()
        .unwrap()
}

fn list(server: &Server, client: &RawClient) -> Response {
    let headers = [("Authorization", client.token.as_str())];
    let target = format!(
        "/b2api/v4/b2_list_buckets?accountId={}",
        client.emulator.account_id()
    );
    RawConnection::to(server).send("GET", &target, &headers, b"")
}

#[test]
fn control_needs_the_token_and_an_allowed_host() {
    let client = RawClient::new();
    let server = serve(&client);
    let asked = |headers: &[(&str, &str)]| {
        let mut connection = RawConnection::to(&server);
        connection.head("POST", "/b2kit-emulator/v1/reset", headers);
        connection.response().status
    };
    client.create_bucket("a-bucket", "allPrivate");
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
    assert_eq!(client.emulator.snapshot().buckets, 1);
    assert_eq!(asked(&[("Host", "127.0.0.1:1"), BEARER]), 200);
    assert_eq!(client.emulator.snapshot().buckets, 0);
    // and where it isn't served, it is an unknown path like any other
    let plain = Server::start(&client.emulator).unwrap();
    let mut connection = RawConnection::to(&plain);
    connection.head(
        "GET",
        "/b2kit-emulator/v1",
        &[("Host", "localhost"), BEARER],
    );
    let response = connection.response();
    assert_eq!(
        (response.status, &response.json()["code"]),
        (404, &json!("not_found"))
    );
}

#[test]
fn control_errors_say_what_is_wrong() {
    let client = RawClient::new();
    let server = serve(&client);
    let fails = |method: &str, path: &str, body: Value, status: u16, message: &str| {
        let response = send_json(&server, method, path, &body);
        let error = response.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(response.status, status, "{method} {path}: {error}");
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
        "there is no saved state x",
    );
    fails("POST", "/tokens/expire", json!({}), 400, "must be true");
    assert_eq!(
        ok(&send_json(&server, "GET", "/faults", &Value::Null))["faults"],
        json!([])
    );
    let mut connection = RawConnection::to(&server);
    connection.head(
        "GET",
        "/b2kit-emulator/v2/faults",
        &[("Host", "localhost"), BEARER],
    );
    assert_eq!(
        connection.response().json()["error"],
        "the control API has no version v2, only v1"
    );
}

#[test]
fn control_requests_are_not_counted_and_no_fault_hits_them() {
    let client = RawClient::new();
    let server = serve(&client);
    add(&server, &json!({"fault": {"kind": "internal_error"}}));
    let status = ok(&send_json(&server, "GET", "", &Value::Null));
    assert_eq!(status["emulator"], "b2kit-emulator");
    assert_eq!(status["url"], server.url());
    assert_eq!(status["calls"], json!({"b2_authorize_account": 1}));
}
