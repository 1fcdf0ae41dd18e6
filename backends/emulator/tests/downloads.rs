//! Downloads: by name, by id, ranges, headers.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod raw_client;

use b2kit_core::{Body, http};
use b2kit_emulator::{Emulator, UndocumentedBehavior};
use raw_client::{RawClient, Response, sha1};
use serde_json::json;

fn send(client: &RawClient, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{}{target}", client.emulator.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Body::empty()).unwrap())
}

#[test]
fn a_download_has_the_headers_of_a_real_one_and_no_others() {
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    let info = [
        ("x-bz-info-author", "a+b"),
        ("x-bz-info-b2-content-disposition", "inline"),
    ];
    let file = client
        .upload_with(&bucket, "dir/f%2Bg.txt", b"hello", &info)
        .ok();
    let response = client.download("download/dir/f%2Bg.txt", &[]);
    assert_eq!(
        (response.status.as_u16(), &response.body[..]),
        (200, &b"hello"[..])
    );
    let expected = [
        ("accept-ranges", "bytes"),
        ("content-disposition", "inline"),
        ("content-length", "5"),
        ("content-type", "text/plain"),
        ("date", "Thu, 05 Feb 2026 23:40:12 GMT"),
        ("x-bz-content-sha1", &sha1(b"hello")),
        ("x-bz-file-id", file["fileId"].as_str().unwrap()),
        ("x-bz-file-name", "dir/f%2Bg.txt"),
        ("x-bz-info-author", "a+b"),
        ("x-bz-server-side-encryption", "AES256"),
        ("x-bz-upload-timestamp", "1770334812998"),
    ];
    let mut names: Vec<&str> = response.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (name, value) in expected {
        assert_eq!(response.header(name), value, "{name}");
    }
    let auth = [("authorization", client.token.as_str())];
    let head = send(&client, "HEAD", "/file/download/dir/f%2Bg.txt?", &auth);
    assert_eq!(
        (head.status, head.headers),
        (response.status, response.headers)
    );
    assert!(head.body.is_empty());
}

#[test]
fn by_id_works_by_get_head_and_post() {
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    let file = client.upload(&bucket, "f", b"hello");
    let id = file["fileId"].as_str().unwrap();
    assert_eq!(
        client
            .post("b2_download_file_by_id", &json!({"fileId": id}))
            .body,
        "hello"
    );
    let auth = [
        ("authorization", client.token.as_str()),
        ("range", "bytes=1-2"),
    ];
    let target = format!("/b2api/v2/b2_download_file_by_id?fileId={id}");
    assert_eq!(send(&client, "GET", &target, &auth).body, "el");
    let head = send(&client, "HEAD", &target, &auth);
    assert_eq!(
        (head.status.as_u16(), head.header("content-range")),
        (206, "bytes 1-2/5")
    );
    client
        .get("b2_download_file_by_id")
        .has_code(400, "bad_request");
    client
        .get("b2_download_file_by_id?fileId=x")
        .is_error(400, "bad_request", "Bad fileId: x");
    let unknown = id.replace("_u0177", "_u0166");
    client
        .get(&format!("b2_download_file_by_id?fileId={unknown}"))
        .has_code(404, "not_found");
}

