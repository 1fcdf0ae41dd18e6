//! Upload URLs, and uploads of files and parts.
//!
//! An upload is checked twice: its headers before its bytes ([`begin`]), its SHA-1 after them
//! ([`complete`]). In between, its token is in use; any failure revokes it.

use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::outcome::Outcome;
use super::store::Source;
use super::target::{NewFile, Target};
use super::{encryption, large_files, lock};
use crate::behavior;
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::checksums::{Checksums, DIGITS_AT_END, Hashes, Received};
use crate::model::file::{Sha1, Sha1Digest, Stored, Version};
use crate::model::ids::TokenKind;
use crate::model::names;
use crate::model::state::State;
use crate::model::token::UploadToken;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::content_type;
use crate::protocol::headers::text_of;
use crate::protocol::percent;
use crate::protocol::response::Response;
use crate::protocol::undocumented;

pub(crate) const UPLOAD_FILE: &str = "b2_upload_file";
pub(crate) const UPLOAD_PART: &str = "b2_upload_part";
const INFO: &str = "x-bz-info-";

/// An upload whose bytes are still to come.
pub(crate) struct PendingUpload {
    token: String,
    caller: Caller,
    target: Target,
    claim: Sha1Claim,
    data_len: u64,
}

/// The SHA-1 that the client sends.
#[derive(Debug, PartialEq, Eq)]
enum Sha1Claim {
    Given(Sha1Digest),
    AtEnd,
    None,
}

impl PendingUpload {
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Length of the data, without digits at the end.
    pub(crate) const fn data_len(&self) -> u64 {
        self.data_len
    }

    /// The checksums to compute.
    pub(crate) fn hashes(&self, checksums: Checksums) -> Hashes {
        match self.claim {
            Sha1Claim::Given(_) | Sha1Claim::AtEnd => Hashes::of_claimed(checksums),
            Sha1Claim::None => Hashes::of_unclaimed(checksums),
        }
    }

    /// Whether 40 digits follow the data.
    pub(crate) fn has_digits_at_end(&self) -> bool {
        self.claim == Sha1Claim::AtEnd
    }
}

impl fmt::Debug for PendingUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingUpload")
            .field("target", &self.target)
            .field("data_len", &self.data_len)
            .finish_non_exhaustive()
    }
}

pub(crate) fn get_upload_url(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let bucket_id = args.required("bucketId")?;
    caller.key.require_bucket(bucket_id)?;
    state.bucket(bucket_id)?;
    let path = format!("{UPLOAD_FILE}/{bucket_id}/{}", state.ids.pod().path());
    let mut answer = issue(state, caller, TokenKind::UploadFile, path);
    answer["bucketId"] = bucket_id.into();
    Ok(Outcome::Json(answer))
}

pub(crate) fn get_upload_part_url(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let file_id = args.required("fileId")?;
    large_files::unfinished(state, caller, file_id)?;
    let path = format!("{UPLOAD_PART}/{file_id}/{}", state.ids.pod().part_path());
    let mut answer = issue(state, caller, TokenKind::UploadPart, path);
    answer["fileId"] = file_id.into();
    Ok(Outcome::Json(answer))
}

fn issue(state: &mut State, caller: &Caller, word: TokenKind, path: String) -> Value {
    let token = state.ids.token(word, &caller.key.id);
    let url = caller.upload_url(&path);
    let lifetime = state.settings.token_lifetime_millis;
    let what = UploadToken {
        key_id: caller.key.id.clone(),
        expires: caller.now.saturating_add(lifetime),
        path,
        in_use: false,
    };
    state.tokens.issue_upload(&token, what);
    json!({"authorizationToken": token, "uploadUrl": url})
}

/// The upload call of a path after the version.
pub(crate) fn name_of(path: &str) -> Option<&'static str> {
    let first = path.split('/').next();
    [UPLOAD_FILE, UPLOAD_PART]
        .into_iter()
        .find(|name| first == Some(name))
}

/// Whether this is the name of an upload call.
pub(crate) fn is_upload(call: &str) -> bool {
    matches!(call, UPLOAD_FILE | UPLOAD_PART)
}

/// Checks the head of an upload. On success its token is in use.
pub(crate) fn begin(
    state: &mut State,
    head: &Parts,
    mut caller: Caller,
    path: &str,
) -> Result<PendingUpload, ApiError> {
    if head.method != Method::POST {
        return Err(undocumented::wrong_method("POST"));
    }
    let token = text_of(head, AUTHORIZATION).ok_or_else(undocumented::no_authorization)?;
    let found = state.tokens.upload(token, caller.now)?;
    if found.path != path {
        return Err(ApiError::bad_auth_token());
    }
    if found.in_use {
        let message = format!("more than one upload using auth token {token}");
        return Err(ApiError::new(400, "auth_token_limit", message));
    }
    found.in_use = true;
    let key_id = found.key_id.clone();
    let prepared = match state.keys.get(&key_id) {
        Some(key) => {
            caller.key = key.clone();
            prepare(state, head, &caller, path)
        }
        None => Err(ApiError::bad_auth_token()),
    };
    match prepared {
        Ok((target, claim, data_len)) => Ok(PendingUpload {
            token: token.to_owned(),
            caller,
            target,
            claim,
            data_len,
        }),
        Err(error) => {
            state.tokens.revoke(token);
            Err(error)
        }
    }
}

