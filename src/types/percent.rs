//! B2's percent-encoding, for file names in URLs and headers, file info values and query values;
//! never inside JSON.

use std::borrow::Cow;

use crate::error::Error;

/// Percent-encodes a text for a URL's path or query, or for a header, as B2 requires.
///
/// Letters, digits and `. _ - ~ /` stay as they are, every other byte of the UTF-8 form becomes
/// `%XX`. B2 allows some more characters unescaped; escaping more than required is allowed and
/// survives more proxies.
///
/// ```
/// assert_eq!(b2kit::types::percent_encode("a b/ü+.txt"), "a%20b/%C3%BC%2B.txt");
/// ```
#[must_use]
pub fn percent_encode(text: &str) -> Cow<'_, str> {
    let Some(first) = text.bytes().position(|byte| !stays(byte)) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut encoded = String::with_capacity(text.len() + 2 * rest.len().min(64));
    encoded.push_str(plain);
    for byte in rest.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    Cow::Owned(encoded)
}

const fn stays(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'~' | b'/')
}

/// Decodes a percent-encoded text from B2: `+` is a space, `%XX` is a byte, and the bytes are
/// UTF-8.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) if a `%` is not followed by two hexadecimal digits, or
/// the bytes are not UTF-8.
pub fn percent_decode(text: &str) -> Result<Cow<'_, str>, Error> {
    let Some(first) = text.bytes().position(|byte| byte == b'%' || byte == b'+') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(&text.as_bytes()[..first]);
    let mut bytes = text.as_bytes()[first..].iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let value = high
                    .zip(low)
                    .and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                value.ok_or_else(|| {
                    Error::invalid("a % is not followed by two hexadecimal digits")
                })?
            }
            byte => byte,
        });
    }
    let decoded = String::from_utf8(decoded);
    decoded
        .map(Cow::Owned)
        .map_err(|_| Error::invalid("the percent-decoded bytes are not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B2's table of characters: fully and minimally encoded.
    const TABLE: &[(&str, &str, &str)] = &[
        (" ", "%20", "+"),
        ("!", "%21", "!"),
        ("\"", "%22", "%22"),
        ("#", "%23", "%23"),
        ("$", "%24", "$"),
        ("%", "%25", "%25"),
        ("&", "%26", "%26"),
        ("'", "%27", "'"),
        ("(", "%28", "("),
        (")", "%29", ")"),
        ("*", "%2A", "*"),
        ("+", "%2B", "%2B"),
        (",", "%2C", "%2C"),
        ("-", "%2D", "-"),
        (".", "%2E", "."),
        ("/", "/", "/"),
        ("0", "%30", "0"),
        ("9", "%39", "9"),
        (":", "%3A", ":"),
        (";", "%3B", ";"),
        ("<", "%3C", "%3C"),
        ("=", "%3D", "="),
        (">", "%3E", "%3E"),
        ("?", "%3F", "%3F"),
        ("@", "%40", "@"),
        ("A", "%41", "A"),
        ("Z", "%5A", "Z"),
        ("[", "%5B", "%5B"),
        ("\\", "%5C", "%5C"),
        ("]", "%5D", "%5D"),
        ("^", "%5E", "%5E"),
        ("_", "%5F", "_"),
        ("`", "%60", "%60"),
        ("a", "%61", "a"),
        ("z", "%7A", "z"),
        ("{", "%7B", "%7B"),
        ("|", "%7C", "%7C"),
        ("}", "%7D", "%7D"),
        ("~", "%7E", "~"),
        ("\u{7f}", "%7F", "%7F"),
        ("自由", "%E8%87%AA%E7%94%B1", "%E8%87%AA%E7%94%B1"),
        ("\u{10400}", "%F0%90%90%80", "%F0%90%90%80"),
    ];

    #[test]
    fn both_columns_of_b2s_table_decode_and_ours_is_one_of_them() {
        for &(plain, full, minimal) in TABLE {
            assert_eq!(percent_decode(full).unwrap(), plain, "{full}");
            assert_eq!(percent_decode(minimal).unwrap(), plain, "{minimal}");
            let ours = percent_encode(plain);
            assert!(ours == full || ours == minimal, "{plain:?} became {ours:?}");
        }
    }

    #[test]
    fn malformed_percent_encoding_is_an_error() {
        for bad in ["%", "a%", "%G1", "%1", "%1G", "%FF%FE", "%C3", "%é"] {
            assert!(percent_decode(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn encoded_texts_decode_to_themselves(text in ".*") {
            let encoded = percent_encode(&text).into_owned();
            proptest::prop_assert!(encoded.is_ascii());
            proptest::prop_assert!(!encoded.contains([' ', '+', '?', '#', '\r', '\n']));
            proptest::prop_assert_eq!(percent_decode(&encoded).unwrap(), text);
        }
    }
}
