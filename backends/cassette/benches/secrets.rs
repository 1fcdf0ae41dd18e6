//! The recorder's search for secrets in worst-case texts of 4 MiB. The time for each grows linearly with its length.
//!
//! `cargo bench -p b2kit-cassette`. Each is one exchange with the text as the response, recorded and rendered.

#![allow(clippy::unwrap_used, reason = "a benchmark may fail loudly")]

use std::fmt::Write as _;

use b2kit_cassette::Recorder;
use b2kit_core::{HttpClient, Request, Response};
use divan::Bencher;
use divan::counter::BytesCount;
use futures::executor::block_on;

const LEN: usize = 4 << 20;

fn main() {
    divan::main();
}

/// A text that repeats `piece`.
fn again(piece: &str) -> String {
    piece.chars().cycle().take(LEN).collect()
}

/// A percent sign that was encoded two million times.
fn nested_percent() -> String {
    let digits = "25".chars().cycle().take(LEN - 1);
    std::iter::once('%').chain(digits).collect()
}

/// As many tokens as fit, each with the same prefix, and each of them twice.
fn tokens() -> String {
    let mut text = String::with_capacity(LEN);
    for number in 0_u32.. {
        let token = format!("4_002d2e6b27577ea0000000001_01c23dcc_f57902_acct_{number:08}");
        writeln!(text, "{{\"authorizationToken\":\"{token}\"}} {token}").unwrap();
        if text.len() >= LEN {
            break;
        }
    }
    text.truncate(LEN);
    text
}

/// Tokens of which each begins with the end of the one before.
fn nested_tokens() -> String {
    let mut text = String::with_capacity(LEN);
    for length in 6.. {
        write!(
            text,
            "{{\"authorizationToken\":\"{}\"}}",
            "a".repeat(length)
        )
        .unwrap();
        if text.len() >= LEN {
            break;
        }
    }
    text.truncate(LEN);
    text
}

/// One token, as long as the text.
fn one_long_token() -> String {
    let mut text = "{\"authorizationToken\":\"".to_owned();
    text.extend("abcdefg".chars().cycle().take(LEN - 30));
    text
}

type Text = (&'static str, fn() -> String);

const TEXTS: [Text; 8] = [
    ("plain", || again("once upon a time ")),
    ("percent", || again("%25")),
    ("nested percent", nested_percent),
    ("backslashes", || again("\\")),
    ("base64", || again("QUJD")),
    ("tokens", tokens),
    ("nested tokens", nested_tokens),
    ("one long token", one_long_token),
];

#[divan::bench(args = TEXTS.map(|(name, _)| name), sample_count = 3, sample_size = 1)]
fn worst_case(bencher: Bencher<'_, '_>, name: &str) {
    let (_, text) = TEXTS.iter().find(|(it, _)| *it == name).unwrap();
    let text = bytes::Bytes::from(text());
    let folder = tempfile::tempdir().unwrap();
    let cassette = folder.path().join("cassette.yaml");
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let answer = text.clone();
        let server = move |_: Request| {
            let answer = answer.clone();
            async move { Ok(Response::new(answer.into())) }
        };
        let recorder = Recorder::new(server, &cassette).secret("key", "K0029r3/MfU+hncp");
        let request = b2kit_core::http::Request::get("https://h.test/")
            .body("".into())
            .unwrap();
        let response = block_on(recorder.send(request)).unwrap();
        block_on(response.into_body().collect(usize::MAX)).unwrap();
        recorder.to_yaml().map(|text| text.len()).ok()
    });
}
