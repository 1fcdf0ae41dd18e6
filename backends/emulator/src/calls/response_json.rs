//! The JSON of buckets, files, parts and keys in responses, in each API version.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::encryption::EncryptionJson;
use crate::model::file::{Kind, Md5Digest, Part, Replication, Version};
use crate::model::file_id::{BucketId, FileId};
use crate::model::file_info::FileInfo;
use crate::model::key::Key;
use crate::model::lock::{DefaultRetention, RetentionJson};
use crate::model::rules::{CorsRule, LifecycleRule};
use crate::protocol::hex::Hex;
use crate::protocol::json::object;
use crate::protocol::version::ApiVersion;

/// SHA-1 of no bytes, which hide markers have.
const SHA1_OF_NOTHING: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
/// d41d8cd98f00b204e9800998ecf8427e
const MD5_OF_NOTHING: Md5Digest = Hex([
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
]);
const HIDE_MARKER_TYPE: &str = "application/x-bz-hide-marker";

/// A bucket. What the caller may not read is marked as such.
pub(crate) fn bucket(bucket: &Bucket, account: &str, caller: &Caller) -> Value {
    let readable = |capability: &str, value: Value| {
        let may_read = caller.key.can(capability);
        let value = if may_read { value } else { Value::Null };
        object([
            ("isClientAuthorizedToRead", may_read.into()),
            ("value", value),
        ])
    };
    let lifecycle_rules = bucket.lifecycle_rules.iter().map(LifecycleRule::json);
    let mut document = json!({
        "accountId": account,
        "bucketId": bucket.id,
        "bucketInfo": bucket.info,
        "bucketName": bucket.name,
        "bucketType": bucket.kind,
        "options": ["s3"],
        "revision": bucket.revision,
    });
    document["corsRules"] = bucket.cors_rules.iter().map(CorsRule::json).collect();
    document["defaultServerSideEncryption"] =
        readable("readBucketEncryption", json!(bucket.encryption().json()));
    let lock = object([
        (
            "defaultRetention",
            DefaultRetention::json(bucket.default_retention),
        ),
        ("isFileLockEnabled", bucket.file_lock.into()),
    ]);
    document["fileLockConfiguration"] = readable("readBucketRetentions", lock);
    document["lifecycleRules"] = lifecycle_rules.collect();
    document["replicationConfiguration"] =
        readable("readBucketReplications", bucket.replication.clone());
    document
}

/// A file version with its fields in B2's order. Of nested `Option`s, an outer `None` is a missing
/// field, an inner one is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_id: Option<BucketId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_md5: Option<Option<Md5Digest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_sha1: Option<Option<Cow<'a, str>>>,
    content_type: Option<&'a str>,
    file_id: Option<FileId>,
    file_info: &'a FileInfo,
    file_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_retention: Option<Restricted<RetentionJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_hold: Option<Restricted<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_side_encryption: Option<EncryptionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    upload_timestamp: u64,
}

/// A value that the caller may or may not read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restricted<T> {
    is_client_authorized_to_read: bool,
    value: Option<T>,
}

impl<'a> File<'a> {
    /// The fields of all versions.
    fn of(version: &'a Version, account: &'a str, action: &'static str, length: u64) -> Self {
        Self {
            account_id: Some(account),
            action: Some(action),
            bucket_id: Some(version.bucket_id()),
            content_length: Some(length),
            content_md5: Some(None),
            content_sha1: Some(Some("none".into())),
            content_type: Some(&version.content_type),
            file_id: Some(version.file_id),
            file_info: &version.info,
            file_name: &version.name,
            file_retention: None,
            legal_hold: None,
            replication_status: version.replication.map(Replication::as_str),
            server_side_encryption: None,
            size: None,
            upload_timestamp: version.uploaded,
        }
    }

    /// Adds retention, legal hold and encryption: for files and unfinished files, not for hide
    /// markers and folders.
    fn protected(self, version: &'a Version, caller: &Caller) -> Self {
        let retains = caller.key.can("readFileRetentions");
        let retention = retains.then(|| RetentionJson::of(version.lock().retention));
        let sees_hold = caller.key.can("readFileLegalHolds");
        let hold = version.lock().legal_hold_json().filter(|_| sees_hold);
        Self {
            file_retention: Some(Restricted {
                is_client_authorized_to_read: retains,
                value: retention,
            }),
            legal_hold: Some(Restricted {
                is_client_authorized_to_read: sees_hold,
                value: hold,
            }),
            server_side_encryption: Some(match version.is_large() {
                true => version.encryption.json_with_key(),
                false => version.encryption.json(),
            }),
            ..self
        }
    }

    /// Adapts it to an API version.
    fn for_version(self, version: ApiVersion) -> Self {
        Self {
            size: self.content_length.filter(|_| version == ApiVersion::V1),
            ..self
        }
    }
}

