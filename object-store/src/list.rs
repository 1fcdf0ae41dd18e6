//! Listings: all files below a directory, one level of it, or one page.

use b2kit::api::ListFileNames;
use b2kit::transfer::is_create_stage;
use b2kit::types::{FileId, FileVersion, ListedFile, Timestamp};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use tracing::debug;

use crate::invalid_name_error::InvalidNameError;
use crate::names::is_path;
use crate::store::{B2Store, InvalidNames};
use crate::store_error::StoreError;

/// Maximum number of rows that B2 bills as one call.
const PAGE: u32 = 1_000;

/// Maximum number of rows of a page.
const MAX_PAGE: u32 = 10_000;

/// A row of a listing.
#[derive(Debug)]
pub(crate) enum Row {
    Object(Object),
    /// The path of a directory.
    Directory(String),
}

/// The current version of an object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) path: String,
    pub(crate) id: FileId,
    pub(crate) uploaded: Timestamp,
    pub(crate) size: u64,
}

impl Object {
    /// The object of a file whose name begins with a prefix of so many bytes.
    fn of(version: FileVersion, prefix: usize) -> Self {
        let mut path = String::from(version.file_name);
        path.drain(..prefix);
        Self {
            path,
            id: version.file_id,
            uploaded: version.upload_timestamp,
            size: version.content_length,
        }
    }
}

/// A request for a page.
#[derive(Debug, Default)]
pub(crate) struct PageQuery {
    /// A prefix of paths, which need not end at a slash.
    pub(crate) prefix: String,
    /// Only paths after this one.
    pub(crate) offset: Option<String>,
    pub(crate) directories: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) token: Option<String>,
}

/// A page, and the token of the next one.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) token: Option<String>,
}

impl B2Store {
    /// All objects below a directory, ordered by the bytes of their names. With an offset, B2's listing starts there.
    pub(crate) fn objects(
        &self,
        directory: &str,
        offset: Option<&str>,
    ) -> BoxStream<'static, Result<Row, StoreError>> {
        let prefix = self.shared.prefix.directory(directory);
        let start = offset.map(|offset| self.shared.prefix.join(offset));
        self.rows(prefix, start, false)
    }

    /// The objects and directories immediately in a directory.
    pub(crate) fn children(&self, directory: &str) -> BoxStream<'static, Result<Row, StoreError>> {
        self.rows(self.shared.prefix.directory(directory), None, true)
    }

    fn rows(
        &self,
        prefix: String,
        start: Option<String>,
        directories: bool,
    ) -> BoxStream<'static, Result<Row, StoreError>> {
        let store = self.clone();
        let listing = async move {
            let bucket = store.open_bucket(&prefix).await?.clone();
            let mut list = ListFileNames::new(bucket.id()).prefix(&prefix);
            if directories {
                list = list.delimiter("/");
            }
            if let Some(start) = &start {
                list = list.start_file_name(start);
            }
            let rows = bucket.client().paginate(list);
            let rows = rows.map_err(move |error| StoreError::b2(&prefix, error));
            Ok(rows.filter_map(move |row| {
                let row = row.and_then(|row| {
                    store
                        .row(row, start.as_deref())
                        .map_err(|name| StoreError::InvalidName(InvalidNameError::new(name, None)))
                });
                future::ready(row.transpose())
            }))
        };
        stream::once(listing).try_flatten().boxed()
    }

    /// One page.
    pub(crate) async fn page(&self, query: PageQuery) -> Result<Page, StoreError> {
        if query.limit == Some(0) {
            return Ok(Page {
                rows: Vec::new(),
                token: query.token,
            });
        }
        let bucket = self.open_bucket(&query.prefix).await?;
        let limit = query.limit.map_or(PAGE, |limit| {
            u32::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE)
        });
        let offset = query.offset.map(|offset| self.shared.prefix.join(&offset));
        let (start, seen) = match query.token.as_deref() {
            Some(token) => token
                .split_once('\0')
                .map_or((Some(token), None), |(start, seen)| {
                    (Some(start), Some(seen))
                }),
            None => (offset.as_deref(), None),
        };
        let mut list = ListFileNames::new(bucket.id())
            .prefix(self.shared.prefix.join(&query.prefix))
            .max_file_count(limit);
        if query.directories {
            list = list.delimiter("/");
        }
        if let Some(start) = start {
            list = list.start_file_name(start);
        }
        let page = bucket.client().call(list).await;
        let page = page.map_err(|error| StoreError::b2(&query.prefix, error))?;
        // B2 may return the folder at the end of a page again in the next page that has rows: the token has its name.
        let last = match page.files.last() {
            Some(row) => row.folder().map(|folder| folder.file_name.as_str()),
            None => seen,
        };
        let token = page.next_file_name.map(|next| match last {
            Some(last) => format!("{next}\0{last}"),
            None => next,
        });
        let rows = page.files.into_iter();
        let rows = rows.filter(|row| Some(row.file_name()) != seen);
        self.page_of(rows, offset.as_deref(), token)
    }

    /// A page of B2's rows. If a name is reported as invalid, the page ends before it; if it is the first one, the
    /// error has the token that continues after it.
    fn page_of(
        &self,
        rows: impl Iterator<Item = ListedFile>,
        offset: Option<&str>,
        token: Option<String>,
    ) -> Result<Page, StoreError> {
        let mut page = Page {
            rows: Vec::new(),
            token,
        };
        for row in rows {
            match self.row(row, offset) {
                Ok(row) => page.rows.extend(row),
                Err(name) if page.rows.is_empty() => {
                    let token = format!("{name}\0{name}");
                    let error = InvalidNameError::new(name, Some(token));
                    return Err(StoreError::InvalidName(error));
                }
                Err(name) => {
                    page.token = Some(name);
                    break;
                }
            }
        }
        Ok(page)
    }

    /// Converts a row of B2's listing; `None` for names that are not listed. The error is a name that is to be reported
    /// as invalid.
    fn row(&self, row: ListedFile, offset: Option<&str>) -> Result<Option<Row>, String> {
        let name = row.file_name();
        if is_create_stage(name) || offset == Some(name) {
            return Ok(None);
        }
        let is_directory = row.folder().is_some();
        let path = self
            .shared
            .prefix
            .strip(name)
            .and_then(|name| match is_directory {
                true => name.strip_suffix('/'),
                false => Some(name),
            });
        match path.filter(|path| is_path(path)) {
            Some(path) => {
                let prefix = name.len() - path.len();
                let directory = is_directory.then(|| Row::Directory(path.to_owned()));
                let object = row
                    .into_version()
                    .map(|version| Object::of(version, prefix));
                Ok(object.map(Row::Object).or(directory))
            }
            None if self.shared.invalid_names == InvalidNames::Report => Err(name.to_owned()),
            None => {
                debug!(
                    file_name = name,
                    "skipped in a listing: the name is not a valid path"
                );
                Ok(None)
            }
        }
    }
}
