//! Parses recordings.
//!
//! A recording is a stream of YAML documents, each a list of a `Request` and a `Response`. What this crate writes
//! begins with a document that gives the version; a recording without one is of version 0.

use std::io::Read as _;
use std::path::Path;

use b2kit_core::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use b2kit_core::http::{Method, StatusCode, Uri, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::digest;
use crate::error::{CassetteError, ParseError, ParseErrorKind};
use crate::format::VERSION_KEY;
use crate::interaction::{Interaction, RecordedBody, RecordedRequest, RecordedResponse};
use crate::yaml::{Documents, Value, YamlNode};

/// An interaction, and the line on which it starts.
#[derive(Debug)]
pub(crate) struct LocatedInteraction {
    pub(crate) line: usize,
    pub(crate) interaction: Interaction,
}

/// Reads the recording at `path`, of at most `limit` bytes.
pub(crate) fn from_file(path: &Path, limit: u64) -> Result<Vec<LocatedInteraction>, CassetteError> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|opened| opened.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| CassetteError::Io {
            file: file.clone(),
            action: "read",
            source,
        })?;
    if bytes.len() as u64 > limit {
        return Err(CassetteError::TooLarge { file, limit });
    }
    from_bytes(&bytes).map_err(|error| error.in_file(&file))
}

/// Parses a recording.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Vec<LocatedInteraction>, ParseError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        ParseError::new(line, "this is not UTF-8")
    })?;
    let mut documents = Documents::new(text)?;
    let Some(first) = documents.next()? else {
        return Err(ParseError::new(1, "the recording is empty"));
    };
    let mut interactions = Vec::new();
    let versioned = matches!(first.value, Value::Map(_));
    if versioned {
        check_version(first)?;
    } else {
        interactions.push(interaction(first, versioned)?);
    }
    while let Some(document) = documents.next()? {
        interactions.push(interaction(document, versioned)?);
    }
    Ok(interactions)
}

fn check_version(header: YamlNode) -> Result<(), ParseError> {
    let line = header.line;
    let [version] = fields(header, [VERSION_KEY])?;
    match required(version, line, VERSION_KEY)?.value {
        Value::Text(version) if version == "1" => Ok(()),
        _ => Err(ParseError {
            line,
            kind: ParseErrorKind::UnknownVersion,
        }),
    }
}

fn interaction(document: YamlNode, versioned: bool) -> Result<LocatedInteraction, ParseError> {
    const SHAPE: &str = "a document must be a list of a Request and its Response";
    let line = document.line;
    let Value::List(halves) = document.value else {
        return Err(ParseError::new(line, SHAPE));
    };
    let Ok([first, second]) = <[YamlNode; 2]>::try_from(halves) else {
        return Err(ParseError::new(line, SHAPE));
    };
    let half = |node: YamlNode, name| {
        let line = node.line;
        let [half] = fields(node, [name])?;
        required(half, line, name)
    };
    let interaction = Interaction {
        request: request(half(first, "Request")?, versioned)?,
        response: response(half(second, "Response")?)?,
    };
    Ok(LocatedInteraction { line, interaction })
}

fn request(node: YamlNode, versioned: bool) -> Result<RecordedRequest, ParseError> {
    let line = node.line;
    let [method, url, headers, body] = fields(node, ["method", "url", "headers", "body"])?;
    let (method, at) = text(required(method, line, "method")?)?;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| ParseError::new(at, "this is not an HTTP method"))?;
    let (url, at) = text(required(url, line, "url")?)?;
    let url = url
        .parse::<Uri>()
        .ok()
        .filter(|url| url.scheme().is_some() && url.host().is_some())
        .ok_or_else(|| ParseError::new(at, "this is not an absolute URL"))?;
    let headers = header_map(required(headers, line, "headers")?)?;
    let body = required(body, line, "body")?;
    let at = body.line;
    let body = stand_in(&headers, recorded_body(body)?, versioned)
        .map_err(|reason| ParseError::new(at, reason))?;
    Ok(RecordedRequest {
        method,
        url,
        headers,
        body,
    })
}

/// In recordings of version 0, a body whose length is not the recorded `content-length` is a stand-in for the body
/// sent.
fn stand_in(
    headers: &HeaderMap,
    body: RecordedBody,
    versioned: bool,
) -> Result<RecordedBody, &'static str> {
    let Some(length) = headers.get(CONTENT_LENGTH) else {
        return Ok(body);
    };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    let length: u64 = length.ok_or("the request's content-length is not a number")?;
    if length == body.len() {
        return Ok(body);
    }
    if versioned {
        return Err(
            "the body's length is not the request's content-length (a body can stand in for \
             another only as `omitted`)",
        );
    }
    let sha1 = headers
        .get("x-bz-content-sha1")
        .and_then(|digits| digest::parse_sha1(digits.as_bytes()));
    Ok(RecordedBody::Omitted { length, sha1 })
}

fn response(node: YamlNode) -> Result<RecordedResponse, ParseError> {
    let line = node.line;
    let [status, version, headers, body, cut] =
        fields(node, ["status", "version", "headers", "body", "cut"])?;
    let (status, at) = text(required(status, line, "status")?)?;
    let status = StatusCode::from_bytes(status.as_bytes())
        .map_err(|_| ParseError::new(at, "this is not an HTTP status"))?;
    let version = version.map(http_version).transpose()?.flatten();
    let cut = match cut {
        None => false,
        Some(cut) => match text(cut)? {
            (yes, _) if yes == "true" => true,
            (no, _) if no == "false" => false,
            (_, at) => return Err(ParseError::new(at, "`cut` must be true or false")),
        },
    };
    Ok(RecordedResponse {
        status,
        version,
        headers: header_map(required(headers, line, "headers")?)?,
        body: recorded_body(required(body, line, "body")?)?,
        cut,
    })
}

