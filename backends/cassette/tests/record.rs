//! What a recorder writes, a player plays.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io;
use std::path::Path;
use std::sync::Arc;

use b2kit_cassette::{CassetteError, Player, RecordedBody, Recorder};
use b2kit_core::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use b2kit_core::http::{Method, StatusCode};
use b2kit_core::{
    Body, Bytes, HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, ResponseBody,
};
use futures::StreamExt as _;
use futures::executor::block_on;
use futures::stream;

/// A path that can't be written to.
const NOWHERE: &str = "nowhere/at all";

/// A server that echoes what it receives: with a length, in chunks of 1000 bytes.
async fn echo(request: Request) -> Result<Response, HttpError> {
    let (parts, body) = request.into_parts();
    let bytes = read(&body).await;
    let length = bytes.len();
    let chunks: Vec<_> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
    let stream = stream::iter(chunks.into_iter().map(Ok));
    let mut response = Response::new(ResponseBody::new(Some(length as u64), stream));
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    for name in ["x-bz-info-name", "x-list"] {
        for value in parts.headers.get_all(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    Ok(response)
}

async fn read(body: &Body) -> Vec<u8> {
    let mut stream = body.open().unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    bytes
}

fn post(path: &str, body: impl Into<Body>) -> Request {
    b2kit_core::http::Request::post(format!("https://example.com/{path}"))
        .body(body.into())
        .unwrap()
}

fn exchange(client: &impl HttpClient, request: Request) -> Bytes {
    let response = block_on(client.send(request)).unwrap();
    block_on(response.into_body().collect(usize::MAX)).unwrap()
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn text_binary_and_empty_bodies_play_as_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let bodies: Vec<Vec<u8>> = vec![
        b"plain: text".to_vec(),
        Vec::new(),
        (0..=255).collect(),
        "\u{feff}\u{85}\u{2028}é\u{0}\r\n\t---\n...\n'\"\\ #~".into(),
        b"~".to_vec(),
        vec![b'x'; 3500],
    ];
    // A backend behind a pointer is one, too.
    let backend: Arc<dyn HttpClient> = Arc::new(echo);
    let recorder = Recorder::new(backend, &path);
    for body in &bodies {
        assert_eq!(exchange(&recorder, post("echo", body.clone())), *body);
    }
    recorder.save().unwrap();
    assert_eq!(names_in(directory.path()), ["session.yaml"]);
    let player = Player::open(&path).unwrap();
    for body in bodies.iter().rev() {
        assert_eq!(exchange(&player, post("echo", body.clone())), *body);
    }
    player.finish().unwrap();
}

#[cfg(unix)]
#[test]
fn a_recording_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let recorder = Recorder::new(echo, &path);
    exchange(&recorder, post("echo", "x"));
    recorder.save().unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_recording_has_the_documented_text() {
    let recorder = Recorder::new(echo, NOWHERE).request_limit(8);
    let mut request = post("echo?a=%2F", "b\tc: \"d\"");
    request.headers_mut().insert("x-list", "~".parse().unwrap());
    let latin = b2kit_core::http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    request.headers_mut().append("x-list", latin);
    exchange(&recorder, request);
    exchange(&recorder, post("echo", vec![255; 3]));
    exchange(&recorder, post("echo", "nine bytes"));
    let text = recorder.to_yaml().unwrap();
    assert_eq!(
        text,
        r#"b2kit-cassette: 1
---
- Request:
    method: "POST"
    url: "https://example.com/echo?a=%2F"
    headers:
      x-list:
        - "~"
        - base64: "Y2Fm6Q=="
    body: "b\tc: \"d\""
- Response:
    status: 200
    version: "HTTP/1.1"
    headers:
      content-length:
        - "8"
      x-list:
        - "~"
        - base64: "Y2Fm6Q=="
    body: "b\tc: \"d\""
---
- Request:
    method: "POST"
    url: "https://example.com/echo"
    headers: ~
    body:
      base64: "////"
- Response:
    status: 200
    version: "HTTP/1.1"
    headers:
      content-length:
        - "3"
    body:
      base64: "////"
---
- Request:
    method: "POST"
    url: "https://example.com/echo"
    headers: ~
    body:
      omitted:
        length: 10
        sha1: "0acabd5e1d3c7dab7a2008c4849df5d755cf72e5"
- Response:
    status: 200
    version: "HTTP/1.1"
    headers:
      content-length:
        - "10"
    body: "nine bytes"
"#
    );
    let player = Player::parse(text).unwrap();
    assert_eq!(exchange(&player, post("echo", "nine bytes")), "nine bytes");
    let _ = player.unplayed();
}

#[test]
fn a_large_request_is_recorded_as_length_and_sha1_and_plays() {
    let recorder = Recorder::new(
        async |request: Request| {
            let length = read(request.body()).await.len();
            Ok(Response::new(length.to_string().into()))
        },
        NOWHERE,
    );
    let chunk = Bytes::from(vec![7; 300_000]);
    let chunks = move || stream::iter(vec![chunk.clone(); 10]).map(io::Result::Ok);
    let once = Body::once(3_000_000, chunks.clone()());
    assert_eq!(exchange(&recorder, post("part", once)), "3000000");
    let text = recorder.to_yaml().unwrap();
    assert!(text.len() < 1000);
    let player = Player::parse(text).unwrap();
    let again = Body::replay(3_000_000, move || Ok(chunks()));
    assert_eq!(exchange(&player, post("part", again)), "3000000");
    player.finish().unwrap();
}

#[test]
fn a_recorded_body_is_replayable_if_the_original_is() {
    let seen = |body: Body| {
        let recorder = Recorder::new(
            async |request: Request| {
                let again = request.body().is_replayable();
                read(request.body()).await;
                if again {
                    read(request.body()).await;
                }
                Ok(Response::new(again.to_string().into()))
            },
            NOWHERE,
        );
        let answer = exchange(&recorder, post("x", body));
        let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
        let recorded = player.interactions()[0].request.body.clone();
        let _ = player.unplayed();
        assert_eq!(recorded, RecordedBody::from("ab"));
        answer
    };
    let stream = || stream::iter([io::Result::Ok(Bytes::from("a")), Ok(Bytes::from("b"))]);
    assert_eq!(seen(Body::once(2, stream())), "false");
    assert_eq!(seen(Body::replay(2, move || Ok(stream()))), "true");
    assert_eq!(seen("ab".into()), "true");
}

#[test]
fn a_response_that_is_too_large_is_a_mismatch_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let recorder = Recorder::new(echo, &path).response_limit(1999);
    exchange(&recorder, post("echo", vec![b'x'; 2000]));
    drop(recorder);
    let player = Player::open(&path).unwrap();
    let error = block_on(player.send(post("echo", vec![b'x'; 2000]))).unwrap_err();
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        text,
        "the response's body of 2000 bytes was omitted from the recording: \
         it exceeded the limit or could not be redacted\n  \
         request 1 (line 3): POST https://example.com/echo (2000 bytes of SHA-1 \
         8e894dd1aef94637f347af568e934075a69d1b79)"
    );
    assert_eq!(player.unplayed().len(), 1);
}

