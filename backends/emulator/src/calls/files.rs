//! `b2_get_file_info`, `b2_hide_file` and `b2_delete_file_version`.

use serde_json::json;

use super::outcome::Outcome;
use crate::calls::caller::Caller;
use crate::calls::response_json;
use crate::model::event::{EventObject, EventType};
use crate::model::file::{Kind, Version};
use crate::model::file_id::{FileId, Pod};
use crate::model::ids::{self, FileKind};
use crate::model::names;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;

pub(crate) fn get_file_info(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("fileId")?;
    if ids::file_id_time(id).is_none() {
        return Err(ApiError::bad_request(format!("Bad fileId: {id}")));
    }
    let found = state.version(id);
    let found = found.filter(|(_, version)| !version.is_unfinished());
    let missing = || ApiError::not_found(format!("File not present: {id}"));
    let (bucket, version) = found.ok_or_else(missing)?;
    caller.key.require_access(&bucket.id, &version.name)?;
    let document = response_json::file(version, &state.account_id, caller, false);
    Ok(Outcome::serialized(&document))
}

pub(crate) fn hide_file(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let bucket_id = args.required("bucketId")?;
    let name = args.required("fileName")?;
    names::check_file_name(name, &state.settings.undocumented)?;
    caller.key.require_access(bucket_id, name)?;
    match state.bucket(bucket_id)?.versions.current(name) {
        None => {
            let message = format!("File not present: {name}");
            return Err(ApiError::new(400, "no_such_file", message));
        }
        Some(version) if version.is_hide_marker() => {
            let message = format!("File already hidden: {name}");
            return Err(ApiError::new(400, "already_hidden", message));
        }
        Some(_) => {}
    }
    let marker = hide(state, bucket_id, name, EventType::Hide, caller.now)?;
    let account = state.account_id.clone();
    let marker = state.version_of(marker).map(|(_, marker)| marker);
    let marker = marker.ok_or_else(|| ApiError::no_such_bucket(bucket_id))?;
    Ok(Outcome::serialized(&response_json::hide_marker(
        marker, &account, caller,
    )))
}

/// Adds a hide marker and returns its id.
pub(crate) fn hide(
    state: &mut State,
    bucket_id: &str,
    name: &str,
    happening: EventType,
    now: u64,
) -> Result<FileId, ApiError> {
    let bucket_id = state.bucket(bucket_id)?.hex_id;
    let file_id = state.new_file_id(bucket_id, FileKind::SmallOrHidden, Pod::HIDE, now);
    let marker = state.insert(Version::new(file_id, name, now, Kind::Hide))?;
    let told = EventObject::of(marker);
    state.record_event(&told, happening, now);
    Ok(file_id)
}

pub(crate) fn delete_file_version(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let name = args.required("fileName")?;
    let id = args.required("fileId")?;
    let bypass = args.boolean("bypassGovernance")? == Some(true);
    if bypass {
        caller.key.require("bypassGovernance")?;
    }
    if ids::file_id_time(id).is_none() {
        return Err(ApiError::bad_request(format!("Bad fileId: {id}")));
    }
    let found = state.version(id);
    let Some((bucket, version)) = found.filter(|(_, version)| &*version.name == name) else {
        return Err(ApiError::file_not_present(name, id));
    };
    caller.key.require_access(&bucket.id, &version.name)?;
    if version.stored().is_some() && version.lock().prevents_deletion(caller.now, bypass) {
        return Err(undocumented::locked());
    }
    let (file_id, is_told) = (version.file_id, !version.is_unfinished());
    if let Some(deleted) = state.remove(file_id).filter(|_| is_told) {
        state.record_event(&EventObject::of(&deleted), EventType::Delete, caller.now);
    }
    Ok(Outcome::Json(json!({"fileId": id, "fileName": name})))
}
