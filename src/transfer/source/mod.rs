//! [`Source`]: where the bytes of an upload come from.

mod expected_sha1;
mod random_access;
mod readers;
mod segment;

use std::fmt;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use b2kit_core::{BodyStream, Bytes};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncSeek};
use futures_util::FutureExt as _;
use futures_util::io::AsyncSeekExt as _;
use futures_util::lock::Mutex;

pub(crate) use self::expected_sha1::check_unchanged;
pub(crate) use self::random_access::RandomAccess;
use self::random_access::{OpenRange, RangeReader};
use self::readers::{Seekable, chunks, seekable_range};
pub(crate) use self::segment::Segment;
#[cfg(feature = "fs")]
use super::disk;
use super::source_error::unreadable;
use crate::api::{CatchPanics, panicked};
use crate::client::Client;
use crate::error::Error;
use crate::types::{Sha1, Timestamp};

/// Where the bytes of an upload come from.
///
/// What can be read random_access ([`bytes`](Self::bytes), `path`, [`ranges`](Self::ranges),
/// [`seekable`](Self::seekable)) is read while it is sent, in chunks of 256 KiB for each part, and again where a part has
/// to be sent again; it needs no memory of its own. A large file is read once before that, unless
/// [`hash_first`](super::Upload::hash_first) says otherwise. What comes once ([`stream`](Self::stream),
/// [`reader`](Self::reader)) is held in memory part by part until B2 has each: see
/// [`Upload::concurrency`](super::Upload::concurrency).
///
/// Where the code of a source panics, its upload fails with [`Source`](crate::ErrorKind::Source), as it does where the
/// source can't be read.
pub struct Source {
    kind: Kind,
    pub(crate) sha1: Option<Sha1>,
    pub(crate) modified: Option<Timestamp>,
}

enum Kind {
    Bytes(Bytes),
    Ranges(u64, OpenRange),
    Seekable(Pin<Box<dyn Seekable>>),
    #[cfg(feature = "fs")]
    Path(std::path::PathBuf),
    Stream(Option<u64>, BodyStream),
    /// One that was opened before.
    Opened(RandomAccess),
}

/// A source that is about to be read.
pub(crate) enum Opened {
    /// Any segment, as often as needed.
    RandomAccess(RandomAccess),
    /// From the first byte to the last, once; its length, if it is known.
    Sequential(Option<u64>, BodyStream),
}

