//! [`FileId`]: the id of a file version, as numbers.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::date;
use crate::protocol::hex::{Hex, write_digits};

/// The id of a bucket.
pub(crate) type BucketId = Hex<12>;

/// The cluster in all ids.
pub(super) const CLUSTER: &str = "004";

/// The positions of the fields in an id.
const FORMAT: &[u8; LEN] = b"4_z........................_f................_d........_m......\
    _c004_v......._t...._u..............";
const LEN: usize = 99;

/// The latest time that an id can have, in milliseconds: 14 digits, in the year 5138.
const LAST_MOMENT: u64 = 99_999_999_999_999;

/// Where B2 stores an upload: a vault and a tome in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(super) vault: u32,
    pub(super) tome: u32,
}

impl Pod {
    /// The pod of hide markers.
    pub(crate) const HIDE: Self = Self {
        vault: 7_007_000,
        tome: 0,
    };

    /// The last segment of a file's upload URL: `c004_v0402033_t0052`.
    pub(crate) fn path(self) -> String {
        format!("c{CLUSTER}_v{:07}_t{:04}", self.vault, self.tome)
    }

    /// The last segment of a part's upload URL: `0010`.
    pub(crate) fn part_path(self) -> String {
        format!("{:04}", self.tome)
    }
}

/// `4_z{bucket}_f{unique}_d{day}_m{time}_c004_v{vault}_t{tome}_u{millis}`, in half the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId {
    bucket: BucketId,
    tome: u32,
    unique: u64,
    day: u32,
    time: u32,
    vault: u32,
    millis: u64,
}

impl FileId {
    /// `unique` begins with the digit of the file's kind.
    pub(crate) fn new(bucket: BucketId, unique: u64, pod: Pod, millis: u64) -> Self {
        let (day, time) = date::day_and_time(millis);
        Self {
            bucket,
            tome: pod.tome,
            unique,
            day,
            time,
            vault: pod.vault,
            millis: millis.min(LAST_MOMENT),
        }
    }

    /// `None` if the text is not an id of the emulator.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let field = |from: usize, to: usize| text.get(from..to);
        let number = |from, to| field(from, to)?.parse().ok();
        let id = Self {
            bucket: BucketId::parse(field(3, 27)?)?,
            unique: u64::from_be_bytes(Hex::parse(field(29, 45)?)?.0),
            day: number(47, 55)?,
            time: number(57, 63)?,
            vault: number(70, 77)?,
            tome: number(79, 83)?,
            millis: field(85, LEN)?.parse().ok()?,
        };
        id.with_text(|written| written == text).then_some(id)
    }

    pub(crate) const fn bucket(&self) -> BucketId {
        self.bucket
    }

    /// The digits after `_f`, which are unique.
    pub(crate) const fn unique(&self) -> u64 {
        self.unique
    }

    /// Passes the id's text to a function, without allocating.
    pub(crate) fn with_text<R>(&self, then: impl FnOnce(&str) -> R) -> R {
        let mut text = *FORMAT;
        write_digits(&self.bucket.0, &mut text[3..27]);
        write_digits(&self.unique.to_be_bytes(), &mut text[29..45]);
        write_number(self.day.into(), &mut text[47..55]);
        write_number(self.time.into(), &mut text[57..63]);
        write_number(self.vault.into(), &mut text[70..77]);
        write_number(self.tome.into(), &mut text[79..83]);
        write_number(self.millis, &mut text[85..]);
        then(std::str::from_utf8(&text).expect("a file id is ASCII"))
    }
}

/// Writes a number with leading zeros.
fn write_number(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = FileId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file id")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FileId, E> {
                let invalid = || E::invalid_value(Unexpected::Str(text), &self);
                FileId::parse(text).ok_or_else(invalid)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCUMENTED: &str = "4_zc1657f7923d53c0f94cd0c1b_f405618dbe9f1f691_\
        d20260205_m234012_c004_v0402033_t0052_u01770334812998";

    #[test]
    fn a_documented_id_is_read_and_written_back() {
        let id = FileId::parse(DOCUMENTED).unwrap();
        assert_eq!(id.to_string(), DOCUMENTED);
        assert_eq!(id.bucket().to_string(), "c1657f7923d53c0f94cd0c1b");
        assert_eq!(id.unique(), 0x4056_18db_e9f1_f691);
        assert!(size_of::<FileId>() <= 48);
    }

    #[test]
    fn what_would_be_written_differently_is_no_id() {
        for (from, to) in [
            ("4_z", "5_z"),
            ("c1657f", "C1657f"),
            ("_d20260205", "_d+2026020"),
            ("_c004", "_c005"),
            ("_u01770334812998", "_u1770334812998"),
            ("_u01770334812998", "_u017703348129980"),
            ("_t0052", "_té52"),
        ] {
            let text = DOCUMENTED.replace(from, to);
            assert_eq!(FileId::parse(&text), None, "{text}");
        }
        assert_eq!(FileId::parse(""), None);
    }

    proptest! {
        #[test]
        fn every_id_is_read_back(bucket: [u8; 12], unique: u64, vault in 0..10_000_000_u32,
            tome in 0..10_000_u32, millis: u64) {
            let id = FileId::new(Hex(bucket), unique, Pod { vault, tome }, millis);
            let text = id.to_string();
            prop_assert_eq!(FileId::parse(&text), Some(id));
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<FileId>(&json).unwrap(), id);
        }
    }
}