fn prepare(
    state: &State,
    head: &Parts,
    caller: &Caller,
    path: &str,
) -> Result<(Target, Sha1Claim, u64), ApiError> {
    let mut segments = path.split('/');
    let call = segments.next();
    let subject = segments.next().unwrap_or("");
    let target = if call == Some(UPLOAD_PART) {
        let large = large_files::unfinished(state, caller, subject)?;
        part_target(head, large)?
    } else {
        file_target(state, head, caller, state.bucket(subject)?)?
    };
    let (claim, data_len) = length_and_claim(head)?;
    if data_len > behavior::MAX_UPLOAD {
        return Err(undocumented::upload_too_large(data_len));
    }
    if data_len == 0 && matches!(target, Target::Part { .. }) {
        return Err(ApiError::bad_request("A part must have at least one byte"));
    }
    Ok((target, claim, data_len))
}

fn file_target(
    state: &State,
    head: &Parts,
    caller: &Caller,
    bucket: &Bucket,
) -> Result<Target, ApiError> {
    let name = required_header(head, "X-Bz-File-Name")?;
    let name = percent::decode(name.as_bytes())
        .ok_or_else(|| ApiError::bad_request("X-Bz-File-Name is not encoded properly"))?;
    names::check_file_name(&name, &state.settings.undocumented)?;
    caller.key.require_access(&bucket.id, &name)?;
    let content_type = required_header(head, CONTENT_TYPE.as_str())?;
    let content_type = content_type::resolve(content_type, &name);
    let uploaded = text_of(head, "x-bz-custom-upload-timestamp");
    let uploaded = uploaded
        .map(|time| large_files::custom_timestamp(time.parse().ok(), state, caller))
        .transpose()?
        .unwrap_or(caller.now);
    let encryption = encryption::of_headers(head)?.unwrap_or_else(|| bucket.encryption());
    let limit = bucket.info_limit(&encryption);
    Ok(Target::File(NewFile {
        bucket_id: bucket.hex_id,
        lock: lock::of_headers(head, caller, bucket, uploaded)?,
        info: names::check_file_info(&name, info_of(head)?, limit)?,
        name,
        uploaded,
        content_type,
        encryption,
    }))
}

fn part_target(head: &Parts, large: &Version) -> Result<Target, ApiError> {
    let number = required_header(head, "X-Bz-Part-Number")?;
    let number = number.parse().ok();
    let number = large_files::check_part_number(number)?;
    encryption::require_key_in_headers(&large.encryption, head)?;
    Ok(Target::Part {
        file_id: large.file_id,
        number,
        encryption: large.encryption.clone(),
    })
}

fn info_of(head: &Parts) -> Result<Vec<(String, String)>, ApiError> {
    let decoded = |(name, value): (&http::HeaderName, &HeaderValue)| {
        let key = name.as_str().strip_prefix(INFO)?.to_owned();
        let value = percent::decode(value.as_bytes());
        Some(value.map_or_else(
            || {
                let message = format!("{name} is not encoded properly");
                Err(ApiError::bad_request(message))
            },
            |value| Ok((key, value)),
        ))
    };
    head.headers.iter().filter_map(decoded).collect()
}

fn length_and_claim(head: &Parts) -> Result<(Sha1Claim, u64), ApiError> {
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(undocumented::chunked_upload());
    }
    let len = text_of(head, CONTENT_LENGTH)
        .and_then(|len| len.parse::<u64>().ok())
        .ok_or_else(undocumented::chunked_upload)?;
    match required_header(head, "X-Bz-Content-Sha1")? {
        "do_not_verify" => Ok((Sha1Claim::None, len)),
        "hex_digits_at_end" => len
            .checked_sub(DIGITS_AT_END)
            .map(|len| (Sha1Claim::AtEnd, len))
            .ok_or_else(|| ApiError::bad_request("The body is too short for a SHA-1 at its end")),
        other => Sha1Digest::parse(other)
            .map(|digest| (Sha1Claim::Given(digest), len))
            .ok_or_else(|| ApiError::bad_request("Invalid X-Bz-Content-Sha1")),
    }
}

fn required_header<'a>(head: &'a Parts, name: &str) -> Result<&'a str, ApiError> {
    text_of(head, name).ok_or_else(|| undocumented::missing_header(name))
}

/// Completes an upload whose bytes have arrived. On success its token is free again.
pub(crate) fn complete(
    state: &mut State,
    pending: PendingUpload,
    received: Received,
) -> Result<Response, ApiError> {
    let PendingUpload {
        token,
        caller,
        target,
        claim,
        ..
    } = pending;
    let stored = verify(&claim, &received).and_then(|sha1| {
        let stored = Stored {
            content: received.content,
            sha1: Some(sha1),
            md5: received.md5,
        };
        target.store(state, &caller, stored, Source::Upload)
    });
    match &stored {
        Ok(_) => state.tokens.release(&token),
        Err(_) => state.tokens.revoke(&token),
    }
    stored
}

fn verify(claim: &Sha1Claim, received: &Received) -> Result<Sha1, ApiError> {
    let mismatch = || ApiError::bad_request("Sha1 did not match data received");
    let claimed = match claim {
        Sha1Claim::Given(digest) => Some(*digest),
        Sha1Claim::AtEnd => Some(Sha1Digest::parse(&received.at_end).ok_or_else(mismatch)?),
        Sha1Claim::None => None,
    };
    let verified = claimed.is_some();
    match (claimed, received.sha1) {
        (Some(claimed), Some(digest)) if claimed != digest => Err(mismatch()),
        (_, Some(digest)) | (Some(digest), None) => Ok(Sha1 { digest, verified }),
        (None, None) => Err(undocumented::unhashed()),
    }
}
