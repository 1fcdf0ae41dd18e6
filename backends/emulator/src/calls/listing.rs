//! `b2_list_file_names` and `b2_list_file_versions`: prefix, delimiter and cursor.

use std::ops::Bound;
use std::sync::Arc;

use serde::Serialize;

use super::outcome::Outcome;
use super::response_json::{self, File};
use crate::behavior::Cursor;
use crate::calls::caller::Caller;
use crate::model::bucket::Bucket;
use crate::model::file::Version;
use crate::model::file_id::FileId;
use crate::model::ids;
use crate::model::state::State;
use crate::model::versions::VersionPosition;
use crate::protocol::api_error::ApiError;
use crate::protocol::args::Args;
use crate::protocol::undocumented;

pub(crate) fn list_file_names(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let (bucket, mut query) = parameters(state, caller, args)?;
    if let Some(name) = args.string("startFileName")? {
        query.start = VersionPosition::first_of(name);
    }
    let scan = state.settings.undocumented.names_scanned_per_page;
    let page = page(bucket, &query, Mode::Names, scan);
    let next = page.next.as_ref().map(|next| {
        match (
            next,
            state.settings.undocumented.cursor,
            page.entries.last(),
        ) {
            // as seen, also inside a folder
            (Next::Unscanned { last, .. }, ..) => format!("{last} "),
            (Next::Entry(_), Cursor::LastNameAndSpace, Some(Entry::File(last))) => {
                format!("{} ", last.name)
            }
            (Next::Entry(next), ..) => next.name().to_owned(),
        }
    });
    Ok(Outcome::serialized(&Names {
        files: json(&page, bucket, state, caller),
        next_file_name: next.as_deref(),
    }))
}

pub(crate) fn list_file_versions(
    state: &mut State,
    caller: &Caller,
    args: &Args,
) -> Result<Outcome, ApiError> {
    let (bucket, mut query) = parameters(state, caller, args)?;
    query.start = match (args.string("startFileName")?, args.string("startFileId")?) {
        (None, Some(_)) => return Err(undocumented::start_id_without_name()),
        (None, None) => query.start,
        (Some(name), None) => VersionPosition::first_of(name),
        (Some(name), Some(id)) => position_of(bucket, name, id)?,
    };
    let scan = state.settings.undocumented.names_scanned_per_page;
    let page = page(bucket, &query, Mode::Versions, scan);
    // the first version in a folder is its cursor: it has an id, and groups into the folder again
    let next = page.next.as_ref().map(Next::version);
    Ok(Outcome::serialized(&Versions {
        files: json(&page, bucket, state, caller),
        next_file_id: next.map(|version| version.file_id),
        next_file_name: next.map(|version| &*version.name),
    }))
}

/// The response of `b2_list_file_names`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Names<'a> {
    files: Vec<File<'a>>,
    next_file_name: Option<&'a str>,
}

/// The response of `b2_list_file_versions`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions<'a> {
    files: Vec<File<'a>>,
    next_file_id: Option<FileId>,
    next_file_name: Option<&'a str>,
}

/// The parameters of a listing.
struct Query<'a> {
    prefix: &'a str,
    /// A further prefix that names must have.
    only: &'a str,
    delimiter: Option<&'a str>,
    start: VersionPosition,
    count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The current version of each name that is not hidden.
    Names,
    /// All versions.
    Versions,
}

/// A page, and what follows it.
struct Page<'a> {
    entries: Vec<Entry<'a>>,
    next: Option<Next<'a>>,
}

/// Why a page ends before the listing.
enum Next<'a> {
    /// It is full; this is the next entry.
    Entry(Entry<'a>),
    /// It has scanned the maximum number of names.
    Unscanned { last: &'a str, version: &'a Version },
}

impl<'a> Next<'a> {
    const fn version(&self) -> &'a Version {
        match self {
            Self::Entry(entry) => entry.version(),
            Self::Unscanned { version, .. } => version,
        }
    }
}

enum Entry<'a> {
    File(&'a Version),
    /// The folder's name with its delimiter, and the first version in it.
    Folder(&'a str, &'a Version),
}

impl<'a> Entry<'a> {
    fn of(version: &'a Version, query: &Query<'_>) -> Self {
        let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty());
        let folded = delimiter.and_then(|delimiter| {
            let after_prefix = version.name.get(query.prefix.len()..)?;
            let end = query.prefix.len() + after_prefix.find(delimiter)? + delimiter.len();
            version.name.get(..end)
        });
        folded.map_or(Self::File(version), |name| Self::Folder(name, version))
    }

    fn name(&self) -> &'a str {
        match self {
            Self::File(version) => &version.name,
            Self::Folder(name, _) => name,
        }
    }

    const fn version(&self) -> &'a Version {
        match self {
            Self::File(version) | Self::Folder(_, version) => version,
        }
    }
}

