//! [`DiskStore`]: each blob is a file.
//!
//! A file is named after the number of its blob, so names of B2 files never become paths. Until a
//! blob is complete, its file name ends in `.part`; so a crash leaves no file that seems to belong
//! to an answered upload. A blob without handles is deleted at once, unless the store retains
//! files: then the next start decides from the journal what is deleted.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;

use super::capacity::{Capacity, Reservation};
use super::store::{BlobStore, BlobWriter, StoreError};
use crate::content::{Blob, BlobReader, CHUNK};
use crate::storage::threads;

/// Number of directories that the files are spread over.
const DIRECTORIES: u64 = 256;

/// Suffix of incomplete blobs.
const PART: &str = ".part";

/// Blobs in the files of a directory.
#[derive(Clone)]
pub(crate) struct DiskStore {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    next: AtomicU64,
    capacity: Capacity,
    /// Whether files are synced before their uploads are answered.
    syncs: bool,
    /// Whether files stay when their blobs are dropped.
    retains_files: AtomicBool,
}

impl DiskStore {
    /// Opens a store, creating the directory if it is missing. It retains files until
    /// [`delete_unused_files`](Self::delete_unused_files), so that nothing is lost if the journal
    /// turns out to be damaged.
    pub(crate) fn open(directory: &Path, cap: u64, syncs: bool) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self {
            inner: Arc::new(Inner {
                directory: directory.to_owned(),
                next: AtomicU64::new(1),
                capacity: Capacity::new(cap),
                syncs,
                retains_files: AtomicBool::new(true),
            }),
        })
    }

    /// From now on, files are deleted with their blobs.
    pub(crate) fn delete_unused_files(&self) {
        self.inner.retains_files.store(false, Ordering::SeqCst);
    }

    /// From now on, files stay when their blobs are dropped.
    pub(crate) fn retain_files(&self) {
        self.inner.retains_files.store(true, Ordering::SeqCst);
    }

    /// All blobs on disk.
    pub(crate) fn found(&self) -> io::Result<FoundBlobs> {
        let mut files = self.inner.files()?;
        files.sort_unstable();
        // of a number, a complete one comes first
        let mut stray_parts = Vec::new();
        files.dedup_by(|(number, _, len), (before, ..)| {
            let is_stray = number == before;
            if is_stray {
                stray_parts.push((*number, *len));
            }
            is_stray
        });
        let unfinished = files.iter().filter(|(_, is_part, _)| *is_part);
        let unfinished = unfinished.map(|(number, ..)| *number).collect();
        let blobs = files.into_iter().map(|(number, _, len)| {
            self.skip(number);
            let reservation = self.inner.capacity.reserve_unchecked(len);
            (number, Arc::new(self.blob(number, reservation)) as _)
        });
        Ok(FoundBlobs {
            blobs: blobs.collect(),
            unfinished,
            stray_parts,
        })
    }

    /// Makes sure that no new blob gets this number.
    pub(crate) fn skip(&self, number: u64) {
        let next = number.saturating_add(1);
        self.inner.next.fetch_max(next, Ordering::SeqCst);
    }

    /// Whether a blob with this number is complete.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.inner.path(number).exists()
    }

    /// Completes a blob whose file still has the suffix of an incomplete one.
    pub(crate) fn complete(&self, number: u64) -> io::Result<()> {
        let path = self.inner.path(number);
        fs::rename(part_path(&path), path)
    }

    /// Deletes the file of an incomplete blob.
    pub(crate) fn discard(&self, number: u64) {
        // if it can't be deleted, the next start tries again
        fs::remove_file(part_path(&self.inner.path(number))).ok();
    }

    /// Moves the file of a blob to another directory, out of the store's reach.
    pub(crate) fn set_aside(&self, number: u64, is_whole: bool, to: &Path) -> io::Result<()> {
        let path = self.inner.path(number);
        let from = if is_whole { path } else { part_path(&path) };
        let name = from.file_name().unwrap_or_default().to_owned();
        let mut target = to.join(&name);
        // never overwrites what was moved there before
        for attempt in 1_u32.. {
            if !target.try_exists()? {
                break;
            }
            let mut other = name.clone();
            other.push(format!(".{attempt}"));
            target = to.join(other);
        }
        fs::rename(from, target)
    }

    fn blob(&self, number: u64, reservation: Reservation) -> DiskBlob {
        DiskBlob {
            store: Arc::clone(&self.inner),
            number,
            reservation,
            is_part: false,
        }
    }
}

