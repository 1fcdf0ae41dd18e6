//! Downloads: by name, by id, ranges, headers.

#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod wire;

use b2kit_core::{Body, http};
use b2kit_emulator::{Emulator, UndocumentedBehavior};
use serde_json::json;
use wire::{Answer, Wire, sha1};

fn ask(wire: &Wire, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{}{target}", wire.emulator.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    wire.send(request.body(Body::empty()).unwrap())
}

#[test]
fn a_download_has_the_headers_of_a_real_one_and_no_others() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("download", "allPrivate");
    let info = [
        ("x-bz-info-author", "a+b"),
        ("x-bz-info-b2-content-disposition", "inline"),
    ];
    let file = wire
        .upload_with(&bucket, "dir/f%2Bg.txt", b"hello", &info)
        .ok();
    let answer = wire.download("download/dir/f%2Bg.txt", &[]);
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
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
    let mut names: Vec<&str> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (name, value) in expected {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let auth = [("authorization", wire.token.as_str())];
    let head = ask(&wire, "HEAD", "/file/download/dir/f%2Bg.txt?", &auth);
    assert_eq!((head.status, head.headers), (answer.status, answer.headers));
    assert!(head.body.is_empty());
}

#[test]
fn by_id_works_by_get_head_and_post() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("download", "allPrivate");
    let file = wire.upload(&bucket, "f", b"hello");
    let id = file["fileId"].as_str().unwrap();
    assert_eq!(
        wire.post("b2_download_file_by_id", &json!({"fileId": id}))
            .body,
        "hello"
    );
    let auth = [
        ("authorization", wire.token.as_str()),
        ("range", "bytes=1-2"),
    ];
    let target = format!("/b2api/v2/b2_download_file_by_id?fileId={id}");
    assert_eq!(ask(&wire, "GET", &target, &auth).body, "el");
    let head = ask(&wire, "HEAD", &target, &auth);
    assert_eq!(
        (head.status.as_u16(), head.header("content-range")),
        (206, "bytes 1-2/5")
    );
    wire.get("b2_download_file_by_id")
        .has_code(400, "bad_request");
    wire.get("b2_download_file_by_id?fileId=x")
        .is_error(400, "bad_request", "Bad fileId: x");
    let unknown = id.replace("_u0177", "_u0166");
    wire.get(&format!("b2_download_file_by_id?fileId={unknown}"))
        .has_code(404, "not_found");
}

#[test]
fn ranges_are_answered_with_206_or_416() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("download", "allPrivate");
    wire.upload(&bucket, "f", b"0123456789");
    wire.upload(&bucket, "empty", b"");
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
        let answer = wire.download("download/f", &[("range", range)]);
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.body, body);
        assert_eq!(answer.header("content-length"), body.len().to_string());
        assert_eq!(answer.header("x-bz-content-sha1"), sha1(b"0123456789"));
    }
    let empty = wire.download("download/empty", &[("range", "bytes=0-")]);
    assert_eq!((empty.status.as_u16(), empty.body.len()), (200, 0));
    for (path, range) in [("f", "bytes=10-"), ("f", "bytes=-0"), ("empty", "bytes=-1")] {
        wire.download(&format!("download/{path}"), &[("range", range)])
            .has_code(416, "range_not_satisfiable");
    }
    assert_eq!(
        wire.download("download/empty", &[])
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
    let wire = Wire::of(Emulator::builder().undocumented(behavior));
    let bucket = wire.create_bucket("download", "allPrivate");
    wire.upload(&bucket, "a+b", b"0123");
    let whole = wire.download("download/a%20b", &[("range", "bytes=0-3")]);
    assert_eq!(
        (whole.status.as_u16(), whole.header("content-range")),
        (200, "")
    );
    assert_eq!(whole.header("x-bz-file-name"), "a%20b");
    let from_zero = wire.download("download/a%20b", &[("range", "bytes=0-")]);
    assert_eq!(from_zero.status, 200, "it covers the whole file, too");
    let mut behavior = UndocumentedBehavior::default();
    behavior.range_from_zero_is_partial = true;
    let partial = Wire::of(Emulator::builder().undocumented(behavior));
    let bucket_of_it = partial.create_bucket("download", "allPrivate");
    partial.upload(&bucket_of_it, "f", b"0123");
    let from_zero = partial.download("download/f", &[("range", "bytes=0-")]);
    assert_eq!(
        (from_zero.status.as_u16(), from_zero.header("content-range")),
        (206, "bytes 0-3/4")
    );
    assert_eq!(
        wire.download("download/a+b", &[("range", "bytes=1-3")])
            .status,
        206
    );
}

#[test]
fn missing_files_and_buckets_are_not_found() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("download", "allPrivate");
    wire.download("download/f", &[]).is_error(
        404,
        "not_found",
        "bucket download does not have file: f",
    );
    wire.download("nowhere/f", &[]).has_code(404, "not_found");
    wire.download("download", &[]).has_code(404, "not_found");
    let large = wire.start(&bucket, "large");
    wire.download("download/large", &[])
        .has_code(404, "not_found");
    wire.post("b2_download_file_by_id", &json!({"fileId": large}))
        .has_code(404, "not_found");
    wire.upload(&bucket, "f", b"x");
    let hidden = wire
        .post(
            "b2_hide_file",
            &json!({"bucketId": bucket, "fileName": "f"}),
        )
        .ok();
    wire.download("download/f", &[]).has_code(404, "not_found");
    wire.post(
        "b2_download_file_by_id",
        &json!({"fileId": hidden["fileId"]}),
    )
    .has_code(404, "not_found");
    let head = ask(
        &wire,
        "HEAD",
        "/file/download/f",
        &[("authorization", &wire.token)],
    );
    assert_eq!(head.status, 404);
    assert!(head.body.is_empty());
    wire.download("download/%zz", &[])
        .has_code(400, "bad_request");
}

