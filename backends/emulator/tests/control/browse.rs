//! What is in the account, calls as its owner and as a client, and the console's page.

use super::*;

/// Sends a request with these headers in addition to host and token.
fn send(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let length = body.len().to_string();
    let mut all = vec![("Host", "localhost"), BEARER, ("Content-Length", &length)];
    all.extend(headers);
    let mut connection = RawConnection::to(server);
    connection.head(method, &format!("/b2kit-emulator/v1{path}"), &all);
    connection.write(body);
    connection.response()
}

#[test]
fn the_owner_s_calls_see_everything_and_are_not_counted() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    client.upload(&bucket, "f", b"0123456789");
    let large = client.start(&bucket, "g");
    client.upload_part(&large, 1, b"part");
    add(&server, &json!({"fault": {"kind": "internal_error"}}));
    let before = client.emulator.snapshot().calls;
    let admin =
        |call: &str, body: Value| send_json(&server, "POST", &format!("/admin/{call}"), &body);
    let listed = ok(&admin("b2_list_file_versions", json!({"bucketId": bucket})));
    assert_eq!(raw_client::names_of(&listed).len(), 2);
    let parts = ok(&admin("b2_list_parts", json!({"fileId": large})));
    assert_eq!(parts["parts"][0]["contentLength"], 4);
    let copied = json!({"sourceFileId": listed["files"][0]["fileId"], "fileName": "copy"});
    assert_eq!(ok(&admin("b2_copy_file", copied))["contentLength"], 10);
    let response = admin(
        "b2_hide_file",
        json!({"bucketId": bucket, "fileName": "none"}),
    );
    assert_eq!(
        (response.status, &response.json()["code"]),
        (400, &json!("no_such_file"))
    );
    for call in [
        "b2_authorize_account",
        "b2_download_file_by_id",
        "b2_upload_file",
        "nothing",
    ] {
        assert_eq!(admin(call, json!({})).status, 404, "{call}");
    }
    assert_eq!(client.emulator.snapshot().calls, before);
    let buckets = ok(&send_json(&server, "GET", "/buckets", &Value::Null));
    assert_eq!(
        buckets["buckets"],
        json!([{"bucketId": bucket, "bucketName": "a-bucket", "bucketType": "allPrivate",
            "fileVersions": 2, "hideMarkers": 0, "unfinishedLargeFiles": 1, "bytes": 24}])
    );
}

#[test]
fn a_client_s_calls_are_counted_logged_and_hit_by_faults() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let sha1 = raw_client::sha1(b"content");
    let upload = || {
        send(
            &server,
            "POST",
            &format!("/client/b2_upload_file?bucketId={bucket}"),
            &[
                ("X-Bz-File-Name", "%3Cimg%20src=x%20onerror=alert(1)%3E"),
                ("Content-Type", "text/plain"),
                ("X-Bz-Content-Sha1", &sha1),
                ("Origin", "http://localhost"),
            ],
            b"content",
        )
    };
    let file = ok(&upload());
    assert_eq!(file["fileName"], "<img src=x onerror=alert(1)>");
    let hide = json!({"bucketId": bucket, "fileName": file["fileName"]});
    assert_eq!(
        ok(&send_json(&server, "POST", "/client/b2_hide_file", &hide))["action"],
        "hide"
    );
    let id = file["fileId"].as_str().unwrap();
    let download = format!("/client/b2_download_file_by_id?fileId={id}");
    assert_eq!(
        send(&server, "POST", &download, &[("Range", "bytes=1-2")], b"").body,
        b"on"
    );
    add(
        &server,
        &json!({"fault": {"kind": "service_unavailable"}, "on": {"call": "b2_upload_file"}}),
    );
    assert_eq!(upload().status, 503);
    let large = client.start(&bucket, "g");
    let part = format!("/client/b2_upload_part?fileId={large}");
    let headers = [
        ("X-Bz-Part-Number", "1"),
        ("X-Bz-Content-Sha1", sha1.as_str()),
    ];
    ok(&send(&server, "POST", &part, &headers, b"content"));
    let calls = ok(&send_json(&server, "GET", "/calls", &Value::Null));
    let calls: Vec<_> = calls["calls"].as_array().unwrap().iter().collect();
    let said = |name: &str| calls.iter().map(|it| it[name].clone()).collect::<Vec<_>>();
    let expected = [
        "b2_upload_file",
        "b2_hide_file",
        "b2_download_file_by_id",
        "b2_upload_file",
        "b2_upload_part",
    ];
    assert_eq!(said("call"), expected);
    assert_eq!(said("status"), [200, 200, 206, 503, 200]);
    assert!(
        said("keyId")
            .iter()
            .all(|it| it == client.emulator.key_id())
    );
    let snapshot = client.emulator.snapshot();
    assert_eq!(
        (
            snapshot.calls_of("b2_upload_file"),
            snapshot.calls_of("b2_get_upload_url")
        ),
        (2, 0)
    );
    // expired tokens are replaced
    client.emulator.expire_account_tokens();
    ok(&send_json(
        &server,
        "POST",
        "/client/b2_list_keys",
        &json!({"accountId": client.emulator.account_id()}),
    ));
    for (path, status) in [
        ("/client/b2_upload_file", 400),
        ("/client/b2_upload_file?bucketId=none", 404),
        ("/client/b2_list_keys?x=1", 400),
        ("/client/b2_authorize_account", 404),
        ("/client/b2_download_file_by_name", 404),
    ] {
        assert_eq!(
            send(&server, "POST", path, &[], b"").status,
            status,
            "{path}"
        );
    }
}

