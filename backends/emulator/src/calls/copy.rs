//! `b2_copy_file` and `b2_copy_part`. No bytes move; they are read only if their SHA-1 is unknown.

use super::outcome::Outcome;
use super::pending_copy::PendingCopy;
use super::store::Source;
use super::target::{NewFile, Target};
use super::{encryption, large_files, lock};
use crate::behavior;
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::checksums::Received;
use crate::model::file::{Sha1, Stored, Version};
use crate::model::file_info::FileInfo;
use crate::model::ids;
use crate::model::names;
use crate::model::state::State;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::content_type;
use crate::protocol::range::{self, RequestedRange};
use crate::protocol::response::Response;
use crate::protocol::undocumented;

pub(crate) fn copy_file(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let (from, source) = source(state, caller, args)?;
    let name = args.required("fileName")?;
    let bucket_id = args.string("destinationBucketId")?.unwrap_or(&from.id);
    names::check_file_name(name, &state.settings.undocumented)?;
    caller.key.require_access(bucket_id, name)?;
    let bucket = state.bucket(bucket_id)?;
    let encryption = encryption::of_new_file(args, "destinationServerSideEncryption", bucket)?;
    let limit = bucket.info_limit(&encryption);
    let (content_type, info) = metadata(source, name, args, limit)?;
    let lock = lock::of_args(args, caller, bucket, caller.now)?;
    let (copied, is_whole) = copied_range(source, args)?;
    let target = Target::File(NewFile {
        bucket_id: bucket.hex_id,
        name: name.to_owned(),
        uploaded: caller.now,
        content_type,
        info,
        lock,
        encryption,
    });
    let is_large = copied.sha1.is_none();
    if is_whole
        && (!is_large
            || !state
                .settings
                .undocumented
                .copies_of_large_files_have_a_sha1)
    {
        let answer = target.store(state, caller, copied, Source::Copy)?;
        return Ok(Outcome::Response(answer));
    }
    Ok(rehash(caller, target, copied))
}

pub(crate) fn copy_part(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let file_id = args.required("largeFileId")?;
    let number = args.integer("partNumber")?;
    let number = number.ok_or_else(|| undocumented::missing_field("partNumber"))?;
    let number = large_files::check_part_number(u64::try_from(number).ok())?;
    let large = large_files::unfinished(state, caller, file_id)?;
    let (_, source) = source(state, caller, args)?;
    let field = "destinationServerSideEncryption";
    encryption::require_key_in_args(&large.encryption, args, field)?;
    let (copied, is_whole) = copied_range(source, args)?;
    if copied.content.len() == 0 {
        return Err(ApiError::bad_request("A part must have at least one byte"));
    }
    let target = Target::Part {
        file_id: large.file_id,
        number,
        encryption: large.encryption.clone(),
    };
    if is_whole && copied.sha1.is_some() {
        let answer = target.store(state, caller, copied, Source::Copy)?;
        return Ok(Outcome::Response(answer));
    }
    Ok(rehash(caller, target, copied))
}

/// Completes a copy whose bytes have been hashed.
pub(crate) fn complete(
    state: &mut State,
    pending: PendingCopy,
    received: Received,
) -> Result<Response, ApiError> {
    let stored = Stored {
        content: received.content,
        sha1: received.sha1.map(|digest| Sha1 {
            digest,
            verified: true,
        }),
        md5: received.md5,
    };
    pending
        .target
        .store(state, &pending.caller, stored, Source::Copy)
}

fn rehash(caller: &Caller, target: Target, copied: Stored) -> Outcome {
    Outcome::Rehash(Box::new(PendingCopy {
        content: copied.content,
        caller: caller.clone(),
        target,
    }))
}

/// The version to copy from, and its bucket.
fn source<'a>(
    state: &'a State,
    caller: &Caller,
    args: &Args,
) -> Result<(&'a Bucket, &'a Version), ApiError> {
    let id = args.required("sourceFileId")?;
    if ids::file_id_time(id).is_none() {
        return Err(ApiError::bad_request(format!("Bad fileId: {id}")));
    }
    let found = state.version(id);
    let found = found.filter(|(_, version)| version.stored().is_some());
    let (bucket, version) =
        found.ok_or_else(|| ApiError::not_found(format!("File not present: {id}")))?;
    caller.key.require_access(&bucket.id, &version.name)?;
    if !bucket.is_public() {
        caller.key.require("readFiles")?;
    }
    let field = "sourceServerSideEncryption";
    encryption::require_key_in_args(&version.encryption, args, field)?;
    Ok((bucket, version))
}

/// The part of the source to copy, and whether it is all of it.
fn copied_range(source: &Version, args: &Args) -> Result<(Stored, bool), ApiError> {
    let stored = source
        .stored()
        .ok_or_else(|| ApiError::not_found("Not a file"))?;
    let len = stored.content.len();
    let range = match args.string("range")? {
        None => 0..len,
        Some(text) => match range::resolve(text, len) {
            RequestedRange::Part(range) => range,
            RequestedRange::Unsatisfiable => return Err(ApiError::range_not_satisfiable()),
            RequestedRange::Whole => {
                return Err(ApiError::bad_request(format!("Bad range: {text}")));
            }
        },
    };
    let size = range.end - range.start;
    if size > behavior::MAX_UPLOAD {
        let message = format!("Copy source too big: {size}");
        return Err(ApiError::new(400, "source_too_large", message));
    }
    if size == len {
        return Ok((stored.clone(), true));
    }
    let slice = Stored {
        content: stored.content.slice(range),
        sha1: None,
        md5: None,
    };
    Ok((slice, false))
}

fn metadata(
    source: &Version,
    name: &str,
    args: &Args,
    limit: usize,
) -> Result<(String, FileInfo), ApiError> {
    let content_type = args.string("contentType")?;
    let info = args.string_map("fileInfo")?;
    match args.string("metadataDirective")?.unwrap_or("COPY") {
        "COPY" if content_type.is_some() || info.is_some() => {
            let message = "contentType and fileInfo need the metadataDirective REPLACE";
            Err(ApiError::bad_request(message))
        }
        "COPY" => {
            let entries = source.info.iter();
            let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let info = names::check_file_info(name, entries, limit)?;
            Ok((source.content_type.as_ref().to_owned(), info))
        }
        "REPLACE" => {
            let given = content_type.ok_or_else(|| undocumented::missing_field("contentType"))?;
            let given = large_files::check_content_type(given)?;
            let info = names::check_file_info(name, info.unwrap_or_default(), limit)?;
            Ok((content_type::resolve(given, name), info))
        }
        other => {
            let message = format!("Invalid metadataDirective: {other}");
            Err(ApiError::bad_request(message))
        }
    }
}
