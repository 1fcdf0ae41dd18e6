//! Downloads by name and by id.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName,
};
use http::{HeaderValue, StatusCode};

use super::encryption;
use super::lock::{HOLD_HEADER, MODE_HEADER, UNTIL_HEADER};
use super::outcome::Outcome;
use crate::behavior::UndocumentedBehavior;
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::encryption::{AES256, Encryption};
use crate::model::file::{Stored, Version};
use crate::model::ids;
use crate::model::names::{self, RESERVED};
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::overrides::OVERRIDES;
use crate::protocol::percent;
use crate::protocol::range::{self, RequestedRange};
use crate::protocol::response::Response;
use crate::protocol::undocumented;

/// The call for downloads by id.
pub(crate) const BY_ID: &str = "b2_download_file_by_id";

/// The name under which downloads by name are counted.
pub(crate) const BY_NAME: &str = "b2_download_file_by_name";

/// `path` is the encoded part after `/file/`.
pub(crate) fn by_name(
    state: &State,
    caller: &Caller,
    path: &str,
    args: &Args,
) -> Result<Response, ApiError> {
    let (bucket, name) = path
        .split_once('/')
        .ok_or_else(|| undocumented::unknown_call(path))?;
    let decoded = percent::decode(name.as_bytes()).zip(percent::decode(bucket.as_bytes()));
    let (name, bucket_name) =
        decoded.ok_or_else(|| ApiError::bad_request("The path is not encoded properly"))?;
    let missing =
        || ApiError::not_found(format!("bucket {bucket_name} does not have file: {name}"));
    let bucket = state.bucket_by_name(&bucket_name).ok_or_else(missing)?;
    require_read_access(caller, bucket, &name)?;
    let current = bucket.versions.current(&name).ok_or_else(missing)?;
    let stored = current.stored().ok_or_else(missing)?;
    serve(state, caller, bucket, current, stored, args)
}

pub(crate) fn by_id(state: &mut State, caller: &Caller, args: &Args) -> Result<Outcome, ApiError> {
    let id = args.required("fileId")?;
    if ids::file_id_time(id).is_none() {
        return Err(ApiError::bad_request(format!("Bad fileId: {id}")));
    }
    let missing = || ApiError::not_found(format!("File not present: {id}"));
    let (bucket, version) = state.version(id).ok_or_else(missing)?;
    require_read_access(caller, bucket, &version.name)?;
    let stored = version.stored().ok_or_else(missing)?;
    serve(state, caller, bucket, version, stored, args).map(Outcome::Response)
}

/// Requires `readFiles` for files in private buckets.
fn require_read_access(caller: &Caller, bucket: &Bucket, name: &str) -> Result<(), ApiError> {
    if bucket.is_public() && caller.download_headers.fixed_overrides.is_none() {
        return Ok(());
    }
    if caller.key.is_anonymous() {
        return Err(undocumented::private_download());
    }
    caller.key.require("readFiles")?;
    caller.key.require_access(&bucket.id, name)
}

fn serve(
    state: &State,
    caller: &Caller,
    bucket: &Bucket,
    version: &Version,
    stored: &Stored,
    args: &Args,
) -> Result<Response, ApiError> {
    let given = caller.download_headers.key.key()?;
    encryption::require_key(&version.encryption, given.as_ref())?;
    let len = stored.content.len();
    let asked = caller.download_headers.range.as_deref();
    let behavior = &state.settings.undocumented;
    let asked =
        asked.filter(|range| behavior.range_from_zero_is_partial || !range::is_from_zero(range));
    let part = match asked.map_or(RequestedRange::Whole, |range| range::resolve(range, len)) {
        RequestedRange::Unsatisfiable => return Err(ApiError::range_not_satisfiable()),
        RequestedRange::Whole => None,
        RequestedRange::Part(part) => Some(part),
    };
    let part = part.filter(|part| behavior.whole_range_is_partial || part.end - part.start < len);
    let plus = behavior.plus_for_space;
    let mut headers = file_headers(version, stored, plus);
    encryption_headers(&mut headers, &version.encryption);
    lock_headers(&mut headers, caller, bucket, version);
    if let Some(value) = bucket.info.get("cache-control")
        && !headers.contains_key(CACHE_CONTROL)
    {
        insert(&mut headers, CACHE_CONTROL.as_str(), value);
    }
    let overrides = overrides(caller, behavior, args)?;
    let limit = bucket.info_limit(&version.encryption);
    names::check_overrides(&version.name, &version.info, &overrides, limit)?;
    for (header, value) in overrides {
        insert(&mut headers, header, value);
    }
    match part {
        None => Ok(Response::content(
            StatusCode::OK,
            headers,
            stored.content.clone(),
        )),
        Some(part) => {
            let range = format!("bytes {}-{}/{len}", part.start, part.end - 1);
            insert(&mut headers, CONTENT_RANGE.as_str(), &range);
            let slice = stored.content.slice(part);
            Ok(Response::content(
                StatusCode::PARTIAL_CONTENT,
                headers,
                slice,
            ))
        }
    }
}

