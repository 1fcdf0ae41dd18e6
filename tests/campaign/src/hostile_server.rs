//! A server that behaves like B2 except for one value in its replies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use b2kit::backend::emulator::Emulator;
use b2kit::http::{HeaderName, HeaderValue};
use b2kit::{HttpClient, HttpError, Request, Response, async_trait};
use serde_json::{Value, json};

use crate::process::Form;

/// A value in the replies to a call, and its replacement.
#[derive(Debug, Clone, PartialEq)]
pub enum Tampering {
    /// The value at this JSON pointer.
    Field {
        call: String,
        pointer: String,
        value: Value,
    },
    /// A header of this name.
    Header {
        call: String,
        name: String,
        value: Vec<u8>,
    },
    /// The whole body.
    Body { call: String, body: Vec<u8> },
    /// A secret of the client in place of the string at this JSON pointer.
    Echo {
        call: String,
        pointer: String,
        secret: Echoed,
        form: Form,
    },
    /// B2's error document, with a secret of the client as its message and in its code.
    Refusal {
        call: String,
        status: u16,
        secret: Echoed,
        form: Form,
    },
}

/// A secret that the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echoed {
    /// The one that the request is authorized with.
    OfRequest,
    /// The token of the account.
    AccountToken,
    Key,
}

impl Echoed {
    const ALL: [Self; 3] = [Self::OfRequest, Self::AccountToken, Self::Key];
}

impl Tampering {
    fn call(&self) -> &str {
        match self {
            Self::Field { call, .. }
            | Self::Header { call, .. }
            | Self::Body { call, .. }
            | Self::Echo { call, .. }
            | Self::Refusal { call, .. } => call,
        }
    }
}

/// The emulator with one value tampered with.
#[derive(Debug, Clone)]
pub struct HostileServer {
    emulator: Emulator,
    tampering: Option<Tampering>,
    seen: Arc<Mutex<Seen>>,
}

/// The requests and replies of a run.
#[derive(Debug, Default)]
pub struct Seen {
    /// The JSON replies and headers of an honest run, by call.
    pub replies: BTreeMap<String, Value>,
    pub headers: BTreeMap<String, BTreeSet<String>>,
    /// The hosts of the requests.
    pub hosts: BTreeSet<String>,
    pub secrets: BTreeSet<String>,
    /// The last secret that came with a call of the account.
    account_token: String,
    /// How often something was tampered with.
    pub strikes: u64,
    pub requests: u64,
}

impl HostileServer {
    pub fn new(emulator: Emulator, tampering: Option<Tampering>) -> Self {
        Self {
            emulator,
            tampering,
            seen: Arc::default(),
        }
    }

    pub fn seen(&self) -> Arc<Mutex<Seen>> {
        Arc::clone(&self.seen)
    }

    fn secret(&self, which: Echoed, of_request: &str) -> String {
        let account_token = self.seen.lock().unwrap().account_token.clone();
        match which {
            Echoed::AccountToken if !account_token.is_empty() => account_token,
            Echoed::OfRequest | Echoed::AccountToken => of_request.to_owned(),
            Echoed::Key => self.emulator.key().to_owned(),
        }
    }
}

/// The name of the call of a request.
fn call_of(request: &Request) -> String {
    let path = request.uri().path();
    if path.starts_with("/file/") {
        return "b2_download_file_by_name".to_owned();
    }
    let mut words = path.split('/');
    let name = words.find(|word| word.starts_with("b2_"));
    name.unwrap_or_default().to_owned()
}

