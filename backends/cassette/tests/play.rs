//! What a player answers, and what it says when it can't.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error as _;
use std::io;

use b2kit_cassette::{Interaction, Mismatch, Player, RecordedRequest, RecordedResponse};
use b2kit_core::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use b2kit_core::http::{Method, Request as Builder, StatusCode, Uri, Version};
use b2kit_core::{Body, Bytes, HttpClient, HttpErrorKind, Phase, Request};
use futures::executor::block_on;
use futures::stream;

const TAPE: &str = r#"
- Request:
    method: POST
    url: https://example.com/b2_list_file_names
    headers:
      content-type: [application/json]
      user-agent: [one]
      authorization: [hidden-authorization-token]
      x-bz-test-mode: [fail_some_uploads]
    body: '{"bucketId": "b", "maxFileCount": 100, "prefix": null, "options": {"a": [1, 2]}}'
- Response:
    status: 200
    version: ~
    headers: ~
    body: first
---
- Request:
    method: POST
    url: https://example.com/b2_list_file_names
    headers:
      content-type: [application/json]
      x-bz-test-mode: [fail_some_uploads]
    body: '{"bucketId": "b", "maxFileCount": 100, "prefix": null, "options": {"a": [1, 2]}}'
- Response:
    status: 200
    version: HTTP/1.0
    headers:
      content-length: ["9999"]
    body: second
---
- Request:
    method: GET
    url: https://example.com/file/b/a%2Fb?x=1
    headers:
      range: [bytes=0-3]
    body: ""
- Response:
    status: 206
    version: ~
    headers: ~
    body: part
"#;

const CALL: &str = r#"{"options":{"a":[1.0,2],"b":null},"maxFileCount":1e2,"bucketId":"b"}"#;

fn player() -> Player {
    Player::parse(TAPE).unwrap()
}

fn call(json: &str) -> Request {
    Builder::post("https://example.com/b2_list_file_names")
        .header("content-type", "application/json; charset=utf-8")
        .header("authorization", "another")
        .header("user-agent", "another")
        .header("x-bz-test-mode", "fail_some_uploads")
        .body(Bytes::copy_from_slice(json.as_bytes()).into())
        .unwrap()
}

fn download(url: &str, range: &str) -> Request {
    let request = Builder::get(url).header("range", range);
    request.body(Body::empty()).unwrap()
}

fn play(player: &Player, request: Request) -> String {
    let response = block_on(player.send(request)).unwrap();
    let bytes = block_on(response.into_body().collect(99)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn mismatch(player: &Player, request: Request) -> String {
    let error = block_on(player.send(request)).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::NoMatch, Phase::NotSent)
    );
    let mismatch: &Mismatch = error.source().unwrap().downcast_ref().unwrap();
    mismatch.to_string()
}

#[test]
fn equal_requests_play_in_order_and_each_once() {
    let player = player();
    let clone = player.clone();
    assert_eq!(play(&player, call(CALL)), "first");
    assert_eq!(play(&clone, call(CALL)), "second");
    assert_eq!(
        mismatch(&player, call(CALL)),
        [
            "the recording has no response to this request",
            concat!(
                "  sent: POST https://example.com/b2_list_file_names ",
                r#"{"bucketId":"b","maxFileCount":100.0,"options":{"a":[1.0,2],"b":null}}"#
            ),
            concat!(
                "  already played: request 2 (line 17): POST ",
                "https://example.com/b2_list_file_names ",
                r#"{"bucketId":"b","maxFileCount":100,"options":{"a":[1,2]},"prefix":null}"#
            ),
            "  nearest: request 3 (line 31): GET https://example.com/file/b/a%2Fb?x=1",
            "    method: recorded GET, sent POST",
            "    URL: recorded https://example.com/file/b/a%2Fb?x=1, \
             sent https://example.com/b2_list_file_names",
            r#"    header content-type: recorded nothing, sent "application/json; charset=utf-8""#,
            r#"    header range: recorded "bytes=0-3", sent nothing"#,
            r#"    header x-bz-test-mode: recorded nothing, sent "fail_some_uploads""#,
            &format!(
                "    body: recorded 0 bytes of SHA-1 da39a3ee5e6b4b0d3255bfef95601890afd80709, \
                 sent 68 bytes of SHA-1 {}",
                sha1_hex(CALL)
            ),
        ]
        .join("\n")
    );
    let _ = player.unplayed();
}

