//! Downloads: a version of an object, or ranges of it.

use std::ops::Range;

use b2kit::api::{DownloadFileById, DownloadFileByName, DownloadedFile};
use b2kit::transfer::{DownloadStream, FileDownload};
use b2kit::types::{ByteRange, FileId, FileName};
use b2kit::{BucketHandle, Error};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::ranges::{coalesce, slice};
use crate::store::B2Store;
use crate::store_error::StoreError;

/// The bytes to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    All,
    Bounded(Range<u64>),
    Offset(u64),
    Suffix(u64),
    /// No bytes, only the file's metadata.
    Head,
}

/// A version of an object, and the requested bytes.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) file: DownloadedFile,
    pub(crate) range: Range<u64>,
    /// `None` if no bytes were requested, or the range is empty.
    pub(crate) stream: Option<DownloadStream>,
}

impl Fetched {
    fn without_bytes(file: DownloadedFile, range: Range<u64>) -> Self {
        Self {
            file,
            range,
            stream: None,
        }
    }
}

/// A version of a file: the given one, or the current one.
struct Object<'a> {
    bucket: &'a BucketHandle,
    path: &'a str,
    name: FileName,
    version: Option<FileId>,
}

impl Object<'_> {
    fn download(&self) -> FileDownload {
        match &self.version {
            Some(id) => self.bucket.client().download(id),
            None => self.bucket.download(self.name.clone()),
        }
    }

    async fn head(&self) -> Result<DownloadedFile, StoreError> {
        let client = self.bucket.client();
        let head = match &self.version {
            Some(id) => client.call(DownloadFileById::new(id).head()).await,
            None => {
                let name = self.bucket.name().clone();
                client
                    .call(DownloadFileByName::new(name, self.name.clone()).head())
                    .await
            }
        };
        self.checked(head.map(|download| download.file))
    }

    async fn stream(&self, range: Option<ByteRange>) -> Result<DownloadStream, Error> {
        let download = self.download();
        match range {
            Some(range) => download.range(range).stream().await,
            None => download.stream().await,
        }
    }

    /// Checks that the version is of this name: a file id may belong to another file.
    fn checked(&self, file: Result<DownloadedFile, Error>) -> Result<DownloadedFile, StoreError> {
        let file = file.map_err(|error| StoreError::from_object_call(self.path, error))?;
        if file.file_name != self.name.as_str() {
            return Err(StoreError::not_found(self.path));
        }
        Ok(file)
    }
}

