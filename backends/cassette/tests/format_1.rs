//! Version 1 of the file format is read and written byte for byte as the fixture has it.

use b2kit_cassette::{Player, RecordedBody, Recorder};
use b2kit_core::http::header::{CONTENT_TYPE, RANGE};
use b2kit_core::http::{HeaderValue, StatusCode, Version};
use b2kit_core::{
    Bytes, HttpClient, HttpError, HttpErrorKind, Phase, Request, Response, ResponseBody, http,
};
use futures::executor::block_on;
use futures::stream;

const FIXTURE: &str = include_str!("../../../fixtures/cassette_1.yaml");

/// A call with JSON, a range of a binary file, an upload over the size limit, and a response that is cut off.
fn requests() -> [Request; 4] {
    let url = |path: &str| format!("https://f002.backblazeb2.com/{path}");
    let call = http::Request::post(url("b2api/v4/b2_list_buckets"))
        .header(CONTENT_TYPE, "application/json")
        .header("authorization", "4_002d2e6b27577ea_token")
        .body(r#"{"accountId":"d2e6b27577ea","bucketName":"ü \"x\""}"#.into());
    let range = http::Request::get(url("file/photos/cat%20%C3%BC.jpg?x=yes"))
        .header(RANGE, "bytes=0-3")
        .body("".into());
    let upload = http::Request::post(url("b2api/v4/b2_upload_file/u"))
        .header(
            "x-bz-info-note",
            HeaderValue::from_bytes(b"\xff").expect("a value"),
        )
        .body(vec![b'a'; 100].into());
    let cut = http::Request::get(url("file/photos/cut")).body("".into());
    [call, range, upload, cut].map(|request| request.expect("a request"))
}

async fn respond(request: Request) -> Result<Response, HttpError> {
    let path = request.uri().path();
    let mut response = if path.ends_with("b2_list_buckets") {
        Response::new("{\"buckets\": []}\n".into())
    } else if path.ends_with(".jpg") {
        Response::new(Bytes::from_static(b"\xff\xd8\xff\xe0").into())
    } else if path.ends_with("cut") {
        let broken = HttpError::new(HttpErrorKind::Reset, Phase::ResponseBegun);
        let chunks = stream::iter([Ok(Bytes::from_static(b"begun")), Err(broken)]);
        Response::new(ResponseBody::new(Some(10), chunks))
    } else {
        let mut body = request.into_body().open().expect("it opens once");
        while let Some(chunk) = std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            chunk.expect("a chunk");
        }
        Response::new("yes".into())
    };
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    *response.version_mut() = Version::HTTP_10;
    for value in ["one", "two"] {
        response
            .headers_mut()
            .append("x-list", HeaderValue::from_static(value));
    }
    Ok(response)
}

fn exchange(client: &impl HttpClient) {
    for request in requests() {
        let response = block_on(client.send(request)).expect("a response");
        // The last one is cut off.
        let _ = block_on(response.into_body().collect(usize::MAX));
    }
}

#[test]
fn a_recording_is_written_byte_for_byte_as_in_the_fixture() {
    let recorder = Recorder::new(respond, "never-written.yaml").request_limit(99);
    exchange(&recorder);
    let text = recorder.to_yaml().expect("no secret is left");
    assert_eq!(text, FIXTURE, "{text}");
    std::mem::forget(recorder); // so that it writes no file
}

#[test]
fn the_fixture_is_read_and_replayed() {
    let player = Player::parse(FIXTURE).expect("format 1");
    let interactions = player.interactions();
    assert_eq!(interactions.len(), 4);
    let bodies = interactions.iter().map(|it| it.response.body.as_bytes());
    let bodies: Vec<&[u8]> = bodies
        .map(|body| body.expect("bytes"))
        .map(|body| &**body)
        .collect();
    let expected: [&[u8]; 4] = [
        b"{\"buckets\": []}\n",
        b"\xff\xd8\xff\xe0",
        b"yes",
        b"begun",
    ];
    assert_eq!(bodies, expected);
    let upload = &interactions[2].request.body;
    assert!(matches!(
        upload,
        RecordedBody::Omitted {
            length: 100,
            sha1: Some(_)
        }
    ));
    let cut: Vec<_> = interactions.iter().map(|it| it.response.cut).collect();
    assert_eq!(cut, [false, false, false, true]);
    exchange(&player);
    player.finish().expect("everything was played");
}
