//! A B2 bucket as rustic's backend. rustic is blocking, so each call of b2kit is driven by `block_on`.

use b2kit::BucketHandle;
use b2kit::api::ListFileNames;
use b2kit::types::{ByteRange, FileName};
use bytes::Bytes;
use futures::executor::block_on;
use futures::{TryStreamExt as _, stream};
use rustic_core::{
    BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend,
};

/// A repository in a bucket, below a prefix.
#[derive(Debug, Clone)]
pub struct B2Backend {
    bucket: BucketHandle,
    prefix: String,
}

impl B2Backend {
    pub fn new(bucket: BucketHandle, prefix: impl Into<String>) -> Self {
        Self {
            bucket,
            prefix: prefix.into(),
        }
    }

    fn name(&self, tpe: FileType, id: &Id) -> String {
        match tpe {
            FileType::Config => format!("{}config", self.prefix),
            tpe => format!("{}{}/{}", self.prefix, tpe.dirname(), id.to_hex().as_str()),
        }
    }

    /// Reads a file or a range. A whole file is verified against its SHA-1.
    async fn read(&self, name: String, range: Option<ByteRange>) -> Result<Bytes, b2kit::Error> {
        let mut download = self.bucket.download(name);
        if let Some(range) = range {
            download = download.range(range);
        }
        Ok(download.stream().await?.collect(usize::MAX).await?.into())
    }
}

fn failed(what: &'static str) -> impl Fn(b2kit::Error) -> Box<RusticError> {
    move |error| RusticError::with_source(ErrorKind::Backend, what, error)
}

impl ReadBackend for B2Backend {
    fn location(&self) -> String {
        format!("b2://{}/{}", self.bucket.name(), self.prefix)
    }

    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let prefix = match tpe {
            FileType::Config => format!("{}config", self.prefix),
            tpe => format!("{}{}/", self.prefix, tpe.dirname()),
        };
        let list = ListFileNames::new(self.bucket.id()).prefix(&prefix);
        let rows = self.bucket.client().paginate(list).try_collect::<Vec<_>>();
        let rows = block_on(rows).map_err(failed("the files could not be listed"))?;
        let files = rows.into_iter().filter_map(|row| row.into_version());
        let ids = files.filter_map(|file| {
            let id = match tpe {
                FileType::Config => Id::default(),
                _ => file.file_name.as_str()[prefix.len()..].parse().ok()?,
            };
            Some((id, u32::try_from(file.content_length).ok()?))
        });
        Ok(ids.collect())
    }

    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        let read = block_on(self.read(self.name(tpe, id), None));
        read.map_err(failed("the file could not be read"))
    }

    fn read_partial(
        &self,
        tpe: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        let (first, end) = (u64::from(offset), u64::from(offset) + u64::from(length));
        if first == end {
            return Ok(Bytes::new());
        }
        let read = ByteRange::inclusive(first, end - 1)
            .map(|range| block_on(self.read(self.name(tpe, id), Some(range))));
        read.flatten()
            .map_err(failed("the range could not be read"))
    }

    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        self.name(tpe, id)
    }
}

impl WriteBackend for B2Backend {
    fn write_bytes(
        &self,
        tpe: FileType,
        id: &Id,
        _cacheable: bool,
        content: BytesList,
    ) -> RusticResult<()> {
        let (len, chunks) = (content.size() as u64, content.into_vec());
        let source = b2kit::transfer::Source::ranges(len, move |range| {
            let mut start = 0;
            let cut = chunks.iter().filter_map(|chunk| {
                let (from, to) = (
                    range.start.max(start),
                    range.end.min(start + chunk.len() as u64),
                );
                let slice = (from < to)
                    .then(|| chunk.slice((from - start) as usize..(to - start) as usize));
                start += chunk.len() as u64;
                slice.map(Ok)
            });
            Ok(stream::iter(cut.collect::<Vec<_>>()))
        });
        let upload = self.bucket.upload(self.name(tpe, id), source).into_future();
        block_on(upload)
            .map(drop)
            .map_err(failed("the file could not be written"))
    }

    /// Hides the file: a lifecycle rule deletes hidden files.
    fn remove(&self, tpe: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let hidden = FileName::new(self.name(tpe, id))
            .map(|name| block_on(self.bucket.hide(name)));
        hidden
            .flatten()
            .map(drop)
            .map_err(failed("the file could not be removed"))
    }
}
