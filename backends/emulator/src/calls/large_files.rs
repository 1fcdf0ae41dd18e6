//! Large files: starting, finishing, canceling and listing them and their parts.

use std::collections::BTreeMap;

use http::HeaderValue;
use serde::Serialize;
use serde_json::{Value, json};

use super::outcome::Outcome;
use super::response_json::{self, File};
use super::target::NewFile;
use super::{encryption, lock, replication};
use crate::behavior;
use crate::calls::caller::Caller;
use crate::content::Content;
use crate::model::bucket::Bucket;
use crate::model::event::{EventObject, EventType};
use crate::model::file::{Kind, Part, Sha1Digest, Stored, Version};
use crate::model::file_id::FileId;
use crate::model::ids::{self, FileKind};
use crate::model::names;
use crate::model::state::State;
use crate::model::versions::Age;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::content_type;
use crate::protocol::undocumented;

pub(crate) fn start_large_file(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let bucket_id = args.required("bucketId")?;
    let name = args.required("fileName")?;
    names::check_file_name(name, &state.settings.undocumented)?;
    caller.key.require_access(bucket_id, name)?;
    let bucket = state.bucket(bucket_id)?;
    let content_type = check_content_type(args.required("contentType")?)?;
    let uploaded = match args.value("customUploadTimestamp") {
        None => caller.now,
        Some(_) => {
            let time = args.integer("customUploadTimestamp").ok().flatten();
            custom_timestamp(time, state, caller)?
        }
    };
    let encryption = encryption::of_new_file(args, "serverSideEncryption", bucket)?;
    let info = args.string_map("fileInfo")?.unwrap_or_default();
    let file = NewFile {
        bucket_id: bucket.hex_id,
        name: name.to_owned(),
        uploaded,
        content_type: content_type::resolve(content_type, name),
        info: names::check_file_info(name, info, bucket.info_limit(&encryption))?,
        lock: lock::of_args(args, caller, bucket, uploaded)?,
        encryption,
    };
    let pod = state.ids.pod();
    let file_id = state.new_file_id(file.bucket_id, FileKind::Large, pod, uploaded);
    let account = state.account_id.clone();
    let version = file.into_version(file_id, Kind::Unfinished(BTreeMap::new()));
    let version = state.insert(version)?;
    Ok(Outcome::serialized(&response_json::unfinished(
        version, &account, caller,
    )))
}

pub(crate) fn finish_large_file(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("fileId")?;
    let named = args
        .strings("partSha1Array")?
        .ok_or_else(|| undocumented::missing_field("partSha1Array"))?;
    let least = state.settings.absolute_minimum_part_size;
    let unfinished = unfinished(state, caller, id)?;
    let (file_id, parts) = (unfinished.file_id, unfinished.parts());
    let parts = parts.ok_or_else(|| no_active_upload(id))?;
    check_parts(parts, &named, least)?;
    let content = Content::joined(parts.values().map(|part| &part.content));
    if content.len() > behavior::MAX_FILE {
        return Err(undocumented::upload_too_large(content.len()));
    }
    let finished = Kind::File(Stored {
        content,
        sha1: None,
        md5: None,
    });
    let account = state.account_id.clone();
    let status = state.version_of(file_id).and_then(|(bucket, version)| {
        replication::of_new_file(bucket, &version.name, &version.encryption)
    });
    if let Some(version) = state.version_mut(file_id) {
        version.replication = status;
    }
    let version = state
        .finish(file_id, finished)
        .ok_or_else(|| no_active_upload(id))?;
    let answer = Outcome::serialized(&response_json::file(version, &account, caller, false));
    let told = EventObject::of(version);
    state.record_event(&told, EventType::MultipartUpload, caller.now);
    Ok(answer)
}

pub(crate) fn cancel_large_file(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("fileId")?;
    let file_id = unfinished(state, caller, id)?.file_id;
    let cancelled = state.remove(file_id);
    let cancelled = cancelled.ok_or_else(|| no_active_upload(id))?;
    Ok(Outcome::Json(json!({
        "accountId": state.account_id,
        "bucketId": cancelled.bucket_id(),
        "fileId": cancelled.file_id,
        "fileName": cancelled.name,
    })))
}

pub(crate) fn list_parts(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let id = args.required("fileId")?;
    let count = args.count("maxPartCount", 100, 1000)?;
    let start = match args.integer("startPartNumber")? {
        // backblaze-b2, the most used client for Node, always sends 0
        None | Some(0) => 1,
        Some(number) => check_part_number(u64::try_from(number).ok())?,
    };
    let unfinished = unfinished(state, caller, id)?;
    let (file_id, parts) = (unfinished.file_id, unfinished.parts());
    let parts = parts.ok_or_else(|| no_active_upload(id))?;
    let mut rest = parts.range(start..);
    let page: Vec<Value> = rest
        .by_ref()
        .take(count)
        .map(|(number, part)| {
            let mut document = response_json::part_with_checksum(file_id, *number, part);
            // recorded: seconds here, milliseconds in the response to the upload
            document["uploadTimestamp"] = (part.uploaded / 1000 * 1000).into();
            document
        })
        .collect();
    let next = rest.next().map(|(number, _)| number);
    Ok(Outcome::Json(
        json!({"nextPartNumber": next, "parts": page}),
    ))
}

