//! [`Secrets`]: the values that must not be written, and the placeholders that stand for them.

use std::collections::HashMap;
use std::iter;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::encodings::{MIN_SEARCH_LENGTH, unescaped};
use crate::secret_fields::{self, PREFIX};
use crate::secret_search::{Found, SecretSearch};

/// Shorter values are hidden only in their own field: elsewhere they would match by chance.
const MIN_LENGTH: usize = 6;

/// The secrets found so far, each with a placeholder of its own.
#[derive(Default)]
pub(crate) struct Secrets {
    placeholders: HashMap<Vec<u8>, String>,
    counts: HashMap<String, usize>,
    /// The values to search for everywhere, each with its placeholder.
    wanted: Vec<(Vec<u8>, String)>,
    /// The search for `wanted`, built when it is first used.
    search: OnceLock<SecretSearch>,
}

impl Secrets {
    /// Adds a secret of this kind, and returns its placeholder. A placeholder is returned unchanged.
    pub(crate) fn learn(&mut self, kind: &str, value: &[u8]) -> String {
        if let Ok(text) = std::str::from_utf8(value)
            && secret_fields::is_known_placeholder(text, |kind| self.counts.contains_key(kind))
        {
            return text.to_owned();
        }
        let everywhere = value.len() >= MIN_LENGTH
            && (kind != secret_fields::CUSTOM_HEADER || !is_media_type(value));
        self.insert(kind, value, everywhere)
    }

    /// Adds a secret that the program has declared: it is searched for everywhere, however short or common it is.
    pub(crate) fn declare(&mut self, kind: &str, value: &[u8]) -> String {
        self.insert(kind, value, true)
    }

    fn insert(&mut self, kind: &str, value: &[u8], everywhere: bool) -> String {
        if value.is_empty() {
            return String::new();
        }
        if let Some(placeholder) = self.placeholders.get(value) {
            return placeholder.clone();
        }
        let known = space_forms(value).find_map(|form| self.placeholders.get(&form).cloned());
        let placeholder = known.unwrap_or_else(|| self.new_placeholder(kind));
        self.placeholders
            .insert(value.to_vec(), placeholder.clone());
        if everywhere {
            self.look_for(value, &placeholder);
            // Encryption keys are written in base64; the decoded bytes are secret too.
            if kind.starts_with("customer-key")
                && let Some(bytes) = space_forms(value).find_map(|form| STANDARD.decode(form).ok())
                && bytes.len() >= 16
            {
                self.look_for(&bytes, &placeholder);
            }
        }
        placeholder
    }

    fn new_placeholder(&mut self, kind: &str) -> String {
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        match *count {
            1 => format!("{PREFIX}{kind}"),
            count => format!("{PREFIX}{kind}-{count}"),
        }
    }

    fn look_for(&mut self, value: &[u8], placeholder: &str) {
        for form in space_forms(value) {
            for form in iter::once(form.clone()).chain(latin_1_forms(&form)) {
                self.wanted.push((form, placeholder.to_owned()));
            }
        }
        self.search = OnceLock::new();
    }

    fn search(&self) -> &SecretSearch {
        self.search.get_or_init(|| {
            let values = self.wanted.iter().enumerate();
            SecretSearch::new(values.map(|(number, (value, _))| (value.as_slice(), number)))
        })
    }

    /// The bytes with every secret replaced, in any encoding; `None` if they contain none.
    pub(crate) fn hidden(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let found = self.search().find_all(bytes);
        if found.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut copied = 0;
        for Found { range, number } in found {
            out.extend_from_slice(&bytes[copied..range.start]);
            out.extend_from_slice(self.wanted[number].1.as_bytes());
            copied = range.end;
        }
        out.extend_from_slice(&bytes[copied..]);
        Some(out)
    }

    /// The text with every secret replaced; `None` if it contains none.
    pub(crate) fn hidden_text(&self, text: &str) -> Option<String> {
        self.hidden(text.as_bytes())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The placeholder of a secret that these bytes still contain: plain, in base64 or hexadecimal, or with any number
    /// of layers of percent-encoding and JSON escapes.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let number = self.search().any(bytes)?;
        Some(&self.wanted[number].1)
    }
}

