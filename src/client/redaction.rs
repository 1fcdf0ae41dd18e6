//! [`Redactor`]: removes a client's secrets from the texts in errors.
//!
//! A server may repeat a secret in an error, encoded in any way, and not only a secret of the same
//! request. So one redactor knows the secrets of all calls. Instead of searching for each secret in
//! each encoding, it decodes the text in each way: as it is; with escapes undone (those of URLs, of
//! JSON, of HTML; all, once and twice); and each of these with runs of hexadecimal digits and of
//! base64 at any offset. Each decoded text is searched once for all secrets.
//!
//! Errors are redacted when they leave the client, after they were classified.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::types::{Secret, hex};

/// The text that replaces a secret.
const MASK: &str = "[redacted]";

/// A secret is found by its last bytes, since all tokens of an account begin alike. Shorter secrets
/// are not searched for: masking them would hide nothing and spoil every text.
const TAIL: usize = 4;

/// A shorter secret, which only a user can choose, may also be a part of many words. It is masked
/// where no letter or digit adjoins it.
const MIN_PART_OF_WORD: usize = 8;

/// The maximum number of tokens and keys that are remembered besides those that the client was
/// built with; the oldest are forgotten first. A token is learned again whenever it is used.
const MAX_LEARNED: usize = 4_096;

/// A secret that a user chose may be a word, which may occur in an error code. No word is this
/// long.
const MIN_TOKEN_LEN: usize = 24;

/// Only this many bytes of a text are searched; errors show fewer.
pub(super) const MAX_TEXT: usize = 8 << 10;

/// The secrets of a client, and how they are masked.
#[derive(Default)]
pub(super) struct Redactor(Mutex<SecretIndex>);

#[derive(Default)]
struct SecretIndex {
    by_tail: BTreeMap<[u8; TAIL], Vec<Entry>>,
    /// The secrets that may be forgotten, the oldest first.
    recent: VecDeque<Entry>,
}

type Entry = Arc<Zeroizing<Vec<u8>>>;

impl Redactor {
    /// Adds a secret that the client was built with, which is never forgotten.
    pub(super) fn keep(&self, secret: &Secret) {
        let mut known = self.lock();
        for bytes in forms(secret) {
            let _ = known.add(bytes);
        }
    }

    /// Adds a secret that is about to be sent, if it is not known or was forgotten.
    pub(super) fn learn_again(&self, bytes: &[u8]) {
        let is_known = self.lock().has(bytes);
        if let (false, Ok(text)) = (is_known, std::str::from_utf8(bytes)) {
            self.learn(&Secret::new(text));
        }
    }

    /// Adds a secret that was received later.
    pub(super) fn learn(&self, secret: &Secret) {
        let mut known = self.lock();
        for bytes in forms(secret) {
            if let Some(entry) = known.add(bytes) {
                known.recent.push_back(entry);
            }
        }
        while known.recent.len() > MAX_LEARNED {
            let oldest = known.recent.pop_front();
            oldest.into_iter().for_each(|oldest| known.remove(&oldest));
        }
    }

    /// The beginning of the text, with secrets masked.
    pub(super) fn redacted(&self, text: &str) -> String {
        let text = beginning(text, MAX_TEXT);
        let hidden = self.lock().find(text.as_bytes(), |_| true);
        without(text, &hidden)
    }

    /// The same for a name, in which only tokens and keys are masked: a user-chosen secret may be an
    /// ordinary word.
    pub(super) fn redacted_name(&self, name: &str) -> String {
        let name = beginning(name, MAX_TEXT);
        let hidden = self
            .lock()
            .find(name.as_bytes(), |entry| entry.len() >= MIN_TOKEN_LEN);
        without(name, &hidden)
    }

