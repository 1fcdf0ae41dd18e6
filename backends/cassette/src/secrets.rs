//! [`Secrets`]: the values that must not be written, and the placeholders that stand for them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::hex;
use crate::places::{self, PREFIX};

/// A shorter value is hidden where it stands, but not looked for elsewhere: it would be found in every other word.
const MIN_LENGTH: usize = 6;

/// The values that were learned so far. A value has one placeholder, and a placeholder one value.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    placeholders: HashMap<Vec<u8>, String>,
    counts: HashMap<String, usize>,
    /// The forms in which a secret may be written, and its placeholder.
    forms: Vec<(Vec<u8>, String)>,
    /// The numbers of the forms that begin with each byte.
    starts: HashMap<u8, Vec<usize>>,
    /// What a recording must not hold in the end; see [`found_in`](Self::found_in).
    needles: HashMap<[u8; 4], Vec<(Vec<u8>, String)>>,
}

impl Secrets {
    /// The placeholder of `value`, a secret of this kind; what is one already stays as it is.
    pub(crate) fn learn(&mut self, kind: &str, value: &[u8]) -> String {
        if let Ok(text) = std::str::from_utf8(value)
            && places::is_placeholder(text)
        {
            return text.to_owned();
        }
        let everywhere =
            value.len() >= MIN_LENGTH && (kind != places::CUSTOM_HEADER || !is_media_type(value));
        self.insert(kind, value, everywhere)
    }

    /// As [`learn`](Self::learn), and however short or common the value is, and whatever it looks like, it is looked for
    /// everywhere.
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
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let placeholder = match *count {
            1 => format!("{PREFIX}{kind}"),
            count => format!("{PREFIX}{kind}-{count}"),
        };
        self.placeholders
            .insert(value.to_vec(), placeholder.clone());
        if everywhere {
            self.add_forms(value, &placeholder);
            // An encryption key is written in base64; its bytes are the key as well.
            if kind.starts_with("customer-key")
                && let Ok(bytes) = STANDARD.decode(value)
                && bytes.len() >= 16
            {
                self.add_forms(&bytes, &placeholder);
            }
        }
        placeholder
    }

    fn add_forms(&mut self, value: &[u8], placeholder: &str) {
        let hex = hex::lower(value);
        let mut forms = vec![
            value.to_vec(),
            STANDARD.encode(value).into_bytes(),
            STANDARD_NO_PAD.encode(value).into_bytes(),
            URL_SAFE.encode(value).into_bytes(),
            URL_SAFE_NO_PAD.encode(value).into_bytes(),
            hex.to_ascii_uppercase().into_bytes(),
            hex.into_bytes(),
        ];
        forms.sort();
        forms.dedup();
        for form in &forms {
            let numbers = self.starts.entry(form[0]).or_default();
            numbers.push(self.forms.len());
            self.forms.push((form.clone(), placeholder.to_owned()));
        }
        forms.extend(unaligned_base64(value));
        for form in forms {
            if let Some(start) = form.first_chunk::<4>() {
                let needle = (form.clone(), placeholder.to_owned());
                self.needles.entry(*start).or_default().push(needle);
            }
        }
    }

    /// The bytes with every learned secret replaced, however it is written; `None` if there is none in them.
    pub(crate) fn hidden(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let (mut at, mut copied) = (0, 0);
        while at < bytes.len() {
            let Some((length, placeholder)) = self.longest_at(&bytes[at..]) else {
                at += 1;
                continue;
            };
            out.extend_from_slice(&bytes[copied..at]);
            out.extend_from_slice(placeholder.as_bytes());
            at += length;
            copied = at;
        }
        if copied == 0 {
            return None;
        }
        out.extend_from_slice(&bytes[copied..]);
        Some(out)
    }

    /// As [`hidden`](Self::hidden), for text. (A secret that is part of a character leaves none.)
    pub(crate) fn hidden_text(&self, text: &str) -> Option<String> {
        self.hidden(text.as_bytes())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn longest_at(&self, bytes: &[u8]) -> Option<(usize, &str)> {
        let (first, _) = unescaped(bytes)?;
        let plain = self.starts.get(&bytes[0]);
        let escaped = self.starts.get(&first).filter(|_| first != bytes[0]);
        let candidates = plain.into_iter().chain(escaped).flatten();
        candidates
            .filter_map(|number| {
                let (form, placeholder) = &self.forms[*number];
                Some((written_length(bytes, form)?, placeholder.as_str()))
            })
            .max_by_key(|(length, _)| *length)
    }

    /// The placeholder of a secret that is still in these bytes: as it is, or percent-encoded, or in JSON's escapes, or
    /// somewhere in base64, or in hex. This looks in another way than [`hidden`](Self::hidden) does.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        // A URL within a URL is encoded twice; each round takes at least two bytes away, so there is an end.
        let mut text = bytes.to_vec();
        loop {
            if let Some(found) = self.needle_in(&text) {
                return Some(found);
            }
            let plain = unescaped_once(&text);
            if plain.len() == text.len() {
                return None;
            }
            text = plain;
        }
    }

    fn needle_in(&self, bytes: &[u8]) -> Option<&str> {
        let starts = bytes.windows(4).enumerate();
        let mut candidates = starts.filter_map(|(at, start)| {
            let start: &[u8; 4] = start.try_into().ok()?;
            Some((at, self.needles.get(start)?))
        });
        candidates.find_map(|(at, needles)| {
            let mut needles = needles.iter();
            let (_, placeholder) = needles.find(|(needle, _)| bytes[at..].starts_with(needle))?;
            Some(placeholder.as_str())
        })
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How many of `bytes` write `form`, if they begin with it, each letter as itself or escaped.
fn written_length(bytes: &[u8], form: &[u8]) -> Option<usize> {
    let mut at = 0;
    for wanted in form {
        let rest = &bytes[at..];
        if rest.first() == Some(wanted) {
            at += 1;
            continue;
        }
        match unescaped(rest)? {
            (byte, length) if byte == *wanted => at += length,
            _ => return None,
        }
    }
    Some(at)
}

fn unescaped_once(bytes: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((byte, length)) = unescaped(rest) {
        plain.push(byte);
        rest = &rest[length..];
    }
    plain
}

/// The byte that is written first, and by how many bytes: `%2F`, `\u002f` and `\/` are a `/`.
fn unescaped(bytes: &[u8]) -> Option<(u8, usize)> {
    let hex = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::try_from(u32::from_str_radix(digits, 16).ok().filter(|_| all)?).ok()
    };
    Some(match bytes {
        [] => return None,
        [b'%', high, low, ..] => hex(&[*high, *low]).map_or((b'%', 1), |byte| (byte, 3)),
        [b'\\', b'u', a, b, c, d, ..] => {
            hex(&[*a, *b, *c, *d]).map_or((b'\\', 1), |byte| (byte, 6))
        }
        [b'\\', byte @ (b'/' | b'"' | b'\\'), ..] => (*byte, 2),
        [byte, ..] => (*byte, 1),
    })
}

