//! The side of a bucket: its listing, without the beginning that all names have.

use futures_core::Stream;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};

use super::entry::{Entry, History, OldVersion, RemoteFile, State};
use super::filter::Filter;
use crate::api::{ListFileNames, ListFileVersions};
use crate::bucket::BucketHandle;
use crate::client::{MAX_VERSIONS, at_most};
use crate::error::{Error, ErrorKind};
use crate::transfer::is_create_stage;
use crate::types::{Action, FileVersion};

/// Few names have more versions, and longer names with the same beginning are of no use.
const VERSIONS: u32 = 100;

/// The files that can be seen, in the order of their names.
pub(super) fn names(
    bucket: &BucketHandle,
    prefix: &str,
    filter: Filter,
) -> impl Stream<Item = Result<Entry, Error>> + Send + Unpin + use<> {
    let list = ListFileNames::new(bucket.id()).prefix(format!("{prefix}{}", filter.prefix()));
    let rows = bucket.client().paginate(list);
    let prefix = prefix.to_owned();
    rows.try_filter_map(move |row| {
        let version = row
            .into_version()
            .filter(|row| row.action == Action::Upload);
        future::ready(Ok(version.and_then(|version| {
            let path = seen(&version, &prefix, &filter)?;
            Some(Entry::remote(path, RemoteFile::from(&version)))
        })))
    })
}

/// All names, each with its versions.
pub(super) fn versions(
    bucket: &BucketHandle,
    prefix: &str,
    filter: Filter,
) -> impl Stream<Item = Result<Entry, Error>> + Send + Unpin + use<> {
    let list = ListFileVersions::new(bucket.id()).prefix(format!("{prefix}{}", filter.prefix()));
    let rows = bucket.client().paginate(list);
    let prefix = prefix.to_owned();
    let rows = rows.try_filter_map(move |row| {
        let version = row
            .into_version()
            .filter(|row| matches!(row.action, Action::Upload | Action::Hide));
        future::ready(Ok(version.and_then(|version| {
            Some((seen(&version, &prefix, &filter)?, version))
        })))
    });
    Box::pin(stream::try_unfold(
        (rows.fuse(), None),
        |(mut rows, mut open): (_, Option<Entry>)| async move {
            while let Some((path, version)) = rows.try_next().await? {
                match &mut open {
                    Some(entry) if *entry.path == *path => add(entry, &version)?,
                    _ => {
                        let next = first(path, &version);
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

/// The path of a version that the sync sees.
fn seen(version: &FileVersion, prefix: &str, filter: &Filter) -> Option<Box<str>> {
    if is_create_stage(version.file_name.as_str()) {
        return None;
    }
    let path = version.file_name.as_str().strip_prefix(prefix)?;
    filter.sees(path).then(|| path.into())
}

/// The first version of a name is its newest.
fn first(path: Box<str>, version: &FileVersion) -> Entry {
    let state = match version.action {
        Action::Upload => State::Remote(Box::new(RemoteFile::from(version))),
        _ => State::Hidden,
    };
    let mut entry = Entry::new(path, state);
    entry.history = Some(Box::new(History {
        versions: vec![OldVersion::from(version)],
    }));
    entry
}

/// A name that has no end of versions is refused: an entry is given when it is whole.
fn add(entry: &mut Entry, version: &FileVersion) -> Result<(), Error> {
    let history = entry
        .history
        .get_or_insert_with(|| Box::new(History::default()));
    if history.versions.len() >= MAX_VERSIONS {
        let what = format!("a file has more than {MAX_VERSIONS} versions");
        return Err(Error::new(ErrorKind::Protocol, what));
    }
    history.versions.push(OldVersion::from(version));
    Ok(())
}

impl From<&FileVersion> for OldVersion {
    fn from(version: &FileVersion) -> Self {
        Self {
            file_id: version.file_id.clone(),
            uploaded: version.upload_timestamp,
            is_hide_marker: version.action == Action::Hide,
        }
    }
}

/// All versions of a name, the newest first. Large files that are not finished are none.
pub(super) async fn all_versions(
    bucket: &BucketHandle,
    name: &str,
) -> Result<Vec<FileVersion>, Error> {
    let list = ListFileVersions::new(bucket.id())
        .start_file_name(name)
        .prefix(name)
        .max_file_count(VERSIONS);
    let rows = at_most(MAX_VERSIONS, bucket.client().paginate(list));
    rows.try_filter_map(|row| future::ready(Ok(row.into_version())))
        .try_take_while(|version| future::ready(Ok(version.file_name == *name)))
        .try_filter(|version| future::ready(version.action != Action::Start))
        .try_collect()
        .await
}
