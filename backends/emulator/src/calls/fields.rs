//! The JSON fields of each call. Others are refused.
//!
//! For some calls it is reported that B2 refuses unknown fields ([`REFUSE_UNKNOWN`]). Whether the
//! others do is not known, so for them it is a
//! [switch](crate::UndocumentedBehavior::unknown_fields_are_refused).
//!
//! Nothing that well-known clients send is refused: b2sdk, the `b2` CLI and rclone run with the
//! switch on in `tests/real_clients`; the request types of blazer and Backblaze's TypeScript SDK
//! were read.

use serde_json::{Map, Value};

use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;
use crate::protocol::version::ApiVersion;

/// Reported: `b2_copy_file` and `b2_update_file_retention` in 2026, `b2_delete_file_version`
/// ("unknown field in …FileNameAndId: accountId") in B2's first years.
const REFUSE_UNKNOWN: [&str; 3] = [
    "b2_copy_file",
    "b2_delete_file_version",
    "b2_update_file_retention",
];

/// The name of a field, and its own fields.
struct Field(&'static str, Inner);

/// The fields of a value.
#[derive(Clone, Copy)]
enum Inner {
    /// None, or any: a string, a list of strings, a map with keys of the caller's choice.
    Any,
    /// An object.
    Of(&'static [Field]),
    /// A list of objects.
    EachOf(&'static [Field]),
}

use Inner::{Any, EachOf, Of};

/// Refuses unknown fields, for calls that are known to do so, or for all if `strict`.
pub(crate) fn check(
    call: &str,
    version: ApiVersion,
    body: &Args,
    strict: bool,
) -> Result<(), ApiError> {
    if !strict && !REFUSE_UNKNOWN.contains(&call) {
        return Ok(());
    }
    fields_of(call, version).map_or(Ok(()), |known| check_object(call, body.fields(), known))
}

fn check_object(place: &str, object: &Map<String, Value>, known: &[Field]) -> Result<(), ApiError> {
    for (name, value) in object {
        let field = known.iter().find(|Field(known, _)| known == name);
        let Some(Field(_, inner)) = field else {
            return Err(undocumented::unknown_field(place, name));
        };
        match (inner, value) {
            (Of(known), Value::Object(object)) => check_object(name, object, known)?,
            (EachOf(known), Value::Array(items)) => {
                for item in items.iter().filter_map(Value::as_object) {
                    check_object(name, item, known)?;
                }
            }
            // a wrong type is for the call to refuse
            _ => {}
        }
    }
    Ok(())
}

const RETENTION: &[Field] = &[Field("mode", Any), Field("retainUntilTimestamp", Any)];

const ENCRYPTION: &[Field] = &[
    Field("algorithm", Any),
    Field("customerKey", Any),
    Field("customerKeyMd5", Any),
    Field("mode", Any),
];

const DEFAULT_RETENTION: &[Field] = &[
    Field("mode", Any),
    Field("period", Of(&[Field("duration", Any), Field("unit", Any)])),
];

const CORS_RULE: &[Field] = &[
    Field("allowedHeaders", Any),
    Field("allowedOperations", Any),
    Field("allowedOrigins", Any),
    Field("corsRuleName", Any),
    Field("exposeHeaders", Any),
    Field("maxAgeSeconds", Any),
];

const LIFECYCLE_RULE: &[Field] = &[
    Field("daysFromHidingToDeleting", Any),
    Field("daysFromStartingToCancelingUnfinishedLargeFiles", Any),
    Field("daysFromUploadingToHiding", Any),
    Field("fileNamePrefix", Any),
];

const REPLICATION_RULE: &[Field] = &[
    Field("destinationBucketId", Any),
    Field("fileNamePrefix", Any),
    Field("includeExistingFiles", Any),
    Field("isEnabled", Any),
    Field("priority", Any),
    Field("replicationRuleName", Any),
];

const REPLICATION: &[Field] = &[
    Field(
        "asReplicationDestination",
        Of(&[Field("sourceToDestinationKeyMapping", Any)]),
    ),
    Field(
        "asReplicationSource",
        Of(&[
            Field("replicationRules", EachOf(REPLICATION_RULE)),
            Field("sourceApplicationKeyId", Any),
        ]),
    ),
];

const NOTIFICATION_RULE: &[Field] = &[
    Field("eventTypes", Any),
    Field("isEnabled", Any),
    Field("maxEventsPerBatch", Any),
    Field("name", Any),
    Field("objectNamePrefix", Any),
    Field(
        "targetConfiguration",
        Of(&[
            Field(
                "customHeaders",
                EachOf(&[Field("name", Any), Field("value", Any)]),
            ),
            Field("hmacSha256SigningSecret", Any),
            Field("maxEventsPerBatch", Any),
            Field("targetType", Any),
            Field("url", Any),
        ]),
    ),
];

/// The fields of a call. `None` for a call without a table, of which there is none: a test checks
/// that.
#[rustfmt::skip]
fn fields_of(call: &str, version: ApiVersion) -> Option<&'static [Field]> {
    Some(match call {
        "b2_authorize_account" => &[],
        "b2_cancel_large_file" | "b2_get_file_info" | "b2_get_upload_part_url" => {
            &[Field("fileId", Any)]
        }
        "b2_copy_file" => &[
            Field("contentType", Any), Field("destinationBucketId", Any),
            Field("destinationServerSideEncryption", Of(ENCRYPTION)), Field("fileInfo", Any),
            Field("fileName", Any), Field("fileRetention", Of(RETENTION)), Field("legalHold", Any),
            Field("metadataDirective", Any), Field("range", Any), Field("sourceFileId", Any),
            Field("sourceServerSideEncryption", Of(ENCRYPTION)),
        ],
        "b2_copy_part" => &[
            Field("destinationServerSideEncryption", Of(ENCRYPTION)), Field("largeFileId", Any),
            Field("partNumber", Any), Field("range", Any), Field("sourceFileId", Any),
            Field("sourceServerSideEncryption", Of(ENCRYPTION)),
        ],
        "b2_create_bucket" => &[
            Field("accountId", Any), Field("bucketInfo", Any), Field("bucketName", Any),
            Field("bucketType", Any), Field("corsRules", EachOf(CORS_RULE)),
            Field("defaultRetention", Of(DEFAULT_RETENTION)),
            Field("defaultServerSideEncryption", Of(ENCRYPTION)), Field("fileLockEnabled", Any),
            Field("lifecycleRules", EachOf(LIFECYCLE_RULE)),
            Field("replicationConfiguration", Of(REPLICATION)),
        ],
        // with the other version's field the key would be for all buckets
        "b2_create_key" if version == ApiVersion::V4 => &[
            Field("accountId", Any), Field("bucketIds", Any), Field("capabilities", Any),
            Field("keyName", Any), Field("namePrefix", Any), Field("validDurationInSeconds", Any),
        ],
        "b2_create_key" => &[
            Field("accountId", Any), Field("bucketId", Any), Field("capabilities", Any),
            Field("keyName", Any), Field("namePrefix", Any), Field("validDurationInSeconds", Any),
        ],
        "b2_delete_bucket" => &[Field("accountId", Any), Field("bucketId", Any)],
        "b2_delete_file_version" => &[
            Field("bypassGovernance", Any), Field("fileId", Any), Field("fileName", Any),
        ],
        "b2_delete_key" => &[Field("applicationKeyId", Any)],
        "b2_download_file_by_id" => &[
            Field("b2CacheControl", Any), Field("b2ContentDisposition", Any),
            Field("b2ContentEncoding", Any), Field("b2ContentLanguage", Any),
            Field("b2ContentType", Any), Field("b2Expires", Any), Field("fileId", Any),
        ],
        "b2_finish_large_file" => &[Field("fileId", Any), Field("partSha1Array", Any)],
        "b2_get_bucket_notification_rules" | "b2_get_upload_url" => &[Field("bucketId", Any)],
        "b2_get_download_authorization" => &[
            Field("b2CacheControl", Any), Field("b2ContentDisposition", Any),
            Field("b2ContentEncoding", Any), Field("b2ContentLanguage", Any),
            Field("b2ContentType", Any), Field("b2Expires", Any), Field("bucketId", Any),
            Field("fileNamePrefix", Any), Field("validDurationInSeconds", Any),
        ],
        "b2_hide_file" => &[Field("bucketId", Any), Field("fileName", Any)],
        "b2_list_buckets" => &[
            Field("accountId", Any), Field("bucketId", Any), Field("bucketName", Any),
            Field("bucketTypes", Any),
        ],
        "b2_list_file_names" => &[
            Field("bucketId", Any), Field("delimiter", Any), Field("maxFileCount", Any),
            Field("prefix", Any), Field("startFileName", Any),
        ],
        "b2_list_file_versions" => &[
            Field("bucketId", Any), Field("delimiter", Any), Field("maxFileCount", Any),
            Field("prefix", Any), Field("startFileId", Any), Field("startFileName", Any),
        ],
        "b2_list_keys" => &[
            Field("accountId", Any), Field("maxKeyCount", Any), Field("startApplicationKeyId", Any),
        ],
        "b2_list_parts" => &[
            Field("fileId", Any), Field("maxPartCount", Any), Field("startPartNumber", Any),
        ],
        "b2_list_unfinished_large_files" => &[
            Field("bucketId", Any), Field("maxFileCount", Any), Field("namePrefix", Any),
            Field("startFileId", Any),
        ],
        "b2_set_bucket_notification_rules" => &[
            Field("bucketId", Any), Field("eventNotificationRules", EachOf(NOTIFICATION_RULE)),
        ],
        "b2_start_large_file" => &[
            Field("bucketId", Any), Field("contentType", Any), Field("customUploadTimestamp", Any),
            Field("fileInfo", Any), Field("fileName", Any), Field("fileRetention", Of(RETENTION)),
            Field("legalHold", Any), Field("serverSideEncryption", Of(ENCRYPTION)),
        ],
        "b2_update_bucket" => &[
            Field("accountId", Any), Field("bucketId", Any), Field("bucketInfo", Any),
            Field("bucketType", Any), Field("corsRules", EachOf(CORS_RULE)),
            Field("defaultRetention", Of(DEFAULT_RETENTION)),
            Field("defaultServerSideEncryption", Of(ENCRYPTION)), Field("fileLockEnabled", Any),
            Field("ifRevisionIs", Any), Field("lifecycleRules", EachOf(LIFECYCLE_RULE)),
            Field("replicationConfiguration", Of(REPLICATION)),
        ],
        "b2_update_file_legal_hold" => &[
            Field("fileId", Any), Field("fileName", Any), Field("legalHold", Any),
        ],
        "b2_update_file_retention" => &[
            Field("bypassGovernance", Any), Field("fileId", Any), Field("fileName", Any),
            Field("fileRetention", Of(RETENTION)),
        ],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::table::CALLS;

    #[test]
    fn every_call_has_a_table_without_duplicate_fields() {
        for call in CALLS {
            for version in [ApiVersion::V1, ApiVersion::V4] {
                let known = fields_of(call.name, version);
                let known = known.unwrap_or_else(|| panic!("{} has no table", call.name));
                let mut names: Vec<_> = known.iter().map(|Field(name, _)| name).collect();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), known.len(), "{}", call.name);
            }
        }
    }

    #[test]
    fn unknown_fields_are_found_at_every_depth() {
        let refused = |call: &str, body: &str, strict| {
            let body = Args::of_json(body.as_bytes()).unwrap();
            let found = check(call, ApiVersion::V4, &body, strict);
            found.err().map(|error| error.message)
        };
        let shape = r#"{"fileRetention": {"isClientAuthorizedToRead": true, "value": {}}}"#;
        let message = "unknown field in fileRetention: isClientAuthorizedToRead";
        let found = refused("b2_update_file_retention", shape, false);
        assert_eq!(found.as_deref(), Some(message));
        let rules = r#"{"eventNotificationRules": [{"name": "a"}, {"isSuspended": false}]}"#;
        let call = "b2_set_bucket_notification_rules";
        assert_eq!(refused(call, rules, false), None);
        let message = "unknown field in eventNotificationRules: isSuspended";
        assert_eq!(refused(call, rules, true).as_deref(), Some(message));
        let info = r#"{"fileInfo": {"anything": "goes"}, "legalHold": null}"#;
        assert_eq!(refused("b2_copy_file", info, true), None);
    }
}
