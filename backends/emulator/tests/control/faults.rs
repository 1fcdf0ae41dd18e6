//! Faults in JSON.

use super::*;

#[test]
fn a_fault_is_injected_counted_and_removed() {
    let client = RawClient::new();
    let server = serve(&client);
    let busy = json!({"fault": {"kind": "too_many_requests", "retryAfter": 7},
        "on": {"call": "b2_list_buckets"}, "when": {"every": 2}});
    let id = add(&server, &busy);
    let statuses: Vec<u16> = (0..4).map(|_| list(&server, &client).status).collect();
    assert_eq!(statuses, [200, 429, 200, 429]);
    list(&server, &client);
    assert_eq!(list(&server, &client).header("retry-after"), "7");
    let listed = ok(&send_json(&server, "GET", "/faults", &Value::Null));
    let mut rule = busy;
    rule["afterCommit"] = json!(false);
    assert_eq!(
        listed["faults"],
        json!([{"id": id, "matched": 6, "hits": 3, "strikes": 3, "rule": rule}])
    );
    ok(&send_json(
        &server,
        "DELETE",
        &format!("/faults/{id}"),
        &Value::Null,
    ));
    list(&server, &client);
    assert_eq!(list(&server, &client).status, 200);
    add(&server, &json!({"fault": {"kind": "internal_error"}}));
    add(
        &server,
        &json!({"fault": {"kind": "truncated_json"}, "afterCommit": true}),
    );
    ok(&send_json(&server, "DELETE", "/faults", &Value::Null));
    assert_eq!(list(&server, &client).status, 200);
}

/// Each kind of fault, and the result of a download or upload of `0123456789`.
#[test]
fn every_kind_of_fault_can_be_added() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "f", b"0123456789");
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
            json!({"kind": "respond", "status": 204, "contentType": "x/y", "body": ""}),
            204,
        ),
        (json!({"kind": "html", "status": 502}), 502),
        (json!({"kind": "truncated_json"}), 200),
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
    for (fault, status) in statuses {
        add(&server, &json!({"fault": fault, "when": {"times": 1}}));
        let response = RawConnection::to(&server).send("GET", "/file/a-bucket/f", &[], b"");
        assert_eq!(response.status, status, "{fault}");
        let is_as_ever = response.body == b"0123456789"
            && response.header("x-a").is_empty()
            && response.header("accept-ranges") == "bytes"
            && response.header("x-bz-content-sha1") == raw_client::sha1(b"0123456789");
        let changes_nothing = ["delay", "wrong_length"]
            .iter()
            .any(|kind| fault["kind"] == *kind);
        assert_eq!(is_as_ever, changes_nothing, "{fault}");
    }
    for kind in ["lose_request", "lose_response"] {
        add(
            &server,
            &json!({"fault": {"kind": kind}, "when": {"times": 1}}),
        );
        let mut connection = RawConnection::to(&server);
        connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        assert!(connection.is_at_end(), "{kind}");
    }
    for kind in ["cut_response", "reset_response"] {
        add(
            &server,
            &json!({"fault": {"kind": kind, "after": 4}, "when": {"times": 1}}),
        );
        let mut connection = RawConnection::to(&server);
        connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut connection.stream, &mut all).ok();
        assert!(!all.ends_with(b"456789"), "{kind}");
    }
    for (kind, code) in [
        ("expire_token", "expired_auth_token"),
        ("forget_token", "bad_auth_token"),
    ] {
        let client = RawClient::with(client.emulator.clone(), client.clock.clone());
        add(
            &server,
            &json!({"fault": {"kind": kind}, "when": {"times": 1}}),
        );
        assert_eq!(list(&server, &client).json()["code"], code);
    }
    let uploads = [
        (json!({"kind": "corrupt_upload", "at": 2}), Some(400)),
        (json!({"kind": "cut_upload", "after": 4}), None),
        (json!({"kind": "reset_upload", "after": 4}), None),
    ];
    for (fault, status) in uploads {
        add(
            &server,
            &json!({"fault": fault, "on": {"bucketName": "a-bucket",
            "fileName": "g", "call": "b2_upload_file"}, "when": {"times": 1}}),
        );
        let (url, token) = client.upload_url(&bucket);
        let mut connection = RawConnection::to(&server);
        connection.head(
            "POST",
            raw_connection::path(&url),
            &[
                ("Host", "x"),
                ("Authorization", &token),
                ("X-Bz-File-Name", "g"),
                ("Content-Type", "x/y"),
                ("Content-Length", "10"),
                ("X-Bz-Content-Sha1", &raw_client::sha1(b"0123456789")),
            ],
        );
        connection.write(b"0123456789");
        match status {
            Some(status) => assert_eq!(connection.response().status, status, "{fault}"),
            None => assert!(connection.is_at_end(), "{fault}"),
        }
    }
    // what never ends: that it hangs is tested where time can be turned
    for fault in [
        json!({"kind": "stall_response", "after": 1}),
        json!({"kind": "stall_upload", "after": 1}),
    ] {
        add(
            &server,
            &json!({"fault": fault, "on": {"part": 3, "fileId": "none", "bucketId": "none"}}),
        );
    }
}

