//! Hexadecimal digits, and [`Hex`]: bytes that are written as hexadecimal digits.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The maximum number of digits of a [`Hex`]: those of a SHA-1.
const MAX_DIGITS: usize = 40;

/// At most 20 bytes that are written in lower-case hexadecimal: a digest, or an id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hex<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Hex<N> {
    /// From digits of either case; `None` if there are not exactly two for each byte.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != N * 2 {
            return None;
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value_of(pair[0])? << 4 | value_of(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Passes the digits to a function, without allocating.
    pub(crate) fn with_text<R>(&self, then: impl FnOnce(&str) -> R) -> R {
        let mut digits = [0; MAX_DIGITS];
        let digits = &mut digits[..N * 2];
        write_digits(&self.0, digits);
        then(std::str::from_utf8(digits).expect("hexadecimal digits are ASCII"))
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits<const N: usize>;
        impl<const N: usize> Visitor<'_> for Digits<N> {
            type Value = Hex<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} hexadecimal digits", N * 2)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Hex::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; bytes.len() * 2];
    write_digits(bytes, &mut digits);
    String::from_utf8(digits).expect("hexadecimal digits are ASCII")
}

/// Writes two digits for each byte.
pub(crate) fn write_digits(bytes: &[u8], digits: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(digits.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn value_of(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_read_and_written_in_lower_case() {
        let hex: Hex<3> = Hex::parse("00aBfF").unwrap();
        assert_eq!(hex, Hex([0, 0xab, 0xff]));
        assert_eq!(hex.to_string(), "00abff");
        assert_eq!(super::hex(&hex.0), "00abff");
        assert_eq!(serde_json::to_string(&hex).unwrap(), "\"00abff\"");
        assert_eq!(serde_json::from_str::<Hex<3>>("\"00ABFF\"").unwrap(), hex);
    }

    #[test]
    fn anything_but_two_digits_for_each_byte_is_no_hex() {
        for text in ["", "00abf", "00abff0", "00abfg", "00abé"] {
            assert_eq!(Hex::<3>::parse(text), None, "{text}");
        }
        assert!(serde_json::from_str::<Hex<3>>("\"00\"").is_err());
    }
}
