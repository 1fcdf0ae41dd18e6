//! [`FileVersion`]: one version of a file, as B2 shows it.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::digest::{Md5, Sha1, md5_or_none};
use super::encryption::Encryption;
use super::file_info::{ContentType, FileInfo, LARGE_FILE_SHA1};
use super::ids::{AccountId, BucketId, FileId};
use super::names::{FileName, unchecked};
use super::open_enum::open_enum;
use super::replication::ReplicationStatus;
use super::restricted::Restricted;
use super::retention::{FileRetention, LegalHold};
use super::timestamp::Timestamp;
use super::wire_form::WireForm;

open_enum! {
    /// The kind of a version.
    Action {
        /// A file.
        Upload = "upload",
        /// A file, in the response to a copy; listings show it as `upload`.
        Copy = "copy",
        /// A large file that was started and not finished yet.
        Start = "start",
        /// A marker that hides the older versions of its name.
        Hide = "hide",
        /// Not a version but a folder: the common prefix of several names.
        Folder = "folder",
    }
}

/// One version of a file. Its bytes never change.
///
/// It serializes to B2's own JSON. Fields that B2 left out or sent as `null` are left out, unless
/// they have been set: hide markers have neither lock nor encryption, and most files have no
/// replication status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileVersion {
    /// The account that owns it.
    pub account_id: Option<AccountId>,
    /// The kind of version; empty if B2 doesn't say.
    pub action: Action,
    /// The bucket it is in.
    pub bucket_id: BucketId,
    /// Its size in bytes; 0 for a hide marker.
    pub content_length: u64,
    /// Its SHA-1, if B2 has one: not for large files.
    pub content_sha1: ContentSha1,
    /// Its MD5, if B2 has one: not for large files.
    pub content_md5: Option<Md5>,
    /// Its MIME type.
    pub content_type: Option<ContentType>,
    /// Its id.
    pub file_id: FileId,
    /// The file info.
    pub file_info: FileInfo,
    /// Its name.
    pub file_name: FileName,
    /// The retention, until which it can't be deleted.
    pub file_retention: Restricted<FileRetention>,
    /// Whether it is under legal hold; `None` if that was never set.
    pub legal_hold: Restricted<Option<LegalHold>>,
    /// Its replication status, if it is replicated.
    pub replication_status: Option<ReplicationStatus>,
    /// How it is encrypted.
    pub server_side_encryption: Encryption,
    /// When its upload began.
    pub upload_timestamp: Timestamp,
    /// Whether B2 may have stored the same content twice: the response to an earlier attempt was
    /// lost, and the client could not determine whether it had taken effect. Only set by calls that
    /// create a version, never in listings.
    pub possible_duplicate: bool,
    wire_form: WireForm<RowForm>,
}

/// The fields that B2 left out, and its spelling of the others.
#[derive(Debug, Clone, Copy, Default)]
struct RowForm {
    absent_length: bool,
    absent_sha1: bool,
    absent_info: bool,
    absent_retention: bool,
    absent_legal_hold: bool,
    absent_encryption: bool,
    absent_timestamp: bool,
    status_in_capitals: bool,
}

impl FileVersion {
    /// The SHA-1 of the whole file: B2's own, or for a large file the one in its file info.
    #[must_use]
    pub fn expected_sha1(&self) -> Option<Sha1> {
        expected_sha1(&self.content_sha1, &self.file_info)
    }

    /// The name, for other calls.
    #[must_use]
    pub fn name(&self) -> FileName {
        self.file_name.clone()
    }

    /// Sets the bucket of a version for which B2 doesn't report one.
    pub(crate) fn place_in(&mut self, bucket_id: &BucketId) {
        set_if_absent(&mut self.bucket_id, bucket_id);
    }

    /// The file's modification time before its upload, from `src_last_modified_millis` in its file
    /// info.
    #[must_use]
    pub fn last_modified(&self) -> Option<Timestamp> {
        let millis = self.file_info.get("src_last_modified_millis")?;
        millis.parse().ok().map(Timestamp::from_millis)
    }
}

pub(crate) fn expected_sha1(content: &ContentSha1, info: &FileInfo) -> Option<Sha1> {
    let in_info = || info.get(LARGE_FILE_SHA1)?.parse().ok();
    content.sha1().copied().or_else(in_info)
}

