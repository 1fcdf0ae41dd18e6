//! The recording of the real B2 that the project was given: it is read whole, and each of its requests, sent again as
//! it was, is answered.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io;

use b2kit_cassette::{Mismatch, Player, RecordedBody};
use b2kit_core::http::header::{CONTENT_LENGTH, HeaderMap};
use b2kit_core::http::{HeaderName, HeaderValue, Method};
use b2kit_core::{Body, Bytes, HttpClient, HttpErrorKind, Phase, Request};
use futures::executor::block_on;
use futures::stream;
use sha1::{Digest, Sha1};

const FIXTURE: &str = include_str!("../../../fixtures/large_file.yaml");
const PART: usize = 5_242_880;

/// The fixture's requests, read by a reading of the file that is not the crate's own: it is as regular as this.
fn requests() -> Vec<(Method, String, HeaderMap, String)> {
    let unquoted = |value: &str| match value.starts_with('"') {
        true => serde_json::from_str(value).unwrap(),
        false => value.to_owned(),
    };
    let mut requests = Vec::new();
    for document in FIXTURE.split("\n---\n") {
        let request = document.split("\n- Response:").next().unwrap();
        let (mut method, mut url, mut body) = (String::new(), String::new(), String::new());
        let mut headers = HeaderMap::new();
        let mut name = String::new();
        for line in request.lines().skip(1) {
            let text = line.trim_start();
            match (line.len() - text.len(), text.split_once(": ")) {
                (4, Some(("method", value))) => method = unquoted(value),
                (4, Some(("url", value))) => url = unquoted(value),
                (4, Some(("body", value))) => body = unquoted(value),
                (6, None) => text.trim_end_matches(':').clone_into(&mut name),
                (8, _) => {
                    let value = unquoted(text.strip_prefix("- ").unwrap());
                    let name = HeaderName::try_from(name.as_str()).unwrap();
                    headers.append(name, HeaderValue::try_from(value).unwrap());
                }
                other => assert_eq!(text, "headers:", "{other:?}"),
            }
        }
        requests.push((
            Method::try_from(method.as_str()).unwrap(),
            url,
            headers,
            body,
        ));
    }
    requests
}

fn body(text: &str) -> Body {
    if text == "aaaaa for 5 MB of data" {
        a_part(b'a')
    } else {
        Bytes::from(text.to_owned()).into()
    }
}

/// A part of 5 MiB of one letter, in chunks.
fn a_part(letter: u8) -> Body {
    let chunk = Bytes::from(vec![letter; PART / 64]);
    Body::replay(PART as u64, move || {
        let chunk = chunk.clone();
        Ok(stream::iter(
            (0..64).map(move |_| io::Result::Ok(chunk.clone())),
        ))
    })
}

fn request(method: &Method, url: &str, headers: &HeaderMap, body: Body) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = method.clone();
    *request.uri_mut() = url.parse().unwrap();
    *request.headers_mut() = headers.clone();
    request
}

#[test]
fn every_recorded_request_sent_again_is_answered_as_recorded() {
    let player = Player::parse(FIXTURE).unwrap();
    let requests = requests();
    assert_eq!(requests.len(), 20);
    assert_eq!(player.requests().len(), 20);
    for (number, (method, url, headers, text)) in requests.iter().enumerate() {
        let sent = request(method, url, headers, body(text));
        let response = block_on(player.send(sent)).unwrap();
        let expected = if number == 2 { 400 } else { 200 };
        assert_eq!(response.status(), expected, "request {number}");
        let length = response.headers()[CONTENT_LENGTH].clone();
        let body = block_on(response.into_body().collect(1 << 20)).unwrap();
        assert_eq!(length, body.len().to_string().as_str());
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(json.is_object());
    }
    player.finish().unwrap();
}

#[test]
fn the_omitted_body_is_five_mebibytes_of_a() {
    let player = Player::parse(FIXTURE).unwrap();
    let digest = Sha1::digest(vec![b'a'; PART]);
    assert_eq!(
        data_encoding::HEXLOWER.encode(&digest),
        "61b8d6600ac94d912874f569a9341120f680c9f8"
    );
    let part = &player.interactions()[6].request;
    assert_eq!(
        part.body,
        RecordedBody::Omitted {
            length: PART as u64,
            sha1: Some(digest.into())
        }
    );
    let _ = player.unplayed();
}

#[test]
fn other_bytes_of_the_same_length_are_a_mismatch() {
    let player = Player::parse(FIXTURE).unwrap();
    let (method, url, headers, _) = &requests()[6];
    let error = block_on(player.send(request(method, url, headers, a_part(b'b')))).unwrap_err();
    assert_eq!(error.kind(), HttpErrorKind::NoMatch);
    assert_eq!(error.phase(), Phase::NotSent);
    let mismatch = std::error::Error::source(&error).unwrap();
    let mismatch: &Mismatch = mismatch.downcast_ref().unwrap();
    let part = "POST https://pod-000-1129-18.backblaze.com/b2api/v2/b2_upload_part/\
        4_z8d625eb63be2775577c70e1a_f222f9c9a66d56ef9_d20211217_m150215_c002_v0001129_t0022/0018";
    let (ours, theirs) = (
        "5242880 bytes of SHA-1 61b8d6600ac94d912874f569a9341120f680c9f8",
        "5242880 bytes of SHA-1 dec1f66a982206227726e99ba9e8106368b3d29e",
    );
    assert_eq!(
        mismatch.to_string(),
        format!(
            "the recording has no response to this request\n  sent: {part} ({theirs})\n  \
             nearest: request 7 (line 153): {part} ({ours})\n    \
             body: recorded {ours}, sent {theirs}"
        )
    );
    assert_eq!(player.unplayed().len(), 20);
}

#[test]
fn concurrent_clients_get_each_response_once() {
    let player = Player::parse(FIXTURE).unwrap();
    let answered = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let player = player.clone();
                scope.spawn(move || {
                    let send = |(method, url, headers, text): &(_, String, _, String)| {
                        block_on(player.send(request(method, url, headers, body(text))))
                    };
                    requests().iter().filter(|sent| send(sent).is_ok()).count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(answered, 20);
    player.finish().unwrap();
}