    /// Whether a string that should be one of B2's error codes contains a token or a key.
    pub(super) fn is_in_code(&self, code: &str) -> bool {
        let code = beginning(code, MAX_TEXT);
        let hidden = self
            .lock()
            .find(code.as_bytes(), |entry| entry.len() >= MIN_TOKEN_LEN);
        hidden.contains(&true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SecretIndex> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// A secret itself, and its decoded bytes if it is base64: a customer-managed key, or a name and a
/// password.
fn forms(secret: &Secret) -> Vec<Zeroizing<Vec<u8>>> {
    let text = secret.expose();
    let bare = text.strip_prefix("Basic ").unwrap_or(text);
    let mut forms = vec![Zeroizing::new(bare.as_bytes().to_vec())];
    if let Ok(decoded) = BASE64_STANDARD.decode(bare)
        && decoded.len() >= 16
    {
        forms.push(Zeroizing::new(decoded));
    }
    forms
}

impl SecretIndex {
    /// `None` if it is known already, or too short to be searched for.
    fn add(&mut self, bytes: Zeroizing<Vec<u8>>) -> Option<Entry> {
        let tail = *bytes.last_chunk::<TAIL>()?;
        let same = self.by_tail.entry(tail).or_default();
        if same.iter().any(|entry| **entry == bytes) {
            return None;
        }
        let entry = Arc::new(bytes);
        same.push(Arc::clone(&entry));
        Some(entry)
    }

    /// Whether it is known, or too short to be searched for.
    fn has(&self, bytes: &[u8]) -> bool {
        bytes.last_chunk::<TAIL>().is_none_or(|tail| {
            let same = self.by_tail.get(tail);
            same.is_some_and(|same| same.iter().any(|entry| ***entry == *bytes))
        })
    }

    fn remove(&mut self, entry: &Entry) {
        let Some(tail) = entry.last_chunk::<TAIL>() else {
            return;
        };
        if let Some(same) = self.by_tail.get_mut(tail) {
            same.retain(|other| !Arc::ptr_eq(other, entry));
            if same.is_empty() {
                self.by_tail.remove(tail);
            }
        }
    }

    /// Which bytes of a text belong to a secret.
    fn find(&self, text: &[u8], counts: impl Fn(&Entry) -> bool) -> Vec<bool> {
        let mut hidden = vec![false; text.len()];
        if self.by_tail.is_empty() {
            return hidden;
        }
        let plain = DecodedText::plain(text);
        for view in plain.unescaped_views().iter().chain([&plain]) {
            self.find_in(text, view, &mut hidden, &counts);
            let hexadecimal = (0..2).map(|at| view.hexadecimal(at));
            let base64 = (0..4).map(|at| view.base64(at));
            for decoded in hexadecimal.chain(base64) {
                self.find_in(text, &decoded, &mut hidden, &counts);
            }
        }
        hidden
    }

    fn find_in(
        &self,
        text: &[u8],
        view: &DecodedText,
        hidden: &mut [bool],
        counts: impl Fn(&Entry) -> bool,
    ) {
        for end in TAIL..=view.bytes.len() {
            let tail = view.bytes[..end].last_chunk();
            let candidates = tail.and_then(|tail| self.by_tail.get(tail));
            for entry in candidates.into_iter().flatten() {
                let is_short = entry.len() < MIN_PART_OF_WORD;
                if is_short && view.is_in_word(end.saturating_sub(entry.len()), end) {
                    continue;
                }
                if let Some(first) = view.start_of(entry, end, text).filter(|_| counts(entry)) {
                    let (_, last) = view.spans[end - 1];
                    hidden[first..last].fill(true);
                }
            }
        }
    }
}

/// A decoded text, and the bytes of the original text for each decoded byte.
struct DecodedText {
    bytes: Zeroizing<Vec<u8>>,
    spans: Vec<(usize, usize)>,
}

impl DecodedText {
    fn plain(text: &[u8]) -> Self {
        Self {
            bytes: Zeroizing::new(text.to_vec()),
            spans: (0..text.len()).map(|at| (at, at + 1)).collect(),
        }
    }

    fn empty(capacity: usize) -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(capacity)),
            spans: Vec::with_capacity(capacity),
        }
    }

    /// Where in the original text a secret begins that ends before `end` in this one.
    fn start_of(&self, secret: &[u8], end: usize, text: &[u8]) -> Option<usize> {
        let pairs = secret.iter().rev().zip(self.bytes[..end].iter().rev());
        let same = pairs.take_while(|(one, other)| one == other).count();
        let (start, _) = self.spans[end - same];
        let rest = &secret[..secret.len() - same];
        if rest.is_empty() {
            return Some(start);
        }
        // The text before the secret may complete an escape with its first characters, as `%d` does
        // before a `3`.
        let (escape, _) = self.spans[(end - same).checked_sub(1)?];
        text[escape..start]
            .ends_with(rest)
            .then(|| start - rest.len())
    }

