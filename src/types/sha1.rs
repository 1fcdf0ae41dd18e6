//! [`Sha1`]: the digest by which B2 tells whether bytes arrived as they left.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Digest as _;

use crate::error::Error;

/// A SHA-1 digest. It finds accidents, not attacks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha1([u8; 20]);

impl Sha1 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha1Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Its 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Its 40 hexadecimal digits, in lower case.
    #[must_use]
    pub fn hex(&self) -> [u8; 40] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 40];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]);
        }
        hex
    }
}

/// Computes a [`Sha1`] from bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Sha1Hasher(sha1::Sha1);

impl Sha1Hasher {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    #[must_use]
    pub fn finish(self) -> Sha1 {
        Sha1(self.0.finalize().into())
    }
}

impl FromStr for Sha1 {
    type Err = Error;

    /// Reads 40 hexadecimal digits of either case.
    fn from_str(hex: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("a SHA-1 is 40 hexadecimal digits");
        let mut bytes = [0; 20];
        if hex.len() != 40 {
            return Err(wrong());
        }
        // Values are or-ed together and looked at once: what is no digit has bits that no digit has.
        let mut seen = 0;
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| VALUES[usize::from(digit)]);
            seen |= high | low;
            *byte = high << 4 | low;
        }
        if seen > 15 {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }
}

/// What each byte is worth as a hexadecimal digit; 255 if it is none.
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

impl fmt::Display for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hex()
            .iter()
            .try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha1({self})")
    }
}

impl Serialize for Sha1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hex;
        impl Visitor<'_> for Hex {
            type Value = Sha1;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-1")
            }
            fn visit_str<E: serde::de::Error>(self, hex: &str) -> Result<Sha1, E> {
                hex.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        assert_eq!(
            Sha1::of(b"").to_string(),
            "da39a3ee5e6b4b0d3255bfef95601890afd80709"
        );
    }

    #[test]
    fn forty_hex_digits_of_either_case_are_read_and_nothing_else() {
        let upper: Sha1 = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709".parse().unwrap();
        assert_eq!(upper, Sha1::of(b""));
        let bad = [
            "",
            "da39",
            "da39a3ee5e6b4b0d3255bfef95601890afd8070g",
            "+a39a3ee5e6b4b0d3255bfef95601890afd80709",
        ];
        for bad in bad
            .into_iter()
            .map(str::to_owned)
            .chain(["é".repeat(20), "0".repeat(41)])
        {
            assert!(bad.parse::<Sha1>().is_err(), "{bad:?}");
        }
    }
}