#[test]
fn requests_wait_at_a_latch_until_it_is_opened() {
    let client = RawClient::new();
    let server = serve(&client);
    add(
        &server,
        &json!({"fault": {"kind": "wait", "latch": "one"}, "on": {"call": "b2_list_buckets"}}),
    );
    std::thread::scope(|scope| {
        let held = scope.spawn(|| list(&server, &client).status);
        while ok(&send_json(&server, "GET", "/faults", &Value::Null))["waitingAtLatches"]["one"]
            != 1
        {
            std::thread::yield_now();
        }
        assert!(!held.is_finished());
        let opened = ok(&send_json(
            &server,
            "POST",
            "/latches/one/open",
            &Value::Null,
        ));
        assert_eq!(opened["waited"], 1);
        assert_eq!(held.join().unwrap(), 200);
    });
}

/// Requests as programs send them that were written for an earlier release.
#[test]
fn old_spellings_of_version_1_are_accepted_and_answered_with_the_current_ones() {
    let client = RawClient::new();
    let server = serve(&client);
    let requests = [
        (
            r#"{"trouble":{"kind":"lose_reply"},"on":{"call":"b2_list_keys"},"when":{"nth":2},
                "afterEffect":true}"#,
            json!({"fault": {"kind": "lose_response"}, "on": {"call": "b2_list_keys"},
                "when": {"nth": 2}, "afterCommit": true}),
        ),
        (
            r#"{"trouble":{"kind":"wait","gate":"one"},"on":{"call":"b2_list_keys"}}"#,
            json!({"fault": {"kind": "wait", "latch": "one"}, "on": {"call": "b2_list_keys"},
                "when": {}, "afterCommit": false}),
        ),
        (
            r#"{"trouble":{"kind":"garbage"},"when":{"probability":0.0,"seed":3}}"#,
            json!({"fault": {"kind": "truncated_json"}, "on": {},
                "when": {"probability": 0.0, "seed": 3}, "afterCommit": false}),
        ),
        (
            r#"{"trouble":{"kind":"answer","status":204,"contentType":"x/y","body":""},
                "when":{"times":1}}"#,
            json!({"fault": {"kind": "respond", "status": 204, "contentType": "x/y", "body": ""},
                "on": {}, "when": {"times": 1}, "afterCommit": false}),
        ),
    ];
    for (old, _) in &requests {
        add(&server, &serde_json::from_str(old).unwrap());
    }
    assert_eq!(list(&server, &client).status, 204);
    let listed = ok(&send_json(&server, "GET", "/faults", &Value::Null));
    for (index, (_, rule)) in requests.iter().enumerate() {
        assert_eq!(listed["faults"][index]["rule"], *rule);
        assert_eq!(
            listed["faults"][index]["strikes"],
            listed["faults"][index]["hits"]
        );
    }
    assert_eq!(listed["faults"][3]["hits"], 1);
    assert_eq!(listed["waitingAtLatches"], json!({"one": 0}));
    assert_eq!(listed["waitingAtGates"], listed["waitingAtLatches"]);
    let opened = ok(&send_json(&server, "POST", "/gates/one/open", &Value::Null));
    assert_eq!(opened, json!({"waited": 0}));
}