    /// Whether a letter or digit adjoins these bytes, other than that of an escape like `\n`.
    fn is_in_word(&self, start: usize, end: usize) -> bool {
        let before = &self.bytes[..start];
        let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
        let is_escape = match before {
            [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] => true,
            [.., b'%', x, y] => is_hex(&[*x, *y]),
            [.., b'\\', b'u', w, x, y, z] => is_hex(&[*w, *x, *y, *z]),
            _ => false,
        };
        let before = before.last().filter(|_| !is_escape);
        let mut adjoining = before.into_iter().chain(self.bytes.get(end));
        adjoining.any(u8::is_ascii_alphanumeric)
    }

    fn push(&mut self, byte: u8, span: (usize, usize)) {
        self.bytes.push(byte);
        self.spans.push(span);
    }

    /// The text with its escapes undone in each way. A secret, or the text around it, may contain
    /// something that looks like an escape, so each kind is undone alone and together with the
    /// others, once and twice.
    fn unescaped_views(&self) -> Vec<Self> {
        let single = [
            Escapes::Percent,
            Escapes::Json,
            Escapes::JsonUnicode,
            Escapes::Html,
        ];
        let is_there =
            |kind: &Escapes| (0..self.bytes.len()).any(|at| kind.include(&self.bytes[at..]));
        let kinds: Vec<_> = single.into_iter().filter(is_there).collect();
        let mut views = Vec::new();
        if kinds.len() > 1 {
            views.extend(kinds.iter().map(|kind| self.unescaped(*kind)));
        }
        if !kinds.is_empty() {
            let once = self.unescaped(Escapes::All);
            views.push(once.unescaped(Escapes::All));
            views.push(once);
        }
        views
    }

    /// Escapes of these kinds undone once.
    fn unescaped(&self, kinds: Escapes) -> Self {
        let mut view = Self::empty(self.bytes.len());
        let mut at = 0;
        while at < self.bytes.len() {
            let text = &self.bytes[at..];
            let escape = escape(text).filter(|_| kinds.include(text));
            let (byte, len) = escape.unwrap_or((text[0], 1));
            view.push(byte, (self.spans[at].0, self.spans[at + len - 1].1));
            at += len;
        }
        view
    }

    /// Runs of hexadecimal digits, from their first or second digit on.
    fn hexadecimal(&self, skip: usize) -> Self {
        self.decoded(skip, 4, |byte| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
    }

    /// Runs of base64 of either alphabet, from one of their first four characters on.
    fn base64(&self, skip: usize) -> Self {
        self.decoded(skip, 6, |byte| match byte {
            b'A'..=b'Z' => Some(byte - b'A'),
            b'a'..=b'z' => Some(byte - b'a' + 26),
            b'0'..=b'9' => Some(byte - b'0' + 52),
            b'+' | b'-' => Some(62),
            b'/' | b'_' => Some(63),
            _ => None,
        })
    }

    /// Runs of digits of this many bits, each without its first `skip`, and a zero between two of
    /// them.
    fn decoded(&self, skip: usize, bits: u32, digit: impl Fn(u8) -> Option<u8>) -> Self {
        let mut view = Self::empty(self.bytes.len());
        let (mut skipped, mut buffer, mut held) = (0, 0_u32, 0);
        // The start of the byte that is being assembled.
        let mut first = 0;
        for (at, byte) in self.bytes.iter().enumerate() {
            let span = self.spans[at];
            let Some(digit) = digit(*byte) else {
                view.push(0, span);
                (skipped, held) = (0, 0);
                continue;
            };
            if skipped < skip {
                skipped += 1;
                continue;
            }
            if held == 0 {
                first = span.0;
            }
            buffer = (buffer << bits | u32::from(digit)) & 0xffff;
            held += bits;
            if held >= 8 {
                held -= 8;
                #[expect(clippy::cast_possible_truncation, reason = "it is the lowest byte")]
                view.push((buffer >> held) as u8, (first, span.1));
                // The next byte may begin within the same digit.
                first = span.0;
            }
        }
        view
    }
}

/// The kinds of escapes to undo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Percent,
    Json,
    /// `\uXXXX` only: a backslash before a secret would otherwise escape that of its first escape.
    JsonUnicode,
    Html,
    All,
}