/// A folder: the common prefix of several names, up to a delimiter. B2 has no folders of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Folder {
    /// The account that owns the bucket, if B2 says so.
    pub account_id: Option<AccountId>,
    /// The bucket it is in.
    pub bucket_id: BucketId,
    /// The common prefix of the names; it ends with the delimiter.
    pub file_name: FileName,
}

/// A row of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all rows are versions, and a box each would cost more"
)]
pub enum ListedFile {
    /// A version: a file, a hide marker, or an unfinished large file.
    Version(FileVersion),
    /// A folder; only in listings with a delimiter.
    Folder(Folder),
}

impl ListedFile {
    /// The name of the version, or the prefix of the folder.
    #[must_use]
    pub fn file_name(&self) -> &str {
        match self {
            Self::Version(version) => version.file_name.as_str(),
            Self::Folder(folder) => folder.file_name.as_str(),
        }
    }

    /// The version, if it is one.
    #[must_use]
    pub fn into_version(self) -> Option<FileVersion> {
        match self {
            Self::Version(version) => Some(version),
            Self::Folder(_) => None,
        }
    }

    /// Sets the bucket of a row for which B2 doesn't report one.
    pub(crate) fn place_in(&mut self, bucket_id: &BucketId) {
        match self {
            Self::Version(version) => version.place_in(bucket_id),
            Self::Folder(folder) => set_if_absent(&mut folder.bucket_id, bucket_id),
        }
    }

    /// The folder, if it is one.
    #[must_use]
    pub const fn folder(&self) -> Option<&Folder> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Version(_) => None,
        }
    }

    /// The version, if it is one.
    #[must_use]
    pub const fn version(&self) -> Option<&FileVersion> {
        match self {
            Self::Version(version) => Some(version),
            Self::Folder(_) => None,
        }
    }
}

/// Serializes as a row of B2's listing.
impl Serialize for ListedFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Version(version) => version.serialize(serializer),
            Self::Folder(folder) => folder.serialize(serializer),
        }
    }
}

/// Serializes as a row of B2's listing, without the fields that are always 0 or null there.
impl Serialize for Folder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(None)?;
        if let Some(account_id) = &self.account_id {
            row.serialize_entry("accountId", account_id)?;
        }
        row.serialize_entry("action", &Action::Folder)?;
        row.serialize_entry("bucketId", &self.bucket_id)?;
        row.serialize_entry("fileId", &None::<FileId>)?;
        row.serialize_entry("fileName", &self.file_name)?;
        row.serialize_entry("uploadTimestamp", &0)?;
        row.end()
    }
}

/// The SHA-1 that B2 reports for a file or part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ContentSha1 {
    /// B2 checked it when the bytes arrived.
    Verified(Sha1),
    /// B2 computed it, since the uploader asked it not to check.
    Unverified(Sha1),
    /// There is none, as for a large file or a folder, or the value is not a SHA-1.
    #[default]
    None,
}

impl ContentSha1 {
    /// Parses B2's form: 40 digits, `unverified:` and 40 digits, or `none`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("unverified:") {
            Some(hex) => hex.parse().map_or(Self::None, Self::Unverified),
            None => text.parse().map_or(Self::None, Self::Verified),
        }
    }

    /// The digest, checked by B2 or not.
    #[must_use]
    pub const fn sha1(&self) -> Option<&Sha1> {
        match self {
            Self::Verified(sha1) | Self::Unverified(sha1) => Some(sha1),
            Self::None => None,
        }
    }
}

impl<'de> Deserialize<'de> for ContentSha1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentSha1Visitor;
        impl<'de> Visitor<'de> for ContentSha1Visitor {
            type Value = ContentSha1;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SHA-1 or none")
            }
            fn visit_str<E>(self, text: &str) -> Result<ContentSha1, E> {
                Ok(ContentSha1::parse(text))
            }
            fn visit_none<E>(self) -> Result<ContentSha1, E> {
                Ok(ContentSha1::None)
            }
            fn visit_unit<E>(self) -> Result<ContentSha1, E> {
                Ok(ContentSha1::None)
            }
            fn visit_some<D: Deserializer<'de>>(self, text: D) -> Result<ContentSha1, D::Error> {
                text.deserialize_str(self)
            }
        }
        deserializer.deserialize_option(ContentSha1Visitor)
    }
}

