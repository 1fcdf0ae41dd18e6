//! The emulator over a real socket, in plain HTTP.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;
mod raw_connection;

use std::io::Read as _;

use b2kit_emulator::{Emulator, Fault, FaultKind, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::executor::block_on;
use raw_client::{RawClient, sha1};
use raw_connection::{RawConnection, path};
use serde_json::json;

#[test]
fn authorization_has_the_servers_url_and_one_connection_suffices() {
    let emulator = Emulator::new();
    let server = Server::start(&emulator).unwrap();
    let mut connection = RawConnection::to(&server);
    let basic = STANDARD.encode(format!("{}:{}", emulator.key_id(), emulator.key()));
    let basic = format!("Basic {basic}");
    let authorize = [("Authorization", basic.as_str())];
    let response = connection.send("GET", "/b2api/v2/b2_authorize_account", &authorize, b"");
    let session = response.json();
    assert_eq!(session["apiUrl"], server.url());
    assert_eq!(session["downloadUrl"], server.url());
    assert!(!response.header("date").is_empty());
    let token = session["authorizationToken"].as_str().unwrap();
    let auth = [("Authorization", token)];
    let body = json!({"accountId": emulator.account_id(), "bucketName": "over-http",
        "bucketType": "allPrivate"});
    let response = connection.send(
        "POST",
        "/b2api/v2/b2_create_bucket",
        &auth,
        body.to_string().as_bytes(),
    );
    let bucket = response.json()["bucketId"].as_str().unwrap().to_owned();
    let target = format!("/b2api/v2/b2_get_upload_url?bucketId={bucket}");
    let url = connection.send("GET", &target, &auth, b"").json();
    let upload_url = url["uploadUrl"].as_str().unwrap();
    assert!(upload_url.starts_with(server.url()));
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 253) as u8).collect();
    let response = connection.send(
        "POST",
        path(upload_url),
        &[
            ("Authorization", url["authorizationToken"].as_str().unwrap()),
            ("X-Bz-File-Name", "a/../b//c%2Bd"),
            ("Content-Type", "b2/x-auto"),
            ("X-Bz-Content-Sha1", &sha1(&content)),
        ],
        &content,
    );
    assert_eq!(response.status, 200, "{:?}", response.json());
    assert_eq!(response.json()["fileName"], "a/../b//c+d");
    let target = "/file/over-http/a/../b//c%2Bd";
    let whole = connection.send("GET", target, &auth, b"");
    assert!(whole.body == content);
    let head = connection.send("HEAD", target, &auth, b"");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, "3000000")
    );
    let part = connection.send("GET", target, &[auth[0], ("Range", "bytes=-5")], b"");
    assert_eq!(part.status, 206);
    assert_eq!(
        part.header("content-range"),
        "bytes 2999995-2999999/3000000"
    );
    assert_eq!(part.body, content[2_999_995..]);
    let missing = connection.send("HEAD", "/file/over-http/none", &auth, b"");
    assert_eq!(missing.status, 404);
    assert_eq!(
        connection.send("GET", target, &auth, b"").status,
        200,
        "the connection still lives"
    );
    block_on(server.stop());
    assert!(connection.is_at_end());
}

#[test]
fn the_error_of_a_bad_request_can_be_read_before_the_connection_closes() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("over-http", "allPrivate");
    let (url, token) = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    // no SHA-1: refused at its head, while megabytes follow
    let headers = [
        ("Authorization", token.as_str()),
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "x/y"),
    ];
    let response = connection.send("POST", path(&url), &headers, &vec![7; 8 << 20]);
    assert_eq!(response.status, 400);
    assert_eq!(response.header("connection"), "close");
    assert!(!response.body.ends_with(b"\n"));
    assert!(connection.is_at_end());
}

#[test]
fn chunked_uploads_are_refused() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("over-http", "allPrivate");
    let (url, token) = client.upload_url(&bucket);
    let mut connection = RawConnection::to(&server);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Bz-File-Name: f\r\n\
         Content-Type: x/y\r\nX-Bz-Content-Sha1: do_not_verify\r\n\
         Transfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\n\r\n",
        path(&url)
    );
    connection.write(head.as_bytes());
    let response = connection.response();
    assert_eq!(
        (response.status, &response.json()["code"]),
        (400, &json!("bad_request"))
    );
    assert_eq!(client.emulator.snapshot().versions, 0);
}

#[test]
fn a_client_that_expects_100_continue_gets_it_or_the_error() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("over-http", "allPrivate");
    let (url, token) = client.upload_url(&bucket);
    let head = |token: &str| {
        format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Bz-File-Name: f\r\n\
             Content-Type: x/y\r\nX-Bz-Content-Sha1: do_not_verify\r\nContent-Length: 3\r\n\
             Expect: 100-continue\r\n\r\n",
            path(&url)
        )
    };
    let mut connection = RawConnection::to(&server);
    connection.write(head(&token).as_bytes());
    assert_eq!(connection.response().status, 100);
    connection.write(b"abc");
    assert_eq!(connection.response().status, 200);
    let mut refused = RawConnection::to(&server);
    refused.write(head("nonsense").as_bytes());
    let response = refused.response();
    assert_eq!(
        (response.status, response.header("connection")),
        (401, "close")
    );
    assert!(refused.is_at_end());
}

