//! Reading: one version of an object, whole or in ranges.

use std::ops::Range;

use b2kit::api::{DownloadFileById, DownloadFileByName, DownloadedFile};
use b2kit::transfer::{DownloadStream, FileDownload};
use b2kit::types::{ByteRange, FileId, FileName};
use b2kit::{BucketHandle, Error};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::failure::Failure;
use crate::ranges::{coalesced, cut};
use crate::store::B2Store;

/// Which bytes are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Bounded(Range<u64>),
    Offset(u64),
    Suffix(u64),
    /// None: only what is known of the file.
    Head,
}

/// A version of an object, and the bytes that were asked for.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) file: DownloadedFile,
    pub(crate) range: Range<u64>,
    /// `None` where no bytes were asked for, or there are none.
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

/// Which version of a name is read.
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

    async fn head(&self) -> Result<DownloadedFile, Failure> {
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

    /// An id is an id of any file; this one has to be a version of this name.
    fn checked(&self, file: Result<DownloadedFile, Error>) -> Result<DownloadedFile, Failure> {
        let file = file.map_err(|error| Failure::about_object(self.path, error))?;
        if file.file_name != self.name.as_str() {
            return Err(Failure::not_found(self.path));
        }
        Ok(file)
    }
}

impl B2Store {
    /// Reads a version of an object: this one, or the current one.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        version: Option<&str>,
        wanted: Wanted,
    ) -> Result<Fetched, Failure> {
        let name = self.readable(path)?;
        let bucket = self.opened(path).await?;
        let version = version.map(FileId::from);
        let object = Object {
            bucket,
            path,
            name,
            version,
        };
        let range = match wanted {
            Wanted::All => None,
            Wanted::Head => {
                let file = object.head().await?;
                let range = 0..file.content_length;
                return Ok(Fetched::without_bytes(file, range));
            }
            Wanted::Suffix(0) => {
                let file = object.head().await?;
                let end = file.content_length;
                return Ok(Fetched::without_bytes(file, end..end));
            }
            Wanted::Suffix(count) => ByteRange::suffix(count).ok(),
            Wanted::Offset(first) => Some(ByteRange::from_offset(first)),
            Wanted::Bounded(Range { start, end }) if start < end => {
                ByteRange::inclusive(start, end - 1).ok()
            }
            Wanted::Bounded(range) => {
                return Err(Failure::other(
                    path,
                    format!("the range {range:?} is empty"),
                ));
            }
        };
        let stream = match object.stream(range).await {
            // An empty file has no range that B2 would send, but it has a last byte and those before it: none.
            Err(error) if is_unsatisfiable(&error) && matches!(wanted, Wanted::Suffix(_)) => {
                let file = object.head().await?;
                return Ok(Fetched::without_bytes(file, 0..0));
            }
            stream => stream.map_err(|error| Failure::about_object(path, error))?,
        };
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

    /// Many ranges of one version: neighbours in one request, several requests at once.
    ///
    /// They are asked for by name, so that no request waits for another, and where the name has got a new version
    /// meanwhile, those of the older one are asked for again.
    pub(crate) async fn fetch_ranges(
        &self,
        path: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Failure> {
        if let Some(empty) = ranges.iter().find(|range| range.is_empty()) {
            return Err(Failure::other(
                path,
                format!("the range {empty:?} is empty"),
            ));
        }
        let fetches = coalesced(ranges);
        let first = self.fetch_each(path, None, &fetches).await?;
        let newest = first.iter().max_by_key(|piece| piece.file.upload_timestamp);
        let Some(id) = newest.map(|piece| piece.file.file_id.clone()) else {
            return Ok(Vec::new());
        };
        let is_old = |piece: &Piece| piece.file.file_id != id;
        let older = fetches
            .iter()
            .zip(&first)
            .filter(|(_, piece)| is_old(piece));
        let again: Vec<_> = older.map(|(fetch, _)| fetch.clone()).collect();
        let mut again = self
            .fetch_each(path, Some(id.as_str()), &again)
            .await?
            .into_iter();
        let fetched = first.into_iter().map(|piece| match is_old(&piece) {
            true => again.next().map_or_else(Bytes::new, |piece| piece.bytes),
            false => piece.bytes,
        });
        let fetched: Vec<_> = fetched.collect();
        let cut = |range| {
            let beyond = || {
                Failure::other(
                    path,
                    format!("the range {range:?} is beyond the object's end"),
                )
            };
            cut(range, &fetches, &fetched).ok_or_else(beyond)
        };
        ranges.iter().map(cut).collect()
    }

    async fn fetch_each(
        &self,
        path: &str,
        version: Option<&str>,
        fetches: &[Range<u64>],
    ) -> Result<Vec<Piece>, Failure> {
        let pieces = fetches.iter().cloned().map(|range| async move {
            let fetched = self.fetch(path, version, Wanted::Bounded(range)).await?;
            let len = fetched.range.end - fetched.range.start;
            let bytes = match fetched.stream {
                Some(stream) => gathered(stream, len).await,
                None => Ok(Bytes::new()),
            };
            let bytes = bytes.map_err(|error| Failure::about_object(path, error))?;
            Ok(Piece {
                file: fetched.file,
                bytes,
            })
        });
        stream::iter(pieces)
            .buffered(self.shared.concurrency)
            .try_collect()
            .await
    }

    /// The name of an object that is to be read. Where there can't be one, there is none.
    pub(crate) fn readable(&self, path: &str) -> Result<FileName, Failure> {
        self.shared
            .prefix
            .file_name(path)
            .map_err(|failure| match failure {
                Failure::Reserved { path } => Failure::NotFound { path, error: None },
                Failure::Unsupported(_) => Failure::not_found(path),
                failure => failure,
            })
    }

    /// The bucket. That it doesn't exist is never told as an object that doesn't.
    pub(crate) async fn opened(&self, path: &str) -> Result<&BucketHandle, Failure> {
        self.bucket()
            .await
            .map_err(|error| Failure::b2(path, error))
    }
}

/// A range of a version.
#[derive(Debug)]
struct Piece {
    file: DownloadedFile,
    bytes: Bytes,
}

/// B2's word for a range that begins behind the end of the file.
pub(crate) fn is_unsatisfiable(error: &Error) -> bool {
    error.status() == Some(416)
}

/// All bytes of a stream, copied only where they come in several chunks.
async fn gathered(mut stream: DownloadStream, len: u64) -> Result<Bytes, Error> {
    let first = stream.next().await.transpose()?.unwrap_or_default();
    let Some(second) = stream.next().await.transpose()? else {
        return Ok(first);
    };
    // Not more is reserved than a response may claim to have; what arrives is checked by the stream.
    let room = usize::try_from(len).unwrap_or_default().min(64 << 20);
    let mut whole = BytesMut::with_capacity(room);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(bytes) = stream.next().await.transpose()? {
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}
