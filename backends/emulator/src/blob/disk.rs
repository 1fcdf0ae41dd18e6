//! [`DiskStore`]: blobs in files, one each.
//!
//! A file's name is the number of its blob, which the store counts up: what clients call their files never becomes a
//! path. A blob that nobody needs any more is deleted at once, unless the store is shut: then everything stays for the
//! next start. What the next start doesn't find in the journal, it deletes.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use super::space::{Space, Taken};
use super::{Blob, BlobReader, BlobStore, BlobWriter, CHUNK, NoRoom};

/// So many directories share the files.
const DIRECTORIES: u64 = 256;

/// Blobs in the files of a directory.
#[derive(Clone)]
pub(crate) struct DiskStore {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    next: AtomicU64,
    space: Space,
    /// Whether files reach the disk before their uploads are answered.
    syncs: bool,
    /// Whether files stay when their blobs go.
    is_shut: AtomicBool,
}

impl DiskStore {
    /// A store in this directory, which is made if it isn't there. It is shut: what is found in it stays, even if it turns
    /// out that nobody can say what it is.
    pub(crate) fn open(directory: &Path, cap: u64, syncs: bool) -> io::Result<Self> {
        for number in 0..DIRECTORIES {
            fs::create_dir_all(directory.join(format!("{number:02x}")))?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                directory: directory.to_owned(),
                next: AtomicU64::new(1),
                space: Space::new(cap),
                syncs,
                is_shut: AtomicBool::new(true),
            }),
        })
    }

    /// From now on, files go with their blobs.
    pub(crate) fn unshut(&self) {
        self.inner.is_shut.store(false, Ordering::SeqCst);
    }

    /// From now on, files stay when their blobs go.
    pub(crate) fn shut(&self) {
        self.inner.is_shut.store(true, Ordering::SeqCst);
    }

    /// All blobs that are there, by number.
    pub(crate) fn found(&self) -> io::Result<HashMap<u64, Arc<dyn Blob>>> {
        let mut found: HashMap<u64, Arc<dyn Blob>> = HashMap::new();
        for number in 0..DIRECTORIES {
            let directory = self.inner.directory.join(format!("{number:02x}"));
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let name = entry.file_name();
                let number = name.to_str().and_then(|name| {
                    let is_ours = name.len() == 16;
                    u64::from_str_radix(name, 16).ok().filter(|_| is_ours)
                });
                // what somebody else put there is not ours to judge
                let Some(number) = number else { continue };
                let len = entry.metadata()?.len();
                self.inner.next.fetch_max(number + 1, Ordering::SeqCst);
                let taken = self.inner.space.take_anyway(len);
                found.insert(number, Arc::new(self.blob(number, len, taken)));
            }
        }
        Ok(found)
    }

    fn blob(&self, number: u64, len: u64, taken: Taken) -> DiskBlob {
        DiskBlob {
            path: self.inner.path(number),
            store: Arc::clone(&self.inner),
            number,
            len,
            _taken: taken,
        }
    }
}

impl Inner {
    fn path(&self, number: u64) -> PathBuf {
        let directory = self.directory.join(format!("{:02x}", number % DIRECTORIES));
        directory.join(format!("{number:016x}"))
    }
}

impl BlobStore for DiskStore {
    fn writer(&self, len: u64) -> Result<Box<dyn BlobWriter>, NoRoom> {
        let taken = self.inner.space.take(len).ok_or(NoRoom::Cap)?;
        let number = self.inner.next.fetch_add(1, Ordering::SeqCst);
        let blob = self.blob(number, len, taken);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // only its owner reads it
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&blob.path).map_err(NoRoom::Broken)?;
        Ok(Box::new(DiskWriter { file, blob }))
    }

    fn used(&self) -> u64 {
        self.inner.space.used()
    }
}

struct DiskWriter {
    file: File,
    /// Takes the file along if it is dropped.
    blob: DiskBlob,
}

impl BlobWriter for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<Arc<dyn Blob>> {
        if self.blob.store.syncs {
            self.file.sync_all()?;
            if let Some(directory) = self.blob.path.parent() {
                sync_directory(directory)?;
            }
        }
        Ok(Arc::new(self.blob))
    }
}

/// A name in a directory is safe once the directory is.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // elsewhere a directory can't be opened
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

struct DiskBlob {
    store: Arc<Inner>,
    path: PathBuf,
    number: u64,
    len: u64,
    _taken: Taken,
}

impl Blob for DiskBlob {
    fn reader(self: Arc<Self>) -> io::Result<Box<dyn BlobReader>> {
        Ok(Box::new(DiskReader {
            file: File::open(&self.path)?,
            at: 0,
            _blob: self,
        }))
    }

    fn number(&self) -> Option<u64> {
        Some(self.number)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

impl Drop for DiskBlob {
    fn drop(&mut self) {
        if !self.store.is_shut.load(Ordering::SeqCst) {
            // if it can't be deleted, the next start tries again
            fs::remove_file(&self.path).ok();
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
    use super::super::Content;
    use super::*;

    fn stored(store: &DiskStore, bytes: &[u8]) -> Content {
        let mut writer = store.writer(bytes.len() as u64).unwrap();
        writer.write(bytes).unwrap();
        Content::of_blob(writer.finish().unwrap(), bytes.len() as u64)
    }

    fn files(directory: &Path) -> usize {
        let directories = fs::read_dir(directory).unwrap();
        let count =
            |it: io::Result<fs::DirEntry>| fs::read_dir(it.unwrap().path()).unwrap().count();
        directories.map(count).sum()
    }

    #[test]
    fn a_blob_is_read_back_from_its_file_and_the_file_goes_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskStore::open(directory.path(), u64::MAX, true).unwrap();
        store.unshut();
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
    fn what_was_not_finished_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskStore::open(directory.path(), 10, false).unwrap();
        store.unshut();
        let mut writer = store.writer(10).unwrap();
        writer.write(b"half").unwrap();
        assert!(matches!(store.writer(1), Err(NoRoom::Cap)));
        drop(writer);
        assert_eq!((files(directory.path()), store.used()), (0, 0));
    }

    #[test]
    fn a_shut_store_leaves_its_files_to_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let store = DiskStore::open(directory.path(), u64::MAX, false).unwrap();
        store.unshut();
        let content = stored(&store, b"kept");
        let pieces = content.numbered().unwrap();
        store.shut();
        drop(content);
        let store = DiskStore::open(directory.path(), u64::MAX, false).unwrap();
        let found = store.found().unwrap();
        let (number, start, len) = pieces[0];
        let content = Content::of_pieces([(Arc::clone(&found[&number]), start, len)]);
        let read: io::Result<Vec<Bytes>> = content.into_chunks().collect();
        assert_eq!(read.unwrap().concat(), b"kept");
        assert_eq!(store.used(), 4);
        let next = stored(&store, b"next").numbered().unwrap();
        assert!(next[0].0 > number, "a number is used once");
    }
}
