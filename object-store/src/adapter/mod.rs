//! Implements the traits of one version of `object_store` for [`B2Store`].
//!
//! This module is compiled once for each version, with that version as `object_store`; `compat` has the differences. It
//! only converts arguments and results: the operations themselves are outside, compiled once.

mod attributes;
mod error;
mod parts;
mod url;

use std::ops::Range;

use b2kit::api::DownloadedFile;
use b2kit::types::Timestamp;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _, future};

use self::error::into_error;
pub(super) use self::parts::{abort_parts, complete_parts, send_part, start_parts};
pub use self::url::parse_url_opts;
use super::compat::{get_result, list_result, put_result};
use super::object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use super::object_store::path::Path;
use super::object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, RenameTargetMode, Result,
};
use crate::list::{Object, PageQuery, Row};
use crate::payload::Payload;
use crate::read::{RequestedRange, is_unsatisfiable};
use crate::store::B2Store;
use crate::store_error::StoreError;

#[async_trait::async_trait]
impl ObjectStore for B2Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let path = location.as_ref();
        let creates = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => {
                let operation = "put_opts with PutMode::Update";
                return Err(into_error(StoreError::NotImplemented { operation }));
            }
        };
        let metadata = attributes::metadata(&opts.tags, &opts.attributes).map_err(into_error)?;
        let payload: Payload = payload.into_iter().collect();
        let put = match creates {
            true => self.create(path, &payload, metadata).await,
            false => self.put(path, &payload, metadata).await,
        };
        put.map(|id| put_result(&id)).map_err(into_error)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let metadata = attributes::metadata(&opts.tags, &opts.attributes).map_err(into_error)?;
        let upload = self.multipart(location.as_ref(), metadata).await;
        Ok(Box::new(upload.map_err(into_error)?))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let path = location.as_ref();
        let version = options.version.as_deref();
        let requested = match &options.range {
            _ if options.head => RequestedRange::Head,
            None => RequestedRange::All,
            Some(GetRange::Bounded(range)) => RequestedRange::Bounded(range.clone()),
            Some(GetRange::Offset(first)) => RequestedRange::Offset(*first),
            Some(GetRange::Suffix(count)) => RequestedRange::Suffix(*count),
        };
        let fetched = match self.fetch(path, version, requested).await {
            // The conditions come first: an unsatisfiable range matters only for a version that meets them.
            Err(StoreError::B2 { error, path })
                if is_unsatisfiable(&error) && is_conditional(&options) =>
            {
                let head = self
                    .fetch(&path, version, RequestedRange::Head)
                    .await
                    .map_err(into_error)?;
                options.check_preconditions(&downloaded(location, &head.file)?)?;
                return Err(into_error(StoreError::B2 { path, error }));
            }
            fetched => fetched.map_err(into_error)?,
        };
        let meta = downloaded(location, &fetched.file)?;
        // They are evaluated against the same response that has the bytes.
        options.check_preconditions(&meta)?;
        let attributes = attributes::of_file(&fetched.file);
        let about = path.to_owned();
        let payload: BoxStream<'static, Result<Bytes>> = match fetched.stream {
            Some(stream) => stream
                .map_err(move |error| into_error(StoreError::b2(&about, error)))
                .boxed(),
            None => stream::empty().boxed(),
        };
        let payload = GetResultPayload::Stream(payload);
        Ok(get_result(payload, meta, fetched.range, attributes))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.fetch_ranges(location.as_ref(), ranges)
            .await
            .map_err(into_error)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = locations.map(move |location| {
            let store = store.clone();
            async move {
                let location = location?;
                store.delete(location.as_ref()).await.map_err(into_error)?;
                Ok(location)
            }
        });
        deleted.buffered(self.shared.concurrency).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        metas(self.objects(directory(prefix), None))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        metas(self.objects(directory(prefix), Some(offset.as_ref())))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let rows = self.children(directory(prefix));
        let rows: Vec<_> = rows.try_collect().await.map_err(into_error)?;
        sorted(rows)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copied = match options.mode {
            CopyMode::Overwrite => self
                .copy_replacing(from.as_ref(), to.as_ref())
                .await
                .map(drop),
            CopyMode::Create => self
                .copy_if_absent(from.as_ref(), to.as_ref())
                .await
                .map(drop),
        };
        copied.map_err(into_error)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let copied = match options.target_mode {
            RenameTargetMode::Create => self.copy_if_absent(from, to).await,
            // Deleting the source would delete the copy.
            RenameTargetMode::Overwrite if from == to => {
                return self
                    .fetch(from, None, RequestedRange::Head)
                    .await
                    .map(drop)
                    .map_err(into_error);
            }
            RenameTargetMode::Overwrite => self.copy_replacing(from, to).await,
        };
        let copied = copied.map_err(into_error)?;
        self.delete_copied(from, &copied).await.map_err(into_error)
    }
}