impl Clone for Secrets {
    fn clone(&self) -> Self {
        Self {
            placeholders: self.placeholders.clone(),
            counts: self.counts.clone(),
            wanted: self.wanted.clone(),
            search: OnceLock::new(),
        }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The value, and it with a `+` for each space, as B2 and HTML forms write it, or with a space for each `+`.
fn space_forms(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let pairs = [(b' ', b'+'), (b'+', b' ')].into_iter();
    let forms = pairs.filter(|(from, _)| value.contains(from));
    let forms = forms.map(|(from, to)| {
        let bytes = value.iter().copied();
        let replaced = bytes.map(|byte| if byte == from { to } else { byte });
        replaced.collect()
    });
    iter::once(value.to_vec()).chain(forms)
}

/// A value that is not ASCII, converted from UTF-8 to Latin-1, as in headers, and from Latin-1 to UTF-8, which is how
/// JSON has bytes that are no text. Short ones would match by chance.
fn latin_1_forms(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let latin_1 = || -> Option<Vec<u8>> {
        let letters = std::str::from_utf8(value).ok()?.chars();
        letters.map(|letter| u8::try_from(letter).ok()).collect()
    };
    let utf_8 = || value.iter().copied().map(char::from).collect::<String>();
    let forms = match value.is_ascii() {
        true => [None, None],
        false => [latin_1(), Some(utf_8().into_bytes())],
    };
    let forms = forms.into_iter().flatten();
    forms.filter(|form| form.len() >= MIN_SEARCH_LENGTH)
}

/// Decodes a percent-encoded text in which `+` is a space, as B2 and HTML forms write it.
pub(crate) fn form_decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decoded(&spaced)
}

/// Decodes a percent-encoded text.
pub(crate) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        match unescaped(rest).filter(|_| *first == b'%') {
            Some((plain, length)) => {
                bytes.extend_from_slice(plain.as_bytes());
                rest = &rest[length..];
            }
            None => {
                bytes.push(*first);
                rest = &rest[1..];
            }
        }
    }
    bytes
}

fn is_media_type(value: &[u8]) -> bool {
    let families: [&[u8]; 6] = [
        b"application/",
        b"text/",
        b"image/",
        b"audio/",
        b"video/",
        b"multipart/",
    ];
    families.iter().any(|family| value.starts_with(family))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::digest;

    const KEY: &[u8] = b"K0029r3/MfU+hncp";

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.learn("application-key", KEY);
        secrets
    }

    #[test]
    fn a_secret_is_redacted_in_every_encoding() {
        let secrets = secrets();
        let base64 = STANDARD.encode(KEY);
        let hex = digest::to_hex(KEY);
        for written in [
            "K0029r3/MfU+hncp",
            "K0029r3%2FMfU%2Bhncp",
            "K0029r3%2fMfU+hncp",
            "%4b0029r3/MfU%2Bhncp",
            r"K0029r3\/MfU+hncp",
            r"\u004B0029r3\u002fMfU+hncp",
            &base64,
            base64.trim_end_matches('='),
            &hex,
            &hex.to_ascii_uppercase(),
        ] {
            let text = format!("<{written}>");
            assert_eq!(
                secrets.found_in(text.as_bytes()),
                Some("hidden-application-key")
            );
            let hidden = secrets.hidden_text(&text).unwrap();
            assert_eq!(hidden, "<hidden-application-key>", "{written}");
            assert_eq!(secrets.found_in(hidden.as_bytes()), None);
        }
        assert_eq!(secrets.hidden(b"K0029r3/MfU+hncq and %4"), None);
    }

    #[test]
    fn a_secret_is_found_at_any_offset_in_base64() {
        let secrets = secrets();
        for before in ["", "a", "ab", "abc", "0012:"] {
            for after in ["", "z", "zz", "zzz"] {
                let mut text = before.as_bytes().to_vec();
                text.extend_from_slice(KEY);
                text.extend_from_slice(after.as_bytes());
                for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    assert!(secrets.found_in(encoded.as_bytes()).is_some(), "{encoded}");
                }
            }
        }
    }

    #[test]
    fn equal_values_have_the_same_placeholder() {
        let mut secrets = secrets();
        assert_eq!(secrets.learn("x", KEY), "hidden-application-key");
        assert_eq!(
            secrets.learn("application-key", b"another"),
            "hidden-application-key-2"
        );
        assert_eq!(
            secrets.learn("application-key", b"hidden-application-key-7"),
            "hidden-application-key-7"
        );
        assert_eq!(secrets.learn("application-key", b""), "");
    }

    #[test]
    fn the_longer_of_two_secrets_is_redacted_first() {
        let mut secrets = Secrets::default();
        secrets.learn("account-id", b"d2e6b27577ea");
        secrets.learn("token", b"4_002d2e6b27577ea0_acct");
        let hidden = secrets.hidden_text("4_002d2e6b27577ea0_acct 002d2e6b27577ea0");
        assert_eq!(hidden.unwrap(), "hidden-token 002hidden-account-id0");
    }

    #[test]
    fn short_values_and_media_types_are_not_searched_for() {
        let mut secrets = Secrets::default();
        secrets.learn("token", b"short");
        secrets.learn("custom-header", b"application/json");
        assert_eq!(secrets.hidden(b"short application/json"), None);
        secrets.declare("pin", b"0815");
        assert_eq!(secrets.hidden_text("is 0815").unwrap(), "is hidden-pin");
    }
}
