//! `b2_create_bucket`, `b2_update_bucket`, `b2_delete_bucket` and `b2_list_buckets`.

use serde_json::Value;

use super::outcome::Outcome;
use super::replication;
use super::settings::Settings;
use crate::calls::caller::Caller;
use crate::calls::response_json;
use crate::model::bucket::Bucket;
use crate::model::names;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::json::object;
use crate::protocol::version::ApiVersion;

const MAX_BUCKETS: usize = 100;

pub(crate) fn create_bucket(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    caller.require_account(&state.account_id, args.required("accountId")?)?;
    let name = args.required("bucketName")?;
    names::check_bucket_name(name)?;
    let settings = Settings::of(caller, args)?;
    settings.kind()?;
    check_limit_and_name(state, name)?;
    let legacy = state.settings.legacy_encryption;
    let mut bucket = Bucket::new(state.ids.bucket_id(), name, legacy);
    settings.apply(&mut bucket)?;
    let answer = response_json::bucket(&bucket, &state.account_id, caller);
    state.add_bucket(bucket);
    Ok(Outcome::Json(answer))
}

/// Checks that the name is free and the account can have one more bucket.
fn check_limit_and_name(state: &State, name: &str) -> Result<(), ApiError> {
    if state.bucket_by_name_any_case(name).is_some() {
        let message = "Bucket name is already in use.";
        return Err(ApiError::new(400, "duplicate_bucket_name", message));
    }
    if state.buckets.len() >= MAX_BUCKETS {
        let message = format!("The account has {MAX_BUCKETS} buckets already");
        return Err(ApiError::new(400, "too_many_buckets", message));
    }
    Ok(())
}

impl State {
    /// The id of the bucket with this name, created if it is missing. For the owner of the account.
    pub(crate) fn get_or_create_bucket(
        &mut self,
        name: &str,
        is_public: bool,
    ) -> Result<String, ApiError> {
        if let Some(bucket) = self.bucket_by_name_any_case(name) {
            return Ok(bucket.id.clone());
        }
        names::check_bucket_name(name)?;
        check_limit_and_name(self, name)?;
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
) -> Result<Outcome, ApiError> {
    caller.require_account(&state.account_id, args.required("accountId")?)?;
    let id = args.required("bucketId")?;
    caller.key.require_bucket(id)?;
    let settings = Settings::of(caller, args)?;
    let expected = args.integer("ifRevisionIs")?;
    let account = state.account_id.clone();
    let bucket = state.bucket_mut(id)?;
    if expected.is_some_and(|expected| u64::try_from(expected) != Ok(bucket.revision)) {
        let message = "simultaneous updates to bucket";
        return Err(ApiError::new(409, "conflict", message));
    }
    settings.apply(bucket)?;
    bucket.revision += 1;
    let answer = response_json::bucket(bucket, &account, caller);
    if args.value("replicationConfiguration").is_some() {
        replication::include_existing(state, id);
    }
    Ok(Outcome::Json(answer))
}

pub(crate) fn delete_bucket(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    caller.require_account(&state.account_id, args.required("accountId")?)?;
    let id = args.required("bucketId")?;
    caller.key.require_bucket(id)?;
    let unfinished_block = state.settings.undocumented.unfinished_files_block_deletion;
    let bucket = state.bucket(id)?;
    let is_blocked = bucket
        .versions
        .iter()
        .any(|version| unfinished_block || !version.is_unfinished());
    if is_blocked {
        let message = "Cannot delete non-empty bucket";
        return Err(ApiError::new(
            400,
            "cannot_delete_non_empty_bucket",
            message,
        ));
    }
    let Some(mut bucket) = state.remove_bucket(id) else {
        return Err(ApiError::no_such_bucket(id));
    };
    bucket.revision += 1;
    Ok(Outcome::Json(response_json::bucket(
        &bucket,
        &state.account_id,
        caller,
    )))
}

pub(crate) fn list_buckets(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    caller.require_account(&state.account_id, args.required("accountId")?)?;
    let id = args.string("bucketId")?;
    let name = args.string("bucketName")?;
    let kinds = bucket_types(args)?;
    let is_narrowed = caller.version == ApiVersion::V1 && id.is_none() && name.is_none();
    if caller.key.buckets.is_some() && !is_narrowed {
        let named = name.and_then(|name| state.bucket_by_name_any_case(name));
        let asked = id.or_else(|| named.map(|bucket| bucket.id.as_str()));
        caller.key.require_bucket(asked.unwrap_or(""))?;
    }
    let mut buckets: Vec<&Bucket> = state
        .buckets
        .values()
        // v1 leaves out buckets that the key can't access
        .filter(|bucket| caller.key.require_bucket(&bucket.id).is_ok())
        .filter(|bucket| id.is_none_or(|id| bucket.id == id))
        .filter(|bucket| name.is_none_or(|name| bucket.is_named_any_case(name)))
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
    Ok(Outcome::Json(object([("buckets", buckets.into())])))
}

/// The values of `bucketTypes`; `None` for all, the default. `future` is in the reference; no
/// bucket has it.
fn bucket_types(args: &Args) -> Result<Option<Vec<String>>, ApiError> {
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
        return Err(ApiError::bad_request(message));
    }
    Ok(Some(kinds))
}
