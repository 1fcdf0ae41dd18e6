//! Reads a small file on the calling thread, if the kernel has all of it in memory (Linux).
//!
//! Handing a job to another thread and back takes longer than copying a few KiB from the page
//! cache. No system call here waits for a disk or a server: paths are resolved only in the kernel's
//! cache, bytes are read only from the page cache, and only files of local filesystems are opened,
//! since others may ask a server. If anything is missing, or is not as expected, the result is
//! `None`, and a job on another thread does it all, and reports the errors.

use std::fs::{File, Metadata};
use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstatfs, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use super::read::{SmallFile, SourceFile, unsettled_for};

/// The size up to which a file is hashed on the calling thread: about what a hand-over costs.
const MAX: u64 = 16 << 10;

/// `f_type` of ext2 to ext4, XFS, Btrfs and F2FS. tmpfs has no reads that fail instead of waiting.
const LOCAL: [u32; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010];

/// The file at this path.
pub(super) fn read(path: &Path) -> Option<SmallFile> {
    read_at(CWD, path, ResolveFlags::empty())
}

/// The file at this path below `root`. Links in the path are not followed.
#[cfg(feature = "sync")]
pub(super) fn read_below(root: &Path, path: &Path) -> Option<SmallFile> {
    let is_normal = |part| matches!(part, std::path::Component::Normal(_));
    if !path.components().all(is_normal) {
        return None;
    }
    let root = open_at(
        CWD,
        root,
        OFlags::PATH | OFlags::DIRECTORY,
        ResolveFlags::empty(),
    )?;
    read_at(
        root,
        path,
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
}

fn read_at(dir: impl AsFd, path: &Path, resolve: ResolveFlags) -> Option<SmallFile> {
    // This has no effect on a pipe, whose writer would notice otherwise, or on a device.
    let found = open_at(&dir, path, OFlags::PATH, resolve)?;
    let before = found.metadata().ok()?;
    let len = before.len();
    let is_eligible = before.is_file() && len <= MAX && unsettled_for(&before).is_none();
    if !is_eligible || !is_local(&found, &before) {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open_at(&dir, path, flags, resolve)?;
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    let buffers = &mut [IoSliceMut::new(&mut bytes)];
    let read = preadv2(&file, buffers, 0, ReadWriteFlags::NOWAIT).ok()?;
    let after = file.metadata().ok()?;
    // It may have been replaced after it was found.
    let is_same = (before.dev(), before.ino()) == (after.dev(), after.ino());
    let file = SourceFile::new(file, &before);
    (is_same && read as u64 == len && !file.is_changed(&after)).then(|| file.with_content(bytes))
}

fn open_at(dir: impl AsFd, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Option<File> {
    let resolve = resolve | ResolveFlags::CACHED;
    let opened = openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
    opened.ok().map(File::from)
}

/// Whether opening a file never waits for anything but a local disk.
fn is_local(file: &File, metadata: &Metadata) -> bool {
    /// The device of the local filesystem seen last.
    static SEEN: AtomicU64 = AtomicU64::new(u64::MAX);
    if SEEN.load(Ordering::Relaxed) == metadata.dev() {
        return true;
    }
    let is_local = fstatfs(file).is_ok_and(|of| LOCAL.contains(&(of.f_type as u32)));
    if is_local {
        SEEN.store(metadata.dev(), Ordering::Relaxed);
    }
    is_local
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::tempdir;

    use super::*;
    use crate::types::{Sha1, Timestamp};

    /// Writes a file that was modified an hour ago.
    fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - std::time::Duration::from_secs(3_600))
            .unwrap();
    }

    /// Whether this system and this filesystem support it: the kernel since 5.12.
    fn is_supported(dir: &Path) -> bool {
        let dir = open_at(CWD, dir, OFlags::PATH, ResolveFlags::empty());
        dir.is_some_and(|dir| is_local(&dir, &dir.metadata().unwrap()))
    }

    /// Paths are not found in the cache while something else is renamed, so it tries repeatedly.
    fn repeatedly(read: impl Fn() -> Option<SmallFile>) -> Option<SmallFile> {
        (0..1_000).find_map(|_| read())
    }

    #[test]
    fn a_small_file_in_memory_is_read_as_it_is() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        for len in [0, 1, 4_096, 16_384] {
            let content: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0]).collect();
            write(&path, &content);
            let Some(file) = repeatedly(|| read(&path)) else {
                assert!(!is_supported(dir.path()));
                return;
            };
            assert!(file.bytes == content, "{len}");
            assert_eq!(file.sha1, Sha1::of(&content));
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            assert_eq!(file.modified(), Timestamp::from_system_time(modified));
        }
    }

    #[test]
    fn a_link_is_followed_unless_it_is_below_a_root() {
        let dir = tempdir().unwrap();
        let below = |path: &str| dir.path().join("root").join(path);
        fs::create_dir_all(below("d")).unwrap();
        for path in ["f", "d/f", "../f"] {
            write(below(path), "miaow");
        }
        symlink("f", below("link")).unwrap();
        symlink("d", below("linked")).unwrap();
        if !is_supported(dir.path()) {
            return;
        }
        let read = |path: &str| repeatedly(|| read(&below(path)));
        assert_eq!(&read("link").unwrap().bytes[..], b"miaow");
        assert_eq!(&read("linked/f").unwrap().bytes[..], b"miaow");
        #[cfg(feature = "sync")]
        for (path, is_read) in [
            ("f", true),
            ("d/f", true),
            ("link", false),
            ("linked/f", false),
            ("../f", false),
            ("d/../f", false),
        ] {
            let file = repeatedly(|| read_below(&below(""), Path::new(path)));
            assert_eq!(file.is_some(), is_read, "{path}");
        }
    }

    #[test]
    fn what_is_large_or_missing_or_no_regular_file_is_left_to_a_job() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(read(&path).is_none() && read(dir.path()).is_none());
        write(&path, [0; 16_385]);
        assert!(read(&path).is_none());
        fs::write(&path, "modified just now").unwrap();
        let read_at_once = read(&path);
        // Unless this thread was interrupted in the meantime.
        if unsettled_for(&fs::metadata(&path).unwrap()).is_some() {
            assert!(read_at_once.is_none());
        }
        // A device, and files whose content is made by the kernel when it is read.
        assert!(read(Path::new("/dev/null")).is_none());
        assert!(read(Path::new("/proc/self/limits")).is_none());
    }

    #[test]
    fn a_file_that_has_to_be_read_from_the_disk_is_left_to_a_job() {
        // Not in the system's temporary directory, which may be in memory.
        let target = std::env::current_exe().unwrap();
        let dir = tempfile::tempdir_in(target.parent().unwrap()).unwrap();
        let path = dir.path().join("f");
        write(&path, [7; 5_000]);
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        let is_evicted = || {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
            read(&path).is_none()
        };
        // Some filesystems keep everything in memory.
        if !(0..100).any(|_| is_evicted()) {
            return;
        }
        fs::read(&path).unwrap();
        assert_eq!(
            repeatedly(|| read(&path)).is_some(),
            is_supported(dir.path())
        );
    }
}