fn sha1_hex(text: &str) -> String {
    use sha1::Digest as _;
    data_encoding::HEXLOWER.encode(&sha1::Sha1::digest(text))
}

#[test]
fn a_mismatch_names_the_nearest_request_and_each_difference() {
    let player = player();
    let mut request =
        call(r#"{"bucketId":"c","maxFileCount":100,"options":{"a":[1]},"prefix":""}"#);
    request.headers_mut().remove("x-bz-test-mode");
    assert_eq!(
        mismatch(&player, request),
        [
            "the recording has no response to this request",
            concat!(
                "  sent: POST https://example.com/b2_list_file_names ",
                r#"{"bucketId":"c","maxFileCount":100,"options":{"a":[1]},"prefix":""}"#
            ),
            concat!(
                "  nearest: request 1 (line 2): POST https://example.com/b2_list_file_names ",
                r#"{"bucketId":"b","maxFileCount":100,"options":{"a":[1,2]},"prefix":null}"#
            ),
            r#"    header x-bz-test-mode: recorded "fail_some_uploads", sent nothing"#,
            r#"    body $.bucketId: recorded "b", sent "c""#,
            "    body $.options.a[1]: recorded 2, sent nothing",
            r#"    body $.prefix: recorded nothing, sent """#,
        ]
        .join("\n")
    );
    assert_eq!(
        mismatch(
            &player,
            download("https://example.com/file/b/a/b?x=1", "bytes=0-3")
        ),
        "the recording has no response to this request\n  \
         sent: GET https://example.com/file/b/a/b?x=1\n  \
         nearest: request 3 (line 31): GET https://example.com/file/b/a%2Fb?x=1\n    \
         URL: recorded https://example.com/file/b/a%2Fb?x=1, \
         sent https://example.com/file/b/a/b?x=1"
    );
    assert_eq!(player.unplayed().len(), 3);
}

#[test]
fn a_mismatch_after_the_last_request_says_that_all_were_played() {
    let player = player();
    let range = || download("https://example.com/file/b/a%2Fb?x=1", "bytes=0-3");
    assert_eq!(play(&player, range()), "part");
    play(&player, call(CALL));
    play(&player, call(CALL));
    player.finish().unwrap();
    assert_eq!(
        mismatch(&player, range()),
        "the recording has no response to this request\n  \
         sent: GET https://example.com/file/b/a%2Fb?x=1\n  \
         already played: request 3 (line 31): GET https://example.com/file/b/a%2Fb?x=1\n  \
         all recorded requests were played"
    );
}

#[test]
fn finish_lists_the_requests_that_were_not_played() {
    let player = player();
    play(&player, call(CALL));
    let unplayed = player.finish().unwrap_err();
    assert_eq!(unplayed.requests().len(), 2);
    assert_eq!(
        unplayed.to_string(),
        "2 recorded requests were not played\n  \
         request 2 (line 17): POST https://example.com/b2_list_file_names \
         {\"bucketId\":\"b\",\"maxFileCount\":100,\"options\":{\"a\":[1,2]},\"prefix\":null}\n  \
         request 3 (line 31): GET https://example.com/file/b/a%2Fb?x=1"
    );
}

#[test]
fn the_compared_headers_can_be_chosen() {
    let other = || download("https://example.com/file/b/a%2Fb?x=1", "bytes=4-7");
    assert!(
        mismatch(&player(), other())
            .contains("header range: recorded \"bytes=0-3\", sent \"bytes=4-7\"")
    );
    assert_eq!(play(&player().ignore_header("Range"), other()), "part");
    assert_eq!(play(&player().match_headers(["X-Other"]), other()), "part");
    let mut with = other();
    with.headers_mut().insert("x-other", "1".parse().unwrap());
    mismatch(&player().match_headers(["X-Other"]), with);
    // These two never, even by choice.
    let player = player().match_headers(["user-agent", "authorization"]);
    assert_eq!(play(&player, call(CALL)), "first");
}

#[test]
fn content_length_is_corrected_to_the_length_of_the_body() {
    let player = player();
    play(&player, call(CALL));
    let response = block_on(player.send(call(CALL))).unwrap();
    assert_eq!(response.headers()[CONTENT_LENGTH], "6");
    assert_eq!(response.body().len(), Some(6));
    assert_eq!(response.version(), Version::HTTP_10);
    let range = download("https://example.com/file/b/a%2Fb?x=1", "bytes=0-3");
    let response = block_on(player.send(range)).unwrap();
    assert_eq!(response.status(), 206);
    assert_eq!(response.body().len(), None);
}

#[test]
fn a_body_that_fails_or_has_another_length_is_a_source_error_and_plays_nothing() {
    let player = player();
    let chunk = || Ok(Bytes::from_static(CALL.as_bytes()));
    let length = CALL.len() as u64;
    let failing = vec![chunk(), Err(io::Error::other("gone"))];
    for (promised, chunks, source) in [
        (length, failing, "gone"),
        (
            length + 1,
            vec![chunk()],
            "the body yielded fewer bytes than the 69 it declared",
        ),
        (
            length,
            vec![chunk(), chunk()],
            "the body yielded more bytes than the 68 it declared",
        ),
    ] {
        let mut request = call("");
        *request.body_mut() = Body::once(promised, stream::iter(chunks));
        let error = block_on(player.send(request)).unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (HttpErrorKind::Source, Phase::NotSent)
        );
        assert_eq!(error.source().unwrap().to_string(), source);
    }
    assert_eq!(player.unplayed().len(), 3);
}

