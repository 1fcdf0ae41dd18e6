//! Percent-encoding with B2's own rules: file names and file info in headers, paths and queries.

/// The characters that are never escaped, besides letters and digits.
const SAFE: &[u8] = b"._-/~!$'()*;=:@";

/// Escapes only what B2's documents require. A space becomes `+`, or `%20` if `plus` is false.
pub(crate) fn encode(text: &str, plus: bool) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || SAFE.contains(&byte) {
            encoded.push(char::from(byte));
        } else if byte == b' ' && plus {
            encoded.push('+');
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

/// Decodes `+` to a space and `%XX` to a byte. `None` if an escape is incomplete or the result is
/// not UTF-8.
pub(crate) fn decode(encoded: &[u8]) -> Option<String> {
    let digit = |at: usize| char::from(*encoded.get(at)?).to_digit(16);
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(&byte) = encoded.get(at) {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                bytes.push(u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()?);
                at += 2;
            }
            other => bytes.push(other),
        }
        at += 1;
    }
    String::from_utf8(bytes).ok()
}

/// Decodes a segment of a path of our own, where `+` is no space. `None` as for [`decode`].
#[cfg(feature = "server")]
pub(crate) fn decode_segment(encoded: &str) -> Option<String> {
    decode(encoded.replace('+', "%2B").as_bytes())
}

/// The decoded names and values of a query string, in order. `None` if one can't be decoded.
pub(crate) fn query_pairs(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name.as_bytes())?, decode(value.as_bytes())?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B2's table of test cases: the character, fully encoded, minimally encoded.
    const VECTORS: &[(&str, &str, &str)] = &[
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
    fn both_columns_of_the_documented_table_decode_and_the_minimal_one_is_what_we_write() {
        for (plain, full, minimal) in VECTORS {
            assert_eq!(decode(full.as_bytes()).as_deref(), Some(*plain));
            assert_eq!(decode(minimal.as_bytes()).as_deref(), Some(*plain));
            assert_eq!(encode(plain, true), *minimal);
        }
        assert_eq!(encode(" ", false), "%20");
    }

    #[test]
    fn broken_escapes_and_broken_utf8_are_refused() {
        for broken in ["%", "%4", "%zz", "%-1", "a%", "%FF", "%C3"] {
            assert_eq!(decode(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(
            decode(b"%e8%87%aa").as_deref(),
            Some("自"),
            "lower case is read"
        );
    }

    #[test]
    fn a_query_is_pairs_in_order() {
        let pairs = query_pairs("fileId=4_z&prefix=a%2Fb+c&flag&&x=1=2").unwrap();
        let expected = [
            ("fileId", "4_z"),
            ("prefix", "a/b c"),
            ("flag", ""),
            ("x", "1=2"),
        ];
        assert_eq!(pairs.len(), expected.len());
        for ((name, value), (wanted, it)) in pairs.iter().zip(expected) {
            assert_eq!((name.as_str(), value.as_str()), (wanted, it));
        }
        assert_eq!(query_pairs("a=%"), None);
    }
}
