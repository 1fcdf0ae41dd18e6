//! A broken recording is an error that says where and why: no panic, and nothing of its content.

use b2kit_cassette::{CassetteError, Player};

const GOOD: &str = r#"b2kit-cassette: 1
---
- Request:
    method: "GET"
    url: "https://example.com/canary"
    headers:
      x-one:
        - "canary"
    body: "canary"
- Response:
    status: 200
    version: ~
    headers: ~
    body: "canary"
"#;

fn error_of(text: impl AsRef<[u8]>) -> String {
    match Player::parse(text) {
        Ok(player) => format!("no error, {} interactions", player.unplayed().len()),
        Err(error) => error.to_string(),
    }
}

/// GOOD with something replaced.
fn with(what: &str, by: &str) -> String {
    assert!(GOOD.contains(what));
    GOOD.replacen(what, by, 1)
}

#[test]
fn each_error_has_its_line() {
    let deep = "[".repeat(100) + &"]".repeat(100);
    let body = "    body: \"canary\"\n- Response";
    let bombs = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    for (text, error) in [
        (GOOD.to_owned(), "no error, 1 interactions"),
        (String::new(), "recording:1: the recording is empty"),
        ("# canary\n".into(), "recording:1: the recording is empty"),
        (
            "canary".into(),
            "recording:1: a document must be a list of a Request and its Response",
        ),
        (
            with("cassette: 1", "cassette: 2"),
            "the recording recording has an unknown format version; this crate reads version 1",
        ),
        (
            with("cassette: 1", "cassette: canary"),
            "the recording recording has an unknown format version; this crate reads version 1",
        ),
        (
            with("b2kit-cassette", "canary"),
            "recording:1: expected only b2kit-cassette",
        ),
        (
            with("---\n", "---\nb2kit-cassette: 1\n---\n"),
            "recording:3: a document must be a list of a Request and its Response",
        ),
        (
            GOOD.to_owned() + "---\n",
            "recording:16: a document must be a list of a Request and its Response",
        ),
        (
            GOOD[..GOOD.find("- Response").unwrap()].into(),
            "recording:3: a document must be a list of a Request and its Response",
        ),
        (
            with("- Response:", "- Request:"),
            "recording:11: expected only Response",
        ),
        (
            with("\"GET\"", "\"canary canary\""),
            "recording:4: this is not an HTTP method",
        ),
        (
            with("https://example.com", ""),
            "recording:5: this is not an absolute URL",
        ),
        (
            with("https://example.com/", "https://example.com/ "),
            "recording:5: this is not an absolute URL",
        ),
        (
            with("    method: \"GET\"\n", ""),
            "recording:4: `method` is missing",
        ),
        (
            with("    method:", "    method: \"GET\"\n    method:"),
            "recording:5: this key is a duplicate",
        ),
        (
            with("    method:", "    canary: \"GET\"\n    method:"),
            "recording:4: expected only method, url, headers, body",
        ),
        (
            with("    body: \"canary\"\n", ""),
            "recording:4: `body` is missing",
        ),
        (
            with("200", "99"),
            "recording:11: this is not an HTTP status",
        ),
        (
            with("200", "canary"),
            "recording:11: this is not an HTTP status",
        ),
        (with("200", "[]"), "recording:11: expected a string"),
        (
            with("version: ~", "version: HTTP/canary"),
            "recording:12: this is not an HTTP version",
        ),
        (
            with("headers: ~", "headers: [canary]"),
            "recording:13: headers must be a map",
        ),
        (
            with("x-one", "\"canary header\""),
            "recording:8: this is not a header name",
        ),
        (
            with("x-one:", "X-ONE: canary\n      x-one:"),
            "recording:9: this header is a duplicate",
        ),
        (
            with("- \"canary\"", "- \"canary\\r\\nx: y\""),
            "recording:8: this is not a header value",
        ),
        (
            with("- \"canary\"", "- \"canary\\0\""),
            "recording:8: this is not a header value",
        ),
        (
            with("- \"canary\"", "- [canary]"),
            "recording:8: a header value must be a string",
        ),
        (
            with("- \"canary\"", "- base64: \"Y2FuYXJ5DQo=\""),
            "recording:8: this is not a header value",
        ),
        (
            with(body, "    body: {base64: \"canary!\"}\n- Response"),
            "recording:9: this is not base64",
        ),
        (
            with(
                body,
                "    body: {base64: \"\", omitted: {length: 1}}\n- Response",
            ),
            "recording:9: a body must be either `base64` or `omitted`",
        ),
        (
            with(body, "    body: {omitted: {length: -1}}\n- Response"),
            "recording:9: this is not a length",
        ),
        (
            with(
                body,
                "    body: {omitted: {length: 1, sha1: canary}}\n- Response",
            ),
            "recording:9: this is not a SHA-1",
        ),
        (
            with(body, "    body: {canary: 1}\n- Response"),
            "recording:9: expected only base64, omitted",
        ),
        (
            with(body, "    body: [1, 256]\n- Response"),
            "recording:9: this is not a byte",
        ),
        (
            with("x-one:\n        - \"canary\"", "content-length: 7"),
            "recording:8: the body's length is not the request's content-length (a body can stand \
             in for another only as `omitted`)",
        ),
        (
            with("x-one:\n        - \"canary\"", "content-length: canary"),
            "recording:8: the request's content-length is not a number",
        ),
        (
            GOOD.to_owned() + "    cut: maybe\n",
            "recording:15: `cut` must be true or false",
        ),
        (
            with("- \"canary\"", "- &anchor \"canary\""),
            "recording:8: anchors are not allowed in a recording",
        ),
        (
            with("- \"canary\"", "- !!str \"canary\""),
            "recording:8: tags are not allowed in a recording",
        ),
        (
            with("- \"canary\"", "- !canary \"canary\""),
            "recording:8: tags are not allowed in a recording",
        ),
        (
            with("- \"canary\"", "- *canary"),
            "recording:8: this is not YAML: while parsing node, found unknown anchor",
        ),
        (
            bombs.to_owned(),
            "recording:1: anchors are not allowed in a recording",
        ),
        (
            with("- \"canary\"", &format!("- {deep}")),
            "recording:8: the nesting is too deep",
        ),
        (
            with("x-one", "? [canary]\n      "),
            "recording:7: a key is not a string",
        ),
        (
            with("- \"canary\"", "- \"can\0ary\""),
            "recording:8: this is a control character",
        ),
        (
            with("- \"canary\"", "- \"can\u{1b}ary\""),
            "recording:8: this is a control character",
        ),
        (
            with("        - \"canary\"", "\t- \"canary\""),
            "recording:8: this is not YAML: tabs disallowed within this context (block \
             indentation)",
        ),
    ] {
        assert_eq!(error_of(&text), error, "{text}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let mut bytes = GOOD.as_bytes().to_vec();
    bytes[40] = 0xff;
    assert_eq!(error_of(bytes), "recording:4: this is not UTF-8");
    let utf_16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(error_of(utf_16), "recording:1: this is a control character");
}

#[test]
fn a_truncated_recording_is_never_read_as_another() {
    let all = "no error, 1 interactions";
    for end in 0..GOOD.len() - 1 {
        match error_of(&GOOD[..end]).as_str() {
            // The end of a document is no different from the end of a recording.
            "no error, 0 interactions" => {
                assert!(GOOD[end..].trim_start().starts_with("--"), "{end}")
            }
            error => assert!(error != all, "{end}"),
        }
    }
}

#[test]
fn no_error_quotes_the_recording() {
    for at in 0..GOOD.len() {
        for replacement in [
            "", "\"", "\n", " ", "\t", "&", "*", "!", "[", "}", ":", "- ", "é", "\0", "canary",
        ] {
            let mut text = GOOD.to_owned();
            text.replace_range(at..=at, replacement);
            if let Err(error) = Player::parse(&text).map(|player| player.unplayed()) {
                assert!(
                    !format!("{error} {error:?}").contains("canary"),
                    "{error}\n{text}"
                );
            }
        }
    }
}

#[test]
fn line_endings_comments_and_spaces_are_ignored() {
    for text in [
        GOOD.replace('\n', "\r\n"),
        GOOD.replace("---\n", "--- \n"),
        GOOD.replace("---\n", "--- # canary\n# ---\n\n"),
        GOOD.replace("- Response", "\n# a comment\n- Response"),
        format!("\u{feff}{GOOD}"),
        format!("%YAML 1.2\n---\n{GOOD}...\n"),
        GOOD.replace("    ", "          "),
        GOOD.replace("      x-one:\n        -", "     x-one:\n     -"),
    ] {
        assert_eq!(error_of(&text), "no error, 1 interactions", "{text}");
    }
}

#[test]
fn every_scalar_is_read_as_text() {
    for text in [
        "1e3",
        "yes",
        "0x10",
        "null",
        "true",
        "2021-11-12",
        "1_000",
        ".inf",
        "=",
        "<<",
    ] {
        let yaml = with("- \"canary\"", &format!("- {text}"));
        let player = Player::parse(yaml).unwrap();
        assert_eq!(player.interactions()[0].request.headers["x-one"], text);
        let _ = player.unplayed();
    }
}

#[test]
fn bodies_of_version_0_may_be_lists_of_bytes() {
    let text = GOOD
        .replace("b2kit-cassette: 1\n", "")
        .replace("body: \"canary\"", "body: [0, 255, 10]");
    let player = Player::parse(text).unwrap();
    assert_eq!(
        player.interactions()[0].request.body.as_bytes().unwrap()[..],
        [0, 255, 10]
    );
    let _ = player.unplayed();
}

#[test]
fn files_that_can_not_be_read_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.yaml");
    for path in [directory.path(), &missing] {
        let error = Player::open(path).unwrap_err();
        assert!(matches!(error, CassetteError::Io { .. }));
        assert_eq!(
            error.to_string(),
            format!("the recording {} could not be read", path.display())
        );
    }
    let path = directory.path().join("good.yaml");
    std::fs::write(&path, GOOD).unwrap();
    let size = GOOD.len() as u64;
    assert_eq!(
        Player::open_with_limit(&path, size)
            .unwrap()
            .unplayed()
            .len(),
        1
    );
    let error = Player::open_with_limit(&path, size - 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the recording {} is larger than the limit of {} bytes",
            path.display(),
            size - 1
        )
    );
    std::fs::write(&path, "- Request:\n    canary: x\n").unwrap();
    let error = Player::open(&path).unwrap_err();
    let text = format!(
        "{}:1: a document must be a list of a Request and its Response",
        path.display()
    );
    assert_eq!(error.to_string(), text);
}

#[test]
fn malicious_documents_are_refused_quickly() {
    let many = |text: &str| text.repeat(200_000);
    for (text, error) in [
        (
            many("["),
            "recording:1: this is not YAML: recursion limit exceeded",
        ),
        (
            many("{a: "),
            "recording:1: this is not YAML: recursion limit exceeded",
        ),
        (many("- "), "recording:1: the nesting is too deep"),
        (many("? "), "recording:1: the nesting is too deep"),
        (
            format!("[{}]", many("x, x, x, x, x, x, ")),
            "recording:1: the document has too many values",
        ),
        (
            many("--- ~\n"),
            "recording:1: a document must be a list of a Request and its Response",
        ),
    ] {
        assert_eq!(error_of(&text), error, "{}", &text[..9]);
    }
    let wide = format!("\"{}\"", many("\\u0041 "));
    let player = Player::parse(with(
        "\"canary\"\n- Response",
        &format!("{wide}\n- Response"),
    ))
    .unwrap();
    assert_eq!(player.interactions()[0].request.body.len(), 400_000);
    let _ = player.unplayed();
}