#[test]
fn a_json_file_is_compared_by_its_bytes() {
    let tape = r#"
- Request:
    method: POST
    url: https://pod.example.com/b2_upload_file
    headers:
      content-type: application/json
      x-bz-content-sha1: do_not_verify
    body: '{"a": 1}'
- Response:
    status: 200
    version: ~
    headers: ~
    body: "{}"
"#;
    let upload = |body: &'static str| {
        Builder::post("https://pod.example.com/b2_upload_file")
            .header("content-type", "application/json")
            .header("x-bz-content-sha1", "do_not_verify")
            .body(body.as_bytes().into())
            .unwrap()
    };
    let player = Player::parse(tape).unwrap();
    let text = mismatch(&player, upload(r#"{"a":1}"#));
    assert!(!text.contains('{'), "a file's content is not shown: {text}");
    assert_eq!(play(&player, upload(r#"{"a": 1}"#)), "{}");
}

fn listing(url: &'static str, body: &'static str) -> Interaction {
    Interaction {
        request: RecordedRequest::new(Method::POST, Uri::from_static(url)).with_body(body),
        response: RecordedResponse::new(StatusCode::OK)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .with_body("{}"),
    }
}

fn post(url: &str, body: &'static str) -> Request {
    Builder::post(url).body(body.into()).unwrap()
}

#[test]
fn interactions_made_in_code_play_and_have_no_line_numbers() {
    let player = Player::from_interactions([
        listing("https://a.test/one", "{}"),
        listing("https://a.test/two", r#"{"n":1}"#),
    ]);
    assert_eq!(play(&player, post("https://a.test/one", "{}")), "{}");
    let report = mismatch(&player, post("https://a.test/two", r#"{"n":2}"#));
    assert!(
        report.contains("nearest: request 2: POST https://a.test/two"),
        "{report}"
    );
    // what was recorded can be taken out, edited and played again
    let edited = player.interactions().into_iter().cloned().map(|mut it| {
        it.response.body = "edited".into();
        it
    });
    let edited = Player::from_interactions(edited);
    let request = post("https://a.test/two", r#"{"n":1}"#);
    assert_eq!(play(&edited, request), "edited");
    let _ = (player.unplayed(), edited.unplayed());
}

#[test]
fn a_recorded_header_is_replayed_even_if_the_request_has_one_of_the_same_name() {
    let mut recorded = listing("https://a.test/x", "{}");
    let max_age = HeaderValue::from_static("max-age=60");
    recorded.response = recorded
        .response
        .with_header(CACHE_CONTROL, max_age.clone());
    let player = Player::from_interactions([recorded]);
    let mut request = post("https://a.test/x", "{}");
    let no_cache = HeaderValue::from_static("no-cache");
    request.headers_mut().insert(CACHE_CONTROL, no_cache);
    let response = block_on(player.send(request)).unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], max_age);
}

#[test]
fn origins_are_compared_unless_ignored() {
    let player = || Player::from_interactions([listing("https://a.test/one?x=1", "")]);
    let elsewhere = || post("http://127.0.0.1:80/one?x=1", "");
    let strict = player();
    let report = mismatch(&strict, elsewhere());
    assert!(
        report.contains("URL: recorded https://a.test/one?x=1, sent http://127.0.0.1:80/one?x=1"),
        "{report}"
    );
    let open = player().ignore_origin();
    mismatch(&open, post("http://127.0.0.1:80/one?x=2", ""));
    mismatch(&open, post("http://127.0.0.1:80/two?x=1", ""));
    assert_eq!(play(&open, elsewhere()), "{}");
    let _ = strict.unplayed();
}

#[test]
fn an_empty_query_equals_none() {
    for (recorded, sent) in [
        ("https://a.test/one", "https://a.test/one?"),
        ("https://a.test/one?", "https://a.test/one"),
    ] {
        let player = Player::from_interactions([listing(recorded, "")]);
        assert_eq!(play(&player, post(sent, "")), "{}");
    }
}

#[test]
fn a_hook_edits_both_requests_before_the_comparison_and_sees_no_secret() {
    let recorded = listing(
        "https://a.test/1/one",
        r#"{"accountId":"hidden-account-id"}"#,
    );
    let player = Player::from_interactions([recorded]).edit_requests(|request| {
        let url = request.url.to_string();
        assert!(!format!("{:?}", request.body.as_bytes()).contains("d2e6b27577ea"));
        request.url = url
            .replace("/1/", "/N/")
            .replace("/2/", "/N/")
            .parse()
            .unwrap();
    });
    let sent = r#"{"accountId":"d2e6b27577ea"}"#;
    let report = mismatch(&player, post("https://a.test/3/one", sent));
    assert!(
        report.contains("recorded https://a.test/N/one, sent https://a.test/3/one"),
        "{report}"
    );
    assert_eq!(play(&player, post("https://a.test/2/one", sent)), "{}");
}

/// A request with the body of a part, and its response.
fn part(url: &str, number: u16) -> Interaction {
    let url = url.parse().unwrap();
    let request = RecordedRequest::new(Method::POST, url)
        .with_header("x-bz-part-number".parse().unwrap(), number.into())
        .with_body(format!("part {number}"));
    let response = RecordedResponse::new(StatusCode::OK).with_body(format!("stored {number}"));
    Interaction { request, response }
}

#[test]
fn parts_play_at_any_upload_url_if_a_hook_makes_their_urls_equal() {
    let one = "https://pod-1.test/b2api/v4/b2_upload_part/f/1";
    let two = "https://pod-2.test/b2api/v4/b2_upload_part/f/2";
    let send = |url, number: u16| {
        let request = Builder::post(url).header("x-bz-part-number", number);
        request.body(format!("part {number}").into()).unwrap()
    };
    let player = Player::from_interactions([part(one, 1), part(two, 2), part(one, 3)]);
    let report = mismatch(&player, send(one, 2));
    assert!(report.contains("the recording has no response"), "{report}");
    let player = player.edit_requests(|request| {
        if request.headers.contains_key("x-bz-part-number") {
            request.url = Uri::from_static("https://parts.invalid/");
        }
    });
    for (url, number) in [(one, 2), (two, 1), (two, 3)] {
        assert_eq!(play(&player, send(url, number)), format!("stored {number}"));
    }
    player.finish().unwrap();
}
