//! No secret reaches a recording, regardless of where it occurs and how it is encoded.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use b2kit_cassette::{CassetteError, Player, RecordedBody, Recorder};
use b2kit_core::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use b2kit_core::http::{Request as Builder, StatusCode};
use b2kit_core::{Body, HttpClient, HttpError, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::executor::block_on;

const NOWHERE: &str = "nowhere/at all";

// Each in one place, so that each place is proven by itself; all of a shape that B2's could have.
const KEY: &str = "K002canary/Application+Key0001";
const ACCOUNT: &str = "d2ecanary02a";
const ACCOUNT_TOKEN: &str = "4_002d2ecanary02a0000000001_01c23dcc_f57902_acct_Canary-3=";
const UPLOAD_TOKEN: &str = "4_canary04_01c23dcc_f57902_upld_Canary/4=";
const QUERY_TOKEN: &str = "3_20261122_canary05+dnld/x=";
const BEARER: &str = "canary06bearer";
const COOKIE: &str = "canary07cookie";
const SIGNING: &str = "canary08SigningSecret0000000000a";
const WEBHOOK: &str = "Basic canary09webhook";
const PASSWORD: &str = "canary10password";
const API_KEY: &str = "canary11apikey";
const CUT_TOKEN: &str = "canary12cut";
const NESTED_KEY: &str = "canary13nested";
const DECLARED: &str = "canary14 d\u{e9}clar\u{e9}";
const FIELD: &str = "canary15field";
const HEADER: &str = "canary16header";
const FILE_KEY: &str = "canary17file";
const SSE_RAW: &[u8; 32] = b"canary18-thirty-two-bytes-of-key";
const SSE_JSON_RAW: &[u8; 32] = b"canary19-thirty-two-bytes-of-key";
const KEY_ID: &str = "002d2ecanary02a0000000001";

fn sse() -> String {
    STANDARD.encode(SSE_RAW)
}

fn sse_json() -> String {
    STANDARD.encode(SSE_JSON_RAW)
}

fn canaries() -> Vec<Vec<u8>> {
    let texts = [
        KEY,
        ACCOUNT,
        ACCOUNT_TOKEN,
        UPLOAD_TOKEN,
        QUERY_TOKEN,
        BEARER,
        COOKIE,
        SIGNING,
        WEBHOOK,
        PASSWORD,
        API_KEY,
        CUT_TOKEN,
        NESTED_KEY,
        DECLARED,
        FIELD,
        HEADER,
        FILE_KEY,
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend([SSE_RAW.to_vec(), SSE_JSON_RAW.to_vec()]);
    all.extend([sse().into_bytes(), sse_json().into_bytes()]);
    all
}

/// The forms in which a reader might find a secret.
fn forms(secret: &[u8]) -> Vec<String> {
    let percent = |keep: &dyn Fn(u8) -> bool| {
        secret
            .iter()
            .fold(String::new(), |text, byte| match keep(*byte) {
                true => format!("{text}{}", char::from(*byte)),
                false => format!("{text}%{byte:02X}"),
            })
    };
    let escaped = percent(&|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        escaped.replace("%20", "+"),
        escaped,
        percent(&|byte| byte.is_ascii_graphic()),
        percent(&|_| false).to_ascii_lowercase(),
        hex.to_ascii_uppercase(),
        hex,
        STANDARD.encode(secret),
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    forms.extend(std::str::from_utf8(secret).map(str::to_owned));
    forms
}

fn json_answer(status: StatusCode, json: String) -> Response {
    let length = json.len();
    let mut response = Response::new(json.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

async fn server(request: Request) -> Result<Response, HttpError> {
    let ok = |json| Ok(json_answer(StatusCode::OK, json));
    match request.uri().path() {
        "/b2api/v4/b2_authorize_account" => {
            let mut response = json_answer(
                StatusCode::OK,
                format!(
                    "{{\n  \"accountId\"  :\t\"{ACCOUNT}\",\n \
                     \"authorizationToken\":\"{ACCOUNT_TOKEN}\",\n \"n\": null }}"
                ),
            );
            let cookie = format!("session={COOKIE}; Path=/");
            response
                .headers_mut()
                .insert("set-cookie", cookie.parse().unwrap());
            Ok(response)
        }
        "/b2api/v4/b2_get_upload_url" => ok(format!(
            r#"{{"\u0061uthorizationToken":"{}","uploadUrl":"https://pod/{ACCOUNT}/x?cvt=1"}}"#,
            UPLOAD_TOKEN.replace('/', "\\/")
        )),
        "/b2api/v4/b2_create_key" => ok(format!(
            r#"{{"keys":[{{"applicationKey":"{KEY}","applicationKeyId":"{KEY_ID}"}}],
            "log":"{{\"applicationKey\":\"{NESTED_KEY}\"}}"}}"#
        )),
        // Tells what it was sent, as servers do.
        "/error" => Ok(json_answer(
            StatusCode::UNAUTHORIZED,
            format!(
                r#"{{"code":"auth_token_limit",
                "message":"token {ACCOUNT_TOKEN} with {} or {} or {}","status":401}}"#,
                STANDARD.encode(ACCOUNT_TOKEN),
                QUERY_TOKEN.replace('+', "%2b").replace('/', "%2F"),
                "63616e61727930367468656172 canary06bearer",
            ),
        )),
        "/cut" => {
            let whole = format!(r#"{{"accountId":"{ACCOUNT}","authorizationToken":"{CUT_TOKEN}"#);
            ok(whole)
        }
        _ => {
            let mut raw = vec![0xff, 0x00];
            raw.extend_from_slice(KEY.as_bytes());
            raw.extend_from_slice(SSE_RAW);
            raw.push(0xfe);
            let mut response = Response::new(raw.into());
            if let Some(md5) = request
                .headers()
                .get("x-bz-server-side-encryption-customer-key-md5")
            {
                let md5 = md5.clone();
                response
                    .headers_mut()
                    .insert("x-bz-server-side-encryption-customer-key-md5", md5);
            }
            Ok(response)
        }
    }
}

fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
    let mut request = Builder::post(format!("https://api.example.com{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// Every place in which B2 has a secret, and some in which it shouldn't.
fn session() -> Vec<Request> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{KEY_ID}:{KEY}")));
    let bearer = format!("Bearer {BEARER}");
    let query = QUERY_TOKEN
        .replace('+', "%2B")
        .replace('/', "%2f")
        .replace('=', "%3D");
    vec![
        post(
            "/b2api/v4/b2_authorize_account",
            &[("authorization", &basic)],
            "",
        ),
        post(
            "/b2api/v4/b2_get_upload_url",
            &[("authorization", ACCOUNT_TOKEN)],
            r#"{"bucketId":"b"}"#,
        ),
        post(
            "/b2api/v4/b2_create_key",
            &[],
            format!("{{\"accountId\" : \"{ACCOUNT}\"}}"),
        ),
        post(
            "/b2_upload_file",
            &[
                ("authorization", UPLOAD_TOKEN),
                ("x-bz-content-sha1", "do_not_verify"),
            ],
            format!("{{\"applicationKey\":\"{FILE_KEY}\"}}"),
        ),
        post(
            &format!("/file/b/f?Authorization={query}&{ACCOUNT}=1"),
            &[("authorization", &bearer)],
            "",
        ),
        post(
            "/error",
            &[("cookie", &format!("a={COOKIE}")), ("x-api-key", API_KEY)],
            "",
        ),
        post(
            &format!("/rules?accountId={ACCOUNT}"),
            &[],
            format!(
                r#"{{"eventNotificationRules":[{{"targetConfiguration":{{
               "customHeaders":[{{"name":"X-Auth","value":"{WEBHOOK}"}}],
               "hmacSha256SigningSecret":"{SIGNING}",
               "url":"https://u:{PASSWORD}@h/"}}}}]}}"#
            ),
        ),
        post(
            "/sse",
            &[
                ("x-bz-server-side-encryption-customer-key", &sse()),
                (
                    "x-bz-server-side-encryption-customer-key-md5",
                    "canary18md5==",
                ),
            ],
            "",
        ),
        post(
            "/copy",
            &[],
            format!(
                r#"{{"destinationServerSideEncryption":{{"mode":"SSE-C","customerKey":"{}",
                "customerKeyMd5":"x"}}}}"#,
                sse_json()
            ),
        ),
        post(
            "/cut",
            &[("x-mine", HEADER)],
            format!(r#"{{"mine":["{FIELD}"],"other":"{}"}}"#, DECLARED),
        ),
        post(
            "/plain",
            &[],
            format!("mine={FIELD}; in the middle {DECLARED} of text, {HEADER}"),
        ),
    ]
}

