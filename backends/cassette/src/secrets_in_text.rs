//! Secrets in text that is not valid JSON, nor always UTF-8: a truncated object, a URL in a message, JSON in a string.

use std::ops::Range;

use crate::secret_fields::{CREDENTIALS, CUSTOM_HEADER, Kind, SecretFields};
use crate::secrets::form_decoded;

/// The value after the name of a field for secrets, or the credentials in a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
    /// The value without its escapes; of credentials with them, since an escaped `:` separates nothing.
    pub(crate) value: Vec<u8>,
}

/// Finds `"name": "value"`, up to the closing quote or the end, `name=value`, the values in `"customHeaders": [...]`,
/// and `user:password` in `scheme://user:password@host`, in order.
pub(crate) fn find(secret_fields: &SecretFields, text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut enclosing = None;
    let mut at = 0;
    while let Some(skipped) = text[at..].iter().position(is_name) {
        let start = at + skipped;
        if text[at..start].contains(&b']') {
            enclosing = None;
        }
        let name = text[start..].iter().take_while(|byte| is_name(byte));
        let end = start + name.count();
        at = end;
        if let Some(range) = userinfo_after(text, end) {
            at = range.end;
            found.push(Found {
                kind: CREDENTIALS,
                value: text[range.clone()].to_vec(),
                range,
            });
            continue;
        }
        let name = String::from_utf8_lossy(&text[start..end]);
        let Some(kind) = secret_fields.below(enclosing, &name) else {
            continue;
        };
        let Some((range, escapes)) = value_after(text, end) else {
            if kind == CUSTOM_HEADER && is_before_array(&text[end..]) {
                enclosing = Some(kind);
            }
            continue;
        };
        at = range.end;
        let raw = &text[range.clone()];
        let value = match escapes {
            Escapes::Percent => form_decoded(raw),
            // A truncated value may end within an escape, so it is kept as it is.
            Escapes::Json => serde_json::from_slice(&[b"\"", raw, b"\""].concat())
                .map_or_else(|_| raw.to_vec(), String::into_bytes),
        };
        if !value.is_empty() {
            found.push(Found { range, kind, value });
        }
    }
    found
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-'
}

enum Escapes {
    Percent,
    Json,
}

fn value_after(text: &[u8], end: usize) -> Option<(Range<usize>, Escapes)> {
    let rest = &text[end..];
    if let Some(value) = rest.strip_prefix(b"=") {
        let is_end = |letter: char| letter.is_whitespace() || "&\"'<>\\#,;".contains(letter);
        let ends_at = |at: &usize| {
            let letter = &value[*at..value.len().min(at + 4)];
            String::from_utf8_lossy(letter).starts_with(is_end)
        };
        let length = (0..value.len()).find(ends_at).unwrap_or(value.len());
        return Some((end + 1..end + 1 + length, Escapes::Percent));
    }
    let quoted = member(rest)?;
    let wrapped = quoted.starts_with(b"\\");
    let rest = without_backslashes(quoted).strip_prefix(b"\"")?;
    let start = text.len() - rest.len();
    let mut escaped = false;
    let closes = |byte: &u8| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped && !wrapped;
        closes
    };
    let mut end = start + rest.iter().position(closes).unwrap_or(rest.len());
    while wrapped && text[start..end].ends_with(b"\\") {
        end -= 1;
    }
    Some((start..end, Escapes::Json))
}

/// The range of the credentials in a URL whose scheme ends here. In JSON, its slashes may be escaped.
fn userinfo_after(text: &[u8], end: usize) -> Option<Range<usize>> {
    let rest = without_backslashes(text[end..].strip_prefix(b":")?);
    let rest = without_backslashes(rest.strip_prefix(b"/")?).strip_prefix(b"/")?;
    // The characters of RFC 3986, and `@`, which some leave unencoded.
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(byte);
    let authority = rest.iter().take_while(|byte| is_part(byte)).count();
    let length = rest[..authority].iter().rposition(|byte| *byte == b'@')?;
    // A user without a password, as in `ssh://git@host`, is no secret.
    let has_password = rest[..length].contains(&b':');
    let start = text.len() - rest.len();
    has_password.then_some(start..start + length)
}

/// The text after the closing quote of a member's name and the colon. In an object within a string, the quotes are
/// escaped.
fn member(text: &[u8]) -> Option<&[u8]> {
    let rest = without_backslashes(text).strip_prefix(b"\"")?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    Some(rest.trim_ascii_start())
}

fn is_before_array(text: &[u8]) -> bool {
    member(text).is_some_and(|value| value.starts_with(b"["))
}

fn without_backslashes(text: &[u8]) -> &[u8] {
    let backslashes = text.iter().take_while(|byte| **byte == b'\\').count();
    &text[backslashes..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_broken_and_wrapped_json_and_in_urls() {
        for (text, values) in [
            (r#"{"applicationKey" :"abc", "#, vec!["abc"]),
            (r#"{"authorizationToken":"ab\/c"#, vec!["ab/c"]),
            (r#"{"accountId":"12","customerKey":"x=","#, vec!["12", "x="]),
            ("see https://h/f?Authorization=t%2Fk&x=1 there", vec!["t/k"]),
            (
                r#"{"a":"{\"applicationKey\": \"abc\", \"x\":\"y"#,
                vec!["abc"],
            ),
            (r#"{"applicationKey":"a\"b\\","x":"y"#, vec![r#"a"b\"#]),
            (r#"{"applicationKey":12, "accountId":null}"#, vec![]),
            (r#"{"applicationKey":"#, vec![]),
            ("the authorizationToken is bad", vec![]),
            ("applicationKey=&x=1", vec![]),
            ("applicationKey=a\u{fc}\u{3000}b", vec!["a\u{fc}"]),
            ("ftp://a:b@c@h/@, see https://h/a@b", vec!["a:b@c"]),
            ("git+ssh://git@github.com/x", vec![]),
            ("<a href='http://h:80'>me@h</a>", vec![]),
        ] {
            let found = find(&SecretFields::default(), text.as_bytes());
            let found: Vec<_> = found
                .iter()
                .map(|found| std::str::from_utf8(&found.value).unwrap())
                .collect();
            assert_eq!(found, values, "{text}");
        }
    }
}