fn http_version(node: YamlNode) -> Result<Option<Version>, ParseError> {
    let name = match node.value {
        Value::Null => return Ok(None),
        Value::Text(name) => name,
        Value::List(_) | Value::Map(_) => String::new(),
    };
    Ok(Some(match name.as_str() {
        "null" => return Ok(None),
        "HTTP/0.9" | "Http0_9" => Version::HTTP_09,
        "HTTP/1.0" | "Http1_0" => Version::HTTP_10,
        "HTTP/1.1" | "Http1_1" => Version::HTTP_11,
        "HTTP/2" | "HTTP/2.0" | "Http2_0" => Version::HTTP_2,
        "HTTP/3" | "HTTP/3.0" | "Http3_0" => Version::HTTP_3,
        _ => return Err(ParseError::new(node.line, "this is not an HTTP version")),
    }))
}

fn header_map(node: YamlNode) -> Result<HeaderMap, ParseError> {
    let entries = match node.value {
        Value::Null => Vec::new(),
        Value::Map(entries) => entries,
        _ => return Err(ParseError::new(node.line, "headers must be a map")),
    };
    let mut headers = HeaderMap::new();
    for (name, values) in entries {
        let line = values.line;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ParseError::new(line, "this is not a header name"))?;
        if headers.contains_key(&name) {
            return Err(ParseError::new(line, "this header is a duplicate"));
        }
        let values = match values.value {
            Value::List(values) => values,
            value => vec![YamlNode { line, value }],
        };
        for value in values {
            let value = header_value(value)?;
            headers
                .try_append(name.clone(), value)
                .map_err(|_| ParseError::new(line, "there are too many headers"))?;
        }
    }
    Ok(headers)
}

fn header_value(node: YamlNode) -> Result<HeaderValue, ParseError> {
    let line = node.line;
    let bytes = match node.value {
        Value::Text(text) => Bytes::from(text),
        Value::Map(_) => {
            let [base64] = fields(node, ["base64"])?;
            decode(required(base64, line, "base64")?)?
        }
        _ => return Err(ParseError::new(line, "a header value must be a string")),
    };
    HeaderValue::from_bytes(&bytes).map_err(|_| ParseError::new(line, "this is not a header value"))
}

fn recorded_body(node: YamlNode) -> Result<RecordedBody, ParseError> {
    let line = node.line;
    match node.value {
        // A truncated recording ends like this.
        Value::Null => Err(ParseError::new(
            line,
            "the body is missing (an empty one is written \"\")",
        )),
        Value::Text(text) => Ok(text.into()),
        Value::List(bytes) => byte_list(bytes).map(RecordedBody::from),
        Value::Map(_) => {
            let [base64, omitted] = fields(node, ["base64", "omitted"])?;
            match (base64, omitted) {
                (Some(base64), None) => decode(base64).map(RecordedBody::from),
                (None, Some(omitted)) => omitted_body(omitted),
                _ => Err(ParseError::new(
                    line,
                    "a body must be either `base64` or `omitted`",
                )),
            }
        }
    }
}

/// A body as a list of bytes, as in recordings of version 0.
fn byte_list(nodes: Vec<YamlNode>) -> Result<Bytes, ParseError> {
    let byte = |node| {
        let (number, line) = text(node)?;
        number
            .parse::<u8>()
            .map_err(|_| ParseError::new(line, "this is not a byte"))
    };
    nodes.into_iter().map(byte).collect()
}

fn omitted_body(node: YamlNode) -> Result<RecordedBody, ParseError> {
    let line = node.line;
    let [length, sha1] = fields(node, ["length", "sha1"])?;
    let (length, at) = text(required(length, line, "length")?)?;
    let length = length
        .parse()
        .map_err(|_| ParseError::new(at, "this is not a length"))?;
    let sha1 = match sha1 {
        None => None,
        Some(node) => {
            let (digits, at) = text(node)?;
            let sha1 = digest::parse_sha1(digits.as_bytes());
            Some(sha1.ok_or_else(|| ParseError::new(at, "this is not a SHA-1"))?)
        }
    };
    Ok(RecordedBody::Omitted { length, sha1 })
}

fn decode(node: YamlNode) -> Result<Bytes, ParseError> {
    if matches!(node.value, Value::Null) {
        return Ok(Bytes::new());
    }
    let (mut base64, line) = text(node)?;
    base64.retain(|letter| !letter.is_ascii_whitespace());
    STANDARD
        .decode(base64)
        .map(Bytes::from)
        .map_err(|_| ParseError::new(line, "this is not base64"))
}

/// The values of these keys of a map. Other keys are refused.
fn fields<const N: usize>(
    node: YamlNode,
    names: [&str; N],
) -> Result<[Option<YamlNode>; N], ParseError> {
    let Value::Map(entries) = node.value else {
        let reason = format!("expected a map of {}", names.join(", "));
        return Err(ParseError::new(node.line, reason));
    };
    let mut values = [const { None }; N];
    for (name, value) in entries {
        let Some(at) = names.iter().position(|known| *known == name) else {
            let reason = format!("expected only {}", names.join(", "));
            return Err(ParseError::new(value.line, reason));
        };
        values[at] = Some(value);
    }
    Ok(values)
}

fn required(node: Option<YamlNode>, line: usize, name: &str) -> Result<YamlNode, ParseError> {
    node.ok_or_else(|| ParseError::new(line, format!("`{name}` is missing")))
}

fn text(node: YamlNode) -> Result<(String, usize), ParseError> {
    match node.value {
        Value::Text(text) => Ok((text, node.line)),
        _ => Err(ParseError::new(node.line, "expected a string")),
    }
}
