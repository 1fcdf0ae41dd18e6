//! The JSON fields of calls, which [`CALLS`](super::table::CALLS) lists. Others are refused.
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
pub(crate) struct Field(pub(crate) &'static str, pub(crate) Inner);

/// The fields of a value.
#[derive(Clone, Copy)]
pub(crate) enum Inner {
    /// None, or any: a string, a list of strings, a map with keys of the caller's choice.
    Any,
    /// As [`Any`](Self::Any), for a field that v4 removed.
    UntilV3,
    /// As [`Any`](Self::Any), for a field that v4 added.
    SinceV4,
    /// An object.
    Of(&'static [Field]),
    /// A list of objects.
    EachOf(&'static [Field]),
}

use Inner::{Any, EachOf, Of, SinceV4, UntilV3};

/// Refuses fields of a call's body that are not in `known`, if B2 is known to do so or `strict`.
pub(crate) fn check(
    call: &str,
    known: &[Field],
    version: ApiVersion,
    body: &Args,
    strict: bool,
) -> Result<(), ApiError> {
    if !strict && !REFUSE_UNKNOWN.contains(&call) {
        return Ok(());
    }
    check_object(call, body.fields(), known, version)
}

fn check_object(
    place: &str,
    object: &Map<String, Value>,
    known: &[Field],
    version: ApiVersion,
) -> Result<(), ApiError> {
    for (name, value) in object {
        let field = known
            .iter()
            .find(|field| field.0 == name && field.is_in(version));
        let Some(Field(_, inner)) = field else {
            return Err(undocumented::unknown_field(place, name));
        };
        match (inner, value) {
            (Of(known), Value::Object(object)) => check_object(name, object, known, version)?,
            (EachOf(known), Value::Array(items)) => {
                for item in items.iter().filter_map(Value::as_object) {
                    check_object(name, item, known, version)?;
                }
            }
            // a wrong type is for the call to refuse
            _ => {}
        }
    }
    Ok(())
}

impl Field {
    /// Whether a version of the API has the field.
    fn is_in(&self, version: ApiVersion) -> bool {
        match self.1 {
            UntilV3 => version != ApiVersion::V4,
            SinceV4 => version == ApiVersion::V4,
            _ => true,
        }
    }
}

pub(super) const RETENTION: &[Field] = &[Field("mode", Any), Field("retainUntilTimestamp", Any)];

pub(super) const ENCRYPTION: &[Field] = &[
    Field("algorithm", Any),
    Field("customerKey", Any),
    Field("customerKeyMd5", Any),
    Field("mode", Any),
];

pub(super) const DEFAULT_RETENTION: &[Field] = &[
    Field("mode", Any),
    Field("period", Of(&[Field("duration", Any), Field("unit", Any)])),
];

pub(super) const CORS_RULE: &[Field] = &[
    Field("allowedHeaders", Any),
    Field("allowedOperations", Any),
    Field("allowedOrigins", Any),
    Field("corsRuleName", Any),
    Field("exposeHeaders", Any),
    Field("maxAgeSeconds", Any),
];

pub(super) const LIFECYCLE_RULE: &[Field] = &[
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

pub(super) const REPLICATION: &[Field] = &[
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

pub(super) const NOTIFICATION_RULE: &[Field] = &[
    Field("eventTypes", Any),
    Field("isEnabled", Any),
    // documented as ignored in requests, so that what was read can be written back
    Field("isSuspended", Any),
    Field("maxEventsPerBatch", Any),
    Field("name", Any),
    Field("objectNamePrefix", Any),
    Field("suspensionReason", Any),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::table::{CALLS, find};

    #[test]
    fn no_call_has_a_field_twice() {
        for call in CALLS {
            let mut names: Vec<_> = call.fields.iter().map(|field| field.0).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), call.fields.len(), "{}", call.name);
        }
    }

    /// With the other version's field, the key would be for all buckets.
    #[test]
    fn create_key_has_bucket_id_until_v3_and_bucket_ids_since_v4() {
        let create_key = find("b2_create_key").unwrap();
        let is_known = |field: &str, version| {
            let body = Args::of_json(format!("{{\"{field}\": null}}").as_bytes()).unwrap();
            check(create_key.name, create_key.fields, version, &body, true).is_ok()
        };
        assert!(is_known("bucketId", ApiVersion::V3) && !is_known("bucketIds", ApiVersion::V3));
        assert!(is_known("bucketIds", ApiVersion::V4) && !is_known("bucketId", ApiVersion::V4));
    }

    #[test]
    fn unknown_fields_are_found_at_every_depth() {
        let refused = |call: &str, body: &str, strict| {
            let body = Args::of_json(body.as_bytes()).unwrap();
            let known = find(call).unwrap().fields;
            let found = check(call, known, ApiVersion::V4, &body, strict);
            found.err().map(|error| error.message)
        };
        let document = r#"{"fileRetention": {"isClientAuthorizedToRead": true, "value": {}}}"#;
        let message = "unknown field in fileRetention: isClientAuthorizedToRead";
        let found = refused("b2_update_file_retention", document, false);
        assert_eq!(found.as_deref(), Some(message));
        let rules = r#"{"eventNotificationRules": [{"isSuspended": false}, {"prefix": ""}]}"#;
        let call = "b2_set_bucket_notification_rules";
        assert_eq!(refused(call, rules, false), None);
        let message = "unknown field in eventNotificationRules: prefix";
        assert_eq!(refused(call, rules, true).as_deref(), Some(message));
        let info = r#"{"fileInfo": {"anything": "goes"}, "legalHold": null}"#;
        assert_eq!(refused("b2_copy_file", info, true), None);
    }
}
