//! Compares the response to a call that creates something with what was requested.
//!
//! This detects mixed-up responses. The comparison is semantic, since B2 may normalize values:
//! lowercase keys, reorder sets, add entries, or apply the bucket's defaults. Fields that the key
//! may not read are assumed to match.

use serde_json::Value;

use crate::types::{
    Action, Bucket, BucketInfo, ContentType, EncryptionMode, EncryptionSetting, FileInfo,
    FileRetention, FileVersion, LegalHold, Restricted, Timestamp, is_reserved,
};

/// The attributes that a call requests for a version. `None` leaves the choice to B2 or the bucket.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    pub(super) file_info: Option<&'a FileInfo>,
    pub(super) content_type: Option<&'a ContentType>,
    pub(super) encryption: Option<&'a EncryptionSetting>,
    pub(super) retention: Option<FileRetention>,
    pub(super) legal_hold: Option<&'a LegalHold>,
    pub(super) upload_timestamp: Option<Timestamp>,
}

impl Attributes<'_> {
    /// How the version in a response differs from the requested attributes, if it does.
    pub(super) fn difference(&self, actual: &FileVersion) -> Option<&'static str> {
        let has = |(key, value): (&str, &str)| actual.file_info.get(key) == Some(value);
        // B2 may format the parameters differently.
        let essence = |content_type: &ContentType| {
            let (essence, _) = content_type
                .as_str()
                .split_once(';')
                .unwrap_or((content_type.as_str(), ""));
            essence.trim().to_ascii_lowercase()
        };
        let named = |requested: &ContentType| {
            let actual = actual.content_type.as_ref();
            *requested == ContentType::auto()
                || actual.is_some_and(|actual| essence(actual) == essence(requested))
        };
        if self
            .file_info
            .is_some_and(|requested| !requested.iter().all(has))
        {
            Some("its file info differs")
        } else if !self.content_type.is_none_or(named) {
            Some("its content type differs")
        } else if !self.encryption_matches(actual) {
            Some("its encryption differs")
        } else if !self.retention.as_ref().is_none_or(|requested| {
            let actual = actual.file_retention.value();
            actual.is_none_or(|actual| same_retention(requested, actual))
        }) {
            Some("its retention differs")
        } else if !self
            .legal_hold
            .is_none_or(|requested| match &actual.legal_hold {
                Restricted::Unauthorized => true,
                // A hold that was never set is off.
                Restricted::Value(None) => *requested == LegalHold::Off,
                Restricted::Value(Some(actual)) => actual == requested,
            })
        {
            Some("its legal hold differs")
        } else if self
            .upload_timestamp
            .is_some_and(|requested| requested != actual.upload_timestamp)
        {
            Some("its upload timestamp differs")
        } else {
            None
        }
    }

    fn encryption_matches(&self, actual: &FileVersion) -> bool {
        let actual = &actual.server_side_encryption;
        match self.encryption {
            // A file with an unexpected customer-managed key could not be read. Any other mode is
            // up to B2 or the bucket: B2 encrypts new files even if asked not to.
            None | Some(EncryptionSetting::None) => actual.mode != Some(EncryptionMode::SseC),
            Some(EncryptionSetting::SseB2) => actual.mode == Some(EncryptionMode::SseB2),
            Some(EncryptionSetting::SseC(key)) => {
                let md5 = actual.customer_key_md5.as_deref();
                actual.mode == Some(EncryptionMode::SseC)
                    && md5.is_none_or(|md5| md5 == key.md5_base64())
            }
        }
    }
}

/// Whether two retentions are equal, to the second.
pub(super) fn same_retention(requested: &FileRetention, actual: &FileRetention) -> bool {
    let seconds = |retention: &FileRetention| {
        let until = retention.retain_until_timestamp;
        until.map(|until| until.as_millis().div_euclid(1_000))
    };
    requested.mode == actual.mode
        && (requested.mode.is_none() || seconds(requested) == seconds(actual))
}

/// Checks that a version is a file, not a hide marker or an unfinished large file.
pub(super) fn not_a_file(actual: &FileVersion) -> Option<&'static str> {
    matches!(actual.action, Action::Start | Action::Hide | Action::Folder)
        .then_some("it is not a file")
}

/// Whether a bucket has all settings of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingsMatch {
    /// All settings match.
    Full,
    /// All settings that the key may read match.
    Readable,
    /// This setting differs.
    Differs(&'static str),
}

