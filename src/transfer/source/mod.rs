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
use crate::api::{CatchPanics, panicked};
use crate::client::Client;
use crate::error::Error;
#[cfg(feature = "fs")]
use crate::transfer::disk;
use crate::transfer::source_error::unreadable;
use crate::types::{Sha1, Timestamp};

/// The source of an upload: where its bytes come from.
///
/// | made by | read | memory |
/// |---|---|---|
/// | [`bytes`](Self::bytes), `From` for `&'static str`, `Vec<u8>`, [`Bytes`] | any range, again on retry | the bytes |
/// | `path`, [`ranges`](Self::ranges), [`seekable`](Self::seekable) | any range, again on retry | 512 KiB chunks |
/// | [`reader`](Self::reader), [`stream`](Self::stream), and sized forms | once, in order | each part until B2 has it |
///
/// The first two kinds are *replayable*: a part is read again for each attempt, and a large file is
/// hashed before it is sent, unless [`hash_first`](super::Upload::hash_first) says otherwise. The
/// last is a *non-replayable stream*: up to [`concurrency`](super::Upload::concurrency) of its
/// parts are buffered in memory.
///
/// If a source panics or can't be read, its upload fails with [`Source`](crate::ErrorKind::Source).
/// A `Source` is `Send` and `Unpin`, but not `Sync`.
///
/// ```
/// # use b2kit::{Client, Credentials, Error, backend::emulator::Emulator};
/// # use b2kit::types::BucketType;
/// use b2kit::transfer::Source;
/// use futures::io::Cursor;
///
/// # futures::executor::block_on(async {
/// # let b2 = Emulator::new();
/// # let client = Client::builder()
/// #     .credentials(Credentials::new(b2.key_id(), b2.key())?)
/// #     .endpoint(b2.url()).backend(b2).build()?;
/// # let bucket = client.create_bucket("holiday-photos", BucketType::AllPrivate).await?;
/// // Bytes in memory need no `Source`: whatever turns into `Bytes` is one.
/// bucket.upload("cat.txt", "meow").await?;
///
/// // A reader of unknown length, read once.
/// let uploaded = bucket.upload("dog.txt", Source::reader(Cursor::new("woof"))).await?;
/// assert_eq!(uploaded.file.content_length, 4);
///
/// // A promised length is enforced: more or fewer bytes are an error.
/// let short = Source::sized_reader(5, Cursor::new("moo"));
/// let error = bucket.upload("cow.txt", short).await.unwrap_err();
/// assert_eq!(error.kind(), b2kit::ErrorKind::Source);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
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
    /// A path below a directory, in which no link is followed.
    #[cfg(feature = "sync")]
    PathBelow(std::path::PathBuf, std::path::PathBuf),
    Stream(Option<u64>, BodyStream),
    /// A source that is already open.
    Opened(RandomAccess),
}

/// An open source.
pub(crate) enum Opened {
    /// Any range can be read, repeatedly.
    RandomAccess(RandomAccess),
    /// Can be read once, sequentially; with its length, if known.
    Sequential(Option<u64>, BodyStream),
}

#[cfg(feature = "fs")]
impl Opened {
    /// The bytes of a file that was read when it was opened.
    pub(crate) fn bytes_in_memory(&self) -> u64 {
        match self {
            Self::RandomAccess(source) if source.is_in_memory() => source.len,
            _ => 0,
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

    /// A source that is already open and replayable.
    pub(crate) const fn from_opened(random_access: RandomAccess) -> Self {
        Self::new(Kind::Opened(random_access))
    }

    /// Bytes in memory. They are not copied.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Kind::Bytes(bytes.into()))
    }

    /// A file on the local disk. Its modification time is stored as `src_last_modified_millis`.
    ///
    /// The file is opened once, when the upload is awaited, so replacing it during the upload has
    /// no effect. A file of at most 256 KiB is read into memory when it is opened. If the file
    /// changes while it is read, the upload fails with [`Source`](crate::ErrorKind::Source) and
    /// stores nothing. A directory, pipe or device is rejected with the same kind.
    #[cfg(feature = "fs")]
    pub fn path(path: impl Into<std::path::PathBuf>) -> Self {
        Self::new(Kind::Path(path.into()))
    }

    /// Like [`path`](Self::path), for a path below `root`. Links below `root` are not followed.
    #[cfg(feature = "sync")]
    pub(crate) fn path_below(
        root: impl Into<std::path::PathBuf>,
        path: impl Into<std::path::PathBuf>,
    ) -> Self {
        Self::new(Kind::PathBelow(root.into(), path.into()))
    }

    /// A source of `len` bytes of which any range can be read.
    ///
    /// `open` is called with a byte range as often as needed, also for several ranges in parallel,
    /// and has to return the same bytes each time. It must not block.
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

    /// A seekable reader, from its start to its end, regardless of its current position. Parts take
    /// turns reading, so it is slower than [`ranges`](Self::ranges).
    pub fn seekable(reader: impl AsyncRead + AsyncSeek + Send + 'static) -> Self {
        Self::new(Kind::Seekable(Box::pin(reader)))
    }

    /// A non-replayable stream of unknown length.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::new(Kind::Stream(None, Box::pin(stream)))
    }

