//! [`Temp`]: a file that is written beside its target, and takes the target's place when it is whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use b2kit_core::Bytes;
use blocking::Task;

use super::partial::{LIMIT, Partial};
use super::read::read_at;
use crate::types::{Sha1, Sha1Hasher};

/// Does something that may block, on a thread that may.
///
/// It begins at once. Dropping the task takes it back unless it has begun.
pub(in crate::transfer) fn on_pool<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Task<T> {
    blocking::unblock(job)
}

/// A file beside its target. Unless it is put in the target's place it is removed on drop, or kept where it may be gone
/// on with.
///
/// All of this blocks, but for the drop, which takes as long as the removal of a file.
#[derive(Debug)]
pub(in crate::transfer) struct Temp {
    file: Arc<File>,
    path: PathBuf,
    target: PathBuf,
    /// Where its state is written, if it may be gone on with.
    state: Option<State>,
    /// It is in the target's place, or given up.
    is_settled: AtomicBool,
    work: Arc<Work>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// What is there now, where a SHA-1 will check it.
    now: Option<Partial>,
    /// Whether a state is on the disk.
    on_disk: bool,
}

impl Temp {
    /// A file of its own, with a name that nobody knows.
    pub(in crate::transfer) fn create(target: &Path) -> io::Result<Self> {
        check_target(target)?;
        loop {
            let tag = format!("{:016x}", fastrand::u64(..));
            let path = beside(target, &tag)?;
            match private().create_new(true).open(&path) {
                Ok(file) => return Ok(Self::new(file, path, target, None)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The file that an earlier download to this target has left, or one that a later download finds. `None` if it is
    /// somebody else's, or being written to.
    pub(in crate::transfer) fn resume(
        target: &Path,
    ) -> io::Result<Option<(Self, Option<Partial>)>> {
        check_target(target)?;
        let path = fixed(target)?;
        let Some(file) = claim(&path)? else {
            return Ok(None);
        };
        let state = state_of(&path);
        let partial = read_state(&state).and_then(|state| {
            let length = file.metadata().ok()?.len();
            Partial::read(&state, length)
        });
        let kept = Kept {
            now: None,
            on_disk: partial.is_some(),
        };
        let state = State {
            path: state,
            kept: Mutex::new(kept),
        };
        let temp = Self::new(file, path, target, Some(state));
        if partial.is_none() {
            temp.reset()?;
        }
        Ok(Some((temp, partial)))
    }

    fn new(file: File, path: PathBuf, target: &Path, state: Option<State>) -> Self {
        Self {
            file: Arc::new(file),
            path,
            target: target.to_owned(),
            state,
            is_settled: AtomicBool::new(false),
            work: Arc::default(),
        }
    }

    /// Does something to the file, on the pool.
    pub(in crate::transfer) fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&File) -> T + Send + 'static,
    ) -> Task<T> {
        let (file, busy) = (Arc::clone(&self.file), Busy::begin(&self.work));
        on_pool(move || {
            let _busy = busy;
            job(&file)
        })
    }

    /// Whether it may be gone on with later.
    pub(in crate::transfer) const fn is_resumable(&self) -> bool {
        self.state.is_some()
    }

    /// Forgets all that is there.
    pub(in crate::transfer) fn reset(&self) -> io::Result<()> {
        if let Some(state) = &self.state {
            let mut kept = state.lock();
            *kept = Kept::default();
            remove(&state.path)?;
        }
        self.file.set_len(0)
    }

    /// What is there now: written down when it is given up, since a SHA-1 will check it.
    pub(in crate::transfer) fn note(&self, partial: Partial) {
        if let Some(state) = &self.state {
            state.lock().now = Some(partial);
        }
    }

    /// Writes down what is there, on the pool. Without a SHA-1 to check it by later, the bytes are on the disk before that
    /// is said.
    pub(in crate::transfer) fn save(
        self: &Arc<Self>,
        partial: Partial,
        sync: bool,
    ) -> Task<io::Result<()>> {
        let temp = Arc::clone(self);
        self.job(move |file| {
            let Some(state) = &temp.state else {
                return Ok(());
            };
            if sync {
                file.sync_data()?;
            }
            // Nobody saves while another does.
            let mut kept = state.lock();
            state.write(&partial)?;
            kept.on_disk = true;
            Ok(())
        })
    }

    /// Puts its `len` bytes in the target's place, for good.
    pub(in crate::transfer) fn put_in_place(
        &self,
        len: u64,
        modified: Option<SystemTime>,
    ) -> io::Result<()> {
        if self.file.metadata()?.len() < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Somebody may have added to what an earlier download has left.
        self.file.set_len(len)?;
        if let Some(modified) = modified {
            // A time that this file system can't hold is not worth the file.
            let _ = self.file.set_modified(modified);
        }
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.is_settled.store(true, Ordering::Relaxed);
        // What can't be removed does no harm: the file is there.
        let _ = match &self.state {
            Some(state) => remove(&state.path),
            None => remove_left_over(&self.target),
        };
        sync_directory(directory(&self.target))
    }

    /// Removes it or keeps it for later, once nobody works on it any more.
    pub(in crate::transfer) fn give_up(&self) {
        self.work.wait();
        self.settle();
    }

    fn settle(&self) {
        if self.is_settled.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(state) = &self.state {
            let kept = state.lock();
            let now = kept.now.as_ref().filter(|now| now.done.bytes() > 0);
            let saved = now.is_some_and(|now| state.write(now).is_ok());
            if saved || kept.on_disk {
                return;
            }
        }
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        self.settle();
    }
}

/// How many threads work on a file.
#[derive(Debug, Default)]
struct Work {
    threads: Mutex<usize>,
    done: Condvar,
}

/// A thread that does, or will.
struct Busy(Arc<Work>);

impl Work {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) {
        let idle = self.done.wait_while(self.lock(), |threads| *threads > 0);
        drop(idle);
    }
}

impl Busy {
    fn begin(work: &Arc<Work>) -> Self {
        *work.lock() += 1;
        Self(Arc::clone(work))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.done.notify_all();
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it or nothing.
    fn write(&self, partial: &Partial) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        remove(&new)?;
        let mut file = private().create_new(true).open(&new)?;
        file.write_all(&partial.write())?;
        drop(file);
        fs::rename(&new, &self.path)
    }
}

/// Writes these bytes at this place.
pub(in crate::transfer) fn write_at(file: &File, chunks: &[Bytes], mut at: u64) -> io::Result<()> {
    for chunk in chunks {
        write_all_at(file, chunk, at)?;
        at += chunk.len() as u64;
    }
    Ok(())
}

/// Takes `len` bytes from this place on into the hash.
pub(in crate::transfer) fn hash_at(
    file: &File,
    mut at: u64,
    len: u64,
    hasher: &mut Sha1Hasher,
) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from(len).map_or(READ, |len| len.min(READ))];
    let mut left = len;
    while left > 0 {
        let most = usize::try_from(left).map_or(READ, |left| left.min(READ));
        let read = match read_at(file, &mut buffer[..most], at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        at += read as u64;
        left -= read as u64;
    }
    Ok(())
}

