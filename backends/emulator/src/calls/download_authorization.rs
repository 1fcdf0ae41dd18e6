//! `b2_get_download_authorization`: a token to download files with a name prefix from a bucket.

use std::collections::BTreeMap;

use http::HeaderValue;
use serde_json::json;

use super::outcome::Outcome;
use crate::calls::caller::Caller;
use crate::model::state::State;
use crate::model::token::DownloadToken;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::overrides::OVERRIDES;
use crate::protocol::undocumented;

/// A week, in seconds.
const MAX_DURATION: i64 = 604_800;

pub(crate) fn get_download_authorization(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let bucket_id = args.required("bucketId")?;
    let prefix = args.required("fileNamePrefix")?;
    let seconds = args
        .integer("validDurationInSeconds")?
        .ok_or_else(|| undocumented::missing_field("validDurationInSeconds"))?;
    caller.key.require_access(bucket_id, prefix)?;
    state.bucket(bucket_id)?;
    if !(1..=MAX_DURATION).contains(&seconds) {
        let message = format!("validDurationInSeconds out of range: {seconds}");
        return Err(ApiError::bad_request(message));
    }
    let mut overrides = BTreeMap::new();
    for (parameter, _) in OVERRIDES {
        if let Some(value) = args.string(parameter)? {
            if HeaderValue::from_str(value).is_err() {
                return Err(ApiError::bad_request(format!("Invalid {parameter}")));
            }
            overrides.insert(parameter, value.to_owned());
        }
    }
    let expires = caller.now.saturating_add(seconds.unsigned_abs() * 1000);
    let token = state.ids.download_token(caller.now, expires);
    let what = DownloadToken {
        key_id: caller.key.id.clone(),
        bucket_id: bucket_id.to_owned(),
        prefix: prefix.to_owned(),
        overrides: overrides.into(),
        expires,
    };
    state.tokens.issue_download(&token, what);
    Ok(Outcome::Json(json!({
        "authorizationToken": token,
        "bucketId": bucket_id,
        "fileNamePrefix": prefix,
    })))
}