#[async_trait::async_trait]
impl PaginatedListStore for B2Store {
    async fn list_paginated(
        &self,
        prefix: Option<&str>,
        opts: PaginatedListOptions,
    ) -> Result<PaginatedListResult> {
        let delimiter = opts.delimiter.as_deref();
        if delimiter.is_some_and(|delimiter| delimiter != "/") {
            let what = format!("the delimiter {delimiter:?}: only \"/\" is supported");
            return Err(into_error(StoreError::unsupported(what)));
        }
        let query = PageQuery {
            prefix: prefix.unwrap_or_default().to_owned(),
            offset: opts.offset,
            directories: delimiter.is_some(),
            limit: opts.max_keys,
            token: opts.page_token,
        };
        let page = self.page(query).await.map_err(into_error)?;
        Ok(PaginatedListResult {
            result: sorted(page.rows)?,
            page_token: page.token,
        })
    }
}

fn directory(prefix: Option<&Path>) -> &str {
    prefix.map_or("", |prefix| prefix.as_ref())
}

const fn is_conditional(options: &GetOptions) -> bool {
    options.if_match.is_some()
        || options.if_none_match.is_some()
        || options.if_modified_since.is_some()
        || options.if_unmodified_since.is_some()
}

/// The objects of a listing without directories.
fn metas(
    rows: BoxStream<'static, std::result::Result<Row, StoreError>>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    rows.filter_map(|row| {
        future::ready(match row {
            Ok(Row::Object(object)) => Some(listed(object)),
            Ok(Row::Directory(_)) => None,
            Err(error) => Some(Err(into_error(error))),
        })
    })
    .boxed()
}

/// The objects and directories of a listing.
fn sorted(rows: Vec<Row>) -> Result<ListResult> {
    let (mut directories, mut objects) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::Object(object) => objects.push(listed(object)?),
            Row::Directory(path) => directories.push(Path::parse(path)?),
        }
    }
    Ok(list_result(directories, objects))
}

fn listed(object: Object) -> Result<ObjectMeta> {
    let location = Path::parse(object.path)?;
    meta(location, object.uploaded, object.size, object.id.as_str())
}

fn downloaded(location: &Path, file: &DownloadedFile) -> Result<ObjectMeta> {
    let uploaded = file.upload_timestamp.ok_or_else(|| {
        into_error(StoreError::other(
            location.as_ref(),
            "the response has no upload timestamp",
        ))
    })?;
    meta(
        location.clone(),
        uploaded,
        file.content_length,
        file.file_id.as_str(),
    )
}

/// The file id is both version and ETag, since a version never changes.
fn meta(location: Path, uploaded: Timestamp, size: u64, id: &str) -> Result<ObjectMeta> {
    let last_modified = DateTime::<Utc>::from_timestamp_millis(uploaded.as_millis());
    let last_modified = last_modified.ok_or_else(|| -> Error {
        into_error(StoreError::other(
            location.as_ref(),
            "the upload timestamp is out of range",
        ))
    })?;
    Ok(ObjectMeta {
        location,
        last_modified,
        size,
        e_tag: Some(id.to_owned()),
        version: Some(id.to_owned()),
    })
}