impl Escapes {
    /// Whether the escape at the beginning of a text is one of them.
    fn include(self, text: &[u8]) -> bool {
        match self {
            Self::Percent => text.starts_with(b"%"),
            Self::Json => text.starts_with(b"\\"),
            Self::JsonUnicode => text.starts_with(b"\\u"),
            Self::Html => text.starts_with(b"&"),
            Self::All => true,
        }
    }
}

/// An escape at the beginning of a text: its byte, and its length.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let byte_of = |digits: &[u8]| {
        let mut byte = [0];
        hex::decode(digits, &mut byte).then_some(byte[0])
    };
    match text {
        [b'%', high, low, ..] => Some((byte_of(&[*high, *low])?, 3)),
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((byte_of(&[*high, *low])?, 6)),
        [b'\\', byte @ (b'/' | b'"' | b'\\'), ..] => Some((*byte, 2)),
        [b'&', b'#', rest @ ..] => {
            let end = rest.iter().take(6).position(|byte| *byte == b';')?;
            let byte = match &rest[..end] {
                [b'x' | b'X', digit] => byte_of(&[b'0', *digit])?,
                [b'x' | b'X', digits @ ..] => byte_of(digits)?,
                digits => std::str::from_utf8(digits).ok()?.parse().ok()?,
            };
            Some((byte, end + 3))
        }
        _ => None,
    }
}

