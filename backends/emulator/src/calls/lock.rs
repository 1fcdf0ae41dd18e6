//! Object Lock in requests, `b2_update_file_retention` and `b2_update_file_legal_hold`.

use std::sync::Arc;

use http::request::Parts;
use serde_json::json;

use super::outcome::Outcome;
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::file::Version;
use crate::model::ids;
use crate::model::lock::{Lock, Retention, RetentionJson, RetentionMode};
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::headers::text_of;
use crate::protocol::undocumented;

pub(crate) const MODE_HEADER: &str = "x-bz-file-retention-mode";
pub(crate) const UNTIL_HEADER: &str = "x-bz-file-retention-retain-until-timestamp";
pub(crate) const HOLD_HEADER: &str = "x-bz-file-legal-hold";

/// The lock of a new version in a request, not checked yet.
#[derive(Default)]
struct RequestedLock<'a> {
    /// Mode and time; two `None`s ask for no retention.
    retention: Option<(Option<&'a str>, Option<u64>)>,
    legal_hold: Option<&'a str>,
}

/// The lock in the headers of an upload.
pub(crate) fn of_headers(
    head: &Parts,
    caller: &Caller,
    bucket: &Bucket,
    uploaded: u64,
) -> Result<Lock, ApiError> {
    let mode = text_of(head, MODE_HEADER);
    let until = text_of(head, UNTIL_HEADER);
    let is_given = mode.is_some() || until.is_some();
    let requested = RequestedLock {
        retention: is_given.then(|| {
            // headers can't ask for no retention: a missing or malformed time is an error
            let until = until.and_then(|until| until.parse().ok());
            (Some(mode.unwrap_or("")), until)
        }),
        legal_hold: text_of(head, HOLD_HEADER),
    };
    grant(&requested, caller, bucket, uploaded)
}

/// The lock in JSON fields.
pub(crate) fn of_args(
    args: &Args,
    caller: &Caller,
    bucket: &Bucket,
    uploaded: u64,
) -> Result<Lock, ApiError> {
    let retention = args.object("fileRetention")?;
    let retention = retention.as_ref().map(requested_retention).transpose()?;
    let requested = RequestedLock {
        retention,
        legal_hold: args.string("legalHold")?,
    };
    grant(&requested, caller, bucket, uploaded)
}

fn requested_retention(args: &Args) -> Result<(Option<&str>, Option<u64>), ApiError> {
    let until = args.integer("retainUntilTimestamp")?;
    let until = until.map(|until| u64::try_from(until).unwrap_or(0));
    Ok((args.string("mode")?, until))
}

fn grant(
    requested: &RequestedLock<'_>,
    caller: &Caller,
    bucket: &Bucket,
    uploaded: u64,
) -> Result<Lock, ApiError> {
    if requested.retention.is_some() {
        caller.key.require("writeFileRetentions")?;
    }
    if requested.legal_hold.is_some() {
        caller.key.require("writeFileLegalHolds")?;
    }
    if requested.retention.is_some() || requested.legal_hold.is_some() {
        require_lockable(bucket)?;
    }
    let by_default = || {
        bucket
            .default_retention
            .map(|default| default.from(uploaded))
    };
    Ok(Lock {
        retention: match requested.retention {
            Some((mode, until)) => read_retention(mode, until, caller.now)?,
            None => by_default(),
        },
        legal_hold: requested.legal_hold.map(read_hold).transpose()?,
    })
}

fn read_retention(
    mode: Option<&str>,
    until: Option<u64>,
    now: u64,
) -> Result<Option<Retention>, ApiError> {
    match (mode, until) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let mode = RetentionMode::parse(mode).ok_or_else(|| {
                let message = format!("Invalid retention mode: {mode}");
                ApiError::bad_request(message)
            })?;
            if until <= now {
                let message = "The retainUntilTimestamp must be in future";
                let code = "retain_until_timestamp_must_be_in_future";
                return Err(ApiError::new(400, code, message));
            }
            Ok(Some(Retention { mode, until }))
        }
        _ => Err(ApiError::bad_request(
            "A retention needs both a mode and a time to retain until",
        )),
    }
}