    /// A non-replayable stream of exactly `len` bytes: more or fewer are a
    /// [`Source`](crate::ErrorKind::Source) error.
    pub fn sized_stream(
        len: u64,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self::new(Kind::Stream(Some(len), Box::pin(stream)))
    }

    /// A non-replayable reader of unknown length.
    ///
    /// The reader is a `futures::io::AsyncRead`. Convert a tokio reader with
    /// `TokioAsyncReadCompatExt` of the crate tokio-util (feature `compat`):
    /// `Source::reader(reader.compat())`.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::stream(chunks(Box::pin(reader)))
    }

    /// A non-replayable reader of exactly `len` bytes: more or fewer are a
    /// [`Source`](crate::ErrorKind::Source) error.
    pub fn sized_reader(len: u64, reader: impl AsyncRead + Send + 'static) -> Self {
        Self::sized_stream(len, chunks(Box::pin(reader)))
    }

    /// Sets the SHA-1 of the whole content, if you already know it. A large file is then not hashed
    /// before it is sent.
    ///
    /// B2 rejects a small file if the SHA-1 doesn't match. For a large file, B2 stores it unchecked
    /// as `large_file_sha1`: if it is wrong, the upload succeeds, but downloads that verify it
    /// fail.
    #[must_use]
    pub const fn with_sha1(mut self, sha1: Sha1) -> Self {
        self.sha1 = Some(sha1);
        self
    }

    /// Sets the modification time that is stored as `src_last_modified_millis`.
    #[must_use]
    pub const fn with_modified(mut self, modified: Timestamp) -> Self {
        self.modified = Some(modified);
        self
    }

    /// Whether it is a local file, which is held open during the upload.
    #[cfg(feature = "fs")]
    pub(crate) const fn is_file(&self) -> bool {
        match self.kind {
            Kind::Path(_) => true,
            #[cfg(feature = "sync")]
            Kind::PathBelow(..) => true,
            _ => false,
        }
    }

    pub(crate) async fn open(self, client: &Client) -> Result<Opened, Error> {
        self.open_as(client, false).await
    }

    /// Opens it to be uploaded as one file: a small local file is read into memory. The caller
    /// reserves the memory, so that many files together are bounded.
    #[cfg(feature = "fs")]
    pub(crate) async fn open_whole(self, client: &Client) -> Result<Opened, Error> {
        self.open_as(client, true).await
    }

    #[cfg_attr(
        not(feature = "fs"),
        expect(unused_variables, reason = "only files count against a limit")
    )]
    async fn open_as(self, client: &Client, read_small: bool) -> Result<Opened, Error> {
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
                let len = bytes.len() as u64;
                random_access(len, modified, RangeReader::Bytes(bytes, None))
            }
            Kind::Ranges(len, open) => random_access(len, modified, RangeReader::Ranges(open)),
            Kind::Seekable(mut reader) => {
                let end = AssertUnwindSafe(reader.seek(SeekFrom::End(0)));
                let len = end.catch_unwind().await;
                let len = len
                    .unwrap_or_else(|panic| Err(panicked(&*panic)))
                    .map_err(|error| unreadable("the source can't seek", error))?;
                let reader = Arc::new(Mutex::new(reader));
                let open: OpenRange =
                    Arc::new(move |range| Ok(Box::pin(seekable_range(Arc::clone(&reader), range))));
                random_access(len, modified, RangeReader::Ranges(open))
            }
            #[cfg(feature = "fs")]
            Kind::Path(path) => {
                let open = || disk::open(path.clone(), read_small);
                from_file(client.retry_when_exhausted(open).await?, modified)
            }
            #[cfg(feature = "sync")]
            Kind::PathBelow(root, path) => {
                let open = || disk::open_below(root.clone(), path.clone(), read_small);
                from_file(client.retry_when_exhausted(open).await?, modified)
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

/// The open file, with this modification time or else its own.
#[cfg(feature = "fs")]
fn from_file(file: disk::OpenedFile, modified: Option<Timestamp>) -> Opened {
    Opened::RandomAccess(match file {
        disk::OpenedFile::Read(file) => RandomAccess {
            len: file.bytes.len() as u64,
            modified: modified.or(file.modified()),
            reader: RangeReader::Bytes(file.bytes, Some(file.sha1)),
        },
        disk::OpenedFile::Open(file) => RandomAccess {
            len: file.len(),
            modified: modified.or(file.modified()),
            reader: RangeReader::File(Arc::new(file)),
        },
    })
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Kind::Ranges(len, _) => format!("ranges of {len} bytes"),
            Kind::Seekable(_) => "seekable".to_owned(),
            #[cfg(feature = "fs")]
            Kind::Path(path) => format!("{path:?}"),
            #[cfg(feature = "sync")]
            Kind::PathBelow(root, path) => format!("{:?}", root.join(path)),
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
