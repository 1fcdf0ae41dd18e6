//! The side that is a bucket: its listing, with paths relative to the prefix.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_core::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};

use super::entry::{Entry, History, OldVersion, RemoteFile, RequestTime, State};
use super::filter::Filter;
use super::reason::Reason;
use crate::api::{ListFileNames, ListFileVersions};
use crate::bucket::BucketHandle;
use crate::client::{MAX_VERSIONS, at_most};
use crate::error::{Error, ErrorKind};
use crate::transfer::is_create_stage;
use crate::types::{Action, ContentSha1, FileVersion};

/// Few names have more versions, and rows of longer names with the same beginning are discarded.
const VERSIONS: u32 = 100;

/// The visible files, in the order of their names. Adds the number of rows to `listed`.
pub(super) fn names(
    bucket: &BucketHandle,
    prefix: &str,
    filter: Filter,
    listed: Arc<AtomicU64>,
) -> impl Stream<Item = Result<Entry, Error>> + Send + Unpin + use<> {
    let list = ListFileNames::new(bucket.id()).prefix(format!("{prefix}{}", filter.prefix()));
    let rows = bucket.client().paginate_timed(list);
    let prefix = prefix.to_owned();
    rows.try_filter_map(move |(requested, row)| {
        listed.fetch_add(1, Ordering::Relaxed);
        let entry = row.into_version().and_then(|version| {
            let path = seen(&version, &prefix, &filter)?;
            Some(Entry::new(path, state(&version, requested)?))
        });
        future::ready(Ok(entry))
    })
}

/// All names, each with its versions. Adds the number of rows to `listed`.
pub(super) fn versions(
    bucket: &BucketHandle,
    prefix: &str,
    filter: Filter,
    listed: Arc<AtomicU64>,
) -> impl Stream<Item = Result<Entry, Error>> + Send + Unpin + use<> {
    let list = ListFileVersions::new(bucket.id()).prefix(format!("{prefix}{}", filter.prefix()));
    let rows = bucket.client().paginate_timed(list);
    let prefix = prefix.to_owned();
    let rows = rows.try_filter_map(move |(requested, row)| {
        listed.fetch_add(1, Ordering::Relaxed);
        let version = row.into_version().and_then(|version| {
            let path = seen(&version, &prefix, &filter)?;
            Some((path, state(&version, requested)?, version))
        });
        future::ready(Ok(version))
    });
    Box::pin(stream::try_unfold(
        (rows.fuse(), None),
        |(mut rows, mut open): (_, Option<Entry>)| async move {
            while let Some((path, state, version)) = rows.try_next().await? {
                match &mut open {
                    Some(entry) if *entry.path == *path => add(entry, &version)?,
                    _ => {
                        // The first version of a name is its newest.
                        let mut next = Entry::new(path, state);
                        add(&mut next, &version)?;
                        if let Some(whole) = open.replace(next) {
                            return Ok(Some((whole, (rows, open))));
                        }
                    }
                }
            }
            Ok(open.take().map(|last| (last, (rows, None))))
        },
    ))
}

/// How a sync treats a version; `None` for an unfinished large file. A version with an unknown
/// action never counts as a missing file.
fn state(version: &FileVersion, requested: Instant) -> Option<State> {
    match &version.action {
        Action::Upload | Action::Copy => {
            let mut file = RemoteFile::from(version);
            file.requested = RequestTime(Some(requested));
            Some(State::Remote(Box::new(file)))
        }
        Action::Hide => Some(State::Hidden),
        Action::Start => None,
        other => Some(State::Opaque(Reason::UnknownAction(other.to_string()))),
    }
}

/// The path of a version, if it is synchronized.
fn seen(version: &FileVersion, prefix: &str, filter: &Filter) -> Option<Box<str>> {
    if is_create_stage(version.file_name.as_str()) {
        return None;
    }
    let path = version.file_name.as_str().strip_prefix(prefix)?;
    filter.sees(path).then(|| path.into())
}

/// Refuses a name with an endless number of versions, since an entry is only returned when it is
/// complete.
fn add(entry: &mut Entry, version: &FileVersion) -> Result<(), Error> {
    let history = entry
        .history
        .get_or_insert_with(|| Box::new(History::default()));
    if history.versions.len() >= MAX_VERSIONS {
        let what = format!("a file has more than {MAX_VERSIONS} versions");
        return Err(Error::new(ErrorKind::Protocol, what));
    }
    let is_hide_marker = version.action == Action::Hide;
    history.versions.push(OldVersion {
        file_id: version.file_id.clone(),
        uploaded: version.upload_timestamp,
        is_hide_marker,
        may_be_large: !is_hide_marker && version.content_sha1 == ContentSha1::None,
    });
    history.has_unknown_actions |= is_unknown(&version.action);
    Ok(())
}

const fn is_unknown(action: &Action) -> bool {
    use Action::{Copy, Hide, Start, Upload};
    !matches!(action, Upload | Copy | Hide | Start)
}

/// All versions of a name, the newest first, without large files that are not finished.
///
/// Fails if one has an action that this crate does not know, since it is unknown what deleting it,
/// or the versions around it, would do.
pub(super) async fn all_versions(
    bucket: &BucketHandle,
    name: &str,
) -> Result<Vec<FileVersion>, Error> {
    let list = ListFileVersions::new(bucket.id())
        .start_file_name(name)
        .prefix(name)
        .max_file_count(VERSIONS);
    let rows = at_most(MAX_VERSIONS, bucket.client().paginate(list));
    let versions: Vec<_> = rows
        .try_filter_map(|row| future::ready(Ok(row.into_version())))
        .try_take_while(|version| future::ready(Ok(version.file_name == *name)))
        .try_filter(|version| future::ready(version.action != Action::Start))
        .try_collect()
        .await?;
    match versions.iter().find(|version| is_unknown(&version.action)) {
        None => Ok(versions),
        Some(version) => Err(Error::new(
            ErrorKind::Protocol,
            format!(
                "a version of {name:?} has the unknown action {:?}, so none is deleted",
                version.action.as_str()
            ),
        )),
    }
}
