//! Listing: everything below a directory, one level of it, or one page.

use b2kit::api::ListFileNames;
use b2kit::transfer::is_create_stage;
use b2kit::types::{FileVersion, ListedFile};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use tracing::debug;

use crate::failure::Failure;
use crate::names::is_path;
use crate::store::{B2Store, InvalidNames};

/// The rows that B2 bills as one call.
const PAGE: u32 = 1_000;

/// The rows that B2 gives at most.
const LONGEST_PAGE: u32 = 10_000;

/// A row of a listing.
#[derive(Debug)]
pub(crate) enum Row {
    /// An object, by its path, and the version that it is.
    Object(String, Box<FileVersion>),
    /// A directory, by its path.
    Directory(String),
}

/// What a page is asked for.
#[derive(Debug, Default)]
pub(crate) struct PageQuery {
    /// What the paths begin with: not only whole segments.
    pub(crate) prefix: String,
    /// Only what comes after this path.
    pub(crate) offset: Option<String>,
    pub(crate) directories: bool,
    pub(crate) most: Option<usize>,
    pub(crate) token: Option<String>,
}

/// A page, and where the next one begins.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) token: Option<String>,
}

impl B2Store {
    /// Everything below a directory, in B2's order, which is that of the names' bytes. With an offset only what comes
    /// after it: B2 begins there.
    pub(crate) fn objects(
        &self,
        directory: &str,
        offset: Option<&str>,
    ) -> BoxStream<'static, Result<Row, Failure>> {
        let prefix = self.shared.prefix.directory(directory);
        let start = offset.map(|offset| self.shared.prefix.join(offset));
        self.rows(prefix, start, false)
    }

    /// The objects and directories right in a directory.
    pub(crate) fn children(&self, directory: &str) -> BoxStream<'static, Result<Row, Failure>> {
        self.rows(self.shared.prefix.directory(directory), None, true)
    }

    fn rows(
        &self,
        prefix: String,
        start: Option<String>,
        directories: bool,
    ) -> BoxStream<'static, Result<Row, Failure>> {
        let store = self.clone();
        let opened = async move {
            let bucket = store.opened(&prefix).await?.clone();
            let mut list = ListFileNames::new(bucket.id()).prefix(&prefix);
            if directories {
                list = list.delimiter("/");
            }
            if let Some(start) = &start {
                list = list.start_file_name(start);
            }
            let rows = bucket.client().paginate(list);
            let rows = rows.map_err(move |error| Failure::b2(&prefix, error));
            Ok(rows.filter_map(move |row| {
                let row = row.and_then(|row| store.row(row, start.as_deref()));
                future::ready(row.transpose())
            }))
        };
        stream::once(opened).try_flatten().boxed()
    }

    /// One page.
    pub(crate) async fn page(&self, query: PageQuery) -> Result<Page, Failure> {
        if query.most == Some(0) {
            return Ok(Page {
                rows: Vec::new(),
                token: query.token,
            });
        }
        let bucket = self.opened(&query.prefix).await?;
        let most = query.most.map_or(PAGE, |most| {
            u32::try_from(most)
                .unwrap_or(LONGEST_PAGE)
                .min(LONGEST_PAGE)
        });
        let offset = query.offset.map(|offset| self.shared.prefix.join(&offset));
        let (start, given) = match query.token.as_deref() {
            Some(token) => token
                .split_once('\0')
                .map_or((Some(token), None), |(start, given)| {
                    (Some(start), Some(given))
                }),
            None => (offset.as_deref(), None),
        };
        let mut list = ListFileNames::new(bucket.id())
            .prefix(self.shared.prefix.join(&query.prefix))
            .max_file_count(most);
        if query.directories {
            list = list.delimiter("/");
        }
        if let Some(start) = start {
            list = list.start_file_name(start);
        }
        let page = bucket.client().call(list).await;
        let page = page.map_err(|error| Failure::b2(&query.prefix, error))?;
        // B2 gives a folder again at the beginning of the next page that has rows.
        let last = match page.files.last() {
            Some(row) => row.folder().map(|folder| folder.file_name.as_str()),
            None => given,
        };
        let token = page.next_file_name.map(|next| match last {
            Some(last) => format!("{next}\0{last}"),
            None => next,
        });
        let rows = page.files.into_iter();
        let rows = rows.filter(|row| {
            row.folder()
                .is_none_or(|its| Some(its.file_name.as_str()) != given)
        });
        let rows = rows.filter_map(|row| self.row(row, offset.as_deref()).transpose());
        Ok(Page {
            rows: rows.collect::<Result<_, _>>()?,
            token,
        })
    }

    /// What a row of B2's stands for; `None` for what no listing shows.
    fn row(&self, row: ListedFile, offset: Option<&str>) -> Result<Option<Row>, Failure> {
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
                let path = path.to_owned();
                Ok(Some(match row.into_version() {
                    Some(version) => Row::Object(path, Box::new(version)),
                    None => Row::Directory(path),
                }))
            }
            None if self.shared.invalid_names == InvalidNames::Report => {
                let what = format!("the file name {name:?} is no path");
                Err(Failure::other(name, what))
            }
            None => {
                debug!(
                    file_name = name,
                    "left out of a listing: the name is no path"
                );
                Ok(None)
            }
        }
    }
}
