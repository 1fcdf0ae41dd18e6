//! Decodes text in which secrets may be hidden: escapes, and runs of base64 and hexadecimal digits. Each takes one
//! pass.

use std::iter;
use std::ops::Range;

/// The number of layers of escapes that are removed one by one; the rest is removed at once.
const UNESCAPE_ROUNDS: usize = 3;

/// The shortest value that is searched for in decoded base64 and hexadecimal.
pub(crate) const MIN_SEARCH_LENGTH: usize = 4;

/// The kinds of escapes that are removed. A value may contain something that looks like an escape of the other kind,
/// which stays intact only if the kinds are removed separately.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    Percent,
    Json,
    Both,
}

impl Escapes {
    /// The ways to remove the escapes of a text that have different results.
    pub(crate) fn of(text: &[u8]) -> &'static [Self] {
        match (text.contains(&b'%'), text.contains(&b'\\')) {
            (false, false) => &[],
            (true, true) => &[Self::Both, Self::Percent, Self::Json],
            _ => &[Self::Both],
        }
    }

    /// [`unescaped`], for these kinds only.
    fn unescaped(self, bytes: &[u8]) -> Option<(Plain, usize)> {
        match (self, bytes) {
            (Self::Percent, [byte @ b'\\', ..]) | (Self::Json, [byte @ b'%', ..]) => {
                Some((Plain::byte(*byte), 1))
            }
            _ => unescaped(bytes),
        }
    }

    /// The bytes of the text from `at` without escapes of these kinds, each with the end of what it is written as.
    pub(crate) fn plain_bytes(
        self,
        text: &[u8],
        mut at: usize,
    ) -> impl Iterator<Item = (u8, usize)> + '_ {
        let pieces = iter::from_fn(move || {
            let (plain, length) = self.unescaped(&text[at..])?;
            at += length;
            Some((plain, at))
        });
        pieces.flat_map(|(plain, end)| (0..plain.len).map(move |at| (plain.bytes[at], end)))
    }
}

/// The one to four bytes that an escape, or a byte that is none, stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plain {
    bytes: [u8; 4],
    len: usize,
}

impl Plain {
    const fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            len: 1,
        }
    }

    fn char(letter: char) -> Self {
        let mut bytes = [0; 4];
        let len = letter.encode_utf8(&mut bytes).len();
        Self { bytes, len }
    }

    /// In UTF-8, if it is a character.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A text without its escapes, and the position of each byte in the original.
pub(crate) struct Unescaped {
    pub(crate) bytes: Vec<u8>,
    /// The position of the escape that each byte comes from, followed by the end of the text.
    starts: Vec<usize>,
}

impl Unescaped {
    /// The text without escapes of these kinds; `None` if there are none.
    pub(crate) fn of(text: &[u8], kinds: Escapes) -> Option<Self> {
        let mut this = Self {
            bytes: Vec::with_capacity(text.len()),
            starts: Vec::with_capacity(text.len() + 1),
        };
        let mut at = 0;
        while let Some((plain, length)) = kinds.unescaped(&text[at..]) {
            this.bytes.extend_from_slice(plain.as_bytes());
            this.starts.resize(this.bytes.len(), at);
            at += length;
        }
        this.starts.push(at);
        (this.bytes.len() < text.len()).then_some(this)
    }

    /// The range of the original that these bytes come from, with whole escapes.
    pub(crate) fn written(&self, range: Range<usize>) -> Range<usize> {
        let start = self.starts[range.start];
        let last = self.starts[range.end.saturating_sub(1)];
        // At most three steps: an escape stands for at most four bytes.
        let end = self.starts[range.end..].iter().find(|at| **at > last);
        start..end.copied().unwrap_or(start)
    }
}

/// The positions inside escapes. A value begins at one of them if the text before it happens to complete an escape, as
/// `%d` does before a `3`.
pub(crate) fn inside_escapes(text: &[u8], kinds: Escapes) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    let escapes = iter::from_fn(move || {
        let (_, length) = kinds.unescaped(&text[at..])?;
        at += length;
        Some(at - length + 1..at)
    });
    escapes.flatten()
}