impl B2Store {
    /// Downloads a version of an object: the given one, or the current one.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        version: Option<&str>,
        requested: RequestedRange,
    ) -> Result<Fetched, StoreError> {
        let name = self.read_name(path)?;
        let bucket = self.open_bucket(path).await?;
        let version = version.map(FileId::from);
        let mut object = Object {
            bucket,
            path,
            name,
            version,
        };
        let range = match requested {
            RequestedRange::All => None,
            RequestedRange::Head => {
                let file = object.head().await?;
                let range = 0..file.content_length;
                return Ok(Fetched::without_bytes(file, range));
            }
            RequestedRange::Suffix(0) => {
                let file = object.head().await?;
                let end = file.content_length;
                return Ok(Fetched::without_bytes(file, end..end));
            }
            RequestedRange::Suffix(count) => ByteRange::suffix(count).ok(),
            RequestedRange::Offset(first) => Some(ByteRange::from_offset(first)),
            RequestedRange::Bounded(Range { start, end }) if start < end => {
                ByteRange::inclusive(start, end - 1).ok()
            }
            RequestedRange::Bounded(range) => {
                return Err(StoreError::other(
                    path,
                    format!("the range {range:?} is empty"),
                ));
            }
        };
        let stream = match object.stream(range).await {
            // B2 refuses any range of an empty file, but a suffix of it is valid, and empty.
            Err(error)
                if is_unsatisfiable(&error) && matches!(requested, RequestedRange::Suffix(_)) =>
            {
                let file = object.head().await?;
                if file.content_length == 0 {
                    return Ok(Fetched::without_bytes(file, 0..0));
                }
                // It has been replaced in the meantime.
                object.version = Some(file.file_id);
                object.stream(range).await
            }
            stream => stream,
        };
        let stream = stream.map_err(|error| StoreError::from_object_call(path, error))?;
        let file = object.checked(Ok(stream.file().clone()))?;
        let range = file
            .range
            .map_or(0..file.content_length, |(first, last)| first..last + 1);
        Ok(Fetched {
            file,
            range,
            stream: Some(stream),
        })
    }

    /// Downloads ranges of a single version, in concurrent requests.
    ///
    /// The requests are by name, so that none has to wait for another's file id. If the file is
    /// replaced in the meantime, the ranges that came from an older version are requested again.
    pub(crate) async fn fetch_ranges(
        &self,
        path: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, StoreError> {
        if let Some(empty) = ranges.iter().find(|range| range.is_empty()) {
            return Err(StoreError::other(
                path,
                format!("the range {empty:?} is empty"),
            ));
        }
        let fetches = coalesce(ranges);
        let first = self.fetch_each(path, None, &fetches).await?;
        let newest = first.iter().max_by_key(|range| range.file.upload_timestamp);
        let Some(id) = newest.map(|range| range.file.file_id.clone()) else {
            return Ok(Vec::new());
        };
        let is_old = |range: &FetchedRange| range.file.file_id != id;
        let older = fetches
            .iter()
            .zip(&first)
            .filter(|(_, range)| is_old(range));
        let again: Vec<_> = older.map(|(fetch, _)| fetch.clone()).collect();
        let mut again = self
            .fetch_each(path, Some(id.as_str()), &again)
            .await?
            .into_iter();
        let fetched = first.into_iter().map(|range| match is_old(&range) {
            true => again.next().map_or_else(Bytes::new, |range| range.bytes),
            false => range.bytes,
        });
        let fetched: Vec<_> = fetched.collect();
        let slice_of = |range| {
            let beyond = || {
                StoreError::other(
                    path,
                    format!("the range {range:?} begins after the object's end"),
                )
            };
            slice(range, &fetches, &fetched).ok_or_else(beyond)
        };
        ranges.iter().map(slice_of).collect()
    }

    async fn fetch_each(
        &self,
        path: &str,
        version: Option<&str>,
        fetches: &[Range<u64>],
    ) -> Result<Vec<FetchedRange>, StoreError> {
        let parts = fetches.iter().cloned().map(|range| async move {
            let fetched = self
                .fetch(path, version, RequestedRange::Bounded(range))
                .await?;
            let len = fetched.range.end - fetched.range.start;
            let bytes = match fetched.stream {
                Some(stream) => collect_bytes(stream, len).await,
                None => Ok(Bytes::new()),
            };
            let bytes = bytes.map_err(|error| StoreError::from_object_call(path, error))?;
            Ok(FetchedRange {
                file: fetched.file,
                bytes,
            })
        });
        stream::iter(parts)
            .buffered(self.shared.concurrency)
            .try_collect()
            .await
    }

    /// The file name of an object to read. A name that no object can have is `NotFound`.
    pub(crate) fn read_name(&self, path: &str) -> Result<FileName, StoreError> {
        let name = self.shared.prefix.file_name(path);
        name.map_err(|_| StoreError::not_found(path))
    }

    /// The bucket. A missing bucket is never reported as a missing object.
    pub(crate) async fn open_bucket(&self, path: &str) -> Result<&BucketHandle, StoreError> {
        self.bucket()
            .await
            .map_err(|error| StoreError::b2(path, error))
    }
}

/// The bytes of a range, and the version that they belong to.
#[derive(Debug)]
struct FetchedRange {
    file: DownloadedFile,
    bytes: Bytes,
}

/// Whether B2 refused a range that begins after the end of the file.
pub(crate) fn is_unsatisfiable(error: &Error) -> bool {
    error.status() == Some(416)
}

/// Reads a stream to its end. Copies bytes only if there are several chunks.
async fn collect_bytes(mut stream: DownloadStream, len: u64) -> Result<Bytes, Error> {
    let first = stream.next().await.transpose()?.unwrap_or_default();
    let Some(second) = stream.next().await.transpose()? else {
        return Ok(first);
    };
    // Bounded, since a server states this length. The stream checks the actual one.
    let capacity = usize::try_from(len).unwrap_or_default().min(64 << 20);
    let mut whole = BytesMut::with_capacity(capacity);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(bytes) = stream.next().await.transpose()? {
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}