#[async_trait]
impl HttpClient for HostileServer {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let call = call_of(&request);
        let token = request.headers().get("authorization");
        let token = token.map(|token| String::from_utf8_lossy(token.as_bytes()).into_owned());
        let token = token.unwrap_or_default();
        let token = token.trim_start_matches("Basic ").to_owned();
        {
            let mut seen = self.seen.lock().unwrap();
            seen.requests += 1;
            seen.hosts
                .insert(request.uri().host().unwrap_or_default().to_owned());
            if !token.is_empty() {
                seen.secrets.insert(token.clone());
            }
            if call == "b2_list_buckets" {
                seen.account_token = token.clone();
            }
            if self.tampering.as_ref().is_some_and(|it| it.call() == call) {
                seen.strikes += 1;
            }
        }
        let mut response = self.emulator.send(request).await?;
        let is_json = response
            .headers()
            .get("content-type")
            .is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
        if self.tampering.is_none() {
            let mut seen = self.seen.lock().unwrap();
            let names = response
                .headers()
                .keys()
                .map(|name| name.as_str().to_owned());
            seen.headers.entry(call.clone()).or_default().extend(names);
        }
        match &self.tampering {
            Some(tampering) if tampering.call() != call => Ok(response),
            Some(Tampering::Header { name, value, .. }) => {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    response.headers_mut().insert(name, value);
                }
                Ok(response)
            }
            Some(Tampering::Refusal {
                status,
                secret,
                form,
                ..
            }) => {
                let echo = form.of(&self.secret(*secret, &token));
                let document =
                    json!({"status": status, "code": echo, "message": format!("no {echo}")});
                let (mut head, _) = response.into_parts();
                head.headers.remove("content-length");
                head.status = b2kit::http::StatusCode::from_u16(*status).unwrap();
                Ok(Response::from_parts(head, document.to_string().into()))
            }
            Some(Tampering::Body { body, .. }) => {
                let (mut head, _) = response.into_parts();
                head.headers.remove("content-length");
                Ok(Response::from_parts(head, body.clone().into()))
            }
            tampering if is_json => {
                let (mut head, body) = response.into_parts();
                let mut document: Value =
                    serde_json::from_slice(&body.collect(1 << 20).await?).unwrap();
                match tampering {
                    Some(Tampering::Field { pointer, value, .. }) => {
                        if let Some(place) = document.pointer_mut(pointer) {
                            *place = value.clone();
                        }
                    }
                    Some(Tampering::Echo {
                        pointer,
                        secret,
                        form,
                        ..
                    }) => {
                        if let Some(place) = document.pointer_mut(pointer) {
                            *place = form.of(&self.secret(*secret, &token)).into();
                        }
                    }
                    _ if head.status.is_success() => {
                        self.seen
                            .lock()
                            .unwrap()
                            .replies
                            .insert(call, document.clone());
                    }
                    _ => {}
                }
                head.headers.remove("content-length");
                Ok(Response::from_parts(head, document.to_string().into()))
            }
            _ => Ok(response),
        }
    }
}

/// All tamperings with the replies of an honest run, made one by one, since together they take hundreds of megabytes.
pub fn tamperings(seen: &Seen) -> impl Iterator<Item = Tampering> + '_ {
    let replies = seen.replies.iter();
    let in_replies = replies.flat_map(|(call, reply)| {
        let in_fields =
            values(reply, String::new())
                .into_iter()
                .flat_map(move |(pointer, honest)| {
                    replacements(&honest)
                        .into_iter()
                        .filter(move |it| *it != honest)
                        .map(move |value| Tampering::Field {
                            call: call.clone(),
                            pointer: pointer.clone(),
                            value,
                        })
                });
        in_fields.chain(bodies().into_iter().map(move |body| Tampering::Body {
            call: call.clone(),
            body,
        }))
    });
    let more = [
        "retry-after",
        "date",
        "content-length",
        "content-range",
        "x-bz-content-sha1",
    ];
    let in_headers = seen.headers.iter().flat_map(move |(call, names)| {
        let names = names.iter().map(String::as_str).chain(more);
        let names: BTreeSet<_> = names.collect();
        names.into_iter().flat_map(move |name| {
            header_values()
                .into_iter()
                .map(move |value| Tampering::Header {
                    call: call.clone(),
                    name: name.to_owned(),
                    value,
                })
        })
    });
    in_replies.chain(in_headers)
}

