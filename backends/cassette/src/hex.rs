//! SHA-1s as forty hex digits.

use std::fmt::Write as _;

/// Forty hex digits, and nothing else.
pub(crate) fn sha1(digits: &[u8]) -> Option<[u8; 20]> {
    let digits: &[u8; 40] = digits.try_into().ok()?;
    let mut bytes = [0; 20];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// Two lower-case digits for each byte.
pub(crate) fn lower(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String can't fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha1_is_forty_hex_digits_of_either_case() {
        let digits = "61b8d6600ac94d912874f569a9341120f680c9F8";
        assert_eq!(
            lower(&sha1(digits.as_bytes()).unwrap()),
            digits.to_ascii_lowercase()
        );
        for wrong in [
            "",
            "61b8",
            "61b8d6600ac94d912874f569a9341120f680c9fg",
            "hex_digits_at_end",
        ] {
            assert_eq!(sha1(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