#[test]
fn a_response_dropped_before_its_end_plays_up_to_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let recorder = Recorder::new(echo, &path);
    let mut body = block_on(recorder.send(post("echo", vec![b'x'; 2500])))
        .unwrap()
        .into_body();
    block_on(body.next()).unwrap().unwrap();
    assert!(!path.exists());
    drop(recorder);
    assert!(!path.exists(), "the response is still being read");
    drop(body);
    let player = Player::open(&path).unwrap();
    let response = block_on(player.send(post("echo", vec![b'x'; 2500]))).unwrap();
    assert_eq!(response.headers()[CONTENT_LENGTH], "2500");
    let mut body = response.into_body();
    assert_eq!(block_on(body.next()).unwrap().unwrap().len(), 1000);
    let error = block_on(body.next()).unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (HttpErrorKind::Closed, Phase::ResponseBegun)
    );
    assert!(block_on(body.next()).is_none());
    player.finish().unwrap();
}

#[test]
fn a_response_of_known_length_is_complete_when_its_bytes_are_read() {
    let recorder = Recorder::new(echo, NOWHERE);
    let mut body = block_on(recorder.send(post("echo", "abc")))
        .unwrap()
        .into_body();
    block_on(body.next()).unwrap().unwrap();
    drop(body);
    let text = recorder.to_yaml().unwrap();
    assert!(!text.contains("cut"), "{text}");
}

#[test]
fn an_interrupted_response_plays_up_to_there() {
    let recorder = Recorder::new(
        async |_: Request| {
            let broken = HttpError::new(HttpErrorKind::Reset, Phase::ResponseBegun);
            let chunks = stream::iter([Ok(Bytes::from("ab")), Err(broken)]);
            Ok(Response::new(ResponseBody::new(Some(9), chunks)))
        },
        NOWHERE,
    );
    let response = block_on(recorder.send(post("x", ""))).unwrap();
    block_on(response.into_body().collect(99)).unwrap_err();
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    let response = block_on(player.send(post("x", ""))).unwrap();
    let error = block_on(response.into_body().collect(99)).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::Closed);
    player.finish().unwrap();
}

#[test]
fn a_response_that_ends_before_its_declared_length_is_recorded_and_played_as_cut() {
    let half = || stream::iter([Ok(Bytes::from(vec![b'x'; 50]))]);
    let with_length = move |length: Option<u64>| {
        let mut response = Response::new(ResponseBody::new(length, half()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, 100.into());
        response
    };
    for length in [Some(100), None] {
        let server = move |_: Request| {
            let response = with_length(length);
            async move { Ok(response) }
        };
        let recorder = Recorder::new(server, NOWHERE);
        let response = block_on(recorder.send(post("x", ""))).unwrap();
        let mut body = response.into_body();
        while let Some(chunk) = block_on(body.next()) {
            chunk.unwrap();
        }
        let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
        let response = block_on(player.send(post("x", ""))).unwrap();
        assert_eq!(response.headers()[CONTENT_LENGTH], "100");
        let mut body = response.into_body();
        assert_eq!(block_on(body.next()).unwrap().unwrap().len(), 50);
        let error = block_on(body.next()).unwrap().unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Closed);
        player.finish().unwrap();
    }
}

