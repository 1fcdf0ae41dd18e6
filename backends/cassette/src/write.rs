//! Writes recordings.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use b2kit_core::http::{HeaderMap, HeaderName, HeaderValue, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest;
use crate::format::VERSION_KEY;
use crate::interaction::{Interaction, RecordedBody};

/// The text of a recording. It is deterministic, and every scalar is in double quotes, so it is read as a string. The
/// body comes last, so that a file truncated within an interaction can't be parsed.
pub(crate) fn to_text<'a>(interactions: impl IntoIterator<Item = &'a Interaction>) -> String {
    let mut text = format!("{VERSION_KEY}: 1\n");
    for interaction in interactions {
        let Interaction { request, response } = interaction;
        text.push_str("---\n- Request:\n");
        line(&mut text, "method", &quoted(request.method.as_str()));
        line(&mut text, "url", &quoted(&request.url.to_string()));
        headers(&mut text, &request.headers);
        body(&mut text, &request.body);
        text.push_str("- Response:\n");
        line(&mut text, "status", response.status.as_str());
        line(&mut text, "version", version(response.version));
        if response.cut {
            line(&mut text, "cut", "true");
        }
        headers(&mut text, &response.headers);
        body(&mut text, &response.body);
    }
    text
}

/// Writes `text` to `path` atomically: to a temporary file that only the owner can read, which then replaces the
/// target.
pub(crate) fn to_file(path: &Path, text: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".cassette-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    #[cfg(unix)]
    std::fs::File::open(directory)?.sync_all()?;
    Ok(())
}

fn line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "    {key}: {value}").expect("writing to a String never fails");
}

const fn version(version: Option<Version>) -> &'static str {
    match version {
        Some(Version::HTTP_09) => "\"HTTP/0.9\"",
        Some(Version::HTTP_10) => "\"HTTP/1.0\"",
        Some(Version::HTTP_11) => "\"HTTP/1.1\"",
        Some(Version::HTTP_2) => "\"HTTP/2\"",
        Some(Version::HTTP_3) => "\"HTTP/3\"",
        _ => "~",
    }
}

fn headers(text: &mut String, headers: &HeaderMap) {
    if headers.is_empty() {
        return line(text, "headers", "~");
    }
    text.push_str("    headers:\n");
    let mut names: Vec<&HeaderName> = headers.keys().collect();
    names.sort_by_key(|name| name.as_str());
    for name in names {
        // YAML limits a key on the same line as its value to 1024 characters.
        if name.as_str().len() > 1000 {
            text.push_str("      ? ");
            text.push_str(&key(name.as_str()));
            text.push_str("\n      :\n");
        } else {
            text.push_str("      ");
            text.push_str(&key(name.as_str()));
            text.push_str(":\n");
        }
        for value in headers.get_all(name) {
            text.push_str("        - ");
            text.push_str(&header_value(value));
            text.push('\n');
        }
    }
}

fn key(name: &str) -> String {
    let plain = name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match plain {
        true => name.to_owned(),
        false => quoted(name),
    }
}

fn header_value(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => quoted(text),
        Err(_) => format!("base64: \"{}\"", STANDARD.encode(value)),
    }
}

fn body(text: &mut String, body: &RecordedBody) {
    match body {
        RecordedBody::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(body) => line(text, "body", &quoted(body)),
            Err(_) => {
                text.push_str("    body:\n");
                line(text, "  base64", &format!("\"{}\"", STANDARD.encode(bytes)));
            }
        },
        RecordedBody::Omitted { length, sha1 } => {
            text.push_str("    body:\n      omitted:\n");
            line(text, "    length", &length.to_string());
            if let Some(sha1) = sha1 {
                line(text, "    sha1", &format!("\"{}\"", digest::to_hex(sha1)));
            }
        }
    }
}

/// The text in double quotes, on one line, with everything unprintable escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Controls, other line breaks, the byte order mark, text direction, private use, noncharacters.
            '\0'..='\x1f'
            | '\x7f'..='\u{a0}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{ffff}'
            | '\u{e0000}'.. => {
                write!(out, "\\U{:08X}", u32::from(letter))
                    .expect("writing to a String never fails");
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use b2kit_core::http::{Method, StatusCode, Uri};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::interaction::{RecordedRequest, RecordedResponse};
    use crate::read;

    fn any_headers() -> impl Strategy<Value = HeaderMap> {
        let byte = prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8];
        let value = prop_oneof![vec(byte, 0..20), "\\PC{0,8}".prop_map(String::into_bytes)];
        let name = prop_oneof![
            "[a-z][a-z0-9-]{0,12}",
            "[!#$%&'*+.^_`|~0-9-]{1,6}",
            "a{1000,1100}"
        ];
        let header = (name, value).prop_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(&value).unwrap())
        });
        vec(header, 0..6).prop_map(|headers| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, value);
            }
            map.remove("content-length");
            map
        })
    }

    fn any_body() -> impl Strategy<Value = RecordedBody> {
        let sha1 = proptest::option::of(any::<[u8; 20]>());
        prop_oneof![
            vec(any::<u8>(), 0..50).prop_map(RecordedBody::from),
            vec(any::<char>(), 0..50)
                .prop_map(|letters| RecordedBody::from(letters.into_iter().collect::<String>())),
            "[ \\n\\t:#'\"\\\\~{}\\[\\]&*!|>%@`,?-]{0,30}".prop_map(RecordedBody::from),
            (any::<u64>(), sha1).prop_map(|(length, sha1)| RecordedBody::Omitted { length, sha1 }),
        ]
    }

    fn any_interaction() -> impl Strategy<Value = Interaction> {
        let request = (
            "[A-Z!~*-]{1,7}",
            "[a-z0-9.%/?&=+~!$'()*,;:@-]{0,30}",
            any_headers(),
            any_body(),
        );
        let request = request.prop_map(|(method, path, headers, body)| RecordedRequest {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            url: format!("https://example.com/{path}")
                .parse::<Uri>()
                .unwrap(),
            headers,
            body,
        });
        let version = prop_oneof![
            Just(None),
            Just(Some(Version::HTTP_10)),
            Just(Some(Version::HTTP_11)),
            Just(Some(Version::HTTP_2)),
            Just(Some(Version::HTTP_3)),
        ];
        let response = (
            100..1000_u16,
            version,
            any_headers(),
            any_body(),
            any::<bool>(),
        );
        let response =
            response.prop_map(|(status, version, headers, body, cut)| RecordedResponse {
                status: StatusCode::from_u16(status).unwrap(),
                version,
                headers,
                body,
                cut,
            });
        (request, response).prop_map(|(request, response)| Interaction { request, response })
    }

    proptest! {
        #[test]
        fn a_written_recording_is_read_back(session in vec(any_interaction(), 0..4)) {
            let text = to_text(&session);
            let read = read::from_bytes(text.as_bytes()).unwrap();
            let read: Vec<_> = read.into_iter().map(|located| located.interaction).collect();
            prop_assert_eq!(&read, &session, "{}", text);
            prop_assert_eq!(to_text(&read), text);
        }

        #[test]
        fn a_damaged_recording_never_panics(
            session in vec(any_interaction(), 1..3),
            edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = to_text(&session).into_bytes();
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = read::from_bytes(&bytes);
        }
    }
}
