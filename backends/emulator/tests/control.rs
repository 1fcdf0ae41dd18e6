//! The control endpoint, over bare HTTP.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod line;
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

/// Asks the control endpoint, with its token.
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
    let rule = |trouble: Value| json!({"trouble": trouble});
    let lose = || json!({"kind": "lose_reply"});
    fails("GET", "/nothing", Value::Null, 404, "there is nothing at");
    fails("PUT", "/faults", Value::Null, 405, "GET, POST, DELETE");
    fails("POST", "/faults", Value::Null, 400, "EOF");
    fails("POST", "/faults", json!({}), 400, "missing field `trouble`");
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
        rule(json!({"kind": "lose_reply", "x": 1})),
        400,
        "unknown field `x`",
    );
    fails(
        "POST",
        "/faults",
        json!({"trouble": lose(), "nth": 1}),
        400,
        "unknown field `nth`",
    );
    let on = |on: Value| json!({"trouble": lose(), "on": on});
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
    let when = |when: Value| json!({"trouble": lose(), "when": when});
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
        "only one",
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
        "a seed is for a probability",
    );
    let header = json!({"kind": "set_header", "name": "a b", "value": "x"});
    fails("POST", "/faults", rule(header), 400, "no header's name");
    fails(
        "POST",
        "/faults",
        rule(json!({"kind": "html", "status": 99})),
        400,
        "99 is no status",
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
        "/gates/x/open",
        Value::Null,
        404,
        "no fault has named a gate x",
    );
    fails(
        "POST",
        "/clock",
        json!({"advanceSeconds": -1}),
        400,
        "from 0 on",
    );
    fails(
        "POST",
        "/states/x/restore",
        Value::Null,
        404,
        "no state was saved as x",
    );
    fails("POST", "/tokens/expire", json!({}), 400, "say which");
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
fn a_fault_hits_is_counted_and_can_be_removed() {
    let wire = Wire::new();
    let server = serve(&wire);
    let busy = json!({"trouble": {"kind": "too_many_requests", "retryAfter": 7},
        "on": {"call": "b2_list_buckets"}, "when": {"every": 2}});
    let id = add(&server, &busy);
    let statuses: Vec<u16> = (0..4).map(|_| list(&server, &wire).status).collect();
    assert_eq!(statuses, [200, 429, 200, 429]);
    list(&server, &wire);
    assert_eq!(list(&server, &wire).header("retry-after"), "7");
    let listed = ok(&ask(&server, "GET", "/faults", &Value::Null));
    assert_eq!(
        listed["faults"],
        json!([{"id": id, "matched": 6, "hits": 3, "strikes": 3, "rule": busy}])
    );
    ok(&ask(
        &server,
        "DELETE",
        &format!("/faults/{id}"),
        &Value::Null,
    ));
    list(&server, &wire);
    assert_eq!(list(&server, &wire).status, 200);
    add(&server, &json!({"trouble": {"kind": "internal_error"}}));
    add(
        &server,
        &json!({"trouble": {"kind": "garbage"}, "afterEffect": true}),
    );
    ok(&ask(&server, "DELETE", "/faults", &Value::Null));
    assert_eq!(list(&server, &wire).status, 200);
}

