//! The JSON of buckets, files, parts and keys. What differs between API versions is decided here, by the caller's.

use serde_json::{Map, Value, json};

use crate::caller::{ApiVersion, Caller};
use crate::reply::object;
use crate::state::bucket::Bucket;
use crate::state::file::{Kind, Part, Version};
use crate::state::key::Key;
use crate::state::lock::{DefaultRetention, retention_shown};
use crate::state::rules::{CorsRule, LifecycleRule};

/// What the SHA-1 of nothing is: hide markers have it.
const SHA1_OF_NOTHING: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";
const HIDE_MARKER_TYPE: &str = "application/x-bz-hide-marker";

/// A bucket. What the caller may not read is withheld, and said to be.
pub(crate) fn bucket(bucket: &Bucket, account: &str, caller: &Caller) -> Value {
    let readable = |capability: &str, value: Value| {
        let may_read = caller.key.can(capability);
        let value = if may_read { value } else { Value::Null };
        object([
            ("isClientAuthorizedToRead", may_read.into()),
            ("value", value),
        ])
    };
    let lifecycle_rules = bucket.lifecycle_rules.iter().map(LifecycleRule::shown);
    let mut shape = json!({
        "accountId": account,
        "bucketId": bucket.id,
        "bucketInfo": bucket.info,
        "bucketName": bucket.name,
        "bucketType": bucket.kind,
        "options": ["s3"],
        "revision": bucket.revision,
    });
    shape["corsRules"] = bucket.cors_rules.iter().map(CorsRule::shown).collect();
    shape["defaultServerSideEncryption"] =
        readable("readBucketEncryption", bucket.encryption().shown());
    let lock = object([
        (
            "defaultRetention",
            DefaultRetention::shown(bucket.default_retention),
        ),
        ("isFileLockEnabled", bucket.file_lock.into()),
    ]);
    shape["fileLockConfiguration"] = readable("readBucketRetentions", lock);
    shape["lifecycleRules"] = lifecycle_rules.collect();
    shape["replicationConfiguration"] =
        readable("readBucketReplications", bucket.replication.clone());
    shape
}

/// A version as listings show it; `copied` is how `b2_copy_file` shows its result.
pub(crate) fn file(version: &Version, account: &str, caller: &Caller, copied: bool) -> Value {
    let mut shape = json!({
        "accountId": account,
        "bucketId": version.bucket_id,
        "contentType": version.content_type,
        "fileId": version.file_id,
        "fileInfo": version.info,
        "fileName": version.name,
        "uploadTimestamp": version.uploaded,
    });
    let fields = shape.as_object_mut().expect("written as an object");
    match &version.kind {
        Kind::File(stored) => {
            let sha1 = stored.sha1.as_ref().map(|sha1| sha1.shown());
            fields.insert(
                "action".into(),
                if copied { "copy" } else { "upload" }.into(),
            );
            fields.insert("contentLength".into(), stored.content.len().into());
            fields.insert("contentMd5".into(), stored.md5.clone().into());
            fields.insert("contentSha1".into(), sha1.unwrap_or("none".into()).into());
            protection(fields, version, caller);
        }
        Kind::Unfinished(_) => {
            fields.insert("action".into(), "start".into());
            fields.insert("contentLength".into(), 0.into());
            fields.insert("contentMd5".into(), Value::Null);
            fields.insert("contentSha1".into(), "none".into());
            protection(fields, version, caller);
        }
        Kind::Hide => {
            fields.insert("action".into(), "hide".into());
            fields.insert("contentLength".into(), 0.into());
            fields.insert("contentMd5".into(), MD5_OF_NOTHING.into());
            fields.insert("contentSha1".into(), SHA1_OF_NOTHING.into());
            fields.insert("contentType".into(), HIDE_MARKER_TYPE.into());
        }
    }
    if caller.version == ApiVersion::V1 {
        let size = fields["contentLength"].clone();
        fields.insert("size".into(), size);
    }
    shape
}

/// An unfinished large file, as the calls for large files show it: v1 says no more than what was asked for.
pub(crate) fn unfinished(version: &Version, account: &str, caller: &Caller) -> Value {
    let fields = [
        "action",
        "contentLength",
        "contentMd5",
        "contentSha1",
        "size",
    ];
    without_in_v1(file(version, account, caller, false), caller, &fields)
}

/// A hide marker, as `b2_hide_file` shows it.
pub(crate) fn hidden(version: &Version, account: &str, caller: &Caller) -> Value {
    let mut shape = file(version, account, caller, false);
    if caller.version == ApiVersion::V1 {
        for field in ["contentMd5", "contentSha1", "contentType"] {
            shape[field] = Value::Null;
        }
    }
    without_in_v1(shape, caller, &["accountId", "bucketId"])
}

fn without_in_v1(mut shape: Value, caller: &Caller, fields: &[&str]) -> Value {
    if caller.version == ApiVersion::V1
        && let Some(shape) = shape.as_object_mut()
    {
        shape.retain(|field, _| !fields.contains(&field.as_str()));
    }
    shape
}

/// Retention, legal hold and encryption: of files and unfinished files, not of hide markers and folders.
fn protection(fields: &mut Map<String, Value>, version: &Version, caller: &Caller) {
    let retains = caller.key.can("readFileRetentions");
    let retention = retains.then(|| retention_shown(version.lock.retention));
    let sees_hold = caller.key.can("readFileLegalHolds");
    let hold = version.lock.legal_hold_shown().filter(|_| sees_hold);
    let shown = |readable: bool, value: Value| {
        object([
            ("isClientAuthorizedToRead", readable.into()),
            ("value", value),
        ])
    };
    fields.insert("fileRetention".into(), shown(retains, retention.into()));
    fields.insert("legalHold".into(), shown(sees_hold, hold.into()));
    let encryption = match version.is_large() {
        true => version.encryption.shown_with_key(),
        false => version.encryption.shown(),
    };
    fields.insert("serverSideEncryption".into(), encryption);
}

/// A folder: what files with a common beginning are folded into.
pub(crate) fn folder(name: &str, bucket: &Bucket, account: &str, caller: &Caller) -> Value {
    let mut shape = json!({
        "accountId": account,
        "action": "folder",
        "bucketId": bucket.id,
        "contentLength": 0,
        "contentMd5": null,
        "contentSha1": null,
        "contentType": null,
        "fileId": null,
        "fileInfo": {},
        "fileName": name,
        "uploadTimestamp": 0,
    });
    if caller.version == ApiVersion::V1 {
        shape["size"] = 0.into();
    }
    shape
}

/// A part, as `b2_copy_part` shows it.
pub(crate) fn part(file_id: &str, number: u64, part: &Part) -> Value {
    json!({
        "contentLength": part.content.len(),
        "contentMd5": part.md5,
        "contentSha1": part.sha1.shown(),
        "fileId": file_id,
        "partNumber": number,
        "serverSideEncryption": part.encryption.shown(),
        "uploadTimestamp": part.uploaded,
    })
}

/// A part, as `b2_upload_part` and `b2_list_parts` show it.
pub(crate) fn part_with_checksum(file_id: &str, number: u64, shown: &Part) -> Value {
    let mut shape = part(file_id, number, shown);
    shape["b2Checksum"] = Value::Null;
    shape
}

/// A key, without its secret. Since v4 it names all its buckets, before it only had one.
pub(crate) fn key(key: &Key, account: &str, version: ApiVersion) -> Value {
    let mut shape = json!({
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
            shape["bucketId"] = first.cloned().into();
        }
        ApiVersion::V4 => shape["bucketIds"] = key.buckets.clone().into(),
    }
    shape
}