#[test]
fn an_upload_whose_connection_breaks_stores_nothing_and_invalidates_its_token() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("over-http", "allPrivate");
    let (url, token) = client.upload_url(&bucket);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Bz-File-Name: f\r\n\
         Content-Type: x/y\r\nX-Bz-Content-Sha1: do_not_verify\r\nContent-Length: 100\r\n\
         Expect: 100-continue\r\n\r\n",
        path(&url)
    );
    let mut connection = RawConnection::to(&server);
    connection.write(head.as_bytes());
    // once this is here, the upload is under way
    assert_eq!(connection.response().status, 100);
    let headers = [
        ("Authorization", token.as_str()),
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "x/y"),
        ("X-Bz-Content-Sha1", "do_not_verify"),
    ];
    let mut other = RawConnection::to(&server);
    let second = other.send("POST", path(&url), &headers, b"abc");
    assert_eq!(second.json()["code"], "auth_token_limit");
    connection.write(b"half");
    drop(connection);
    // the server notices when it notices: until then the token is in use, from then on it is no
    // good
    let code = loop {
        let response = RawConnection::to(&server).send("POST", path(&url), &headers, b"abc");
        if response.json()["code"] != "auth_token_limit" {
            break response.json()["code"].clone();
        }
        std::thread::yield_now();
    };
    assert_eq!(code, "bad_auth_token");
    let snapshot = client.emulator.snapshot();
    assert_eq!((snapshot.versions, snapshot.stored_bytes), (0, 0));
}

#[test]
fn a_server_can_be_dropped_inside_an_async_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::start(&Emulator::new()).unwrap();
        drop(server);
    });
}

#[test]
fn faults_work_over_http() {
    let client = RawClient::new();
    let server = Server::start(&client.emulator).unwrap();
    let bucket = client.create_bucket("over-http", "allPrivate");
    client.upload(&bucket, "f", b"0123456789");
    let auth = [("Authorization", client.token.as_str())];
    let target = "/file/over-http/f";
    let faults = client.emulator.faults();

    faults.add(Fault::new(FaultKind::internal_error()).times(1));
    let mut connection = RawConnection::to(&server);
    assert_eq!(connection.send("GET", target, &auth, b"").status, 500);
    let missing = connection.send("HEAD", "/file/over-http/none", &auth, b"");
    assert_eq!(missing.status, 404);

    faults.add(
        Fault::new(FaultKind::LoseResponse)
            .times(1)
            .on("b2_hide_file"),
    );
    let body = json!({"bucketId": bucket, "fileName": "f"}).to_string();
    connection.write(
        format!(
            "POST /b2api/v4/b2_hide_file HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            client.token,
            body.len()
        )
        .as_bytes(),
    );
    assert!(connection.is_at_end(), "closed without a byte");
    client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "f"}),
        )
        .has_code(400, "already_hidden");

    client.upload(&bucket, "f", b"0123456789");
    faults.add(Fault::new(FaultKind::CutResponse { after: 4 }).times(1));
    let mut connection = RawConnection::to(&server);
    connection.write(
        format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n",
            client.token
        )
        .as_bytes(),
    );
    let mut all = Vec::new();
    connection.stream.read_to_end(&mut all).ok();
    assert!(
        all.ends_with(b"\r\n\r\n0123"),
        "{}",
        String::from_utf8_lossy(&all)
    );
}

#[test]
fn a_request_to_the_origin_of_another_role_gets_421() {
    let client = RawClient::new();
    let server = Server::builder()
        .separate_origins(true)
        .start(&client.emulator)
        .unwrap();
    let bucket = client.create_bucket("a-bucket", "allPublic");
    let auth = [("Authorization", client.token.as_str())];
    let basic = STANDARD.encode(format!(
        "{}:{}",
        client.emulator.key_id(),
        client.emulator.key()
    ));
    let basic = format!("Basic {basic}");
    let basic = [("Authorization", basic.as_str())];
    let session =
        RawConnection::to(&server).send("GET", "/b2api/v4/b2_authorize_account", &basic, b"");
    let storage = session.json()["apiInfo"]["storageApi"].clone();
    let api = storage["apiUrl"].as_str().unwrap().to_owned();
    let download = storage["downloadUrl"].as_str().unwrap().to_owned();
    assert_eq!(api, server.url());
    let target = format!("/b2api/v4/b2_get_upload_url?bucketId={bucket}");
    let url = RawConnection::to(&server)
        .send("GET", &target, &auth, b"")
        .json();
    let upload_url = url["uploadUrl"].as_str().unwrap().to_owned();
    let upload = upload_url[..upload_url.find("/b2api").unwrap()].to_owned();
    assert!(api != download && download != upload && upload != api);
    let token = url["authorizationToken"].as_str().unwrap();
    let headers = [
        ("Authorization", token),
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "x/y"),
        ("X-Bz-Content-Sha1", "do_not_verify"),
    ];
    let list = format!(
        "/b2api/v4/b2_list_buckets?accountId={}",
        client.emulator.account_id()
    );
    let mut file_id = String::new();
    for origin in [&api, &download, &upload] {
        let connection = || RawConnection::at(origin.strip_prefix("http://").unwrap());
        let uploaded = connection().send("POST", path(&upload_url), &headers, b"meow");
        if uploaded.status == 200 {
            file_id = uploaded.json()["fileId"].as_str().unwrap().to_owned();
        }
        let by_id = format!("/b2api/v4/b2_download_file_by_id?fileId={file_id}");
        for (response, right, also) in [
            (uploaded, &upload, &upload),
            (connection().send("GET", &list, &auth, b""), &api, &api),
            (
                connection().send("GET", "/file/a-bucket/g", &[], b""),
                &download,
                &download,
            ),
            // as in B2's samples
            (
                connection().send("GET", &by_id, &auth, b""),
                &download,
                &api,
            ),
        ] {
            if [right, also].contains(&origin) {
                assert_ne!(response.status, 421, "{}", response.json());
                continue;
            }
            assert_eq!(response.status, 421);
            let message = response.json()["message"].to_string();
            assert!(message.contains(right.as_str()), "{message}");
        }
    }
    assert_eq!(client.emulator.snapshot().versions, 1);
}