/// A version in a listing; `copied` for the result of `b2_copy_file`.
pub(crate) fn file<'a>(
    version: &'a Version,
    account: &'a str,
    caller: &Caller,
    copied: bool,
) -> File<'a> {
    let document = match &version.kind {
        Kind::File(stored) => {
            let action = if copied { "copy" } else { "upload" };
            let sha1 = stored.sha1.map(|sha1| sha1.json().into());
            File {
                content_md5: Some(stored.md5),
                content_sha1: Some(Some(sha1.unwrap_or("none".into()))),
                ..File::of(version, account, action, stored.content.len())
            }
            .protected(version, caller)
        }
        Kind::Unfinished(_) => File::of(version, account, "start", 0).protected(version, caller),
        Kind::Hide => File {
            content_md5: Some(Some(MD5_OF_NOTHING)),
            content_sha1: Some(Some(SHA1_OF_NOTHING.into())),
            content_type: Some(HIDE_MARKER_TYPE),
            ..File::of(version, account, "hide", 0)
        },
    };
    document.for_version(caller.version)
}

/// An unfinished large file. v1 repeats only what was requested.
pub(crate) fn unfinished<'a>(version: &'a Version, account: &'a str, caller: &Caller) -> File<'a> {
    let document = file(version, account, caller, false);
    if caller.version != ApiVersion::V1 {
        return document;
    }
    File {
        action: None,
        content_length: None,
        content_md5: None,
        content_sha1: None,
        size: None,
        ..document
    }
}

/// A hide marker in the response of `b2_hide_file`.
pub(crate) fn hide_marker<'a>(version: &'a Version, account: &'a str, caller: &Caller) -> File<'a> {
    let document = file(version, account, caller, false);
    if caller.version != ApiVersion::V1 {
        return document;
    }
    File {
        account_id: None,
        bucket_id: None,
        content_md5: Some(None),
        content_sha1: Some(None),
        content_type: None,
        ..document
    }
}

/// A folder in a listing.
pub(crate) fn folder<'a>(
    name: &'a str,
    bucket: &'a Bucket,
    account: &'a str,
    caller: &Caller,
) -> File<'a> {
    static NO_INFO: FileInfo = FileInfo::EMPTY;
    File {
        account_id: Some(account),
        action: Some("folder"),
        bucket_id: Some(bucket.hex_id),
        content_length: Some(0),
        content_md5: Some(None),
        content_sha1: Some(None),
        content_type: None,
        file_id: None,
        file_info: &NO_INFO,
        file_name: name,
        file_retention: None,
        legal_hold: None,
        replication_status: None,
        server_side_encryption: None,
        size: None,
        upload_timestamp: 0,
    }
    .for_version(caller.version)
}

/// A part in the response of `b2_copy_part`.
pub(crate) fn part(file_id: FileId, number: u64, part: &Part) -> Value {
    json!({
        "contentLength": part.content.len(),
        "contentMd5": part.md5,
        "contentSha1": part.sha1.json(),
        "fileId": file_id,
        "partNumber": number,
        "serverSideEncryption": part.encryption.json(),
        "uploadTimestamp": part.uploaded,
    })
}

/// A part in the responses of `b2_upload_part` and `b2_list_parts`.
pub(crate) fn part_with_checksum(file_id: FileId, number: u64, json: &Part) -> Value {
    let mut document = part(file_id, number, json);
    document["b2Checksum"] = Value::Null;
    document
}

/// A key without its secret. v4 has all its buckets, earlier versions the only one.
pub(crate) fn key(key: &Key, account: &str, version: ApiVersion) -> Value {
    let mut document = json!({
        "accountId": account,
        "applicationKeyId": key.id,
        "capabilities": key.capabilities,
        "expirationTimestamp": key.expires,
        "keyName": key.name,
        "namePrefix": key.name_prefix,
        "options": ["s3"],
    });
    match version {
        ApiVersion::V1 | ApiVersion::V2 | ApiVersion::V3 => {
            let first = key.buckets.as_ref().and_then(|buckets| buckets.first());
            document["bucketId"] = first.cloned().into();
        }
        ApiVersion::V4 => document["bucketIds"] = key.buckets.clone().into(),
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::caller::DownloadHeaders;
    use crate::model::encryption::Encryption;
    use crate::model::file_id::Pod;
    use crate::model::ids::{FileKind, Ids};
    use crate::protocol::json::{Sorted, text};

    fn version(kind: Kind) -> Version {
        let mut ids = Ids::new(1);
        let bucket = ids.bucket_id();
        let id = ids.file_id(bucket, FileKind::Large, Pod::HIDE, 1);
        let mut version = Version::new(id, "name", 1, kind);
        version.content_type = "text/plain".into();
        let info = [("b", "1"), ("a", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        version.info = std::collections::BTreeMap::from(info).into();
        version.encryption = Encryption::Managed;
        version.replication = Some(Replication::Pending);
        version
    }

    #[test]
    fn the_fields_of_files_are_in_alphabetical_order() {
        let kinds = [
            Kind::Hide,
            Kind::Unfinished(std::collections::BTreeMap::new()),
        ];
        for (kind, api) in kinds
            .into_iter()
            .flat_map(|kind| [(kind.clone(), ApiVersion::V1), (kind, ApiVersion::V4)])
        {
            let caller = Caller {
                key: Key::anonymous(),
                version: api,
                origins: crate::protocol::origins::Origins::same(&"http://x".into()),
                download_headers: DownloadHeaders::default(),
                now: 0,
            };
            let version = version(kind);
            for document in [
                file(&version, "account", &caller, false),
                unfinished(&version, "account", &caller),
                hide_marker(&version, "account", &caller),
            ] {
                let sorted = serde_json::to_value(&document).unwrap();
                assert_eq!(text(&document), text(&Sorted(&sorted)));
            }
        }
    }
}