/// Each kind that there is, and what a download of `0123456789` comes to, or an upload of it.
#[test]
fn every_kind_of_fault_can_be_added() {
    let wire = Wire::new();
    let server = serve(&wire);
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    wire.upload(&bucket, "f", b"0123456789");
    let statuses = [
        (
            json!({"kind": "error", "status": 418, "code": "teapot", "message": "m"}),
            418,
        ),
        (json!({"kind": "internal_error"}), 500),
        (json!({"kind": "service_unavailable", "retryAfter": 1}), 503),
        (json!({"kind": "request_timeout"}), 408),
        (json!({"kind": "too_many_requests"}), 429),
        (json!({"kind": "storage_cap_exceeded"}), 403),
        (json!({"kind": "download_cap_exceeded"}), 403),
        (json!({"kind": "transaction_cap_exceeded"}), 403),
        (
            json!({"kind": "answer", "status": 204, "contentType": "x/y", "body": ""}),
            204,
        ),
        (json!({"kind": "html", "status": 502}), 502),
        (json!({"kind": "garbage"}), 200),
        (json!({"kind": "delay", "seconds": 0}), 200),
        (json!({"kind": "wrong_sha1"}), 200),
        (json!({"kind": "wrong_length"}), 200),
        (json!({"kind": "corrupt_response", "at": 3}), 200),
        (
            json!({"kind": "set_header", "name": "x-a", "value": "b"}),
            200,
        ),
        (
            json!({"kind": "remove_header", "name": "accept-ranges"}),
            200,
        ),
    ];
    for (trouble, status) in statuses {
        add(&server, &json!({"trouble": trouble, "when": {"times": 1}}));
        let answer = Line::to(&server).ask("GET", "/file/a-bucket/f", &[], b"");
        assert_eq!(answer.status, status, "{trouble}");
        let is_as_ever = answer.body == b"0123456789"
            && answer.header("x-a").is_empty()
            && answer.header("accept-ranges") == "bytes"
            && answer.header("x-bz-content-sha1") == wire::sha1(b"0123456789");
        let changes_nothing = ["delay", "wrong_length"]
            .iter()
            .any(|kind| trouble["kind"] == *kind);
        assert_eq!(is_as_ever, changes_nothing, "{trouble}");
    }
    for kind in ["lose_request", "lose_reply"] {
        add(
            &server,
            &json!({"trouble": {"kind": kind}, "when": {"times": 1}}),
        );
        let mut line = Line::to(&server);
        line.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        assert!(line.is_at_end(), "{kind}");
    }
    for kind in ["cut_response", "reset_response"] {
        add(
            &server,
            &json!({"trouble": {"kind": kind, "after": 4}, "when": {"times": 1}}),
        );
        let mut line = Line::to(&server);
        line.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut line.stream, &mut all).ok();
        assert!(!all.ends_with(b"456789"), "{kind}");
    }
    for (kind, code) in [
        ("expire_token", "expired_auth_token"),
        ("forget_token", "bad_auth_token"),
    ] {
        let wire = Wire::with(wire.emulator.clone(), wire.clock.clone());
        add(
            &server,
            &json!({"trouble": {"kind": kind}, "when": {"times": 1}}),
        );
        assert_eq!(list(&server, &wire).json()["code"], code);
    }
    let uploads = [
        (json!({"kind": "corrupt_upload", "at": 2}), Some(400)),
        (json!({"kind": "cut_upload", "after": 4}), None),
        (json!({"kind": "reset_upload", "after": 4}), None),
    ];
    for (trouble, status) in uploads {
        add(
            &server,
            &json!({"trouble": trouble, "on": {"bucketName": "a-bucket",
            "fileName": "g", "call": "b2_upload_file"}, "when": {"times": 1}}),
        );
        let (url, token) = wire.upload_url(&bucket);
        let mut line = Line::to(&server);
        line.head(
            "POST",
            line::path(&url),
            &[
                ("Host", "x"),
                ("Authorization", &token),
                ("X-Bz-File-Name", "g"),
                ("Content-Type", "x/y"),
                ("Content-Length", "10"),
                ("X-Bz-Content-Sha1", &wire::sha1(b"0123456789")),
            ],
        );
        line.write(b"0123456789");
        match status {
            Some(status) => assert_eq!(line.answer().status, status, "{trouble}"),
            None => assert!(line.is_at_end(), "{trouble}"),
        }
    }
    // what never ends: that it hangs is tested where time can be turned
    for trouble in [
        json!({"kind": "stall_response", "after": 1}),
        json!({"kind": "stall_upload", "after": 1}),
    ] {
        add(
            &server,
            &json!({"trouble": trouble, "on": {"part": 3, "fileId": "none", "bucketId": "none"}}),
        );
    }
}

#[test]
fn requests_wait_at_a_gate_until_it_is_opened() {
    let wire = Wire::new();
    let server = serve(&wire);
    add(
        &server,
        &json!({"trouble": {"kind": "wait", "gate": "one"}, "on": {"call": "b2_list_buckets"}}),
    );
    std::thread::scope(|scope| {
        let held = scope.spawn(|| list(&server, &wire).status);
        while ok(&ask(&server, "GET", "/faults", &Value::Null))["waitingAtGates"]["one"] != 1 {
            std::thread::yield_now();
        }
        assert!(!held.is_finished());
        let opened = ok(&ask(&server, "POST", "/gates/one/open", &Value::Null));
        assert_eq!(opened["waited"], 1);
        assert_eq!(held.join().unwrap(), 200);
    });
}

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
        &json!({"trouble": {"kind": "internal_error"}, "on": {"call": "b2_list_keys"}}),
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

#[test]
fn control_requests_are_not_counted_and_no_fault_hits_them() {
    let wire = Wire::new();
    let server = serve(&wire);
    add(&server, &json!({"trouble": {"kind": "internal_error"}}));
    let status = ok(&ask(&server, "GET", "", &Value::Null));
    assert_eq!(status["emulator"], "b2kit-emulator");
    assert_eq!(status["url"], server.url());
    assert_eq!(status["calls"], json!({"b2_authorize_account": 1}));
}
