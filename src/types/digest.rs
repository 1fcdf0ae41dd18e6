//! [`Sha1`] and [`Md5`]: the digests that B2 stores for files and parts.

use std::fmt;
use std::io::{self, BufReader};
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Digest as _;

use super::hex;
use crate::error::Error;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// A digest from its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Its hexadecimal digits, in lower case.
            #[must_use]
            pub fn hex(&self) -> [u8; 2 * $bytes] {
                let mut digits = [0; 2 * $bytes];
                hex::encode(&self.0, &mut digits);
                digits
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Parses hexadecimal digits of either case, exactly as many as the digest has.
            fn from_str(digits: &str) -> Result<Self, Error> {
                let mut bytes = [0; $bytes];
                if !hex::decode(digits.as_bytes(), &mut bytes) {
                    return Err(Error::invalid(concat!($what, " hexadecimal digits")));
                }
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.hex()
                    .iter()
                    .try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct HexVisitor;
                impl Visitor<'_> for HexVisitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!($what, " hexadecimal digits"))
                    }
                    fn visit_str<E: serde::de::Error>(self, hex: &str) -> Result<$name, E> {
                        hex.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(HexVisitor)
            }
        }
    };
}

digest! {
    /// A SHA-1 digest. It detects accidental changes, not attacks.
    Sha1, 20, "a SHA-1 is 40"
}
digest! {
    /// An MD5 digest, which B2 computes and this crate does not.
    Md5, 16, "an MD5 is 32"
}

impl Sha1 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha1Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of all bytes of a reader, such as a file. Blocking.
    ///
    /// # Errors
    /// The reader's errors, except `Interrupted`.
    pub fn of_reader(reader: impl io::Read) -> io::Result<Self> {
        let mut hasher = Sha1Hasher::default();
        io::copy(
            &mut BufReader::with_capacity(256 << 10, reader),
            &mut hasher,
        )?;
        Ok(hasher.finish())
    }
}

/// Computes a [`Sha1`] incrementally.
#[derive(Debug, Clone, Default)]
pub struct Sha1Hasher(sha1::Sha1);

impl Sha1Hasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    #[must_use]
    pub fn finish(self) -> Sha1 {
        Sha1(self.0.finalize().into())
    }
}

/// Hashes the bytes that are written, so [`io::copy`] can hash a file.
impl io::Write for Sha1Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an MD5. `null` and anything that is not an MD5 are `None`.
pub(super) fn md5_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Md5>, D::Error> {
    struct HexVisitor;
    impl<'de> Visitor<'de> for HexVisitor {
        type Value = Option<Md5>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an MD5 or none")
        }
        fn visit_str<E>(self, digits: &str) -> Result<Option<Md5>, E> {
            let mut bytes = [0; 16];
            Ok(hex::decode(digits.as_bytes(), &mut bytes).then_some(Md5(bytes)))
        }
        fn visit_none<E>(self) -> Result<Option<Md5>, E> {
            Ok(None)
        }
        fn visit_unit<E>(self) -> Result<Option<Md5>, E> {
            Ok(None)
        }
        fn visit_some<D: Deserializer<'de>>(self, text: D) -> Result<Option<Md5>, D::Error> {
            text.deserialize_str(self)
        }
    }
    deserializer.deserialize_option(HexVisitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sha1_of_no_bytes_is_the_known_one() {
        assert_eq!(
            Sha1::of(b"").to_string(),
            "da39a3ee5e6b4b0d3255bfef95601890afd80709"
        );
    }

    #[test]
    fn the_sha1_of_a_reader_is_that_of_its_bytes() {
        struct Interrupted<'a>(&'a [u8], bool);
        impl io::Read for Interrupted<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                self.0.read(buffer)
            }
        }
        let bytes: Vec<u8> = (0..700_000_u32).map(|n| n as u8).collect();
        let read = Sha1::of_reader(Interrupted(&bytes, false)).unwrap();
        assert_eq!(read, Sha1::of(&bytes));
    }

    #[test]
    fn a_sha1_is_parsed_from_40_hex_digits_of_either_case_only() {
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
