//! [`Source`]: where the bytes of an upload come from.

use std::fmt;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use b2kit_core::{Body, BodyStream, Bytes};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncSeek};
use futures_util::FutureExt as _;
use futures_util::io::{AsyncReadExt as _, AsyncSeekExt as _};
use futures_util::lock::Mutex;
use futures_util::stream;

#[cfg(feature = "fs")]
use super::disk;
use super::hashing::held_to;
use crate::api::{CatchPanics, Digest, panicked};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::types::{Sha1, Timestamp};

/// How much is read at once.
pub(super) const CHUNK: usize = 256 * 1024;

/// Where the bytes of an upload come from.
///
/// What can be read anywhere ([`bytes`](Self::bytes), `path`, [`ranges`](Self::ranges),
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
    pub(super) sha1: Option<Sha1>,
    pub(super) modified: Option<Timestamp>,
}

enum Kind {
    Bytes(Bytes),
    Ranges(u64, OpenRange),
    Seekable(Pin<Box<dyn Seekable>>),
    #[cfg(feature = "fs")]
    Path(std::path::PathBuf),
    Stream(Option<u64>, BodyStream),
    /// One that was opened before.
    Opened(Anywhere),
}

pub(super) type OpenRange = Arc<dyn Fn(Range<u64>) -> io::Result<BodyStream> + Send + Sync>;

trait Seekable: AsyncRead + AsyncSeek + Send {}
impl<T: AsyncRead + AsyncSeek + Send> Seekable for T {}

/// A source that is about to be read.
pub(super) enum Opened {
    /// Any stretch, as often as needed.
    Anywhere(Anywhere),
    /// From the first byte to the last, once; its length, if it is known.
    Once(Option<u64>, BodyStream),
}

/// Bytes that can be read anywhere.
#[derive(Clone)]
pub(super) struct Anywhere {
    pub(super) len: u64,
    pub(super) modified: Option<Timestamp>,
    read: Read,
}

#[derive(Clone)]
enum Read {
    Bytes(Bytes),
    Ranges(OpenRange),
    #[cfg(feature = "fs")]
    File(Arc<disk::SourceFile>),
}

/// A stretch, as something to send.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) body: Body,
    /// Where its digest appears, if it is computed while it is read.
    pub(super) digest: Option<Digest>,
    /// Its SHA-1, if it was hashed before.
    pub(super) sha1: Option<Sha1>,
}

impl From<Body> for Stretch {
    fn from(body: Body) -> Self {
        Self {
            body,
            digest: None,
            sha1: None,
        }
    }
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
    pub(super) const fn opened(anywhere: Anywhere) -> Self {
        Self::new(Kind::Opened(anywhere))
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

    /// `len` bytes of which any stretch can be read: `open` is asked for one as often as needed, and several may be read
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

    /// All bytes of something that can be sought in, from its beginning to its end. Parts take turns at it.
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
    pub(super) const fn is_file(&self) -> bool {
        matches!(self.kind, Kind::Path(_))
    }

    #[cfg_attr(
        not(feature = "fs"),
        expect(unused_variables, reason = "only files need room")
    )]
    pub(super) async fn open(self, client: &Client) -> Result<Opened, Error> {
        let modified = self.modified;
        let anywhere = |len, modified, read| {
            Opened::Anywhere(Anywhere {
                len,
                modified,
                read,
            })
        };
        Ok(match self.kind {
            Kind::Bytes(bytes) => anywhere(bytes.len() as u64, modified, Read::Bytes(bytes)),
            Kind::Ranges(len, open) => anywhere(len, modified, Read::Ranges(open)),
            Kind::Seekable(mut reader) => {
                let end = AssertUnwindSafe(reader.seek(SeekFrom::End(0)));
                let len = end.catch_unwind().await;
                let len = len
                    .unwrap_or_else(|panic| Err(panicked(&*panic)))
                    .map_err(|error| unreadable("the source can't be sought in", error))?;
                let reader = Arc::new(Mutex::new(reader));
                let open: OpenRange =
                    Arc::new(move |range| Ok(Box::pin(sought(Arc::clone(&reader), range))));
                anywhere(len, modified, Read::Ranges(open))
            }
            #[cfg(feature = "fs")]
            Kind::Path(path) => {
                let open = || disk::SourceFile::open(path.clone());
                let file = client.retry_when_exhausted(open).await?;
                let modified = modified.or(file.modified());
                anywhere(file.len(), modified, Read::File(Arc::new(file)))
            }
            Kind::Stream(len, stream) => Opened::Once(len, Box::pin(CatchPanics::new(stream))),
            Kind::Opened(opened) => anywhere(opened.len, modified.or(opened.modified), opened.read),
        })
    }
}