impl Source {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            sha1: None,
            modified: None,
        }
    }

    /// What was opened before, to be sent as often as needed.
    pub(crate) const fn from_opened(random_access: RandomAccess) -> Self {
        Self::new(Kind::Opened(random_access))
    }

    /// Bytes that are in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Kind::Bytes(bytes.into()))
    }

    /// A file of the local disk. Its time of modification goes along, in `src_last_modified_millis`.
    ///
    /// It is opened once, so that a file that is put in its place meanwhile is not mixed into it. If it changes while it
    /// is read, the upload fails and leaves nothing behind.
    #[cfg(feature = "fs")]
    pub fn path(path: impl Into<std::path::PathBuf>) -> Self {
        Self::new(Kind::Path(path.into()))
    }

    /// `len` bytes of which any segment can be read: `open` is asked for one as often as needed, and several may be read
    /// at once. Each time the same bytes have to come.
    pub fn ranges<S>(
        len: u64,
        open: impl Fn(Range<u64>) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let open = move |range| Ok(Box::pin(open(range)?) as BodyStream);
        Self::new(Kind::Ranges(len, Arc::new(open)))
    }

    /// All bytes of something that can be seekable_range in, from its beginning to its end. SequentialParts take turns at it.
    pub fn seekable(reader: impl AsyncRead + AsyncSeek + Send + 'static) -> Self {
        Self::new(Kind::Seekable(Box::pin(reader)))
    }

    /// What comes once, of any length.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::new(Kind::Stream(None, Box::pin(stream)))
    }

    /// What comes once and has `len` bytes: more or fewer are an error.
    pub fn sized_stream(
        len: u64,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self::new(Kind::Stream(Some(len), Box::pin(stream)))
    }

    /// What is read once, up to its end.
    ///
    /// It is a reader of `futures::io`. One of tokio's becomes one with `.compat()`, of `TokioAsyncReadCompatExt` in the crate
    /// tokio-util (feature `compat`): `Source::reader(reader.compat())`.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::stream(chunks(Box::pin(reader)))
    }

    /// What is read once and has `len` bytes: more or fewer are an error.
    pub fn sized_reader(len: u64, reader: impl AsyncRead + Send + 'static) -> Self {
        Self::sized_stream(len, chunks(Box::pin(reader)))
    }

    /// The SHA-1 of all bytes, where it is known. B2 then gets it with the file (a large one keeps it in
    /// `large_file_sha1`), and a download can be checked against it. A large file is not hashed before it is sent then, and
    /// B2 does not check this SHA-1: with a wrong one the file can't be downloaded as verified.
    #[must_use]
    pub const fn with_sha1(mut self, sha1: Sha1) -> Self {
        self.sha1 = Some(sha1);
        self
    }

    /// When the bytes were last modified; it goes along in `src_last_modified_millis`.
    #[must_use]
    pub const fn with_modified(mut self, modified: Timestamp) -> Self {
        self.modified = Some(modified);
        self
    }

    /// Whether it holds a file open while it is sent.
    #[cfg(feature = "fs")]
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self.kind, Kind::Path(_))
    }

    #[cfg_attr(
        not(feature = "fs"),
        expect(unused_variables, reason = "only files need room")
    )]
    pub(crate) async fn open(self, client: &Client) -> Result<Opened, Error> {
        let modified = self.modified;
        let random_access = |len, modified, reader| {
            Opened::RandomAccess(RandomAccess {
                len,
                modified,
                reader,
            })
        };
        Ok(match self.kind {
            Kind::Bytes(bytes) => {
                random_access(bytes.len() as u64, modified, RangeReader::Bytes(bytes))
            }
            Kind::Ranges(len, open) => random_access(len, modified, RangeReader::Ranges(open)),
            Kind::Seekable(mut reader) => {
                let end = AssertUnwindSafe(reader.seek(SeekFrom::End(0)));
                let len = end.catch_unwind().await;
                let len = len
                    .unwrap_or_else(|panic| Err(panicked(&*panic)))
                    .map_err(|error| unreadable("the source can't be seekable_range in", error))?;
                let reader = Arc::new(Mutex::new(reader));
                let open: OpenRange =
                    Arc::new(move |range| Ok(Box::pin(seekable_range(Arc::clone(&reader), range))));
                random_access(len, modified, RangeReader::Ranges(open))
            }
            #[cfg(feature = "fs")]
            Kind::Path(path) => {
                let open = || disk::SourceFile::open(path.clone());
                let file = client.retry_when_exhausted(open).await?;
                let modified = modified.or(file.modified());
                random_access(file.len(), modified, RangeReader::File(Arc::new(file)))
            }
            Kind::Stream(len, stream) => {
                Opened::Sequential(len, Box::pin(CatchPanics::new(stream)))
            }
            Kind::Opened(opened) => {
                random_access(opened.len, modified.or(opened.modified), opened.reader)
            }
        })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Kind::Ranges(len, _) => format!("ranges of {len} bytes"),
            Kind::Seekable(_) => "seekable".to_owned(),
            #[cfg(feature = "fs")]
            Kind::Path(path) => format!("{path:?}"),
            Kind::Stream(Some(len), _) => format!("a stream of {len} bytes"),
            Kind::Stream(None, _) => "a stream".to_owned(),
            Kind::Opened(opened) => format!("{} bytes", opened.len),
        };
        write!(f, "Source({kind})")
    }
}

impl<T: Into<Bytes>> From<T> for Source {
    fn from(bytes: T) -> Self {
        Self::bytes(bytes)
    }
}