#[test]
fn an_early_response_matches_any_body_of_the_length() {
    let recorder = Recorder::new(async |_: Request| Ok(Response::new("busy".into())), NOWHERE)
        .request_limit(0);
    exchange(&recorder, post("x", "abc"));
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    block_on(player.send(post("x", "ab"))).unwrap_err();
    assert_eq!(exchange(&player, post("x", "xyz")), "busy");
    player.finish().unwrap();
}

#[test]
fn requests_are_recorded_in_the_order_of_their_start() {
    let recorder = Recorder::new(echo, NOWHERE);
    let first = block_on(recorder.send(post("echo", "first"))).unwrap();
    exchange(&recorder, post("echo", "second"));
    block_on(first.into_body().collect(9)).unwrap();
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    let bodies = player.interactions().into_iter();
    let bodies: Vec<_> = bodies.map(|each| each.request.body.clone()).collect();
    assert_eq!(
        bodies,
        [Bytes::from("first").into(), RecordedBody::from("second")]
    );
    let _ = player.unplayed();
}

#[test]
fn requests_without_a_response_are_not_recorded() {
    let recorder = Recorder::new(
        async |_: Request| Err(HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived)),
        NOWHERE,
    );
    block_on(recorder.send(post("x", ""))).unwrap_err();
    let relative = b2kit_core::http::Request::get("/x").body(Body::empty());
    block_on(recorder.send(relative.unwrap())).unwrap_err();
    assert_eq!(recorder.to_yaml().unwrap(), "b2kit-cassette: 1\n");
}

#[test]
fn a_response_to_head_keeps_its_content_length() {
    let recorder = Recorder::new(
        async |_: Request| {
            let mut response = Response::new(ResponseBody::empty());
            response.headers_mut().insert(CONTENT_LENGTH, 77.into());
            Ok(response)
        },
        NOWHERE,
    );
    let head = || {
        let mut request = post("x", "");
        *request.method_mut() = Method::HEAD;
        request
    };
    exchange(&recorder, head());
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    let response = block_on(player.send(head())).unwrap();
    assert_eq!(response.headers()[CONTENT_LENGTH], "77");
    assert!(response.body().is_empty());
    player.finish().unwrap();
}

#[test]
fn a_panic_keeps_the_existing_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    std::fs::write(&path, "good").unwrap();
    let of_the_thread = path.clone();
    let thread = std::thread::spawn(move || {
        let recorder = Recorder::new(echo, of_the_thread);
        exchange(&recorder, post("echo", "bad"));
        panic!("on purpose");
    });
    thread.join().unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"good");
    assert_eq!(names_in(directory.path()), ["session.yaml"]);
}

#[test]
fn a_drop_saves_what_was_recorded_and_writes_nothing_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let recorder = Recorder::new(echo, &path);
    drop(recorder.clone());
    drop(recorder);
    assert!(!path.exists());
    let recorder = Recorder::new(echo, &path);
    exchange(&recorder.clone(), post("echo", "x"));
    assert!(!path.exists());
    drop(recorder);
    assert_eq!(Player::open(&path).unwrap().unplayed().len(), 1);
}

#[test]
fn a_failed_write_is_an_error_and_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let occupied = directory.path().join("folder");
    std::fs::create_dir_all(occupied.join("not empty")).unwrap();
    for path in [&occupied, &directory.path().join("missing/session.yaml")] {
        let recorder = Recorder::new(echo, path);
        exchange(&recorder, post("echo", "x"));
        let error = recorder.save().unwrap_err();
        assert!(matches!(error, CassetteError::Io { .. }), "{error}");
        let text = format!("the recording {} could not be written", path.display());
        assert_eq!(error.to_string(), text);
        assert_eq!(names_in(directory.path()), ["folder"]);
    }
}

#[test]
fn a_recording_over_the_limit_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let recorder = Recorder::new(echo, &path).file_limit(1000);
    exchange(&recorder, post("echo", vec![b'x'; 1000]));
    let error = recorder.save().unwrap_err();
    assert!(matches!(error, CassetteError::TooLarge { limit: 1000, .. }));
    drop(recorder);
    assert!(!path.exists());
}

#[test]
fn a_hook_can_change_anything_and_lengths_are_corrected() {
    let recorder = Recorder::new(echo, NOWHERE).redact(|interaction| {
        interaction.response.status = StatusCode::IM_A_TEAPOT;
        interaction.response.body = "short".into();
        interaction.request.headers.remove(CONTENT_TYPE);
    });
    exchange(&recorder, post("echo", "long enough"));
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    let response = block_on(player.send(post("echo", "long enough"))).unwrap();
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()[CONTENT_LENGTH], "5");
    assert_eq!(response.body().len(), Some(5));
    player.finish().unwrap();
}

#[test]
fn recorders_and_players_can_be_shared() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
    shared::<Recorder>();
    shared::<Player>();
}
