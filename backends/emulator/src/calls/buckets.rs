//! Buckets: create, update, delete, list.

use serde_json::Value;

use super::answer::Answer;
use super::replication;
use super::settings::Settings;
use crate::calls::caller::Caller;
use crate::calls::response_json;
use crate::model::bucket::Bucket;
use crate::model::names;
use crate::model::state::State;
use crate::protocol::api_error::Refusal;
use crate::protocol::args::Args;
use crate::protocol::json::object;
use crate::protocol::version::ApiVersion;

const MOST_BUCKETS: usize = 100;

pub(crate) fn create_bucket(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Answer, Refusal> {
    caller.must_be(&state.account_id, args.required("accountId")?)?;
    let name = args.required("bucketName")?;
    names::check_bucket_name(name)?;
    let settings = Settings::of(caller, args)?;
    settings.kind()?;
    check_room(state, name)?;
    let legacy = state.settings.legacy_encryption;
    let mut bucket = Bucket::new(state.ids.bucket_id(), name, legacy);
    settings.apply(&mut bucket)?;
    let answer = response_json::bucket(&bucket, &state.account_id, caller);
    state.add_bucket(bucket);
    Ok(Answer::Json(answer))
}

/// There may be one bucket more, with this name.
fn check_room(state: &State, name: &str) -> Result<(), Refusal> {
    if state.bucket_called(name).is_some() {
        let message = "Bucket name is already in use.";
        return Err(Refusal::new(400, "duplicate_bucket_name", message));
    }
    if state.buckets.len() >= MOST_BUCKETS {
        let message = format!("The account has {MOST_BUCKETS} buckets already");
        return Err(Refusal::new(400, "too_many_buckets", message));
    }
    Ok(())
}

impl State {
    /// The id of the bucket with this name, which is made if it isn't there: for whom the account belongs to.
    pub(crate) fn own_bucket(&mut self, name: &str, is_public: bool) -> Result<String, Refusal> {
        if let Some(bucket) = self.bucket_called(name) {
            return Ok(bucket.id.clone());
        }
        names::check_bucket_name(name)?;
        check_room(self, name)?;
        let legacy = self.settings.legacy_encryption;
        let mut bucket = Bucket::new(self.ids.bucket_id(), name, legacy);
        let kind = if is_public { "allPublic" } else { "allPrivate" };
        bucket.kind = kind.to_owned();
        let id = bucket.id.clone();
        self.add_bucket(bucket);
        Ok(id)
    }
}

pub(crate) fn update_bucket(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Answer, Refusal> {
    caller.must_be(&state.account_id, args.required("accountId")?)?;
    let id = args.required("bucketId")?;
    caller.key.must_reach_bucket(id)?;
    let settings = Settings::of(caller, args)?;
    let expected = args.integer("ifRevisionIs")?;
    let account = state.account_id.clone();
    let bucket = state.bucket_mut(id)?;
    if expected.is_some_and(|expected| u64::try_from(expected) != Ok(bucket.revision)) {
        let message = "simultaneous updates to bucket";
        return Err(Refusal::new(409, "conflict", message));
    }
    settings.apply(bucket)?;
    bucket.revision += 1;
    let answer = response_json::bucket(bucket, &account, caller);
    if args.value("replicationConfiguration").is_some() {
        replication::include_existing(state, id);
    }
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
    let Some(mut bucket) = state.remove_bucket(id) else {
        return Err(Refusal::no_such_bucket(id));
    };
    bucket.revision += 1;
    Ok(Answer::Json(response_json::bucket(
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
    let is_narrowed = caller.version == ApiVersion::V1 && id.is_none() && name.is_none();
    if caller.key.buckets.is_some() && !is_narrowed {
        let named = name.and_then(|name| state.bucket_called(name));
        let asked = id.or_else(|| named.map(|bucket| bucket.id.as_str()));
        caller.key.must_reach_bucket(asked.unwrap_or(""))?;
    }
    let mut buckets: Vec<&Bucket> = state
        .buckets
        .values()
        // v1 leaves out what the key doesn't reach
        .filter(|bucket| caller.key.must_reach_bucket(&bucket.id).is_ok())
        .filter(|bucket| id.is_none_or(|id| bucket.id == id))
        .filter(|bucket| name.is_none_or(|name| bucket.is_called(name)))
        .filter(|bucket| {
            kinds
                .as_ref()
                .is_none_or(|kinds| kinds.contains(&bucket.kind))
        })
        .collect();
    buckets.sort_unstable_by_key(|bucket| &bucket.name);
    let buckets: Vec<Value> = buckets
        .into_iter()
        .map(|bucket| response_json::bucket(bucket, &state.account_id, caller))
        .collect();
    Ok(Answer::Json(object([("buckets", buckets.into())])))
}

/// The types that `bucketTypes` names; `None` is all. All that the emulator can create are shown by default too. `future`
/// stands in the reference, and no bucket has it.
fn wanted_kinds(args: &Args) -> Result<Option<Vec<String>>, Refusal> {
    const KINDS: [&str; 6] = [
        "allPrivate",
        "allPublic",
        "future",
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