/// The parameters that both listings have.
fn parameters<'a>(
    state: &'a State,
    caller: &'a Caller,
    args: &'a Args,
) -> Result<(&'a Bucket, Query<'a>), ApiError> {
    let bucket_id = args.required("bucketId")?;
    if !ids::is_bucket_id(bucket_id) {
        let message = format!("Invalid bucketId: {bucket_id}");
        return Err(ApiError::new(400, "invalid_bucket_id", message));
    }
    let prefix = args.string("prefix")?.unwrap_or("");
    let query = Query {
        prefix,
        only: caller.listing_prefix(bucket_id, prefix)?,
        delimiter: args.string("delimiter")?,
        start: VersionPosition::first_of(""),
        count: args.count("maxFileCount", 100, 10_000)?,
    };
    Ok((state.bucket(bucket_id)?, query))
}

/// The position of a name and id; if there is none, the one it would have according to the
/// timestamp in the id.
fn position_of(bucket: &Bucket, name: &str, id: &str) -> Result<VersionPosition, ApiError> {
    let Some(time) = ids::file_id_time(id) else {
        let message = format!("Invalid startFileId: {id}");
        return Err(ApiError::new(400, "invalid_file_id", message));
    };
    let known = FileId::parse(id).and_then(|id| bucket.versions.get(id));
    let known = known.filter(|version| &*version.name == name);
    Ok(known.map_or_else(
        || VersionPosition::new(name, time, u64::MAX),
        VersionPosition::of,
    ))
}

/// `scan` limits how many names are scanned, including each one inside a folder.
fn page<'a>(bucket: &'a Bucket, query: &Query<'_>, mode: Mode, scan: Option<u64>) -> Page<'a> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    let mut scanned: Option<&str> = None;
    let mut left = scan.map(|names| names.max(1));
    let first = VersionPosition::first_of(query.prefix.max(query.only)).max(query.start.clone());
    let mut from = Bound::Included(first);
    let mut listing = bucket.versions.scan();
    while let Some(version) = listing.seek(from) {
        if !version.name.starts_with(query.prefix) {
            break;
        }
        if !version.name.starts_with(query.only) {
            from = Bound::Excluded(VersionPosition::after_all_of(Arc::clone(&version.name)));
            continue;
        }
        match &mut left {
            // listing names, all versions of a name count once
            Some(_) if mode == Mode::Names && scanned == Some(&*version.name) => {}
            Some(0) => {
                let last = scanned.unwrap_or(&version.name);
                let next = Some(Next::Unscanned { last, version });
                return Page { entries, next };
            }
            Some(left) => *left -= 1,
            None => {}
        }
        scanned = Some(&version.name);
        // the first version of a name that is no unfinished large file decides
        if mode == Mode::Names && version.is_unfinished() {
            from = Bound::Excluded(VersionPosition::of(version));
            continue;
        }
        if mode == Mode::Names && version.is_hide_marker() {
            from = Bound::Excluded(VersionPosition::after_all_of(Arc::clone(&version.name)));
            continue;
        }
        let entry = Entry::of(version, query);
        let is_same_folder = |last: &Entry<'_>| match (last, &entry) {
            (Entry::Folder(last, _), Entry::Folder(folder, _)) => last == folder,
            _ => false,
        };
        from = match &entry {
            // only names that continue with the very last character need to be scanned one by one
            Entry::Folder(name, _)
                if scan.is_none() && !entries.last().is_some_and(is_same_folder) =>
            {
                Bound::Included(VersionPosition::first_of(format!("{name}{}", char::MAX)))
            }
            _ if mode == Mode::Names => {
                Bound::Excluded(VersionPosition::after_all_of(Arc::clone(&version.name)))
            }
            _ => Bound::Excluded(VersionPosition::of(version)),
        };
        if entries.last().is_some_and(is_same_folder) {
            continue;
        }
        if entries.len() == query.count {
            let next = Some(Next::Entry(entry));
            return Page { entries, next };
        }
        entries.push(entry);
    }
    Page {
        entries,
        next: None,
    }
}

fn json<'a>(
    page: &Page<'a>,
    bucket: &'a Bucket,
    state: &'a State,
    caller: &Caller,
) -> Vec<File<'a>> {
    let document = |entry: &Entry<'a>| match entry {
        Entry::File(version) => response_json::file(version, &state.account_id, caller, false),
        Entry::Folder(name, _) => response_json::folder(name, bucket, &state.account_id, caller),
    };
    page.entries.iter().map(document).collect()
}
