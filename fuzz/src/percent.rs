//! Percent-encoding: encoded text decodes to the original, and decoding agrees with a second
//! decoder.

use b2kit::types::{percent_decode, percent_encode};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let encoded = percent_encode(text);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~/%".contains(&byte);
    assert!(encoded.bytes().all(is_plain), "{encoded}");
    assert_eq!(percent_decode(&encoded).expect("what was encoded"), text);

    let decoded = percent_decode(text).ok();
    assert_eq!(decoded.as_deref(), decode(text.as_bytes()).as_deref());
    if let Some(decoded) = decoded {
        let again = percent_encode(&decoded);
        assert_eq!(percent_decode(&again).expect("what was encoded"), decoded);
    }
}

/// A second decoder by the same rules.
fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = text.get(at + 1..at + 3)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                let digits = std::str::from_utf8(digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                at += 2;
            }
            byte => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8(bytes).ok()
}