impl Anywhere {
    /// Whether reading it waits for nothing.
    pub(super) const fn is_in_memory(&self) -> bool {
        matches!(self.read, Read::Bytes(_))
    }

    /// A stretch, as something to send.
    pub(super) fn stretch(&self, range: Range<u64>) -> Stretch {
        match &self.read {
            #[cfg(feature = "fs")]
            Read::File(file) => {
                let (file, digest) = (Arc::clone(file), Digest::default());
                let there = Arc::clone(&digest);
                let body = Body::replay(range.end - range.start, move || {
                    Ok(disk::read(&file, range.clone(), Some(&there)))
                });
                Stretch {
                    body,
                    digest: Some(digest),
                    sha1: None,
                }
            }
            _ => self.unhashed(range).into(),
        }
    }

    /// A stretch that has this SHA-1, as something to send.
    pub(super) fn known(&self, range: Range<u64>, sha1: Sha1) -> Stretch {
        let body = self.unhashed(range);
        Stretch::known(
            match &self.read {
                // These can't change.
                Read::Bytes(_) => body,
                _ => held_to(&body, sha1),
            },
            sha1,
        )
    }

    /// A stretch, of which nobody computes the SHA-1.
    pub(super) fn unhashed(&self, range: Range<u64>) -> Body {
        match &self.read {
            Read::Bytes(bytes) => {
                let [start, end] = [range.start, range.end]
                    .map(|at| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len()));
                Body::from(bytes.slice(start..end))
            }
            Read::Ranges(open) => {
                let open = Arc::clone(open);
                Body::replay(range.end - range.start, move || open(range.clone()))
            }
            #[cfg(feature = "fs")]
            Read::File(file) => {
                let file = Arc::clone(file);
                Body::replay(range.end - range.start, move || {
                    Ok(disk::read(&file, range.clone(), None))
                })
            }
        }
    }
}

/// A source that is not what it was.
#[derive(Debug)]
struct Changed(&'static str);

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Changed {}

pub(super) fn changed(how: &'static str) -> io::Error {
    io::Error::other(Changed(how))
}

/// Whether the reason is a source that is not what it was, as far as the backend has kept that.
pub(super) fn is_changed(error: &Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        let inner = error.downcast_ref().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<Changed>()) {
            return true;
        }
        next = error.source();
    }
    false
}

pub(super) fn unreadable(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, what).with_source(error)
}

/// What a reader gives, in chunks.
fn chunks<R: AsyncRead + Send + 'static>(
    reader: Pin<Box<R>>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(reader, async |mut reader| {
        let chunk = chunk(&mut reader, CHUNK).await?;
        Ok((!chunk.is_empty()).then_some((chunk, reader)))
    })
}

/// A stretch of what can be sought in. The place is sought for each chunk, since others read from elsewhere in between.
fn sought(
    reader: Arc<Mutex<Pin<Box<dyn Seekable>>>>,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(range, move |range| {
        let reader = Arc::clone(&reader);
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let left = usize::try_from(range.end - range.start).unwrap_or(CHUNK);
            let mut reader = reader.lock().await;
            reader.seek(SeekFrom::Start(range.start)).await?;
            let chunk = chunk(&mut *reader, left.min(CHUNK)).await?;
            if chunk.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("the source ends {left} bytes early"),
                ));
            }
            let next = range.start + chunk.len() as u64;
            Ok(Some((chunk, next..range.end)))
        }
    })
}

async fn chunk(reader: &mut (impl AsyncRead + Unpin), len: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; len];
    let read = reader.read(&mut chunk).await?;
    chunk.truncate(read);
    Ok(chunk.into())
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