#[test]
fn file_names_that_look_like_paths_are_plain_names() {
    let wire = Wire::new();
    let bucket = wire.create_bucket("download", "allPrivate");
    for (name, content) in [
        ("b", "1"),
        ("a/../b", "2"),
        ("a//b", "3"),
        ("/b", "4"),
        ("./b", "5"),
    ] {
        wire.upload(&bucket, name, content.as_bytes());
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
            wire.download(&format!("download/{path}"), &[]).body,
            content,
            "{path}"
        );
    }
}

#[test]
fn private_files_need_a_token_and_public_ones_do_not() {
    let wire = Wire::new();
    let private = wire.create_bucket("private-1", "allPrivate");
    let public = wire.create_bucket("public-1", "allPublic");
    let hidden = wire.upload(&private, "f", b"private");
    let open = wire.upload(&public, "f", b"public");
    let by_id = |file: &serde_json::Value| {
        format!(
            "/b2api/v4/b2_download_file_by_id?fileId={}",
            file["fileId"].as_str().unwrap()
        )
    };
    ask(&wire, "GET", "/file/private-1/f", &[]).is_error(401, "unauthorized", "");
    ask(&wire, "GET", &by_id(&hidden), &[]).has_code(401, "unauthorized");
    assert_eq!(ask(&wire, "GET", "/file/public-1/f", &[]).body, "public");
    assert_eq!(ask(&wire, "GET", &by_id(&open), &[]).body, "public");
    let bad = [("authorization", "nonsense")];
    ask(&wire, "GET", "/file/public-1/f", &bad).has_code(401, "bad_auth_token");
    let in_query = format!(
        "/file/private-1/f?Authorization={}",
        wire.token.replace('=', "%3D")
    );
    assert_eq!(ask(&wire, "GET", &in_query, &[]).body, "private");
    let post = http::Request::post(format!("{}/file/public-1/f", wire.emulator.url()))
        .body(Body::empty())
        .unwrap();
    wire.send(post).has_code(405, "method_not_allowed");
}

#[test]
fn headers_come_from_the_request_then_the_file_then_the_bucket() {
    let wire = Wire::new();
    let account = wire.emulator.account_id();
    let bucket = wire
        .post(
            "b2_create_bucket",
            &json!({"accountId": account, "bucketName": "download", "bucketType": "allPublic",
                "bucketInfo": {"Cache-Control": "max-age=1"}}),
        )
        .ok();
    let bucket = bucket["bucketId"].as_str().unwrap();
    wire.upload(bucket, "plain", b"x");
    wire.upload_with(
        bucket,
        "own",
        b"x",
        &[("x-bz-info-b2-cache-control", "max-age=2")],
    )
    .ok();
    assert_eq!(
        wire.download("download/plain", &[]).header("cache-control"),
        "max-age=1"
    );
    let own = wire.download("download/own", &[]);
    assert_eq!(own.header("cache-control"), "max-age=2");
    assert_eq!(own.header("x-bz-info-b2-cache-control"), "");
    let query = "b2CacheControl=max-age%3D3&b2ContentType=a/b&b2ContentDisposition=inline\
        &b2ContentLanguage=de&b2ContentEncoding=gzip&b2Expires=never";
    let overridden = wire.download(&format!("download/own?{query}"), &[]);
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
    ask(&wire, "GET", "/file/download/own?b2ContentType=a/b", &[]).has_code(401, "unauthorized");
    wire.download("download/own?b2ContentType=a%0Ab", &[])
        .has_code(400, "bad_request");
}

#[test]
fn a_download_continues_after_its_file_is_deleted() {
    use b2kit_core::HttpClient as _;
    use futures::executor::block_on;
    let wire = Wire::new();
    let bucket = wire.create_bucket("download", "allPrivate");
    let content = vec![7; 500_000];
    let file = wire.upload(&bucket, "f", &content);
    let request = http::Request::get(format!("{}/file/download/f", wire.emulator.url()))
        .header("authorization", &wire.token)
        .body(Body::empty())
        .unwrap();
    let mut body = block_on(wire.emulator.send(request)).unwrap().into_body();
    let first = block_on(body.next()).unwrap().unwrap();
    assert!(first.len() < content.len(), "in chunks");
    wire.post(
        "b2_delete_file_version",
        &json!({"fileName": "f", "fileId": file["fileId"]}),
    )
    .ok();
    assert_eq!(
        wire.emulator.snapshot().stored_bytes,
        500_000,
        "still being read"
    );
    let rest = block_on(body.collect(500_000)).unwrap();
    assert_eq!(first.len() + rest.len(), content.len());
    assert_eq!(wire.emulator.snapshot().stored_bytes, 0);
}