impl Serialize for ContentSha1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Verified(sha1) => serializer.collect_str(sha1),
            Self::Unverified(sha1) => serializer.collect_str(&format_args!("unverified:{sha1}")),
            Self::None => serializer.serialize_str("none"),
        }
    }
}

impl Serialize for FileVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireForm(wire_form) = self.wire_form;
        let mut json = serializer.serialize_map(None)?;
        if let Some(account_id) = &self.account_id {
            json.serialize_entry("accountId", account_id)?;
        }
        if !self.action.as_str().is_empty() {
            json.serialize_entry("action", &self.action)?;
        }
        if !self.bucket_id.is_empty() {
            json.serialize_entry("bucketId", &self.bucket_id)?;
        }
        if !(wire_form.absent_length && self.content_length == 0) {
            json.serialize_entry("contentLength", &self.content_length)?;
        }
        if !(wire_form.absent_sha1 && self.content_sha1 == ContentSha1::None) {
            json.serialize_entry("contentSha1", &self.content_sha1)?;
        }
        if let Some(md5) = &self.content_md5 {
            json.serialize_entry("contentMd5", md5)?;
        }
        if let Some(content_type) = &self.content_type {
            json.serialize_entry("contentType", content_type)?;
        }
        json.serialize_entry("fileId", &self.file_id)?;
        if !(wire_form.absent_info && self.file_info.is_empty()) {
            json.serialize_entry("fileInfo", &self.file_info)?;
        }
        json.serialize_entry("fileName", &self.file_name)?;
        if !(wire_form.absent_retention && self.file_retention == none_set()) {
            json.serialize_entry("fileRetention", &self.file_retention)?;
        }
        if !(wire_form.absent_legal_hold && self.legal_hold == none_set()) {
            json.serialize_entry("legalHold", &self.legal_hold)?;
        }
        match &self.replication_status {
            // An unknown word is kept unchanged.
            Some(status @ ReplicationStatus::Other(_)) => {
                json.serialize_entry("replicationStatus", status)?;
            }
            Some(status) if wire_form.status_in_capitals => {
                let word = status.as_str().to_ascii_uppercase();
                json.serialize_entry("replicationStatus", &word)?;
            }
            Some(status) => json.serialize_entry("replicationStatus", status)?,
            None => {}
        }
        if !(wire_form.absent_encryption && self.server_side_encryption == Encryption::none()) {
            json.serialize_entry("serverSideEncryption", &self.server_side_encryption)?;
        }
        if !(wire_form.absent_timestamp && self.upload_timestamp == Timestamp::EPOCH) {
            json.serialize_entry("uploadTimestamp", &self.upload_timestamp)?;
        }
        json.end()
    }
}

/// A row on the wire: a version or a folder, which has no id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRow {
    account_id: Option<AccountId>,
    action: Option<Action>,
    bucket_id: Option<BucketId>,
    content_length: Option<u64>,
    content_sha1: Option<ContentSha1>,
    #[serde(default, deserialize_with = "md5_or_none")]
    content_md5: Option<Md5>,
    content_type: Option<ContentType>,
    #[serde(default = "no_id", deserialize_with = "id_or_none")]
    file_id: FileId,
    file_info: Option<FileInfo>,
    #[serde(deserialize_with = "unchecked")]
    file_name: FileName,
    // B2 leaves these out if there can be none, as on hide markers.
    file_retention: Option<Restricted<FileRetention>>,
    legal_hold: Option<Restricted<Option<LegalHold>>>,
    replication_status: Option<WireReplicationStatus>,
    server_side_encryption: Option<Encryption>,
    // A folder has no timestamp.
    upload_timestamp: Option<Timestamp>,
}

/// A status, and whether B2 wrote it in capitals, as its documentation does.
struct WireReplicationStatus(ReplicationStatus, bool);

impl<'de> Deserialize<'de> for WireReplicationStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let is_capital = word.starts_with(|first: char| first.is_ascii_uppercase());
        Ok(Self((&*word).into(), is_capital))
    }
}