/// The blobs that a store finds on disk.
#[derive(Default)]
pub(crate) struct FoundBlobs {
    /// By number, in the order in which a journal refers to them: with a map, a start would mostly
    /// wait for memory.
    blobs: Vec<(u64, Arc<dyn Blob>)>,
    /// Those that are incomplete.
    pub(crate) unfinished: BTreeSet<u64>,
    /// Number and length of incomplete files beside a complete one of the same number.
    pub(crate) stray_parts: Vec<(u64, u64)>,
}

impl FoundBlobs {
    pub(crate) fn len(&self) -> usize {
        self.blobs.len()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Arc<dyn Blob>> {
        let at = self
            .blobs
            .binary_search_by_key(&number, |(number, _)| *number);
        at.ok().map(|at| &self.blobs[at].1)
    }

    /// In ascending order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.blobs.iter().map(|(number, _)| *number)
    }

    /// The numbers of blobs that something else refers to.
    pub(crate) fn in_use(&self) -> BTreeSet<u64> {
        let used = self
            .blobs
            .iter()
            .filter(|(_, blob)| Arc::strong_count(blob) > 1);
        used.map(|(number, _)| *number).collect()
    }
}

/// The number in a blob's file name, and whether the blob is complete.
pub(crate) fn number_of(name: &str) -> Option<(u64, bool)> {
    let (digits, is_whole) = match name.strip_suffix(PART) {
        Some(digits) => (digits, false),
        None => (name, true),
    };
    let is_ours = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| is_ours);
    number.map(|number| (number, is_whole))
}

fn directory_name(number: u64) -> String {
    format!("{number:02x}")
}

fn files_in(directories: &[PathBuf]) -> io::Result<Vec<FoundFile>> {
    let mut files = Vec::new();
    for directory in directories {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            // foreign files have other names
            if let Some((number, is_whole)) = name.to_str().and_then(number_of) {
                files.push((number, !is_whole, entry.metadata()?.len()));
            }
        }
    }
    Ok(files)
}

fn part_path(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(PART);
    path.into()
}

/// The number of a blob's file, whether it is incomplete, and its length.
type FoundFile = (u64, bool, u64);

impl Inner {
    /// All files. Most of the time is spent in the system, so directories are read concurrently.
    fn files(&self) -> io::Result<Vec<FoundFile>> {
        let mut directories = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| u8::from_str_radix(name, 16).ok());
            if number.is_some_and(|number| name == *directory_name(number.into())) {
                directories.push(entry.path());
            }
        }
        let share = directories.len().div_ceil(threads()).max(1);
        thread::scope(|scope| {
            let scan = |share| thread::Builder::new().spawn_scoped(scope, move || files_in(share));
            let threads = directories.chunks(share).map(scan);
            let threads: Vec<_> = threads.collect::<io::Result<_>>()?;
            let mut files = Vec::new();
            for thread in threads {
                files.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok(files)
        })
    }

    /// Creates the file of an incomplete blob.
    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // readable by its owner only
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match (options.open(path), path.parent()) {
            (Err(error), Some(directory)) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(directory)?;
                if self.syncs {
                    sync_directory(&self.directory)?;
                }
                options.open(path)
            }
            (opened, _) => opened,
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        let directory = self.directory.join(directory_name(number % DIRECTORIES));
        directory.join(format!("{number:016x}"))
    }
}

impl BlobStore for DiskStore {
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, StoreError> {
        let reservation = self
            .inner
            .capacity
            .reserve(len)
            .ok_or(StoreError::CapExceeded)?;
        let number = self.inner.next.fetch_add(1, Ordering::SeqCst);
        let mut blob = self.blob(number, reservation);
        blob.is_part = true;
        let file = self.inner.create(&blob.path()).map_err(StoreError::Io)?;
        Ok(Box::new(DiskWriter { file, blob }))
    }

    fn used(&self) -> u64 {
        self.inner.capacity.used()
    }
}

struct DiskWriter {
    file: File,
    /// Deletes the file if it is dropped.
    blob: DiskBlob,
}

impl BlobWriter for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn finish(mut self: Box<Self>) -> io::Result<Arc<dyn Blob>> {
        let syncs = self.blob.store.syncs;
        if syncs {
            self.file.sync_all()?;
        }
        let from = self.blob.path();
        let to = self.blob.store.path(self.blob.number);
        fs::rename(from, &to)?;
        self.blob.is_part = false;
        if syncs && let Some(directory) = to.parent() {
            sync_directory(directory)?;
        }
        Ok(Arc::new(self.blob))
    }
}

/// Makes a new or renamed file in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // other systems can't open a directory
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

struct DiskBlob {
    store: Arc<Inner>,
    number: u64,
    reservation: Reservation,
    /// Whether it is incomplete.
    is_part: bool,
}

impl DiskBlob {
    fn path(&self) -> PathBuf {
        let path = self.store.path(self.number);
        if self.is_part { part_path(&path) } else { path }
    }
}

