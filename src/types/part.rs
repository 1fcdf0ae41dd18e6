//! Parts of large files.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::{Md5, md5_or_none};
use super::encryption::Encryption;
use super::file_version::ContentSha1;
use super::ids::FileId;
use super::timestamp::Timestamp;
use crate::error::Error;

/// The bytes of the largest file that B2 can hold: 10 TB. What a server says of a larger one is not true.
pub(crate) const MAX_FILE: u64 = 10_000_000_000_000;

/// The number of a part: 1 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PartNumber(u16);

impl PartNumber {
    /// The first part's.
    pub const FIRST: Self = Self(1);
    /// The highest that B2 knows.
    pub const MAX: Self = Self(10_000);

    /// Checks a number.
    ///
    /// # Errors
    /// If it is 0 or above 10,000.
    pub fn new(number: u64) -> Result<Self, Error> {
        match u16::try_from(number) {
            Ok(number @ 1..=10_000) => Ok(Self(number)),
            _ => Err(Error::invalid(format!(
                "the part number {number} is not between 1 and 10,000"
            ))),
        }
    }

    /// The number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A part of an unfinished large file, as B2 holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Part {
    /// The unfinished large file.
    pub file_id: FileId,
    /// Which part it is.
    pub part_number: u32,
    /// Its size in bytes.
    pub content_length: u64,
    /// Its SHA-1.
    #[serde(default)]
    pub content_sha1: ContentSha1,
    /// Its MD5.
    #[serde(default, deserialize_with = "md5_or_none")]
    pub content_md5: Option<Md5>,
    /// A checksum that B2 has not explained, and so far leaves empty. Where it is no text, its JSON.
    #[serde(default, deserialize_with = "text_or_json")]
    pub b2_checksum: Option<Box<str>>,
    /// How it is encrypted.
    #[serde(default)]
    pub server_side_encryption: Encryption,
    /// When it was uploaded; [`ListParts`](crate::api::ListParts) gives whole seconds only.
    pub upload_timestamp: Timestamp,
}

fn text_or_json<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<str>>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    })
}
