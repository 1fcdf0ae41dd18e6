//! `b2_authorize_account`.

use serde_json::{Value, json};

use super::outcome::Outcome;
use crate::calls::caller::Caller;
use crate::model::ids::TokenKind;
use crate::model::state::State;
use crate::model::token::AccountToken;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;
use crate::protocol::version::ApiVersion;

pub(crate) fn authorize_account(
    state: &mut State,
    caller: &Caller,
    _: &Args,
) -> Result<Outcome, ApiError> {
    let key = &*caller.key;
    if caller.version != ApiVersion::V4 && key.needs_v4 {
        return Err(undocumented::not_in_this_version(caller.version));
    }
    let token = state.ids.token(TokenKind::Account, &key.id);
    let lifetime = state.settings.token_lifetime_millis;
    let expires = caller.now.saturating_add(lifetime);
    let what = AccountToken {
        key_id: key.id.clone(),
        expires: key.expires.map_or(expires, |key| key.min(expires)),
        uses_left: None,
    };
    state.tokens.issue_account(&token, what);
    let mut answer = match caller.version {
        ApiVersion::V1 => v1(state, caller),
        ApiVersion::V2 => v2(state, caller),
        ApiVersion::V3 => v3(state, caller),
        ApiVersion::V4 => v4(state, caller),
    };
    answer["accountId"] = state.account_id.clone().into();
    answer["authorizationToken"] = token.into();
    Ok(Outcome::Json(answer))
}

fn v1(state: &State, caller: &Caller) -> Value {
    let mut answer = v2(state, caller);
    answer["minimumPartSize"] = state.settings.recommended_part_size.into();
    answer
}

fn v2(state: &State, caller: &Caller) -> Value {
    let (id, name) = single_bucket(state, caller);
    json!({
        "absoluteMinimumPartSize": state.settings.absolute_minimum_part_size,
        "allowed": {
            "bucketId": id,
            "bucketName": name,
            "capabilities": caller.key.capabilities,
            "namePrefix": caller.key.name_prefix,
        },
        "apiUrl": *caller.origins.api,
        "downloadUrl": *caller.origins.download,
        "recommendedPartSize": state.settings.recommended_part_size,
        "s3ApiUrl": *caller.origins.api,
    })
}

fn v3(state: &State, caller: &Caller) -> Value {
    let (id, name) = single_bucket(state, caller);
    json!({
        "apiInfo": {"storageApi": {
            "absoluteMinimumPartSize": state.settings.absolute_minimum_part_size,
            "apiUrl": *caller.origins.api,
            "bucketId": id,
            "bucketName": name,
            "capabilities": caller.key.capabilities,
            "downloadUrl": *caller.origins.download,
            "infoType": "storageApi",
            "namePrefix": caller.key.name_prefix,
            "recommendedPartSize": state.settings.recommended_part_size,
            "s3ApiUrl": *caller.origins.api,
        }},
        "applicationKeyExpirationTimestamp": caller.key.expires,
    })
}

fn v4(state: &State, caller: &Caller) -> Value {
    let buckets = caller.key.buckets.as_ref().map(|ids| {
        let named = ids
            .iter()
            .map(|id| json!({"id": id, "name": bucket_name(state, id)}));
        named.collect::<Vec<_>>()
    });
    json!({
        "apiInfo": {"storageApi": {
            "absoluteMinimumPartSize": state.settings.absolute_minimum_part_size,
            "allowed": {
                "buckets": buckets,
                "capabilities": caller.key.capabilities,
                "namePrefix": caller.key.name_prefix,
            },
            "apiUrl": *caller.origins.api,
            "downloadUrl": *caller.origins.download,
            "recommendedPartSize": state.settings.recommended_part_size,
            "s3ApiUrl": *caller.origins.api,
        }},
        "applicationKeyExpirationTimestamp": caller.key.expires,
    })
}

/// Id and name of the one bucket of a key, as API versions before v4 report it.
fn single_bucket(state: &State, caller: &Caller) -> (Option<String>, Option<String>) {
    let buckets = caller.key.buckets.as_ref();
    let id = buckets.and_then(|ids| ids.first()).cloned();
    let name = id.as_deref().and_then(|id| bucket_name(state, id));
    (id, name)
}

/// `None` once the bucket is deleted.
fn bucket_name(state: &State, id: &str) -> Option<String> {
    Some(state.buckets.get(id)?.name.clone())
}
