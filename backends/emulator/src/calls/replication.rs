//! Replication: a bucket's configuration is checked and stored, and files wait for it. The emulator
//! replicates nothing, so they stay `pending`.

use serde_json::{Map, Value, json};

use crate::model::bucket::Bucket;
use crate::model::encryption::Encryption;
use crate::model::file::{Replication, Version};
use crate::model::file_id::FileId;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;

const SOURCE: &str = "asReplicationSource";
const DESTINATION: &str = "asReplicationDestination";
const MAX_RULES: usize = 2;

/// The configuration in a request: `None` if the field is missing, JSON's null if the configuration
/// is removed.
pub(crate) fn of_args(args: &Args) -> Result<Option<Value>, ApiError> {
    let Some(given) = args.object("replicationConfiguration")? else {
        return Ok(None);
    };
    let source = given.object(SOURCE)?.map(|it| source(&it)).transpose()?;
    let destination = given.object(DESTINATION)?;
    let destination = destination.map(|it| destination_half(&it)).transpose()?;
    if source.is_none() && destination.is_none() {
        return Ok(Some(Value::Null));
    }
    Ok(Some(json!({SOURCE: source, DESTINATION: destination})))
}

/// Whether a bucket with this configuration is a source.
pub(crate) fn is_source(configuration: &Value) -> bool {
    configuration
        .get(SOURCE)
        .is_some_and(|source| !source.is_null())
}

/// The replication status of a new file.
pub(crate) fn of_new_file(
    bucket: &Bucket,
    name: &str,
    encryption: &Encryption,
) -> Option<Replication> {
    is_pending(bucket, name, encryption, |_| true).then_some(Replication::Pending)
}

/// After new rules: existing files are pending as well, where a rule includes them.
pub(crate) fn include_existing(state: &mut State, bucket_id: &str) {
    let Some(bucket) = state.buckets.get(bucket_id) else {
        return;
    };
    let includes = |rule: &Value| rule["includeExistingFiles"] == true;
    let begins_to_wait = |version: &&Version| {
        version.replication.is_none()
            && version.stored().is_some()
            && is_pending(bucket, &version.name, &version.encryption, includes)
    };
    let versions = bucket.versions.iter().filter(begins_to_wait);
    let ids: Vec<FileId> = versions.map(|version| version.file_id).collect();
    for id in ids {
        if let Some(version) = state.version_mut(id) {
            version.replication = Some(Replication::Pending);
        }
    }
}

/// Whether an enabled rule covers the file. The CLI's tests show that files with SSE-C have no
/// status.
fn is_pending(
    bucket: &Bucket,
    name: &str,
    encryption: &Encryption,
    is_meant: impl Fn(&Value) -> bool,
) -> bool {
    let rules = bucket.replication.get(SOURCE);
    let rules = rules.and_then(|source| source.get("replicationRules")?.as_array());
    let applies = |rule: &Value| {
        let prefix = rule["fileNamePrefix"].as_str().unwrap_or("");
        rule["isEnabled"] == true && name.starts_with(prefix) && is_meant(rule)
    };
    !matches!(encryption, Encryption::Customer(_))
        && rules.is_some_and(|rules| rules.iter().any(applies))
}

fn source(half: &Args) -> Result<Value, ApiError> {
    let key = half.required("sourceApplicationKeyId")?;
    let rules = half.objects("replicationRules")?.unwrap_or_default();
    if rules.is_empty() || rules.len() > MAX_RULES {
        return bad(&format!("there must be 1 to {MAX_RULES} rules"));
    }
    let mut json: Vec<Value> = Vec::new();
    for rule in &rules {
        let rule = source_rule(rule)?;
        for field in ["priority", "replicationRuleName"] {
            if json.iter().any(|other| other[field] == rule[field]) {
                return bad(&format!("two rules have the same {field}"));
            }
        }
        json.push(rule);
    }
    Ok(json!({"replicationRules": json, "sourceApplicationKeyId": key}))
}

fn source_rule(rule: &Args) -> Result<Value, ApiError> {
    let name = rule.required("replicationRuleName")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
        return bad(&format!("replicationRuleName {name}"));
    }
    let priority = rule.integer("priority")?.unwrap_or(0);
    if !(1..=i64::from(i32::MAX)).contains(&priority) {
        return bad("priority must be between 1 and 2147483647");
    }
    Ok(json!({
        "destinationBucketId": rule.required("destinationBucketId")?,
        "fileNamePrefix": rule.string("fileNamePrefix")?.unwrap_or(""),
        "includeExistingFiles": rule.boolean("includeExistingFiles")?.unwrap_or(false),
        "isEnabled": rule.boolean("isEnabled")?.unwrap_or(true),
        "priority": priority,
        "replicationRuleName": name,
    }))
}

fn destination_half(half: &Args) -> Result<Value, ApiError> {
    let keys = half.string_map("sourceToDestinationKeyMapping")?;
    let keys: Map<String, Value> = keys
        .unwrap_or_default()
        .into_iter()
        .map(|(from, to)| (from, to.into()))
        .collect();
    if keys.is_empty() {
        return bad("sourceToDestinationKeyMapping must not be empty");
    }
    Ok(json!({"sourceToDestinationKeyMapping": keys}))
}

fn bad<T>(what: &str) -> Result<T, ApiError> {
    let message = format!("Invalid replicationConfiguration: {what}");
    Err(ApiError::bad_request(message))
}
