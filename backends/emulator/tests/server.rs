//! The emulator over a real socket, in plain HTTP.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod line;
mod wire;

use std::io::Read as _;

use b2kit_emulator::{Emulator, Fault, FaultKind, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::executor::block_on;
use line::{Line, path};
use serde_json::json;
use wire::{Wire, sha1};

#[test]
fn authorization_has_the_servers_url_and_one_connection_suffices() {
    let emulator = Emulator::new();
    let server = Server::start(&emulator).unwrap();
    let mut line = Line::to(&server);
    let basic = STANDARD.encode(format!("{}:{}", emulator.key_id(), emulator.key()));
    let basic = format!("Basic {basic}");
    let authorize = [("Authorization", basic.as_str())];
    let answer = line.ask("GET", "/b2api/v2/b2_authorize_account", &authorize, b"");
    let session = answer.json();
    assert_eq!(session["apiUrl"], server.url());
    assert_eq!(session["downloadUrl"], server.url());
    assert!(!answer.header("date").is_empty());
    let token = session["authorizationToken"].as_str().unwrap();
    let auth = [("Authorization", token)];
    let body = json!({"accountId": emulator.account_id(), "bucketName": "over-http",
        "bucketType": "allPrivate"});
    let answer = line.ask(
        "POST",
        "/b2api/v2/b2_create_bucket",
        &auth,
        body.to_string().as_bytes(),
    );
    let bucket = answer.json()["bucketId"].as_str().unwrap().to_owned();
    let target = format!("/b2api/v2/b2_get_upload_url?bucketId={bucket}");
    let url = line.ask("GET", &target, &auth, b"").json();
    let upload_url = url["uploadUrl"].as_str().unwrap();
    assert!(upload_url.starts_with(server.url()));
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 253) as u8).collect();
    let answer = line.ask(
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
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    assert_eq!(answer.json()["fileName"], "a/../b//c+d");
    let target = "/file/over-http/a/../b//c%2Bd";
    let whole = line.ask("GET", target, &auth, b"");
    assert!(whole.body == content);
    let head = line.ask("HEAD", target, &auth, b"");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, "3000000")
    );
    let part = line.ask("GET", target, &[auth[0], ("Range", "bytes=-5")], b"");
    assert_eq!(part.status, 206);
    assert_eq!(
        part.header("content-range"),
        "bytes 2999995-2999999/3000000"
    );
    assert_eq!(part.body, content[2_999_995..]);
    let missing = line.ask("HEAD", "/file/over-http/none", &auth, b"");
    assert_eq!(missing.status, 404);
    assert_eq!(
        line.ask("GET", target, &auth, b"").status,
        200,
        "the connection still lives"
    );
    block_on(server.stop());
    assert!(line.is_at_end());
}

#[test]
fn the_error_of_a_bad_request_can_be_read_before_the_connection_closes() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("over-http", "allPrivate");
    let (url, token) = wire.upload_url(&bucket);
    let mut line = Line::to(&server);
    // no SHA-1: refused at its head, while megabytes follow
    let headers = [
        ("Authorization", token.as_str()),
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "x/y"),
    ];
    let answer = line.ask("POST", path(&url), &headers, &vec![7; 8 << 20]);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("connection"), "close");
    assert!(!answer.body.ends_with(b"\n"));
    assert!(line.is_at_end());
}

#[test]
fn chunked_uploads_are_refused() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("over-http", "allPrivate");
    let (url, token) = wire.upload_url(&bucket);
    let mut line = Line::to(&server);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Bz-File-Name: f\r\n\
         Content-Type: x/y\r\nX-Bz-Content-Sha1: do_not_verify\r\n\
         Transfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\n\r\n",
        path(&url)
    );
    line.write(head.as_bytes());
    let answer = line.answer();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &json!("bad_request"))
    );
    assert_eq!(wire.emulator.snapshot().versions, 0);
}

#[test]
fn a_client_that_expects_100_continue_gets_it_or_the_error() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("over-http", "allPrivate");
    let (url, token) = wire.upload_url(&bucket);
    let head = |token: &str| {
        format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Bz-File-Name: f\r\n\
             Content-Type: x/y\r\nX-Bz-Content-Sha1: do_not_verify\r\nContent-Length: 3\r\n\
             Expect: 100-continue\r\n\r\n",
            path(&url)
        )
    };
    let mut line = Line::to(&server);
    line.write(head(&token).as_bytes());
    assert_eq!(line.answer().status, 100);
    line.write(b"abc");
    assert_eq!(line.answer().status, 200);
    let mut refused = Line::to(&server);
    refused.write(head("nonsense").as_bytes());
    assert_eq!(refused.answer().status, 401);
}