/// Each secret in each form, in place of each string in the replies of an honest run, and in error
/// responses to each call.
pub fn echoes(seen: &Seen) -> impl Iterator<Item = Tampering> + '_ {
    let secrets = || {
        let of = |secret| Form::ALL.map(|form| (secret, form));
        Echoed::ALL.into_iter().flat_map(of)
    };
    seen.replies.iter().flat_map(move |(call, reply)| {
        let strings = values(reply, String::new());
        let strings = strings.into_iter().filter(|(_, honest)| honest.is_string());
        let in_fields = strings.flat_map(move |(pointer, _)| {
            secrets().map(move |(secret, form)| Tampering::Echo {
                call: call.clone(),
                pointer: pointer.clone(),
                secret,
                form,
            })
        });
        let refusals = [400, 401, 503].into_iter().flat_map(move |status| {
            secrets().map(move |(secret, form)| Tampering::Refusal {
                call: call.clone(),
                status,
                secret,
                form,
            })
        });
        in_fields.chain(refusals)
    })
}

/// Each value in a document, with its JSON pointer.
fn values(document: &Value, pointer: String) -> Vec<(String, Value)> {
    let mut all = vec![(pointer.clone(), document.clone())];
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                all.extend(values(value, format!("{pointer}/{name}")));
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate().take(2) {
                all.extend(values(value, format!("{pointer}/{at}")));
            }
        }
        _ => {}
    }
    all
}

fn replacements(honest: &Value) -> Vec<Value> {
    let mut instead = vec![json!(null), json!({}), json!([]), json!(""), json!(true)];
    match honest {
        Value::Number(_) => {
            instead.extend(
                [
                    0,
                    1,
                    -1,
                    i64::MIN,
                    i64::MAX,
                    9_007_199_254_740_993,
                    1_000_000_000_000_000_000,
                ]
                .map(|n: i64| json!(n)),
            );
            instead.extend([
                json!(u64::MAX),
                json!(1e300),
                json!(0.5),
                json!("1"),
                json!(5_000_000_000_000_u64),
            ]);
        }
        Value::String(_) => instead.extend([
            json!("x".repeat(1 << 20)),
            json!("../../../etc/passwd"),
            json!("/"),
            json!("\0\r\nX-Injected: 1"),
            json!("\u{202e}\u{1f4a9}"),
            json!("precious"),
            json!("http://evil.example.com/"),
            json!("https://user:password@api.backblazeb2.com.evil.example.com"),
            json!("http://127.0.0.1:+443"),
            json!("http://127.0.0.1:99999/"),
            json!("file:///etc/passwd"),
            json!("-1"),
            json!("18446744073709551616"),
        ]),
        Value::Array(items) => {
            instead.push(json!([null]));
            instead.push(Value::Array(items.iter().rev().cloned().collect()));
            if let Some(first) = items.first() {
                instead.push(Value::Array(vec![first.clone(); 3_000]));
            }
        }
        _ => {}
    }
    instead
}

fn bodies() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\xff\xfe".to_vec(),
        vec![b'['; 200_000],
        [b"{\"a\":".repeat(50_000), b"1".to_vec()].concat(),
        vec![b' '; 3 << 20],
    ]
}

fn header_values() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "0",
        "-1",
        "1",
        "18446744073709551615",
        "18446744073709551616",
        "1e9",
        "none",
        "unverified:da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "bytes 0-67108863/1000000000000000000",
        "bytes 0-0/0",
        "bytes 5-1/3",
        "bytes */5",
        "bytes 0-18446744073709551615/18446744073709551615",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "%",
        "%00%ff",
        "gzip, chunked",
    ];
    let mut values: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    values.push(vec![0xff, 0x80]);
    values.push(vec![b'x'; 60_000]);
    values
}