fn file_headers(version: &Version, stored: &Stored, plus: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(&mut headers, CONTENT_TYPE.as_str(), &version.content_type);
    let sha1 = stored.sha1.as_ref().map(|sha1| sha1.json());
    let sha1 = sha1.as_deref().unwrap_or("none");
    let uploaded = version.uploaded.to_string();
    insert(&mut headers, "x-bz-content-sha1", sha1);
    version
        .file_id
        .with_text(|id| insert(&mut headers, "x-bz-file-id", id));
    let name = percent::encode(&version.name, plus);
    insert(&mut headers, "x-bz-file-name", &name);
    insert(&mut headers, "x-bz-upload-timestamp", &uploaded);
    if let Some(replication) = version.replication {
        insert(
            &mut headers,
            "x-bz-replication-status",
            replication.as_str(),
        );
    }
    for (key, value) in version.info.iter() {
        match RESERVED.iter().find(|(reserved, _)| *reserved == key) {
            Some((_, header)) => insert(&mut headers, header, value),
            None => {
                let value = percent::encode(value, plus);
                insert(&mut headers, &format!("x-bz-info-{key}"), &value);
            }
        }
    }
    headers
}

fn encryption_headers(headers: &mut HeaderMap, encryption: &Encryption) {
    match encryption {
        Encryption::None => {}
        Encryption::Managed => insert(headers, "x-bz-server-side-encryption", AES256),
        Encryption::Customer(key) => {
            let name = "x-bz-server-side-encryption-customer-algorithm";
            insert(headers, name, AES256);
            let name = "x-bz-server-side-encryption-customer-key-md5";
            insert(headers, name, key.md5());
        }
    }
}

/// Adds retention and legal hold as far as the caller may read them, and names what is withheld.
fn lock_headers(headers: &mut HeaderMap, caller: &Caller, bucket: &Bucket, version: &Version) {
    let mut withheld = Vec::new();
    if caller.key.can("readFileRetentions") {
        if let Some(retention) = version.lock().retention {
            insert(headers, MODE_HEADER, retention.mode.as_str());
            insert(headers, UNTIL_HEADER, &retention.until.to_string());
        }
    } else {
        withheld.extend([
            "X-Bz-File-Retention-Mode",
            "X-Bz-File-Retention-Retain-Until-Timestamp",
        ]);
    }
    if caller.key.can("readFileLegalHolds") {
        if let Some(hold) = version.lock().legal_hold_json() {
            insert(headers, HOLD_HEADER, hold);
        }
    } else {
        withheld.push("X-Bz-File-Legal-Hold");
    }
    if reports_withheld_headers(bucket) && !withheld.is_empty() {
        let names = withheld.join(",");
        insert(headers, "x-bz-client-unauthorized-to-read", &names);
    }
}

/// The headers that a download overrides, with their values.
fn overrides<'a>(
    caller: &Caller,
    behavior: &UndocumentedBehavior,
    args: &'a Args,
) -> Result<Vec<(&'static str, &'a str)>, ApiError> {
    let mut overrides = Vec::new();
    for (parameter, header) in OVERRIDES {
        let value = args.string(parameter)?;
        if let Some(fixed) = &caller.download_headers.fixed_overrides {
            let fixed = fixed.get(parameter).map(String::as_str);
            let may_differ =
                fixed.is_none() && !behavior.download_authorizations_refuse_other_overrides;
            if fixed != value && !may_differ {
                return Err(undocumented::other_override(parameter));
            }
        }
        let Some(value) = value else {
            continue;
        };
        if caller.key.is_anonymous() {
            return Err(undocumented::private_download());
        }
        if HeaderValue::from_str(value).is_err() {
            let message = format!("Invalid {parameter}");
            return Err(ApiError::bad_request(message));
        }
        overrides.push((header, value));
    }
    Ok(overrides)
}

/// Leaves out values that are no valid header: the keys of file info that become headers may have
/// any value.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_bytes(value.as_bytes());
    if let (Ok(name), Ok(value)) = (name, value) {
        headers.insert(name, value);
    }
}

/// Whether a download names the Object Lock headers that it withholds: always in a bucket with
/// Object Lock, since otherwise their absence would reveal whether they are set.
const fn reports_withheld_headers(bucket: &Bucket) -> bool {
    bucket.file_lock
}