impl Blob for DiskBlob {
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>> {
        Ok(Box::new(DiskReader {
            file: File::open(self.path())?,
            at: 0,
            _blob: self,
        }))
    }

    fn number(&self) -> Option<u64> {
        Some(self.number)
    }

    fn len(&self) -> u64 {
        self.reservation.len()
    }
}

impl Drop for DiskBlob {
    fn drop(&mut self) {
        if !self.store.retains_files.load(Ordering::SeqCst) {
            // if it can't be deleted, the next start tries again
            fs::remove_file(self.path()).ok();
        }
    }
}

struct DiskReader {
    file: File,
    at: u64,
    _blob: Arc<DiskBlob>,
}

impl BlobReader for DiskReader {
    fn read(&mut self, offset: u64, max: usize) -> io::Result<Bytes> {
        if self.at != offset {
            self.at = self.file.seek(SeekFrom::Start(offset))?;
        }
        let mut chunk = Vec::with_capacity(max.min(CHUNK));
        let read = (&self.file).take(max as u64).read_to_end(&mut chunk)?;
        self.at += read as u64;
        Ok(chunk.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    fn stored(store: &DiskStore, bytes: &[u8]) -> Content {
        let mut writer = store.writer(bytes.len() as u64).unwrap();
        writer.write(bytes).unwrap();
        Content::of_blob(writer.finish().unwrap())
    }

    fn files(directory: &Path) -> usize {
        let directories = fs::read_dir(directory).unwrap();
        let count =
            |it: io::Result<fs::DirEntry>| fs::read_dir(it.unwrap().path()).unwrap().count();
        directories.map(count).sum()
    }

    #[test]
    fn a_blob_is_read_from_its_file_which_is_deleted_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskStore::open(directory.path(), u64::MAX, true).unwrap();
        store.delete_unused_files();
        let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        let content = stored(&store, &bytes);
        assert_eq!(files(directory.path()), 1);
        let slice = content.slice(131_000..270_000);
        let read: io::Result<Vec<Bytes>> = slice.into_chunks().collect();
        assert_eq!(read.unwrap().concat(), bytes[131_000..270_000]);
        drop(content);
        assert_eq!(files(directory.path()), 0);
        assert_eq!(store.used(), 0);
    }

    #[test]
    fn an_unfinished_blob_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskStore::open(directory.path(), 10, false).unwrap();
        store.delete_unused_files();
        let mut writer = store.writer(10).unwrap();
        writer.write(b"half").unwrap();
        assert!(matches!(store.writer(1), Err(StoreError::CapExceeded)));
        drop(writer);
        assert_eq!((files(directory.path()), store.used()), (0, 0));
    }

    #[test]
    fn an_unfinished_blob_is_found_as_such_and_completed_or_set_aside() {
        let (directory, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = DiskStore::open(directory.path(), u64::MAX, false).unwrap();
        for _ in 0..2 {
            let mut writer = store.writer(4).unwrap();
            writer.write(b"half").unwrap();
        }
        let store = DiskStore::open(directory.path(), u64::MAX, false).unwrap();
        let found = store.found().unwrap();
        assert_eq!(found.unfinished, [1, 2].into());
        assert!(Arc::clone(found.get(1).unwrap()).reader().is_err());
        store.complete(1).unwrap();
        assert!(Arc::clone(found.get(1).unwrap()).reader().is_ok());
        fs::write(aside.path().join("0000000000000002.part"), "before").unwrap();
        store.set_aside(2, false, aside.path()).unwrap();
        let kept = fs::read(aside.path().join("0000000000000002.part.1")).unwrap();
        assert_eq!(kept, b"half");
        assert_eq!(files(directory.path()), 1);
    }

    #[test]
    fn a_store_that_retains_files_leaves_them_to_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskStore::open(directory.path(), u64::MAX, false).unwrap();
        store.delete_unused_files();
        let content = stored(&store, b"kept");
        let extents = content.numbered().unwrap();
        store.retain_files();
        drop(content);
        let store = DiskStore::open(directory.path(), u64::MAX, false).unwrap();
        let found = store.found().unwrap();
        let (number, start, len) = extents[0];
        assert!(found.unfinished.is_empty());
        let content = Content::of_extents([(Arc::clone(found.get(number).unwrap()), start, len)]);
        let read: io::Result<Vec<Bytes>> = content.into_chunks().collect();
        assert_eq!(read.unwrap().concat(), b"kept");
        assert_eq!(store.used(), 4);
        let next = stored(&store, b"next").numbered().unwrap();
        assert!(next[0].0 > number, "a number is used once");
    }
}
