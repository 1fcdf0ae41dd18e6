//! From interactions to text, and from text to a file.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use b2kit_core::http::{HeaderMap, HeaderName, HeaderValue, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hex;
use crate::interaction::{Interaction, RecordedBody};
use crate::read::VERSION_KEY;

/// The recording of these interactions: the same text for the same interactions, every text in double quotes, so that
/// nothing is taken for anything else and a file that was cut off can't be read.
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
        headers(&mut text, &response.headers);
        body(&mut text, &response.body);
        if response.cut {
            line(&mut text, "cut", "true");
        }
    }
    text
}

/// Puts `text` at `path`, whole or not at all: it is written beside it, readable by its owner only, and then takes the
/// place of what was there.
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
    writeln!(text, "    {key}: {value}").expect("writing to a String can't fail");
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
        // A key on its value's line has at most 1024 characters in YAML.
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
                line(text, "    sha1", &format!("\"{}\"", hex::lower(sha1)));
            }
        }
    }
}

/// A text in double quotes, on one line, with only what can be printed.
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
            // Controls, the other line breaks, the byte order mark, text direction, private use, no characters.
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
                    .expect("writing to a String can't fail");
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