/// For each field of a request: the JSON pointer to it in a bucket, and to the object that says
/// whether the key may read it.
const SETTING_POINTERS: [(&str, &str, &str); 8] = [
    ("bucketType", "/bucketType", ""),
    ("bucketInfo", "/bucketInfo", ""),
    ("corsRules", "/corsRules", ""),
    ("lifecycleRules", "/lifecycleRules", ""),
    (
        "defaultRetention",
        "/fileLockConfiguration/value/defaultRetention",
        "/fileLockConfiguration",
    ),
    (
        "fileLockEnabled",
        "/fileLockConfiguration/value/isFileLockEnabled",
        "/fileLockConfiguration",
    ),
    (
        "defaultServerSideEncryption",
        "/defaultServerSideEncryption/value",
        "/defaultServerSideEncryption",
    ),
    (
        "replicationConfiguration",
        "/replicationConfiguration/value",
        "/replicationConfiguration",
    ),
];

/// Compares a bucket with the document of a request.
pub(super) fn match_settings(bucket: &Bucket, document: &impl serde::Serialize) -> SettingsMatch {
    let actual = serde_json::to_value(bucket.clone().in_full());
    let (Ok(requested), Ok(actual)) = (serde_json::to_value(document), actual) else {
        return SettingsMatch::Differs("settings");
    };
    let mut all = SettingsMatch::Full;
    for (field, pointer, reader) in SETTING_POINTERS {
        let Some(requested) = requested.get(field) else {
            continue;
        };
        let readable = actual.pointer(&format!("{reader}/isClientAuthorizedToRead"));
        if !reader.is_empty() && readable != Some(&Value::Bool(true)) {
            all = SettingsMatch::Readable;
            continue;
        }
        let actual = actual.pointer(pointer).unwrap_or(&Value::Null);
        let same = match field {
            "bucketInfo" => same_info(requested, actual),
            // The first matching rule applies, so the order is significant.
            "corsRules" => in_order(requested, actual),
            "defaultServerSideEncryption" => {
                is_empty(requested) && actual["mode"] != "SSE-C" || is_equivalent(requested, actual)
            }
            _ => is_equivalent(requested, actual),
        };
        if !same {
            return SettingsMatch::Differs(field);
        }
    }
    all
}

/// Whether all entries match, with no others except B2's own. Keys are case-insensitive.
fn same_info(requested: &Value, actual: &Value) -> bool {
    let read = |value: &Value| {
        let info: Option<BucketInfo> = serde_json::from_value(value.clone()).ok();
        info.unwrap_or_default()
    };
    let (requested, actual) = (read(requested), read(actual));
    let has = |(key, value): (&str, &str)| actual.get(key) == Some(value);
    let is_known = |(key, _): (&str, &str)| requested.get(key).is_some() || is_reserved(key);
    requested.iter().all(has) && actual.iter().all(is_known)
}

