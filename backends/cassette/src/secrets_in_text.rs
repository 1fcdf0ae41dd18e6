//! Secrets in text that is not valid JSON: a truncated object, a URL in a message, JSON in a string.

use std::ops::Range;

use crate::secret_fields::{Kind, SecretFields};
use crate::secrets::percent_decoded;

/// The value after the name of a field for secrets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
    /// The value without its escapes.
    pub(crate) value: Vec<u8>,
}

/// Finds `"name": "value"`, up to the closing quote or the end, and `name=value`, in order.
pub(crate) fn find(secret_fields: &SecretFields, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_name) {
        let start = at + start;
        let end = text[start..]
            .find(|letter| !is_name(letter))
            .map_or(text.len(), |length| start + length);
        at = end;
        let Some(kind) = secret_fields.field(&text[start..end]) else {
            continue;
        };
        let Some((range, escapes)) = value_after(text, end) else {
            continue;
        };
        at = range.end;
        let raw = &text[range.clone()];
        let value = match escapes {
            Escapes::Percent => percent_decoded(raw.as_bytes()),
            // A truncated value may end within an escape, so it is kept as it is.
            Escapes::Json => serde_json::from_str(&format!("\"{raw}\""))
                .unwrap_or_else(|_| raw.to_owned())
                .into_bytes(),
        };
        if !value.is_empty() {
            found.push(Found { range, kind, value });
        }
    }
    found
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

enum Escapes {
    Percent,
    Json,
}

fn value_after(text: &str, end: usize) -> Option<(Range<usize>, Escapes)> {
    let rest = &text[end..];
    if let Some(value) = rest.strip_prefix('=') {
        let is_end = |letter: char| letter.is_whitespace() || "&\"'<>\\#,;".contains(letter);
        let length = value.find(is_end).unwrap_or(value.len());
        return Some((end + 1..end + 1 + length, Escapes::Percent));
    }
    // In an object within a string, the quotes are escaped.
    let rest = rest.trim_start_matches('\\').strip_prefix('"')?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let wrapped = rest.starts_with('\\');
    let rest = rest.trim_start_matches('\\').strip_prefix('"')?;
    let start = text.len() - rest.len();
    let mut escaped = false;
    let closes = |letter| {
        let closes = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped && !wrapped;
        closes
    };
    let value = &rest[..rest.find(closes).unwrap_or(rest.len())];
    let length = match wrapped {
        true => value.trim_end_matches('\\').len(),
        false => value.len(),
    };
    Some((start..start + length, Escapes::Json))
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
        ] {
            let found = find(&SecretFields::default(), text);
            let found: Vec<_> = found
                .iter()
                .map(|found| std::str::from_utf8(&found.value).unwrap())
                .collect();
            assert_eq!(found, values, "{text}");
        }
    }
}
