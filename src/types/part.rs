//! [`Part`] and [`PartNumber`]: the parts of large files.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digest::{Md5, md5_or_none};
use super::encryption::Encryption;
use super::file_version::ContentSha1;
use super::from_object::from_object;
use super::ids::FileId;
use super::timestamp::Timestamp;
use super::wire_form::WireForm;
use crate::error::Error;

/// The maximum size of a file in B2: 10 TB. A response that claims more is invalid.
pub(crate) const MAX_FILE: u64 = 10_000_000_000_000;

/// The number of a part: 1 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PartNumber(u16);

impl PartNumber {
    /// The first number, 1.
    pub const FIRST: Self = Self(1);
    /// The highest number, 10,000.
    pub const MAX: Self = Self(10_000);

    /// Checks a part number.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is 0 or above 10,000.
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

/// A part of an unfinished large file, as B2 stores it.
///
/// It serializes to B2's own JSON. Fields that B2 left out are left out again, unless they have been set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The unfinished large file.
    pub file_id: FileId,
    /// Its number.
    pub part_number: u32,
    /// Its size in bytes.
    pub content_length: u64,
    /// Its SHA-1.
    pub content_sha1: ContentSha1,
    /// Its MD5.
    pub content_md5: Option<Md5>,
    /// A checksum that B2 does not document and has left empty so far; its JSON if it is not a string.
    pub b2_checksum: Option<Box<str>>,
    /// How it is encrypted.
    pub server_side_encryption: Encryption,
    /// When it was uploaded; [`ListParts`](crate::api::ListParts) gives whole seconds only. 1970 if B2 doesn't say.
    pub upload_timestamp: Timestamp,
    absent: WireForm<AbsentFields>,
}

/// The fields that B2 left out.
#[derive(Debug, Clone, Copy)]
struct AbsentFields {
    sha1: bool,
    md5: bool,
    checksum: bool,
    encryption: bool,
    timestamp: bool,
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(absent) = self.absent;
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("fileId", &self.file_id)?;
        json.serialize_entry("partNumber", &self.part_number)?;
        json.serialize_entry("contentLength", &self.content_length)?;
        if !(absent.sha1 && self.content_sha1 == ContentSha1::None) {
            json.serialize_entry("contentSha1", &self.content_sha1)?;
        }
        if !(absent.md5 && self.content_md5.is_none()) {
            json.serialize_entry("contentMd5", &self.content_md5)?;
        }
        if !(absent.checksum && self.b2_checksum.is_none()) {
            json.serialize_entry("b2Checksum", &self.b2_checksum)?;
        }
        if !(absent.encryption && self.server_side_encryption == Encryption::none()) {
            json.serialize_entry("serverSideEncryption", &self.server_side_encryption)?;
        }
        if !(absent.timestamp && self.upload_timestamp == Timestamp::EPOCH) {
            json.serialize_entry("uploadTimestamp", &self.upload_timestamp)?;
        }
        json.end()
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            file_id: FileId,
            part_number: u32,
            content_length: u64,
            content_sha1: Option<ContentSha1>,
            #[serde(default, deserialize_with = "present_md5")]
            content_md5: Option<Option<Md5>>,
            #[serde(default, deserialize_with = "present_text_or_json")]
            b2_checksum: Option<Option<Box<str>>>,
            server_side_encryption: Option<Encryption>,
            upload_timestamp: Option<Timestamp>,
        }
        let wire: Wire = from_object(deserializer)?;
        let absent = AbsentFields {
            sha1: wire.content_sha1.is_none(),
            md5: wire.content_md5.is_none(),
            checksum: wire.b2_checksum.is_none(),
            encryption: wire.server_side_encryption.is_none(),
            timestamp: wire.upload_timestamp.is_none(),
        };
        Ok(Self {
            file_id: wire.file_id,
            part_number: wire.part_number,
            content_length: wire.content_length,
            content_sha1: wire.content_sha1.unwrap_or_default(),
            content_md5: wire.content_md5.flatten(),
            b2_checksum: wire.b2_checksum.flatten(),
            server_side_encryption: wire.server_side_encryption.unwrap_or_default(),
            upload_timestamp: wire.upload_timestamp.unwrap_or(Timestamp::EPOCH),
            absent: WireForm(absent),
        })
    }
}

fn present_md5<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Md5>>, D::Error> {
    md5_or_none(deserializer).map(Some)
}

fn present_text_or_json<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Box<str>>>, D::Error> {
    text_or_json(deserializer).map(Some)
}

fn text_or_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<str>>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    })
}