fn read_hold(word: &str) -> Result<bool, ApiError> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(ApiError::bad_request(format!(
            "Invalid legal hold: {other}"
        ))),
    }
}

pub(crate) fn require_lockable(bucket: &Bucket) -> Result<(), ApiError> {
    if bucket.file_lock {
        return Ok(());
    }
    let message = "The bucket is not file lock enabled";
    Err(ApiError::new(400, "bucket_missing_file_lock", message))
}

pub(crate) fn update_file_retention(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    if !caller.key.can("writeFileRetentions") {
        return Err(may_not_retain());
    }
    let version = lockable(state, caller, args)?;
    let requested = args
        .object("fileRetention")?
        .ok_or_else(|| undocumented::missing_field("fileRetention"))?;
    let (mode, until) = requested_retention(&requested)?;
    let requested = read_retention(mode, until, caller.now)?;
    let bypass = args.boolean("bypassGovernance")? == Some(true);
    if bypass && !caller.key.can("bypassGovernance") {
        return Err(may_not_retain());
    }
    if !may_change(version.lock().retention, requested, bypass, caller.now) {
        return Err(may_not_retain());
    }
    let (id, name) = (version.file_id, Arc::clone(&version.name));
    if let Some(version) = state.version_mut(id) {
        version.set_lock(Lock {
            retention: requested,
            ..version.lock()
        });
    }
    Ok(Outcome::Json(json!({
        "fileId": id,
        "fileName": &*name,
        "fileRetention": RetentionJson::of(requested),
    })))
}

/// Extending is always allowed; shortening only if governance is bypassed. Compliance can't become
/// governance.
fn may_change(from: Option<Retention>, to: Option<Retention>, bypass: bool, now: u64) -> bool {
    let Some(from) = from.filter(|from| from.is_active(now)) else {
        return true;
    };
    let is_longer = to.is_some_and(|to| to.until >= from.until);
    match from.mode {
        RetentionMode::Governance => bypass || is_longer,
        RetentionMode::Compliance => {
            is_longer && to.is_some_and(|to| to.mode == RetentionMode::Compliance)
        }
    }
}

fn may_not_retain() -> ApiError {
    let message = "Auth token not authorized to write retention or file already in 'compliance' \
                   mode or bypassGovernance=true parameter missing";
    ApiError::new(403, "access_denied", message)
}

pub(crate) fn update_file_legal_hold(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    if !caller.key.can("writeFileLegalHolds") {
        return Err(may_not_retain());
    }
    let version = lockable(state, caller, args)?;
    let hold = read_hold(args.required("legalHold")?)?;
    let (id, name) = (version.file_id, Arc::clone(&version.name));
    let Some(version) = state.version_mut(id) else {
        return Err(ApiError::file_not_present(&name, &id.to_string()));
    };
    let lock = Lock {
        legal_hold: Some(hold),
        ..version.lock()
    };
    version.set_lock(lock);
    Ok(Outcome::Json(json!({
        "fileId": id,
        "fileName": &*name,
        "legalHold": lock.legal_hold_json(),
    })))
}

/// The version of the request, which must be a file in a bucket with Object Lock. Recorded: a
/// bucket without it is reported first, even for hide markers.
fn lockable<'a>(state: &'a State, caller: &Caller, args: &Args) -> Result<&'a Version, ApiError> {
    let name = args.required("fileName")?;
    let id = args.required("fileId")?;
    if ids::file_id_time(id).is_none() {
        return Err(ApiError::bad_request(format!("Bad fileId: {id}")));
    }
    let missing = || ApiError::bad_request(format!("File not present: {name} {id}"));
    let found = state.version(id);
    let found = found.filter(|(_, version)| &*version.name == name);
    let (bucket, version) = found.ok_or_else(missing)?;
    caller.key.require_access(&bucket.id, name)?;
    require_lockable(bucket)?;
    if version.stored().is_none() {
        return Err(missing());
    }
    Ok(version)
}
