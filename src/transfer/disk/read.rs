//! Reads byte ranges of a file, one chunk ahead of the reader.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::future::Future as _;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use std::{io, mem};

use b2kit_core::Bytes;
use blocking::{Task, unblock};
use bytes::BytesMut;
use futures_core::Stream;

use super::positioned_io::read_at;
use crate::api::Digest;
use crate::error::{Error, ErrorKind};
use crate::transfer::source_error::{changed, unreadable};
use crate::types::{Sha1, Sha1Hasher, Timestamp};

/// The size of a read. Each is a job, and with smaller ones the hand-over between threads shows.
const CHUNK: usize = 512 << 10;

/// The size up to which a file can be read by the job that opens it.
pub(crate) const SMALL_FILE: usize = 256 << 10;

/// A file open for reading, with its length and modification time when it was opened.
pub(crate) struct SourceFile {
    file: File,
    len: u64,
    modified: Option<SystemTime>,
}

/// A file opened for an upload.
pub(crate) enum OpenedFile {
    Open(SourceFile),
    /// A small file, which was read and closed.
    Read(SmallFile),
}

/// The content of a small file, read when it was opened.
pub(crate) struct SmallFile {
    pub(crate) bytes: Bytes,
    pub(crate) sha1: Sha1,
    modified: Option<SystemTime>,
}

impl SmallFile {
    pub(crate) fn modified(&self) -> Option<Timestamp> {
        Timestamp::from_system_time(self.modified?)
    }
}

impl OpenedFile {
    pub(super) fn new(file: SourceFile, read_small: bool, path: &Path) -> Result<Self, Error> {
        match usize::try_from(file.len) {
            Ok(len) if read_small && len <= SMALL_FILE => file
                .read_whole(len)
                .map(Self::Read)
                .map_err(|error| cannot_read(path, error)),
            _ => Ok(Self::Open(file)),
        }
    }
}

impl SourceFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |error| cannot_read(path, error);
        // Opening alone wakes the writer of a pipe, who then fails, and rewinds a tape.
        check_type(path, &std::fs::metadata(path).map_err(failed)?)?;
        let file = open_nonblocking(path).map_err(failed)?;
        let now = settled(&file).map_err(failed)?;
        // It may have been replaced in between.
        check_type(path, &now)?;
        Ok(Self::new(file, &now))
    }

    /// Opens a file below `root`. Links in the path are rejected.
    #[cfg(feature = "sync")]
    pub(super) fn open_below(root: &Path, path: &Path) -> Result<Self, Error> {
        let file = super::below::PathBelow::find(root, path).and_then(|there| {
            let file = there.ok_or(io::ErrorKind::NotFound)?.open()?;
            let now = settled(&file)?;
            Ok(Self::new(file, &now))
        });
        file.map_err(|error| cannot_read(&root.join(path), error))
    }

    /// Reads and hashes the whole file. Fails if the file has changed.
    fn read_whole(self, len: usize) -> io::Result<SmallFile> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes, 0, true)?;
        Ok(self.with_content(bytes))
    }

    /// The small file with this content.
    pub(super) fn with_content(self, bytes: Vec<u8>) -> SmallFile {
        SmallFile {
            sha1: Sha1::of(&bytes),
            bytes: bytes.into(),
            modified: self.modified,
        }
    }

    pub(super) fn new(file: File, now: &Metadata) -> Self {
        Self {
            file,
            len: now.len(),
            modified: now.modified().ok(),
        }
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn modified(&self) -> Option<Timestamp> {
        Timestamp::from_system_time(self.modified?)
    }

    /// Fills the chunk, starting at this offset. Fails if the file has changed.
    fn fill(&self, chunk: &mut [u8], from: u64, last: bool) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = chunk.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match read_at(&self.file, rest, from + filled as u64) {
                Ok(0) => return Err(changed(CHANGED)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if last && self.is_changed(&self.file.metadata()?) {
            return Err(changed(CHANGED));
        }
        Ok(())
    }

    pub(super) fn is_changed(&self, now: &Metadata) -> bool {
        now.len() != self.len || now.modified().ok() != self.modified
    }
}

/// A file that is modified again within this time may keep its modification time: B2 stores milliseconds, and systems
/// count in steps of up to 10.
const STEP: Duration = Duration::from_millis(20);

/// How often a file that is modified all the time is waited for.
const WAITS: u32 = 3;

/// The metadata of a file, once its modification time is in the past, so that each change after this has a later one.
/// Otherwise a file that changes right after it was read would seem to be the one that was uploaded, forever.
#[expect(
    clippy::disallowed_methods,
    reason = "file systems have the time of this computer"
)]
fn settled(file: &File) -> io::Result<Metadata> {
    let mut now = file.metadata()?;
    for _ in 0..WAITS {
        let Some(rest) = unsettled_for(&now) else {
            break;
        };
        std::thread::sleep(rest);
        now = file.metadata()?;
    }
    Ok(now)
}