const READ: usize = 256 << 10;

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !bytes.is_empty() {
        match file.seek_write(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// For nobody else to read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// A name beside the target, of the target's name (as far as there is room) and a tag.
fn beside(target: &Path, tag: &str) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or_else(no_file)?.to_string_lossy();
    // 255 bytes is what most file systems allow, and the state's name is longer.
    let mut end = name.len().min(180);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut hidden = OsString::from(".");
    hidden.push(&name[..end]);
    hidden.push(format!(".{tag}.b2part"));
    Ok(directory(target).join(hidden))
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")
}

/// A file may be replaced, and a link to one; a directory, a pipe or a device may not.
fn check_target(target: &Path) -> io::Result<()> {
    target.file_name().ok_or_else(no_file)?;
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_file() || found.is_symlink() => Ok(()),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "what is there is no regular file",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name that a later download to the same target finds.
fn fixed(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or_else(no_file)?;
    beside(target, &Sha1::of(name.as_encoded_bytes()).to_string()[..16])
}

fn state_of(path: &Path) -> PathBuf {
    let mut state = path.to_owned().into_os_string();
    state.push(".json");
    state.into()
}

/// What an earlier download has left is of no use any more, unless somebody works on it.
fn remove_left_over(target: &Path) -> io::Result<()> {
    let path = fixed(target)?;
    if fs::symlink_metadata(&path).is_ok()
        && let Some(_claimed) = claim(&path)?
    {
        remove(&state_of(&path))?;
        remove(&path)?;
    }
    Ok(())
}

/// Opens a file that may be gone on with, and locks it. `None` if somebody else has it, or may have.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let (file, is_new) = match private().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A pipe or a device is not even opened.
            if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
                return Ok(None);
            }
            match private().open(path) {
                Ok(file) => (file, false),
                Err(_) => return Ok(None),
            }
        }
        file => (file?, true),
    };
    match file.try_lock() {
        Ok(()) => Ok(is_still_ours(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // A file system without locks keeps nothing for later.
        Err(TryLockError::Error(_)) => {
            if is_new {
                remove(path)?;
            }
            Ok(None)
        }
    }
}

/// Whether the path still leads to this file, now that it is locked, and nobody else may read or write it.
#[cfg(unix)]
fn is_still_ours(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino()) && ours.mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_still_ours(_: &File, path: &Path) -> bool {
    path.is_file()
}

fn read_state(path: &Path) -> Option<Vec<u8>> {
    let mut state = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LIMIT).read_to_end(&mut state).ok()?;
    Some(state)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The new name is on the disk, too.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        // Some network file systems can't, and a directory may be closed to readers.
        Err(error) if matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
