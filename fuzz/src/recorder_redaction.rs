//! The recorder: no declared secret reaches a recording, in any place and any encoding.

use arbitrary::{Arbitrary, Unstructured};
use b2kit::http::{HeaderValue, Request as Builder};
use b2kit::{Body, HttpClient as _, HttpError, Request, Response};
use b2kit_cassette::{CassetteError, Player, Recorder};
use futures::executor::block_on;

use crate::secret_forms::{FORMS, SECRETS, find, written};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    secret: u8,
    form: u8,
    place: u8,
    before: &'a str,
    after: &'a str,
}

pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let secret = SECRETS[usize::from(input.secret) % SECRETS.len()];
    let text = format!(
        "{}{}{}",
        input.before,
        written(secret, input.form),
        input.after
    );
    let Some((request, response)) = exchange(input.place, &text) else {
        return;
    };
    let backend = move |_: Request| {
        let response = response.clone();
        async move {
            Ok::<_, HttpError>(
                response
                    .map(Body::from)
                    .map(|body| body.as_bytes().cloned().unwrap_or_default().into()),
            )
        }
    };
    // The directory does not exist: nothing is saved when it is dropped.
    let recorder = Recorder::new(backend, "/nowhere/at/all.yaml").secret("canary", secret);
    block_on(async {
        let response = recorder.send(request).await.expect("the backend answers");
        let _: Response = response.map(|body| body);
    });
    match recorder.to_yaml() {
        Ok(yaml) => check(&yaml, secret, &text),
        Err(CassetteError::Secret { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// A request and the response, with the text in one place of them.
fn exchange(place: u8, text: &str) -> Option<(Request, b2kit::http::Response<String>)> {
    let url = "https://f002.backblazeb2.com/file/photos/cat.jpg";
    let mut request = Builder::post(url);
    let mut response = b2kit::http::Response::new(String::new());
    let mut body = String::new();
    let value = || HeaderValue::from_str(text).ok();
    match place % 7 {
        0 => request = Builder::post(format!("{url}?q={text}")),
        1 => request = Builder::post(format!("{url}/{text}")),
        2 => request = request.header("x-bz-info-a", value()?),
        3 => text.clone_into(&mut body),
        4 => body = serde_json::json!({"a": [text]}).to_string(),
        5 => drop(response.headers_mut().insert("x-bz-info-a", value()?)),
        _ => text.clone_into(response.body_mut()),
    }
    Some((request.body(Body::from(body)).ok()?, response))
}

fn check(yaml: &str, secret: &str, text: &str) {
    let survives = |form: Option<String>, place: &str| {
        if let Some(form) = form {
            panic!("{form:?} survives in {place} of {yaml}, of {text:?}");
        }
    };
    let find = |text: &[u8]| find(text, secret, FORMS);
    survives(find(yaml.as_bytes()), "the text");
    let player = Player::parse(yaml).expect("a recording");
    for one in player.interactions() {
        survives(find(one.request.url.to_string().as_bytes()), "the URL");
        for (_, value) in one.request.headers.iter().chain(&one.response.headers) {
            survives(find(value.as_bytes()), "a header");
        }
        for body in [&one.request.body, &one.response.body] {
            survives(find(body.as_bytes().map_or(&[], |bytes| bytes)), "a body");
        }
    }
}
