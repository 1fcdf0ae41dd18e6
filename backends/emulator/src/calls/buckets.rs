//! Buckets: create, delete, list.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Answer;
use crate::args::Args;
use crate::caller::Caller;
use crate::guesses;
use crate::names;
use crate::refusal::Refusal;
use crate::shape;
use crate::state::State;
use crate::state::bucket::Bucket;

const MOST_BUCKETS: usize = 100;

pub(crate) fn create_bucket(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Answer, Refusal> {
    caller.must_be(&state.account_id, args.required("accountId")?)?;
    let name = args.required("bucketName")?;
    let kind = args.required("bucketType")?;
    if !matches!(kind, "allPublic" | "allPrivate") {
        let message = format!("Invalid bucketType: {kind}");
        return Err(Refusal::bad_request(message));
    }
    names::check_bucket_name(name)?;
    let info = bucket_info(args)?;
    let cors_rules = rules(args, "corsRules")?;
    let lifecycle_rules = with_lifecycle_nulls(rules(args, "lifecycleRules")?);
    refuse_unknown_settings(caller, args)?;
    let same_name = |bucket: &Bucket| bucket.name.eq_ignore_ascii_case(name);
    if state.buckets.values().any(same_name) {
        let message = "Bucket name is already in use.";
        return Err(Refusal::new(400, "duplicate_bucket_name", message));
    }
    if state.buckets.len() >= MOST_BUCKETS {
        let message = format!("The account has {MOST_BUCKETS} buckets already");
        return Err(Refusal::new(400, "too_many_buckets", message));
    }
    let bucket = Bucket {
        id: state.ids.bucket_id(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        info,
        cors_rules,
        lifecycle_rules,
        revision: 2,
        versions: BTreeMap::new(),
        unfinished: BTreeMap::new(),
    };
    let answer = shape::bucket(&bucket, &state.account_id, caller);
    state.buckets.insert(bucket.id.clone(), bucket);
    Ok(Answer::Json(answer))
}

pub(crate) fn delete_bucket(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Answer, Refusal> {
    caller.must_be(&state.account_id, args.required("accountId")?)?;
    let id = args.required("bucketId")?;
    caller.key.must_reach_bucket(id)?;
    let unfinished_block = state.settings.guesses.unfinished_files_block_deletion;
    let bucket = state.bucket(id)?;
    let is_blocked = bucket
        .versions
        .values()
        .any(|version| unfinished_block || !version.is_unfinished());
    if is_blocked {
        let message = "Cannot delete non-empty bucket";
        return Err(Refusal::new(400, "cannot_delete_non_empty_bucket", message));
    }
    let Some(mut bucket) = state.buckets.remove(id) else {
        return Err(Refusal::no_such_bucket(id));
    };
    for unfinished in bucket.versions.values() {
        state.files.remove(&unfinished.file_id);
    }
    bucket.revision += 1;
    Ok(Answer::Json(shape::bucket(
        &bucket,
        &state.account_id,
        caller,
    )))
}

pub(crate) fn list_buckets(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Answer, Refusal> {
    caller.must_be(&state.account_id, args.required("accountId")?)?;
    let id = args.string("bucketId")?;
    let name = args.string("bucketName")?;
    let kinds = wanted_kinds(args)?;
    if caller.key.buckets.is_some() {
        let named = name.and_then(|name| state.bucket_named(name));
        let asked = id.or_else(|| named.map(|bucket| bucket.id.as_str()));
        caller.key.must_reach_bucket(asked.unwrap_or(""))?;
    }
    let mut buckets: Vec<&Bucket> = state
        .buckets
        .values()
        .filter(|bucket| id.is_none_or(|id| bucket.id == id))
        .filter(|bucket| name.is_none_or(|name| bucket.name == name))
        .filter(|bucket| {
            kinds
                .as_ref()
                .is_none_or(|kinds| kinds.contains(&bucket.kind))
        })
        .collect();
    buckets.sort_unstable_by_key(|bucket| &bucket.name);
    let buckets: Vec<Value> = buckets
        .into_iter()
        .map(|bucket| shape::bucket(bucket, &state.account_id, caller))
        .collect();
    Ok(Answer::Json(json!({ "buckets": buckets })))
}

/// The types that `bucketTypes` names; `None` is all. All that the emulator can create are shown by default too.
fn wanted_kinds(args: &Args) -> Result<Option<Vec<String>>, Refusal> {
    const KINDS: [&str; 5] = [
        "allPrivate",
        "allPublic",
        "restricted",
        "shared",
        "snapshot",
    ];
    let Some(kinds) = args.strings("bucketTypes")? else {
        return Ok(None);
    };
    if kinds == ["all"] {
        return Ok(None);
    }
    if kinds.is_empty() || !kinds.iter().all(|kind| KINDS.contains(&kind.as_str())) {
        let message = format!("Invalid bucketTypes: {}", kinds.join(","));
        return Err(Refusal::bad_request(message));
    }
    Ok(Some(kinds))
}

fn bucket_info(args: &Args) -> Result<BTreeMap<String, String>, Refusal> {
    let info: BTreeMap<String, String> = args
        .string_map("bucketInfo")?
        .unwrap_or_default()
        .into_iter()
        .collect();
    let fits = |(key, value): (&String, &String)| key.len() <= 50 && value.len() <= 10_000;
    if info.len() > 10 || !info.iter().all(fits) {
        let message = "bucketInfo has at most 10 keys of 50 bytes and values of 10000 bytes";
        return Err(Refusal::new(400, "invalid_bucket_info", message));
    }
    Ok(info)
}

/// A list of up to 100 rules, kept as it came.
fn rules(args: &Args, name: &str) -> Result<Value, Refusal> {
    let Some(rules) = args.value(name) else {
        return Ok(json!([]));
    };
    match rules.as_array() {
        Some(list) if list.len() <= 100 && list.iter().all(Value::is_object) => Ok(rules.clone()),
        Some(list) if list.len() > 100 => Err(Refusal::bad_request(format!(
            "{name} has more than 100 rules"
        ))),
        _ => Err(guesses::wrong_type(name, "a list of objects")),
    }
}

/// Numbers that a lifecycle rule leaves out come back as nulls.
fn with_lifecycle_nulls(mut rules: Value) -> Value {
    for rule in rules.as_array_mut().into_iter().flatten() {
        for number in [
            "daysFromHidingToDeleting",
            "daysFromStartingToCancelingUnfinishedLargeFiles",
            "daysFromUploadingToHiding",
        ] {
            if rule.get(number).is_none() {
                rule[number] = Value::Null;
            }
        }
    }
    rules
}

/// Settings that would be silently without effect are refused, after the capabilities that they need.
fn refuse_unknown_settings(caller: &Caller, args: &Args) -> Result<(), Refusal> {
    if args.boolean("fileLockEnabled")? == Some(true) {
        caller.key.must("writeBucketRetentions")?;
        return Err(guesses::not_emulated("Object Lock"));
    }
    let encryption = args.value("defaultServerSideEncryption");
    if encryption.is_some_and(is_encryption) {
        caller.key.must("writeBucketEncryption")?;
        return Err(guesses::not_emulated("server-side encryption"));
    }
    let replication = args.value("replicationConfiguration");
    let replicates = |value: &Value| {
        let halves = value
            .as_object()
            .into_iter()
            .flat_map(|halves| halves.values());
        !value.is_object() || halves.into_iter().any(|half| !half.is_null())
    };
    if replication.is_some_and(replicates) {
        caller.key.must("writeBucketReplications")?;
        return Err(guesses::not_emulated("replication"));
    }
    Ok(())
}

/// Whether an encryption setting asks for any.
pub(crate) fn is_encryption(setting: &Value) -> bool {
    let mode = setting.get("mode");
    mode.is_none_or(|mode| !mode.is_null() && mode != "none")
}