/// The beginning of a text, at most `most` bytes.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The text with a mask for each hidden range of bytes. A character is hidden as a whole.
fn without(text: &str, hidden: &[bool]) -> String {
    if !hidden.contains(&true) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut redacted = false;
    for (at, letter) in text.char_indices() {
        let hide = hidden[at..at + letter.len_utf8()].contains(&true);
        match (hide, redacted) {
            (true, false) => shown.push_str(MASK),
            (true, true) => {}
            (false, _) => shown.push(letter),
        }
        redacted = hide;
    }
    shown
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};

    use super::*;

    const TOKEN: &str =
        "4_00415f935cf4dcb00000006ae_01c23dcc_f57902_acct_Vl-OZdLppNjLalHFmfuaIHFgR1Q=";
    const KEY: &str = "K004+zXy/qwErtY123uiOpAsD";

    fn knowing(secrets: &[&str]) -> Redactor {
        let known = Redactor::default();
        for secret in secrets {
            known.learn(&Secret::new(*secret));
        }
        known
    }

    #[test]
    fn a_forgotten_token_is_learned_again_when_it_is_used() {
        let known = knowing(&[TOKEN]);
        for number in 0..MAX_LEARNED {
            known.learn(&Secret::new(format!("a-newer-token-{number:010}")));
        }
        assert_eq!(known.redacted(TOKEN), TOKEN);
        known.learn_again(TOKEN.as_bytes());
        known.learn_again(TOKEN.as_bytes());
        assert_eq!(known.redacted(TOKEN), MASK);
        assert_eq!(known.lock().recent.len(), MAX_LEARNED);
    }

    fn percent(text: &str, all: bool) -> String {
        let letter = |byte: u8| match byte.is_ascii_alphanumeric() && !all {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect()
    }

    /// The same in every form, and with what may surround it.
    fn unicode(text: &str) -> String {
        text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
    }

    fn forms_of(secret: &str) -> Vec<String> {
        let mut forms = vec![
            secret.to_owned(),
            percent(secret, false),
            percent(secret, true),
            percent(secret, true).to_lowercase(),
            percent(&percent(secret, false), false),
            hex::to_string(secret.as_bytes()),
            hex::to_string(secret.as_bytes()).to_uppercase(),
            format!("a{}", hex::to_string(secret.as_bytes())),
            secret.replace('/', "\\/"),
            secret.replace('/', "\\u002F"),
            secret.replace('=', "&#61;").replace('/', "&#x2F;"),
        ];
        // Text before it shifts the boundaries of base64.
        for lead in ["", "x", "xy", "xyz", "id:"] {
            let whole = format!("{lead}{secret}:rest");
            forms.push(BASE64_STANDARD.encode(&whole));
            forms.push(BASE64_STANDARD_NO_PAD.encode(&whole));
            forms.push(BASE64_URL_SAFE.encode(&whole));
            forms.push(percent(&BASE64_STANDARD.encode(&whole), false));
            forms.push(format!("ab{}", BASE64_STANDARD.encode(&whole)));
        }
        forms
    }

    #[test]
    fn a_secret_is_masked_in_every_encoding_and_the_text_around_it_is_kept() {
        for secret in [TOKEN, KEY] {
            let known = knowing(&["another-secret", secret]);
            for form in forms_of(secret) {
                let shown = known.redacted(&format!("before <{form}> after"));
                assert!(
                    shown.starts_with("before <") && shown.ends_with("> after"),
                    "{shown}"
                );
                assert!(shown.contains(MASK), "{form}");
                // Only what surrounded the secret is left of an encoded form.
                assert!(shown.len() < 50, "{form} became {shown}");
            }
        }
    }

    #[test]
    fn a_secret_that_looks_like_an_escape_is_masked_in_escaped_text() {
        let secret = r"K004\/100%25&#61;";
        let known = knowing(&[secret]);
        for form in [
            percent(secret, false),
            percent(secret, true),
            secret.replace('\\', "\\\\"),
            hex::to_string(secret.as_bytes()),
            BASE64_STANDARD.encode(secret),
        ] {
            let shown = known.redacted(&format!("<{form}>")).replace('=', "");
            assert_eq!(shown, format!("<{MASK}>"), "{form}");
        }
    }

    #[test]
    fn an_encoded_secret_is_masked_after_what_looks_like_the_beginning_of_an_escape() {
        let known = knowing(&["abcdef-secret"]);
        for form in [
            format!("%25{}", percent("abcdef-secret", true)),
            format!("%{}", hex::to_string(b"abcdef-secret")),
            format!("\\u00{}", hex::to_string(b"abcdef-secret")),
            "%dabcdef%2dsecret".to_owned(),
            "%abcdef%2dsecret".to_owned(),
            "&#1a&#98;cdef-secret".to_owned(),
            format!("\\{}", unicode("abcdef-secret")),
        ] {
            assert!(known.redacted(&form).ends_with(MASK), "{form}");
        }
    }

    #[test]
    fn a_text_without_secrets_is_unchanged() {
        let known = knowing(&[TOKEN, KEY]);
        for text in [
            "",
            "Bucket 1234567 does not exist",
            "100%",
            "%zz %4",
            "&#; &#x; &#999; \\u12",
            "naïve 🦀",
            "K004",
        ] {
            assert_eq!(known.redacted(text), text);
        }
        assert_eq!(Redactor::default().redacted("x"), "x");
        // Nothing can be hidden by masking something that short.
        assert_eq!(knowing(&["a", "abc"]).redacted("abc"), "abc");
    }

    #[test]
    fn a_customer_key_is_masked_in_its_other_forms() {
        let raw = [0xA7_u8; 32];
        let known = knowing(&[&BASE64_STANDARD.encode(raw)]);
        for form in [
            BASE64_STANDARD.encode(raw),
            BASE64_URL_SAFE.encode(raw),
            hex::to_string(&raw),
        ] {
            let shown = known.redacted(&format!("<{form}>")).replace(MASK, "");
            assert!(matches!(&*shown, "<>" | "<=>"), "{form} became {shown}");
        }
    }

    #[test]
    fn basic_credentials_are_masked_as_a_whole_and_in_parts() {
        let known = Redactor::default();
        let basic = BASE64_STANDARD.encode(format!("keyid:{KEY}"));
        known.keep(&Secret::new(KEY));
        known.keep(&Secret::new(format!("Basic {basic}")));
        for text in [
            basic.clone(),
            KEY.to_owned(),
            BASE64_STANDARD.encode(&basic),
        ] {
            let shown = known.redacted(&text);
            assert!(shown.starts_with(MASK) && shown.len() < 20, "{shown}");
        }
    }

    #[test]
    fn the_oldest_learned_secrets_are_forgotten_and_configured_ones_never() {
        let known = Redactor::default();
        known.keep(&Secret::new(KEY));
        for n in 0..=MAX_LEARNED {
            known.learn(&Secret::new(format!("token-{n:05}")));
        }
        assert_eq!(
            known.redacted("token-00000 token-00001"),
            "token-00000 [redacted]"
        );
        assert_eq!(known.redacted(KEY), MASK);
        // The same twice is one.
        known.learn(&Secret::new("token-00001"));
        assert_eq!(known.redacted("token-00002"), MASK);
    }

    #[test]
    fn a_short_secret_is_masked_unless_it_is_part_of_a_word() {
        let known = knowing(&["thing", "eight-ch"]);
        for text in ["nothing was sent", "Things and something", "1thing2"] {
            assert_eq!(known.redacted(text), text);
        }
        for (text, expected) in [
            ("thing", "[redacted]"),
            ("{\"key\":\"thing\"}", "{\"key\":\"[redacted]\"}"),
            ("/nothing?key=thing&x", "/nothing?key=[redacted]&x"),
            ("%22thing%22", "%22[redacted]%22"),
            ("a\\nthing", "a\\n[redacted]"),
            ("%252522thing", "%252522[redacted]"),
            ("\\u2028thing", "\\u2028[redacted]"),
            ("eight-chars", "[redacted]ars"),
        ] {
            assert_eq!(known.redacted(text), expected);
        }
        for form in [
            percent("thing", true),
            hex::to_string(b"thing"),
            BASE64_STANDARD.encode("keyid:thing"),
        ] {
            assert!(known.redacted(&form).contains(MASK), "{form}");
        }
    }

    #[test]
    fn only_a_token_or_key_in_a_code_is_recognised() {
        let known = knowing(&["auth", "k004secretk004secretk004"]);
        assert!(!known.is_in_code("expired_auth_token"));
        assert!(known.is_in_code("bad_k004secretk004secretk004"));
        assert_eq!(
            known.redacted("expired_auth_token"),
            "expired_[redacted]_token"
        );
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_kept() {
        let known = knowing(&[TOKEN]);
        let long = "%25".repeat(1 << 20);
        assert!(known.redacted(&long).len() <= MAX_TEXT);
        let wide = "🦀".repeat(MAX_TEXT);
        assert!(known.redacted(&wide).len() <= MAX_TEXT);
    }

    #[test]
    fn base64_of_at_least_16_bytes_is_masked_in_its_decoded_form() {
        for (len, masked) in [(15, false), (16, true)] {
            let raw = vec![0xA7_u8; len];
            let known = knowing(&[&BASE64_STANDARD.encode(&raw)]);
            let text = hex::to_string(&raw);
            let expected = if masked { MASK } else { &text };
            assert_eq!(known.redacted(&text), expected, "{len} bytes");
        }
    }

    #[test]
    fn base64_of_either_alphabet_is_decoded() {
        let secret = "K004>>>???~~~>>>???~~~";
        let known = knowing(&[secret]);
        let standard = BASE64_STANDARD.encode(secret);
        assert!(standard.contains('+') && standard.contains('/'));
        for form in [standard, BASE64_URL_SAFE.encode(secret)] {
            let shown = known.redacted(&form);
            assert!(shown.starts_with(MASK) && shown.len() < 20, "{shown}");
        }
    }

    #[test]
    fn secrets_that_end_alike_are_all_masked() {
        let (first, second, third) = ("first-secret-1234", "second-1234", "third-secret-1234");
        let known = knowing(&[first, second]);
        known.learn_again(third.as_bytes());
        for secret in [first, second, third] {
            assert_eq!(known.redacted(secret), MASK);
        }
    }

    #[test]
    fn each_kind_of_escape_is_undone_alone() {
        for (secret, form) in [
            (r"K004\/100 secret", r"K004\/100%20secret"),
            (r"K004%25100/secret", r"K004%25100\/secret"),
            ("K004%25100=secret", "K004%25100&#61;secret"),
        ] {
            assert_eq!(knowing(&[secret]).redacted(form), MASK, "{form}");
        }
    }

    #[test]
    fn only_tokens_and_keys_are_masked_in_a_name() {
        let known = knowing(&["holiday", "k004secretk004secretk004"]);
        for (name, expected) in [
            ("holiday.jpg", "holiday.jpg"),
            ("k004secretk004secretk004.jpg", "[redacted].jpg"),
        ] {
            assert_eq!(known.redacted_name(name), expected);
        }
    }

    #[test]
    fn the_beginning_of_a_text_ends_between_characters() {
        for (text, most, expected) in [
            ("abc", 2, "ab"),
            ("abc", 3, "abc"),
            ("abc", 9, "abc"),
            ("a🦀", 4, "a"),
            ("🦀", 3, ""),
        ] {
            assert_eq!(beginning(text, most), expected);
        }
    }
}
