//! Writes calls of the log as a recording of `b2kit-cassette`, whose documentation has the format.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::CallLog;
use super::call::{Message, Recorded};
use super::entry::Entry;
use super::filter::Filter;
use super::masking;
use super::ring::Depth;

impl CallLog {
    /// A recording of all calls that pass the filter, oldest first. Calls without a response, and
    /// those whose request and response the log no longer has, are left out; a comment counts them.
    pub(in crate::drivers) fn cassette(&self, filter: &Filter) -> String {
        let page = self.ring().page(0, usize::MAX, filter, Depth::Messages);
        let mut text = "b2kit-cassette: 1\n".to_owned();
        let (mut unanswered, mut dropped) = (0, page.missed);
        for call in page.calls() {
            match (call.recorded, call.entry.status) {
                (None, _) => dropped += 1,
                (Some(_), None) => unanswered += 1,
                (Some(recorded), Some(status)) => {
                    interaction(&mut text, self.scheme, call.entry, &recorded, status);
                }
            }
        }
        for (count, why) in [
            (unanswered, "had no response"),
            (dropped, "were no longer in the log"),
        ] {
            if count > 0 {
                write(
                    &mut text,
                    format_args!("# Omitted: {count} calls that {why}.\n"),
                );
            }
        }
        text
    }
}

fn interaction(
    text: &mut String,
    scheme: &str,
    entry: &Entry,
    recorded: &Recorded<'_>,
    status: u16,
) {
    let host = recorded.request.headers.text("host").unwrap_or("localhost");
    let target = masking::target(recorded.target);
    text.push_str("---\n- Request:\n");
    line(text, "method", &quoted(entry.method.as_str()));
    line(text, "url", &quoted(&format!("{scheme}://{host}{target}")));
    message(
        text,
        &recorded.request,
        claimed_sha1(entry, &recorded.request),
    );
    text.push_str("- Response:\n");
    line(text, "status", &status.to_string());
    line(text, "version", "\"HTTP/1.1\"");
    if !entry.is_complete {
        line(text, "cut", "true");
    }
    message(text, &recorded.response, None);
}

/// The SHA-1 of an upload that was compared with its bytes.
fn claimed_sha1<'a>(entry: &Entry, request: &Message<'a>) -> Option<&'a str> {
    let sha1 = request.headers.text("x-bz-content-sha1")?;
    let is_hex = sha1.len() == 40 && sha1.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && entry.status == Some(200)).then_some(sha1)
}

/// Writes the headers and the body of a message.
fn message(text: &mut String, message: &Message<'_>, sha1: Option<&str>) {
    let body = Body::of(message);
    headers(text, message, &body);
    match body {
        Body::Text(body) => line(text, "body", &quoted(&body)),
        Body::Bytes(bytes) => {
            text.push_str("    body:\n");
            line(text, "  base64", &format!("\"{}\"", STANDARD.encode(bytes)));
        }
        Body::Omitted(length) => {
            text.push_str("    body:\n      omitted:\n");
            line(text, "    length", &length.to_string());
            if let Some(sha1) = sha1 {
                line(text, "    sha1", &quoted(&sha1.to_ascii_lowercase()));
            }
        }
    }
}

/// A body as it is written.
enum Body<'a> {
    Text(String),
    Bytes(&'a [u8]),
    /// Its length, if the log does not have all of it.
    Omitted(u64),
}

impl<'a> Body<'a> {
    fn of(message: &Message<'a>) -> Self {
        match message.masked_body() {
            // a fault may have answered before a request's body was read
            _ if message.is_request && message.announced() > Some(message.len) => {
                Self::Omitted(message.announced().unwrap_or_default())
            }
            Some(Ok(text)) => Self::Text(text),
            Some(Err(bytes)) => Self::Bytes(bytes),
            None => Self::Omitted(message.len),
        }
    }
}

impl Message<'_> {
    /// The value of `Content-Length`.
    fn announced(&self) -> Option<u64> {
        self.headers.text("content-length")?.parse().ok()
    }

    /// The value of `Content-Length` once secrets are masked.
    fn masked_length(&self, body: &Body<'_>) -> Option<u64> {
        let Body::Text(text) = body else {
            return None;
        };
        let announced = self.announced()?;
        let left = announced.checked_sub(self.len)?;
        Some(left + text.len() as u64)
    }
}

fn headers(text: &mut String, message: &Message<'_>, body: &Body<'_>) {
    let mut all: Vec<_> = message.headers.iter().collect();
    if all.is_empty() {
        return line(text, "headers", "~");
    }
    all.sort_by_key(|(name, _)| *name);
    text.push_str("    headers:\n");
    let mut last = "";
    for (name, value) in all {
        if name != last {
            last = name;
            match name.len() {
                // the longest key that YAML has on the line of its value is 1024 characters
                ..=1000 => write(text, format_args!("      {}:\n", quoted(name))),
                _ => write(text, format_args!("      ? {}\n      :\n", quoted(name))),
            }
        }
        let value = match message.masked_length(body) {
            Some(length) if name == "content-length" => length.to_string().into_bytes().into(),
            _ => masking::header(name, value),
        };
        match std::str::from_utf8(&value) {
            Ok(value) => write(text, format_args!("        - {}\n", quoted(value))),
            Err(_) => {
                let value = STANDARD.encode(&value);
                write(text, format_args!("        - base64: \"{value}\"\n"));
            }
        }
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    write(text, format_args!("    {key}: {value}\n"));
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what)
        .expect("writing to a String never fails");
}

/// A YAML scalar in double quotes, on one line, with everything unprintable escaped.
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
            ' '..='~' => out.push(letter),
            letter if letter.is_alphanumeric() => out.push(letter),
            // control characters, line breaks, text direction and the like
            letter => write(&mut out, format_args!("\\U{:08X}", u32::from(letter))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_letters_and_ascii_is_escaped() {
        assert_eq!(quoted("a\"\\\n\r\t~ü自"), "\"a\\\"\\\\\\n\\r\\t~ü自\"");
        assert_eq!(
            quoted("\u{0}\u{202e}\u{feff}"),
            "\"\\U00000000\\U0000202E\\U0000FEFF\""
        );
    }
}
