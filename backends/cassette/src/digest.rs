//! SHA-1 digests, and their forty hexadecimal digits.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha1::{Digest as _, Sha1};

/// The SHA-1 of bytes in memory.
pub(crate) fn sha1_of(bytes: &[u8]) -> [u8; 20] {
    Sha1::digest(bytes).into()
}

/// Parses a SHA-1 of forty hexadecimal digits in either case; `None` for any other text.
pub(crate) fn parse_sha1(digits: &[u8]) -> Option<[u8; 20]> {
    HEXLOWER_PERMISSIVE.decode(digits).ok()?.try_into().ok()
}

/// The lower-case hexadecimal digits of bytes.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forty_hex_digits_of_either_case_are_a_sha1() {
        let digits = "61b8d6600ac94d912874f569a9341120f680c9F8";
        assert_eq!(
            to_hex(&parse_sha1(digits.as_bytes()).unwrap()),
            digits.to_ascii_lowercase()
        );
        for wrong in [
            "",
            "61b8",
            "61b8d6600ac94d912874f569a9341120f680c9fg",
            "hex_digits_at_end",
        ] {
            assert_eq!(parse_sha1(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
