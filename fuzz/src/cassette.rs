//! Recordings: a written recording parses to the same, and a parsed one can be written and parsed
//! again.

use arbitrary::{Arbitrary, Unstructured};
use b2kit::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use b2kit_cassette::fuzzing::to_text;
use b2kit_cassette::{Interaction, Player, RecordedBody, RecordedRequest, RecordedResponse};

#[derive(Debug, Arbitrary)]
struct Exchange {
    method: u8,
    path: String,
    request: Vec<(u8, Vec<u8>)>,
    request_body: Content,
    status: u16,
    version: u8,
    response: Vec<(u8, Vec<u8>)>,
    response_body: Content,
    cut: bool,
}

#[derive(Debug, Arbitrary)]
enum Content {
    Text(String),
    Bytes(Vec<u8>),
    Omitted(u64, Option<[u8; 20]>),
}

/// If the first byte is even, the rest is the text of a recording; otherwise it is interactions to
/// write.
pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        if let Ok(player) = Player::parse(data) {
            let interactions: Vec<_> = player.interactions().into_iter().cloned().collect();
            written(&interactions);
        }
        return;
    }
    let mut data = Unstructured::new(data);
    let Ok(exchanges) = Vec::<Exchange>::arbitrary(&mut data) else {
        return;
    };
    written(
        &exchanges
            .into_iter()
            .filter_map(interaction)
            .collect::<Vec<_>>(),
    );
}

fn written(interactions: &[Interaction]) {
    let text = to_text(interactions);
    let player = Player::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let again = player.interactions();
    assert_eq!(again.len(), interactions.len());
    for (again, before) in again.into_iter().zip(interactions) {
        assert!(again == before, "{again:?} was {before:?}: {text}");
    }
}

fn interaction(exchange: Exchange) -> Option<Interaction> {
    let methods = [
        Method::GET,
        Method::POST,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
    ];
    let method = methods[usize::from(exchange.method) % methods.len()].clone();
    let url: Uri = format!("https://f002.backblazeb2.com/{}", exchange.path)
        .parse()
        .ok()?;
    let mut request = RecordedRequest::new(method, url).with_body(exchange.request_body);
    request.headers = headers(exchange.request);
    let status = StatusCode::from_u16(100 + exchange.status % 900).ok()?;
    let mut response = RecordedResponse::new(status).with_body(exchange.response_body);
    let versions = [
        None,
        Some(Version::HTTP_10),
        Some(Version::HTTP_11),
        Some(Version::HTTP_2),
    ];
    response.version = versions[usize::from(exchange.version) % versions.len()];
    response.headers = headers(exchange.response);
    response.cut = exchange.cut;
    Some(Interaction { request, response })
}

impl From<Content> for RecordedBody {
    fn from(content: Content) -> Self {
        match content {
            Content::Text(text) => text.into_bytes().into(),
            Content::Bytes(bytes) => bytes.into(),
            Content::Omitted(length, sha1) => Self::Omitted { length, sha1 },
        }
    }
}

fn headers(from: Vec<(u8, Vec<u8>)>) -> HeaderMap {
    let names = [
        "x-bz-info-a",
        "content-type",
        "authorization",
        "date",
        "a",
        "yes",
        "null",
        "1",
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in from {
        let name = HeaderName::from_static(names[usize::from(name) % names.len()]);
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(name, value);
        }
    }
    headers
}