#[test]
fn ranges_are_answered_with_206_or_416() {
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    client.upload(&bucket, "f", b"0123456789");
    client.upload(&bucket, "empty", b"");
    for (range, status, content_range, body) in [
        ("bytes=0-3", 206, "bytes 0-3/10", "0123"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-2", 206, "bytes 8-9/10", "89"),
        ("bytes=8-100", 206, "bytes 8-9/10", "89"),
        ("bytes=0-9", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=0-", 200, "", "0123456789"),
        ("bytes=3-2", 200, "", "0123456789"),
        ("bytes=0-1,3-4", 200, "", "0123456789"),
    ] {
        let response = client.download("download/f", &[("range", range)]);
        assert_eq!(response.status, status, "{range}");
        assert_eq!(response.header("content-range"), content_range);
        assert_eq!(response.body, body);
        assert_eq!(response.header("content-length"), body.len().to_string());
        assert_eq!(response.header("x-bz-content-sha1"), sha1(b"0123456789"));
    }
    let empty = client.download("download/empty", &[("range", "bytes=0-")]);
    assert_eq!((empty.status.as_u16(), empty.body.len()), (200, 0));
    for (path, range) in [("f", "bytes=10-"), ("f", "bytes=-0"), ("empty", "bytes=-1")] {
        client
            .download(&format!("download/{path}"), &[("range", range)])
            .has_code(416, "range_not_satisfiable");
    }
    assert_eq!(
        client
            .download("download/empty", &[])
            .header("content-length"),
        "0"
    );
}

#[test]
fn a_switch_decides_whether_a_whole_range_is_partial() {
    let mut behavior = UndocumentedBehavior::default();
    behavior.whole_range_is_partial = false;
    behavior.range_from_zero_is_partial = true;
    behavior.plus_for_space = false;
    let client = RawClient::of(Emulator::builder().undocumented(behavior));
    let bucket = client.create_bucket("download", "allPrivate");
    client.upload(&bucket, "a+b", b"0123");
    let whole = client.download("download/a%20b", &[("range", "bytes=0-3")]);
    assert_eq!(
        (whole.status.as_u16(), whole.header("content-range")),
        (200, "")
    );
    assert_eq!(whole.header("x-bz-file-name"), "a%20b");
    let from_zero = client.download("download/a%20b", &[("range", "bytes=0-")]);
    assert_eq!(from_zero.status, 200, "it covers the whole file, too");
    let mut behavior = UndocumentedBehavior::default();
    behavior.range_from_zero_is_partial = true;
    let partial = RawClient::of(Emulator::builder().undocumented(behavior));
    let bucket_of_it = partial.create_bucket("download", "allPrivate");
    partial.upload(&bucket_of_it, "f", b"0123");
    let from_zero = partial.download("download/f", &[("range", "bytes=0-")]);
    assert_eq!(
        (from_zero.status.as_u16(), from_zero.header("content-range")),
        (206, "bytes 0-3/4")
    );
    assert_eq!(
        client
            .download("download/a+b", &[("range", "bytes=1-3")])
            .status,
        206
    );
}

#[test]
fn missing_files_and_buckets_are_not_found() {
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    client.download("download/f", &[]).is_error(
        404,
        "not_found",
        "bucket download does not have file: f",
    );
    client.download("nowhere/f", &[]).has_code(404, "not_found");
    client.download("download", &[]).has_code(404, "not_found");
    let large = client.start(&bucket, "large");
    client
        .download("download/large", &[])
        .has_code(404, "not_found");
    client
        .post("b2_download_file_by_id", &json!({"fileId": large}))
        .has_code(404, "not_found");
    client.upload(&bucket, "f", b"x");
    let hidden = client
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "f"}),
        )
        .ok();
    client
        .download("download/f", &[])
        .has_code(404, "not_found");
    client
        .post(
            "b2_download_file_by_id",
            &json!({"fileId": hidden["fileId"]}),
        )
        .has_code(404, "not_found");
    let head = send(
        &client,
        "HEAD",
        "/file/download/f",
        &[("authorization", &client.token)],
    );
    assert_eq!(head.status, 404);
    assert!(head.body.is_empty());
    client
        .download("download/%zz", &[])
        .has_code(400, "bad_request");
}

#[test]
fn file_names_that_look_like_paths_are_plain_names() {
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    for (name, content) in [
        ("b", "1"),
        ("a/../b", "2"),
        ("a//b", "3"),
        ("/b", "4"),
        ("./b", "5"),
    ] {
        client.upload(&bucket, name, content.as_bytes());
    }
    for (path, content) in [
        ("b", "1"),
        ("a/../b", "2"),
        ("a/%2e%2e/b", "2"),
        ("a%2F..%2Fb", "2"),
        ("a//b", "3"),
        ("/b", "4"),
        ("./b", "5"),
    ] {
        assert_eq!(
            client.download(&format!("download/{path}"), &[]).body,
            content,
            "{path}"
        );
    }
}

#[test]
fn private_files_need_a_token_and_public_ones_do_not() {
    let client = RawClient::new();
    let private = client.create_bucket("private-1", "allPrivate");
    let public = client.create_bucket("public-1", "allPublic");
    let hidden = client.upload(&private, "f", b"private");
    let open = client.upload(&public, "f", b"public");
    let by_id = |file: &serde_json::Value| {
        format!(
            "/b2api/v4/b2_download_file_by_id?fileId={}",
            file["fileId"].as_str().unwrap()
        )
    };
    send(&client, "GET", "/file/private-1/f", &[]).is_error(401, "unauthorized", "");
    send(&client, "GET", &by_id(&hidden), &[]).has_code(401, "unauthorized");
    assert_eq!(send(&client, "GET", "/file/public-1/f", &[]).body, "public");
    assert_eq!(send(&client, "GET", &by_id(&open), &[]).body, "public");
    let bad = [("authorization", "nonsense")];
    send(&client, "GET", "/file/public-1/f", &bad).has_code(401, "bad_auth_token");
    let in_query = format!(
        "/file/private-1/f?Authorization={}",
        client.token.replace('=', "%3D")
    );
    assert_eq!(send(&client, "GET", &in_query, &[]).body, "private");
    let post = http::Request::post(format!("{}/file/public-1/f", client.emulator.url()))
        .body(Body::empty())
        .unwrap();
    client.send(post).has_code(405, "method_not_allowed");
}