/// How long it takes until a modification time is in the past.
#[expect(
    clippy::disallowed_methods,
    reason = "file systems have the time of this computer"
)]
pub(super) fn unsettled_for(now: &Metadata) -> Option<Duration> {
    // It is in the future if the clock was set back, or if the file is on a server with another one.
    let age = SystemTime::now()
        .duration_since(now.modified().ok()?)
        .ok()?;
    STEP.checked_sub(age)
}

const CHANGED: &str = "the file was changed while it was read";

fn cannot_read(path: &Path, error: io::Error) -> Error {
    unreadable(&format!("{path:?} can't be read"), error)
}

/// Rejects directories, pipes and devices, which have no length.
fn check_type(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let refused = |what: &str| Error::new(ErrorKind::Source, format!("{path:?} {what}"));
    if metadata.is_dir() {
        return Err(refused("is a directory"));
    }
    if !metadata.is_file() {
        return Err(refused(
            "is not a regular file; read it as a stream, which needs no length",
        ));
    }
    Ok(())
}

/// Opens a file without blocking on a pipe, and without making a terminal the controlling terminal.
pub(crate) fn open_nonblocking(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// Streams the bytes of a range. If `digest` is given, they are hashed on the thread that reads
/// them, not on the one that sends them. Before the last chunk is returned, the file is checked for
/// changes and the digest is set.
pub(crate) fn read(
    file: &Arc<SourceFile>,
    range: Range<u64>,
    digest: Option<&Digest>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    if let Some(digest) = digest {
        let empty = range.is_empty().then(|| Sha1::of(b""));
        *digest.lock().unwrap_or_else(PoisonError::into_inner) = empty;
    }
    Chunks {
        digest: digest.cloned(),
        hasher: Sha1Hasher::default(),
        file: Arc::clone(file),
        range,
        job: None,
        in_flight: VecDeque::new(),
    }
}

/// The maximum number of chunks in flight before their memory is reused.
const MAX_IN_FLIGHT: usize = 3;

struct Chunks {
    file: Arc<SourceFile>,
    digest: Option<Digest>,
    /// The hash so far. Moved into the job while a chunk is read.
    hasher: Sha1Hasher,
    /// The bytes still to be read.
    range: Range<u64>,
    job: Option<Task<io::Result<(BytesMut, Sha1Hasher)>>>,
    /// Chunks in flight. Their memory is reused once the network stack has released them.
    in_flight: VecDeque<Bytes>,
}

impl Chunks {
    /// Starts reading the next chunk.
    fn begin(&mut self) {
        let left = self.range.end - self.range.start;
        if left == 0 {
            return;
        }
        let len = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let (from, last) = (self.range.start, len as u64 == left);
        self.range.start += len as u64;
        let mut chunk = self.memory();
        let (file, digest) = (Arc::clone(&self.file), self.digest.clone());
        let mut hasher = mem::take(&mut self.hasher);
        self.job = Some(unblock(move || {
            chunk.resize(len, 0);
            file.fill(&mut chunk, from, last)?;
            if let Some(digest) = digest {
                hasher.update(&chunk);
                if last {
                    let sha1 = mem::take(&mut hasher).finish();
                    *digest.lock().unwrap_or_else(PoisonError::into_inner) = Some(sha1);
                }
            }
            Ok((chunk, hasher))
        }));
    }

    fn memory(&mut self) -> BytesMut {
        if self.in_flight.len() < MAX_IN_FLIGHT {
            return BytesMut::new();
        }
        let oldest = self.in_flight.pop_front().unwrap_or_default();
        oldest.try_into_mut().unwrap_or_default()
    }
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.job.is_none() {
            self.begin();
        }
        let Some(job) = &mut self.job else {
            return Poll::Ready(None);
        };
        let chunk = ready!(Pin::new(job).poll(cx));
        self.job = None;
        Poll::Ready(Some(chunk.map(|(chunk, hasher)| {
            self.hasher = hasher;
            let chunk = chunk.freeze();
            self.in_flight.push_back(chunk.clone());
            // Read one chunk ahead, so that disk and network work in parallel.
            self.begin();
            chunk
        })))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use futures_util::StreamExt as _;
    use tempfile::tempdir;

    use super::super::open::open;
    use super::*;

    #[test]
    fn a_small_file_is_read_when_it_is_opened_and_others_in_chunks() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        for (len, read_small, is_read) in [
            (0, true, true),
            (262_144, true, true),
            (262_145, true, false),
            (1_300_000, true, false),
            (262_144, false, false),
        ] {
            let content: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[1]).collect();
            fs::write(&path, &content).unwrap();
            let opened = futures::executor::block_on(open(path.clone(), read_small)).unwrap();
            match opened {
                OpenedFile::Read(file) => {
                    assert!(is_read, "{len}");
                    assert_eq!(file.sha1, Sha1::of(&content));
                    assert!(file.bytes == content);
                }
                OpenedFile::Open(file) => {
                    assert!(!is_read, "{len}");
                    let len = file.len();
                    let chunks = read(&Arc::new(file), 0..len, None);
                    let chunks = futures::executor::block_on(chunks.collect::<Vec<_>>());
                    let chunks: io::Result<Vec<Bytes>> = chunks.into_iter().collect();
                    assert!(chunks.unwrap().concat() == content);
                }
            }
        }
    }

    #[test]
    fn a_small_file_that_grows_or_shrinks_after_it_was_opened_is_refused() {
        type Change = fn(&Path);
        let changes: [Change; 3] = [
            |path| {
                let mut file = File::options().append(true).open(path).unwrap();
                file.write_all(b"more").unwrap();
            },
            |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(999).unwrap();
            },
            |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(0).unwrap();
            },
        ];
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        for change in changes {
            fs::write(&path, [7; 1_000]).unwrap();
            let file = SourceFile::open(&path).unwrap();
            let len = usize::try_from(file.len()).unwrap();
            change(&path);
            let Err(error) = file.read_whole(len) else {
                panic!("{len} bytes were read of a file that has changed");
            };
            assert!(error.to_string().contains("changed"), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_after_it_was_opened_gets_another_modification_time() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        for _ in 0..10 {
            fs::write(&path, "old").unwrap();
            let file = SourceFile::open(&path).unwrap();
            fs::write(&path, "new").unwrap();
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            assert_ne!(file.modified(), Timestamp::from_system_time(modified));
        }
    }

    // Elsewhere, an open file can't be replaced.
    #[cfg(unix)]
    #[test]
    fn a_small_file_that_is_replaced_after_it_was_opened_is_read_as_it_was() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "old").unwrap();
        let file = SourceFile::open(&path).unwrap();
        fs::write(dir.path().join("g"), "new!").unwrap();
        fs::rename(dir.path().join("g"), &path).unwrap();
        assert_eq!(&file.read_whole(3).unwrap().bytes[..], b"old");
    }
}