/// Calls `look` with the bytes, and again after each layer of escapes is removed, until it finds something. The number
/// of calls is bounded, and no text is longer than the bytes.
pub(crate) fn each_unescaped<T>(
    bytes: &[u8],
    look: &mut impl FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    if let Some(found) = look(bytes) {
        return Some(found);
    }
    // Not the first way, both kinds at once: the rounds below do that.
    for kind in Escapes::of(bytes).iter().skip(1) {
        if let Some(found) = look(&unescaped_once(bytes, *kind)) {
            return Some(found);
        }
    }
    let mut text = bytes.to_vec();
    for _ in 0..UNESCAPE_ROUNDS {
        let plain = unescaped_once(&text, Escapes::Both);
        if plain.len() == text.len() {
            return None;
        }
        text = plain;
        if let Some(found) = look(&text) {
            return Some(found);
        }
    }
    look(&unescaped_wholly(&text))
}

fn unescaped_once(bytes: &[u8], kinds: Escapes) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((bytes, length)) = kinds.unescaped(rest) {
        plain.extend_from_slice(bytes.as_bytes());
        rest = &rest[length..];
    }
    plain
}

/// The bytes with all layers of escapes removed, in one pass: a byte that completes an escape may thereby complete an
/// enclosing one. A backslash before an escape may be removed, too. Each step adds a byte or removes at least one, so
/// the number of steps is at most twice that of the bytes.
fn unescaped_wholly(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    for byte in bytes {
        plain.push(*byte);
        while let Some((bytes, length)) = [3, 12, 6, 2].into_iter().find_map(|length| {
            let end = plain.len().checked_sub(length).map(|at| &plain[at..])?;
            unescaped(end).filter(|(_, escaped)| *escaped == length)
        }) {
            plain.truncate(plain.len() - length);
            plain.extend_from_slice(bytes.as_bytes());
        }
    }
    plain
}

/// Decodes the first byte or character, and says how many bytes it takes: `%2F`, `\u002f` and `\/` are a `/`, `\n` is a
/// line feed, `\u00fc` the two bytes of a `ü`, and `\ud83d\ude00` the four of one character.
pub(crate) fn unescaped(bytes: &[u8]) -> Option<(Plain, usize)> {
    let (byte, length) = match bytes {
        [] => return None,
        [b'%', high, low, ..] => match (hex_value(*high), hex_value(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, 3),
            _ => (b'%', 1),
        },
        [b'\\', b'u', ..] => match json_char(bytes) {
            Some((letter, length)) => return Some((Plain::char(letter), length)),
            None => (b'\\', 1),
        },
        [b'\\', letter, ..] => json_escape(*letter).map_or((b'\\', 1), |byte| (byte, 2)),
        [byte, ..] => (*byte, 1),
    };
    Some((Plain::byte(byte), length))
}

/// What this letter means after a backslash in JSON.
const fn json_escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// The character of the `\u` escapes at the beginning, and their length; `None` for half of a surrogate pair.
fn json_char(bytes: &[u8]) -> Option<(char, usize)> {
    let first = json_unit(bytes)?;
    if let Some(letter) = char::from_u32(first.into()) {
        return Some((letter, 6));
    }
    let pair = [first, json_unit(&bytes[6..])?];
    let letter = char::decode_utf16(pair).next()?.ok()?;
    Some((letter, 12))
}

/// The UTF-16 code unit of a `\u` escape.
fn json_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(br"\u")?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |sum, digit| {
        Some(sum << 4 | u16::from(hex_value(*digit)?))
    })
}

/// The bytes of a run of digits in a text.
pub(crate) struct DecodedRun<'a> {
    pub(crate) bytes: &'a [u8],
    alphabet: Alphabet,
    /// The position of the first digit.
    start: usize,
    /// The end of the run.
    end: usize,
    /// The number of `=` that follow.
    padding: usize,
}

#[derive(Clone, Copy)]
enum Alphabet {
    Base64,
    Hex,
}

impl DecodedRun<'_> {
    /// The range of the text whose digits encode these bytes, including digits shared with neighbouring bytes, and the
    /// padding at the end.
    pub(crate) fn written(&self, range: Range<usize>) -> Range<usize> {
        match self.alphabet {
            Alphabet::Hex => self.start + range.start * 2..self.start + range.end * 2,
            Alphabet::Base64 => {
                let first = range.start / 3 * 4 + range.start % 3;
                let last = range.end.saturating_sub(1);
                let end = self.start + last / 3 * 4 + last % 3 + 2;
                let padding = if end == self.end { self.padding } else { 0 };
                self.start + first..end + padding
            }
        }
    }
}