fn recorder() -> Recorder {
    Recorder::new(server, NOWHERE)
        .secret("my secret", DECLARED)
        .json_field("mine")
        .header(HeaderName::from_static("x-mine"))
}

fn recorded() -> String {
    let recorder = recorder();
    for request in session() {
        exchange(&recorder, request);
    }
    recorder.to_yaml().unwrap()
}

fn exchange(client: &impl HttpClient, request: Request) -> Vec<u8> {
    let response = block_on(client.send(request)).unwrap();
    block_on(response.into_body().collect(1 << 20))
        .unwrap()
        .to_vec()
}

/// A server with one response.
fn alone(response: Response) -> impl HttpClient {
    let response = std::sync::Mutex::new(Some(response));
    move |_: Request| {
        let response = response.lock().unwrap().take().unwrap();
        async move { Ok::<_, HttpError>(response) }
    }
}

/// The recording of one exchange.
fn recording_of(request: Request, response: Response) -> String {
    let recorder = Recorder::new(alone(response), NOWHERE).json_field("pin");
    exchange(&recorder, request);
    recorder.to_yaml().unwrap()
}

/// Values of fewer than six bytes aren't searched for elsewhere.
#[test]
fn a_secret_too_short_to_search_for_is_hidden_in_its_field() {
    for body in [
        r#"{"accountId":"k4~1"}"#,
        r#"{"accountId":"k4~1","log":"applicationKey=q7~2"}"#,
        r#"{"log":"accountId=k4~1","more":"nothing"}"#,
        r#"{"log":["accountId=k4~1","nothing"]}"#,
        r#"{"log":["accountId=k4~1","applicationKey=q7~2"]}"#,
        r#"{"log":"accountId=k4~1","more":"applicationKey=q7~2"}"#,
        "see accountId=k4~1 there",
        r#"{"accountId":"k4~1""#,
        r#"{"pin":4711}"#,
    ] {
        let text = recording_of(post("/x", &[], body), Response::new("".into()));
        for secret in ["k4~1", "q7~2", "4711"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("hidden-"), "{text}");
    }
}

