//! Heads and bodies at and beyond their limits.

use super::*;

#[test]
fn heads_over_the_limit_are_refused() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    // the limit is where reading stops, so a little more may pass
    let long = "x".repeat(200_000);
    let many: String = (0..101).map(|at| format!("X-{at}: x\r\n")).collect();
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    ] {
        let mut connection = RawConnection::to(&server);
        // it may hang up before it has read everything
        connection.stream.get_mut().write_all(head.as_bytes()).ok();
        let mut response = Vec::new();
        connection.stream.read_to_end(&mut response).ok();
        let response = String::from_utf8_lossy(&response);
        let refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 "];
        assert!(
            response.is_empty() || refused.iter().any(|it| response.starts_with(it)),
            "{response}"
        );
    }
    is_well(&server, &client);
}

#[test]
fn the_longest_name_and_info_that_b2_allows_fit_into_a_head() {
    // an old bucket takes more than the others
    let client = RawClient::of(Emulator::builder().legacy_encryption(true));
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let url = client.upload_url(&bucket);
    let name = "%C3%BC".repeat(512);
    let value = "%20".repeat(190);
    let keys: Vec<String> = (0..6).map(|at| format!("X-Bz-Info-{at}")).collect();
    let mut headers = upload_headers(&url, "1");
    headers[2].1 = &name;
    headers.extend(keys.iter().map(|key| (key.as_str(), value.as_str())));
    let mut connection = RawConnection::to(&server);
    connection.head("POST", path(&url.0), &headers);
    connection.write(b"x");
    let response = connection.response();
    assert_eq!(response.status, 200, "{}", response.json());
    assert_eq!(response.json()["fileName"].as_str().unwrap().len(), 1024);
}

#[test]
fn a_json_body_has_a_limit_and_uploads_have_the_cap() {
    let client = RawClient::of(Emulator::builder().storage_cap(1000));
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let auth = [("Authorization", client.token.as_str())];
    let body = vec![b' '; 1_100_000];
    let response =
        RawConnection::to(&server).send("POST", "/b2api/v4/b2_list_buckets", &auth, &body);
    assert_eq!(
        (response.status, &response.json()["code"]),
        (400, &json!("bad_request"))
    );
    let url = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    // refused at its head: the bytes don't have to come
    connection.head("POST", path(&url.0), &upload_headers(&url, "1001"));
    let response = connection.response();
    assert_eq!(
        (response.status, &response.json()["code"]),
        (403, &json!("storage_cap_exceeded"))
    );
    is_well(&server, &client);
}

#[test]
fn ambiguous_requests_get_400_and_smuggle_nothing() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let token = &client.token;
    let call = "POST /b2api/v4/b2_list_buckets HTTP/1.1\r\n";
    let auth = format!("Authorization: {token}\r\n");
    let body = json!({"accountId": client.emulator.account_id()}).to_string();
    let len = body.len();
    let chunked = format!("{len:x}\r\n{body}\r\n0\r\n\r\n");
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    // what is right passes, before what isn't, on the same connection
    let proper = format!("{call}Host: x\r\n{auth}Transfer-Encoding: chunked\r\n\r\n{chunked}");
    for bad in [
        format!("Host: x\r\nContent-Length: {len}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: {len}\r\n\r\n{chunked}"),
        format!("Host: x\r\nHost: y\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Content-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length: {len}\r\nContent-Length: 3\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length: {len}, {len}\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length: +{len}\r\n\r\n{body}"),
        format!("Host: x\r\nContent-Length : {len}\r\n\r\n{body}"),
        format!("Host: x\r\nX: y\r\n Content-Length: 3\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nX: y\nContent-Length: 3\r\nContent-Length: {len}\r\n\r\n{body}"),
        format!("Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{chunked}"),
        format!(
            "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{chunked}"
        ),
        format!("Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0x{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n+{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff{chunked}"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n{len:x}\n{body}\n0\n\n"),
        format!("Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{body}\r\n0\r\n\r\n"),
    ] {
        for before in ["", proper.as_str()] {
            let mut connection = RawConnection::to(&server);
            connection.write(format!("{before}{call}{auth}{bad}{smuggled}").as_bytes());
            if !before.is_empty() {
                assert_eq!(connection.response().status, 200);
            }
            let mut rest = Vec::new();
            connection.stream.read_to_end(&mut rest).unwrap();
            let rest = String::from_utf8_lossy(&rest);
            assert!(rest.starts_with("HTTP/1.1 400 "), "{bad:?}: {rest}");
            assert_eq!(rest.matches("HTTP/1.1").count(), 1, "{bad:?}: {rest}");
        }
    }
    is_well(&server, &client);
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    let lengths: [&[(&str, &str)]; 6] = [
        &[("Content-Length", "3"), ("Content-Length", "4")],
        &[("Content-Length", "3"), ("Transfer-Encoding", "chunked")],
        &[("Content-Length", "-3")],
        &[("Content-Length", "3, 4")],
        &[("Content-Length", "99999999999999999999999")],
        &[("Transfer-Encoding", "gzip, chunked, gzip")],
    ];
    for lengths in lengths {
        let url = client.upload_url(&bucket);
        let mut headers = upload_headers(&url, "");
        headers.pop();
        headers.extend(lengths);
        let mut connection = RawConnection::to(&server);
        connection.head("POST", path(&url.0), &headers);
        connection
            .stream
            .get_mut()
            .write_all(b"3\r\nabc\r\n0\r\n\r\n")
            .ok();
        let mut response = Vec::new();
        connection.stream.read_to_end(&mut response).ok();
        let response = String::from_utf8_lossy(&response);
        assert!(
            response.starts_with("HTTP/1.1 400 "),
            "{lengths:?}: {response}"
        );
        assert_eq!(
            response.matches("HTTP/1.1").count(),
            1,
            "nothing is smuggled"
        );
    }
    let mut connection = RawConnection::to(&server);
    let url = client.upload_url(&bucket);
    let mut headers = upload_headers(&url, "");
    headers.pop();
    connection.head("POST", path(&url.0), &headers);
    assert_eq!(connection.response().status, 400, "and no length at all");
    assert_eq!(client.emulator.snapshot().versions, 0);
    is_well(&server, &client);
}

#[test]
fn the_server_survives_malformed_requests() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let mut dice = 1_u64;
    for round in 0..300 {
        let mut bytes = Vec::new();
        if round % 3 == 0 {
            bytes.extend_from_slice(b"POST /b2api/v4/b2_list_buckets HTTP/1.1\r\n");
        }
        for _ in 0..round * 7 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((dice >> 56) as u8);
        }
        let mut connection = RawConnection::to(&server);
        connection.stream.get_mut().write_all(&bytes).ok();
    }
    let auth = [("Authorization", client.token.as_str())];
    let deep = format!("{{\"a\":{}", "[".repeat(500_000));
    for body in [
        &deep[..],
        "\u{0}",
        "{\"accountId\": \"\\ud800\"}",
        "[]",
        "1e999999",
    ] {
        let response = RawConnection::to(&server).send(
            "POST",
            "/b2api/v4/b2_list_buckets",
            &auth,
            body.as_bytes(),
        );
        assert_eq!(response.status, 400, "{}", &body[..body.len().min(20)]);
    }
    for target in [
        "//",
        "/file/",
        "/file/%",
        "/b2api/v4/b2_upload_file/../../etc",
        "*",
        "/?%ff",
    ] {
        let response = RawConnection::to(&server).send("GET", target, &auth, b"");
        assert!(
            (400..500).contains(&response.status),
            "{target}: {}",
            response.status
        );
    }
    is_well(&server, &client);
}