impl WireRow {
    #[inline]
    fn version(self) -> FileVersion {
        let wire_form = RowForm {
            absent_length: self.content_length.is_none(),
            absent_sha1: self.content_sha1.is_none(),
            absent_info: self.file_info.is_none(),
            absent_retention: self.file_retention.is_none(),
            absent_legal_hold: self.legal_hold.is_none(),
            absent_encryption: self.server_side_encryption.is_none(),
            absent_timestamp: self.upload_timestamp.is_none(),
            status_in_capitals: matches!(
                self.replication_status,
                Some(WireReplicationStatus(_, true))
            ),
        };
        FileVersion {
            account_id: self.account_id,
            action: self.action.unwrap_or_else(|| Action::from("")),
            bucket_id: self.bucket_id.unwrap_or_else(absent_bucket),
            content_length: self.content_length.unwrap_or_default(),
            content_sha1: self.content_sha1.unwrap_or_default(),
            content_md5: self.content_md5,
            content_type: self.content_type,
            file_id: self.file_id,
            file_info: self.file_info.unwrap_or_default(),
            file_name: self.file_name,
            file_retention: self.file_retention.unwrap_or_else(none_set),
            legal_hold: self.legal_hold.unwrap_or_else(none_set),
            replication_status: self
                .replication_status
                .map(|WireReplicationStatus(status, _)| status),
            server_side_encryption: self.server_side_encryption.unwrap_or_default(),
            upload_timestamp: self.upload_timestamp.unwrap_or(Timestamp::EPOCH),
            possible_duplicate: false,
            wire_form: WireForm(wire_form),
        }
    }
}

fn no_id() -> FileId {
    FileId::from("")
}

fn id_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileId, D::Error> {
    Option::deserialize(deserializer).map(|id| id.unwrap_or_else(no_id))
}

fn absent_bucket() -> BucketId {
    BucketId::from("")
}

fn set_if_absent(its: &mut BucketId, bucket_id: &BucketId) {
    if its.is_empty() {
        its.clone_from(bucket_id);
    }
}

fn none_set<T: Default>() -> Restricted<T> {
    Restricted::Value(T::default())
}

impl<'de> Deserialize<'de> for FileVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;
        impl<'de> Visitor<'de> for RowVisitor {
            type Value = WireRow;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file version")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WireRow, A::Error> {
                read_row(map)
            }
        }
        let row = deserializer.deserialize_map(RowVisitor)?;
        if row.file_id.is_empty() {
            return Err(serde::de::Error::missing_field("fileId"));
        }
        Ok(row.version())
    }
}

/// Reads a row or a single version. Not inlined: it is by far the largest decoder.
#[inline(never)]
fn read_row<'de, A: MapAccess<'de>>(map: A) -> Result<WireRow, A::Error> {
    WireRow::deserialize(MapAccessDeserializer::new(map))
}