#[test]
fn a_secret_in_a_query_is_hidden_and_the_parameters_around_it_are_not() {
    for (query, hidden) in [
        (
            "a=1&accountId=k4~1&b=2",
            "a=1&accountId=hidden-account-id&b=2",
        ),
        ("a&accountId=k4~1", "a&accountId=hidden-account-id"),
    ] {
        let request = post(&format!("/x?{query}"), &[], "");
        let text = recording_of(request, Response::new("".into()));
        assert!(text.contains(&format!("/x?{hidden}")), "{text}");
    }
}

#[test]
fn the_secret_within_a_header_is_hidden_wherever_it_occurs_alone() {
    let basic = format!("Basic {}", STANDARD.encode("keyId:canary22password"));
    for (header, value, alone) in [
        ("authorization", &*basic, "canary22password"),
        (
            "proxy-authorization",
            "Bearer canary23bearer",
            "canary23bearer",
        ),
        (
            "x-bz-info-password",
            "canary24%2Fof%20a%20file",
            "canary24/of a file",
        ),
        ("cookie", "a=b; session=canary25cookie", "canary25cookie"),
    ] {
        let request = post("/x", &[(header, value)], "");
        let response = Response::new(format!("got {alone} from you").into());
        let text = recording_of(request, response);
        assert!(!text.contains(alone), "{text}");
        assert!(text.contains("from you"), "{text}");
    }
}

#[test]
fn a_cookie_is_hidden_and_its_attributes_are_no_secrets() {
    let mut response = Response::new("session canary26cookie of /downloads".into());
    let cookie = "session=canary26cookie; Path=/downloads";
    response
        .headers_mut()
        .insert("set-cookie", cookie.parse().unwrap());
    let text = recording_of(post("/x", &[], ""), response);
    assert!(!text.contains("canary26"), "{text}");
    assert!(
        text.contains("session hidden-cookie of /downloads"),
        "{text}"
    );
    assert!(text.contains("hidden-cookie-2"), "{text}");
}

#[test]
fn a_custom_header_of_a_webhook_is_hidden_everywhere_unless_it_is_a_media_type() {
    let body = r#"{"customHeaders":[{"name":"X-Key","value":"canary27header"},
        {"name":"Accept","value":"text/canary28"}],"said":"canary27header, text/canary28"}"#;
    let text = recording_of(post("/x", &[], body), Response::new("".into()));
    assert!(!text.contains("canary27"), "{text}");
    assert!(
        text.contains("hidden-custom-header, text/canary28"),
        "{text}"
    );
}