#[test]
fn with_separate_origins_a_client_s_upload_reaches_its_role() {
    let client = RawClient::new();
    let server = Server::builder()
        .control("open-sesame")
        .separate_origins(true);
    let server = server.start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let path = format!("/client/b2_upload_file?bucketId={bucket}");
    let headers = [
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "text/plain"),
        ("X-Bz-Content-Sha1", "do_not_verify"),
    ];
    ok(&send(&server, "POST", &path, &headers, b"content"));
}

#[test]
fn content_is_read_without_its_key_and_never_shown_by_a_browser() {
    let client = RawClient::new();
    let server = serve(&client);
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let (key, md5) = raw_client::customer_key(7);
    let sse = [
        ("x-bz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-bz-server-side-encryption-customer-key", key.as_str()),
        ("x-bz-server-side-encryption-customer-key-md5", md5.as_str()),
    ];
    let html = b"<script>alert(1)</script>";
    let file = client.upload_with(&bucket, "f.html", html, &sse).ok();
    let path = format!("/files/{}/content", file["fileId"].as_str().unwrap());
    let response = send(&server, "GET", &path, &[], b"");
    assert_eq!(response.body, html);
    assert_eq!(response.header("content-type"), "application/octet-stream");
    assert_eq!(response.header("content-disposition"), "attachment");
    assert_eq!(response.header("x-content-type-options"), "nosniff");
    assert!(
        response
            .header("content-security-policy")
            .contains("sandbox")
    );
    let part = send(&server, "GET", &path, &[("Range", "bytes=1-6")], b"");
    assert_eq!((part.status, &part.body[..]), (206, &b"script"[..]));
    assert_eq!(part.header("content-range"), "bytes 1-6/25");
    assert_eq!(
        send(&server, "GET", &path, &[("Range", "bytes=25-")], b"").status,
        416
    );
    assert_eq!(
        send(&server, "GET", "/files/none/content", &[], b"").status,
        404
    );
}

#[test]
fn states_are_listed_and_removed() {
    let client = RawClient::new();
    let server = serve(&client);
    let states = || ok(&send_json(&server, "GET", "/states", &Value::Null))["states"].clone();
    ok(&send_json(&server, "PUT", "/states/b", &Value::Null));
    ok(&send_json(&server, "PUT", "/states/a", &Value::Null));
    assert_eq!(states(), json!(["a", "b"]));
    ok(&send_json(&server, "DELETE", "/states/a", &Value::Null));
    assert_eq!(states(), json!(["b"]));
    assert_eq!(
        send_json(&server, "DELETE", "/states/a", &Value::Null).status,
        404
    );
}

#[test]
fn names_in_paths_are_decoded() {
    let client = RawClient::new();
    let server = serve(&client);
    ok(&send_json(
        &server,
        "PUT",
        "/states/a%20b+c%2F%C3%BC",
        &Value::Null,
    ));
    let states = ok(&send_json(&server, "GET", "/states", &Value::Null));
    assert_eq!(states, json!({"states": ["a b+c/ü"]}));
    ok(&send_json(
        &server,
        "POST",
        "/states/a%20b%2Bc%2f%c3%bc/restore",
        &Value::Null,
    ));
    assert_eq!(
        send_json(&server, "PUT", "/states/50%", &Value::Null).status,
        404
    );
}

#[test]
fn the_console_needs_its_token_and_an_allowed_host() {
    let client = RawClient::new();
    let server = serve(&client);
    let get = |target: &str, host: &str| {
        let mut connection = RawConnection::to(&server);
        connection.head("GET", target, &[("Host", host)]);
        connection.response()
    };
    let page = get("/b2kit-emulator/?token=open-sesame", "localhost");
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with(b"<!doctype html>"));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "connect-src 'self'",
        "script-src 'sha256-",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for target in [
        "/b2kit-emulator/",
        "/b2kit-emulator/?token=",
        "/b2kit-emulator/?token=open",
        "/b2kit-emulator/?x=open-sesame",
        "/b2kit-emulator/v1?token=open-sesame",
    ] {
        let refused = get(target, "localhost");
        assert_eq!(refused.status, 401, "{target}");
        assert!(!refused.body.starts_with(b"<"), "{target}");
    }
    let mut connection = RawConnection::to(&server);
    let target = "/b2kit-emulator/?token=open-sesame";
    connection.head("DELETE", target, &[("Host", "localhost")]);
    assert_eq!(connection.response().status, 405);
    assert_eq!(
        get("/b2kit-emulator/?token=open-sesame", "evil.example").status,
        421
    );
}