/// Calls `look` with the decoded bytes of each run of digits, at each possible alignment, until it finds something. All
/// decoded bytes together are at most four times as long as the text.
pub(crate) fn each_decoded<T>(
    text: &[u8],
    mut look: impl FnMut(&DecodedRun<'_>) -> Option<T>,
) -> Option<T> {
    let mut bytes = Vec::new();
    for (alphabet, value, steps, least) in [
        (
            Alphabet::Base64,
            base64_value as fn(u8) -> Option<u8>,
            4,
            MIN_SEARCH_LENGTH * 8 / 6 + 1,
        ),
        (Alphabet::Hex, hex_value, 2, MIN_SEARCH_LENGTH * 2),
    ] {
        let mut at = 0;
        while at < text.len() {
            let digits = text[at..].iter().take_while(|byte| value(**byte).is_some());
            let length = digits.count();
            let (start, end) = (at, at + length);
            at = end + 1;
            let padding = text[end..]
                .iter()
                .take(2)
                .take_while(|byte| **byte == b'=')
                .count();
            for step in 0..steps {
                if start + step + least > end {
                    break;
                }
                bytes.clear();
                decode(&text[start + step..end], alphabet, value, &mut bytes);
                let found = look(&DecodedRun {
                    bytes: &bytes,
                    alphabet,
                    start: start + step,
                    end,
                    padding,
                });
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}

fn decode(digits: &[u8], alphabet: Alphabet, value: fn(u8) -> Option<u8>, into: &mut Vec<u8>) {
    let (bits, group) = match alphabet {
        Alphabet::Base64 => (6, 4),
        Alphabet::Hex => (4, 2),
    };
    for digits in digits.chunks(group) {
        let sum = digits.iter().fold(0_u32, |sum, digit| {
            sum << bits | u32::from(value(*digit).unwrap_or(0))
        });
        let (bits, bytes) = (digits.len() * bits, digits.len() * bits / 8);
        for byte in 0..bytes {
            into.push((sum >> (bits - 8 * (byte + 1)) & 0xff) as u8);
        }
    }
}

/// The value of a digit in either alphabet of base64.
const fn base64_value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

const fn hex_value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    /// The reference implementation: one pass for each layer, until nothing changes.
    fn by_rounds(bytes: &[u8]) -> Vec<u8> {
        let mut text = bytes.to_vec();
        loop {
            let plain = unescaped_once(&text, Escapes::Both);
            if plain.len() == text.len() {
                return text;
            }
            text = plain;
        }
    }

    /// The number of bytes that are searched.
    fn work(text: &[u8]) -> usize {
        let mut work = 0;
        each_unescaped(text, &mut |text: &[u8]| {
            work += text.len();
            each_decoded(text, |decoded| {
                work += decoded.bytes.len();
                None::<()>
            })
        });
        work
    }

    #[test]
    fn the_work_is_linear_in_the_length_of_any_text() {
        for text in [
            "%25",
            "%",
            "25",
            "\\",
            "\\\\u005c",
            "%5c",
            "ab",
            "A",
            "=",
            "a ",
            "%%2",
            "\\u0025",
            "\\u00fc",
            "\\ud83d\\ude00",
            "\\n",
        ] {
            for length in [1_000, 100_000] {
                let text: Vec<u8> = text.bytes().cycle().take(length).collect();
                let work = work(&text);
                assert!(work <= 25 * length, "{work} for {length}");
            }
        }
        let nested: String = std::iter::once('%')
            .chain("25".chars().cycle().take(80_000))
            .collect();
        assert!(work(nested.as_bytes()) <= 25 * nested.len());
        assert_eq!(unescaped_wholly(nested.as_bytes()), b"%");
    }

    #[test]
    fn decoded_bytes_have_the_positions_of_their_digits() {
        let secret = b"K0029r3/MfU+hncp";
        for before in 0..7 {
            for after in 0..4 {
                let whole = [&b"0123456"[..before], secret, &b"789"[..after]].concat();
                let hex: String = whole.iter().map(|byte| format!("{byte:02X}")).collect();
                for text in [
                    STANDARD.encode(&whole),
                    STANDARD_NO_PAD.encode(&whole),
                    URL_SAFE.encode(&whole),
                    hex,
                ] {
                    for around in ["", " ", "/a", "ab/"] {
                        let text =
                            format!("{around}{text}{}", if around == " " { " " } else { "" });
                        let found = each_decoded(text.as_bytes(), |decoded| {
                            let mut windows = decoded.bytes.windows(secret.len());
                            let at = windows.position(|window| window == secret)?;
                            Some(decoded.written(at..at + secret.len()))
                        });
                        let found = found.unwrap_or_else(|| panic!("{text}"));
                        if before == 0 && after == 0 {
                            let written = text[found].trim();
                            assert_eq!(written, text.trim_start_matches(around).trim());
                        }
                    }
                }
            }
        }
    }

    /// The digits that hold a value of four bytes, the shortest that is searched for.
    fn digits_of(value: &[u8], text: &str) -> Option<Range<usize>> {
        each_decoded(text.as_bytes(), |decoded| {
            let mut windows = decoded.bytes.windows(value.len());
            let at = windows.position(|window| window == value)?;
            Some(decoded.written(at..at + value.len()))
        })
    }

    #[test]
    fn the_digits_of_a_value_are_those_that_share_bits_with_it() {
        // In base64 with all digits, also the last two, which the alphabets write differently.
        let value = b"\xfb\xef\xbe\xff";
        for before in 0..7 {
            for after in 0..4 {
                let whole = [&b"0123456"[..before], value, &b"789"[..after]].concat();
                let hex: String = whole.iter().map(|byte| format!("{byte:02x}")).collect();
                for (bits, text) in [
                    (6, STANDARD.encode(&whole)),
                    (6, STANDARD_NO_PAD.encode(&whole)),
                    (6, URL_SAFE.encode(&whole)),
                    (4, hex),
                ] {
                    let start = before * 8 / bits;
                    let end = match after {
                        0 => text.len(),
                        _ => ((before + value.len()) * 8).div_ceil(bits),
                    };
                    assert_eq!(digits_of(value, &text), Some(start..end), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_value_of_four_bytes_is_found_after_any_number_of_other_digits() {
        let value = b"k4~1";
        for (digits, others) in [("azR-MQ", "ABCD"), ("6b347E31", "0")] {
            for before in 0..others.len() {
                let text = format!("a b: {}{digits}.", &others[..before]);
                assert!(digits_of(value, &text).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn json_escapes_are_decoded_to_utf_8() {
        for text in [r"\b\f\n\r\t\/\\x", r"M\u00fcller \u738B", r"\ud83d\ude00!"] {
            let decoded: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(
                unescaped_once(text.as_bytes(), Escapes::Json),
                decoded.as_bytes()
            );
            assert_eq!(unescaped_wholly(text.as_bytes()), decoded.as_bytes());
        }
        for half in [r"\ud83d", r"\ude00\ud83d", r"\ud83dx", r"\u12", r"\x"] {
            assert_eq!(
                unescaped_once(half.as_bytes(), Escapes::Json),
                half.as_bytes()
            );
        }
    }

    #[test]
    fn a_range_that_ends_inside_a_character_covers_its_whole_escape() {
        let plain = Unescaped::of(br"a\u00fcb", Escapes::Json).unwrap();
        assert_eq!(plain.bytes, "a\u{fc}b".as_bytes());
        assert_eq!(plain.written(0..2), 0..7);
        assert_eq!(plain.written(2..4), 1..8);
        assert_eq!(plain.written(1..3), 1..7);
    }

    const PIECES: &str = r"([%25cu0\\/41xn]|\\ud83d|\\ude00){0,40}";

    proptest! {
        #[test]
        fn one_pass_removes_all_layers_of_escapes(text in r"[%25cu0\\/41]{0,40}") {
            let without_backslashes = |mut bytes: Vec<u8>| {
                bytes.retain(|byte| *byte != b'\\');
                bytes
            };
            let one_pass = without_backslashes(unescaped_wholly(text.as_bytes()));
            prop_assert_eq!(one_pass, without_backslashes(by_rounds(text.as_bytes())));
        }

        #[test]
        fn the_positions_of_plain_bytes_cover_the_text(text in PIECES) {
            if let Some(plain) = Unescaped::of(text.as_bytes(), Escapes::Both) {
                let whole = plain.written(0..plain.bytes.len());
                prop_assert_eq!(whole, 0..text.len());
                for at in 0..plain.bytes.len() {
                    let written = &text.as_bytes()[plain.written(at..at + 1)];
                    let (bytes, length) = unescaped(written).unwrap();
                    prop_assert_eq!(length, written.len());
                    prop_assert!(bytes.as_bytes().contains(&plain.bytes[at]));
                }
            }
        }
    }
}