/// The bytes that a percent-encoded text means.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(first) = rest.first() {
        let (byte, length) = unescaped(rest)
            .filter(|_| *first == b'%')
            .unwrap_or((*first, 1));
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

/// What `value` leaves in the base64 of a text in which it stands anywhere: the letters that only it decides.
fn unaligned_base64(value: &[u8]) -> Vec<Vec<u8>> {
    let mut cores = Vec::new();
    for before in 0..3 {
        let mut text = vec![0; before];
        text.extend_from_slice(value);
        // The first letters also hold bits of what stands before.
        let first = [0, 2, 3][before];
        let last = text.len() * 8 / 6;
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let letters = alphabet.encode(&text).into_bytes();
            cores.push(letters[first..last].to_vec());
        }
    }
    // Less is no evidence.
    cores.retain(|core| core.len() >= MIN_LENGTH);
    cores
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
    use super::*;

    const KEY: &[u8] = b"K0029r3/MfU+hncp";

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.learn("application-key", KEY);
        secrets
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let secrets = secrets();
        let base64 = STANDARD.encode(KEY);
        let hex = hex::lower(KEY);
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
    fn a_secret_is_found_anywhere_in_base64() {
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
    fn equal_values_have_one_placeholder_and_others_another() {
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
    fn the_longer_of_two_secrets_is_hidden_first() {
        let mut secrets = Secrets::default();
        secrets.learn("account-id", b"d2e6b27577ea");
        secrets.learn("token", b"4_002d2e6b27577ea0_acct");
        let hidden = secrets.hidden_text("4_002d2e6b27577ea0_acct 002d2e6b27577ea0");
        assert_eq!(hidden.unwrap(), "hidden-token 002hidden-account-id0");
    }

    #[test]
    fn short_values_and_media_types_are_not_looked_for() {
        let mut secrets = Secrets::default();
        secrets.learn("token", b"short");
        secrets.learn("custom-header", b"application/json");
        assert_eq!(secrets.hidden(b"short application/json"), None);
        secrets.declare("pin", b"0815");
        assert_eq!(secrets.hidden_text("is 0815").unwrap(), "is hidden-pin");
    }
}