#[test]
fn secrets_that_begin_like_placeholders_are_hidden_and_break_no_header() {
    for secret in ["hidden-sesame-4711", "hidden sesame 4711", "hidden-4711"] {
        let recorder = Recorder::new(server, NOWHERE);
        let body = format!(r#"{{"applicationKey":"{secret}","again":"{secret}"}}"#);
        exchange(&recorder, post("/plain", &[], body));
        let text = recorder.to_yaml().unwrap();
        assert!(!text.contains(secret), "{text}");
    }
    let recorder = Recorder::new(server, NOWHERE);
    let header = r#"{"secret":"hidden-\u000a"}"#;
    exchange(
        &recorder,
        post("/plain", &[("x-foo", header)], String::new()),
    );
    recorder.to_yaml().unwrap();
}

#[test]
fn a_number_in_a_field_for_secrets_is_hidden_and_replayed() {
    let pin = || post("/plain", &[], r#"{"pin":4711234567}"#.to_owned());
    let recorder = Recorder::new(server, NOWHERE).json_field("pin");
    exchange(&recorder, pin());
    let text = recorder.to_yaml().unwrap();
    assert!(!text.contains("4711234567"), "{text}");
    exchange(&Player::parse(text).unwrap().json_field("pin"), pin());
}

#[test]
fn a_secret_is_hidden_where_json_escapes_its_letters_and_line_breaks() {
    const PEM: &str = "-----BEGIN KEY-----\r\nMII4711/\tx\n-----END KEY-----\n";
    let pem = r"-----BEGIN KEY-----\r\nMII4711\/\tx\n-----END KEY-----\n";
    for (secret, written) in [
        ("M\u{fc}ller", r"M\u00fcller"),
        ("M\u{fc}ller", r"M\u00FCller"),
        ("\u{738b}\u{5c0f}\u{660e} 42", r"\u738B\u5c0f\u660e 42"),
        ("cat \u{1f431}!", r"cat \ud83d\uDC31!"),
        (PEM, pem),
    ] {
        let body = format!(r#"{{"fileName":"a {written}.pdf","more":"\u00e9"}}"#);
        let server = move |_: Request| {
            let body = body.clone();
            async move { Ok(Response::new(body.into())) }
        };
        let recorder = Recorder::new(server, NOWHERE).secret("customer", secret);
        exchange(&recorder, post("/x", &[], ""));
        let text = recorder.to_yaml().unwrap();
        let hidden = r#"{\"fileName\":\"a hidden-customer.pdf\",\"more\":\"\\u00e9\"}"#;
        assert!(text.contains(hidden), "{secret}: {text}");
    }
    let twice = async |_: Request| {
        Ok(Response::new(
            r#"{"note":"{\"name\":\"M\\u00fcller\"}"}"#.into(),
        ))
    };
    let recorder = Recorder::new(twice, NOWHERE).secret("customer", "M\u{fc}ller");
    exchange(&recorder, post("/x", &[], ""));
    let refused = recorder.to_yaml().unwrap_err();
    assert!(matches!(refused, CassetteError::Secret { .. }), "{refused}");
}

#[test]
fn a_secret_is_hidden_in_latin_1_too() {
    let server = async |_: Request| Ok(Response::new(b"dear M\xfcller,".to_vec().into()));
    let recorder = Recorder::new(server, NOWHERE).secret("customer", "M\u{fc}ller");
    exchange(&recorder, post("/x", &[], ""));
    let text = recorder.to_yaml().unwrap();
    assert!(text.contains("dear hidden-customer,"), "{text}");
}

#[test]
fn a_secret_of_bytes_is_hidden_where_json_has_them_as_characters() {
    let server = async |_: Request| {
        let body =
            "{\"bytes\":\"\\u0000\\u00ff\\u0080\\u00fe A\",\"again\":\"\0\u{ff}\u{80}\u{fe} A\"}";
        Ok(Response::new(body.into()))
    };
    let recorder = Recorder::new(server, NOWHERE).secret("bytes", b"\0\xff\x80\xfe A");
    exchange(&recorder, post("/x", &[], ""));
    let text = recorder.to_yaml().unwrap();
    let hidden = r#"{\"bytes\":\"hidden-bytes\",\"again\":\"hidden-bytes\"}"#;
    assert!(text.contains(hidden), "{text}");
}

#[test]
fn file_info_with_the_name_of_a_secret_is_hidden_and_the_session_replays() {
    const INFO: &str = "x-bz-info-my-password";
    let server = async |request: Request| {
        if request.uri().path() == "/upload" {
            let told = r#"{"fileInfo":{"my-password":"hunter2 hunter2","author":"me"}}"#;
            return Ok(json_answer(StatusCode::OK, told.to_owned()));
        }
        let mut response = Response::new("meow".into());
        let headers = response.headers_mut();
        headers.insert(INFO, "hunter2%20hunter2".parse().unwrap());
        headers.insert("x-bz-info-author", "me".parse().unwrap());
        Ok(response)
    };
    let upload = || {
        let headers = [
            (INFO, "hunter2%20hunter2"),
            ("x-bz-info-author", "me"),
            ("x-bz-content-sha1", "do_not_verify"),
        ];
        post("/upload", &headers, "meow")
    };
    let download = || post("/file/b/cat.txt", &[], "");
    for requests in [vec![upload(), download()], vec![download()]] {
        let recorder = Recorder::new(server, NOWHERE);
        for request in requests {
            exchange(&recorder, request);
        }
        let text = recorder.to_yaml().unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            text.contains("x-bz-info-author:\n        - \"me\""),
            "{text}"
        );
    }
    let recorder = Recorder::new(server, NOWHERE);
    exchange(&recorder, upload());
    exchange(&recorder, download());
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    exchange(&player, upload());
    assert_eq!(exchange(&player, download()), b"meow");
    player.finish().unwrap();
}

#[test]
fn a_secret_within_a_number_leaves_valid_json_that_replays() {
    let server = async |_: Request| {
        let told = r#"{"contentLength":123456,"pins":[9123456.5,-123456],"name":"x123456","n":12}"#;
        Ok(json_answer(StatusCode::OK, told.to_owned()))
    };
    let request = || post("/x", &[], r#"{"size":123456}"#);
    let recorder = Recorder::new(server, NOWHERE).secret("customer", "123456");
    exchange(&recorder, request());
    let text = recorder.to_yaml().unwrap();
    assert!(!text.contains("123456"), "{text}");
    let player = Player::parse(text).unwrap().secret("customer", "123456");
    let told: serde_json::Value = serde_json::from_slice(&exchange(&player, request())).unwrap();
    let hidden = serde_json::json!({
        "contentLength": "hidden-customer",
        "pins": ["9hidden-customer.5", "-hidden-customer"],
        "name": "xhidden-customer",
        "n": 12,
    });
    assert_eq!(told, hidden);
    player.finish().unwrap();
}

#[test]
fn json_that_can_not_be_kept_valid_is_recorded_as_its_length() {
    let server = async |_: Request| {
        let told = r#"{"a":1,"b":2}"#;
        Ok(json_answer(StatusCode::OK, told.to_owned()))
    };
    let recorder = Recorder::new(server, NOWHERE).secret("odd", r#"1,"b":"#);
    exchange(&recorder, post("/x", &[], ""));
    let player = Player::parse(recorder.to_yaml().unwrap()).unwrap();
    let body = &player.interactions()[0].response.body;
    assert!(matches!(body, RecordedBody::Omitted { length: 13, .. }));
    let error = block_on(player.send(post("/x", &[], ""))).unwrap_err();
    let told = std::error::Error::source(&error).unwrap().to_string();
    assert!(told.contains("could not be redacted"), "{told}");
    let _ = player.unplayed();
}

/// B2 writes a space as `+`.
#[test]
fn a_secret_with_a_space_is_hidden_where_the_space_is_a_plus() {
    for (secret, written) in [
        ("Anna M\u{fc}ller", "Anna+M%C3%BCller"),
        ("Anna M\u{fc}ller", "Anna+M%FCller"),
        ("Anna M\u{fc}ller", r"Anna+M\u00fcller"),
        ("one+two three", "one%2Btwo+three"),
        ("a b", "a+b"),
        (r"100%25 a\/b", "100%2525+a%5C%2Fb"),
    ] {
        let mut response = Response::new(format!("got ?name={written}&x=1").into());
        let name = format!("{written}.pdf").parse().unwrap();
        response.headers_mut().insert("x-bz-file-name", name);
        let server = alone(response);
        let recorder = Recorder::new(server, NOWHERE).secret("customer", secret);
        exchange(&recorder, post("/x", &[], ""));
        let text = recorder.to_yaml().unwrap();
        for hidden in ["\"hidden-customer.pdf\"", "got ?name=hidden-customer&x=1"] {
            assert!(text.contains(hidden), "{written}: {text}");
        }
    }
    let wrapped = Response::new("see ?next=%3Fname%3DAnna%2BM%25C3%25BCller".into());
    let recorder = Recorder::new(alone(wrapped), NOWHERE).secret("customer", "Anna M\u{fc}ller");
    exchange(&recorder, post("/x", &[], ""));
    let refused = recorder.to_yaml().unwrap_err();
    assert!(matches!(refused, CassetteError::Secret { .. }), "{refused}");
}

#[test]
fn a_secret_that_is_known_only_with_a_plus_for_its_space_is_hidden_with_either() {
    const INFO: &str = "x-bz-info-password";
    let mut response = Response::new("hunter2 hunter2, hunter2+hunter2".into());
    let value = "hunter2+hunter2".parse().unwrap();
    response.headers_mut().insert(INFO, value);
    let text = recording_of(post("/x", &[], ""), response);
    assert!(text.contains("hidden-secret, hidden-secret\""), "{text}");

    let mut response = Response::new("one+two three".into());
    let value = "one%2Btwo+three".parse().unwrap();
    response.headers_mut().insert(INFO, value);
    let text = recording_of(post("/x", &[(INFO, "one%2Btwo%20three")], ""), response);
    assert!(
        !text.contains("one") && !text.contains("secret-2"),
        "{text}"
    );

    // The bytes that the base64 of a key stands for.
    let key = [&[0xfb][..], b"canary29-a key of thirty-two byt"].concat();
    let body = [b"it is \xff", &*key].concat();
    let request = post("/x", &[], format!("customerKey={}", STANDARD.encode(&key)));
    let text = recording_of(request, Response::new(body.into()));
    let player = Player::parse(&text).unwrap();
    let recorded = player.interactions()[0].response.body.as_bytes().cloned();
    assert_eq!(recorded.unwrap(), &b"it is \xffhidden-customer-key"[..]);
    let _ = player.unplayed();
}

#[test]
fn secrets_in_text_that_is_not_utf_8_are_hidden() {
    for (body, hidden) in [
        (
            &b"{\"hmacSha256SigningSecret\":\"canary30\",\"name\":\"caf\xc3"[..],
            &b"{\"hmacSha256SigningSecret\":\"hidden-signing-secret\",\"name\":\"caf\xc3"[..],
        ),
        (
            b"{\"hmacSha256SigningSecret\":\"canary30\xc3",
            b"{\"hmacSha256SigningSecret\":\"hidden-signing-secret",
        ),
        (
            b"\xff hmacSha256SigningSecret=ca\xffnary30 \xff",
            b"\xff hmacSha256SigningSecret=hidden-signing-secret \xff",
        ),
    ] {
        let mut response = Response::new(body.to_vec().into());
        let header = HeaderValue::from_bytes(body).unwrap();
        response.headers_mut().insert("x-note", header);
        let text = recording_of(post("/x", &[], ""), response);
        let player = Player::parse(&text).unwrap();
        let recorded = &player.interactions()[0].response;
        assert_eq!(recorded.body.as_bytes().unwrap(), hidden, "{text}");
        assert_eq!(recorded.headers["x-note"].as_bytes(), hidden, "{text}");
        let _ = player.unplayed();
    }
}

#[test]
fn custom_headers_of_webhooks_are_hidden_in_json_that_is_cut() {
    let rules = r#"{"eventNotificationRules":[{"targetConfiguration":{"customHeaders":[
        {"name":"X-Key","value":"canary31]header"},{"value":"canary32header","name":"X-Other"}],
        "url":"https://h/"},"value":"a rule","more":"#;
    let wrapped = format!("said: {}", serde_json::Value::from(rules));
    let within = &rules[..rules.find("header\",\"name").unwrap()];
    for body in [rules, &wrapped, within] {
        let text = recording_of(post("/x", &[], ""), Response::new(body.to_owned().into()));
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("X-Key"), "{text}");
        assert!(text.contains("hidden-custom-header-2"), "{text}");
        assert_eq!(text.contains("a rule"), body != within, "{text}");
    }
}

#[test]
fn credentials_in_the_url_of_a_webhook_are_hidden_and_so_is_the_password_elsewhere() {
    let url = "https://me:canary%33@Password@h.example/hook@1";
    let rules = format!(r#"{{"url":"{url}","said":"canary3@Password by e@mail"}}"#);
    let cut = &rules[..rules.len() - 1];
    let escaped = rules.replace('/', r"\/");
    for body in [&rules, cut, &escaped, &escaped[..escaped.len() - 1]] {
        let text = recording_of(post("/x", &[], ""), Response::new(body.to_owned().into()));
        assert!(!text.contains("canary"), "{text}");
        let text = text.replace('\\', "");
        let hidden = r#""url":"https://hidden-credentials@h.example/hook@1""#;
        assert!(text.contains(hidden), "{text}");
        assert!(text.contains(r#""hidden-secret by e@mail"#), "{text}");
    }
}

#[test]
fn the_first_value_of_a_repeated_json_key_is_hidden() {
    for body in [
        r#"{"applicationKey":"canary33first","applicationKey":null}"#,
        r#"{"accountId":"k4~1","accountId":"hidden-account-id"}"#,
        r#"{"accountId":"k4~1","accountId":"q7~2","log":"accountId=k4~1"}"#,
    ] {
        let text = recording_of(post("/x", &[], body), Response::new("".into()));
        for secret in ["canary", "k4~1", "q7~2"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let body = r#"{"applicationKey":"canary33first","applicationKey":"canary34"}"#;
    let text = recording_of(post("/x", &[], body), Response::new("canary33first".into()));
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn no_secret_is_in_a_recording_in_any_encoding() {
    let text = recorded();
    let bodies: Vec<u8> = Player::parse(&text)
        .map(|player| {
            let _ = player.unplayed();
            let bodies = player
                .interactions()
                .into_iter()
                .map(|each| each.response.body.clone());
            bodies
                .flat_map(|body| body.as_bytes().cloned().unwrap_or_default())
                .collect()
        })
        .unwrap();
    for canary in canaries() {
        for form in forms(&canary) {
            assert!(!text.contains(&form), "{form}\n{text}");
        }
        let found = bodies.windows(canary.len()).any(|window| window == canary);
        assert!(!found, "{canary:?}");
    }
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_value_has_the_same_placeholder_everywhere() {
    let text = recorded();
    for expected in [
        r#"- "Basic hidden-credentials""#,
        r#"accountId\":\"hidden-account-id\""#,
        "002hidden-account-id0000000001",
        "https://pod/hidden-account-id/x?cvt=1",
        "?Authorization=hidden-authorization-token-3&hidden-account-id=1",
        r#"- "Bearer hidden-authorization-token-4""#,
        "token hidden-authorization-token with hidden-authorization-token or \
         hidden-authorization-token-3 or",
        concat!(
            r#"{\"accountId\":\"hidden-account-id\","#,
            r#"\"authorizationToken\":\"hidden-authorization-token-5"#
        ),
        r#"\"other\":\"hidden-my-secret\""#,
        "mine=hidden-secret-4; in the middle hidden-my-secret of text, hidden-secret-3",
        r#"\"name\":\"X-Auth\",\"value\":\"hidden-custom-header\""#,
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_redacted_session_replays_with_the_real_secrets() {
    let player = Player::parse(recorded())
        .unwrap()
        .secret("my secret", DECLARED)
        .json_field("mine")
        .header(HeaderName::from_static("x-mine"));
    let mut session = session();
    // A token or an account id in a name or in text, which can only be recognised from the rest of
    // the session.
    session.retain(|request| {
        let uri = request.uri().to_string();
        !uri.contains("/file/b/f") && !uri.contains("/plain")
    });
    for request in session {
        exchange(&player, request);
    }
    let left: Vec<_> = player.unplayed().iter().map(|left| left.number).collect();
    assert_eq!(left, [5, 11]);
}

#[test]
fn a_mismatch_shows_no_secrets() {
    let player = Player::parse("b2kit-cassette: 1")
        .unwrap()
        .secret("my secret", DECLARED);
    for mut request in session() {
        request.headers_mut().remove("x-mine");
        if !request.uri().path().contains("plain") && !request.uri().path().contains("cut") {
            let query = request
                .uri()
                .query()
                .unwrap_or_default()
                .replace(&format!("&{ACCOUNT}=1"), "");
            *request.uri_mut() = format!("https://h{}?{query}", request.uri().path())
                .parse()
                .unwrap();
            let error = block_on(player.send(request)).unwrap_err();
            let mismatch = std::error::Error::source(&error).unwrap().to_string();
            assert!(
                !format!("{mismatch}{error:?}").contains("canary"),
                "{mismatch}"
            );
        }
    }
}

#[test]
fn a_secret_echoed_in_a_response_is_echoed_in_the_replay() {
    let player = Player::parse(recorded()).unwrap();
    let md5 = "x-bz-server-side-encryption-customer-key-md5";
    let key = "x-bz-server-side-encryption-customer-key";
    let request = post("/sse", &[(key, "another"), (md5, "of another")], "");
    let response = block_on(player.send(request)).unwrap();
    assert_eq!(response.headers()[md5], "of another");
    let _ = player.unplayed();
}

#[test]
fn a_file_that_contains_a_secret_is_recorded_as_length_and_sha1() {
    let player = Player::parse(recorded()).unwrap();
    let upload = &player.interactions()[3].request.body;
    assert!(matches!(
        upload,
        RecordedBody::Omitted { sha1: Some(_), .. }
    ));
    let _ = player.unplayed();
}

#[test]
fn lengths_are_those_of_bodies_with_placeholders() {
    let player = Player::parse(recorded()).unwrap();
    for interaction in player.interactions() {
        if let Some(length) = interaction.response.headers.get(CONTENT_LENGTH) {
            let body = interaction.response.body.len();
            assert_eq!(length, &body.to_string());
        }
    }
    let _ = player.unplayed();
}

#[test]
fn recording_a_replay_produces_the_same_recording() {
    let first = recorded();
    let recorder = Recorder::new(Player::parse(&first).unwrap(), NOWHERE);
    for interaction in Player::parse(&first).unwrap().interactions() {
        let request = &interaction.request;
        let Some(bytes) = request.body.as_bytes() else {
            continue;
        };
        let mut again = Request::new(bytes.clone().into());
        *again.method_mut() = request.method.clone();
        *again.uri_mut() = request.url.clone();
        *again.headers_mut() = request.headers.clone();
        exchange(&recorder, again);
    }
    let second = recorder.to_yaml().unwrap();
    let documents = |text: &str| -> Vec<String> {
        let all = text.split("---\n").map(str::to_owned);
        all.filter(|document| !document.contains("omitted"))
            .collect()
    };
    assert_eq!(documents(&first), documents(&second));
}

#[test]
fn a_remaining_secret_prevents_the_recording_and_is_not_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session.yaml");
    let recorder = Recorder::new(server, &path)
        .secret("pet", "canary20pet")
        .redact(|interaction| {
            interaction.response.body = STANDARD.encode("my canary20pet's name").into();
        });
    exchange(&recorder, post("/x", &[], ""));
    let error = recorder.save().unwrap_err();
    assert!(matches!(error, CassetteError::Secret { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "the recording {} was not written: the body of response 1 still contains the secret \
             named hidden-pet",
            path.display()
        )
    );
    assert!(!format!("{error:?}{recorder:?}").contains("canary"));
    drop(recorder);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_compressed_json_response_is_not_written() {
    let recorder = Recorder::new(
        async |_: Request| {
            let mut response = Response::new("\u{1f}compressed".into());
            response
                .headers_mut()
                .insert("content-encoding", "gzip".parse().unwrap());
            response
                .headers_mut()
                .insert("content-type", "application/json".parse().unwrap());
            Ok(response)
        },
        NOWHERE,
    );
    exchange(&recorder, post("/x", &[], ""));
    let text = recorder.to_yaml().unwrap();
    assert!(
        text.contains("omitted") && !text.contains("compressed"),
        "{text}"
    );
}

#[test]
fn credentials_in_a_url_are_redacted() {
    let recorder = Recorder::new(server, NOWHERE);
    let mut request = post("/x", &[], "");
    *request.uri_mut() = "https://me:canary+21%20x@example.com/x".parse().unwrap();
    exchange(&recorder, request);
    exchange(&recorder, post("/y", &[], "it is canary+21 x"));
    let text = recorder.to_yaml().unwrap();
    assert!(
        text.contains("https://hidden-credentials@example.com/x"),
        "{text}"
    );
    assert!(text.contains("it is hidden-secret"), "{text}");
}

#[test]
fn a_declared_secret_that_looks_like_a_placeholder_is_redacted() {
    let directory = tempfile::tempdir().unwrap();
    let server = async |_: Request| Ok(Response::new("the word is hidden-treasure-4711".into()));
    let recorder = Recorder::new(server, directory.path().join("r.yaml"))
        .secret("word", "hidden-treasure-4711");
    exchange(&recorder, post("/x", &[], "y"));
    let told = recorder.to_yaml().unwrap();
    assert!(!told.contains("treasure"), "{told}");
}

/// A URL within a URL: the key is percent-encoded twice.
#[test]
fn a_secret_that_is_encoded_twice_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let server = async |_: Request| {
        Ok(Response::new(
            r#"see https://h.test/?next=https%3A%2F%2Fh.test%2Ff%3Fk%3DK0029r3%252FMfU%252Bhncp"#
                .into(),
        ))
    };
    let recorder =
        Recorder::new(server, directory.path().join("r.yaml")).secret("key", "K0029r3/MfU+hncp");
    exchange(&recorder, post("/x", &[], "y"));
    let told = recorder.to_yaml();
    assert!(
        !matches!(&told, Ok(told) if told.contains("K0029r3%252FMfU")),
        "{told:?}"
    );
}