#[test]
fn an_upload_whose_connection_breaks_stores_nothing_and_invalidates_its_token() {
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("over-http", "allPrivate");
    let (url, token) = wire.upload_url(&bucket);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nX-Bz-File-Name: f\r\n\
         Content-Type: x/y\r\nX-Bz-Content-Sha1: do_not_verify\r\nContent-Length: 100\r\n\
         Expect: 100-continue\r\n\r\n",
        path(&url)
    );
    let mut line = Line::to(&server);
    line.write(head.as_bytes());
    // once this is here, the upload is under way
    assert_eq!(line.answer().status, 100);
    let headers = [
        ("Authorization", token.as_str()),
        ("X-Bz-File-Name", "f"),
        ("Content-Type", "x/y"),
        ("X-Bz-Content-Sha1", "do_not_verify"),
    ];
    let mut other = Line::to(&server);
    let second = other.ask("POST", path(&url), &headers, b"abc");
    assert_eq!(second.json()["code"], "auth_token_limit");
    line.write(b"half");
    drop(line);
    // the server notices when it notices: until then the token is in use, from then on it is no
    // good
    let code = loop {
        let answer = Line::to(&server).ask("POST", path(&url), &headers, b"abc");
        if answer.json()["code"] != "auth_token_limit" {
            break answer.json()["code"].clone();
        }
        std::thread::yield_now();
    };
    assert_eq!(code, "bad_auth_token");
    let snapshot = wire.emulator.snapshot();
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
    let wire = Wire::new();
    let server = Server::start(&wire.emulator).unwrap();
    let bucket = wire.create_bucket("over-http", "allPrivate");
    wire.upload(&bucket, "f", b"0123456789");
    let auth = [("Authorization", wire.token.as_str())];
    let target = "/file/over-http/f";
    let faults = wire.emulator.faults();

    faults.add(Fault::new(FaultKind::internal_error()).times(1));
    let mut line = Line::to(&server);
    assert_eq!(line.ask("GET", target, &auth, b"").status, 500);
    let missing = line.ask("HEAD", "/file/over-http/none", &auth, b"");
    assert_eq!(missing.status, 404);

    faults.add(
        Fault::new(FaultKind::LoseResponse)
            .times(1)
            .on("b2_hide_file"),
    );
    let body = json!({"bucketId": bucket, "fileName": "f"}).to_string();
    line.write(
        format!(
            "POST /b2api/v4/b2_hide_file HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            wire.token,
            body.len()
        )
        .as_bytes(),
    );
    assert!(line.is_at_end(), "closed without a byte");
    wire.post(
        "b2_hide_file",
        &json!({"bucketId": bucket, "fileName": "f"}),
    )
    .has_code(400, "already_hidden");

    wire.upload(&bucket, "f", b"0123456789");
    faults.add(Fault::new(FaultKind::CutResponse { after: 4 }).times(1));
    let mut line = Line::to(&server);
    line.write(
        format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n",
            wire.token
        )
        .as_bytes(),
    );
    let mut all = Vec::new();
    line.stream.read_to_end(&mut all).ok();
    assert!(
        all.ends_with(b"\r\n\r\n0123"),
        "{}",
        String::from_utf8_lossy(&all)
    );
}

#[test]
fn a_request_to_the_origin_of_another_role_gets_421() {
    let wire = Wire::new();
    let server = Server::builder()
        .separate_origins(true)
        .start(&wire.emulator)
        .unwrap();
    let bucket = wire.create_bucket("a-bucket", "allPublic");
    let auth = [("Authorization", wire.token.as_str())];
    let basic = STANDARD.encode(format!(
        "{}:{}",
        wire.emulator.key_id(),
        wire.emulator.key()
    ));
    let basic = format!("Basic {basic}");
    let basic = [("Authorization", basic.as_str())];
    let session = Line::to(&server).ask("GET", "/b2api/v4/b2_authorize_account", &basic, b"");
    let storage = session.json()["apiInfo"]["storageApi"].clone();
    let api = storage["apiUrl"].as_str().unwrap().to_owned();
    let download = storage["downloadUrl"].as_str().unwrap().to_owned();
    assert_eq!(api, server.url());
    let target = format!("/b2api/v4/b2_get_upload_url?bucketId={bucket}");
    let url = Line::to(&server).ask("GET", &target, &auth, b"").json();
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
        wire.emulator.account_id()
    );
    let mut file_id = String::new();
    for origin in [&api, &download, &upload] {
        let line = || Line::at(origin.strip_prefix("http://").unwrap());
        let uploaded = line().ask("POST", path(&upload_url), &headers, b"meow");
        if uploaded.status == 200 {
            file_id = uploaded.json()["fileId"].as_str().unwrap().to_owned();
        }
        let by_id = format!("/b2api/v4/b2_download_file_by_id?fileId={file_id}");
        for (answer, right) in [
            (uploaded, &upload),
            (line().ask("GET", &list, &auth, b""), &api),
            (line().ask("GET", "/file/a-bucket/g", &[], b""), &download),
            (line().ask("GET", &by_id, &auth, b""), &download),
        ] {
            if origin == right {
                assert_ne!(answer.status, 421, "{}", answer.json());
                continue;
            }
            assert_eq!(answer.status, 421);
            let message = answer.json()["message"].to_string();
            assert!(message.contains(right.as_str()), "{message}");
        }
    }
    assert_eq!(wire.emulator.snapshot().versions, 1);
}
