//! Hexadecimal encoding, for digests and signatures.
//!
//! Written by hand, since a listing decodes thousands of digests: with a table, and without a
//! branch for each digit.

/// Writes the digits in lower case. `digits` has to have two for each byte.
pub(super) fn encode(bytes: &[u8], digits: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
    }
}

/// The digits, in lower case.
#[cfg(any(feature = "fs", test))]
pub(crate) fn to_string(bytes: &[u8]) -> String {
    let mut digits = vec![0; 2 * bytes.len()];
    encode(bytes, &mut digits);
    digits.into_iter().map(char::from).collect()
}

/// Parses digits of either case. Returns whether they are all digits and exactly enough for the
/// bytes.
pub(crate) fn decode(digits: &[u8], bytes: &mut [u8]) -> bool {
    if digits.len() != 2 * bytes.len() {
        return false;
    }
    // The values are or-ed together and checked once: anything but a digit has bits that no digit
    // has.
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| VALUES[usize::from(digit)]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    seen <= 15
}

/// The value of each byte as a hexadecimal digit; 255 if it is not a digit.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_decoded_and_anything_else_is_refused() {
        let mut bytes = [0; 2];
        for digits in ["00fF", "a9A9"] {
            assert!(decode(digits.as_bytes(), &mut bytes), "{digits}");
            let mut again = [0; 4];
            encode(&bytes, &mut again);
            assert_eq!(again, digits.to_ascii_lowercase().as_bytes());
        }
        for other in ["", "00f", "00ff0", "00fg", "+0ff", "0x0f", "\u{ff10}0"] {
            assert!(!decode(other.as_bytes(), &mut bytes), "{other}");
        }
    }
}