#[test]
fn headers_come_from_the_request_then_the_file_then_the_bucket() {
    let client = RawClient::new();
    let account = client.emulator.account_id();
    let bucket = client
        .post(
            "b2_create_bucket",
            &json!({"accountId": account, "bucketName": "download", "bucketType": "allPublic",
                "bucketInfo": {"Cache-Control": "max-age=1"}}),
        )
        .ok();
    let bucket = bucket["bucketId"].as_str().unwrap();
    client.upload(bucket, "plain", b"x");
    client
        .upload_with(
            bucket,
            "own",
            b"x",
            &[("x-bz-info-b2-cache-control", "max-age=2")],
        )
        .ok();
    assert_eq!(
        client
            .download("download/plain", &[])
            .header("cache-control"),
        "max-age=1"
    );
    let own = client.download("download/own", &[]);
    assert_eq!(own.header("cache-control"), "max-age=2");
    assert_eq!(own.header("x-bz-info-b2-cache-control"), "");
    let query = "b2CacheControl=max-age%3D3&b2ContentType=a/b&b2ContentDisposition=inline\
        &b2ContentLanguage=de&b2ContentEncoding=gzip&b2Expires=never";
    let overridden = client.download(&format!("download/own?{query}"), &[]);
    for (header, value) in [
        ("cache-control", "max-age=3"),
        ("content-type", "a/b"),
        ("content-disposition", "inline"),
        ("content-language", "de"),
        ("content-encoding", "gzip"),
        ("expires", "never"),
    ] {
        assert_eq!(overridden.header(header), value);
    }
    send(&client, "GET", "/file/download/own?b2ContentType=a/b", &[]).has_code(401, "unauthorized");
    client
        .download("download/own?b2ContentType=a%0Ab", &[])
        .has_code(400, "bad_request");
}

#[test]
fn overrides_count_towards_the_limit_of_name_and_info() {
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    let info = [("x-bz-info-b2-content-disposition", "i".repeat(1500))];
    let info = info.each_ref().map(|(key, value)| (*key, value.as_str()));
    client.upload_with(&bucket, "f", b"x", &info).ok();
    let get = |parameter: &str, len: usize| {
        let value = "x".repeat(len);
        client.download(&format!("download/f?{parameter}={value}"), &[])
    };
    // instead of the one in the file info
    assert_eq!(get("b2ContentDisposition", 2047).status, 200);
    get("b2ContentDisposition", 2048).has_code(400, "bad_request");
    let rest = 2048 - 1 - "b2-content-disposition".len() - 1500;
    assert_eq!(get("b2ContentType", rest).status, 200);
    get("b2ContentType", rest + 1).has_code(400, "bad_request");
}

#[test]
fn a_download_continues_after_its_file_is_deleted() {
    use b2kit_core::HttpClient as _;
    use futures::executor::block_on;
    let client = RawClient::new();
    let bucket = client.create_bucket("download", "allPrivate");
    let content = vec![7; 500_000];
    let file = client.upload(&bucket, "f", &content);
    let request = http::Request::get(format!("{}/file/download/f", client.emulator.url()))
        .header("authorization", &client.token)
        .body(Body::empty())
        .unwrap();
    let mut body = block_on(client.emulator.send(request)).unwrap().into_body();
    let first = block_on(body.next()).unwrap().unwrap();
    assert!(first.len() < content.len(), "in chunks");
    client
        .post(
            "b2_delete_file_version",
            &json!({"fileName": "f", "fileId": file["fileId"]}),
        )
        .ok();
    assert_eq!(
        client.emulator.snapshot().stored_bytes,
        500_000,
        "still being read"
    );
    let rest = block_on(body.collect(500_000)).unwrap();
    assert_eq!(first.len() + rest.len(), content.len());
    assert_eq!(client.emulator.snapshot().stored_bytes, 0);
}
