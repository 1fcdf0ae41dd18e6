//! The log of calls.

use super::*;

/// The calls after this id.
fn calls(server: &Server, query: &str) -> Value {
    ok(&send_json(
        server,
        "GET",
        &format!("/calls{query}"),
        &Value::Null,
    ))
}

fn names(page: &Value) -> Vec<&str> {
    let calls = page["calls"].as_array().unwrap().iter();
    calls.map(|it| it["call"].as_str().unwrap()).collect()
}

fn get(server: &Server, target: &str, headers: &[(&str, &str)]) -> Response {
    RawConnection::to(server).send("GET", target, headers, b"")
}

#[test]
fn a_call_is_in_the_log_once_its_response_has_arrived() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "a file", b"0123456789");
    assert_eq!(calls(&server, "")["calls"], json!([]), "in-process");
    list(&server, &client);
    let range = [("Range", "bytes=2-4")];
    assert_eq!(get(&server, "/file/a-bucket/a+file", &range).body, b"234");
    get(&server, "/nothing", &[]);
    let page = calls(&server, "");
    let (first, second, third) = (&page["calls"][0], &page["calls"][1], &page["calls"][2]);
    assert_eq!((&page["last"], &page["missed"]), (&json!(3), &json!(0)));
    assert_eq!(first["call"], "b2_list_buckets");
    assert_eq!(
        (&first["class"], &first["status"]),
        (&json!("C"), &json!(200))
    );
    assert_eq!(first["keyId"], client.emulator.key_id());
    assert_eq!(first["path"], "/b2api/v4/b2_list_buckets");
    assert_eq!(second["call"], "b2_download_file_by_name");
    assert_eq!(
        (&second["class"], &second["status"]),
        (&json!("B"), &json!(206))
    );
    assert_eq!(
        (&second["bytesSent"], &second["fileName"]),
        (&json!(3), &json!("a file"))
    );
    assert_eq!(
        (&second["keyId"], &second["isComplete"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(
        (&third["call"], &third["class"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(third["status"], 404);
    let full = ok(&send_json(&server, "GET", "/calls/2", &Value::Null));
    assert_eq!(full["request"]["target"], "/file/a-bucket/a+file");
    assert_eq!(full["response"]["body"]["text"], "234");
    let ranges = full["request"]["headers"].as_array().unwrap();
    assert!(ranges.contains(&json!({"name": "range", "value": "bytes=2-4"})));
    assert_eq!(
        send_json(&server, "GET", "/calls/4", &Value::Null).status,
        404
    );
    let usage = ok(&send_json(&server, "GET", "/usage", &Value::Null));
    assert_eq!(
        usage["calls"]["b2_list_buckets"],
        json!({"class": "C", "count": 1})
    );
    assert_eq!(usage["classes"], json!({"A": 2, "B": 1, "C": 3}));
    ok(&send_json(&server, "DELETE", "/calls", &Value::Null));
    list(&server, &client);
    let page = calls(&server, "");
    assert_eq!(
        (&page["calls"][0]["id"], &page["missed"]),
        (&json!(4), &json!(0))
    );
}

#[test]
fn calls_are_filtered_and_paged() {
    let client = RawClient::new();
    let server = serve(&client);
    let busy = json!({"fault": {"kind": "service_unavailable"}, "on": {"call": "b2_list_buckets"},
        "when": {"nth": 2}});
    let id = add(&server, &busy);
    list(&server, &client);
    list(&server, &client);
    get(&server, "/file/none/none", &[]);
    let count = |query: &str| names(&calls(&server, query)).len();
    assert_eq!(count("?call=b2_list_buckets"), 2);
    assert_eq!(count("?status=503"), 1);
    assert_eq!(count("?status=5xx&call=b2_list_buckets"), 1);
    assert_eq!(count("?status=4xx"), 1);
    assert_eq!(count("?status=none"), 0);
    assert_eq!(count(&format!("?keyId={}", client.emulator.key_id())), 2);
    let hit = calls(&server, "?faults=true");
    assert_eq!(
        hit["calls"][0]["faults"],
        json!([{"id": id, "kind": "service_unavailable"}])
    );
    assert_eq!(hit["calls"].as_array().unwrap().len(), 1);
    let page = calls(&server, "?limit=1");
    assert_eq!(
        (names(&page), &page["last"]),
        (vec!["b2_list_buckets"], &json!(1))
    );
    let none = calls(&server, &format!("?after={}", u64::MAX));
    assert_eq!(names(&none).len(), 0);
    let rest = calls(&server, "?after=1");
    assert_eq!((names(&rest).len(), &rest["last"]), (2, &json!(3)));
    for wrong in [
        "?limit=-1",
        "?call=b2_list",
        "?status=x",
        "?waitSeconds=61",
        "?x=1",
        "?after=%zz",
    ] {
        let response = send_json(&server, "GET", &format!("/calls{wrong}"), &Value::Null);
        assert_eq!(response.status, 400, "{wrong}");
    }
}

#[test]
fn a_request_for_calls_waits_until_there_is_one() {
    let client = RawClient::new();
    let server = serve(&client);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| calls(&server, "?waitSeconds=60"));
        // whether or not it waits by now
        list(&server, &client);
        assert_eq!(names(&waiting.join().unwrap()), ["b2_list_buckets"]);
    });
}

#[test]
fn a_server_stops_although_a_request_waits_for_calls() {
    let client = RawClient::new();
    let server = serve(&client);
    let mut connection = RawConnection::to(&server);
    let target = "/b2kit-emulator/v1/calls?waitSeconds=60";
    connection.head("GET", target, &[("Host", "localhost"), BEARER]);
    // the request has been received when it is answered on this one
    ok(&send_json(&server, "GET", "", &Value::Null));
    futures::executor::block_on(server.stop());
    assert!(connection.is_at_end() || connection.stream.buffer().starts_with(b"TTP/1.1 200"));
}

#[test]
fn calls_without_a_response_or_with_a_part_of_it_are_logged_as_such() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPublic");
    client.upload(&bucket, "f", b"0123456789");
    for kind in [
        json!({"kind": "lose_response"}),
        json!({"kind": "cut_response", "after": 4}),
    ] {
        add(&server, &json!({"fault": kind, "when": {"times": 1}}));
        let mut connection = RawConnection::to(&server);
        connection.head("GET", "/file/a-bucket/f", &[("Host", "x")]);
        std::io::Read::read_to_end(&mut connection.stream, &mut Vec::new()).ok();
    }
    let page = calls(&server, "?waitSeconds=60&after=1");
    assert_eq!(page["calls"][0]["isComplete"], false);
    let (status, sent) = (&page["calls"][0]["status"], &page["calls"][0]["bytesSent"]);
    assert_eq!((status, sent), (&json!(200), &json!(4)));
    let lost = &calls(&server, "?status=none")["calls"][0];
    assert_eq!(
        (&lost["status"], &lost["isComplete"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(lost["faults"][0]["kind"], "lose_response");
    let full = ok(&send_json(&server, "GET", "/calls/1", &Value::Null));
    assert!(full["request"].is_object() && full["response"].is_null());
}

#[test]
fn secrets_are_masked() {
    let client = RawClient::new();
    let server = serve(&client);
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{}:{}", client.emulator.key_id(), client.emulator.key()),
    );
    let basic = format!("Basic {pair}");
    let response = get(
        &server,
        "/b2api/v4/b2_authorize_account",
        &[("Authorization", &basic)],
    );
    let token = response.json()["authorizationToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let account = client.emulator.account_id();
    let body = json!({"accountId": account, "capabilities": ["listFiles"], "keyName": "k"});
    let body = body.to_string();
    let made = RawConnection::to(&server).send(
        "POST",
        "/b2api/v4/b2_create_key",
        &[("Authorization", &token)],
        body.as_bytes(),
    );
    let key = made.json()["applicationKey"].as_str().unwrap().to_owned();
    get(
        &server,
        &format!("/file/a-bucket/x?Authorization={token}"),
        &[],
    );
    for id in 1..=3 {
        let shown = send_json(&server, "GET", &format!("/calls/{id}"), &Value::Null);
        let shown = String::from_utf8(shown.body).unwrap();
        for secret in [&pair, &token, &key, client.emulator.key()] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("hidden-"), "{shown}");
    }
    let shown = ok(&send_json(&server, "GET", "/calls/1", &Value::Null));
    assert_eq!(shown["keyId"], client.emulator.key_id());
}

#[test]
fn secrets_in_a_body_that_is_not_utf8_are_masked() {
    let client = RawClient::new();
    let server = serve(&client);
    let token = &client.token;
    let mut body = br#"{"customerKey": "c2VjcmV0LXNlY3JldA==", "fileName": "caf"#.to_vec();
    body.extend_from_slice(b"\xe9\"}");
    let authorization = [("Authorization", token.as_str())];
    RawConnection::to(&server).send("POST", "/b2api/v4/b2_copy_file", &authorization, &body);
    let shown = ok(&send_json(&server, "GET", "/calls/1", &Value::Null)).to_string();
    assert!(shown.contains("caf"), "{shown}");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &body);
    for secret in ["c2VjcmV0LXNlY3JldA==", &encoded] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_path_that_no_name_is_as_long_as_is_cut() {
    let client = RawClient::new();
    let server = serve(&client);
    get(&server, &format!("/file/{}", "u".repeat(50_000)), &[]);
    let page = calls(&server, "");
    assert!(page.to_string().len() < 6_000, "{page}");
}

#[test]
fn control_requests_are_not_logged() {
    let client = RawClient::new();
    let server = serve(&client);
    ok(&send_json(&server, "GET", "/faults", &Value::Null));
    ok(&send_json(
        &server,
        "POST",
        "/admin/b2_list_keys",
        &json!({"accountId": client.emulator.account_id()}),
    ));
    assert_eq!(calls(&server, "")["totals"]["calls"], 0);
}