pub(crate) fn list_unfinished_large_files(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let bucket_id = args.required("bucketId")?;
    let count = args.count("maxFileCount", 100, 100)?;
    let prefix = args.string("namePrefix")?.unwrap_or("");
    let only = caller.listing_prefix(bucket_id, prefix)?;
    let bucket = state.bucket(bucket_id)?;
    let start = match args.string("startFileId")? {
        None => (0, 0),
        Some(id) => first_from(bucket, id)?,
    };
    let mut files = bucket
        .versions
        .unfinished_from(start)
        .filter(|version| version.name.starts_with(prefix) && version.name.starts_with(only));
    let page = files
        .by_ref()
        .take(count)
        .map(|version| response_json::unfinished(version, &state.account_id, caller))
        .collect();
    Ok(Outcome::serialized(&Unfinished {
        files: page,
        next_file_id: files.next().map(|version| version.file_id),
        next_file_name: None,
    }))
}

/// The response of `b2_list_unfinished_large_files`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unfinished<'a> {
    files: Vec<File<'a>>,
    next_file_id: Option<FileId>,
    /// Always null.
    next_file_name: Option<&'a str>,
}

/// Where a listing with this start id begins: at the file, or after the position it would have.
fn first_from(bucket: &Bucket, id: &str) -> Result<Age, ApiError> {
    let Some(time) = ids::file_id_time(id) else {
        let message = format!("Invalid startFileId: {id}");
        return Err(ApiError::new(400, "invalid_file_id", message));
    };
    let known = FileId::parse(id).and_then(|id| bucket.versions.get(id));
    Ok(known.map_or((time, 0), Version::age))
}

/// The unfinished large file with this id, if the caller has access.
pub(crate) fn unfinished<'a>(
    state: &'a State,
    caller: &Caller,
    id: &str,
) -> Result<&'a Version, ApiError> {
    if ids::file_id_time(id).is_none() {
        return Err(ApiError::bad_request(format!("Invalid fileId: {id}")));
    }
    let (bucket, version) = state
        .version(id)
        .filter(|(_, version)| version.is_unfinished())
        .ok_or_else(|| no_active_upload(id))?;
    caller.key.require_access(&bucket.id, &version.name)?;
    Ok(version)
}

/// Adds a part, or replaces the one with its number.
pub(crate) fn put_part(
    state: &mut State,
    caller: &Caller,
    file_id: FileId,
    number: u64,
    part: Part,
) -> Result<(), ApiError> {
    let id = file_id.to_string();
    unfinished(state, caller, &id)?;
    if state.put_part(file_id, number, part) {
        Ok(())
    } else {
        Err(no_active_upload(&id))
    }
}

/// Requires a part number from 1 to 10000.
pub(crate) fn check_part_number(number: Option<u64>) -> Result<u64, ApiError> {
    number
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| ApiError::bad_request("Part number must be between 1 and 10000"))
}

/// Requires a content type that is a valid header value.
pub(crate) fn check_content_type(content_type: &str) -> Result<&str, ApiError> {
    if content_type.is_empty() || HeaderValue::from_str(content_type).is_err() {
        let message = format!("Invalid contentType: {content_type}");
        return Err(ApiError::bad_request(message));
    }
    Ok(content_type)
}

/// A custom upload timestamp, if the account may use one; `None` if it could not be parsed.
pub(crate) fn custom_timestamp(
    time: Option<i64>,
    state: &State,
    caller: &Caller,
) -> Result<u64, ApiError> {
    if !state.settings.custom_timestamps {
        let message = "Custom upload timestamps are not allowed for this account";
        return Err(ApiError::new(400, "custom_timestamp_not_allowed", message));
    }
    time.and_then(|time| u64::try_from(time).ok())
        .filter(|time| *time <= caller.now)
        .ok_or_else(|| {
            let message = "The custom upload timestamp must be a number and not in the future";
            ApiError::new(400, "custom_timestamp_invalid", message)
        })
}

fn no_active_upload(id: &str) -> ApiError {
    ApiError::bad_request(format!("No active upload for: {id}"))
}

fn check_parts(parts: &BTreeMap<u64, Part>, named: &[String], least: u64) -> Result<(), ApiError> {
    if named.len() < 2 {
        return Err(ApiError::bad_request(
            "large files must have at least 2 parts",
        ));
    }
    for (number, sha1) in (1_u64..).zip(named) {
        let Some(part) = parts.get(&number) else {
            let message = format!("Part number {number} has not been uploaded");
            return Err(ApiError::new(400, "missing_part", message));
        };
        if Sha1Digest::parse(sha1) != Some(part.sha1.digest) {
            let message = format!("Sha1 of part number {number} does not match");
            return Err(ApiError::new(400, "part_sha1_mismatch", message));
        }
    }
    if parts.len() > named.len() {
        return Err(undocumented::more_parts_than_named(
            parts.len(),
            named.len(),
        ));
    }
    let last = named.len() as u64;
    for (number, part) in parts.range(..last) {
        if part.content.len() < least {
            return Err(undocumented::part_too_small(
                *number,
                part.content.len(),
                least,
            ));
        }
    }
    Ok(())
}