fn in_order(requested: &Value, actual: &Value) -> bool {
    let (requested, actual) = (list(requested), list(actual));
    requested.len() == actual.len()
        && requested
            .iter()
            .zip(actual)
            .all(|(requested, actual)| is_equivalent(requested, actual))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether `actual` contains everything in `requested`. It may have additional fields, lists may be
/// reordered, and empty values may be omitted. Strings here are B2's constants, origins, and names
/// of headers and rules, all case-insensitive.
fn is_equivalent(requested: &Value, actual: &Value) -> bool {
    match (requested, actual) {
        _ if is_empty(requested) => is_empty(actual),
        (Value::Object(requested), Value::Object(actual)) => {
            requested.iter().all(|(key, requested)| {
                let actual = actual.get(key).unwrap_or(&Value::Null);
                let exact = matches!(key.as_str(), "fileNamePrefix" | "destinationBucketId");
                match exact || key.ends_with("Id") || key.ends_with("KeyMapping") {
                    true => requested == actual,
                    false => is_equivalent(requested, actual),
                }
            })
        }
        (Value::Array(requested), Value::Array(actual)) => {
            let mut left: Vec<_> = actual.iter().collect();
            requested.len() == actual.len()
                && requested.iter().all(|requested| {
                    let found = left
                        .iter()
                        .position(|actual| is_equivalent(requested, actual));
                    found.is_some_and(|at| {
                        left.swap_remove(at);
                        true
                    })
                })
        }
        (Value::String(requested), Value::String(actual)) => requested.eq_ignore_ascii_case(actual),
        (requested, actual) => requested == actual,
    }
}

/// Whether a value is one of the representations of an empty value.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::{CustomerKey, RetentionMode};

    fn version(over: Value) -> FileVersion {
        let mut row = json!({
            "action": "upload", "bucketId": "b", "fileId": "f", "fileName": "n",
            "uploadTimestamp": 1, "contentType": "text/plain",
            "fileInfo": {"colour": "red", "b2-added": "x"},
        });
        for (key, value) in over.as_object().unwrap() {
            row[key] = value.clone();
        }
        serde_json::from_value(row).unwrap()
    }

    fn readable(value: Value) -> Value {
        json!({"isClientAuthorizedToRead": true, "value": value})
    }

    #[test]
    fn fields_that_b2_adds_folds_or_hides_are_not_differences() {
        let info = FileInfo::new().with("Colour", "red").unwrap();
        let (plain, auto) = (
            ContentType::new("Text/Plain; charset=UTF-8").unwrap(),
            ContentType::auto(),
        );
        let key = CustomerKey::new([7; 32]);
        let md5 = key.md5_base64();
        let sse_c = EncryptionSetting::SseC(key);
        let until = FileRetention::until(RetentionMode::Governance, Timestamp::from_millis(5_999));
        let none = Attributes::default;
        let hidden = json!({"isClientAuthorizedToRead": false, "value": null});
        for (requested, actual) in [
            (
                Attributes {
                    file_info: Some(&info),
                    ..none()
                },
                json!({}),
            ),
            (
                Attributes {
                    content_type: Some(&plain),
                    ..none()
                },
                json!({}),
            ),
            (
                Attributes {
                    content_type: Some(&auto),
                    ..none()
                },
                json!({"contentType": "x/y"}),
            ),
            (
                none(),
                json!({"serverSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
            ),
            (
                Attributes {
                    encryption: Some(&EncryptionSetting::None),
                    ..none()
                },
                json!({"serverSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
            ),
            (
                Attributes {
                    encryption: Some(&sse_c),
                    ..none()
                },
                json!({"serverSideEncryption": {"mode": "SSE-C", "algorithm": "AES256"}}),
            ),
            (
                Attributes {
                    encryption: Some(&sse_c),
                    ..none()
                },
                json!({"serverSideEncryption": {
                    "mode": "SSE-C", "algorithm": "AES256", "customerKeyMd5": md5,
                }}),
            ),
            (
                Attributes {
                    retention: Some(until.clone()),
                    ..none()
                },
                json!({"fileRetention": hidden}),
            ),
            (
                Attributes {
                    retention: Some(until),
                    ..none()
                },
                json!({"fileRetention": readable(json!({
                    "mode": "governance", "retainUntilTimestamp": 5_000,
                }))}),
            ),
            (
                Attributes {
                    legal_hold: Some(&LegalHold::On),
                    ..none()
                },
                json!({"legalHold": hidden}),
            ),
            (
                Attributes {
                    legal_hold: Some(&LegalHold::Off),
                    ..none()
                },
                json!({"legalHold": readable(Value::Null)}),
            ),
            (none(), json!({"legalHold": readable(json!("on"))})),
        ] {
            assert_eq!(
                requested.difference(&version(actual.clone())),
                None,
                "{actual}"
            );
        }
    }

    #[test]
    fn a_requested_attribute_that_is_missing_is_a_difference() {
        let info = FileInfo::new().with("colour", "blue").unwrap();
        let more = FileInfo::new().with("size", "1").unwrap();
        let html = ContentType::new("text/html").unwrap();
        let sse_c = EncryptionSetting::SseC(CustomerKey::new([7; 32]));
        let until = FileRetention::until(RetentionMode::Compliance, Timestamp::from_millis(5_000));
        let none = Attributes::default;
        let sse = |mode: &str, md5: &str| {
            let actual = json!({"mode": mode, "algorithm": "AES256", "customerKeyMd5": md5});
            json!({"serverSideEncryption": actual})
        };
        let held = |mode: &str, until: u64| {
            let actual = json!({"mode": mode, "retainUntilTimestamp": until});
            json!({"fileRetention": readable(actual)})
        };
        for (requested, actual, reason) in [
            (
                Attributes {
                    file_info: Some(&info),
                    ..none()
                },
                json!({}),
                "file info",
            ),
            (
                Attributes {
                    file_info: Some(&more),
                    ..none()
                },
                json!({}),
                "file info",
            ),
            (
                Attributes {
                    content_type: Some(&html),
                    ..none()
                },
                json!({}),
                "content type",
            ),
            (
                Attributes {
                    content_type: Some(&html),
                    ..none()
                },
                json!({"contentType": null}),
                "content type",
            ),
            (none(), sse("SSE-C", "x"), "encryption"),
            (
                Attributes {
                    encryption: Some(&sse_c),
                    ..none()
                },
                json!({}),
                "encryption",
            ),
            (
                Attributes {
                    encryption: Some(&sse_c),
                    ..none()
                },
                sse("SSE-C", "other"),
                "encryption",
            ),
            (
                Attributes {
                    encryption: Some(&EncryptionSetting::SseB2),
                    ..none()
                },
                json!({}),
                "encryption",
            ),
            (
                Attributes {
                    retention: Some(until.clone()),
                    ..none()
                },
                json!({}),
                "retention",
            ),
            (
                Attributes {
                    retention: Some(until.clone()),
                    ..none()
                },
                held("governance", 5_000),
                "retention",
            ),
            (
                Attributes {
                    retention: Some(until),
                    ..none()
                },
                held("compliance", 4_000),
                "retention",
            ),
            (
                Attributes {
                    legal_hold: Some(&LegalHold::On),
                    ..none()
                },
                json!({}),
                "hold",
            ),
            (
                Attributes {
                    upload_timestamp: Some(Timestamp::from_millis(2)),
                    ..none()
                },
                json!({}),
                "time",
            ),
        ] {
            let difference = requested.difference(&version(actual.clone()));
            assert!(
                difference.is_some_and(|it| it.contains(reason)),
                "{actual} {difference:?}"
            );
        }
    }

    fn bucket(over: Value) -> Bucket {
        let mut bucket = json!({
            "accountId": "a", "bucketId": "b", "bucketName": "photos", "bucketType": "allPrivate",
            "revision": 3,
            "defaultServerSideEncryption": readable(json!({
                "mode": "SSE-B2", "algorithm": "AES256",
            })),
            "fileLockConfiguration": readable(json!({
                "isFileLockEnabled": true,
                "defaultRetention": {
                    "mode": "governance", "period": {"duration": 7, "unit": "days"},
                },
            })),
            "replicationConfiguration": readable(Value::Null),
        });
        for (key, value) in over.as_object().unwrap() {
            bucket[key] = value.clone();
        }
        serde_json::from_value(bucket).unwrap()
    }

    #[test]
    fn every_setting_of_a_call_is_compared() {
        use crate::api::{CreateBucket, UpdateBucket};
        use crate::types::{
            BucketName, BucketType, CorsRules, DefaultRetention, Encryption, LifecycleRules,
            ReplicationConfiguration,
        };

        let create = CreateBucket::new(BucketName::new("photos").unwrap(), BucketType::AllPublic)
            .bucket_info(BucketInfo::new())
            .cors_rules(CorsRules::default())
            .default_server_side_encryption(Encryption::sse_b2())
            .file_lock_enabled(true)
            .lifecycle_rules(LifecycleRules::default())
            .replication_configuration(ReplicationConfiguration::none());
        let update = UpdateBucket::new("b")
            .bucket_type(BucketType::AllPublic)
            .bucket_info(BucketInfo::new())
            .cors_rules(CorsRules::default())
            .default_retention(DefaultRetention::none())
            .default_server_side_encryption(Encryption::sse_b2())
            .file_lock_enabled(true)
            .lifecycle_rules(LifecycleRules::default())
            .replication_configuration(ReplicationConfiguration::none())
            .if_revision_is(1);
        for document in [serde_json::to_value(create), serde_json::to_value(update)] {
            for field in document.unwrap().as_object().unwrap().keys() {
                let named = matches!(field.as_str(), "bucketId" | "bucketName" | "ifRevisionIs");
                let looked_at = SETTING_POINTERS.iter().any(|(actual, ..)| actual == field);
                assert!(named || looked_at, "{field}");
            }
        }
    }

    #[test]
    fn settings_match_in_another_order_or_case_or_with_added_fields() {
        let rule = |operations: &[&str], headers: &[&str]| {
            json!({
                "corsRuleName": "downloads", "allowedOrigins": ["https://Example.com"],
                "allowedOperations": operations, "allowedHeaders": headers,
                "exposeHeaders": [], "maxAgeSeconds": 60,
            })
        };
        let lifecycle = |prefix: &str, days: u64| {
            json!({
                "fileNamePrefix": prefix,
                "daysFromHidingToDeleting": days, "daysFromUploadingToHiding": null,
            })
        };
        let source = json!({"replicationRules": [
            {"destinationBucketId": "d", "fileNamePrefix": "", "includeExistingFiles": false,
             "isEnabled": true, "priority": 1, "replicationRuleName": "rule-1"},
        ], "sourceApplicationKeyId": "k"});
        for (requested, actual) in [
            (
                json!({"bucketInfo": {"Owner": "us"}}),
                json!({"bucketInfo": {"owner": "us", "b2-own": "x"}}),
            ),
            (
                json!({"corsRules": [rule(&["s3_get", "s3_put"], &["X-A", "X-B"])]}),
                json!({"corsRules": [rule(&["s3_put", "s3_get"], &["x-b", "x-a"])]}),
            ),
            (json!({"corsRules": []}), json!({})),
            (
                json!({"lifecycleRules": [lifecycle("a/", 1), lifecycle("b/", 2)]}),
                json!({"lifecycleRules": [lifecycle("b/", 2), lifecycle("a/", 1)]}),
            ),
            (json!({"fileLockEnabled": true}), json!({})),
            (
                json!({"defaultRetention": {
                    "mode": "governance", "period": {"duration": 7, "unit": "days"},
                }}),
                json!({}),
            ),
            // `none` is the service's default by now.
            (
                json!({"defaultServerSideEncryption": {"mode": null, "algorithm": null}}),
                json!({}),
            ),
            (
                json!({"defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
                json!({}),
            ),
            (
                json!({"replicationConfiguration": {
                    "asReplicationSource": null, "asReplicationDestination": null,
                }}),
                json!({}),
            ),
            (
                json!({"replicationConfiguration": {
                    "asReplicationSource": source, "asReplicationDestination": null,
                }}),
                json!({"replicationConfiguration": readable(json!({
                    "asReplicationSource": source,
                }))}),
            ),
        ] {
            assert_eq!(
                match_settings(&bucket(actual.clone()), &requested),
                SettingsMatch::Full,
                "{requested} {actual}"
            );
        }
        let hidden = json!({"isClientAuthorizedToRead": false, "value": null});
        let requested = json!({"bucketType": "allPrivate", "fileLockEnabled": true});
        let actual = bucket(json!({"fileLockConfiguration": hidden}));
        assert_eq!(match_settings(&actual, &requested), SettingsMatch::Readable);
    }

    #[test]
    fn a_setting_that_was_not_applied_is_named() {
        let lifecycle =
            |prefix: &str| json!({"fileNamePrefix": prefix, "daysFromHidingToDeleting": 1});
        let cors = |name: &str| {
            json!({
                "corsRuleName": name, "allowedOrigins": ["*"], "allowedOperations": ["s3_get"],
                "allowedHeaders": [], "exposeHeaders": [], "maxAgeSeconds": 60,
            })
        };
        for (requested, actual, field) in [
            (json!({"bucketType": "allPublic"}), json!({}), "bucketType"),
            (json!({"bucketInfo": {"a": "1"}}), json!({}), "bucketInfo"),
            (
                json!({"bucketInfo": {"a": "1"}}),
                json!({"bucketInfo": {"a": "2"}}),
                "bucketInfo",
            ),
            (
                json!({"bucketInfo": {}}),
                json!({"bucketInfo": {"a": "2"}}),
                "bucketInfo",
            ),
            (
                json!({"lifecycleRules": [lifecycle("a/")]}),
                json!({"lifecycleRules": [lifecycle("A/")]}),
                "lifecycleRules",
            ),
            (
                json!({"lifecycleRules": [lifecycle("a/")]}),
                json!({"lifecycleRules": [lifecycle("a/"), lifecycle("b/")]}),
                "lifecycleRules",
            ),
            (
                json!({"corsRules": [cors("first-rule"), cors("other-rule")]}),
                json!({"corsRules": [cors("other-rule"), cors("first-rule")]}),
                "corsRules",
            ),
            (
                json!({"defaultRetention": {
                    "mode": "governance", "period": {"duration": 8, "unit": "days"},
                }}),
                json!({}),
                "defaultRetention",
            ),
            (
                json!({"defaultServerSideEncryption": {"mode": "SSE-B2", "algorithm": "AES256"}}),
                json!({"defaultServerSideEncryption": readable(json!({
                    "mode": null, "algorithm": null,
                }))}),
                "defaultServerSideEncryption",
            ),
            (
                json!({"fileLockEnabled": true}),
                json!({"fileLockConfiguration": readable(json!({"isFileLockEnabled": false}))}),
                "fileLockEnabled",
            ),
            (
                json!({"replicationConfiguration": {"asReplicationDestination": {
                    "sourceToDestinationKeyMapping": {"a": "b"},
                }}}),
                json!({}),
                "replicationConfiguration",
            ),
        ] {
            assert_eq!(
                match_settings(&bucket(actual.clone()), &requested),
                SettingsMatch::Differs(field),
                "{requested} {actual}"
            );
        }
    }
}
