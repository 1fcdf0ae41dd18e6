//! `b2_create_key`, `b2_list_keys` and `b2_delete_key`.

use std::ops::Bound;

use serde_json::{Value, json};

use super::outcome::Outcome;
use crate::calls::caller::Caller;
use crate::calls::response_json;
use crate::model::ids::Ids;
use crate::model::key::{ACCOUNT_WIDE_CAPABILITIES, CAPABILITIES, Key};
use crate::model::names;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;
use crate::protocol::version::ApiVersion;

/// 1000 days in seconds. The validity must be less.
const MAX_VALIDITY: i64 = 86_400_000;

pub(crate) fn create_key(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    caller.require_account(&state.account_id, args.required("accountId")?)?;
    let name = args.required("keyName")?;
    names::check_key_name(name)?;
    let capabilities = args
        .strings("capabilities")?
        .ok_or_else(|| undocumented::missing_field("capabilities"))?;
    let buckets = requested_buckets(caller.version, args)?;
    let needs_v4 = buckets.is_some() && caller.version == ApiVersion::V4;
    check_capabilities(&capabilities, buckets.is_some())?;
    for id in buckets.iter().flatten() {
        state.bucket(id)?;
    }
    let expires = match args.integer("validDurationInSeconds")? {
        None => None,
        Some(seconds) if (1..MAX_VALIDITY).contains(&seconds) => {
            Some(caller.now.saturating_add(seconds.unsigned_abs() * 1000))
        }
        Some(other) => {
            let message = format!("validDurationInSeconds out of range: {other}");
            return Err(ApiError::bad_request(message));
        }
    };
    let key = Key {
        id: new_key_id(state),
        secret: state.ids.key(),
        name: name.to_owned(),
        capabilities,
        buckets,
        needs_v4,
        name_prefix: args.string("namePrefix")?.map(str::to_owned),
        expires,
        is_master: false,
    };
    let mut answer = response_json::key(&key, &state.account_id, caller.version);
    answer["applicationKey"] = key.secret.clone().into();
    state.add_key(key);
    Ok(Outcome::Json(answer))
}

pub(crate) fn list_keys(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    caller.require_account(&state.account_id, args.required("accountId")?)?;
    let count = args.count("maxKeyCount", 100, 10_000)?;
    let start = args.string("startApplicationKeyId")?.unwrap_or("");
    let mut keys = state
        .keys
        .range::<str, _>((Bound::Included(start), Bound::Unbounded))
        .map(|(_, key)| key)
        .filter(|key| !key.is_master && !key.is_expired(caller.now))
        .filter(|key| caller.version == ApiVersion::V4 || !key.needs_v4);
    let page: Vec<Value> = keys
        .by_ref()
        .take(count)
        .map(|key| response_json::key(key, &state.account_id, caller.version))
        .collect();
    let next = keys.next().map(|key| &key.id);
    Ok(Outcome::Json(
        json!({"keys": page, "nextApplicationKeyId": next}),
    ))
}

pub(crate) fn delete_key(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("applicationKeyId")?;
    let key = state.keys.get(id).filter(|key| !key.is_master);
    let Some(key) = key else {
        let message = format!("Application key does not exist: {id}");
        return Err(ApiError::bad_request(message));
    };
    if caller.version != ApiVersion::V4 && key.needs_v4 {
        return Err(undocumented::not_in_this_version(caller.version));
    }
    let answer = response_json::key(key, &state.account_id, caller.version);
    state.remove_key(id);
    Ok(Outcome::Json(answer))
}

/// An id that no key has: the master key may have any.
fn new_key_id(state: &mut State) -> String {
    loop {
        state.keys_created += 1;
        let id = Ids::key_id(&state.account_id, state.keys_created);
        if !state.keys.contains_key(&id) {
            return id;
        }
    }
}

/// `bucketIds` in v4, `bucketId` before.
fn requested_buckets(version: ApiVersion, args: &Args) -> Result<Option<Vec<String>>, ApiError> {
    if version != ApiVersion::V4 {
        return Ok(args.string("bucketId")?.map(|id| vec![id.to_owned()]));
    }
    let ids = args.strings("bucketIds")?;
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Err(ApiError::bad_request("bucketIds must not be empty"));
    }
    Ok(ids)
}

fn check_capabilities(capabilities: &[String], has_buckets: bool) -> Result<(), ApiError> {
    if capabilities.is_empty() {
        return Err(ApiError::bad_request("capabilities must not be empty"));
    }
    for capability in capabilities {
        if !CAPABILITIES.contains(&capability.as_str()) {
            let message = format!("Unknown capability: {capability}");
            return Err(ApiError::bad_request(message));
        }
        if has_buckets && ACCOUNT_WIDE_CAPABILITIES.contains(&capability.as_str()) {
            let message = format!("{capability} is not possible with a bucket restriction");
            return Err(ApiError::bad_request(message));
        }
    }
    Ok(())
}