/// Reads the rows of a page. Each is pushed to the list as soon as it is read: a row is large, and
/// every layer that returned it would copy it.
pub(crate) fn rows<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ListedFile>, D::Error> {
    struct RowsVisitor;
    struct PushRow<'a>(&'a mut Vec<ListedFile>);

    impl<'de> Visitor<'de> for RowsVisitor {
        type Value = Vec<ListedFile>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("rows")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<ListedFile>, A::Error> {
            let mut rows = Vec::new();
            while seq.next_element_seed(PushRow(&mut rows))?.is_some() {}
            Ok(rows)
        }
    }

    impl<'de> DeserializeSeed<'de> for PushRow<'_> {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_map(self)
        }
    }

    impl<'de> Visitor<'de> for PushRow<'_> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a row")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
            let row = read_row(map)?;
            self.0.push(if row.file_id.is_empty() {
                ListedFile::Folder(Folder {
                    account_id: row.account_id,
                    bucket_id: row.bucket_id.unwrap_or_else(absent_bucket),
                    file_name: row.file_name,
                })
            } else {
                ListedFile::Version(row.version())
            });
            Ok(())
        }
    }

    deserializer.deserialize_seq(RowsVisitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_content_sha1_is_parsed_and_anything_else_is_none() {
        let hex = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert_eq!(
            ContentSha1::parse(hex),
            ContentSha1::Verified(Sha1::of(b""))
        );
        assert_eq!(
            ContentSha1::parse(&hex.to_uppercase()),
            ContentSha1::Verified(Sha1::of(b""))
        );
        assert_eq!(
            ContentSha1::parse(&format!("unverified:{hex}")),
            ContentSha1::Unverified(Sha1::of(b""))
        );
        for none in ["none", "", "unverified:", "unverified:none", "da39", "xyz"] {
            assert_eq!(ContentSha1::parse(none), ContentSha1::None);
        }
    }

    #[test]
    fn rows_are_written_as_they_are_read() {
        let json = r#"[{"action":"upload","bucketId":"b","fileId":"f","fileName":"n",
            "uploadTimestamp":5,"contentLength":3,"contentSha1":"none","fileInfo":{"a":"b"}},
            {"action":"folder","bucketId":"b","fileId":null,"fileName":"n/","uploadTimestamp":0}]"#;
        let read = |json: &str| rows(&mut serde_json::Deserializer::from_str(json)).unwrap();
        let listed = read(json);
        assert!(matches!(
            listed[..],
            [ListedFile::Version(_), ListedFile::Folder(_)]
        ));
        assert_eq!(read(&serde_json::to_string(&listed).unwrap()), listed);
    }

    #[test]
    fn absent_fields_stay_absent_and_a_status_keeps_its_spelling() {
        let least = concat!(
            r#"{"action":"upload","bucketId":"b","contentLength":3,"contentSha1":"none","#,
            r#""fileId":"f","fileInfo":{},"fileName":"n""#
        );
        let locks = concat!(
            r#""fileRetention":{"isClientAuthorizedToRead":true,"#,
            r#""value":{"mode":null,"retainUntilTimestamp":null}},"#,
            r#""legalHold":{"isClientAuthorizedToRead":true,"value":null}"#
        );
        let plain = r#""serverSideEncryption":{"mode":null,"algorithm":null}"#;
        let status = |word| format!(r#","replicationStatus":"{word}""#);
        for more in [
            String::new(),
            format!(",{locks}"),
            format!(",{plain}"),
            format!(",{locks}{},{plain}", status("PENDING")),
            status("COMPLETED"),
            status("replica"),
            status("Paused"),
        ] {
            let json = format!(r#"{least}{more},"uploadTimestamp":5}}"#);
            let version: FileVersion = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&version).unwrap(), json);
        }

        // What is set since is written, and how B2 put it makes no difference between versions.
        let read = |json: String| serde_json::from_str::<FileVersion>(&json).unwrap();
        let mut version = read(format!(r#"{least},"uploadTimestamp":5}}"#));
        assert_eq!(
            version,
            read(format!(r#"{least},{locks},{plain},"uploadTimestamp":5}}"#))
        );
        version.legal_hold = Restricted::Value(Some(LegalHold::On));
        let json = serde_json::to_string(&version).unwrap();
        assert!(json.contains(r#""value":"on""#), "{json}");
        assert_eq!(read(json), version);
    }

    #[test]
    fn unknown_words_and_fields_are_kept_or_passed_over() {
        let json = r#"{"action":"levitate","bucketId":"b","fileId":"f","fileName":"n",
            "uploadTimestamp":-1,"replicationStatus":"PENDING",
            "legalHold":{"isClientAuthorizedToRead":true,"value":"perhaps"},
            "fileRetention":{"isClientAuthorizedToRead":false,"value":null},"newField":[{}],
            "serverSideEncryption":{"algorithm":"ROT13","mode":"SSE-X"}}"#;
        let version: FileVersion = serde_json::from_str(json).unwrap();
        assert_eq!(version.action.as_str(), "levitate");
        assert_eq!(
            serde_json::to_string(&version.action).unwrap(),
            "\"levitate\""
        );
        assert_eq!(
            version.legal_hold,
            Restricted::Value(Some(LegalHold::Other("perhaps".into())))
        );
        assert_eq!(version.file_retention, Restricted::Unauthorized);
        assert_eq!(version.replication_status, Some(ReplicationStatus::Pending));
        assert_eq!(
            version.server_side_encryption.mode.unwrap().as_str(),
            "SSE-X"
        );
    }
}
